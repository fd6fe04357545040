"""The page of `hwgen report`, as a browser sees it."""

import dataclasses
import html
import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from samples import random_params
from typer.testing import CliRunner

from hwgen.boards import board
from hwgen.cli import app
from hwgen.conformance.make_vectors import make_vectors
from hwgen.data import datasets
from hwgen.data.encoding import latency
from hwgen.errors import DataError
from hwgen.golden import Golden
from hwgen.model.folder import ModelFolder
from hwgen.model.vectors import save as save_vectors
from hwgen.network import params_file
from hwgen.network.spec import InputSpec
from hwgen.report.page import write

SPEC = InputSpec(height=8, width=8, x_max=16)
# Runs in the page: pictures that cannot be shown, and a word that it has run at all.
PROBE = """<script>
addEventListener("load", () => {
  const all = [...document.images].filter(i => !i.naturalWidth).length;
  document.documentElement.dataset.broken = all + (window.svgBroken || 0);
});
for (const image of document.querySelectorAll("image"))
  image.addEventListener("error", () => { window.svgBroken = (window.svgBroken || 0) + 1; });
</script></body>"""
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-sync",
    "--disable-background-networking",
    "--disable-component-update",
    "--enable-logging=stderr",
    "--virtual-time-budget=2000",
    "--dump-dom",
)


def seen(page: Path, tmp_path: Path) -> tuple[int, list[str], str]:
    """Broken pictures, messages on the console, and the document, in a real browser."""
    browser = shutil.which("chromium") or shutil.which("chromium-browser")
    if browser is None:
        if os.environ.get("CI"):
            raise AssertionError("no chromium")
        pytest.skip("no chromium; `apt-get install chromium`")
    probed = tmp_path / "probed.html"
    probed.write_text(page.read_text().replace("</body>", PROBE))
    done = subprocess.run(
        [browser, *FLAGS, f"--user-data-dir={tmp_path / 'profile'}", probed.as_uri()],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    broken = re.search(r'data-broken="(\d+)"', done.stdout)
    assert broken, "the probe has not run"
    console = [line for line in done.stderr.splitlines() if "CONSOLE" in line]
    return int(broken[1]), console, done.stdout


@pytest.fixture
def folder(tmp_path: Path) -> ModelFolder:
    made = random_params(1, (64, 9, 10), 1, n_steps=4)
    provenance = {
        "data": {"name": "digits"},
        "seed": 0,
        "accuracy": {"golden, test": 0.125},
        "description": "A <b>bold</b> claim & more",
    }
    params = dataclasses.replace(
        made, spec=dataclasses.replace(made.spec, input=SPEC), provenance=provenance
    )
    path = tmp_path / "m"
    params_file.save(params, path / "params.safetensors")
    save_vectors(
        make_vectors(params, datasets.load("digits", "test")), path / "vectors.safetensors"
    )
    results = {
        "synth icebreaker": {
            "digest": params.digest, "part": "iCE40UP5K-SG48", "lanes": [3, 10], "luts": 1320,
            "ffs": 100, "brams": 7, "sprams": 0, "dsps": 0, "fmax_hz": 34_560_000,
            "clock_hz": 12_000_000,
        },
        "cosim 3,10": {
            "digest": params.digest, "n_samples": 4, "n_compared": 4321, "n_mismatches": 0,
            "latency_cycles": [100, 200, 150, 120],
        },
        "verify 3,10": {"digest": "0" * 64, "n_samples": 9, "n_compared": 9, "n_mismatches": 9},
    }  # fmt: skip
    (path / "results.json").write_text(json.dumps(results))
    points = [
        {"n_learnt": n, "test_accuracy": a, "online_accuracy": 0.1, "n_updates": n}
        for n, a in ((0, 0.1), (90, 0.5))
    ]
    (path / "curve.json").write_text(json.dumps({"digest": params.digest, "curve": points}))
    return ModelFolder(path)


def words(text: str) -> str:
    """Of a page, as read."""
    text = re.sub(r"<(style|svg|script)\b.*?</\1>", " ", text, flags=re.DOTALL)
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", text)).split())


def test_the_page_in_a_browser(folder: ModelFolder, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    write(folder, board.load("icebreaker"), page, sample=3)
    n_broken, console, document = seen(page, tmp_path)
    assert (n_broken, console) == (0, [])
    assert document.count('<svg role="img"') == 5
    text, params = words(document), folder.params()
    tests = datasets.load("digits", "test")
    decisions = Golden(params).decide(latency(tests.images, SPEC, 4))
    right = f"{100 * (decisions == tests.labels).mean():.2f} % right, of 359 test images of digits"
    assert right in text
    for said in (
        "A <b>bold</b> claim & more",
        "34.6 MHz Fmax, routed",
        "0 of 4,321 compared values differ from golden",
        params.digest,
        "golden, test 12.50 %",
        f"Number 3: label {tests.labels[3]}, decision {decisions[3]}",
        "LUTs 1,320 of 5,280",
        "status needs hardware",
        "hwgen cosim 3,10 4 4,321 0",
        "hwgen build m --board icebreaker",
    ):
        assert said in text
    assert "hwgen verify 3,10" not in text  # of other params


@pytest.mark.parametrize(
    ("fault", "n_broken", "n_messages"),
    [
        ('<img src="none.png">', 1, 0),
        ('<svg><image href="none.png" width="9" height="9"/></svg>', 1, 0),
        ("<script>nosuch()</script>", 0, 1),
    ],
)
def test_a_fault_in_a_page_is_seen(
    tmp_path: Path, fault: str, n_broken: int, n_messages: int
) -> None:
    page = tmp_path / "page.html"
    page.write_text(f"<!doctype html><html><body>{fault}</body></html>")
    broken, console, _ = seen(page, tmp_path)
    assert (broken, len(console)) == (n_broken, n_messages)


def test_the_page_needs_nothing_from_elsewhere(folder: ModelFolder, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    write(folder, board.load("icebreaker"), page)
    links = re.findall(r'(?:src|href)="(?!data:|#)([^"]*)"', page.read_text())
    assert links == []
    assert "@import" not in page.read_text()


def test_the_same_page_each_time(folder: ModelFolder, tmp_path: Path) -> None:
    pages = [tmp_path / "a.html", tmp_path / "b.html"]
    for page in pages:
        write(folder, None, page)
    assert pages[0].read_bytes() == pages[1].read_bytes()
    text = words(pages[0].read_text())
    assert "On the board" not in text


def test_without_data_the_vectors_are_shown(folder: ModelFolder, tmp_path: Path, monkeypatch):
    def nothing(*args, **options):
        raise DataError("no data here")

    monkeypatch.setattr("hwgen.report.page.data_of", nothing)
    monkeypatch.delenv("HWGEN_DATA", raising=False)
    page = tmp_path / "page.html"
    write(folder, board.load("ulx3s_25f"), page)
    text = words(page.read_text())
    assert "test images of the model's vectors" in text
    assert "No routed design is on record for this board: hwgen build m --board ulx3s_25f" in text
    folder.vectors_path.unlink()
    with pytest.raises(DataError, match=r"^no data here$"):
        write(folder, None, page)


def test_the_command(folder: ModelFolder, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(app, ["report", "m", "--board", "icebreaker", "--json"])
    assert result.exit_code == 0, result.output
    name = f"{folder.params().name}-icebreaker.html"
    assert json.loads(result.stdout)["path"] == name
    assert (tmp_path / name).is_file()
    result = CliRunner().invoke(app, ["report", "m", "--sample", "359"])
    assert str(result.exception) == "--sample is 359, but the 359 test images of digits have 359"

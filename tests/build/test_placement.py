"""Seeds of the placer: which are tried, which is kept, which are refused."""

import re
from pathlib import Path

import pytest
from reporters import Heard
from samples import random_params
from stand_ins import hide_tools, put_tools, script
from typer.testing import CliRunner

from hwgen.boards import board
from hwgen.build import synthesis
from hwgen.build.placement import Seeds
from hwgen.cli import app
from hwgen.errors import BoardError
from hwgen.estimate.design import for_board

ICEBREAKER = board.load("icebreaker")


@pytest.fixture
def stand_ins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Tools that write what the real ones wrote, in a folder of their own."""
    folder = hide_tools(tmp_path, monkeypatch)
    put_tools(folder)
    script(folder / "icepack", "pathlib.Path(sys.argv[2]).write_text('bits')")
    return folder


def build(folder: Path, **options) -> synthesis.SynthResult:
    design = for_board(random_params(0), ICEBREAKER)
    return synthesis.build(design, ICEBREAKER, build_dir=folder / "build", **options)


def routed_at(stand_ins: Path, fmax: list[str]) -> None:
    """A nextpnr that reaches another clock each time, and leaves the seed in what it writes."""
    (stand_ins / "fmax").write_text("\n".join(fmax))
    script(
        stand_ins / "nextpnr-ice40",
        f"place = pathlib.Path({str(stand_ins)!r})\n"
        "left = (place / 'fmax').read_text().split()\n"
        "(place / 'fmax').write_text('\\n'.join(left[1:]))\n"
        "seed = sys.argv[sys.argv.index('--seed') + 1]\n"
        "with (place / 'seeds').open('a') as told: told.write(seed + ' ')\n"
        "text = (place / 'report').read_text().replace('25.18', left[0])\n"
        "pathlib.Path('top.report.json').write_text(text)\n"
        "pathlib.Path('top.tim').write_text('log of ' + seed)\n"
        "pathlib.Path('top.asc').write_text('placed by ' + seed)",
    )


def test_seeds_are_tried_until_the_clock_is_met(stand_ins: Path, tmp_path: Path) -> None:
    routed_at(stand_ins, ["9.00", "11.00", "13.00", "99.00"])
    heard = Heard()
    result = build(tmp_path, seeds=Seeds(first=5, count=4), reporter=heard)
    assert (result.seed, result.fmax_hz) == (7, 13_000_036)
    assert (stand_ins / "seeds").read_text() == "5 6 7 "
    assert (tmp_path / "build" / "top.asc").read_text() == "placed by 7"
    assert heard.advances[-1] == (3, 4)
    assert not list((tmp_path / "build").glob("best.*"))


def test_the_best_seed_is_kept_if_none_meets_the_clock(stand_ins: Path, tmp_path: Path) -> None:
    routed_at(stand_ins, ["9.00", "11.50", "10.00"])
    with pytest.raises(
        BoardError, match=r"11\.5 MHz only with seed 2, the best of 3, and the boar"
    ):
        build(tmp_path, seeds=Seeds(count=3))
    assert (tmp_path / "build" / "top.tim").read_text() == "log of 2"
    assert (tmp_path / "build" / "top.asc").read_text() == "placed by 2"
    assert not (tmp_path / "build" / "top.bin").exists()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--seed", "-1"), r"the placer's seed is -1, expected 0\.\.2147483647"),
        (("--seed", "2147483648"), r"the placer's seed is 2147483648, expected"),
        (("--seed", "2147483647", "--seeds", "2"), r"2147483647, expected 0\.\.2147483646"),
        (("--seeds", "0"), r"the number of seeds is 0, expected 1\.\.1000"),
    ],
)
def test_a_seed_out_of_range_is_refused_before_the_work(options, message) -> None:
    result = CliRunner().invoke(app, ["build", "mnist-up5k", "--board", "icebreaker", *options])
    assert isinstance(result.exception, BoardError)
    assert re.search(message, str(result.exception))

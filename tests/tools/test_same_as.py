"""tools/same_as.py finds what differs between two trees, and nothing else."""

import importlib.util
import shutil
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SPEC = importlib.util.spec_from_file_location("same_as", ROOT / "tools/same_as.py")
same_as = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(same_as)

NET = "dense-step"  # of the kit


def copied(folder, changes=()):
    """A tree with the package and one network; changes: old text, of one file, and new text."""
    shutil.copytree(ROOT / "hwgen", folder / "hwgen", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("conformance", "models"):
        (folder / name).mkdir()
    shutil.copytree(ROOT / "conformance" / NET, folder / "conformance" / NET)
    shutil.copy(ROOT / "pyproject.toml", folder)
    texts = {path: path.read_text() for path in (folder / "hwgen").rglob("*.py")}
    for old, new in changes:
        (path,) = (path for path, text in texts.items() if old in text)
        path.write_text(texts[path].replace(old, new))
    return folder.resolve()


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    work = tmp_path_factory.mktemp("work")
    return same_as.hashes(copied(work / "then"), NET, work, None)


def test_another_place_is_no_difference(made, tmp_path, capsys):
    root = copied(tmp_path / "in" / "a" / "longer" / "path")
    assert {f"{NET}/{file}" for file in ("core.v", "card.md", "vectors.anew")} <= made.keys()
    assert same_as.compare(made, same_as.hashes(root, NET, tmp_path, None)) == 0
    assert f"{'all':24}{len(made):8}{0:11}" in capsys.readouterr().out


def test_a_planted_change_is_found(made, tmp_path, capsys):
    """One in a core's text, one in what the command line says."""
    changes = [("// params {", "// of params {"), ('("synapses", ', '("all synapses", ')]
    root = copied(tmp_path / "now", changes)
    assert same_as.compare(made, same_as.hashes(root, NET, tmp_path, None)) == 1
    told = capsys.readouterr().out.splitlines()
    different = ("axi.v", "core.v", "info.told", "wishbone.v")
    assert told[3:] == [f"differs: {NET}/{name}" for name in different]


def test_what_is_on_one_side_only_is_a_difference(capsys):
    assert same_as.compare({"a/x": "1", "a/y": "2"}, {"a/x": "1", "b/z": "3"}) == 1
    told = capsys.readouterr().out.splitlines()
    assert told[-2:] == ["then only: a/y", "now only: b/z"]


def test_a_function_that_is_nowhere_or_twice_is_refused(tmp_path):
    (tmp_path / "hwgen").mkdir()
    with pytest.raises(LookupError, match="expected in one module"):
        same_as.find(tmp_path, same_as.DEFINED["card"])
    for name in ("a", "b"):
        (tmp_path / f"hwgen/{name}.py").write_text("def render(params: Params, results): ...\n")
    with pytest.raises(LookupError, match=r"\['hwgen.a', 'hwgen.b'\]"):
        same_as.find(tmp_path, same_as.DEFINED["card"])


def test_another_package_in_the_way_is_refused(tmp_path):
    with pytest.raises(LookupError, match="imported in place of the hwgen in"):
        same_as.generate(tmp_path, NET, tmp_path / "out")

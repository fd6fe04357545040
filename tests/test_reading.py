"""Text files of users, as editors of all systems write them."""

import codecs
from pathlib import Path

import pytest
from commands import model_folder
from samples import random_params
from text_files import GOOD, RECIPE

from hwgen.boards import board
from hwgen.conformance import check, json_export
from hwgen.errors import HwgenError
from hwgen.host import Replay
from hwgen.model.folder import ModelFolder
from hwgen.reading import read_text
from hwgen.recipe import load

REPLAY = '{"write": "00ff"}\n{"read": "a5"}\n'


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory):
    """A good text of each kind, and its reader; what it returns tells whether all was read."""
    folder = ModelFolder(tmp_path_factory.mktemp("m"))
    model_folder(folder.path, random_params(1, (64, 9, 10), 1, n_steps=4))
    out = folder.path / "json"
    json_export.export(folder, out)

    def replay(path: Path) -> bytes:
        line = Replay(path)
        line.write(b"\x00\xff")
        return line.read(1)

    return {
        "recipe.toml": (RECIPE, lambda path: load(path).network.hidden, "20"),
        "board.toml": (GOOD, lambda path: board.load(path).title, "A board"),
        "line.jsonl": (REPLAY, replay, b"\xa5"),
        "results.jsonl": (
            (out / "expected.jsonl").read_text(),
            lambda path: check.check(path, folder).n_mismatches,
            0,
        ),
    }


NAMES = ["recipe.toml", "board.toml", "line.jsonl", "results.jsonl"]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("mark", [b"", codecs.BOM_UTF8])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_marks_and_line_ends_are_no_matter(files, tmp_path, name, mark, end) -> None:
    text, read, expected = files[name]
    (tmp_path / name).write_bytes(mark + text.replace("\n", end).encode())
    assert read(tmp_path / name) == expected


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    ("encoding", "called"),
    [
        ("utf-16", "UTF-16"),
        ("utf-16-le", "UTF-16"),
        ("utf-16-be", "UTF-16"),
        ("utf-32", "UTF-32"),
        ("utf-32-le", "UTF-32"),
        ("utf-32-be", "UTF-32"),
    ],
)
def test_other_encodings_are_refused_by_name(files, tmp_path, name, encoding, called) -> None:
    text, read, _ = files[name]
    (tmp_path / name).write_bytes(text.encode(encoding))
    with pytest.raises(HwgenError) as caught:
        read(tmp_path / name)
    assert str(caught.value).startswith(f"{tmp_path / name}: ")
    assert str(caught.value).endswith(f"is text in {called}, expected UTF-8; save it as that")


def test_a_text_of_few_bytes(tmp_path: Path) -> None:
    for content, text in ((b"", ""), (b"a", "a"), (codecs.BOM_UTF8, ""), (b"a\r\nb\rc", "a\nb\nc")):
        (tmp_path / "x").write_bytes(content)
        assert read_text(tmp_path / "x") == text

"""docs/own-data.md, as a reader would follow it, with pictures of Fashion-MNIST as the folder."""

import re
import shlex
from pathlib import Path

import numpy as np
import pytest
from commands import hwgen_command
from PIL import Image

from hwgen.data import datasets

PAGE = Path(__file__).resolve().parents[2] / "docs" / "own-data.md"
CLASSES = {"trouser": 1, "sneaker": 7, "bag": 8}


def write(folder: Path, images: np.ndarray, labels: np.ndarray, n: int) -> None:
    """The first n pictures of each class, as files."""
    for name, label in CLASSES.items():
        (folder / name).mkdir(parents=True)
        for number, image in enumerate(images[labels == label][:n]):
            Image.fromarray(image).save(folder / name / f"{number:03}.png")


@pytest.mark.cosim
@pytest.mark.synth
def test_the_page(tmp_path: Path) -> None:
    for folder, split, n in (("photos", "train", 120), ("new", "test", 30)):
        found = datasets.load("fashion-mnist", split)
        write(tmp_path / folder, found.images, found.labels, n)
    blocks = re.findall(r"^```(\w+)\n(.*?)^```", PAGE.read_text(), re.M | re.S)
    assert [kind for kind, _ in blocks] == ["toml", "sh", "sh", "sh"]
    (tmp_path / "mine.toml").write_text(blocks[0][1])
    said = {}
    for line in "".join(text for kind, text in blocks if kind == "sh").splitlines():
        _, *arguments = shlex.split(line)
        done = hwgen_command(*arguments, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        said[line] = done.stdout
    look = next(text for line, text in said.items() if line.startswith("hwgen data"))
    assert "3: bag (120), sneaker (120), trouser (120)" in look
    # Rows of 12 pictures of 42 pixels, 14 enlarged thrice, in frames of 2.
    assert Image.open(tmp_path / "sheet.png").size == (12 * 46, 3 * 46)
    assert accuracy(said["hwgen evaluate models/mine"]) > 85
    other = said["hwgen evaluate models/mine --data ./new"]
    assert accuracy(other) > 85
    assert "of no split that is known" in other
    assert "0 mismatches of" in said["hwgen cosim models/mine --samples 2"]
    assert "0 mismatches of" in said["hwgen verify models/mine --data ./new --samples 20"]


def accuracy(text: str) -> float:
    found = re.search(r"accuracy +│ ([\d.]+) %", text)
    assert found, text
    return float(found[1])

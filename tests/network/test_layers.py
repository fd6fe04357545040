"""A kind of layer is known by name in its own files and in one table a room; nowhere else."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SOURCES = [*ROOT.glob("hwgen/**/*.py"), *ROOT.glob("sim/*.py")]
AT_HOME = {"layers"}  # folders whose files may name kinds
# A question about the kind of a layer: a type test, or a comparison of its name.
ASKS = re.compile(
    r"isinstance\([^)]*\b(DenseSpec|ConvSpec|PoolSpec)\b"
    r"|\bkind\s*[!=]=\s*[\"'](dense|conv2d|pool2d)[\"']"
)
# A field of a layer's neurons as files have it, in place of `layer.neuron`.
FIELDS = re.compile(r"\b(layer|spec|below|first)\.(psp|tau_steps|phased|reset|leak_shift)\b")


def found(pattern, path, text):
    if AT_HOME & set(path.parent.parts):
        return []
    return [f"{path}: {line.strip()}" for line in text.splitlines() if pattern.search(line)]


@pytest.mark.parametrize("pattern", [ASKS, FIELDS])
def test_nobody_asks_for_the_kind_of_a_layer(pattern):
    allowed = ("hwgen/network/",) if pattern is FIELDS else ()
    places = [
        place
        for path in SOURCES
        if not path.relative_to(ROOT).as_posix().startswith(allowed or "-")
        for place in found(pattern, path.relative_to(ROOT), path.read_text())
    ]
    assert places == []


@pytest.mark.parametrize(
    ("pattern", "line"),
    [
        (ASKS, "if isinstance(layer, ConvSpec):"),
        (ASKS, "x = [n for n in a if not isinstance(n, (PoolSpec, DenseSpec))]"),
        (ASKS, 'if layer.kind == "dense":'),
        (FIELDS, 'if self.spec.psp == "step":'),
    ],
)
def test_a_question_is_found(pattern, line):
    assert found(pattern, Path("hwgen/golden/network.py"), line)
    assert not found(pattern, Path("hwgen/golden/layers/kinds.py"), line)

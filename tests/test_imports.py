"""Who may import whom (docs/architecture.md). Reads every file's imports."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PARTS = ("training", "golden", "hdl")
# Which files may import an outside package.
ONLY = {
    "torch": ("hwgen/training/",),
    "amaranth": ("hwgen/hdl/", "hwgen/boards/board.py", "hwgen/boards/platforms.py"),
    "amaranth_boards": ("hwgen/hdl/", "hwgen/boards/board.py", "hwgen/boards/platforms.py"),
    "cocotb": ("sim/",),
    "cocotb_tools": ("hwgen/toolchain/simulator.py",),
    "serial": ("hwgen/host/transport.py",),
}
WORDS = (
    "errors",
    "share",
    "files",
    "checked",
    "spec",
    "events",
    "encode",
    "layout",
    "learning",
    "operations",
    "protocol",
    "soc",
    "frames",
    "pack",
    "mismatch",
    "progress",
)
SOURCES = sorted([*ROOT.glob("hwgen/**/*.py"), *ROOT.glob("sim/*.py")])


def imports(path):
    """Absolute names of all that a file imports, also inside functions."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def breaches(name, found):
    """Rules that the file `name`, importing `found`, breaks."""
    for module in found:
        top = module.split(".")[0]
        if top in ONLY and not name.startswith(ONLY[top]):
            yield f"{name} imports {module}"
        if top in ("models", "boards", "sim"):
            yield f"{name} imports {module}"
        for part in PARTS:
            inside = name.startswith(f"hwgen/{part}/")
            others = [f"hwgen.{other}" for other in PARTS if other != part]
            if inside and any(f"{module}.".startswith(f"{other}.") for other in others):
                yield f"{name} imports {module}"
        if name.startswith("sim/") and module.startswith("hwgen.hdl"):
            yield f"{name} imports {module}"
        stem = name.removeprefix("hwgen/").removesuffix(".py")
        if stem in WORDS and top == "hwgen" and module.split(".")[1] not in (*WORDS, "__version__"):
            yield f"{name} imports {module}"
        if module.endswith(".*"):
            yield f"{name} imports {module}"


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_imports(path):
    name = path.relative_to(ROOT).as_posix()
    assert list(breaches(name, list(imports(path)))) == []


@pytest.mark.parametrize(
    ("name", "module"),
    [
        ("hwgen/golden/network.py", "hwgen.hdl.core"),
        ("hwgen/hdl/layers/dense.py", "hwgen.golden"),
        ("hwgen/training/loop.py", "hwgen.golden.Golden"),
        ("hwgen/verification/cosim.py", "torch"),
        ("hwgen/golden/neuron.py", "amaranth.hdl"),
        ("sim/tb_core.py", "hwgen.hdl.core"),
        ("hwgen/network/spec.py", "hwgen.network.params"),
        ("hwgen/flows/demo.py", "models.digits"),
        ("hwgen/hdl/layers/dense.py", "amaranth.*"),
    ],
)
def test_a_breach_is_found(name, module):
    assert list(breaches(name, [module])) == [f"{name} imports {module}"]


def test_files_are_short():
    long = [path for path in SOURCES if len(path.read_text().splitlines()) > 400]
    assert long == []

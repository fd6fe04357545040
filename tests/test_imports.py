"""Who may import whom (docs/architecture.md). Reads every file's imports."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
SOURCES = sorted([*ROOT.glob("hwgen/**/*.py"), *ROOT.glob("sim/*.py")])

# From the ground up. A file imports its own room and the floors below; rooms of one floor are
# strangers to each other. Names that are no folder yet stand where they will be.
FLOORS = (
    "errors progress shown",
    "files reading",
    "schema package_data",
    "network boards toolchain",
    "golden model protocol recipe",
    "data estimate hdl",
    "training evaluation conformance onchip build host play nir",
    "verification",
    "report",
    "flows",
    "api",
    "cli",
)
FLOOR_OF = {room: number for number, rooms in enumerate(FLOORS) for room in rooms.split()}
# Their agreement is the evidence, so they share no arithmetic.
STRANGERS = {
    ("hdl", "golden"),
    ("training", "golden"),
    ("training", "hdl"),
    ("sim", "hdl"),
    ("nir", "hdl"),
}
# Which rooms may import an outside package; others may import none of these.
OUTSIDE = {
    "torch": "training",
    "amaranth": "hdl boards",
    "amaranth_boards": "hdl boards",
    "cocotb": "sim",
    "cocotb_tools": "toolchain",
    "serial": "host",
    "PIL": "data",
    "jinja2": "report",
    "matplotlib": "report",
    "typer": "cli",
    "rich": "cli",
    "nir": "nir",
    "h5py": "nir",
}
MAX_LINES = 400
MAX_AT_THE_ROOT = 8  # modules of hwgen beside __init__ and __main__


def room_of(name: str) -> str:
    """``hwgen/hdl/core.py``: hdl; ``hwgen/files.py``: files; ``sim/tb_core.py``: sim."""
    parts = name.removesuffix(".py").split("/")
    return parts[1] if parts[0] == "hwgen" else parts[0]


def imports(path: Path) -> Iterator[str]:
    """Absolute names of all that a file imports, also inside functions."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def may_import(room: str, module: str) -> bool:
    """Whether a file of `room` may import the module, a dotted name."""
    top, *rest = module.split(".")
    if module.endswith(".*") or top in ("models", "boards", "sim"):
        return False
    if top in OUTSIDE:
        return room in OUTSIDE[top].split()
    other = rest[0] if top == "hwgen" and rest else room
    if {(room, other), (other, room)} & STRANGERS:
        return False
    if room not in FLOOR_OF or other in (room, "__version__"):  # sim, __init__ and __main__
        return True
    return FLOOR_OF[other] < FLOOR_OF[room]


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_imports(path):
    room = room_of(path.relative_to(ROOT).as_posix())
    assert [module for module in imports(path) if not may_import(room, module)] == []


@pytest.mark.parametrize(
    ("name", "module"),
    [
        ("hwgen/golden/network.py", "hwgen.hdl.core"),
        ("hwgen/hdl/layers/dense.py", "hwgen.golden"),
        ("hwgen/training/loop.py", "hwgen.golden.Golden"),
        ("hwgen/verification/cosim.py", "torch"),
        ("hwgen/golden/neuron.py", "amaranth.hdl"),
        ("sim/tb_core.py", "hwgen.hdl.core"),
        ("hwgen/network/spec.py", "hwgen.golden.Golden"),
        ("hwgen/build/synthesis.py", "hwgen.host.device"),
        ("hwgen/host/run.py", "hwgen.verification.verify"),
        ("hwgen/flows/demo.py", "models.digits"),
        ("hwgen/hdl/layers/dense.py", "amaranth.*"),
    ],
)
def test_a_breach_is_found(name, module):
    assert not may_import(room_of(name), module)


def test_every_room_has_a_floor():
    rooms = {room_of(path.relative_to(ROOT).as_posix()) for path in ROOT.glob("hwgen/**/*.py")}
    assert rooms - set(FLOOR_OF) == {"__init__", "__main__"}


def test_files_are_short():
    long = [path for path in SOURCES if len(path.read_text().splitlines()) > MAX_LINES]
    assert long == []


def test_few_modules_at_the_root():
    modules = {path.stem for path in ROOT.glob("hwgen/*.py")} - {"__init__", "__main__"}
    assert len(modules) <= MAX_AT_THE_ROOT

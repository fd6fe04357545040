"""A board's file and its platform tell of the same board, or it is said before synthesis."""

import subprocess
import sys

import pytest
from commands import hwgen_command, model_folder
from samples import random_params
from text_files import GOOD

from hwgen.boards import board
from hwgen.errors import BoardError, HwgenError

ICEBREAKER = "amaranth_boards.icebreaker:ICEBreakerPlatform"
CLASS = """
from amaranth.build import *
from amaranth.vendor import SiliconBluePlatform
from amaranth_boards.resources import LEDResources, UARTResource

class Mine(SiliconBluePlatform):
    device = "iCE40UP5K"
    package = "SG48"
    default_clk = "clk"
    resources = [
        Resource("clk", 0, Pins("35", dir="i"), Clock(12e6), Attrs(IO_STANDARD="SB_LVCMOS")),
        UARTResource(0, rx="6", tx="9", attrs=Attrs(IO_STANDARD="SB_LVCMOS")),
    ]
    connectors = []
"""
PINS = {
    "ice40": ("iCE40UP5K-SG48", 12_000_000, 'device = "iCE40UP5K"\npackage = "SG48"\n'),
    "ecp5": (
        "LFE5U-25F-6BG381C",
        25_000_000,
        'device = "LFE5U-25F"\npackage = "BG381"\nspeed = "6"\n',
    ),
    "gowin": ("GW1NR-LV9QN88PC6/I5", 27_000_000, 'device = "GW1NR-9C"\n'),
}
NAMES = {"ice40": ("35", "6", "9"), "ecp5": ("P3", "H18", "J17"), "gowin": ("52", "18", "17")}


def mine(folder, *changes, text=GOOD):
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    (folder / "mine.toml").write_text(text)
    return board.load(folder / "mine.toml")


def with_class(folder, text=CLASS):
    (folder / "own.py").write_text(text)
    return mine(folder, (ICEBREAKER, "own.py:Mine"))


def by_pins(folder, family, *changes):
    part, clock_hz, device = PINS[family]
    clock, rx, tx = NAMES[family]
    pins = f'[pins]\n{device}clock = "{clock}"\nrx = "{rx}"\ntx = "{tx}"\n'
    text = GOOD.replace(f'platform = "{ICEBREAKER}"\n', "").replace("iCE40UP5K-SG48", part)
    text = text.replace("12_000_000", str(clock_hz)).replace('"ice40"', f'"{family}"')
    return mine(folder, *changes, text=text + pins)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("12_000_000", "25_000_000", "has a clock of 12000000 Hz, but clock_hz is 25000000: the "),
        ('"ice40"', '"ecp5"', "is no LatticePlatform, but family is 'ecp5'; one of them is wrong"),
        ("UP5K-SG48", "HX8K-CT256", "is for part iCE40UP5K-SG48, but part is 'iCE40HX8K-CT256'"),
        ("K-SG48", "K-UWG30", "is for part iCE40UP5K-SG48, but part is 'iCE40UP5K-UWG30'"),
        ("[uart]", "[uart]\nresource = 3", "has no resource 'uart' 3, as uart.resource asks for"),
    ],
)
def test_what_does_not_agree(tmp_path, old, new, message):
    with pytest.raises(BoardError) as caught:
        mine(tmp_path, (old, new)).make_platform()
    text = str(caught.value)
    assert text.startswith(f"{tmp_path / 'mine.toml'}: platform '{ICEBREAKER}' ")
    assert message in text
    assert "\n" not in text


def test_a_class_beside_the_file(tmp_path):
    platform = with_class(tmp_path).make_platform()
    assert (type(platform).__name__, platform.default_clk_frequency) == ("Mine", 12e6)
    with_class(tmp_path, CLASS.replace('"35"', '"20"'))
    other = board.load(tmp_path / "mine.toml").make_platform()  # the file as it is now
    assert other.lookup("clk").ios[0].names == ["20"]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("class Mine(", "class Mine[", "own.py:Mine' cannot be loaded ("),
        ("device =", "devise =", "own.py:Mine' is refused by Amaranth: TypeError: "),
        ('tx="9"', 'tx="6"', "own.py:Mine' is refused by Amaranth: ResourceError: "),
        ('tx="9"', 'tx="35"', "own.py:Mine' is refused by Amaranth: ResourceError: "),
        ("    ]\n", '    *LEDResources(pins="6")]\n', "is refused by Amaranth: ResourceError: "),
        ('default_clk = "clk"', 'default_clk = "clk9"', "is refused by Amaranth: ResourceError: "),
        (
            'default_clk = "clk"\n',
            "\n",
            "own.py:Mine' has no default_clk; a design needs its clock",
        ),
        ('UARTResource(0, rx="6"', 'UARTResource(0, rq="6"', "cannot be loaded ("),
        ('Pins("35", dir="i")', 'Pins("35", dir="q")', "cannot be loaded ("),
        ("class Mine(", "1 / 0\nclass Mine(", "cannot be loaded (division by zero); expected "),
        ('"iCE40UP5K"', '"iCE40UP6K"', "is for part iCE40UP6K-SG48, but part is"),
    ],
)
def test_a_class_that_is_wrong_is_one_line_that_names_its_file(tmp_path, old, new, message):
    assert old in CLASS
    with pytest.raises(HwgenError) as caught:
        with_class(tmp_path, CLASS.replace(old, new)).make_platform()
    text = str(caught.value)
    assert message in text
    assert str(tmp_path / "own.py") in text
    assert "\n" not in text


@pytest.mark.parametrize("family", PINS)
def test_pins_make_a_platform(tmp_path, family):
    loaded = by_pins(tmp_path, family)
    platform = loaded.make_platform()
    clock, rx, tx = NAMES[family]
    assert platform.default_clk_frequency == loaded.clock_hz == PINS[family][1]
    assert platform.lookup("clk").ios[0].names == [clock]
    uart = {part.name: part.ios[0].names for part in platform.lookup("uart").ios}
    assert uart == {"rx": [rx], "tx": [tx]}


@pytest.mark.parametrize(
    ("family", "old", "new", "message"),
    [
        ("ice40", 'tx = "9"', 'tx = "6"', "pins: clock, rx and tx are 35, 6 and 6, expected three"),
        (
            "ice40",
            'package = "SG48"\n',
            "",
            "pins: package is '', expected a name, of family 'ice40'",
        ),
        ("ecp5", 'speed = "6"\n', "", "pins: speed is '', expected a name, of family 'ecp5'"),
        ("ice40", 'tx = "9"', 'tx = "9 10"', "pins: tx is '9 10', expected a name"),
        ("ice40", 'tx = "9"\n', "", "pins lacks the field 'tx'"),
        (
            "ice40",
            "[pins]",
            '[pins]\npackge = "x"',
            "unknown field 'packge'; did you mean 'package'?",
        ),
        (
            "ice40",
            "title",
            f'platform = "{ICEBREAKER}"\ntitle',
            "expected either platform or [pins]",
        ),
        ("ice40", "title", 'source = "x"\ntitle', "has an unknown field 'source'"),
    ],
)
def test_pins_that_are_wrong(tmp_path, family, old, new, message):
    with pytest.raises(BoardError) as caught:
        by_pins(tmp_path, family, (old, new))
    assert str(caught.value).startswith(str(tmp_path / "mine.toml"))
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("family", "old", "new", "message"),
    [
        ("ice40", "iCE40UP5K", "iCE40LP1K", r"is for part iCE40LP1K-SG48, but part is"),
        ("ecp5", "LFE5U-25F", "LFE5U-45F", r"is for part LFE5U-45F-6BG381, but part is"),
        ("ecp5", "LFE5U-25F", "LIFCL-40", r"is for part LIFCL-40-6BG381, but part is"),
    ],
)
def test_a_device_that_is_not_the_part(tmp_path, family, old, new, message):
    loaded = by_pins(tmp_path, family, (f'device = "{old}"', f'device = "{new}"'))
    with pytest.raises(BoardError, match=r"mine\.toml: what \[pins\] describes " + message):
        loaded.make_platform()


def test_neither_a_platform_nor_pins(tmp_path):
    with pytest.raises(BoardError, match=r"mine\.toml: expected either platform or \[pins\]"):
        mine(tmp_path, (f'platform = "{ICEBREAKER}"\n', ""))


def test_build_refuses_before_any_tool_runs(tmp_path):
    """A clock of 25 MHz by the file, of 12 by the platform: a serial line of half the rate."""
    model_folder(tmp_path / "m", random_params(1, (64, 9, 10), 1, n_steps=4))
    mine(tmp_path, ("12_000_000", "25_000_000"))
    done = hwgen_command("build", "m", "--board", "mine.toml", cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1].startswith(
        f"hwgen: error: mine.toml: platform '{ICEBREAKER}' has a clock of 12000000 Hz"
    )
    assert not list(tmp_path.glob("build/**/*.il"))


def test_reading_a_board_does_not_bring_amaranth():
    """`hwgen boards` is quick."""
    program = "import sys; from hwgen.boards import board; board.load('icebreaker'); "
    program += "sys.exit('amaranth' in sys.modules)"
    subprocess.run([sys.executable, "-c", program], check=True)

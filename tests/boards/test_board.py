"""Boards: the files that ship, and one line for each way a file can be wrong."""

from pathlib import Path

import pytest
from text_files import GOOD

from hwgen.boards import board
from hwgen.errors import BoardError, ToolError
from hwgen.package_data import package_data


def write(folder: Path, text: str) -> Path:
    path = folder / "mine.toml"
    path.write_text(text)
    return path


SHIPPED = {
    # cycles a bit, clock, device
    "colorlight_i5": (25, "clk25", "LFE5U-25F"),
    "ice40_hx8k_b_evn": (12, "clk12", "iCE40HX8K"),
    "icebreaker": (12, "clk12", "iCE40UP5K"),
    "orangecrab_r0_2": (48, "clk", "LFE5U-25F"),
    "tang_nano_20k": (27, "clk27", "GW2AR-LV18QN88"),
    "tang_nano_9k": (27, "clk27", "GW1NR-LV9QN88P"),
    "ulx3s_25f": (25, "clk25", "LFE5U-25F"),
    "ulx3s_45f": (25, "clk25", "LFE5U-45F"),
    "ulx3s_85f": (25, "clk25", "LFE5U-85F"),
    "upduino_v3": (12, "clk12", "iCE40UP5K"),
}


def test_ships_these_boards() -> None:
    assert board.names() == list(SHIPPED)


@pytest.mark.parametrize("name", SHIPPED)
def test_a_shipped_board_agrees_with_its_platform(name: str) -> None:
    divisor, clock, device = SHIPPED[name]
    loaded = board.load(name)
    assert (loaded.name, loaded.divisor()) == (name, divisor)
    platform = loaded.make_platform()
    assert (platform.default_clk, platform.default_clk_frequency) == (clock, loaded.clock_hz)
    assert loaded.part.startswith(device)
    if loaded.family == "gowin":
        assert platform.part == loaded.part
    else:
        assert platform.device == device
        assert loaded.part.startswith(
            f"{device}-{getattr(platform, 'speed', '')}{platform.package}"
        )
    line = platform.request("uart", loaded.uart.resource, dir="-")
    assert (len(line.rx), len(line.tx)) == (1, 1)


def test_a_board_that_nobody_here_has_says_so() -> None:
    for name in board.names():
        loaded, text = board.load(name), (package_data("boards") / f"{name}.toml").read_text()
        assert loaded.price
        assert (loaded.status == "needs hardware") == text.startswith("# Not checked on hardware.")


def test_a_board_of_ones_own_is_a_path(tmp_path: Path) -> None:
    loaded = board.load(write(tmp_path, GOOD))
    assert (loaded.name, loaded.title) == ("mine", "A board")
    assert (loaded.uart.resource, loaded.capacity.dsp) == (0, 0)
    assert board.load(str(tmp_path / "mine.toml")) == loaded


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("icebraker", "unknown board 'icebraker'; did you mean 'icebreaker'?"),
        (
            "zzz",
            f"unknown board 'zzz'; known boards: {', '.join(SHIPPED)}, or the path of a .toml file",
        ),
    ],
)
def test_an_unknown_name(name: str, message: str) -> None:
    with pytest.raises(BoardError) as caught:
        board.load(name)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('title = "A board"', "", "lacks the field 'title' (a string of up to"),
        ("family", "famly", "has an unknown field 'famly'; did you mean 'family'?"),
        ('"ice40"', '"ice50"', ": family must be one of 'ice40', 'ecp5', 'gowin', not"),
        ("12_000_000", "12", ": clock_hz must be an integer in 1000..1000000000, not 12"),
        ("lut = 5280", "lut = '5280'", ": capacity: lut must be an integer in 1..10000000, not"),
        ("baud = 1_000_000", "", ": uart lacks the field 'baud' (an integer in 300..12000000)"),
        ("[uart]", "[uart", "not valid TOML: Expected ']' at the end of a table declaration"),
    ],
)
def test_a_wrong_file(tmp_path: Path, old: str, new: str, message: str) -> None:
    path = write(tmp_path, GOOD.replace(old, new))
    with pytest.raises(BoardError) as caught:
        board.load(path)
    text = str(caught.value)
    assert text.startswith(str(path))
    assert message in text
    assert "\n" not in text


def test_no_file_and_a_folder(tmp_path: Path) -> None:
    with pytest.raises(BoardError, match=r"^/.*/none\.toml: no such board file; known boards: col"):
        board.load(tmp_path / "none.toml")
    (tmp_path / "folder.toml").mkdir()
    with pytest.raises(BoardError, match=r"^/.*: is a folder, expected a \.toml file$"):
        board.load(tmp_path / "folder.toml")


@pytest.mark.parametrize("platform", ["nowhere:Platform", "amaranth_boards.icebreaker:X", "x", ""])
def test_a_platform_that_is_not_there(tmp_path: Path, platform: str) -> None:
    text = GOOD.replace("amaranth_boards.icebreaker:ICEBreakerPlatform", platform)
    with pytest.raises(ToolError, match=r"^mine: platform '.*' cannot be loaded \(.*\); expected "):
        board.load(write(tmp_path, text)).make_platform()


def test_a_baud_rate_out_of_reach(tmp_path: Path) -> None:
    path = write(tmp_path, GOOD.replace("1_000_000", "7_000_000"))
    message = (
        r"^mine: uart\.baud is 7000000, but 12000000 Hz gives 3000000 with 4 cycles a bit; "
        r"expected within 2 %$"
    )
    with pytest.raises(BoardError, match=message):
        board.load(path).divisor()


def test_a_slow_line_is_rounded(tmp_path: Path) -> None:
    path = write(tmp_path, GOOD.replace("1_000_000", "115_200"))
    assert board.load(path).divisor() == 104


def test_an_old_name_of_our_platforms_is_still_read(tmp_path: Path) -> None:
    """Users' own board files may name a module that has moved."""
    shipped = (package_data("boards") / "upduino_v3.toml").read_text()
    assert "hwgen.boards.platforms:" in shipped
    old = shipped.replace("hwgen.boards.platforms:", "hwgen.platforms:")
    platform = board.load(write(tmp_path, old)).make_platform()
    assert type(platform).__module__ == "hwgen.boards.platforms"

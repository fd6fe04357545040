"""Pictures come out as a viewer shows them, whatever mode and tags their files have."""

import struct

import numpy as np
import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo
from samples import random_network

from hwgen.boards import board
from hwgen.conformance import networks
from hwgen.data import datasets, images
from hwgen.errors import DataError
from hwgen.files import visible
from hwgen.host import run
from hwgen.model import folder
from hwgen.network.spec import InputSpec

SPEC = InputSpec(height=4, width=6, x_max=255)
# No two rows, columns or turns of it are alike; it has black, white and what lies between.
GREY = np.arange(24, dtype=np.uint8).reshape(4, 6) * 11
GREY[3, 5] = 255


def shown(tmp_path, picture, name="a.png", spec=SPEC, *, background="white", **saving):
    picture.save(tmp_path / name, **saving)
    return images.load([tmp_path / name], spec, background=background)[0]


def with_alpha(ink, alpha):
    made = Image.fromarray(ink).convert("RGB")
    made.putalpha(Image.fromarray(alpha))
    return made


@pytest.mark.parametrize(
    ("orientation", "stored"),
    [
        (1, GREY),
        (2, GREY[:, ::-1]),
        (3, GREY[::-1, ::-1]),
        (4, GREY[::-1]),
        (5, GREY.T),
        (6, np.rot90(GREY)),  # the camera was turned with the clock: stored against it
        (7, GREY[::-1, ::-1].T),
        (8, np.rot90(GREY, -1)),
    ],
)
@pytest.mark.parametrize(("name", "mode"), [("a.png", "L"), ("a.tif", "L"), ("a.png", "I;16")])
def test_orientation(tmp_path, orientation, stored, name, mode):
    tags = Image.Exif()
    tags[274] = orientation
    stored = np.ascontiguousarray(stored)
    picture = Image.fromarray(stored.astype(np.uint16) * 257 if mode == "I;16" else stored)
    assert np.array_equal(shown(tmp_path, picture, name, exif=tags), GREY)


@pytest.mark.parametrize("ink", [0, 90])
@pytest.mark.parametrize(("background", "behind"), [("white", 255), ("black", 0), ("#404040", 64)])
@pytest.mark.parametrize("mode", ["RGBA", "LA"])
def test_ink_lies_on_the_background(tmp_path, ink, background, behind, mode):
    picture = with_alpha(np.full_like(GREY, ink), GREY).convert(mode)
    wanted = (ink * (GREY / 255) + behind * (1 - GREY / 255)).round()
    found = shown(tmp_path, picture, background=background).astype(int)
    assert np.abs(found - wanted).max() <= 1
    assert found[0, 0] == behind
    assert found[3, 5] == ink


def test_a_palette_with_a_transparent_entry(tmp_path):
    picture = Image.fromarray((GREY > 100).astype(np.uint8))
    picture = picture.convert("P")
    picture.putpalette([10, 10, 10, 200, 200, 200])
    wanted = np.where(GREY > 100, 200, 255)
    assert np.array_equal(shown(tmp_path, picture, transparency=0), wanted)
    dark = shown(tmp_path, picture, background="black", transparency=0)
    assert np.array_equal(dark, np.where(GREY > 100, 200, 0))


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_a_grey_value_that_is_transparent(tmp_path, dtype):
    values = GREY.astype(dtype) * (257 if dtype == np.uint16 else 1)
    found = shown(tmp_path, Image.fromarray(values), transparency=0)
    assert np.array_equal(found, np.where(GREY == 0, 255, GREY))


@pytest.mark.parametrize("name", ["a.png", "a.tif", "a.pgm"])
def test_sixteen_bits_by_their_real_range(tmp_path, name):
    picture = Image.fromarray(GREY.astype(np.uint16) * 257)
    assert np.array_equal(shown(tmp_path, picture, name), GREY)


def test_white_of_a_pgm_is_the_one_it_names(tmp_path):
    header, values = b"P5 6 4 1020\n", (GREY.astype(np.uint16) * 4).astype(">u2").tobytes()
    (tmp_path / "a.pgm").write_bytes(header + values)
    found = images.load([tmp_path / "a.pgm"], SPEC)[0].astype(int)
    assert np.abs(found - GREY).max() <= 1


def tiff(values, bits, photometric):
    """A little-endian TIFF of one strip: 8 tags, then the samples."""
    packed = values.tobytes()
    tags = [(256, 6), (257, 4), (258, bits), (259, 1), (262, photometric), (273, 8 + 2 + 96 + 4)]
    tags += [(278, 4), (279, len(packed))]
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags)
    return b"II*\0" + struct.pack("<IH", 8, 8) + entries + b"\0" * 4 + packed


@pytest.mark.parametrize("photometric", [0, 1])
def test_a_tiff_whose_lowest_value_is_white(tmp_path, photometric):
    stored = GREY if photometric else 255 - GREY
    (tmp_path / "a.tif").write_bytes(tiff(stored.astype("<u2") * 257, 16, photometric))
    assert np.array_equal(images.load([tmp_path / "a.tif"], SPEC)[0], GREY)


def test_floats_of_nought_to_one(tmp_path):
    picture = Image.fromarray((GREY / 255).astype(np.float32))
    assert np.array_equal(shown(tmp_path, picture, "a.tif"), GREY)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (GREY.astype(np.float32), r"a\.tif: floats from 0 to 255, expected 0 \(black\) to 1"),
        (np.full((4, 6), np.nan, np.float32), r"a\.tif: floats from nan to nan, expected 0"),
        (GREY.astype(np.int32), r"a\.tif: pixels of mode 'I' \(TIFF\), whose white is not known"),
    ],
)
def test_a_range_that_is_not_known_is_refused_by_name(tmp_path, values, message):
    with pytest.raises(DataError, match=message):
        shown(tmp_path, Image.fromarray(values), "a.tif")


def test_cmyk(tmp_path):
    ink = Image.merge("CMYK", [Image.new("L", (6, 4), 0)] * 3 + [Image.fromarray(255 - GREY)])
    assert np.array_equal(shown(tmp_path, ink, "a.tif"), GREY)
    found = shown(tmp_path, ink, "a.jpg", quality=100, subsampling=0).astype(int)
    assert np.abs(found - GREY).max() <= 3


def test_colours_for_a_network_that_takes_them(tmp_path):
    colours = np.stack([GREY, GREY[::-1], GREY[:, ::-1]], -1)
    spec = InputSpec(height=4, width=6, x_max=255, channels=3)
    assert np.array_equal(shown(tmp_path, Image.fromarray(colours), spec=spec), colours)
    batch = run.of_files(random_network(1, "4x6x3-5-3"), [tmp_path / "a.png"])
    assert batch.inputs.shape == (1, 72)
    with pytest.raises(DataError, match="the network takes 2 channels: image files have 1 or 3"):
        images.load([tmp_path / "a.png"], InputSpec(height=4, width=6, x_max=255, channels=2))


@pytest.mark.parametrize("text", ["paper", "#12345", "#11223344"])
def test_what_is_no_background(tmp_path, text):
    with pytest.raises(DataError, match=r"^--background is '.*', expected a colour as white"):
        shown(tmp_path, Image.fromarray(GREY), background=text)


def test_notes_of_a_picture_are_no_orientation(tmp_path):
    info = PngInfo()
    info.add_text("Orientation", "6")
    assert np.array_equal(shown(tmp_path, Image.fromarray(GREY), pnginfo=info), GREY)


def test_dot_files_in_folders_are_no_pictures(tmp_path):
    Image.fromarray(GREY).save(tmp_path / "a.png")
    (tmp_path / "._a.png").write_bytes(b"\0\5\x16\7")
    (tmp_path / "folder.png").mkdir()
    assert images.find([tmp_path]) == [tmp_path / "a.png"]
    assert images.find([tmp_path / "._a.png"]) == [tmp_path / "._a.png"]  # it was named


def test_dot_files_are_no_recordings_models_or_boards(tmp_path, monkeypatch):
    for place in ("Train/0/0.bin", "Train/0/._0.bin"):
        path = tmp_path / "NMNIST" / place
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(bytes(5) if path.name == "0.bin" else b"\0\5\x16\7")
    assert len(datasets.load("n-mnist", "train", data_dir=tmp_path)) == 1
    for place in ("a/recipe.toml", "._b/recipe.toml", "a/vectors.safetensors", "c.toml"):
        (tmp_path / place).parent.mkdir(exist_ok=True)
        (tmp_path / place).touch()
    (tmp_path / "._c.toml").touch()
    for module in (folder, board, networks):
        monkeypatch.setattr(module, "package_data", lambda name: tmp_path)
    assert (folder.shipped(), board.names(), networks.names()) == (["a"], ["c"], ["a"])
    assert visible(tmp_path, "*.toml") == [tmp_path / "c.toml"]

"""Pictures on disk: real files of every kind, written by OpenImageIO or OpenCV, usual and unusual."""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import OpenImageIO as oiio
import pytest
from picture_files import (
    SUFFIXES,
    cineon,
    picture,
    refused,
    save,
    truncate,
)

from stcolor_core.errors import ColorError, PlateError
from stcolor_core.images import frame_files, plates
from stcolor_core.images.color_pipe import ColorPipe


@pytest.mark.parametrize(
    ("suffix", "pixel_type", "file_format", "tolerance"),
    [
        pytest.param("exr", "half", "openexr", 3e-4, id="EXR half"),
        pytest.param("exr", "float", "openexr", 0, id="EXR float"),
        pytest.param("tif", "uint8", "tiff", 0.5 / 255, id="TIFF 8 bit"),
        pytest.param("tif", "uint16", "tiff", 0.5 / 65535, id="TIFF 16 bit"),
        pytest.param("tif", "float", "tiff", 0, id="TIFF float"),
        pytest.param("png", "uint8", "png", 0.5 / 255, id="PNG 8 bit"),
        pytest.param("png", "uint16", "png", 0.5 / 65535, id="PNG 16 bit"),
        pytest.param("jpg", "uint8", "jpeg", 0.03, id="JPEG"),
        pytest.param("dpx", "uint16", "dpx", 0.5 / 65535, id="DPX 16 bit"),
    ],
)
@pytest.mark.parametrize("channels", [1, 3])
def test_every_format_is_read_as_float_with_its_pixel_type(
    tmp_path: Path, suffix: str, pixel_type: str, file_format: str, tolerance: float, channels: int
) -> None:
    expected = picture(channels=channels)
    read = plates.read(save(tmp_path / f"p.{suffix}", expected, pixel_type), frame=7)
    assert read.pixels.dtype == np.float32 and read.pixels.shape == (13, 17, channels)
    np.testing.assert_allclose(read.pixels, expected, atol=tolerance + 1e-6)
    assert (read.file_format, read.pixel_type) == (file_format, pixel_type)
    assert (read.frame, read.nonfinite, read.shape) == (7, 0, (13, 17))
    assert plates.rgb(read).shape == (13, 17, 3)
    assert plates.layer_pixels(read).shape == (13, 17, channels)
    assert plates.is_complete(tmp_path / f"p.{suffix}")


def test_cineon_is_read_like_dpx_and_needs_a_colour_space(tmp_path: Path) -> None:
    codes = np.random.default_rng(0).integers(0, 1024, (9, 12, 3))
    path = cineon(tmp_path / "p.cin", codes)
    read = plates.read_plate(path)
    np.testing.assert_allclose(read.pixels, codes / 1023, atol=2e-5)
    assert (read.file_format, read.channels) == ("cineon", ("R", "G", "B")) and plates.is_complete(path)
    with pytest.raises(ColorError, match="--colorspace"):
        ColorPipe.open(None, file_format=read.file_format, pixel_type=read.pixel_type)
    assert "truncated" in refused(truncate(path, 0.9))
    cineon(path, codes)
    with path.open("r+b") as file:
        file.truncate(path.stat().st_size - 1)
    assert "truncated" in refused(path)


@pytest.mark.parametrize("order", [">", "<"])
def test_cineon_with_a_false_user_data_size_is_refused_before_memory_is_allocated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, order: str
) -> None:
    path = cineon(tmp_path / "p.CIN", np.zeros((9, 12, 3), int))
    header = bytearray(path.read_bytes())
    header[:4] = struct.pack(f"{order}I", 0x802A5FD7)
    header[16:20] = struct.pack(f"{order}I", 0x7FFFFFFF)
    path.write_bytes(header)
    monkeypatch.setattr(plates.oiio, "ImageSpec", None)
    assert "damaged" in refused(path)


@pytest.mark.parametrize("suffix", ["jp2", "j2c"])
def test_jpeg_2000_is_read_like_png(tmp_path: Path, suffix: str) -> None:
    expected = picture(64, 80)
    path = save(tmp_path / f"p.{suffix}", expected, "uint16")
    read = plates.read_plate(path)
    np.testing.assert_allclose(read.pixels, expected, atol=0.01)
    assert (read.file_format, read.channels) == ("jpeg2000", ("R", "G", "B")) and plates.is_complete(path)
    pipes = [ColorPipe.open(None, file_format=name, pixel_type="uint16") for name in ("jpeg2000", "png")]
    assert pipes[0].space == pipes[1].space
    for share in (0.3, 0.9, 0.999):
        save(path, np.random.default_rng(0).random((64, 80, 3)), "uint16")
        assert "Convert" not in refused(truncate(path, share))


def test_jpeg_2000_without_a_reader_is_refused_with_the_format_to_convert_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "p.jp2"
    path.write_bytes(b"\0\0\0\x0cjP  ")
    assert "cannot be read as a picture" in refused(path)
    monkeypatch.setattr(oiio, "get_string_attribute", lambda _: "openexr,tiff")  # as of a build without OpenJPEG
    assert "Convert it to EXR, TIFF or PNG" in refused(path)


def test_a_ten_bit_dpx_gives_its_codes_over_1023(tmp_path: Path) -> None:
    codes = np.arange(1024).reshape(32, 32, 1).repeat(3, axis=-1)
    # OpenImageIO's writer cuts 16 bits down to 10, so a code stands in the upper bits.
    path = save(tmp_path / "p.dpx", (codes << 6).astype(np.uint16), "uint16", oiio_BitsPerSample=10)
    np.testing.assert_allclose(plates.read(path).pixels, codes / 1023, atol=2e-5)


def test_channels_in_files_of_another_library_are_read_by_name_and_not_by_position(tmp_path: Path) -> None:
    # OpenCV writes B, G, R and knows nothing of OpenImageIO.
    expected = np.round(picture() * 255).astype(np.uint8)
    for suffix in ("png", "tif"):
        path = tmp_path / f"p.{suffix}"
        assert cv2.imwrite(str(path), expected[..., ::-1])
        np.testing.assert_allclose(plates.rgb(plates.read(path)), expected / 255, atol=1e-6)


@pytest.mark.parametrize("size", [(1, 1), (1, 9), (9, 1), (31, 7)], ids=str)
@pytest.mark.parametrize("suffix", SUFFIXES)
def test_the_smallest_and_oddest_sizes_are_read(tmp_path: Path, suffix: str, size: tuple[int, int]) -> None:
    path = save(tmp_path / f"p.{suffix}", picture(*size), "half" if suffix == "exr" else "uint8")
    assert plates.read(path).pixels.shape == (*size, 3)


@pytest.mark.parametrize("suffix", ["exr", "png", "tif"])
def test_alpha_does_not_change_the_color(tmp_path: Path, suffix: str) -> None:
    rgba = np.concatenate([picture(), np.full((13, 17, 1), 0.25, np.float32)], axis=-1)
    path = save(tmp_path / f"p.{suffix}", rgba, "float" if suffix == "exr" else "uint16", oiio_UnassociatedAlpha=1)
    read = plates.read(path)
    assert read.channels == ("R", "G", "B", "A")
    np.testing.assert_allclose(plates.rgb(read), picture(), atol=1e-4)
    assert plates.read_plate(path).channels == ("R", "G", "B")


def test_the_first_channel_without_a_meaning_is_the_alpha_of_a_tiff(tmp_path: Path) -> None:
    pixels = np.dstack([picture(), np.linspace(0, 1, 13 * 17).reshape(13, 17)]).astype(np.float32)
    path = save(tmp_path / "selection.tif", pixels, "uint16", names=("R", "G", "B", "A"))
    tag = struct.pack("<HHI", 338, 3, 1)  # ExtraSamples, which says what the channel is: 1 for alpha, 0 for nothing
    data = path.read_bytes()
    assert data.count(tag + b"\1\0") == 1
    path.write_bytes(data.replace(tag + b"\1\0", tag + b"\0\0"))
    spec = oiio.ImageInput.open(str(path)).spec()
    assert spec.alpha_channel < 0 and spec.channelnames[3] == "channel3"  # the file does not call it alpha
    read = plates.read_alpha(path)
    assert read is not None
    alpha = plates.alpha_plane(read)
    assert alpha is not None and np.abs(alpha - pixels[..., 3]).max() < 1e-4


def test_only_the_channels_of_the_picture_are_read_for_a_plate(tmp_path: Path) -> None:
    names = ("Z", "B", "matte.A", "G", "R", "spec.R")
    pixels = picture(channels=6)
    path = save(tmp_path / "p.exr", pixels, "float", names=names)
    plate, whole = plates.read_plate(path, frame=3), plates.read(path)
    assert plate.channels == ("R", "G", "B") and plate.pixels.shape == (13, 17, 3) and plate.frame == 3
    np.testing.assert_array_equal(plate.pixels, pixels[..., [4, 3, 1]])
    np.testing.assert_array_equal(plates.layer_pixels(whole), plate.pixels)
    for index, name in enumerate(names):
        np.testing.assert_array_equal(whole.pixels[..., whole.channels.index(name)], pixels[..., index])


def save_parts(path: Path, *parts: tuple[str, str, float], **attributes: str) -> Path:
    """A multi-part EXR: name, channels and value of each; the attributes go to the last."""
    specs = []
    for name, channels, _ in parts:
        spec = oiio.ImageSpec(17, 13, len(channels.split()), "float")
        spec.channelnames = tuple(channels.split())
        spec.attribute("oiio:subimagename", name)
        specs.append(spec)
    for name, value in attributes.items():
        specs[-1].attribute(name, value)
    file = oiio.ImageOutput.create(str(path))
    assert file.open(str(path), tuple(specs)), file.geterror()
    for index, (_, _, value) in enumerate(parts):
        assert index == 0 or file.open(str(path), specs[index], "AppendSubimage"), file.geterror()
        assert file.write_image(np.full((13, 17, specs[index].nchannels), value, np.float32))
    assert file.close()
    return path


@pytest.mark.parametrize(
    ("parts", "layer", "channels", "value"),
    [
        pytest.param([("depth", "depth.Z", 1), ("beauty", "R G B", 2)], "beauty", "R G B", 2, id="bare channels"),
        pytest.param([("albedo", "R G B", 1), ("rgba", "R G B A", 2)], "rgba", "R G B", 2, id="Arnold"),
        pytest.param(
            [("ViewLayer.AO", "ViewLayer.AO.R ViewLayer.AO.G ViewLayer.AO.B", 1),
             ("ViewLayer.Combined", "ViewLayer.Combined.R ViewLayer.Combined.G ViewLayer.Combined.B", 2)],
            "ViewLayer.Combined", "ViewLayer.Combined.R ViewLayer.Combined.G ViewLayer.Combined.B", 2, id="Blender",
        ),
        pytest.param([("b", "R G B", 1), ("a", "R G B", 2)], "a", "R G B", 2, id="no known name"),
        pytest.param([("a", "mask", 1), ("b", "Y", 2), ("c0", "R G B", 3)], "c0", "R G B", 3, id="colour before grey"),
    ],
)  # fmt: skip
def test_of_several_parts_the_stated_one_is_read(
    tmp_path: Path, parts: list[tuple[str, str, float]], layer: str, channels: str, value: float
) -> None:
    path = save_parts(tmp_path / "parts.exr", *parts)
    for read in (plates.read(path), plates.read_plate(path)):
        assert (read.layer, read.picture_channels) == (layer, tuple(channels.split()))
        assert (plates.layer_pixels(read) == value).all()
    assert plates.read_header(path).layer == layer and plates.is_complete(path)


def test_a_layer_is_read_by_its_name(tmp_path: Path) -> None:
    names = ("Z", "albedo.R", "albedo.G", "albedo.B", "beauty.R", "beauty.G", "beauty.B")
    pixels = picture(channels=7)
    path = save(tmp_path / "p.exr", pixels, "float", names=names)
    header = plates.read_header(path)
    assert (header.layer, header.layers) == ("beauty", ("beauty", "albedo"))
    for layer, places in (("albedo", [1, 2, 3]), ("Beauty", [4, 5, 6]), ("", [0]), (None, [4, 5, 6])):
        for read in (plates.read(path, layer=layer), plates.read_plate(path, layer=layer)):
            np.testing.assert_array_equal(plates.layer_pixels(read), pixels[..., places])
        assert plates.read_header(path, layer=layer).picture_channels == tuple(names[place] for place in places)
    path = save_parts(tmp_path / "parts.exr", ("albedo", "R G B", 1), ("rgba", "R G B", 2), ("deep.z", "Z", 3))
    for layer, value in (("albedo", 1), ("rgba", 2), ("deep.z", 3)):
        assert (plates.read_plate(path, layer=layer).pixels == value).all()
    assert plates.read_header(path).layers == ("rgba", "albedo")


def test_a_missing_layer_is_refused_and_the_existing_ones_are_named(tmp_path: Path) -> None:
    path = save(tmp_path / "p.exr", picture(channels=4), names=("Z", "albedo.R", "albedo.G", "albedo.B"))
    parts = save_parts(tmp_path / "parts.exr", ("albedo", "R G B", 1), ("Z", "Z", 2))
    for file in (path, parts):
        for read in (plates.read, plates.read_plate, plates.read_header):
            with pytest.raises(PlateError) as error:
                read(file, frame=7, layer="beauty")
            message = str(error.value)
            assert "Frame 7" in message and str(file) in message and "'beauty'" in message and "albedo" in message
            assert "\n" not in message


def test_of_several_parts_a_matte_is_read_from_the_one_with_cryptomatte(tmp_path: Path) -> None:
    names = " ".join(f"crypto00.{name}" for name in "RGBA")
    attributes = {"cryptomatte/1234567/name": "crypto"}
    for beauty in ("beauty", "zz"):
        path = save_parts(tmp_path / "p.exr", (beauty, "R G B", 1), ("crypto", names, 2), **attributes)
        assert plates.read(path).channels == ("R", "G", "B")
        assert set(plates.read_matte_file(path).channels) == set(names.split())
        assert plates.read_header(path).layers == (beauty,)


def test_nan_and_infinity_are_replaced_and_counted(tmp_path: Path) -> None:
    pixels = picture()
    pixels[2, 3, 0] = np.nan
    pixels[2, 3, 1] = np.inf
    pixels[5, 6] = [-np.inf, 0.5, 1e9]
    for pixel_type, largest in (("float", 1e9), ("half", 65504)):
        if pixel_type == "half":
            pixels[5, 6, 2] = 65504
        read = plates.read(save(tmp_path / f"{pixel_type}.exr", pixels, pixel_type), frame=1)
        assert read.nonfinite == 2 and np.isfinite(read.pixels).all()
        assert read.broken is not None and np.argwhere(read.broken).tolist() == [[2, 3], [5, 6]]
        assert read.broken.dtype == np.bool_ and read.broken.shape == (13, 17)
        np.testing.assert_array_equal(read.pixels[2, 3, :2], [0, 65504])
        np.testing.assert_array_equal(read.pixels[5, 6], [-65504, 0.5, largest])


def test_only_pixels_of_the_channels_that_are_read_count_as_broken(tmp_path: Path) -> None:
    pixels = picture(channels=4)
    pixels[1, 2, 3] = np.nan
    path = save(tmp_path / "p.exr", pixels, names=("R", "G", "B", "Z"))
    whole, plate = plates.read(path), plates.read_plate(path)
    assert whole.broken is not None and np.argwhere(whole.broken).tolist() == [[1, 2]]
    assert plate.broken is None and plate.nonfinite == 0


def test_values_below_0_and_above_1_survive(tmp_path: Path) -> None:
    pixels = (picture() - 0.3) * 4000
    np.testing.assert_array_equal(plates.read(save(tmp_path / "p.exr", pixels, "float")).pixels, pixels)
    np.testing.assert_array_equal(plates.read(save(tmp_path / "p.tif", pixels, "float")).pixels, pixels)


@pytest.mark.parametrize(
    ("alpha", "says_something"),
    [
        pytest.param(lambda plane: plane, False, id="empty"),
        pytest.param(lambda plane: plane + 1, False, id="whole"),
        pytest.param(lambda plane: plane + 0.5, False, id="half everywhere"),
        pytest.param(lambda plane: np.where(np.indices(plane.shape).sum(axis=0) == 0, 1, plane), False, id="one stray"),
        pytest.param(lambda plane: np.where(np.indices(plane.shape).max(axis=0) < 4, 1, plane), True, id="small patch"),
        pytest.param(lambda plane: np.where(np.indices(plane.shape)[1] < 50, 0.5, plane), True, id="half of it"),
    ],
)
def test_an_alpha_that_is_the_same_everywhere_but_for_stray_pixels_says_nothing(
    alpha: Callable[[np.ndarray], np.ndarray], says_something: bool, tmp_path: Path
) -> None:
    plane = alpha(np.zeros((80, 100), np.float32)).astype(np.float32)
    path = tmp_path / "key.exr"
    frame_files.write_frame(path, {name: (plane if name == "A" else 0 * plane, "float") for name in "RGBA"})
    picture = plates.read_alpha(path)
    assert picture is not None
    assert (plates.alpha_plane(picture) is not None) == says_something

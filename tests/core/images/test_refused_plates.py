"""Pictures on disk that are broken, or of a kind that is not read, are refused in one line."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import OpenImageIO as oiio
import pytest
from picture_files import (
    SUFFIXES,
    exr_attribute,
    luminance_chroma,
    picture,
    refused,
    save,
    truncate,
    zeros_of_16k,
)
from PIL import Image

from stcolor_core.errors import PlateError
from stcolor_core.images import frame_files, opening, plates
from stcolor_core.images.picture_text import one_line


@pytest.mark.parametrize("share", [0.5, 0.9])
@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_truncated_picture_is_refused(tmp_path: Path, suffix: str, share: float) -> None:
    path = save(tmp_path / f"p.{suffix}", np.random.default_rng(0).random((40, 40, 3)).astype(np.float32), "uint16")
    truncate(path, share)
    with pytest.raises(PlateError) as error:
        plates.read(path, frame=1013)
    message = str(error.value)
    assert "Frame 1013" in message and str(path) in message and "truncated" in message
    # --missing skip alone does nothing for a frame that is there.
    assert "Render it again, or move it away and pass --missing skip or --missing hold." in message
    assert "\n" not in message


@pytest.mark.parametrize(
    "content", [b"", b"no picture", b"\0" * 5000, b"v/1\x01"], ids=["empty", "text", "zeros", "start"]
)
@pytest.mark.parametrize("suffix", SUFFIXES)
def test_garbage_in_a_file_named_as_a_picture_is_refused(tmp_path: Path, suffix: str, content: bytes) -> None:
    path = tmp_path / f"p.{suffix}"
    path.write_bytes(content)
    assert "cannot be read as a picture" in refused(path)


def test_a_missing_picture_and_a_folder_give_different_errors(tmp_path: Path) -> None:
    assert "is missing. Render it, or pass --missing skip or --missing hold." in refused(tmp_path / "none.exr")
    assert "is missing. Check the path." in refused(tmp_path / "none.exr", frame=None)
    (tmp_path / "folder.exr").mkdir()
    assert "is a folder" in refused(tmp_path / "folder.exr")


def test_other_formats_are_refused_by_name(tmp_path: Path) -> None:
    path = save(tmp_path / "p.tga", picture(), "uint8")
    assert "targa" in refused(path) and "EXR, DPX, TIFF, PNG or JPEG" in refused(path)


@pytest.mark.parametrize("suffix", ["avif", "heic"])
def test_a_type_that_is_not_read_is_to_be_converted(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"key.{suffix}"
    path.write_bytes(b"\0\0\0\x20ftyp" + bytes(300))
    with pytest.raises(PlateError, match=rf"is {suffix.upper()}, which cannot be read. Convert it to EXR"):
        plates.read(path)


def test_a_deep_picture_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "deep.exr"
    spec = oiio.ImageSpec(3, 2, 2, "float")
    spec.channelnames = ("A", "Z")
    spec.deep = True
    deep = oiio.DeepData()
    deep.init(6, 2, [oiio.TypeDesc("float")] * 2, ["A", "Z"])
    file = oiio.ImageOutput.create(str(path))
    assert file.open(str(path), spec), file.geterror()
    assert file.write_deep_image(deep), file.geterror()
    assert file.close()
    assert "deep" in refused(path)


def lie(path: Path, **windows: tuple[int, int, int, int]) -> Path:
    """Write other windows into the header of an EXR: xMin, yMin, xMax, yMax."""
    data = path.read_bytes()
    for name, window in windows.items():
        label = f"{name}\0box2i\0".encode()
        place = data.index(label) + len(label) + 4
        data = data[:place] + np.array(window, "<i4").tobytes() + data[place + 16 :]
    path.write_bytes(data)
    return path


@pytest.mark.parametrize(
    ("windows", "words"),
    [
        pytest.param({"dataWindow": (0, 0, 99_999, 99_999)}, "cannot be read", id="a huge picture"),
        pytest.param({"dataWindow": (0, 0, 700_000, 999)}, "cannot be read", id="a very wide one"),
        pytest.param(
            {"dataWindow": (0, 0, 2_000_000, 2_000_000)}, "cannot be read", id="more than OpenImageIO accepts"
        ),
        pytest.param({"dataWindow": (0, 0, 16_383, 16_383)}, "cannot be read", id="possible, and not there"),
        pytest.param({"dataWindow": (0, 0, 16, 99)}, "truncated or damaged", id="a little more than there is"),
        pytest.param({"dataWindow": (30_000_000, 0, 30_000_016, 12)}, "windows", id="pixels far away"),
        pytest.param({"displayWindow": (0, 0, 800_000_000, 12)}, "cannot be read", id="a huge display window"),
    ],
)
def test_a_header_with_false_windows_is_refused(
    tmp_path: Path, windows: dict[str, tuple[int, int, int, int]], words: str
) -> None:
    path = lie(save(tmp_path / "p.exr", picture(), "float", compression="none"), **windows)
    message = refused(path)
    assert words in message and "Render it again" in message


def test_a_picture_above_the_size_limit_is_refused_before_memory_is_allocated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = zeros_of_16k(tmp_path / "p.exr")
    monkeypatch.setattr(opening, "_MOST_PIXELS", 16_384 * 16_384 - 1)
    monkeypatch.setattr(np, "empty", None)
    assert "16384 x 16384" in refused(path)


def test_a_plate_of_16k_by_16k_is_not_too_large(tmp_path: Path) -> None:
    path = zeros_of_16k(tmp_path / "p.exr")
    assert plates.read_header(path).shape == (16_384, 16_384) and plates.is_complete(path)


@pytest.mark.slow
def test_a_plate_of_16k_by_16k_is_read(tmp_path: Path) -> None:
    read = plates.read_plate(zeros_of_16k(tmp_path / "p.exr"))
    assert read.pixels.shape == (16_384, 16_384, 1) and not read.pixels.any()


def test_text_that_is_not_utf_8_is_left_out_of_the_header_and_readable_in_messages(tmp_path: Path) -> None:
    path = save(tmp_path / "p.exr", picture(channels=4), names=("R", "G", "B", "Zuerich.Z"), owner="facility", shot="X")
    data = path.read_bytes()
    assert data.count(b"facility") == data.count(b"Zuerich") == 1
    for ascii_text, latin in ((b"facility", b"f\xe4cility"), (b"Zuerich", b"Z\xfcerich"), (b"shot\0", b"sh\xf6t\0")):
        data = data.replace(ascii_text, latin)
    path.write_bytes(data)
    read = plates.read(path)
    np.testing.assert_allclose(plates.rgb(read), picture(), atol=1e-3)
    assert "Copyright" not in read.metadata and all(name.isprintable() for name in read.metadata)
    assert read.channels == ("R", "G", "B", "Z\N{REPLACEMENT CHARACTER}erich.Z")
    whole, lie = b"channels\0chlist\0", b"\xffhannels\0float\0\0"
    path.write_bytes(path.read_bytes().replace(whole, lie))
    with pytest.raises(UnicodeDecodeError):
        open_error(path)
    message = refused(path)
    assert message.isprintable() and "cannot be read as a picture" in message


def test_the_message_of_a_library_is_cut_to_one_line_of_limited_length() -> None:
    assert one_line("EXR Error\n\x1b[31m: bad.\0 ") == "EXR Error [31m: bad"
    assert len(one_line("x" * 10_000)) < 400


def test_a_header_value_of_unknown_type_becomes_plain_text_of_limited_length(tmp_path: Path) -> None:
    for length, there in ((20, True), (5000, False)):
        path = save(tmp_path / "p.exr", picture(), shot="x" * length)
        path.write_bytes(path.read_bytes().replace(b"shot\0string\0", b"shot\0strinX\0"))
        metadata = plates.read_header(path).metadata
        assert metadata.get("shot") == ((ord("x"),) * length if there else None)


def test_luminance_and_chroma_of_two_resolutions_are_refused_with_the_remedy(tmp_path: Path) -> None:
    for length in (*range(40), 10_000, 70_000):  # the length moves the data after the header
        before = exr_attribute(b"before", b"string", b"x" * length)
        path = luminance_chroma(tmp_path / "p.exr", before=before)
        assert "Subsampled" in open_error(path)  # else the file is broken in another way
        message = refused(path)
        assert "BY, RY" in message and "R, G, B" in message and "Y alone" in message
    truncate(luminance_chroma(path), 0.1)
    assert "BY" not in refused(path) and "cannot be read as a picture" in refused(path)
    path = save(path, picture(), "half", names=("R", "G", "B"))
    path.write_bytes(path.read_bytes().replace(b"B\0\1\0\0\0\0", b"B\0\1\0\0\0\1"))
    damaged = path.read_bytes().replace(b"G\0\1\0\0\0\0\0\0\0\1", b"G\0\1\0\0\0\0\0\0\0\x81")
    path.write_bytes(damaged)
    assert "cannot be read as a picture" in refused(path)  # damaged, and not a luminance with chroma


def open_error(path: Path) -> str:
    assert oiio.ImageInput.open(str(path)) is None
    return str(oiio.geterror())


def test_a_size_that_does_not_fit_in_memory_is_refused(tmp_path: Path) -> None:
    path = save(tmp_path / "p.exr", picture(), "float", compression="none")
    data = path.read_bytes()
    for window in (b"dataWindow\0box2i\0", b"displayWindow\0box2i\0"):
        place = data.index(window) + len(window) + 4 + 8
        data = data[:place] + np.array([2_000_000, 2_000_000], "<i4").tobytes() + data[place + 8 :]
    path.write_bytes(data)
    refused(path)


@pytest.mark.parametrize("damage", ["truncated in its pixels", "a flipped bit in its pixels", "a flipped bit in IHDR"])
@pytest.mark.parametrize("frame", [None, 1013])
def test_a_damaged_png_is_told_in_one_line_with_its_name_and_libpng_prints_none_of_its_own(
    damage: str, frame: int | None, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    path = save(tmp_path / "p.png", picture(channels=3), "uint8")
    data = bytearray(path.read_bytes())
    if damage.startswith("truncated"):
        del data[len(data) // 2 :]
    else:
        place = 20 if damage.endswith("IHDR") else data.index(b"IDAT") + 30
        data[place] ^= 0x40
    path.write_bytes(data)
    with pytest.raises(PlateError, match=r"is truncated or damaged \((the file ends|the checksum)") as caught:
        plates.read(path, frame=frame)
    assert str(path) in str(caught.value) and "\n" not in str(caught.value)
    assert capfd.readouterr() == ("", "")


def test_a_png_whose_text_alone_is_damaged_is_read(tmp_path: Path) -> None:
    path = save(tmp_path / "p.png", picture(channels=3), "uint8")
    data = path.read_bytes()
    place = data.index(b"IDAT") - 4
    text = struct.pack(">I", 4) + b"tEXta\0bc" + b"\0\0\0\0"  # with a wrong checksum
    path.write_bytes(data[:place] + text + data[place:])
    assert plates.read(path, frame=1).shape == (13, 17)


@pytest.fixture(params=[False, True], ids=["baseline", "progressive"])
def jpeg(request: pytest.FixtureRequest, tmp_path: Path) -> bytes:
    """Return a JPEG with another JPEG in its header, as the thumbnail of a camera is one."""
    coded = []
    for side in (16, 96):
        pixels = np.random.default_rng(side).integers(0, 256, (side, side, 3), np.uint8)
        Image.fromarray(pixels).save(tmp_path / "coded.jpg", quality=80, progressive=request.param)
        coded.append((tmp_path / "coded.jpg").read_bytes())
    thumbnail, whole = coded
    return whole[:2] + b"\xff\xe1" + struct.pack(">H", len(thumbnail) + 2) + thumbnail + whole[2:]


@pytest.mark.parametrize("share", [0.25, 0.5, 0.75, 0.99])
def test_a_jpeg_that_ends_too_early_is_refused_although_a_progressive_one_gives_a_picture(
    tmp_path: Path, jpeg: bytes, share: float
) -> None:
    path = tmp_path / "p.jpg"
    path.write_bytes(jpeg[: int(len(jpeg) * share)])
    assert "is truncated" in refused(path) and not plates.is_complete(path)


@pytest.mark.parametrize(
    "appended", [b"", bytes(5000), b"\0\0\0\x18ftypmp42" + bytes(range(256)) * 20, b"\xff\xd8\xff"]
)
def test_what_a_camera_appends_to_a_jpeg_is_left_alone(tmp_path: Path, jpeg: bytes, appended: bytes) -> None:
    path = tmp_path / "p.jpg"
    path.write_bytes(jpeg + appended)
    assert plates.read(path).shape == (96, 96)


@pytest.mark.parametrize(
    ("kind", "told"),
    [
        (8, "is a TIFF in CIELab, whose colours cannot be read. Convert it to RGB."),
        (34892, "is a TIFF in camera raw, whose colours cannot be read. Convert it to RGB."),
        (4, "is a TIFF in colour model 4, whose colours cannot be read. Convert it to RGB."),
        (9, "can not handle|. Convert it to a TIFF in RGB."),
        (32845, "LogLuv|. Convert it to a TIFF in RGB."),
    ],
)
def test_a_tiff_in_another_colour_model_is_to_be_converted(tmp_path: Path, kind: int, told: str) -> None:
    path = save(tmp_path / "key.tif", picture(channels=3), "uint8")
    assert plates.read(path).shape == (13, 17)
    data = bytearray(path.read_bytes())
    entry = struct.pack("<HHI", 262, 3, 1)  # PhotometricInterpretation, a short, one value
    place = data.index(entry) + len(entry)
    data[place : place + 2] = struct.pack("<H", kind)
    path.write_bytes(data)
    message = refused(path, frame=None)
    assert all(words in message for words in told.split("|"))


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "CMYK", "YCbCr"])
def test_a_tiff_in_a_usual_colour_model_is_read(tmp_path: Path, mode: str) -> None:
    colored = Image.new("RGB", (16, 16), (200, 80, 40))
    colored.convert(mode).save(tmp_path / "key.tif")
    values = plates.rgb(plates.read(tmp_path / "key.tif")).mean(axis=(0, 1)) * 255
    expected = np.asarray(colored.convert(mode).convert("RGB"), np.float32).mean(axis=(0, 1))
    np.testing.assert_allclose(values, expected, atol=4)


def test_a_coloured_picture_without_blue_is_refused_and_the_channel_is_named(tmp_path: Path) -> None:
    path = tmp_path / "key.exr"
    frame_files.write_frame(path, {name: (np.ones((9, 9), np.float32), "half") for name in "RG"})
    told = r"^Reference 1004 \(.*\) has R and G, but no B, so that its colours are not known\. Write R, G and B into it"
    with pytest.raises(PlateError, match=told):
        plates.read_colored(path, role="Reference 1004")
    assert plates.read(path).channels == ("R", "G")  # as a plate or a matte it is one of its channels

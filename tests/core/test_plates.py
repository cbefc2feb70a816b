"""Pictures on disk: real files of every kind, written by OpenImageIO or OpenCV, whole, broken and odd."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import OpenImageIO as oiio
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from stcolor_core import plates
from stcolor_core.color import ColorPipe
from stcolor_core.errors import OutputError, PlateError

SUFFIXES = ["exr", "dpx", "tif", "png", "jpg"]


def picture(height: int = 13, width: int = 17, channels: int = 3) -> NDArray[np.float32]:
    """Smooth enough that JPEG keeps it."""
    y, x = np.mgrid[:height, :width] / max(height, width)
    return np.stack([(x + y + 0.1 * c) / 3 for c in range(channels)], axis=-1).astype(np.float32)


def save(
    path: Path,
    pixels: NDArray[Any],
    pixel_type: str = "half",
    *,
    names: tuple[str, ...] | None = None,
    window: plates.Window | None = None,
    origin: tuple[int, int] = (0, 0),
    **attributes: Any,
) -> Path:
    """A picture straight through OpenImageIO; `_` in an attribute's name stands for a colon."""
    height, width, channels = pixels.shape
    spec = oiio.ImageSpec(width, height, channels, pixel_type)
    if names:
        spec.channelnames = names
    spec.x, spec.y = origin
    if window:
        spec.full_x, spec.full_y, spec.full_width, spec.full_height = window
    for name, value in attributes.items():
        kind, value = value if isinstance(value, tuple) else (None, value)
        key = name.replace("_", ":")
        spec.attribute(key, oiio.TypeDesc(kind), value) if kind else spec.attribute(key, value)
    file = oiio.ImageOutput.create(str(path))
    assert file.open(str(path), spec), file.geterror()
    assert file.write_image(pixels), file.geterror()
    assert file.close()
    return path


def truncate(path: Path, share: float) -> Path:
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])
    return path


def refused(path: Path, *, frame: int | None = 1013) -> str:
    """The one line with which a picture is refused."""
    with pytest.raises(PlateError) as error:
        plates.read(path, frame=frame)
    message = str(error.value)
    assert "\n" not in message and str(path) in message
    assert frame is None or f"Frame {frame}" in message
    assert not plates.is_complete(path)
    return message


# Reading


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
def test_every_format_comes_in_as_float_with_its_type(
    tmp_path: Path, suffix: str, pixel_type: str, file_format: str, tolerance: float, channels: int
) -> None:
    expected = picture(channels=channels)
    read = plates.read(save(tmp_path / f"p.{suffix}", expected, pixel_type), frame=7)
    assert read.pixels.dtype == np.float32 and read.pixels.shape == (13, 17, channels)
    np.testing.assert_allclose(read.pixels, expected, atol=tolerance + 1e-6)
    assert (read.file_format, read.pixel_type) == (file_format, pixel_type)
    assert (read.frame, read.nonfinite, read.shape) == (7, 0, (13, 17))
    assert plates.rgb(read).shape == (13, 17, 3)
    assert plates.luma_channels(read).shape == (13, 17, channels)
    assert plates.is_complete(tmp_path / f"p.{suffix}")


def test_a_ten_bit_dpx_gives_its_codes_over_1023(tmp_path: Path) -> None:
    codes = np.arange(1024).reshape(32, 32, 1).repeat(3, axis=-1)
    # OpenImageIO's writer cuts 16 bits down to 10, so a code stands in the upper bits.
    path = save(tmp_path / "p.dpx", (codes << 6).astype(np.uint16), "uint16", oiio_BitsPerSample=10)
    np.testing.assert_allclose(plates.read(path).pixels, codes / 1023, atol=2e-5)


def test_another_library_s_files_come_in_by_name_and_not_by_place(tmp_path: Path) -> None:
    # OpenCV writes B, G, R and knows nothing of OpenImageIO.
    expected = np.round(picture() * 255).astype(np.uint8)
    for suffix in ("png", "tif"):
        path = tmp_path / f"p.{suffix}"
        assert cv2.imwrite(str(path), expected[..., ::-1])
        np.testing.assert_allclose(plates.rgb(plates.read(path)), expected / 255, atol=1e-6)


@pytest.mark.parametrize("size", [(1, 1), (1, 9), (9, 1), (31, 7)], ids=str)
@pytest.mark.parametrize("suffix", SUFFIXES)
def test_the_smallest_and_oddest_sizes_come_in(tmp_path: Path, suffix: str, size: tuple[int, int]) -> None:
    path = save(tmp_path / f"p.{suffix}", picture(*size), "half" if suffix == "exr" else "uint8")
    assert plates.read(path).pixels.shape == (*size, 3)


@pytest.mark.parametrize("suffix", ["exr", "png", "tif"])
def test_alpha_leaves_color_as_it_is(tmp_path: Path, suffix: str) -> None:
    rgba = np.concatenate([picture(), np.full((13, 17, 1), 0.25, np.float32)], axis=-1)
    path = save(tmp_path / f"p.{suffix}", rgba, "float" if suffix == "exr" else "uint16", oiio_UnassociatedAlpha=1)
    read = plates.read(path)
    assert read.channels == ("R", "G", "B", "A")
    np.testing.assert_allclose(plates.rgb(read), picture(), atol=1e-4)
    assert plates.read_plate(path).channels == ("R", "G", "B")


@pytest.mark.parametrize(
    ("names", "chosen"),
    [
        pytest.param("R G B A", "R G B", id="rgba"),
        pytest.param("A B G R", "R G B", id="the order in the file does not matter"),
        pytest.param("Y", "Y", id="luminance"),
        pytest.param("A Y", "Y", id="luminance after alpha"),
        pytest.param("Z R G B diffuse.R diffuse.G diffuse.B", "R G B", id="the picture before its passes"),
        pytest.param(
            "Z diffuse.B diffuse.G diffuse.R spec.R spec.G spec.B", "diffuse.R diffuse.G diffuse.B", id="layer"
        ),
        pytest.param("rgba.red rgba.green rgba.blue rgba.alpha", "rgba.red rgba.green rgba.blue", id="long names"),
        pytest.param("motion.x motion.y luma", "motion.x", id="y of a vector is no luminance"),
        pytest.param("A R", "R", id="red alone"),
        pytest.param("A", "A", id="alpha alone"),
        pytest.param("roto.alpha matte", "matte", id="not the alpha of a layer"),
    ],
)
def test_the_picture_s_channels_are_found_by_name(names: str, chosen: str) -> None:
    assert plates.plate_channels(names.split()) == tuple(chosen.split())


def test_only_the_picture_s_channels_are_read_for_a_plate(tmp_path: Path) -> None:
    names = ("Z", "B", "matte.A", "G", "R", "spec.R")
    pixels = picture(channels=6)
    path = save(tmp_path / "p.exr", pixels, "float", names=names)
    plate, whole = plates.read_plate(path, frame=3), plates.read(path)
    assert plate.channels == ("R", "G", "B") and plate.pixels.shape == (13, 17, 3) and plate.frame == 3
    np.testing.assert_array_equal(plate.pixels, pixels[..., [4, 3, 1]])
    np.testing.assert_array_equal(plates.luma_channels(whole), plate.pixels)
    for index, name in enumerate(names):
        np.testing.assert_array_equal(whole.pixels[..., whole.channels.index(name)], pixels[..., index])


def test_of_several_parts_the_one_with_the_picture_is_read(tmp_path: Path) -> None:
    path = tmp_path / "parts.exr"
    depth, beauty = oiio.ImageSpec(17, 13, 1, "float"), oiio.ImageSpec(17, 13, 3, "half")
    depth.channelnames = ("depth.Z",)
    depth.attribute("oiio:subimagename", "depth")
    beauty.attribute("oiio:subimagename", "beauty")
    file = oiio.ImageOutput.create(str(path))
    assert file.open(str(path), (depth, beauty)) and file.write_image(np.zeros((13, 17, 1), np.float32))
    assert file.open(str(path), beauty, "AppendSubimage") and file.write_image(picture())
    assert file.close()
    read = plates.read(path)
    assert read.channels == ("R", "G", "B")
    np.testing.assert_allclose(read.pixels, picture(), atol=1e-3)
    assert plates.read_header(path).channels == ("R", "G", "B") and plates.is_complete(path)


def test_of_several_parts_a_matte_is_read_from_the_one_with_cryptomatte(tmp_path: Path) -> None:
    path = tmp_path / "parts.exr"
    beauty, ids = oiio.ImageSpec(17, 13, 3, "half"), oiio.ImageSpec(17, 13, 4, "float")
    beauty.attribute("oiio:subimagename", "beauty")
    ids.channelnames = tuple(f"crypto00.{name}" for name in "RGBA")
    ids.attribute("oiio:subimagename", "crypto")
    ids.attribute("cryptomatte/1234567/name", "crypto")
    file = oiio.ImageOutput.create(str(path))
    assert file.open(str(path), (beauty, ids)) and file.write_image(picture())
    assert file.open(str(path), ids, "AppendSubimage") and file.write_image(np.ones((13, 17, 4), np.float32))
    assert file.close()
    assert plates.read(path).channels == ("R", "G", "B")
    assert set(plates.read_matte_file(path).channels) == set(ids.channelnames)


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
        np.testing.assert_array_equal(read.pixels[2, 3, :2], [0, 65504])
        np.testing.assert_array_equal(read.pixels[5, 6], [-65504, 0.5, largest])


def test_values_below_0_and_above_1_survive(tmp_path: Path) -> None:
    pixels = (picture() - 0.3) * 4000
    np.testing.assert_array_equal(plates.read(save(tmp_path / "p.exr", pixels, "float")).pixels, pixels)
    np.testing.assert_array_equal(plates.read(save(tmp_path / "p.tif", pixels, "float")).pixels, pixels)


# What cannot be read


@pytest.mark.parametrize("share", [0.5, 0.9])
@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_truncated_picture_is_refused(tmp_path: Path, suffix: str, share: float) -> None:
    path = save(tmp_path / f"p.{suffix}", np.random.default_rng(0).random((40, 40, 3)).astype(np.float32), "uint16")
    truncate(path, share)
    with pytest.raises(PlateError) as error:
        plates.read(path, frame=1013)
    message = str(error.value)
    assert "Frame 1013" in message and str(path) in message and "truncated" in message and "--missing skip" in message
    assert "\n" not in message


@pytest.mark.parametrize(
    "content", [b"", b"no picture", b"\0" * 5000, b"v/1\x01"], ids=["empty", "text", "zeros", "start"]
)
@pytest.mark.parametrize("suffix", SUFFIXES)
def test_garbage_under_a_picture_s_name_is_refused(tmp_path: Path, suffix: str, content: bytes) -> None:
    path = tmp_path / f"p.{suffix}"
    path.write_bytes(content)
    assert "cannot be read as a picture" in refused(path)


def test_a_missing_picture_and_a_folder_are_told_apart(tmp_path: Path) -> None:
    assert "is missing. Render it, or pass --missing skip or hold." in refused(tmp_path / "none.exr")
    assert "is missing. Check the path." in refused(tmp_path / "none.exr", frame=None)
    (tmp_path / "folder.exr").mkdir()
    assert "is no file" in refused(tmp_path / "folder.exr")


def test_other_formats_are_refused_by_name(tmp_path: Path) -> None:
    path = save(tmp_path / "p.tga", picture(), "uint8")
    assert "targa" in refused(path) and "EXR, DPX, TIFF, PNG or JPEG" in refused(path)


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


def test_a_size_that_no_memory_holds_is_refused(tmp_path: Path) -> None:
    path = save(tmp_path / "p.exr", picture(), "float", compression="none")
    data = path.read_bytes()
    for window in (b"dataWindow\0box2i\0", b"displayWindow\0box2i\0"):
        place = data.index(window) + len(window) + 4 + 8
        data = data[:place] + np.array([2_000_000, 2_000_000], "<i4").tobytes() + data[place + 8 :]
    path.write_bytes(data)
    refused(path)


# Writing


def test_channels_of_both_types_come_back_bit_for_bit_under_their_names(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    ids = rng.integers(0, 2**31 - 2**24, (13, 17)).astype(np.uint32).view(np.float32)
    ids[~np.isfinite(ids)] = 0
    halves = {name: rng.normal(0, 60, (13, 17)).astype(np.float16) for name in ("R", "G", "B", "rc_ab.u", "rc_ab.v")}
    floats = {"rc_st.u": rng.random((13, 17), np.float32), "rc_id00.R": ids, "rc_id00.A": ids[::-1].copy()}
    layers: dict[str, tuple[NDArray[Any], plates.PixelType]] = {
        name: (values, "half") for name, values in halves.items()
    }
    layers |= {name: (values, "float") for name, values in floats.items()}
    path = tmp_path / "out" / "sh.1001.exr"
    plates.write_frame(path, layers, metadata={"stcolor/version": "1", "cryptomatte/1234567/name": "rc_id"})
    read = plates.read(path)
    assert sorted(read.channels) == sorted(layers)
    for name, (values, _) in layers.items():
        back = read.pixels[..., read.channels.index(name)].astype(values.dtype)
        assert back.tobytes() == values.tobytes(), name
    assert read.metadata["compression"] == "zips" and read.metadata["cryptomatte/1234567/name"] == "rc_id"
    file = oiio.ImageInput.open(str(path))
    types = dict(zip(file.spec().channelnames, map(str, file.spec().channelformats), strict=True))
    assert types == {name: pixel_type for name, (_, pixel_type) in layers.items()}


def test_every_grey_of_half_goes_through_files_and_composite_bit_for_bit(tmp_path: Path) -> None:
    every = np.arange(2**16, dtype=np.uint16).view(np.float16)
    grey = every[np.isfinite(every)].reshape(248, 256, 1)
    plate = plates.read_plate(save(tmp_path / "plate.exr", grey, names=("Y",)))
    pipe = ColorPipe.open(None, file_format=plate.file_format, pixel_type=plate.pixel_type)
    color = pipe.composite(plates.luma_channels(plate), np.zeros((*plate.shape, 2), np.float32))
    plates.write_frame(tmp_path / "out.exr", {n: (color[..., i], "half") for i, n in enumerate("RGB")}, like=plate)
    back = plates.read(tmp_path / "out.exr").pixels.astype(np.float16)
    assert back.tobytes() == np.repeat(grey, 3, axis=-1).tobytes()


def test_what_half_cannot_hold_is_clamped_and_float_is_left(tmp_path: Path) -> None:
    values = np.array([[1e6, -1e6, 65519.0, np.inf, -0.0]], np.float32)
    plates.write_frame(
        tmp_path / "p.exr", {"half": (values, "half"), "float": (values[:, :3].repeat(2, 1)[:, :5], "float")}
    )
    read = plates.read(tmp_path / "p.exr")
    half = read.pixels[0, :, read.channels.index("half")]
    np.testing.assert_array_equal(half, [65504, -65504, 65504, 65504, 0])
    assert np.signbit(half[-1]) and read.pixels[0, 0, read.channels.index("float")] == 1e6
    assert read.nonfinite == 0


def test_overscan_and_everything_a_plate_says_are_carried_over(tmp_path: Path) -> None:
    plate = plates.read(
        save(
            tmp_path / "plate.exr",
            picture(),
            origin=(-3, -2),
            window=(0, 0, 11, 9),
            PixelAspectRatio=2.0,
            compression="dwaa",
            owner="facility",
            **{
                "smpte_TimeCode": ("timecode", (0x10203040, 7)),
                "FramesPerSecond": ("rational", (24000, 1001)),
                "worldToCamera": ("matrix", tuple(range(16))),
                "nuke/size": ("int[2]", (4, 5)),
                "nuke/node": "abc",
                "cryptomatte/1234567/name": "stale",
                "stcolor/settings": "stale",
            },
        )
    )
    assert plate.data_window == (-3, -2, 17, 13) and plate.display_window == (0, 0, 11, 9)
    values = plate.pixels[..., 0]
    plates.write_frame(tmp_path / "out.exr", {"R": (values, "half")}, like=plate, metadata={"stcolor/settings": "new"})
    out = plates.read(tmp_path / "out.exr")
    assert (out.data_window, out.display_window) == (plate.data_window, plate.display_window)
    np.testing.assert_array_equal(out.pixels[..., 0], values)
    for name in (
        "PixelAspectRatio",
        "smpte:TimeCode",
        "FramesPerSecond",
        "worldToCamera",
        "nuke/size",
        "nuke/node",
        "Copyright",
    ):
        assert out.metadata[name] == plate.metadata[name], name
        assert out.metadata_types[name] == plate.metadata_types[name], name
    assert "cryptomatte/1234567/name" not in out.metadata
    assert out.metadata["compression"] == "zips" and out.metadata["stcolor/settings"] == "new"


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_plate_of_any_format_can_be_followed(tmp_path: Path, suffix: str) -> None:
    plate = plates.read(save(tmp_path / f"p.{suffix}", picture(), "uint8", Orientation=6))
    plates.write_frame(tmp_path / "out.exr", {"R": (plate.pixels[..., 0], "half")}, like=plate)
    out = plates.read(tmp_path / "out.exr")
    assert out.shape == plate.shape and "Orientation" not in out.metadata


def test_a_frame_without_channels_or_of_two_sizes_is_a_programming_error(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="at least one"):
        plates.write_frame(tmp_path / "p.exr", {})
    with pytest.raises(ValueError, match="channel G"):
        plates.write_frame(tmp_path / "p.exr", {"R": (np.ones((3, 4)), "half"), "G": (np.ones((4, 3)), "half")})
    assert list(tmp_path.iterdir()) == []


# What cannot be written


def write_grey(path: Path, size: int = 64) -> None:
    plates.write_frame(path, {"Y": (np.random.default_rng(0).random((size, size)), "float")})


def test_a_new_frame_replaces_the_old_one_and_leaves_nothing_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "sh.1001.exr"
    path.write_bytes(b"old")
    write_grey(path)
    assert plates.is_complete(path) and [p.name for p in tmp_path.iterdir()] == ["sh.1001.exr"]


def test_what_a_killed_writer_left_goes_and_what_a_live_one_writes_stays(tmp_path: Path) -> None:
    dead, live, other = (
        tmp_path / name for name in (".sh.1002.exr.0123abcd.partial", ".sh.1002.exr.4567abcd.partial", ".mine.partial")
    )
    for partial in (dead, live, other):
        partial.write_bytes(b"half a frame")
    two_hours_ago = live.stat().st_mtime - 7200
    for partial in (dead, other):
        os.utime(partial, (two_hours_ago, two_hours_ago))
    write_grey(tmp_path / "sh.1001.exr")
    assert sorted(tmp_path.iterdir()) == sorted([live, other, tmp_path / "sh.1001.exr"])


def test_two_who_write_the_same_frame_at_once_both_write_it_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, meet = tmp_path / "sh.1001.exr", threading.Barrier(2)
    whole = plates.is_complete

    def met(partial: Path) -> bool:
        meet.wait(60)  # both are written, none is renamed
        return whole(partial)

    monkeypatch.setattr(plates, "is_complete", met)
    with ThreadPoolExecutor(2) as writers:
        for written in [writers.submit(write_grey, path, size) for size in (64, 64)]:
            written.result()
    assert whole(path) and [p.name for p in tmp_path.iterdir()] == ["sh.1001.exr"]


def test_a_file_in_the_folder_s_place_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("not a folder")
    for path in (tmp_path / "out" / "sh.1001.exr", tmp_path / "out" / "deeper" / "sh.1001.exr"):
        with pytest.raises(OutputError, match=r"sh\.1001\.exr cannot be written") as error:
            write_grey(path)
        assert "\n" not in str(error.value)
    assert [p.name for p in tmp_path.iterdir()] == ["out"]


def test_a_folder_in_the_frame_s_place_is_one_line_and_leaves_no_partial(tmp_path: Path) -> None:
    (tmp_path / "sh.1001.exr").mkdir()
    with pytest.raises(OutputError, match=r"sh\.1001\.exr cannot be written"):
        write_grey(tmp_path / "sh.1001.exr")
    assert [p.name for p in tmp_path.iterdir()] == ["sh.1001.exr"]


def test_a_folder_without_rights_is_one_line(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    try:
        try:
            (tmp_path / "probe").touch()
        except PermissionError:
            pass
        else:
            pytest.skip("this user may write everywhere")
        with pytest.raises(OutputError, match="cannot be written"):
            write_grey(tmp_path / "sh.1001.exr")
    finally:
        tmp_path.chmod(0o700)


def test_a_frame_held_open_by_another_program_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def held(*_: Path) -> None:
        raise PermissionError(13, "The process cannot access the file")

    monkeypatch.setattr(Path, "replace", held)  # what Windows does where Nuke has the old frame open
    with pytest.raises(OutputError, match="close any program that has the file open"):
        write_grey(tmp_path / "sh.1001.exr")
    assert list(tmp_path.iterdir()) == []


FULL_DISK = """
import resource, sys
from pathlib import Path
import numpy as np
from stcolor_core import plates
from stcolor_core.errors import OutputError
path = Path(sys.argv[1])
layers = {"Y": (np.random.default_rng(0).random((64, 64)), "float")}
plates.write_frame(path, layers)
size = path.stat().st_size
for short in (size, size - 10, 9000, 5000, 100, 1):
    path.unlink(missing_ok=True)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size - short, resource.RLIM_INFINITY))
    try:
        plates.write_frame(path, layers)
    except OutputError as error:
        assert "\\n" not in str(error) and "disk" in str(error), error
    else:
        sys.exit(f"{short} bytes short went unnoticed")
    assert list(path.parent.iterdir()) == [], short
resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))
plates.write_frame(path, layers)
assert plates.is_complete(path)
"""


def test_a_full_disk_is_noticed_to_the_last_byte_and_nothing_is_left(tmp_path: Path) -> None:
    pytest.importorskip("resource", reason="file size limits are POSIX")
    done = subprocess.run(
        [sys.executable, "-c", FULL_DISK, str(tmp_path / "sh.1001.exr")], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_an_interrupted_write_leaves_no_partial(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: object) -> bool:
        (partial,) = tmp_path.iterdir()
        assert partial.name.startswith(".sh.1001.exr.") and partial.suffix == ".partial"
        raise KeyboardInterrupt

    monkeypatch.setattr(plates, "is_complete", interrupt)
    with pytest.raises(KeyboardInterrupt):
        write_grey(tmp_path / "sh.1001.exr")
    assert list(tmp_path.iterdir()) == []


@given(st.floats(0, 0.999))
@settings(max_examples=25, deadline=None)
def test_a_frame_cut_anywhere_is_not_complete(tmp_path_factory: pytest.TempPathFactory, share: float) -> None:
    path = tmp_path_factory.mktemp("cut") / "sh.1001.exr"
    write_grey(path, size=16)
    assert plates.is_complete(path)
    assert not plates.is_complete(truncate(path, share))

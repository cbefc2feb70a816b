"""EXR files written through OpenEXR are equal to those that OpenImageIO writes, attribute by attribute."""

from __future__ import annotations

import ctypes
from pathlib import Path
from typing import Any

import numpy as np
import OpenEXR
import OpenImageIO as oiio
import pytest
from numpy.typing import NDArray

from stcolor_core.errors import OutputError
from stcolor_core.images import exr_files, plates
from stcolor_core.images.exr_files import write_exr

# One attribute of every type that OpenImageIO can write into an EXR; names without a colon are kept as they are.
ATTRIBUTES: list[tuple[str, str, Any]] = [
    ("smpte:TimeCode", "timecode", (0x01020304, 0x12345678)),
    ("smpte:KeyCode", "keycode", (1, 2, 3, 4, 5, 4, 64)),
    ("FramesPerSecond", "rational2i", (24000, 1001)),
    ("PixelAspectRatio", "float", 2.0),
    ("screenWindowCenter", "vector2", (0.1, 0.2)),
    ("screenWindowWidth", "float", 1.5),
    ("chromaticities", "float[8]", (0.64, 0.33, 0.3, 0.6, 0.15, 0.06, 0.3127, 0.329)),
    ("adoptedNeutral", "vector2", (0.3, 0.31)),
    ("colorInteropID", "string", "lin_rec709_scene"),
    ("Make", "string", "ARRI"),
    ("DateTime", "string", "2026:01:02 03:04:05"),
    ("Copyright", "string", "facility"),
    ("worldtocamera", "matrix", tuple(map(float, range(16)))),
    ("worldtoNDC", "matrix", tuple(map(float, range(16)))),
    ("nuke/matrix33", "matrix33", tuple(map(float, range(9)))),
    ("nuke/int", "int", -7),
    ("nuke/uint", "uint", 7),
    ("nuke/float", "float", 0.1),
    ("nuke/double", "double", 0.1),
    ("nuke/point2i", "int[2]", (4, 5)),
    ("nuke/point3i", "int[3]", (4, 5, 6)),
    ("nuke/ints", "int[5]", (1, 2, 3, 4, 5)),
    ("nuke/vector", "vector", (1.0, 2.0, 3.0)),
    ("nuke/color", "color", (1.0, 2.0, 3.0)),
    ("nuke/one", "float[1]", (1.0,)),
    ("nuke/floats", "float[5]", (1.0, 2.0, 3.0, 4.0, 5.0)),
    ("nuke/strings", "string[3]", ("a", "b", "c")),
    ("nuke/box", "box2i", (1, 2, 3, 4)),
    ("nuke/boxf", "box2", (1.0, 2.0, 3.0, 4.0)),
    ("nuke/empty", "string", ""),
    ("nuke/ümlaut", "string", "häß"),
    ("nuke/an attribute whose name has more than thirty one characters", "int", 1),
]


def make_spec(attributes: list[tuple[str, str, Any]]) -> Any:
    spec = oiio.ImageSpec(17, 13, 1, "half")
    spec.x, spec.y = -3, -2
    spec.full_x, spec.full_y, spec.full_width, spec.full_height = 1, 2, 11, 9
    for name, kind, value in attributes:
        spec.attribute(name, oiio.TypeDesc(kind), value)
    return spec


def make_channels() -> dict[str, NDArray[Any]]:
    """Return the channels of a frame, with every kind of value that its layers can have."""
    rng = np.random.default_rng(3)
    special = np.array([0, -0.0, np.inf, -np.inf, np.nan, 6e-8, 65504], np.float16)
    halves = {name: rng.normal(0, 60, (13, 17)).astype(np.float16) for name in ("R", "G", "B", "rc_ab.u", "rc_ab.v")}
    halves["R"][0, : len(special)] = special
    ids = rng.integers(0, 2**32, (13, 17), np.uint32).view(np.float32)
    return {**halves, "rc_st.u": rng.random((13, 17), np.float32), "rc_id00.R": ids, "rc_id00.A": ids[::-1]}


def write_by_openimageio(path: Path, spec: Any, channels: dict[str, NDArray[Any]]) -> None:
    """Write a frame as `write_frame` did up to November 2026."""
    spec = oiio.ImageSpec(spec)
    spec.nchannels, spec.channelnames = len(channels), tuple(channels)
    spec.channelformats = tuple(
        oiio.TypeDesc("half" if values.dtype == np.float16 else "float") for values in channels.values()
    )
    spec.attribute("compression", "zips")
    file: Any = oiio.ImageOutput.create("exr")
    assert file.open(str(path), spec), file.geterror()
    assert file.write_image(np.stack([values.astype(np.float32) for values in channels.values()], axis=-1))
    assert file.close()


def openexr_header(path: Path) -> dict[str, str]:
    header = OpenEXR.File(str(path), header_only=True).header()
    return {name: f"{type(value).__name__} {value!r}" for name, value in header.items() if name != "channels"}


def test_a_file_equals_the_one_that_openimageio_writes(tmp_path: Path) -> None:
    spec, channels = make_spec(ATTRIBUTES), make_channels()
    ours, other = tmp_path / "ours.exr", tmp_path / "other.exr"
    write_exr(ours, spec, channels, final_path=ours)
    write_by_openimageio(other, spec, channels)
    ours_read, other_read = plates.read_header(ours), plates.read_header(other)
    assert ours_read.data_window == other_read.data_window == (-3, -2, 17, 13)
    assert ours_read.display_window == other_read.display_window == (1, 2, 11, 9)
    assert ours_read.metadata == other_read.metadata and ours_read.metadata["compression"] == "zips"
    assert ours_read.metadata_types == other_read.metadata_types
    assert len(other_read.metadata) >= len(ATTRIBUTES) - 5  # OpenImageIO itself drops some types
    assert openexr_header(ours) == openexr_header(other)
    first, second = (OpenEXR.File(str(path), separate_channels=True).channels() for path in (ours, other))
    assert sorted(first) == sorted(second) == sorted(channels)
    for name, values in channels.items():
        assert first[name].pixels.tobytes() == values.tobytes(), name
        if name != "rc_id00.R":  # OpenImageIO changes the bits of some NaN
            np.testing.assert_array_equal(first[name].pixels, second[name].pixels, err_msg=name)


@pytest.mark.parametrize("compression", ["none", "zips", "zip", "piz"])
def test_lossless_compressions_keep_every_bit(tmp_path: Path, compression: str) -> None:
    channels = make_channels()
    write_exr(tmp_path / "a.exr", make_spec([]), channels, final_path=tmp_path / "a.exr", compression=compression)
    read = OpenEXR.File(str(tmp_path / "a.exr"), separate_channels=True).channels()
    assert {name: channel.pixels.tobytes() for name, channel in read.items()} == {
        name: values.tobytes() for name, values in channels.items()
    }
    assert plates.read_header(tmp_path / "a.exr").metadata["compression"] == compression


@pytest.mark.parametrize(
    "broken",
    [
        ("smpte:KeyCode", "keycode", (1, 2, 3, 4, 5, 99, 15)),  # at most 15 perforations a frame
        ("FramesPerSecond", "rational2i", (24, 0)),
    ],
)
def test_an_attribute_that_openexr_refuses_is_left_out_and_logged(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, broken: tuple[str, str, Any]
) -> None:
    spec = make_spec([broken, ("nuke/shot", "string", "sh010"), ("smpte:TimeCode", "timecode", (0x01020304, 0))])
    with caplog.at_level("INFO"):
        write_exr(tmp_path / "a.exr", spec, make_channels(), final_path=tmp_path / "final.exr")
    metadata = plates.read_header(tmp_path / "a.exr").metadata
    assert metadata["nuke/shot"] == "sh010" and metadata["smpte:TimeCode"] == (0x01020304, 0)
    assert broken[0] not in metadata
    assert broken[0] in caplog.text and "final.exr" in caplog.text


def test_a_path_that_cannot_be_written_is_reported_by_its_final_name(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=r"final\.exr cannot be written"):
        write_exr(tmp_path / "no/a.exr", make_spec([]), make_channels(), final_path=tmp_path / "final.exr")


def test_frames_are_compressed_at_a_fast_level_where_the_library_can_be_asked(tmp_path: Path) -> None:
    library = ctypes.CDLL(OpenEXR.__file__)
    if not hasattr(library, "exr_get_default_zip_compression_level"):
        pytest.skip("this build of OpenEXR hides the function")
    write_exr(tmp_path / "p.exr", make_spec([]), make_channels(), final_path=tmp_path / "p.exr")
    level = ctypes.c_int()
    library.exr_get_default_zip_compression_level(ctypes.byref(level))
    assert level.value == 1


def test_a_library_that_hides_its_level_writes_the_same_pixels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pixels = make_channels()
    for name in ("fast", "other"):
        exr_files._set_compression_level.cache_clear()
        write_exr(tmp_path / f"{name}.exr", make_spec([]), pixels, final_path=tmp_path / "p.exr")
        monkeypatch.setattr(OpenEXR, "__file__", str(tmp_path / "no library"))
    fast, other = (plates.read(tmp_path / f"{name}.exr").pixels for name in ("fast", "other"))
    np.testing.assert_array_equal(fast, other)

"""Frames on disk are read back unchanged, with what their plate says."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import OpenImageIO as oiio
import pytest
from numpy.typing import NDArray
from picture_files import SUFFIXES, picture, save

from stcolor_core.images import frame_files, pictures, plates
from stcolor_core.images.color_pipe import ColorPipe


def test_channels_of_both_types_survive_a_round_trip_bit_for_bit_under_their_names(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    ids = rng.integers(0, 2**31 - 2**24, (13, 17)).astype(np.uint32).view(np.float32)
    ids[~np.isfinite(ids)] = 0
    halves = {name: rng.normal(0, 60, (13, 17)).astype(np.float16) for name in ("R", "G", "B", "rc_ab.u", "rc_ab.v")}
    floats = {"rc_st.u": rng.random((13, 17), np.float32), "rc_id00.R": ids, "rc_id00.A": ids[::-1].copy()}
    layers: dict[str, tuple[NDArray[Any], pictures.PixelType]] = {
        name: (values, "half") for name, values in halves.items()
    }
    layers |= {name: (values, "float") for name, values in floats.items()}
    path = tmp_path / "out" / "sh.1001.exr"
    frame_files.write_frame(path, layers, metadata={"stcolor/version": "1", "cryptomatte/1234567/name": "rc_id"})
    read = plates.read(path)
    assert sorted(read.channels) == sorted(layers)
    for name, (values, _) in layers.items():
        back = read.pixels[..., read.channels.index(name)].astype(values.dtype)
        assert back.tobytes() == values.tobytes(), name
    assert read.metadata["compression"] == "zips" and read.metadata["cryptomatte/1234567/name"] == "rc_id"
    file = oiio.ImageInput.open(str(path))
    types = dict(zip(file.spec().channelnames, map(str, file.spec().channelformats), strict=True))
    assert types == {name: pixel_type for name, (_, pixel_type) in layers.items()}


def test_every_grey_in_half_precision_survives_files_and_composite_bit_for_bit(tmp_path: Path) -> None:
    every = np.arange(2**16, dtype=np.uint16).view(np.float16)
    grey = every[np.isfinite(every)].reshape(248, 256, 1)
    plate = plates.read_plate(save(tmp_path / "plate.exr", grey, names=("Y",)))
    pipe = ColorPipe.open(None, file_format=plate.file_format, pixel_type=plate.pixel_type)
    color = pipe.composite(plates.layer_pixels(plate), np.zeros((*plate.shape, 2), np.float32))
    frame_files.write_frame(tmp_path / "out.exr", {n: (color[..., i], "half") for i, n in enumerate("RGB")}, like=plate)
    back = plates.read(tmp_path / "out.exr").pixels.astype(np.float16)
    assert back.tobytes() == np.repeat(grey, 3, axis=-1).tobytes()


def test_values_that_half_cannot_hold_are_clamped_and_float_is_unchanged(tmp_path: Path) -> None:
    values = np.array([[1e6, -1e6, 65519.0, np.inf, -0.0]], np.float32)
    frame_files.write_frame(
        tmp_path / "p.exr", {"half": (values, "half"), "float": (values[:, :3].repeat(2, 1)[:, :5], "float")}
    )
    read = plates.read(tmp_path / "p.exr")
    half = read.pixels[0, :, read.channels.index("half")]
    np.testing.assert_array_equal(half, [65504, -65504, 65504, 65504, 0])
    assert np.signbit(half[-1]) and read.pixels[0, 0, read.channels.index("float")] == 1e6
    assert read.nonfinite == 0


def test_overscan_and_all_metadata_of_a_plate_are_carried_over(tmp_path: Path) -> None:
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
    frame_files.write_frame(
        tmp_path / "out.exr", {"R": (values, "half")}, like=plate, metadata={"stcolor/settings": "new"}
    )
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


def test_values_of_a_damaged_header_that_cannot_be_written_are_left_out(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = save(tmp_path / "plate.exr", picture(), PixelAspectRatio=2.0, owner="facility", shot="X")
    header = plates.read_header(path)
    bad: dict[str, tuple[Any, Any]] = {
        "PixelAspectRatio": ("float", -1.0),
        "screenWindowWidth": ("float", float("nan")),
        "nuke/a": ("int", "text"),
        "nuke/b": ("matrix", (1.0, 2.0)),
        "nuke/c": ("string", 7),
        "nuke/d": ("int", 2**40),
    }
    metadata = {**header.metadata, **{name: value for name, (_, value) in bad.items()}}
    types = {**header.metadata_types, **{name: oiio.TypeDesc(kind) for name, (kind, _) in bad.items()}}
    like = replace(header, metadata=metadata, metadata_types=types)
    with caplog.at_level("INFO"):
        frame_files.write_frame(tmp_path / "out.exr", {"R": (picture()[..., 0], "half")}, like=like)
    out = plates.read_header(tmp_path / "out.exr").metadata
    assert out["Copyright"] == "facility" and out["shot"] == "X" and out["PixelAspectRatio"] == 1.0
    assert not [name for name in bad if name.startswith("nuke/") and name in out]
    assert all(name in caplog.text for name in bad)


def test_a_frame_states_its_colour_space_once_and_drops_outdated_metadata(tmp_path: Path) -> None:
    chromaticities = ("float[8]", (0.713, 0.293, 0.165, 0.83, 0.128, 0.044, 0.32168, 0.33767))
    plate = plates.read_header(
        save(tmp_path / "plate.exr", picture(), colorInteropID="lin_ap1_scene", chromaticities=chromaticities)
    )
    layers: dict[str, Any] = {"R": (picture()[..., 0], "half")}
    frame_files.write_frame(tmp_path / "out.exr", layers, like=plate)
    out = plates.read_header(tmp_path / "out.exr").metadata
    assert "colorInteropID" not in out and out["chromaticities"] == pytest.approx(chromaticities[1])
    frame_files.write_frame(tmp_path / "out.exr", layers, like=plate, interop_id="ocio:adx10_apd_scene")
    out = plates.read_header(tmp_path / "out.exr").metadata
    assert out["colorInteropID"] == "ocio:adx10_apd_scene" and "chromaticities" not in out
    assert b"colorInteropID\0string\0" in (tmp_path / "out.exr").read_bytes()


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_frame_can_take_over_the_header_of_a_plate_of_any_format(tmp_path: Path, suffix: str) -> None:
    plate = plates.read(save(tmp_path / f"p.{suffix}", picture(), "uint8", Orientation=6))
    frame_files.write_frame(tmp_path / "out.exr", {"R": (plate.pixels[..., 0], "half")}, like=plate)
    out = plates.read(tmp_path / "out.exr")
    assert out.shape == plate.shape and "Orientation" not in out.metadata


def test_a_frame_without_channels_or_of_two_sizes_is_a_programming_error(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="at least one"):
        frame_files.write_frame(tmp_path / "p.exr", {})
    with pytest.raises(ValueError, match="channel G"):
        frame_files.write_frame(tmp_path / "p.exr", {"R": (np.ones((3, 4)), "half"), "G": (np.ones((4, 3)), "half")})
    assert list(tmp_path.iterdir()) == []

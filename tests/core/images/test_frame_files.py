"""Frames on disk: they are read back unchanged, are written whole or not at all, and later changes are detected."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import OpenImageIO as oiio
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from picture_files import SUFFIXES, picture, save, truncate

from stcolor_core.errors import OutputError
from stcolor_core.files import atomic
from stcolor_core.images import frame_files, opening, pictures, plates
from stcolor_core.images.color import ColorPipe


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


# Frames that cannot be written


def write_grey(path: Path, size: int = 64) -> None:
    frame_files.write_frame(path, {"Y": (np.random.default_rng(0).random((size, size)), "float")})


def test_a_new_frame_replaces_the_old_one_and_leaves_no_other_file(tmp_path: Path) -> None:
    path = tmp_path / "sh.1001.exr"
    path.write_bytes(b"old")
    write_grey(path)
    assert plates.is_complete(path) and [p.name for p in tmp_path.iterdir()] == ["sh.1001.exr"]


def test_partial_files_of_a_killed_writer_are_removed_and_those_of_a_live_one_are_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(atomic, "_last_change", lambda path: path.stat().st_mtime)  # the other time cannot be set
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


def test_two_writers_of_the_same_frame_at_once_both_write_it_completely(
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


def test_a_file_in_place_of_the_folder_is_reported_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("not a folder")
    for path in (tmp_path / "out" / "sh.1001.exr", tmp_path / "out" / "deeper" / "sh.1001.exr"):
        with pytest.raises(OutputError, match=r"sh\.1001\.exr cannot be written") as error:
            write_grey(path)
        assert "\n" not in str(error.value)
    assert [p.name for p in tmp_path.iterdir()] == ["out"]


def test_a_folder_in_place_of_the_frame_is_reported_in_one_line_and_leaves_no_partial(tmp_path: Path) -> None:
    (tmp_path / "sh.1001.exr").mkdir()
    with pytest.raises(OutputError, match=r"sh\.1001\.exr cannot be written"):
        write_grey(tmp_path / "sh.1001.exr")
    assert [p.name for p in tmp_path.iterdir()] == ["sh.1001.exr"]


def test_a_folder_without_write_permission_is_reported_in_one_line(tmp_path: Path) -> None:
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


def test_a_frame_held_open_by_another_program_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def held(*_: Path) -> None:
        raise PermissionError(13, "The process cannot access the file")

    monkeypatch.setattr(Path, "replace", held)  # as Windows does when Nuke has the old frame open
    with pytest.raises(OutputError, match="close any program that has the file open"):
        write_grey(tmp_path / "sh.1001.exr")
    assert list(tmp_path.iterdir()) == []


FULL_DISK = """
import resource, sys
from pathlib import Path
import numpy as np
from stcolor_core.images import frame_files, plates
from stcolor_core.errors import OutputError
path = Path(sys.argv[1])
layers = {"Y": (np.random.default_rng(0).random((64, 64)), "float")}
frame_files.write_frame(path, layers)
size = path.stat().st_size
for short in (size, size - 10, 9000, 5000, 100, 1):
    path.unlink(missing_ok=True)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size - short, resource.RLIM_INFINITY))
    try:
        frame_files.write_frame(path, layers)
    except OutputError as error:
        assert "\\n" not in str(error) and "disk" in str(error), error
    else:
        sys.exit(f"{short} bytes short went unnoticed")
    assert list(path.parent.iterdir()) == [], short
resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))
frame_files.write_frame(path, layers)
assert plates.is_complete(path)
"""


def test_a_full_disk_is_detected_up_to_the_last_byte_and_nothing_is_left(tmp_path: Path) -> None:
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
@settings(max_examples=25)
def test_a_frame_cut_anywhere_is_not_complete(tmp_path_factory: pytest.TempPathFactory, share: float) -> None:
    path = tmp_path_factory.mktemp("cut") / "sh.1001.exr"
    write_grey(path, size=16)
    assert plates.is_complete(path)
    assert not plates.is_complete(truncate(path, share))


# Frames that were changed later


def hashed(path: Path) -> str:
    return str(plates.read_header(path).metadata["stcolor/pixels"])


def awkward() -> dict[str, tuple[NDArray[Any], pictures.PixelType]]:
    """Return every half, values between and beyond them, NaNs of several kinds, denormals and -0.0."""
    every = np.arange(2**16, dtype=np.uint16).view(np.float16).astype(np.float32).reshape(256, 256)
    with np.errstate(invalid="ignore"):
        between = np.nextafter(every, np.float32(0)) + np.float32(1e-9)
    bits = np.random.default_rng(1).integers(0, 2**32, (256, 256), np.uint32)
    bits[0, :6] = [0x7F800001, 0x7FC00001, 0xFFC12345, 1, 0x80000001, 0x80000000]
    wild = np.array([np.inf, -np.inf, 65519.9, 65504, -65505, 1e30, 1e-8, -1e-8], np.float32)
    return {
        "R": (every, "half"),
        "A": (between, "half"),
        "wild.x": (np.resize(wild, (256, 256)), "half"),
        "rc_id00.R": (bits.view(np.float32), "float"),
        "G": (np.resize(wild, (256, 256)).astype(np.float64), "float"),
    }


def test_the_recorded_hash_is_the_hash_of_what_the_file_holds(tmp_path: Path) -> None:
    layers = awkward()
    path = tmp_path / "sh.1001.exr"
    frame_files.write_frame(path, layers)
    assert hashed(path) == frame_files.pixel_hash(path) and len(hashed(path)) == 32
    for name in layers:
        frame_files.write_frame(tmp_path / "one.exr", {name: layers[name]})
        assert hashed(tmp_path / "one.exr") == frame_files.pixel_hash(tmp_path / "one.exr"), name


def test_every_nan_has_the_same_hash(tmp_path: Path) -> None:
    # A processor may change the bits of a NaN when it converts; the file would then differ from the written values.
    values = np.ones((4, 4), np.float32)
    hashes = set()
    for bits in (0x7FC00000, 0xFFC00001, 0x7F800001):
        values.view(np.uint32)[1, 2] = bits
        frame_files.write_frame(tmp_path / "p.exr", {"R": (values, "float"), "G": (values, "half")})
        hashes.add(hashed(tmp_path / "p.exr"))
    assert len(hashes) == 1


def test_the_hash_rounds_every_value_between_two_halves_as_the_file_does(tmp_path: Path) -> None:
    # If OpenImageIO rounded to half differently from numpy, an unchanged frame would count as changed.
    values = np.random.default_rng(2).normal(0, 1, (512, 512)).astype(np.float32)
    for exponent in range(-30, 20, 5):
        path = tmp_path / f"{exponent}.exr"
        frame_files.write_frame(path, {"Y": (values * np.float32(2.0**exponent), "half")})
        assert hashed(path) == frame_files.pixel_hash(path), exponent


@pytest.mark.parametrize("has_torch", [True, False])
def test_half_is_rounded_to_the_nearest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, has_torch: bool) -> None:
    import torch

    monkeypatch.setitem(sys.modules, "torch", torch)
    if not has_torch:
        monkeypatch.delitem(sys.modules, "torch")
    layers = awkward()
    frame_files.write_frame(tmp_path / "p.exr", layers)
    read = plates.read(tmp_path / "p.exr")
    for name in ("R", "A", "wild.x"):
        with np.errstate(over="ignore"):
            expected = np.clip(layers[name][0], -65504, 65504).astype(np.float16)
        finite = np.isfinite(expected)
        np.testing.assert_array_equal(read.pixels[..., read.channels.index(name)][finite], expected[finite])


def test_a_plane_of_any_layout_is_written(tmp_path: Path) -> None:
    values = np.arange(24, dtype=np.float32).reshape(4, 6)
    constant = np.broadcast_to(np.float32(2), (4, 6))  # cannot be written to
    layers = {"R": values[:, ::-1], "G": values.T.copy().T, "B": constant, "A": np.dstack([values, values])[..., 1]}
    frame_files.write_frame(tmp_path / "p.exr", {name: (plane, "half") for name, plane in layers.items()})
    read = plates.read(tmp_path / "p.exr")
    for name, plane in layers.items():
        np.testing.assert_array_equal(read.pixels[..., read.channels.index(name)], plane)


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda layers: layers["Y"][0].__setitem__((63, 63), 0.25), id="one pixel"),
        pytest.param(lambda layers: layers["Y"][0].__setitem__((0, 0), -0.0), id="a zero's sign"),
        pytest.param(lambda layers: layers.update(Z=layers.pop("Y")), id="a name"),
        pytest.param(lambda layers: layers.update(Y=(layers["Y"][0], "half")), id="a type"),
        pytest.param(lambda layers: layers.update(Y=(layers["Y"][0].reshape(32, 128), "float")), id="the size"),
        pytest.param(lambda layers: layers.update(A=layers["Y"]), id="another channel"),
    ],
)
def test_the_hash_differs_for_other_pixels(tmp_path: Path, change: Any) -> None:
    values = np.random.default_rng(0).integers(1, 9, (64, 64)).astype(np.float32)
    values[0, 0] = 0.0
    layers: dict[str, Any] = {"Y": (values, "float")}
    path = tmp_path / "p.exr"
    frame_files.write_frame(path, layers)
    before = hashed(path)
    change(layers)
    frame_files.write_frame(path, layers)
    assert hashed(path) != before


def rewrite(path: Path, *, pixels: float = 1.0, keep: bool = True, **attributes: Any) -> None:
    """Open and save a frame as another program does, with or without its metadata."""
    picture = oiio.ImageBuf(str(path))
    picture = oiio.ImageBufAlgo.mul(picture, pixels)
    if not keep:
        picture.specmod().extra_attribs = oiio.ParamValueList()
    for name, value in attributes.items():
        picture.specmod().attribute(name, value)
    picture.specmod().attribute("compression", "zip")
    assert picture.write(str(path)), picture.geterror()


def test_an_untouched_frame_is_recognised_by_its_time_and_a_copy_by_its_pixels(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, copy = tmp_path / "sh.1001.exr", tmp_path / "copy.exr"
    write_grey(path)
    written = int(plates.read_header(path).metadata["stcolor/written"])
    assert written % 1000 == 0 and path.stat().st_mtime_ns == written
    copy.write_bytes(path.read_bytes())
    os.utime(copy, (1, 1))
    assert frame_files.frame_state(path).unmodified and not frame_files.frame_state(copy).unmodified
    assert frame_files.is_unmodified(copy) is True
    monkeypatch.setattr(plates, "read_bands", None)  # the pixels are not read if the time matches
    assert frame_files.is_unmodified(path) is True


def test_a_frame_saved_again_counts_as_written_only_if_its_pixels_are_the_same(tmp_path: Path) -> None:
    path = tmp_path / "sh.1001.exr"
    write_grey(path)
    rewrite(path, owner="an artist")
    assert frame_files.is_unmodified(path) is True
    rewrite(path, pixels=1.01)
    assert frame_files.is_unmodified(path) is False


def test_a_tiled_copy_counts_as_written(tmp_path: Path) -> None:
    path = tmp_path / "sh.1001.exr"
    write_grey(path, size=200)
    picture = oiio.ImageBuf(str(path))
    picture.set_write_tiles(48, 48)
    assert picture.write(str(path))
    assert oiio.ImageInput.open(str(path)).spec().tile_height == 48
    assert frame_files.is_unmodified(path) is True and frame_files.frame_state(path).complete


def test_a_file_without_a_recorded_hash_or_that_is_not_a_picture_has_an_unknown_state(tmp_path: Path) -> None:
    path = tmp_path / "sh.1001.exr"
    write_grey(path)
    os.utime(truncate(path, 0.5), (1, 1))
    assert frame_files.is_unmodified(path) is None
    write_grey(path)
    rewrite(path, keep=False)
    assert frame_files.is_unmodified(path) is None
    assert frame_files.is_unmodified(tmp_path / "none.exr") is None
    path.write_text("no picture")
    assert frame_files.is_unmodified(path) is None


def test_the_state_of_a_frame_takes_one_open(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "sh.1001.exr"
    frame_files.write_frame(path, {"Y": (picture()[..., 0], "half")}, metadata={"stcolor/settings": "abc"})
    opened_paths, open_file = [], Path.open
    monkeypatch.setattr(
        Path, "open", lambda self, *args, **more: opened_paths.append(self) or open_file(self, *args, **more)
    )
    with monkeypatch.context() as without_library:
        without_library.setattr(opening, "open_picture", None)
        state = frame_files.frame_state(path)
    assert (
        state.complete and state.unmodified and state.metadata["stcolor/settings"] == "abc" and opened_paths == [path]
    )
    truncate(path, 0.9)
    state = frame_files.frame_state(path)
    assert not state.complete and state.metadata["stcolor/settings"] == "abc"
    state = frame_files.frame_state(tmp_path / "none.exr")
    assert (state.metadata, state.complete, state.unmodified) == ({}, False, False)


def test_the_age_of_a_partial_of_a_killed_writer_is_measured_by_the_clock_of_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The frame's own time is this machine's, which may be far from that of the server that holds the folder.
    live = tmp_path / ".sh.1002.exr.4567abcd.partial"
    live.write_bytes(b"half a frame")
    monkeypatch.setattr(frame_files.time, "time_ns", lambda: live.stat().st_mtime_ns + 7200 * 10**9)
    write_grey(tmp_path / "sh.1001.exr")
    assert live.exists()


@given(share=st.floats(0, 0.999))
def test_a_frame_of_ours_cut_anywhere_is_not_complete_by_its_header_and_chunks(
    tmp_path_factory: pytest.TempPathFactory, share: float
) -> None:
    path = tmp_path_factory.mktemp("cut") / "sh.1001.exr"
    frame_files.write_frame(path, {"Y": (picture()[..., 0], "half")}, metadata={"stcolor/settings": "abc"})
    assert frame_files.frame_state(path).complete
    assert not frame_files.frame_state(truncate(path, share)).complete

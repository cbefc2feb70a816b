"""Frames that were changed after they were written are told from those that were not."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import numpy as np
import OpenImageIO as oiio
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from picture_files import picture, truncate, write_grey

from stcolor_core.images import frame_files, opening, pictures, plates


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


@given(share=st.floats(0, 0.999))
def test_a_frame_of_ours_cut_anywhere_is_not_complete_by_its_header_and_chunks(
    tmp_path_factory: pytest.TempPathFactory, share: float
) -> None:
    path = tmp_path_factory.mktemp("cut") / "sh.1001.exr"
    frame_files.write_frame(path, {"Y": (picture()[..., 0], "half")}, metadata={"stcolor/settings": "abc"})
    assert frame_files.frame_state(path).complete
    assert not frame_files.frame_state(truncate(path, share)).complete

"""Headers of many pictures, read in this process or by other processes."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from stcolor_core.errors import PlateError
from stcolor_core.images import formats
from stcolor_core.images.formats import HeaderSummary, read_formats
from stcolor_core.images.frame_files import write_frame


def plate(folder: Path, frame: int, *, width: int = 8) -> Path:
    path = folder / f"plate \u00e9.{frame}.exr"
    write_frame(path, {"Y": (np.ones((4, width), np.float32), "half")})
    return path


@pytest.mark.parametrize("patience", [1e9, -1.0], ids=["read here", "read by processes"])
def test_the_formats_of_all_pictures_are_returned_in_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, patience: float
) -> None:
    monkeypatch.setattr(formats, "_WORTH_SECONDS", patience)
    paths = [plate(tmp_path, frame, width=frame) for frame in range(8, 20)]
    found = [HeaderSummary.load(each) for each in read_formats(paths, numbers={}, layer=None)]
    assert [each.data_window for each in found] == [(0, 0, width, 4) for width in range(8, 20)]
    assert {(each.file_format, each.pixel_type, each.layers) for each in found} == {("openexr", "half", ("",))}


def test_a_picture_that_a_process_cannot_read_is_named_by_its_frame(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(formats, "_WORTH_SECONDS", -1.0)
    paths = [plate(tmp_path, frame) for frame in range(1, 12)]
    for frame in (7, 9):
        paths[frame - 1].write_text("no picture")
    with pytest.raises(PlateError, match=r"Frame 7 .*7\.exr"):
        read_formats(paths, numbers={path: number for number, path in enumerate(paths, 1)}, layer=None)


def test_headers_are_read_in_this_process_if_no_other_can_be_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(formats, "_WORTH_SECONDS", -1.0)
    monkeypatch.setattr(sys, "executable", str(tmp_path / "nothing"))
    assert len(read_formats([plate(tmp_path, frame) for frame in range(1, 9)], numbers={}, layer=None)) == 8

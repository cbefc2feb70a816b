"""The plate's frames in memory: what is kept of a frame while it waits to be written."""

from __future__ import annotations

import gc
import weakref
from pathlib import Path

import numpy as np
import pytest
from picture_files import picture, save

from stcolor_core.images.resizing import resize
from stcolor_core.pipeline.inputs import ShotInputs
from stcolor_core.pipeline.shot_plates import ShotPlates
from stcolor_core.pipeline.warn_once import WarnOnce
from stcolor_core.shots.output import Output
from stcolor_core.shots.pictures import Plate
from stcolor_core.shots.settings import Method
from stcolor_core.shots.shot import Shot


def open_plates(folder: Path, suffix: str) -> ShotPlates:
    """Return plates of one frame, twice as large as the working size."""
    save(folder / f"p.0001.{suffix}", picture(128, 192, 1), "half" if suffix == "exr" else "uint16")
    shot = Shot(
        plate=Plate(path=str(folder / f"p.####.{suffix}")),
        output=Output(path=str(folder / "out" / "o.####.exr")),
        method=Method(working_height=64),
    )
    return ShotPlates(shot, ShotInputs(shot, warn=print), warn=print, warn_once=WarnOnce(print))


@pytest.mark.parametrize(("suffix", "keeps"), [("exr", False), ("png", True)])
def test_the_lightness_of_a_large_linear_plate_is_not_kept_but_computed_again(
    tmp_path: Path, suffix: str, keeps: bool
) -> None:
    plate = open_plates(tmp_path, suffix)
    small = plate.lightness(1)
    assert small.shape == plate.working_size == (64, 96)
    waiting = plate.frame(1)
    assert ("lightness" in vars(waiting)) == keeps
    np.testing.assert_array_equal(small, resize(waiting.lightness, plate.working_size))
    assert waiting.lightness is plate.take(1).lightness


def test_plates_are_freed_with_the_shot_without_the_garbage_collector(tmp_path: Path) -> None:
    plate = open_plates(tmp_path, "exr")
    frame = weakref.ref(plate.frame(1))
    gc.disable()
    try:
        del plate
        assert frame() is None
    finally:
        gc.enable()

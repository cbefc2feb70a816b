"""Swatches: a colour for one object of a matte."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from conftest import FIRST, ShotOnDisk
from patched_shots import AT, OPTIONS, MakeShot, ab, crossing_shot, inside


@pytest.fixture
def shot(make_shot: MakeShot) -> ShotOnDisk:
    return crossing_shot(make_shot)


def write_ids(shot: ShotOnDisk, index: int) -> Path:
    """Write an id picture of both squares; return its path."""
    ids = sum((i + 1) * mask for i, mask in enumerate(shot.scene.masks[index]))
    path = shot.folder / f"ids.{FIRST + index}.png"
    cv2.imwrite(str(path), np.asarray(ids, np.uint8) * 40)
    return path


def test_a_swatch_colours_one_object_of_a_matte_on_all_frames(shot: ShotOnDisk) -> None:
    matte = write_ids(shot, AT)
    given = ["--matte", f"{FIRST + AT}={matte}", "--swatch", f"{FIRST + AT}:80=#604010,#d0b060"]
    assert shot.colorize(*OPTIONS, *given) == 0
    for frame in shot.frames[2:]:
        mean = ab(shot, frame)[inside(shot, frame, 1)].mean(axis=0)
        assert mean[1] > 25 and abs(mean[0]) < 20, (frame, mean)  # ochre, where the keyframe says blue
        other = ab(shot, frame)[inside(shot, frame, 0)].mean(axis=0)
        np.testing.assert_allclose(other, (50, 30), atol=6)


def test_two_swatches_of_one_object_on_a_frame_are_refused(
    shot: ShotOnDisk, capsys: pytest.CaptureFixture[str]
) -> None:
    given = ["--matte", f"{FIRST + AT}={write_ids(shot, AT)}"]
    given += ["--swatch", f"{FIRST + AT}:80=#604010", "--swatch", f"{FIRST + AT}:80=#d0b060"]
    assert shot.colorize(*OPTIONS, *given) == 2
    line = capsys.readouterr().err.splitlines()[-1]
    assert f"{FIRST + AT}:80 is given twice, as #604010 and as #d0b060. Keep one" in line
    assert not shot.written()


@pytest.mark.parametrize(
    ("swatch", "part"),
    [
        (f"{FIRST + AT}:coat=#604010", "'coat'"),
        (f"{FIRST + AT + 1}:40=#604010", "needs a matte"),
        ("2000:40=#604010", "not on a frame of the plate"),
        (f"{FIRST + AT}:40=brown", "#rrggbb"),
        ("40=#604010", "FRAME:OBJECT"),
    ],
)
def test_a_swatch_that_cannot_be_used_is_refused_before_anything_is_written(
    shot: ShotOnDisk, capsys: pytest.CaptureFixture[str], swatch: str, part: str
) -> None:
    given = ["--matte", f"{FIRST + AT}={write_ids(shot, AT)}", "--swatch", swatch]
    assert shot.colorize(*OPTIONS, *given) == 2
    assert part in capsys.readouterr().err.splitlines()[-1]
    assert not shot.written()

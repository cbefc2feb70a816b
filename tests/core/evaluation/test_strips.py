"""Frames side by side, and their wrong pixels."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from stcolor_core.errors import BadRequest, PlateError
from stcolor_core.evaluation.clip import Clip
from stcolor_core.evaluation.metrics import outliers
from stcolor_core.evaluation.run import evaluate
from stcolor_core.evaluation.strips import error_picture, write_picture, write_strip

rng = np.random.default_rng(0)
TRUTH = rng.random((40, 60, 3)).astype(np.float32)


def read(path: Path) -> np.ndarray:
    return cv2.imread(str(path))[..., ::-1]


def test_an_error_picture_is_white_where_the_distance_exceeds_the_threshold() -> None:
    picture = np.clip(TRUTH + rng.normal(0, 0.05, TRUTH.shape), 0, 1).astype(np.float32)
    distance = np.linalg.norm(np.rint(255 * TRUTH.astype(float)) - np.rint(255 * picture.astype(float)), axis=2)
    error = error_picture(TRUTH, picture)
    np.testing.assert_array_equal(error, np.where(distance > 16, 255, 0)[..., None] * np.ones(3))
    assert (error[..., 0] > 0).mean() == pytest.approx(outliers(TRUTH, picture))


def test_a_strip_shows_plate_truth_and_every_result_above_their_errors(tmp_path: Path) -> None:
    clip = Clip.from_rgb([TRUTH])
    red = np.full((40, 60, 3), (255, 0, 0), np.uint8)
    write_picture(tmp_path / "red.png", red)
    write_strip(tmp_path / "strip.png", clip, 0, [("red", tmp_path / "red.png")])
    strip = read(tmp_path / "strip.png")
    assert strip.shape == (2 * (20 + 40), 3 * 60 + 2 * 4, 3)
    plate, truth, result = (strip[20:60, start : start + 60].astype(int) for start in (0, 64, 128))
    assert np.abs(np.ptp(plate, axis=2)).max() <= 1, "the plate is grey"
    np.testing.assert_array_equal(truth, np.rint(255 * TRUTH.astype(float)))
    np.testing.assert_array_equal(result, red)
    np.testing.assert_array_equal(strip[80:, 128:], error_picture(TRUTH, red.astype(np.float32) / 255))
    assert not strip[80:, 64:124].any(), "the truth has no error"


def test_a_result_that_is_gone_is_named(tmp_path: Path) -> None:
    with pytest.raises(PlateError, match=r"gone\.png"):
        write_strip(tmp_path / "strip.png", Clip.from_rgb([TRUTH]), 0, [("x", tmp_path / "gone.png")])


@pytest.fixture
def clips(tmp_path: Path) -> Path:
    for index in range(12):
        write_picture(
            tmp_path / "set" / "wall" / f"{index:05}.png", np.roll(np.rint(255 * TRUTH), index, 1).astype(np.uint8)
        )
    return tmp_path / "set"


def test_an_evaluation_writes_strips_of_the_frames_asked_for(clips: Path, tmp_path: Path) -> None:
    options = {"protocols": ["first"], "output": tmp_path / "out", "device": "cpu"}
    evaluate(clips, variants=["grey"], **options)
    evaluate(clips, variants=["grey", "chained"], strips=[3], **options)
    assert [path.name for path in (tmp_path / "out" / "strips").iterdir()] == ["first-wall-00003.png"], (
        "0 is a reference"
    )
    strip = read(tmp_path / "out" / "strips" / "first-wall-00003.png")
    assert strip.shape[1] == 4 * 324 + 3 * 4
    np.testing.assert_array_equal(strip[20:236, :324], strip[20:236, 656:980], "grey is the plate")


def test_a_frame_that_no_clip_has_is_refused(clips: Path, tmp_path: Path) -> None:
    for frame in (0, 99):  # a reference, and none at all
        with pytest.raises(BadRequest, match=f"frame {frame} "):
            evaluate(clips, protocols=["first"], variants=["grey"], output=tmp_path, device="cpu", strips=[3, frame])
    with pytest.raises(BadRequest, match="--output"):
        evaluate(clips, protocols=["first"], variants=["grey"], device="cpu", strips=[3])

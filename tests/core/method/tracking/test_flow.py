"""Flow chained to the reference, on known motion."""

from __future__ import annotations

import cv2
import numpy as np
from scenes import pan

from stcolor_core.method.tracking.flow import FlowTracker, sample


def texture(height: int, width: int, seed: int = 0) -> np.ndarray:
    noise = np.random.RandomState(seed).uniform(0, 1, (height, width)).astype(np.float32)
    smooth = cv2.GaussianBlur(noise, (0, 0), 2.5)
    return np.asarray(100 * (smooth - smooth.min()) / np.ptp(smooth), np.float32)


def test_a_pan_is_followed_over_many_frames() -> None:
    scene = texture(96, 260)
    frames = [scene[:, 3 * t : 3 * t + 128].copy() for t in range(20)]
    tracker = FlowTracker(frames[0])
    for frame in frames[1:]:
        link = tracker.advance(frame)
    inside = link.displacement[20:-20, 10:60]
    np.testing.assert_allclose(np.median(inside, axis=(0, 1)), [57, 0], atol=0.3)
    assert np.percentile(np.linalg.norm(inside - [57, 0], axis=-1), 90) < 1
    assert link.visibility[20:-20, 10:60].mean() > 0.9


def test_positions_that_left_the_picture_are_not_visible() -> None:
    scene = texture(96, 260)
    tracker = FlowTracker(scene[:, 60:188].copy())
    for step in range(1, 20):
        link = tracker.advance(scene[:, 60 - 3 * step : 188 - 3 * step].copy())
    assert link.visibility[20:-20, :40].mean() < 0.1  # came in after the reference
    assert link.visibility[20:-20, 70:110].mean() > 0.8


def test_an_object_that_was_hidden_is_not_trusted() -> None:
    ground, thing = texture(96, 128, 1), texture(40, 40, 2)
    frames = []
    for x in (10, 14, 18, 22, 26, 30):
        frame = ground.copy()
        frame[30:70, x : x + 40] = thing
        frames.append(frame)
    tracker = FlowTracker(frames[0])
    for frame in frames[1:]:
        link = tracker.advance(frame)
    uncovered, thing_itself = link.visibility[35:65, 11:28].mean(), link.visibility[35:65, 38:62].mean()
    assert thing_itself > 0.8
    assert uncovered < thing_itself - 0.15


def test_pictures_too_small_for_flow_have_no_motion() -> None:
    link = FlowTracker(np.full((1, 1), 50, np.float32)).advance(np.full((1, 1), 60, np.float32))
    assert (link.displacement == 0).all()
    assert (link.visibility == 1).all()


def test_sampling_at_zero_displacement_returns_the_picture() -> None:
    picture = texture(20, 30)
    np.testing.assert_array_equal(sample(picture, np.zeros((20, 30, 2), np.float32)), picture)


def test_flow_where_nothing_fits_stays_within_bounds() -> None:
    scene = pan(40, height=64, width=96, step=6)  # raw, the flow of some frame runs away, to 20,000 px and more
    tracker = FlowTracker(scene.lightness(0))
    for frame in range(1, 40):
        tracker.advance(scene.lightness(frame))
        assert np.abs(tracker.neighbour_link.displacement).max() <= 64 + 96

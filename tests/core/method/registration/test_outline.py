"""Flat paint that lies some pixels beside its object is moved onto it by its outline, and nothing else is."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from stcolor_core.method.registration.outline import find_outline_shift

SIZE = (216, 384)
REACH = 0.06


def plate(*, scale: int = 1) -> np.ndarray:
    """Return L* of a dark object before a mottled ground."""
    noise = np.random.default_rng(3).normal(0, 1, SIZE).astype(np.float32)
    ground = 60 + 60 * cv2.GaussianBlur(noise, (0, 0), 5)
    lightness = np.where(thing() > 0.5, 25 + 20 * cv2.GaussianBlur(noise, (0, 0), 3), ground)
    lightness = cv2.GaussianBlur(lightness, (0, 0), 0.8).astype(np.float32)
    return np.asarray(cv2.resize(lightness, None, fx=scale, fy=scale, interpolation=cv2.INTER_LINEAR), np.float32)


def thing(*, right: float = 0, down: float = 0, scale: int = 1) -> np.ndarray:
    """Return the cover of an object like a figure, moved by px at 216 lines."""
    cover = np.zeros(SIZE, np.float32)
    cv2.ellipse(cover, (190, 110), (50, 36), 15, 0, 360, 1, -1)
    cv2.rectangle(cover, (170, 130), (180, 175), 1, -1)
    cv2.circle(cover, (240, 75), 14, 1, -1)
    moved = cv2.warpAffine(cover, np.array([[1, 0, right], [0, 1, down]], np.float64), SIZE[::-1])
    moved = cv2.GaussianBlur(moved, (0, 0), 0.7)
    return np.asarray(cv2.resize(moved, None, fx=scale, fy=scale, interpolation=cv2.INTER_LINEAR), np.float32)


@pytest.mark.parametrize("scale", [1, 2])
@pytest.mark.parametrize("shift", [(4, 0), (-2, 3), (0, -7), (3.5, 2.5)])
def test_paint_beside_its_object_is_moved_onto_it(shift: tuple[float, float], scale: int) -> None:
    found = find_outline_shift(thing(right=shift[0], down=shift[1], scale=scale), plate(scale=scale), reach=REACH)
    assert found is not None
    np.testing.assert_allclose(found.matrix[:, 2] / scale, shift, atol=0.5)
    np.testing.assert_array_equal(found.matrix[:, :2], np.eye(2))


def test_paint_on_its_object_stays_though_it_is_soft_or_a_little_large_or_small() -> None:
    exact, kernel = thing(), np.ones((5, 5), np.uint8)
    for cover in (exact, cv2.GaussianBlur(exact, (0, 0), 3), cv2.erode(exact, kernel), cv2.dilate(exact, kernel)):
        assert find_outline_shift(np.asarray(cover, np.float32), plate(), reach=REACH) is None


def test_paint_that_lies_farther_off_than_it_may_be_moved_stays() -> None:
    for right in (12.6, 14, 16):
        assert find_outline_shift(thing(right=right), plate(), reach=REACH) is None


def test_what_follows_no_edges_stays() -> None:
    box, whole = np.zeros(SIZE, np.float32), np.ones(SIZE, np.float32)
    box[20:60, 40:150] = 1
    few = np.zeros(SIZE, np.float32)
    few[100:106, 185:191] = 1
    for cover in (box, whole, few, np.roll(thing(), 90, axis=1)):
        assert find_outline_shift(cover, plate(), reach=REACH) is None
    assert find_outline_shift(thing(right=4), np.full(SIZE, 50, np.float32), reach=REACH) is None

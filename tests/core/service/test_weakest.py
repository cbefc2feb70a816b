from __future__ import annotations

import numpy as np
import pytest

from stcolor_core.service.weakest import weakest


def curve(*values: float, first: int = 1001) -> dict[int, float]:
    return dict(enumerate(values, first))


def along(frames: range, points: dict[int, float]) -> dict[int, float]:
    """Straight lines between points."""
    return {frame: float(np.interp(frame, list(points), list(points.values()))) for frame in frames}


def test_the_bottom_of_each_dip_is_named_the_lowest_first() -> None:
    confidence = along(range(1, 61), {1: 1, 10: 0.8, 20: 1, 35: 0.6, 40: 1, 50: 0.7, 60: 1})
    assert weakest(confidence, [1, 20, 40, 60]) == [35, 50, 10]


def test_no_more_are_named_than_asked_for() -> None:
    confidence = along(range(1, 101), {frame: 0.5 if frame % 20 == 10 else 1.0 for frame in range(0, 101, 10)})
    assert len(weakest(confidence, [])) == 3
    assert weakest(confidence, [], most=1) == [10]


def test_where_nothing_is_weak_none_is_named() -> None:
    assert weakest(along(range(1, 31), {1: 1, 15: 0.92, 30: 1}), [1, 30]) == []
    assert weakest({}, [1]) == []


def test_noise_makes_no_second_dip() -> None:
    noise = np.random.RandomState(0).uniform(-0.005, 0.005, 61)
    smooth = along(range(1, 61), {1: 1, 30: 0.6, 60: 1})
    confidence = {frame: value + noise[frame] for frame, value in smooth.items()}
    found = weakest(confidence, [1, 60])
    assert len(found) == 1
    assert abs(found[0] - 30) <= 2


def test_a_stretch_that_is_equally_weak_is_named_once() -> None:
    assert weakest(along(range(1, 41), {1: 1, 10: 0.3, 30: 0.3, 40: 1}), [1, 40]) == [10]


@pytest.mark.parametrize("keyframe", [8, 10, 12])
def test_a_dip_beside_a_keyframe_is_left_to_it(keyframe: int) -> None:
    confidence = along(range(1, 21), {1: 1, 8: 1, 10: 0.5, 12: 1, 20: 1})
    assert weakest(confidence, []) == [10]
    assert weakest(confidence, [keyframe]) == []


def test_two_dips_close_to_each_other_give_one() -> None:
    confidence = curve(1, 1, 1, 1, 0.5, 0.8, 0.6, 1, 1, 1, 1)
    assert weakest(confidence, []) == [1005]


def test_the_end_of_a_shot_that_falls_away_is_its_bottom() -> None:
    assert weakest(along(range(1, 31), {1: 1, 30: 0.4}), [1]) == [30]
    assert weakest(along(range(1, 31), {1: 0.4, 30: 1}), [30]) == [1]

"""Whether one scene goes on behind a change of light, on synthetic pictures."""

from __future__ import annotations

import numpy as np
import pytest
from landscapes import describe, scene

from stcolor_core.arrays import Plane
from stcolor_core.images.color import lightness, luminance_of
from stcolor_core.shots.light_changes import SceneComparison, in_even_light
from stcolor_core.shots.thumbnails import shrink

ONE, OTHER = ([shrink(frame) for frame in scene(seed, 30, speed=0.5)] for seed in (1, 2))


def dim(frame: Plane, left: float, level: float) -> Plane:
    """Return L* of a share of the linear light, and even light of a luminance for the rest."""
    return np.asarray(lightness(left * luminance_of(frame) + (1 - left) * level), np.float32)


def certainty(before: Plane, after: Plane) -> float:
    return SceneComparison([before, after], describe).one_scene_certainty(0, 1)


@pytest.mark.parametrize(("left", "level"), [(0.1, 0.6), (0.3, 0.6), (0.05, 0.0), (0.3, 1.0)], ids=str)
def test_a_scene_is_known_again_in_any_light(left: float, level: float) -> None:
    assert certainty(ONE[0], dim(ONE[12], left, level)) > 0.9
    assert certainty(dim(ONE[0], left, level), ONE[12]) > 0.9
    assert certainty(ONE[0], dim(OTHER[12], left, level)) < 0.1
    assert certainty(dim(ONE[0], left, level), OTHER[12]) < 0.1


@pytest.mark.parametrize("bars", [(slice(0, 12), slice(None)), (slice(None), slice(0, 24))], ids=["above", "beside"])
@pytest.mark.parametrize("lifted", [0.0, 0.2])
def test_bars_do_not_make_two_scenes_one(bars: tuple[slice, slice], lifted: float) -> None:
    def framed(frame: Plane, left: float) -> Plane:
        picture = frame.copy()
        picture[bars] = 0
        picture[::-1, ::-1][bars] = 0
        return dim(picture, left, lifted)

    assert certainty(framed(ONE[0], 1), framed(OTHER[0], 0.3)) < 0.1
    assert certainty(framed(ONE[0], 1), framed(ONE[12], 0.3)) > 0.9


def test_even_light_leaves_neither_level_nor_contrast() -> None:
    even = in_even_light(ONE[0])
    np.testing.assert_allclose(in_even_light(0.5 * ONE[0] + 20), even, atol=1.5)
    assert even.mean() == pytest.approx(50, abs=2)
    assert np.ptp(in_even_light(np.full_like(ONE[0], 30))) == pytest.approx(0, abs=1e-3)


def test_the_frames_next_to_a_lapse_are_compared_while_things_move() -> None:
    shares = [1, 1, 1, 0.6, 0.3, 0, 0, 0.3, 0.6, 1, 1, 1]
    far = [shrink(frame) for frame in scene(1, 120, speed=2.0)][::10]
    frames = [dim(frame, share, 0.0) for frame, share in zip(far, shares, strict=True)]
    comparison = SceneComparison(frames, describe)
    ((first, last),) = comparison.lapses()
    assert 2 <= first <= 4
    assert 7 <= last <= 9
    nearest = SceneComparison([frames[4], frames[7]], describe).one_scene_certainty(0, 1)
    assert comparison.one_scene_certainty(2, 9) > nearest - 0.05


def test_a_picture_that_stays_blank_or_was_never_there_is_no_lapse() -> None:
    blank = np.zeros_like(ONE[0])
    for frames in (ONE[:6], [*ONE[:6], *[blank] * 6], [*[blank] * 6, *ONE[:6]], []):
        assert list(SceneComparison(frames, describe).lapses()) == []

"""The curve of a mixture: ramps of known ends between pictures that move."""

from __future__ import annotations

import numpy as np
import pytest
from landscapes import scene

from stcolor_core.images.color import lightness, luminance_of
from stcolor_core.shots.mixing_curve import fit_fade_curve, fit_mixing_curve, measure_picture
from stcolor_core.shots.thumbnails import shrink

PURE = 14  # frames of each scene alone


def thumbnails(shares: np.ndarray, *, linear: bool, speed: float) -> list[np.ndarray]:
    """Two pans, the second one mixed into the first by the shares."""
    one, other = (scene(seed, len(shares), speed=speed) for seed in (1, 2))
    encode, decode = (luminance_of, lightness) if linear else (np.asarray, np.asarray)
    mixed = [decode((1 - k) * encode(a) + k * encode(b)) for a, b, k in zip(one, other, shares, strict=True)]
    return [shrink(np.asarray(picture, np.float32)) for picture in mixed]


def ramp(count: int, *, eased: bool = False) -> np.ndarray:
    inner = (np.arange(count) + 1) / (count + 1)
    inner = inner**2 * (3 - 2 * inner) if eased else inner
    return np.concatenate([np.zeros(PURE), inner, np.ones(PURE)]).astype(np.float32)


@pytest.mark.parametrize("linear", [True, False], ids=["linear light", "video levels"])
@pytest.mark.parametrize("eased", [False, True], ids=["straight", "eased"])
@pytest.mark.parametrize("speed", [0.5, 1.5])
def test_both_ends_are_found_although_things_move(linear: bool, eased: bool, speed: float) -> None:
    pictures = [measure_picture(each) for each in thumbnails(ramp(12, eased=eased), linear=linear, speed=speed)]
    curve = fit_mixing_curve(pictures.__getitem__, range(len(pictures)), PURE + 4, PURE + 8, longest=56)
    assert curve is not None
    assert (curve.first, curve.last) == (pytest.approx(PURE, abs=2), pytest.approx(PURE + 11, abs=2))


def test_frames_that_mix_fit_better_than_a_pan_does() -> None:
    def misfit(shares: np.ndarray) -> float:
        pictures = [measure_picture(each) for each in thumbnails(shares, linear=True, speed=1.0)]
        curve = fit_mixing_curve(pictures.__getitem__, range(len(pictures)), PURE, PURE + 11, longest=56)
        assert curve is not None
        return curve.misfit

    assert misfit(ramp(12)) < misfit(np.zeros(2 * PURE + 12, np.float32)) - 1


@pytest.mark.parametrize("frames", [6, 15])
def test_a_fade_reaches_as_far_as_it_gets_brighter(frames: int) -> None:
    brightness = np.concatenate([(np.arange(frames) + 1) / (frames + 1), np.ones(PURE)])
    pictures = [
        measure_picture(shrink(np.asarray(lightness(luminance_of(picture) * k), np.float32)))
        for picture, k in zip(scene(1, len(brightness), speed=1.0), brightness, strict=True)
    ]
    found = fit_fade_curve(lambda away: pictures[away - 1], len(pictures), frames - 3, longest=28)
    assert found == pytest.approx(frames, abs=1)


@pytest.mark.parametrize("count", [1, 2, 3])
def test_too_few_frames_have_no_curve(count: int) -> None:
    pictures = [measure_picture(each) for each in thumbnails(ramp(1)[:count], linear=True, speed=1.0)]
    assert fit_mixing_curve(pictures.__getitem__, range(count), 0, count - 1, longest=56) is None
    assert fit_fade_curve(lambda away: pictures[away - 1], 1, 1, longest=28) == 1

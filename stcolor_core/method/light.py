"""Changes of light between two pictures of a scene: how large they are, and a colour in the other picture's light.

If a lamp dims to a share k of its light, all linear light is scaled by k, so hue and saturation stay. a*, b* then
shrink with the cube root of k, and in the dark with k itself (CIE 15:2018, section 8.2.1). An exposure is such a factor
k on linear light. See docs/method.md, "Light that changes".

All functions take L* as the models see it, 0..100 with the highlights rolled off.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from stcolor_core.arrays import Chroma, Mask, Plane
from stcolor_core.images.color import lab_to_linear, linear_to_lab, luminance_of, roll_off
from stcolor_core.images.color import lightness as lightness_of
from stcolor_core.images.resizing import resize

__all__ = [
    "blacken",
    "clipping_level",
    "is_clipped",
    "local_exposure",
    "overall_exposure",
    "relight",
    "relight_lightness",
    "to_same_light",
]

DARKEST, BRIGHTEST = 2.0, 95.0  # L* that an exposure is measured between: darker is noise, brighter may be clipped
MOST = 1000.0  # largest change of light, as a factor up or down: 10 stops
LEAST_LUMINANCE = 1e-5  # below the first code value of an 8-bit picture; black has no logarithm

VISIBLE = 0.5  # visibility from which a pixel counts for the overall exposure
SUBSAMPLED = 2  # every so many rows and columns count
LEAST_SHARE = 0.02  # share of the picture that must count
# Ramps from "no change of light" to "a change of light", chosen on walks of 36 frames over the development footage
# (benchmarks/light.py):
OVERALL_EXPLAINED = (0.3, 0.5)  # share of the mean difference in L* that one exposure removes
LOCAL_EXPLAINED = (0.7, 0.9)  # share of the squared log ratios that their local mean explains
LOCAL_CHANGE = (0.25, 0.5)  # change of light, as a natural logarithm
LOCAL_VISIBLE = (0.1, 0.3)  # mean visibility
LOCAL_LINES = 216  # height that local exposure is computed at, at most
LOCAL_SIGMA = 4.0  # px at that height
MOST_LOCAL = 2.0  # largest local change, as a natural logarithm

# A camera, a scan or an 8-bit file clips each of red, green and blue, at white or above, as in a flash.
LEAST_CLIPPED = 0.003  # share of a clipped picture that has its greatest luminance
CLIPPED_FROM = 0.98  # of that luminance, from which one counts as the same: code 253 of 255
FARTHEST = 99.9  # L* from which the roll-off leaves too little to tell luminances apart: 40 times white

BLACK = 1.0  # L* below which chroma fades to 0: about code 4 of 255


def overall_exposure(target: Plane, other: Plane, visibility: Plane) -> float:
    """Return the factor on linear light that brings another picture to the light of a target; 1 if none explains it.

    It is the median ratio of the luminances. It counts as far as it explains the difference in L*: in steady light the
    ratio of a moving picture differs from 1 by chance, and following it would make the colour flicker.

    Args:
        target: L* of the target, shape (H, W), 0..100.
        other: L* of the other picture along the flow from the target, shape (H, W), 0..100.
        visibility: Whether both show the same surface, shape (H, W), 0..1.

    Returns:
        The exposure, 0.001..1000.
    """
    rows = slice(None, None, SUBSAMPLED)
    target, other, visibility = (plane[rows, rows] for plane in (target, other, visibility))
    usable = (visibility > VISIBLE) & (other > DARKEST) & (other < BRIGHTEST) & (target < BRIGHTEST)
    if usable.mean() < LEAST_SHARE:
        return 1.0
    target, other = target[usable], other[usable]
    exposure = float(np.exp(np.median(_log_ratio(target, other))))
    before = np.abs(target - other).mean()
    after = np.abs(target - relight_lightness(other, exposure)).mean()
    trust = float(_ramp(1 - after / max(before, 1e-6), OVERALL_EXPLAINED))
    return float(exposure**trust)


def local_exposure(target: Plane, other: Plane, visibility: Plane) -> Plane:
    """Return the same factor around each pixel, for shadows and lamps that cover a part of the picture.

    Around a pixel in changed light all log ratios are alike. Texture and misplaced flow make ratios of both signs,
    whose mean explains little of them; there the factor is 1.

    Args:
        target: L* of the target, shape (H, W), 0..100.
        other: L* of the other picture along the flow from the target, shape (H, W), 0..100.
        visibility: Whether both show the same surface, shape (H, W), 0..1.

    Returns:
        The exposure, shape (H, W), 0.13..7.4.
    """
    height, width = target.shape
    lines = min(height, LOCAL_LINES)
    size = (lines, max(1, round(width * lines / height)))
    small, other_small, weight = (resize(plane, size) for plane in (target, other, visibility))
    weight = weight * ((other_small > DARKEST) & (other_small < BRIGHTEST) & (small < BRIGHTEST))
    ratio = np.clip(_log_ratio(small, other_small), -3, 3)
    visible = _mean_around(weight)
    mean, square = (_mean_around(weight * values) / np.maximum(visible, 1e-3) for values in (ratio, ratio * ratio))
    trust = _ramp(mean * mean / np.maximum(square, 1e-4), LOCAL_EXPLAINED)
    trust = trust * _ramp(np.abs(mean), LOCAL_CHANGE) * _ramp(visible, LOCAL_VISIBLE)
    change = np.asarray(trust * np.clip(mean, -MOST_LOCAL, MOST_LOCAL), np.float32)
    return np.asarray(np.exp(resize(change, (height, width))))


def clipping_level(lightness: Plane) -> float:
    """Return the linear light at which a picture is clipped, as by a flash; infinite if it is not.

    Many pixels of a clipped picture have its greatest luminance, which is near that of white or above.

    Args:
        lightness: L*, shape (H, W), 0..100.
    """
    brightest = float(lightness.max(initial=0))
    if not BRIGHTEST <= brightest < FARTHEST:
        return float(np.inf)
    level = luminance_of(np.array(90 + 25 / (100 - brightest), np.float32))  # of the inverse of `roll_off`
    share = float((lightness >= roll_off(lightness_of(level * np.float32(CLIPPED_FROM)))).mean())
    return float(level) if share >= LEAST_CLIPPED else float(np.inf)


def is_clipped(lightness: Plane, ab: Chroma, most: float) -> Mask:
    """Return where a colour is clipped, shape (H, W): its hue in less light is not known.

    Args:
        lightness: L*, shape (H, W), 0..100.
        ab: a* and b*, shape (H, W, 2).
        most: Linear light at which red, green and blue are clipped.
    """
    if most == np.inf:
        return np.zeros(lightness.shape, bool)
    return np.asarray(lab_to_linear(np.dstack([lightness, ab])).max(axis=-1) >= CLIPPED_FROM * most)


def relight(lightness: Plane, ab: Chroma, exposure: float | Plane, *, most: float = np.inf) -> tuple[Plane, Chroma]:
    """Return a colour in changed light: L* and a*, b* of its linear light times the exposure.

    Args:
        lightness: L*, shape (H, W), 0..100.
        ab: a* and b*, shape (H, W, 2).
        exposure: Factor on linear light, above 0, one for all or of shape (H, W).
        most: Linear light at which red, green and blue are clipped.
    """
    factor = np.asarray(exposure, np.float32)
    lit = lab_to_linear(np.dstack([lightness, ab])) * factor[..., None]
    if most < np.inf:
        np.minimum(lit, np.float32(most), out=lit)
    lab = linear_to_lab(lit)
    return roll_off(lab[..., 0]), np.ascontiguousarray(lab[..., 1:])


def relight_lightness(lightness: Plane, exposure: float | Plane) -> Plane:
    """Return L* in changed light.

    Args:
        lightness: L* of any shape, 0..100.
        exposure: Factor on linear light, above 0, one for all or of that shape.
    """
    return np.asarray(roll_off(lightness_of(luminance_of(lightness) * np.asarray(exposure, np.float32))))


def to_same_light(target: Plane, other: Plane, exposure: float) -> tuple[Plane, Plane]:
    """Return two pictures in the light of the brighter one, whose details need no more than 8 bits.

    Args:
        target: L* of a picture, 0..100.
        other: L* of another picture, 0..100.
        exposure: Factor that brings the other picture to the target's light.
    """
    if exposure < 1:
        return relight_lightness(target, 1 / exposure), other
    return target, relight_lightness(other, exposure)


def blacken(ab: Chroma, lightness: Plane) -> Chroma:
    """Return a* and b* faded to 0 as L* falls from 1 to 0: black has no colour, and would glow with any.

    Args:
        ab: a* and b*, shape (H, W, 2).
        lightness: L*, shape (H, W).
    """
    if lightness.min(initial=BLACK) >= BLACK:
        return ab
    return np.asarray(ab * np.clip(lightness / BLACK, 0, 1).astype(np.float32)[..., None])


def _log_ratio(target: Plane, other: Plane) -> Plane:
    """Return the natural logarithm of the ratio of the luminances, bounded."""
    lit, unlit = (np.maximum(luminance_of(plane), LEAST_LUMINANCE) for plane in (target, other))
    return np.asarray(np.clip(np.log(lit / unlit), -np.log(MOST), np.log(MOST)), np.float32)


def _mean_around(plane: NDArray[Any]) -> Plane:
    return np.asarray(cv2.GaussianBlur(plane.astype(np.float32), (0, 0), LOCAL_SIGMA))


def _ramp(values: float | NDArray[Any], bounds: tuple[float, float]) -> NDArray[Any]:
    """Return 0 below the first bound, 1 above the second, and a straight line between them."""
    low, high = bounds
    return np.clip((values - low) / (high - low), 0, 1)

"""Changes of light between two pictures of a scene: how large they are, and a colour in the other picture's light.

If a lamp dims to a share k of its light, all linear light is scaled by k, so hue and saturation stay. a*, b* then
shrink with the cube root of k, and in the dark with k itself (CIE 15:2018, section 8.2.1). An exposure is such a factor
k on linear light.

Fog, a veil, a fade through white and lifted blacks add light that has no colour. All light becomes a gain times itself
plus an offset, in linear light or, as editing systems have it, in code values. The gain scales the colour and the
offset dilutes it. See docs/method.md, "Light that changes".

All functions take L* as the models see it, 0..100 with the highlights rolled off.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from stcolor_core.arrays import Chroma, Plane
from stcolor_core.images.color import lab_to_linear, linear_to_lab, luminance_of, roll_off
from stcolor_core.images.color import lightness as lightness_of
from stcolor_core.images.resizing import resize

__all__ = [
    "SAME_LIGHT",
    "LightChange",
    "LocalChange",
    "local_change",
    "overall_change",
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
LOCAL_FLAT = 1e-5  # variance of linear light that tells no lamp from added light, which adds no chroma
LOCAL_VISIBLE = (0.1, 0.3)  # mean visibility
LOCAL_LINES = 216  # height that local exposure is computed at, at most
LOCAL_SIGMA = 4.0  # px at that height
MOST_LOCAL = 2.0  # largest local change, as a natural logarithm

# Added light is looked for up to white: its frames have hardly a darker pixel.
WHITEST = 97.2  # L* that added light is measured up to: code 252 of 255 rolled off, a clipped one has 97.5
QUANTILES = tuple(number / 10 for number in range(1, 10))  # whose L* on both pictures lie on one line
FLAT = {False: 2e-5, True: 1.0}  # variance, of linear light and of L*, that tells no gain from an offset: it is 1 then
MOST_CONTRAST = 30.0  # largest gain beside an offset, as a factor up or down
GREYS = np.array([30.0, 80.0])  # L* at which a change of linear light is told as one of code values
LEAST_LEFT = 0.1  # L*: a smaller difference needs no explanation
_BINS = 32  # for each unit of L*, to find quantiles
LINE_BETTER = (0.2, 0.5)  # share of the difference in L* left by an exposure that an offset beside it removes


@dataclass(frozen=True)
class LightChange:
    """A change of light: a gain and an offset, the same for red, green and blue.

    Attributes:
        gain: Factor on the light, above 0.
        offset: Light that is added.
        coded: Whether both apply to code values, which L* stands for; else to linear light.
    """

    gain: float = 1.0
    offset: float = 0.0
    coded: bool = False

    @property
    def is_same(self) -> bool:
        """Return whether nothing changes."""
        return self.gain == 1 and self.offset == 0

    @property
    def inverse(self) -> LightChange:
        """Return the change back."""
        return LightChange(1 / self.gain, -self.offset / self.gain, self.coded)

    @property
    def in_codes(self) -> LightChange:
        """Return the change of code values that comes nearest to this one: the same for two greys."""
        if self.coded or self.is_same:
            return LightChange(self.gain, self.offset, coded=True)
        low, high = lightness_of(self.gain * luminance_of(GREYS) + self.offset)
        gain = float(np.clip((high - low) / (GREYS[1] - GREYS[0]), 1 / MOST_CONTRAST, MOST_CONTRAST))
        return LightChange(gain, float(low - gain * GREYS[0]), coded=True)

    def then(self, other: LightChange) -> LightChange:
        """Return this change followed by another one.

        Args:
            other: The change that follows.
        """
        if self.is_same or other.is_same:
            return other if self.is_same else self
        if self.coded == other.coded:
            return LightChange(self.gain * other.gain, self.offset * other.gain + other.offset, self.coded)
        return self.in_codes.then(other.in_codes)


SAME_LIGHT = LightChange()


def overall_change(target: Plane, other: Plane, visibility: Plane) -> LightChange:
    """Return the change of light that brings another picture to the light of a target.

    It is the exposure, unless an offset beside it explains much more of the difference. Gain and offset are those of
    the line through the quantiles of both pictures, which misplaced flow leaves as they are. Where the pictures are too
    flat to tell gain from offset, the change is an offset, which adds no chroma.

    Args:
        target: L* of the target, shape (H, W), 0..100.
        other: L* of the other picture along the flow from the target, shape (H, W), 0..100.
        visibility: Whether both show the same surface, shape (H, W), 0..1.
    """
    exposure = overall_exposure(target, other, visibility)
    rows = slice(None, None, SUBSAMPLED)
    target, other, visibility = (plane[rows, rows] for plane in (target, other, visibility))
    usable = (visibility > VISIBLE) & (other > DARKEST) & (other < WHITEST) & (target > DARKEST) & (target < WHITEST)
    if usable.mean() < LEAST_SHARE:
        return LightChange(exposure)
    target, other = target[usable], other[usable]
    places = [round(quantile * (len(target) - 1)) for quantile in QUANTILES]
    before = float(np.abs(target - other).mean())
    with_gain = float(np.abs(target - relight_lightness(other, exposure)).mean())
    if exposure <= 1 and with_gain < LINE_BETTER[0] * LEAST_LEFT:  # no line could explain enough of it
        return LightChange(exposure)
    knots = _order_statistics(other, places), _order_statistics(target, places)
    lines = [_fit_line(*knots, coded=coded) for coded in (False, True)]
    line = min(lines, key=lambda line: float(np.abs(knots[1] - relight_lightness(knots[0], line)).mean()))
    with_line = float(np.abs(target - relight_lightness(other, line)).mean())
    share = float(_ramp((with_gain - with_line) / max(with_gain, LEAST_LEFT), LINE_BETTER))
    if exposure > 1 and float(np.var(knots[0])) < FLAT[True]:
        share = 1.0
    if share == 0:
        return LightChange(exposure)
    share *= float(_ramp(1 - with_line / max(before, 1e-6), OVERALL_EXPLAINED))
    alone = LightChange(exposure).in_codes if line.coded else LightChange(exposure)
    gain = alone.gain ** (1 - share) * line.gain**share
    return LightChange(gain, (1 - share) * alone.offset + share * line.offset, line.coded)


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


@dataclass(frozen=True)
class LocalChange:
    """A change of light around each pixel.

    Attributes:
        gain: Factor on linear light, shape (H, W).
        offset: Linear light that is added, shape (H, W); None if there is none.
        exposure: The factor on linear light that scales chroma (a*, b*) as much, shape (H, W).
    """

    gain: Plane
    offset: Plane | None
    exposure: Plane


def local_change(target: Plane, other: Plane, visibility: Plane) -> LocalChange:
    """Return the change of light around each pixel, for shadows, lamps and flares that cover a part of the picture.

    Around a pixel in changed light all log ratios are alike. Texture and misplaced flow make ratios of both signs,
    whose mean explains little of them; there nothing changes. Light that is added, as by a flare, leaves the contrast
    as it was, and a lamp scales it: what is brighter by more than its contrast is brighter by an offset.

    Args:
        target: L* of the target, shape (H, W), 0..100.
        other: L* of the other picture along the flow from the target, shape (H, W), 0..100.
        visibility: Whether both show the same surface, shape (H, W), 0..1.

    Returns:
        The change, by a factor of 0.13..7.4.
    """
    height, width = target.shape
    lines = min(height, LOCAL_LINES)
    size = (lines, max(1, round(width * lines / height)))
    small, other_small, weight = (resize(plane, size) for plane in (target, other, visibility))
    weight = weight * ((other_small > DARKEST) & (other_small < BRIGHTEST) & (small < BRIGHTEST))
    ratio = np.clip(_log_ratio(small, other_small), -3, 3)
    visible = _mean_around(weight)
    mean = _mean_around(weight * ratio) / np.maximum(visible, 1e-3)
    if not ((np.abs(mean) > LOCAL_CHANGE[0]) & (visible > LOCAL_VISIBLE[0])).any():  # as in most pictures
        same = np.ones((height, width), np.float32)
        return LocalChange(same, None, same)
    square = _mean_around(weight * (ratio * ratio)) / np.maximum(visible, 1e-3)
    trust = _ramp(mean * mean / np.maximum(square, 1e-4), LOCAL_EXPLAINED)
    trust = trust * _ramp(np.abs(mean), LOCAL_CHANGE) * _ramp(visible, LOCAL_VISIBLE)
    change = np.asarray(trust * np.clip(mean, -MOST_LOCAL, MOST_LOCAL), np.float32)
    exposure = np.asarray(np.exp(resize(change, (height, width))))
    if change.max(initial=0) <= 0:
        return LocalChange(exposure, None, exposure)
    spreads, grey = [], exposure
    for plane in map(luminance_of, (small, other_small)):
        grey, power = (_mean_around(weight * values) / np.maximum(visible, 1e-3) for values in (plane, plane * plane))
        spreads.append(np.maximum(power - grey * grey, 0) + LOCAL_FLAT)
    contrast = 0.5 * np.log(spreads[0] / spreads[1])
    gain = np.where(change > 0, np.clip(contrast, 0, np.maximum(change, 0)), change).astype(np.float32)
    offset = np.asarray((np.exp(change) - np.exp(gain)) * grey, np.float32)
    gain, offset = (resize(plane, (height, width)) for plane in (gain, offset))
    # a*, b* shrink with the power 2/3 of the brightness that is added
    return LocalChange(np.exp(gain), offset, np.asarray(np.exp(3 * gain) / (exposure * exposure)))


def relight(
    lightness: Plane,
    ab: Chroma,
    change: float | Plane | LightChange,
    *,
    offset: Plane | None = None,
    most: float = np.inf,
) -> tuple[Plane, Chroma]:
    """Return a colour in changed light: L* and a*, b* of its light times a gain plus an offset.

    Args:
        lightness: L*, shape (H, W), 0..100.
        ab: a* and b*, shape (H, W, 2).
        change: The change of light, or a factor on linear light, above 0, one for all or of shape (H, W).
        offset: Linear light that is added beside such a factor, shape (H, W); None for none.
        most: Linear light at which red, green and blue are clipped.
    """
    if isinstance(change, LightChange) and change.coded:
        lab = np.dstack([relight_lightness(lightness, change), ab * np.float32(change.gain)])
        if most == np.inf:
            return lab[..., 0], np.ascontiguousarray(lab[..., 1:])
        lit = lab_to_linear(lab)
    else:
        gain, added = (change.gain, change.offset) if isinstance(change, LightChange) else (change, 0.0)
        lit = lab_to_linear(np.dstack([lightness, ab])) * np.asarray(gain, np.float32)[..., None]
        if offset is not None or added:
            lit += np.float32(added) if offset is None else offset[..., None]
            np.maximum(lit, 0, out=lit)
    if most < np.inf:
        np.minimum(lit, np.float32(most), out=lit)
    lab = linear_to_lab(lit)
    lab[..., 0] = np.clip(lab[..., 0], 0, 100) if _is_line(change) else roll_off(lab[..., 0])
    return lab[..., 0], np.ascontiguousarray(lab[..., 1:])


def relight_lightness(lightness: Plane, change: float | Plane | LightChange) -> Plane:
    """Return L* in changed light.

    Args:
        lightness: L* of any shape, 0..100.
        change: The change of light, or a factor on linear light, above 0, one for all or of that shape.
    """
    if not isinstance(change, LightChange):
        return np.asarray(roll_off(lightness_of(luminance_of(lightness) * np.asarray(change, np.float32))))
    if not _is_line(change):
        return relight_lightness(lightness, change.gain)
    gain, offset = np.float32(change.gain), np.float32(change.offset)
    # a line is fitted to L* as it is, with its highlights rolled off
    if change.coded:
        return np.asarray(np.clip(gain * lightness + offset, 0, 100), np.float32)
    return np.asarray(np.clip(lightness_of(gain * luminance_of(lightness) + offset), 0, 100))


def to_same_light(target: Plane, other: Plane, change: LightChange) -> tuple[Plane, Plane]:
    """Return two pictures in the light of the one with more contrast, whose details need no more than 8 bits.

    Args:
        target: L* of a picture, 0..100.
        other: L* of another picture, 0..100.
        change: Brings the other picture to the target's light.
    """
    if change.gain < 1:
        return relight_lightness(target, change.inverse), other
    return target, relight_lightness(other, change)


def _is_line(change: object) -> bool:
    """Return whether a change of light is more than a factor on linear light."""
    return isinstance(change, LightChange) and (change.coded or change.offset != 0)


def _fit_line(before: Plane, after: Plane, *, coded: bool) -> LightChange:
    """Return the line through the quantiles of L* of two pictures; its gain tends to 1 as they get flat."""
    x, y = (np.asarray(knots if coded else luminance_of(knots), np.float64) for knots in (before, after))
    dx, dy = x - x.mean(), y - y.mean()
    gain = float(((dx * dy).mean() + FLAT[coded]) / ((dx * dx).mean() + FLAT[coded]))
    gain = min(max(gain, 1 / MOST_CONTRAST), MOST_CONTRAST)
    return LightChange(gain, float(y.mean() - gain * x.mean()), coded)


def _order_statistics(lightness: Plane, places: Sequence[int]) -> Plane:
    """Return `np.sort(lightness)[places]` of L*, shape (N,), in a third of the time: only parts of it are sorted.

    places: In ascending order.
    """
    bins = (lightness * np.float32(_BINS)).astype(np.int32)
    ends = np.cumsum(np.bincount(bins))
    chosen = np.searchsorted(ends, places, side="right")
    found = [
        np.sort(lightness[bins == index])[place - ends[index]] for place, index in zip(places, chosen, strict=True)
    ]
    return np.asarray(found, lightness.dtype)


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

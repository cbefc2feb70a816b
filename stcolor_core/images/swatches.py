"""The colour of a surface from swatches: its chroma follows its lightness as that of paint in changing light does."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from stcolor_core.arrays import Chroma, Mask, Plane
from stcolor_core.images.color import lab_to_linear, linear_to_lab, srgb_decode

__all__ = ["color_of_surface"]

_OFFSET = 16.0  # L* + 16, a* and b* are all proportional to the cube root of light (CIE 15:2018, eqs. 8.3 to 8.5)
_STEPS = 12  # halvings of the interval in which the largest chroma within the gamut lies


def color_of_surface(lightness: Plane, colors: Sequence[str]) -> Chroma:
    """Return the colour of a surface of one paint at the lightness that each pixel has.

    More or less light on one paint multiplies L* + 16, a* and b* by one factor, so hue and saturation stay. Between two
    swatches a* and b* are interpolated by lightness; beyond the darkest and the brightest they follow the light. Chroma
    that sRGB cannot show at that lightness is reduced: highlights turn white, as on a real surface.

    Args:
        lightness: L*, shape (H, W), 0..100.
        colors: Swatches as "#rrggbb" in sRGB, in any order.

    Returns:
        a* and b*, shape (H, W, 2).
    """
    swatches = np.array(sorted(_lab(color) for color in colors), np.float64)
    place = np.clip(lightness, swatches[0, 0], swatches[-1, 0])
    light = (np.maximum(lightness, 0) + _OFFSET) / (place + _OFFSET)
    ab = np.stack([light * np.interp(place, swatches[:, 0], swatches[:, axis]) for axis in (1, 2)], -1)
    return _within_gamut(lightness, ab.astype(np.float32))


def _lab(color: str) -> tuple[float, float, float]:
    encoded = np.array([int(color[i : i + 2], 16) for i in (1, 3, 5)], np.float64) / 255
    lightness, a, b = linear_to_lab(srgb_decode(encoded))
    return float(lightness), float(a), float(b)


def _within_gamut(lightness: Plane, ab: Chroma) -> Chroma:
    """Return ab with its chroma reduced, where needed, until linear sRGB lies within 0..1."""
    low: Plane = np.zeros(lightness.shape, np.float32)
    high: Plane = np.ones(lightness.shape, np.float32)
    fits = _fits(lightness, ab, high)
    for _ in range(_STEPS):
        middle = np.asarray((low + high) / 2, np.float32)
        inside = _fits(lightness, ab, middle)
        low, high = np.where(inside, middle, low), np.where(inside, high, middle)
    return np.asarray(np.where(fits, np.float32(1), low)[..., None] * ab, np.float32)


def _fits(lightness: Plane, ab: Chroma, scale: Plane) -> Mask:
    rgb = lab_to_linear(np.dstack([np.clip(lightness, 0, 100), scale[..., None] * ab]))
    return np.asarray(((rgb >= -1e-4) & (rgb <= 1 + 1e-4)).all(axis=-1))

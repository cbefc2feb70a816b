"""The colour of a surface from swatches: its chroma follows its lightness as that of paint in changing light does."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from stcolor_core.arrays import Chroma, Plane
from stcolor_core.images.color import linear_to_lab, srgb_decode
from stcolor_core.images.surfaces import light_ratio, within_gamut

__all__ = ["color_of_surface"]


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
    light = light_ratio(lightness, place)
    ab = np.stack([light * np.interp(place, swatches[:, 0], swatches[:, axis]) for axis in (1, 2)], -1)
    return within_gamut(lightness, ab.astype(np.float32))


def _lab(color: str) -> tuple[float, float, float]:
    encoded = np.array([int(color[i : i + 2], 16) for i in (1, 3, 5)], np.float64) / 255
    lightness, a, b = linear_to_lab(srgb_decode(encoded))
    return float(lightness), float(a), float(b)

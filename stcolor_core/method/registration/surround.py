"""Find what surrounds a cut-out that was flattened onto white or black, as when it is saved without its alpha."""

from __future__ import annotations

from typing import Literal, NamedTuple

import cv2
import numpy as np

from stcolor_core.arrays import Image, Mask, Plane
from stcolor_core.images.color import lab_to_linear

__all__ = ["Surround", "find_surround"]

_Color = Literal["white", "black"]
# Linear light of each, and how much it may be off: half of a level of 8 bits in sRGB.
_PURE: tuple[tuple[_Color, float, float], ...] = (("white", 1.0, 0.0045), ("black", 0.0, 1.5e-4))
_LEAST_BORDER = 0.5  # of the picture's border that it holds
_LEAST = 0.1  # of the picture
_LEAST_BESIDE_BARS = 0.05  # of the picture: less that is white or black beside bars is a part of them
_APART, _MOSTLY = 5.0, 0.5  # L* by which the plate differs, and the share of it where it does
_END = 10  # per cent of the plate under it: what was clipped lies above the middle of the rest, or below it


class Surround(NamedTuple):
    """What surrounds a cut-out.

    Attributes:
        mask: Where it is, and one pixel of what is beside it, shape (H, W), bool.
        color: Its colour.
    """

    mask: Mask
    color: _Color


def find_surround(lab: Image, known: Mask | None, lightness: Plane, bars: Mask | None = None) -> Surround | None:
    """Return what surrounds a cut-out: pure white or black on most of the border, where the plate shows a picture.

    What was clipped is white where the plate is lightest, or black where it is darkest: that is left alone.

    Args:
        lab: The keyframe in CIELAB, shape (H, W, 3).
        known: Where its colour is known, shape (H, W), bool; None for everywhere.
        lightness: The plate's L*, shape (H, W), 0..100; NaN outside of it.
        bars: What are bars in any case, shape (H, W), bool: only what lies beside them is judged. None for none.
    """
    border = np.zeros(lightness.shape, bool)
    border[[0, -1]], border[:, [0, -1]] = True, True
    for color, level, reach in _PURE:
        if _is_pure(lab[border][None], level, reach).mean() <= _LEAST_BORDER:
            continue
        pure = _is_pure(lab, level, reach)
        pure = pure if known is None else pure & known
        _, labels = cv2.connectedComponents(np.asarray(pure, np.uint8), connectivity=4)
        area = pure & np.isin(labels, np.unique(labels[border & pure]))
        judged = area if bars is None else area & ~bars
        if area[border].mean() <= _LEAST_BORDER or area.mean() < _LEAST:
            continue
        if bars is not None and judged.mean() < _LEAST_BESIDE_BARS:
            continue
        if _hides_a_picture(level, lightness[judged], lightness[~area if known is None else ~area & known]):
            return Surround(np.asarray(cv2.dilate(np.asarray(area, np.uint8), np.ones((3, 3), np.uint8)) > 0), color)
    return None


def _is_pure(lab: Image, level: float, reach: float) -> Mask:
    return np.asarray((np.abs(lab_to_linear(lab) - level) < reach).all(axis=-1))


def _hides_a_picture(level: float, under: Plane, beside: Plane) -> bool:
    """Return whether the plate is another under an area of pure white or black, and was not clipped there.

    Args:
        level: 1 for white, 0 for black.
        under: The plate's L* under it, shape (N,).
        beside: The plate's L* under the rest of the picture, shape (M,).
    """
    under, beside = (values[np.isfinite(values)] for values in (under, beside))
    if not under.size or not beside.size or (np.abs(under - 100 * level) >= _APART).mean() < _MOSTLY:
        return False
    if level:
        return bool(np.percentile(under, _END) < np.median(beside))
    return bool(np.percentile(under, 100 - _END) > np.median(beside))

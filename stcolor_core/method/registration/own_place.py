"""Whether colours follow the edges of the plate that they lie on, and how certain they are if they do not."""

from __future__ import annotations

import cv2
import numpy as np

from stcolor_core.arrays import Chroma, Mask, Plane
from stcolor_core.images.resizing import resize
from stcolor_core.method.registration.edges import (
    Edges,
    color_edges,
    correlate,
    fit_beyond_chance,
    lightness_edges,
    slopes,
    within,
    within_frame,
)

__all__ = [
    "REPEATED",
    "are_faint",
    "certainty_beside",
    "certainty_of_slip",
    "fits_from_afar",
    "follows",
    "follows_clearly",
    "likeness_beside",
]

REPEATED = 0.87
"""Share of the fit, that of other shifts, above which a picture repeats."""

_SHARPEST, _FAINT = 98, 1.4  # per cent of the pixels; slope that they reach at most where colour has no edge of its own
# Colours that fit no better than by so many deviations of chance, or correlate by no more, do not follow the plate's
# edges. What is right of them then, near edges and elsewhere; and if no shift fits better than by so many deviations.
_BY_CHANCE, _UNLIKE = 1.5, 0.025
_ALIKE = 0.1  # correlation from which they follow them, unless they fit by little more than chance at any size
_BY_CHANCE_ELSEWHERE, _OF_ANOTHER_PICTURE = 4.2, 0.4
_NEAR_SLIPPED, _BESIDE_SLIPPED = 0.82, 0.95  # the same of colours that slipped by 3 to 10 px (14 clips of footage)
_NEAR_EDGES, _ELSEWHERE, _EDGE, _EDGE_PX = 0.7, 0.8, 1.0, 5
# Deviations of chance by which colours fit that surely follow them, unless their edges are so much alike some pixels
# apart: soft or repeating, and fit by little then. And those at a height of so many pixels, for sparse colours, or the
# correlation there, where large edges run one way. True ones of 1.7 to 2.8 deviations at 216 have 4.6 and more there,
# or correlate by 0.26; those of other pictures -1 to 4, and 0.18 at most but for two mirrored ones.
_CLEAR, _ALIKE_BESIDE = 2.8, 0.55
_AFAR, _CLEAR_AFAR, _ALIKE_AFAR = 54, 4.5, 0.21


def follows(colors: Edges, target: Edges) -> bool:
    """Return whether edges of colour follow those of the plate, or are too much of a pattern to tell.

    Args:
        colors: The edges of colour, shape (H, W, 2).
        target: Those of L*, of the same shape.
    """
    if likeness_beside(colors) > REPEATED:
        return True
    fit, spread, _ = fit_beyond_chance(colors, target)
    alike = correlate(colors, target)
    return alike > _ALIKE or (fit > _BY_CHANCE * spread and alike > _UNLIKE)


def follows_clearly(colors: Edges, target: Edges) -> bool:
    """Return whether they fit by far more than chance, or are too soft or too much of a pattern to tell.

    Args:
        colors: The edges of colour, shape (H, W, 2).
        target: Those of L*, of the same shape.
    """
    fit, spread, _ = fit_beyond_chance(colors, target)
    return fit > _CLEAR * spread or likeness_beside(colors) > _ALIKE_BESIDE


def fits_from_afar(planes: Chroma, light: Plane, inside: Mask, counted: Mask) -> bool:
    """Return whether colours fit the plate at a small size, or it is too small to tell.

    There soft and sparse colours fit by far more than chance too, and those of another picture by little more still.

    Args:
        planes: Two coordinates of the colours, shape (H, W, 2).
        light: The plate's L*, shape (H, W), 0..100.
        inside: Where the colours are known, shape (H, W), bool.
        counted: What counts of that.
    """
    height, width = light.shape
    if min(height, width) < 2 * _AFAR:
        return True
    size = (_AFAR, round(width * _AFAR / height))
    known, told = (
        np.asarray(resize(mask.astype(np.float32), size) > share) for mask, share in ((inside, 0.5), (counted, 0.75))
    )
    told = within_frame(told)
    colors = within(color_edges(resize(planes, size), known), told)
    target = within(lightness_edges(resize(light, size)), told)
    fit, spread, _ = fit_beyond_chance(colors, target)
    return fit > _CLEAR_AFAR * spread or correlate(colors, target) > _ALIKE_AFAR


def are_faint(ab: Chroma, counted: Mask) -> bool:
    """Return whether colours are a wash, all of whose edges may come of rounding to 8 bits.

    Args:
        ab: a* and b*, shape (H, W, 2).
        counted: What counts of them, shape (H, W), bool.
    """
    return not counted.any() or float(np.percentile(slopes(ab)[counted], _SHARPEST)) < _FAINT


def certainty_beside(colors: Edges, target: Edges) -> Plane:
    """Return how certain colours are that do not follow the plate's edges, shape (H, W), 0..1.

    Args:
        colors: The edges of colour, shape (H, W, 2).
        target: Those of L*, of the same shape.
    """
    _, spread, elsewhere = fit_beyond_chance(colors, target)
    if elsewhere <= _BY_CHANCE_ELSEWHERE * spread:
        return np.full(colors.shape[:2], _OF_ANOTHER_PICTURE, np.float32)
    return _certainty_near(colors, _NEAR_EDGES, _ELSEWHERE)


def certainty_of_slip(colors: Edges) -> Plane:
    """Return how certain colours are that slipped by some pixels, shape (H, W), 0..1.

    Args:
        colors: The edges of colour, shape (H, W, 2).
    """
    return _certainty_near(colors, _NEAR_SLIPPED, _BESIDE_SLIPPED)


def _certainty_near(colors: Edges, close: float, elsewhere: float) -> Plane:
    edges = (np.linalg.norm(colors, axis=-1) > _EDGE).astype(np.uint8)
    near = cv2.dilate(edges, np.ones((_EDGE_PX, _EDGE_PX), np.uint8))
    return np.where(near > 0, np.float32(close), np.float32(elsewhere))


def likeness_beside(colors: Edges) -> float:
    """Return how much edges are like themselves some pixels apart, at most, as a share of their energy.

    Args:
        colors: The edges of colour, shape (H, W, 2).
    """
    energy, _, elsewhere = fit_beyond_chance(colors, colors)
    return elsewhere / max(energy, 1e-9)

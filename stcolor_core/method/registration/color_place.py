"""Where the colours of a keyframe belong whose luminance is the plate's own: colour may lie beside what it is of.

A layer of colour over the plate, or another frame's colour with this one's luminance, looks exact by its luminance. But
colours change where luminance does, at the edges of surfaces. So the edges of a*, b* are compared with those of L*:
where they fit much better once moved, or on a frame nearby, the colours belong there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import cv2
import numpy as np

from stcolor_core.arrays import Chroma, Mask, Plane
from stcolor_core.images.resizing import resize
from stcolor_core.method.registration.alignment import (
    Alignment,
    affine_alignment_misfit,
    find_alignment,
    local_contrast,
)

__all__ = ["find_color_place"]

_LINES = 216  # height at which edges are compared, at most
_FLAT_LIGHTNESS, _FLAT_COLOR = 0.5, 0.3  # slope a pixel of L*, and of a* and b*, that is no edge yet
# The first look, in tiles at half that height: how much better they fit with a shift each of up to so many pixels. Some
# true keyframes pass it too; it spares the others the search, and the frames around them from being read.
_COARSE, _TILES, _REACH, _WORTH = 108, (4, 6), 4, 0.04
# What correlation of the edges must be reached, and gained, and how much more of it for each pixel that a corner moves:
# false solutions are far. They also fit a part of the picture only, such as a pattern that repeats, so a share of the
# tiles must gain (benchmarks/measured/method.md, "Misplaced keyframes").
_LEAST, _GAIN, _GAIN_BY_SHIFT = 0.15, 0.05, 0.011
_LEAST_TILES = 0.72


def find_color_place(
    ab: Chroma,
    known: Mask | None,
    *,
    frame: int,
    others: Iterable[int],
    lightness_of: Callable[[int], Plane],
) -> tuple[int, Alignment | None]:
    """Return the frame that the colours of a keyframe fit, and the alignment from that frame to them, if they move.

    Args:
        ab: a* and b* of the keyframe, which has the plate's L*, shape (H, W, 2).
        known: Where its colour is known, shape (H, W), bool; None for everywhere.
        frame: The frame's number.
        others: The frames that it may show instead.
        lightness_of: Returns the L* of a plate frame, shape (H, W), 0..100. Called for the other frames only if the
            colours do not fit this one.
    """
    own = lightness_of(frame)
    lines = min(_LINES, len(own))
    size = (lines, max(1, round(own.shape[1] * lines / len(own))))
    small = None if known is None else resize(known.astype(np.float32), size) > 0.5
    colors = _color_edges(resize(ab, size), small)
    edges = _edges(resize(own, size))
    if not colors.any() or _tile_gain(edges, colors, small) < _WORTH:
        return frame, None
    fit = 1 - affine_alignment_misfit(np.eye(2, 3), edges, colors, small)
    moved = find_alignment(edges, colors, small)
    best, shown = fit + _GAIN, frame
    alignment: Alignment | None = None
    gain = (1 - moved.misfit) - fit
    enough = max(_GAIN, _GAIN_BY_SHIFT * moved.largest_shift * _LINES / lines)
    if moved.moves and gain >= enough and _gaining_tiles(edges, colors, moved) >= _LEAST_TILES:
        best, alignment = 1 - moved.misfit, moved
    for other in others:
        there = 1 - affine_alignment_misfit(np.eye(2, 3), _edges(resize(lightness_of(other), size)), colors, small)
        if there >= best:
            best, shown, alignment = there, other, None
    return (frame, None) if best < _LEAST else (shown, alignment)


def _edges(*planes: Plane, flat: float = _FLAT_LIGHTNESS) -> Plane:
    """Return the logarithm of the slope of some planes together, shape (H, W)."""
    power = np.zeros(planes[0].shape, np.float32)
    for plane in planes:
        smooth = cv2.GaussianBlur(np.asarray(plane, np.float32), (0, 0), 1.0)
        for order in ((1, 0), (0, 1)):
            power += np.square(cv2.Sobel(smooth, cv2.CV_32F, *order, ksize=3, scale=1 / 8))
    return np.asarray(20 * np.log1p(np.sqrt(power) / flat), np.float32)


def _color_edges(ab: Chroma, known: Mask | None) -> Plane:
    """Return the edges of a* and b*, none at the border of what is known."""
    edges = _edges(ab[..., 0], ab[..., 1], flat=_FLAT_COLOR)
    if known is None:
        return edges
    inside = cv2.erode(known.astype(np.uint8), np.ones((7, 7), np.uint8), borderValue=1)
    return np.asarray(edges * inside, np.float32)


def _tile_gain(lightness_edges: Plane, color_edges: Plane, known: Mask | None) -> float:
    """Return by how much the edges correlate better if each tile of the picture is shifted as fits it best."""
    lines = min(_COARSE, len(lightness_edges))
    size = (lines, max(1, round(lightness_edges.shape[1] * lines / len(lightness_edges))))
    inside = None if known is None else resize(known.astype(np.float32), size) > 0.5
    target, source = (local_contrast(resize(edges, size), inside) for edges in (lightness_edges, color_edges))

    still = _by_tiles(target * source)
    best = still
    for dy in range(-_REACH, _REACH + 1):
        for dx in range(-_REACH, _REACH + 1):
            shifted = cv2.warpAffine(source, np.array([[1, 0, dx], [0, 1, dy]], np.float32), size[::-1])
            best = np.maximum(best, _by_tiles(target * shifted))
    return float((best - still).sum()) / max(float(_energy(target, source).sum()), 1e-6)


def _gaining_tiles(lightness_edges: Plane, color_edges: Plane, moved: Alignment) -> float:
    """Return the share of the picture, by tiles and their edges, in which the edges fit better once moved, 0..1."""
    target, source = local_contrast(lightness_edges), local_contrast(color_edges)
    better = _by_tiles(target * moved.sample(source)) > _by_tiles(target * source)
    energy = _energy(target, source)
    return float(energy[better].sum()) / max(float(energy.sum()), 1e-6)


def _energy(target: Plane, source: Plane) -> Plane:
    return np.asarray(np.sqrt(_by_tiles(target * target) * _by_tiles(source * source)), np.float32)


def _by_tiles(picture: Plane) -> Plane:
    return np.asarray(cv2.resize(picture, _TILES[::-1], interpolation=cv2.INTER_AREA), np.float32)

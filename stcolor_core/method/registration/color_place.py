"""Where the colours of a keyframe belong whose luminance is the plate's own: colour may lie beside what it is of.

A layer of colour over the plate, or another frame's colour with this one's luminance, looks exact by its luminance. But
colours change where luminance does, at the edges of surfaces. So the edges of a*, b* are compared with those of L*:
where they fit much better once moved, or on a frame nearby, the colours belong there.

To move the colours of a true keyframe is worse than to leave those of a misplaced one. True colours have edges without
luminance too, beside shadows, rims of light or folds. So the place must explain what the own place does not, in nearly
all of the picture.
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
# Correlation of colour's own edges three pixels apart, above which they are too soft to prove a slip.
_SOFT, _SOFT_PX = 0.62, 3.0
_FARTHEST = 0.05  # of the height: no corner is moved further
# The edges are compared where those of both places differ by so much local contrast, which must hold so much of the
# colour's. There the new place must reach so high a correlation, of which the own has this share at most. Solved for
# both places at once, the own explains at most this part of what the new one does; the new one explains more, and twice
# as much, in tiles with these shares of the edges (benchmarks/measured/method.md, "Misplaced keyframes").
_DIFFERENT, _LEAST_EDGES = 0.5, 0.1
_LEAST, _OWN_SHARE, _OWN_PART = 0.2, 0.72, 0.36
_BETTER_TILES, _CLEAR_TILES, _CLEAR = 0.8, 0.6, 2.0
# Of the best correlation: that of other shifts, from so far on, within so far. Above it, the picture repeats.
_REPEATED, _REPEATED_FROM, _REPEATED_TO = 0.75, 7 / 216, 20 / 216
_GAIN = 0.02  # of the correlation in the whole picture


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
    source, target = local_contrast(colors, small), local_contrast(edges)
    if _softness(source) > _SOFT:
        return frame, None
    inside = np.ones(size, bool) if small is None else small
    best, shown = 1 - affine_alignment_misfit(np.eye(2, 3), edges, colors, small) + _GAIN, frame
    alignment: Alignment | None = None
    moved = find_alignment(edges, colors, small)
    if moved.moves and moved.largest_shift <= _FARTHEST * lines and 1 - moved.misfit >= best:
        there = moved.sample(source)
        covered = moved.sample_mask(inside)
        if _belongs(there, moved.sample(target), target, covered) and not _repeats(there, target, covered):
            best, alignment = 1 - moved.misfit, moved
    for other in others:
        others_edges = _edges(resize(lightness_of(other), size))
        fit = 1 - affine_alignment_misfit(np.eye(2, 3), others_edges, colors, small)
        if fit >= best and _belongs(source, target, local_contrast(others_edges), inside):
            best, shown, alignment = fit, other, None
    return shown, alignment


def _belongs(colors: Plane, own: Plane, new: Plane, inside: Mask) -> bool:
    """Return whether edges of colour belong to those of a new place, and not to those of their own.

    Args:
        colors: Local contrast of the edges of a* and b*, shape (H, W).
        own: That of L* where the colours are.
        new: That of L* where they may belong.
        inside: What counts, shape (H, W), bool.
    """
    told = (inside & (np.abs(own - new) > _DIFFERENT)).astype(np.float32)
    energy = float((colors * colors * told).sum())
    if energy < _LEAST_EDGES * float((colors * colors * inside).sum()) or energy <= 0:
        return False
    products = {
        "own": own * own,
        "new": new * new,
        "both": own * new,
        "color own": colors * own,
        "color new": colors * new,
    }
    sums = {name: _by_tiles(product * told) for name, product in products.items()}
    whole = {name: np.asarray(tiles.mean(), np.float32) for name, tiles in sums.items()}
    fit_own, fit_new = (
        float(whole[f"color {name}"]) / np.sqrt(max(float(whole[name]) * energy / told.size, 1e-9))
        for name in ("own", "new")
    )
    by_own, by_new = _parts(whole)
    if fit_new < _LEAST or fit_own > _OWN_SHARE * fit_new or by_own > _OWN_PART * by_new:
        return False
    tiles_own, tiles_new = _parts(sums)
    weight = np.sqrt(_by_tiles(colors * colors * told) * sums["new"])
    better, clear = (
        float(weight[tiles_new > factor * tiles_own].sum()) / max(float(weight.sum()), 1e-6) for factor in (1.0, _CLEAR)
    )
    return better >= _BETTER_TILES and clear >= _CLEAR_TILES


def _parts(sums: dict[str, Plane]) -> tuple[Plane, Plane]:
    """Return by how much of their edges the own place and the new one explain colour's, by least squares of both."""
    scale = sums["own"] * sums["new"] - sums["both"] ** 2 + 1e-4
    return (
        (sums["new"] * sums["color own"] - sums["both"] * sums["color new"]) / scale,
        (sums["own"] * sums["color new"] - sums["both"] * sums["color own"]) / scale,
    )


def _correlations(first: Plane, second: Plane, size: tuple[int, int]) -> Plane:
    """Return the correlation of two pictures for every shift around none, in the middle, unscaled."""
    product = np.fft.rfft2(first, size) * np.conj(np.fft.rfft2(second, size))
    return np.asarray(np.fft.fftshift(np.fft.irfft2(product, size)), np.float32)


def _distances(size: tuple[int, int]) -> Plane:
    """Return the distance of each pixel from the middle, shape (H, W), px."""
    y, x = np.ogrid[: size[0], : size[1]]
    return np.asarray(np.hypot(y - size[0] // 2, x - size[1] // 2), np.float32)


def _softness(edges: Plane) -> float:
    """Return how alike the local contrast of edges is to itself a few pixels beside, 0..1."""
    size = (edges.shape[0] + 8, edges.shape[1] + 8)
    found = _correlations(edges, edges, size)
    around = np.abs(_distances(size) - _SOFT_PX) < 0.5
    return float(found[around].mean() / max(float(found.max()), 1e-9))


def _repeats(colors: Plane, target: Plane, inside: Mask) -> bool:
    """Return whether edges that are in place would fit elsewhere nearly as well."""
    lines, reach = len(target), round(_REPEATED_TO * len(target))
    size = (lines + reach, target.shape[1] + reach)
    found = _correlations(target * inside, colors * inside, size)
    distance = _distances(size)
    elsewhere = (distance >= _REPEATED_FROM * lines) & (distance <= reach)
    return float(found[elsewhere].max()) > _REPEATED * float(found[size[0] // 2, size[1] // 2])


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


def _energy(target: Plane, source: Plane) -> Plane:
    return np.asarray(np.sqrt(_by_tiles(target * target) * _by_tiles(source * source)), np.float32)


def _by_tiles(picture: Plane) -> Plane:
    return np.asarray(cv2.resize(picture, _TILES[::-1], interpolation=cv2.INTER_AREA), np.float32)

"""Edges of pictures by their direction, how well those of two pictures fit, and where those of one lie on the other's.

An edge is a complex number in two planes: its length is the logarithm of the slope, its angle twice that of the
gradient, so that the sign of the slope does not count: where a surface ends, L* may rise and a* fall. The correlation
of such planes is high only where edges lie on edges that run the same way (as gradient fields are compared in Haber and
Modersitzki, "Intensity Gradient Based Registration and Fusion of Multi-modal Images", MICCAI 2006).
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import product
from typing import TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from stcolor_core.arrays import Chroma, Mask, Plane
from stcolor_core.method.registration.alignment import Alignment

__all__ = [
    "REACH",
    "TILES",
    "Edges",
    "are_grainy",
    "are_soft",
    "color_edges",
    "correlate",
    "correlations",
    "distances",
    "find_similarity",
    "fit_beyond_chance",
    "lightness_edges",
    "slopes",
    "within",
    "within_frame",
]

Edges = NDArray[np.float32]  # (H, W, 2)

AnyPlanes = TypeVar("AnyPlanes", Edges, Mask)

REACH = 24  # px: the furthest shift of `correlations`
TILES = 4, 6  # rows and columns of tiles that tell whether a map fits all over the picture

_SMOOTHED = 1.0  # px, sigma, before slopes are taken
_FRAME = 2  # px of the border, as far as slopes are those of what is beyond it
_FLAT_LIGHTNESS, _FLAT_COLOR = 0.5, 0.3  # slope a pixel of L*, and of a* and b*, that is no edge yet
_AROUND, _FAINT = 10.0, 0.2  # edges count by their strength beside those around them, and little if these are faint
_SMALLEST_TILE = 24  # px
_CHANCE, _PEAK = 8, 5  # px: shifts from so far on fit by chance; and are another peak than that in the middle
_SOFT, _SOFT_PX = 0.85, 3  # likeness of colour's own edges so many pixels apart, above which they prove no place
_GRAIN = 0.06  # likeness of the edges of grain beside themselves, at most; those of pictures have 0.09 and more
# Scale and turn, as the tangent of its angle: steps of the search, and those around the best of these
_STEP, _STEPS, _FINE_STEP, _FINE_STEPS = 0.008, 6, 0.002, 3


def lightness_edges(lightness: Plane) -> Edges:
    """Return the edges of a plate's L*.

    Args:
        lightness: L*, shape (H, W), 0..100.

    Returns:
        Shape (H, W, 2).
    """
    return _beside_those_around(_edges(lightness[..., None], _FLAT_LIGHTNESS))


def color_edges(ab: Chroma, known: Mask) -> Edges:
    """Return the edges of a* and b*, none at the border of what is known.

    Args:
        ab: a* and b*, shape (H, W, 2).
        known: Where they are known, shape (H, W), bool.

    Returns:
        Shape (H, W, 2).
    """
    inside = cv2.erode(known.astype(np.uint8), np.ones((11, 11), np.uint8), borderValue=1)  # as far as slopes reach
    return _beside_those_around(_edges(ab, _FLAT_COLOR) * inside[..., None].astype(np.float32))


def _edges(planes: NDArray[np.float32], flat: float) -> Edges:
    """Return the edges of some planes together, shape (H, W, C)."""
    across = np.zeros(planes.shape[:2], np.float32)
    along = np.zeros_like(across)
    for plane in cv2.split(cv2.GaussianBlur(planes, (0, 0), _SMOOTHED)):
        x, y = (cv2.Sobel(plane, cv2.CV_32F, *order, ksize=3, scale=1 / 8) for order in ((1, 0), (0, 1)))
        across += x * x - y * y
        along += 2 * x * y
    power = np.hypot(across, along)
    strength = np.log1p(np.sqrt(power) / flat) / np.maximum(power, 1e-12)
    return np.dstack([across * strength, along * strength]).astype(np.float32)


def _beside_those_around(edges: Edges) -> Edges:
    around = np.sqrt(cv2.GaussianBlur(np.square(edges).sum(axis=-1), (0, 0), _AROUND))
    return np.asarray(edges / (around + _FAINT)[..., None], np.float32)


def within(edges: Edges, inside: Mask) -> Edges:
    """Return edges, none where a mask is False.

    Args:
        edges: Shape (H, W, 2).
        inside: The mask, shape (H, W), bool.
    """
    return np.asarray(edges * inside[..., None], np.float32)


def within_frame(planes: AnyPlanes) -> AnyPlanes:
    """Return planes that are 0 at the picture's border, where all edges run along it.

    Args:
        planes: Shape (H, W) or (H, W, C).
    """
    result = np.zeros_like(planes)
    result[_FRAME:-_FRAME, _FRAME:-_FRAME] = planes[_FRAME:-_FRAME, _FRAME:-_FRAME]
    return result


def slopes(ab: Chroma) -> Plane:
    """Return how much colour changes from pixel to pixel once smoothed, a*, b* a pixel, shape (H, W).

    Args:
        ab: a* and b*, shape (H, W, 2).
    """
    changes = [
        cv2.Sobel(plane, cv2.CV_32F, *order, ksize=3, scale=1 / 8)
        for plane in cv2.split(cv2.GaussianBlur(ab, (0, 0), _SMOOTHED))
        for order in ((1, 0), (0, 1))
    ]
    return np.asarray(np.linalg.norm(changes, axis=0), np.float32)


def correlate(first: Edges, second: Edges) -> float:
    """Return the correlation of edges where they are, -1..1.

    Args:
        first: Edges, shape (H, W, 2).
        second: Others, of the same shape.
    """
    energy = float((first * first).sum()) * float((second * second).sum())
    return float((first * second).sum()) / np.sqrt(energy) if energy > 0 else 0.0


def correlations(first: Edges, second: Edges) -> Plane:
    """Return how well edges fit others for every shift of up to `REACH` pixels.

    Args:
        first: Edges, shape (H, W, 2).
        second: Others, of the same shape.

    Returns:
        The sum of their products, not scaled, shape (2 REACH + 1, 2 REACH + 1), no shift in the middle.
    """
    size = (first.shape[0] + REACH, first.shape[1] + REACH)
    spectra = [np.fft.fft2(_as_complex(edges), size) for edges in (first, second)]
    found = np.fft.ifft2(spectra[0] * np.conj(spectra[1])).real
    return np.asarray(np.roll(found, (REACH, REACH), (0, 1))[: 2 * REACH + 1, : 2 * REACH + 1], np.float32)


def distances() -> Plane:
    """Return the length of each shift of `correlations`, px."""
    y, x = np.ogrid[-REACH : REACH + 1, -REACH : REACH + 1]
    return np.asarray(np.hypot(y, x), np.float32)


def fit_beyond_chance(first: Edges, second: Edges) -> tuple[float, float, float]:
    """Return how well edges fit beyond chance, the deviation of chance, and how well they fit elsewhere at best.

    Args:
        first: Edges, shape (H, W, 2).
        second: Others, of the same shape.
    """
    found = correlations(first, second)
    length = distances()
    chance = found[length >= _CHANCE]
    usual = float(np.median(chance))
    spread = 1.48 * float(np.median(np.abs(chance - usual)))
    return float(found[REACH, REACH]) - usual, spread, float(found[length >= _PEAK].max()) - usual


def are_soft(colors: Edges) -> bool:
    """Return whether edges of colour are so soft that they prove no place.

    Args:
        colors: The edges, shape (H, W, 2).
    """
    found = correlations(colors, colors)
    beside = float(found[np.abs(distances() - _SOFT_PX) < 0.5].mean())
    return beside > _SOFT * float(found[REACH, REACH])


def are_grainy(colors: Edges) -> bool:
    """Return whether edges of colour are those of grain or noise, which are like none beside them.

    Args:
        colors: The edges, shape (H, W, 2).
    """
    energy, _, elsewhere = fit_beyond_chance(colors, colors)
    return elsewhere <= _GRAIN * energy


def find_similarity(target: Edges, source: Edges, farthest: float) -> tuple[list[Alignment], float]:
    """Return the maps by which edges fit best: a shift, and a shift with scale and turn.

    Each tile of the target is compared with the source for every shift. A map shifts each tile by what it is at its
    centre, so that the fit of a map is a sum over tiles.

    Args:
        target: Edges, shape (H, W, 2).
        source: Others, of the same shape.
        farthest: px that the map moves a corner at most.

    Returns:
        The two maps from the target to the source, and the share of the fit that is gained if each tile is shifted as
        fits it best, 0..1.
    """
    height, width = target.shape[:2]
    fits, centres = _fits_of_tiles(target, source, int(farthest))
    diagonal = float(np.hypot(height, width)) / 2
    reach = int(farthest)
    length = np.hypot(*np.ogrid[-reach : reach + 1, -reach : reach + 1])

    def best(maps: Iterable[tuple[float, float]]) -> tuple[float, Plane, tuple[float, float]]:
        return max(
            ((float(fit.max()), fit, each) for each in maps for fit in [fit_of(*each)]), key=lambda found: found[0]
        )

    side = 2 * reach + 1
    framed = np.pad(fits, ((0, 0), (side, side), (side, side)))  # a tile has nothing for shifts that are farther
    tiles, places = np.arange(len(fits))[:, None, None], side + np.arange(side)
    x, y = centres.T

    def fit_of(scale: float, turn: float) -> Plane:
        """Return how well the tiles fit together for each shift that goes with a scale and a turn."""
        corner = diagonal * np.hypot(scale, turn)
        if corner > farthest:
            return np.full((side, side), -np.inf, np.float32)
        across, down = (
            np.clip(np.rint(moved), -side, side).astype(int)[:, None] + places
            for moved in (scale * x - turn * y, turn * x + scale * y)
        )
        total = framed[tiles, down[:, :, None], across[:, None, :]].sum(axis=0)
        return np.where(length + corner <= farthest, total, np.float32(-np.inf))

    steps = _STEP * np.arange(-_STEPS, _STEPS + 1)
    shift = best([(0.0, 0.0)])
    found = best(product(steps, steps))
    fine = _FINE_STEP * np.arange(-_FINE_STEPS, _FINE_STEPS + 1)
    found = best((found[2][0] + scale, found[2][1] + turn) for scale, turn in product(fine, fine))
    matrices = []
    for _, fit, (scale, turn) in (shift, found):
        row, column = np.unravel_index(int(fit.argmax()), fit.shape)
        offset = np.array(
            [column - reach + _vertex(fit[row], int(column)), row - reach + _vertex(fit[:, column], int(row))]
        )
        linear = np.array([[1 + scale, -turn], [turn, 1 + scale]])
        centre = np.array([(width - 1) / 2, (height - 1) / 2])
        matrices.append(np.hstack([linear, (centre + offset - linear @ centre)[:, None]]))
    still, each = fits[:, reach, reach], fits.reshape(len(fits), -1).max(axis=1)
    gain = float((each - still).sum()) / max(float(np.maximum(each, 0).sum()), 1e-9)
    return [Alignment(matrix, (height, width)) for matrix in matrices], gain


def _fits_of_tiles(target: Edges, source: Edges, reach: int) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
    """Return how well each tile of a target fits a source for every shift, and its centre from the picture's (x, y)."""
    height, width = target.shape[:2]
    planes = _as_complex(target), np.pad(_as_complex(source), reach)
    rows, columns = (
        np.linspace(0, side, max(1, min(count, side // _SMALLEST_TILE)) + 1).round().astype(int)
        for side, count in zip((height, width), TILES, strict=True)
    )
    fits, centres = [], []
    for (top, bottom), (left, right) in product(
        zip(rows, rows[1:], strict=False), zip(columns, columns[1:], strict=False)
    ):
        around = planes[1][top : bottom + 2 * reach, left : right + 2 * reach]
        tile = np.fft.fft2(planes[0][top:bottom, left:right], around.shape)
        fits.append(np.fft.ifft2(np.fft.fft2(around) * np.conj(tile)).real[: 2 * reach + 1, : 2 * reach + 1])
        centres.append(((left + right - width) / 2, (top + bottom - height) / 2))
    return np.asarray(fits, np.float32), np.asarray(centres)


def _vertex(values: NDArray[np.float32], index: int) -> float:
    """Return where the parabola through a maximum and the values beside it has its own, -0.5..0.5."""
    if not 0 < index < len(values) - 1:
        return 0.0
    before, here, after = (float(value) for value in values[index - 1 : index + 2])
    bend = before - 2 * here + after
    return float(np.clip((before - after) / (2 * bend), -0.5, 0.5)) if np.isfinite(bend) and bend < 0 else 0.0


def _as_complex(edges: Edges) -> NDArray[np.complex64]:
    return np.asarray(edges[..., 0] + 1j * edges[..., 1], np.complex64)

"""Where a patch of flat paint belongs, by its outline: its colour says nothing of what the plate shows.

Painted on an object, its edge lies on edges of the plate. If it lies some pixels off, one shift meets them all at once.
A stroke, a box or a rough shape has no such place: edges that it meets by chance are met about as well elsewhere.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from stcolor_core.arrays import Plane
from stcolor_core.images.resizing import resize
from stcolor_core.method.registration.alignment import Alignment

__all__ = ["find_outline_shift"]

Shift = tuple[int, int]  # px to the right and down, from the patch's outline to the plate's edges

_LINES = 216  # height at which outlines are compared, at most
_SIGMA = 1.0  # px there, of the smoothing before slopes are taken
_EDGE = 0.5  # of the steepest slope of the cover, from which it is outline
_STEEP = 8.0  # L* per px; a steeper slope of the plate says no more
_LEAST_PIXELS, _MOST_PIXELS = 100, 4000  # of outline: fewer meet edges by chance, of more some are drawn evenly
_LEAST_INSIDE = 0.7  # of the outline that must lie within the picture
_SHORTEST = 1.4  # px; less is not seen
_AROUND = 3.0  # px around the best place, where others are as good because they are the same
# Mean slope of the plate across the outline at the best place: its least, L* per px, and by which factor it must exceed
# that where the patch lies and that of any other place (benchmarks/measured/method.md, "Flat paint beside its object").
_LEAST_SLOPE, _BETTER, _CLEARER = 3.0, 1.3, 1.2


def find_outline_shift(weight: Plane, lightness: Plane, *, reach: float) -> Alignment | None:
    """Return the shift by which the outline of a patch clearly meets edges of the plate that it misses as it lies.

    Args:
        weight: How far the patch covers each pixel, shape (H, W), 0..1.
        lightness: L* of the plate frame, shape (H, W), 0..100.
        reach: How far it may be moved, as a share of the height.

    Returns:
        The map from the plate to the patch; None if it fits as it lies, or no place is clear.
    """
    height, width = lightness.shape
    lines = min(_LINES, height)
    size = (lines, max(1, round(width * lines / height)))
    slopes = _slopes_across(resize(weight, size), resize(lightness, size), round(reach * lines))
    if slopes is None:
        return None
    middle = len(slopes) // 2
    row, column = np.unravel_index(int(np.argmax(slopes)), slopes.shape)
    y, x = np.mgrid[: len(slopes), : len(slopes)]
    elsewhere = np.hypot(x - column, y - row) > _AROUND
    best, still = slopes[row, column], slopes[middle, middle]
    if np.hypot(column - middle, row - middle) <= _SHORTEST or best < _LEAST_SLOPE:
        return None
    if max(abs(column - middle), abs(row - middle)) == middle:
        return None  # it may go on farther
    if best < _BETTER * still or best < _CLEARER * slopes[elsewhere].max():
        return None
    down = row - middle + _vertex(slopes[:, column], int(row))
    right = column - middle + _vertex(slopes[row], int(column))
    scale = height / lines
    return Alignment(np.array([[1, 0, -right * scale], [0, 1, -down * scale]], np.float64), (height, width), misfit=0.0)


def _slopes_across(weight: Plane, lightness: Plane, reach: int) -> NDArray[np.float64] | None:
    """Return the plate's mean slope across the outline for each shift, down and right; None if there is no outline.

    Args:
        weight: How far the patch covers each pixel, shape (H, W), 0..1.
        lightness: L* of the plate, shape (H, W), 0..100.
        reach: The longest shift along an axis, px.

    Returns:
        L* per px, shape (2 reach + 1, 2 reach + 1); 0 where too much of the outline lies outside of the picture.
    """
    x, y = _slope(weight)
    steepness = np.hypot(x, y)
    if steepness.max() < 0.05:  # it covers everything, or has no edge
        return None
    rows, columns = np.nonzero(steepness > _EDGE * steepness.max())
    if len(rows) < _LEAST_PIXELS:
        return None
    step = -(-len(rows) // _MOST_PIXELS)
    rows, columns = rows[::step], columns[::step]
    share = steepness[rows, columns]
    normal = x[rows, columns] / share, y[rows, columns] / share
    across, along = _slope(lightness)
    height, width = lightness.shape
    slopes = np.zeros((2 * reach + 1, 2 * reach + 1))
    for down in range(-reach, reach + 1):
        for right in range(-reach, reach + 1):
            row, column = rows + down, columns + right
            inside = (row >= 0) & (row < height) & (column >= 0) & (column < width)
            if inside.mean() < _LEAST_INSIDE:
                continue
            at = row[inside], column[inside]
            slope = np.abs(across[at] * normal[0][inside] + along[at] * normal[1][inside])
            slopes[down + reach, right + reach] = np.average(np.minimum(slope, _STEEP), weights=share[inside])
    return slopes


def _slope(plane: Plane) -> tuple[Plane, Plane]:
    """Return the change of a plane per px, to the right and down."""
    smooth = cv2.GaussianBlur(plane, (0, 0), _SIGMA)
    right, down = (cv2.Sobel(smooth, cv2.CV_32F, *order, ksize=3, scale=1 / 8) for order in ((1, 0), (0, 1)))
    return np.asarray(right, np.float32), np.asarray(down, np.float32)


def _vertex(values: NDArray[np.float64], place: int) -> float:
    """Return where the parabola through a largest value and the two beside it has its vertex, from -0.5 to 0.5."""
    if not 0 < place < len(values) - 1:
        return 0.0
    before, most, after = values[place - 1 : place + 2]
    bend = 2 * most - before - after
    return float(np.clip((after - before) / (2 * bend), -0.5, 0.5)) if bend > 1e-6 else 0.0

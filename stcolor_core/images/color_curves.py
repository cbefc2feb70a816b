"""The curve of CIE L*, and how it and others are applied to large pictures: in float, by bands of rows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from stcolor_core.arrays import Pixels

__all__ = ["as_float", "as_three_channels", "compress", "expand", "in_bands"]

_Array: TypeAlias = NDArray[Any]
_DELTA = 6 / 29  # CIE 15:2018, eqs. 8.6-8.9: below (6/29)^3 a straight line replaces the cube root
_BAND = 1 << 16  # pixels per band: few enough that the intermediate results fit into the processor's cache


def compress(t: _Array) -> _Array:
    """Return f(t) of CIE 15:2018, eqs. 8.6 and 8.7: a cube root, and a straight line near and below 0.

    Args:
        t: X/Xn, Y/Yn or Z/Zn, any shape.
    """
    if t.min(initial=1) > _DELTA**3:
        return np.asarray(np.cbrt(t))
    return np.where(t > _DELTA**3, np.cbrt(t), t / (3 * _DELTA**2) + 4 / 29)


def expand(f: _Array) -> _Array:
    """Return the inverse of `compress`.

    Args:
        f: Its result, any shape.
    """
    if f.min(initial=1) > _DELTA:
        return np.asarray(f * f * f)
    curved = np.maximum(f, _DELTA)  # far below 0 the cube would overflow, though its value is not used
    return np.where(f > _DELTA, curved * curved * curved, 3 * _DELTA**2 * (f - 4 / 29))


def as_float(values: _Array) -> _Array:
    """Return values as float32, or as float64 if they are so precise.

    Args:
        values: Any shape.
    """
    return np.asarray(values, np.result_type(values, np.float32))


def as_three_channels(pixels: Pixels) -> _Array:
    """Return pixels as (H, W, 3), float32 or float64.

    Args:
        pixels: Shape (H, W, 1) or (H, W, 3).

    Raises:
        ValueError: If they have another shape.
    """
    if pixels.ndim != 3 or pixels.shape[-1] not in (1, 3):
        raise ValueError(f"expected (H, W, 1) or (H, W, 3) pixels, got {pixels.shape}")
    return np.broadcast_to(as_float(pixels), (*pixels.shape[:2], 3))


def in_bands(function: Callable[..., _Array], *pictures: _Array) -> _Array:
    """Apply a function to pictures one band of rows at a time, to limit the memory that it needs.

    Args:
        function: Takes as many arrays of equal height, and returns one of that height.
        pictures: The pictures, of equal height.

    Returns:
        Its results as one array.
    """
    height, width = pictures[0].shape[:2]
    rows = max(1, _BAND // width)
    first = function(*(picture[:rows] for picture in pictures))
    if rows >= height:
        return first
    whole = np.empty((height, *first.shape[1:]), first.dtype)
    whole[:rows] = first
    for y in range(rows, height, rows):
        whole[y : y + rows] = function(*(picture[y : y + rows] for picture in pictures))
    return whole

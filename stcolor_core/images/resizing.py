"""Pictures at another size, one way for all."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

__all__ = ["cell_means", "resize"]


def resize(picture: NDArray[Any], size: tuple[int, int]) -> NDArray[np.float32]:
    """(H, W[, C]) at another (height, width): area average where it shrinks, bilinear where it grows, else itself."""
    height, width = picture.shape[:2]
    if (height, width) == size:
        return picture
    shrinks = size[0] <= height and size[1] <= width
    out = cv2.resize(picture, size[::-1], interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)
    return np.asarray(out, np.float32)


def cell_means(picture: NDArray[Any], grid: tuple[int, int], *, stride: int) -> NDArray[np.float32]:
    """(H, W[, C]) averaged over the cells of the matching grid, its border held where the last cells reach outside.

    stride: pixels of a cell to a side.
    """
    height, width = picture.shape[:2]
    below, right = grid[0] * stride - height, grid[1] * stride - width
    return resize(np.pad(picture, ((0, below), (0, right), *((0, 0),) * (picture.ndim - 2)), mode="edge"), grid)

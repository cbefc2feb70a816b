"""Resize pictures, in one way for the whole package."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

__all__ = ["cell_means", "resize", "resize_smooth"]


def resize(picture: NDArray[Any], size: tuple[int, int]) -> NDArray[np.float32]:
    """Return a picture at another size: area average if it shrinks, bilinear if it grows.

    Args:
        picture: Values of shape (H, W) or (H, W, C).
        size: (height, width).

    Returns:
        The resized picture, float32; the argument itself if it has that size.
    """
    height, width = picture.shape[:2]
    if (height, width) == size:
        return picture
    shrinks = size[0] <= height and size[1] <= width
    out = cv2.resize(picture, size[::-1], interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)
    return np.asarray(out, np.float32)


def resize_smooth(picture: NDArray[Any], size: tuple[int, int]) -> NDArray[np.float32]:
    """Return a picture at another size: area average if it shrinks, bicubic if it grows.

    Bicubic interpolation halves the error of bilinear in chroma, and may exceed the range of the values a little
    (benchmarks/measured/method.md, "Keyframes coloured elsewhere", half size).

    Args:
        picture: Values of shape (H, W) or (H, W, C).
        size: (height, width).

    Returns:
        The resized picture, float32; the argument itself if it has that size.
    """
    height, width = picture.shape[:2]
    if size[0] <= height or size[1] <= width:
        return resize(picture, size)
    out = cv2.resize(np.asarray(picture, np.float32), size[::-1], interpolation=cv2.INTER_CUBIC)
    return np.asarray(out, np.float32)


def cell_means(picture: NDArray[Any], grid: tuple[int, int], *, stride: int) -> NDArray[np.float32]:
    """Return a picture averaged over the cells of the matching grid.

    The border pixels are repeated if the last cells extend beyond the picture.

    Args:
        picture: Values of shape (H, W) or (H, W, C).
        grid: Rows and columns of the grid.
        stride: Side of a cell in pixels.

    Returns:
        The means of the cells, shape (rows, columns) or (rows, columns, C), float32.
    """
    height, width = picture.shape[:2]
    below, right = grid[0] * stride - height, grid[1] * stride - width
    return resize(np.pad(picture, ((0, below), (0, right), *((0, 0),) * (picture.ndim - 2)), mode="edge"), grid)

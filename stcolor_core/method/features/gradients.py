"""Local descriptors of lightness: histograms of gradient orientation and luminance samples around each grid cell.

They resolve what a network's coarse maps cannot: the exact position of a cell on an edge or in a texture. The
histograms are of the same kind as SIFT (Lowe 2004) and HOG (Dalal and Triggs 2005).
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional as F

from stcolor_core.method.layouts import to_channels_last

__all__ = ["gradient_descriptors", "luminance_samples", "orientation_magnitudes"]

_CELL = 4
_ORIENTATIONS = 8
_SCALES = ((4, 1.0), (8, 1.0), (16, 0.8))  # side of the averaged square in pixels, weight
_MARGIN = 6  # pixels by which the squares of the largest scale extend beyond a cell
_PITCHES = (1, 3)
_FLOOR = 0.05


def orientation_magnitudes(lightness: Tensor) -> Tensor:
    """Return the gradient magnitude, split into 8 directions by the 4th power of the cosine.

    Args:
        lightness: L*, shape (N, H, W), 0..100.

    Returns:
        Shape (N, 8, H, W), in L* per pixel. Channel k is largest if L* rises towards k * 45 degrees, counted from +x
        (right) towards +y (down).
    """
    padded = _extend(lightness[:, None], 1)
    dx = (padded[:, :, 1:-1, 2:] - padded[:, :, 1:-1, :-2]) / 2
    dy = (padded[:, :, 2:, 1:-1] - padded[:, :, :-2, 1:-1]) / 2
    magnitude = torch.hypot(dx, dy)
    angles = torch.arange(_ORIENTATIONS, device=lightness.device) * (2 * math.pi / _ORIENTATIONS)
    directional = dx * angles.cos()[:, None, None] + dy * angles.sin()[:, None, None]
    if directional.requires_grad:
        return magnitude * (directional / magnitude.clamp(min=1e-6)).clamp(min=0).square().square()
    cosine = directional.div_(magnitude.clamp(min=1e-6)).clamp_(min=0)  # in place: new memory costs more
    return cosine.square_().square_().mul_(magnitude)


def gradient_descriptors(lightness: Tensor) -> Tensor:
    """Return orientation histograms around each 4 x 4 cell at three scales.

    Args:
        lightness: L*, shape (N, H, W), 0..100, H and W multiples of 4.

    Returns:
        Shape (N, 216, H/4, W/4). Each scale has 8 orientations at 3 x 3 positions, square-rooted, of length about 1, 1
        and 0.8; all zero for a cell without gradient.
    """
    # Windows start at even pixels, so all scales can share the means over 2 x 2 pixels.
    magnitudes = to_channels_last(orientation_magnitudes(lightness))
    pairs = F.avg_pool2d(_extend(magnitudes, _MARGIN), 2)
    scales = []
    for size, weight in _SCALES:
        inner = (_MARGIN - (size - _CELL) // 2) // 2
        height, width = pairs.shape[2] - inner, pairs.shape[3] - inner
        pooled = F.avg_pool2d(pairs[:, :, inner:height, inner:width], size // 2, _CELL // 2)
        roots = _stack_neighbours(pooled.sqrt(), size // _CELL)
        length = torch.linalg.vector_norm(roots, dim=1, keepdim=True)
        factor = weight / (length + _FLOOR)
        scales.append(roots * factor if roots.requires_grad else roots.mul_(factor))
    return torch.cat(scales, dim=1)


def luminance_samples(lightness: Tensor) -> Tensor:
    """Return the mean lightness of each 4 x 4 cell and of its eight neighbours at one and at three cells' distance.

    Args:
        lightness: L*, shape (N, H, W), 0..100, H and W multiples of 4.

    Returns:
        L* / 100, shape (N, 18, H/4, W/4), 0..1.
    """
    cells = F.avg_pool2d(lightness[:, None] / 100, _CELL)
    return torch.cat([_stack_neighbours(cells, pitch) for pitch in _PITCHES], dim=1)


def _stack_neighbours(cells: Tensor, pitch: int) -> Tensor:
    """Stack the 3 x 3 cells `pitch` apart around each cell, the border repeated: (N, C, h, w) -> (N, 9 C, h, w)."""
    height, width = cells.shape[2:]
    extended = _extend(cells, pitch)
    offsets = (0, pitch, 2 * pitch)
    return torch.cat([extended[:, :, y : y + height, x : x + width] for y in offsets for x in offsets], dim=1)


def _extend(x: Tensor, margin: int) -> Tensor:
    return F.pad(x, (margin,) * 4, mode="replicate")

"""Local descriptors of lightness: histograms of gradient orientation and raw samples around each grid cell.

They tell apart what a network's coarse maps cannot: where exactly on an edge or a texture a cell lies.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional as F

__all__ = ["gradient_descriptors", "luminance_samples", "orientation_magnitudes"]

_CELL = 4
_ORIENTATIONS = 8
_SCALES = ((4, 1.0), (8, 1.0), (16, 0.8))  # pixels averaged, weight
_MARGIN = 6  # pixels that the largest scale reaches over a cell's edge
_PITCHES = (1, 3)
_FLOOR = 0.05


def orientation_magnitudes(lightness: Tensor) -> Tensor:
    """Gradient magnitude shared out to 8 directions by cosine lobes to the 4th power.

    lightness: (N, H, W) L*, 0..100.
    Returns (N, 8, H, W) in L* per pixel; channel k peaks where L* rises towards k * 45 degrees, from +x towards +y
    (down).
    """
    padded = _extend(lightness[:, None], 1)
    dx = (padded[:, :, 1:-1, 2:] - padded[:, :, 1:-1, :-2]) / 2
    dy = (padded[:, :, 2:, 1:-1] - padded[:, :, :-2, 1:-1]) / 2
    magnitude = torch.hypot(dx, dy)
    angles = torch.arange(_ORIENTATIONS, device=lightness.device) * (2 * math.pi / _ORIENTATIONS)
    along = dx * angles.cos()[:, None, None] + dy * angles.sin()[:, None, None]
    return magnitude * (along / magnitude.clamp(min=1e-6)).clamp(min=0).square().square()


def gradient_descriptors(lightness: Tensor) -> Tensor:
    """Orientation histograms of a cell's surroundings at three scales.

    lightness: (N, H, W) L*, 0..100, H and W multiples of 4.
    Returns (N, 216, H/4, W/4): per scale 8 orientations at 3x3 places, square-rooted, about unit length (1, 1, 0.8);
    zero where there is no gradient at all.
    """
    # windows begin at even pixels, so that means of 2 x 2 pixels serve all scales
    pairs = F.avg_pool2d(_extend(orientation_magnitudes(lightness), _MARGIN), 2)
    scales = []
    for size, weight in _SCALES:
        inner = (_MARGIN - (size - _CELL) // 2) // 2
        height, width = pairs.shape[2] - inner, pairs.shape[3] - inner
        pooled = F.avg_pool2d(pairs[:, :, inner:height, inner:width], size // 2, _CELL // 2)
        around = _neighbourhood(pooled, size // _CELL)
        length = around.sum(dim=1, keepdim=True).sqrt()  # of their square roots
        scales.append(weight * around.sqrt() / (length + _FLOOR))
    return torch.cat(scales, dim=1)


def luminance_samples(lightness: Tensor) -> Tensor:
    """Lightness of a cell and its eight neighbours, next to it and three cells away.

    lightness: (N, H, W) L*, 0..100, H and W multiples of 4. Returns (N, 18, H/4, W/4), 0..1.
    """
    cells = F.avg_pool2d(lightness[:, None] / 100, _CELL)
    return torch.cat([_neighbourhood(cells, pitch) for pitch in _PITCHES], dim=1)


def _neighbourhood(cells: Tensor, pitch: int) -> Tensor:
    """(N, C, h, w) -> (N, 9 C, h, w): the 3x3 cells that lie `pitch` apart around each, the border repeated."""
    height, width = cells.shape[2:]
    extended = _extend(cells, pitch)
    steps = (0, pitch, 2 * pitch)
    return torch.cat([extended[:, :, y : y + height, x : x + width] for y in steps for x in steps], dim=1)


def _extend(x: Tensor, margin: int) -> Tensor:
    return F.pad(x, (margin,) * 4, mode="replicate")

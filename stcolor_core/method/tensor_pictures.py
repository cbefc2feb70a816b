"""Pictures as tensors: the resizing, filtering and sampling that OpenCV does for arrays, on any device.

Nothing here waits for the device or copies from it. Pictures have the shape (..., H, W), since a device works on
planes; arrays have (H, W, C). Each function gives what its counterpart for arrays gives, but for rounding
(`tests/core/method/test_tensor_pictures.py`). `sample` is more exact than OpenCV, which rounds the positions in
pictures of two channels to 1/32 px.
"""

from __future__ import annotations

from functools import lru_cache

import torch
from torch import Tensor
from torch.nn import functional as F

__all__ = [
    "blur",
    "box_blur",
    "cell_means",
    "close",
    "enlarge",
    "erode_and_dilate",
    "median",
    "pixel_grid",
    "resize",
    "sample",
    "separable",
]

_CONSTANTS = 64  # grids and kernels kept, the latest ones: a shot has a few sizes
_constant = lru_cache(_CONSTANTS)


def resize(planes: Tensor, size: tuple[int, int]) -> Tensor:
    """Return pictures at another size, as `images.resizing.resize`: area average if they shrink, bilinear if they grow.

    Args:
        planes: Shape (..., H, W).
        size: (height, width).
    """
    height, width = planes.shape[-2:]
    if (height, width) == size:
        return planes
    if size[0] <= height and size[1] <= width:
        rows, columns = _area_weights(height, size[0], planes.device), _area_weights(width, size[1], planes.device)
        return rows @ planes @ columns.T
    return enlarge(planes, size)


def enlarge(planes: Tensor, size: tuple[int, int], *, mode: str = "bilinear") -> Tensor:
    """Return pictures at another size by interpolation, pixel centres at halves, the border repeated.

    Args:
        planes: Shape (..., H, W).
        size: (height, width).
        mode: "bilinear", "bicubic" or "nearest".
    """
    corners = None if mode == "nearest" else False
    batch = planes.reshape(1, -1, *planes.shape[-2:])
    return F.interpolate(batch, size, mode=mode, align_corners=corners).reshape(*planes.shape[:-2], *size)


def cell_means(planes: Tensor, grid: tuple[int, int], *, stride: int) -> Tensor:
    """Return pictures averaged over the cells of the matching grid, as `images.resizing.cell_means`.

    Args:
        planes: Shape (..., H, W).
        grid: Rows and columns of the grid.
        stride: Side of a cell in pixels.
    """
    height, width = planes.shape[-2:]
    padding = (0, grid[1] * stride - width, 0, grid[0] * stride - height)
    return F.avg_pool2d(_pad(planes, padding, "replicate"), stride).reshape(*planes.shape[:-2], *grid)


def blur(planes: Tensor, sigma: float) -> Tensor:
    """Return pictures blurred by a Gaussian, mirrored at the border, as `cv2.GaussianBlur` of float32.

    Args:
        planes: Shape (..., H, W), each side larger than four sigma.
        sigma: In px.
    """
    return separable(planes, _gaussian(sigma, planes.device), border="reflect")


def box_blur(planes: Tensor) -> Tensor:
    """Return the mean over 3 x 3 pixels, mirrored at the border, as `cv2.blur`.

    Args:
        planes: Shape (..., H, W).
    """
    return F.avg_pool2d(_pad(planes, (1, 1, 1, 1), "reflect"), 3, stride=1).reshape(planes.shape)


def separable(planes: Tensor, kernel: Tensor, *, border: str) -> Tensor:
    """Return pictures filtered by one kernel along rows and along columns.

    Args:
        planes: Shape (..., H, W).
        kernel: Shape (2 r + 1,).
        border: "reflect" or "replicate".
    """
    radius = len(kernel) // 2
    padded = _pad(planes, (radius,) * 4, border).flatten(0, 1)[:, None]
    return F.conv2d(F.conv2d(padded, kernel[None, None, None]), kernel[None, None, :, None]).reshape(planes.shape)


def sample(planes: Tensor, displacement: Tensor) -> Tensor:
    """Return pictures sampled at x + displacement(x), bilinearly, the border repeated, as `tracking.flow.sample`.

    Args:
        planes: Shape (C, H, W) or (N, C, H, W).
        displacement: Shape (2, H', W') or (N, 2, H', W'), px (x, y); H' and W' may differ from H and W.
    """
    if planes.ndim == 3:
        return sample(planes[None], displacement[None])[0]
    height, width = planes.shape[-2:]
    x, y = pixel_grid(displacement.shape[-2], displacement.shape[-1], planes.device)
    points = torch.stack(
        [(displacement[:, 0] + x + 0.5) * (2 / width) - 1, (displacement[:, 1] + y + 0.5) * (2 / height) - 1], dim=-1
    )
    return F.grid_sample(planes, points, padding_mode="border", align_corners=False)


@_constant
def pixel_grid(height: int, width: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """Return the x and y of every pixel, shapes (1, W) and (H, 1).

    Args:
        height: In pixels.
        width: In pixels.
        device: Device of the result.
    """
    x, y = (torch.arange(count, device=device, dtype=torch.float32) for count in (width, height))
    return x[None], y[:, None]


def erode_and_dilate(planes: Tensor, side: int) -> tuple[Tensor, Tensor]:
    """Return the least and the largest value around each pixel, as `cv2.erode` and `cv2.dilate`.

    Args:
        planes: Shape (..., H, W).
        side: Of the square around a pixel, in px, odd.
    """
    both = torch.stack([-planes, planes]).flatten(0, -3)
    low, high = F.max_pool2d(both, side, stride=1, padding=side // 2).reshape(2, *planes.shape)
    return -low, high


def median(planes: Tensor, side: int) -> Tensor:
    """Return the median around each pixel, the border repeated, as `cv2.medianBlur`.

    Args:
        planes: Shape (..., H, W).
        side: Of the square around a pixel, in px, odd.
    """
    padded = _pad(planes, (side // 2,) * 4, "replicate")
    windows = padded.unfold(-2, side, 1).unfold(-2, side, 1).flatten(-2)
    return windows.median(-1).values.reshape(planes.shape)


def close(plane: Tensor, width: int) -> Tensor:
    """Return a picture closed by a disc (dilated, then eroded), as `cv2.morphologyEx`.

    Args:
        plane: Shape (H, W).
        width: Diameter of the disc in px, odd.
    """
    return -_dilate_by_disc(-_dilate_by_disc(plane, width), width)


def _dilate_by_disc(plane: Tensor, width: int) -> Tensor:
    """Return the largest value within a disc, as rows of it: each row is a maximum along x, moved along y."""
    radius, height = width // 2, plane.shape[0]
    padded = F.pad(plane[None], (0, 0, radius, radius), value=-torch.inf)
    result = torch.full_like(plane, -torch.inf)
    for dy in range(-radius, radius + 1):
        reach = round(radius * (1 - (dy / radius) ** 2) ** 0.5) if radius else 0  # as cv2.getStructuringElement
        rows = padded[:, radius + dy : radius + dy + height]
        result = torch.maximum(result, F.max_pool2d(rows, (1, 2 * reach + 1), stride=1, padding=(0, reach))[0])
    return result


def _pad(planes: Tensor, padding: tuple[int, int, int, int], border: str) -> Tensor:
    """Return (..., H, W) padded, as (1, planes, H', W')."""
    return F.pad(planes.reshape(1, -1, *planes.shape[-2:]), padding, mode=border)


@_constant
def _gaussian(sigma: float, device: torch.device) -> Tensor:
    radius = round(sigma * 8 + 1) // 2
    offset = torch.arange(-radius, radius + 1, dtype=torch.float64)
    kernel = torch.exp(-(offset**2) / (2 * sigma**2))
    return (kernel / kernel.sum()).float().to(device)


@_constant
def _area_weights(count: int, fewer: int, device: torch.device) -> Tensor:
    """Return the share of each of `count` pixels in each of `fewer` larger ones, shape (fewer, count)."""
    edges = torch.arange(fewer + 1, dtype=torch.float64) * count / fewer
    pixel = torch.arange(count, dtype=torch.float64)
    overlap = torch.minimum(edges[1:, None], pixel + 1) - torch.maximum(edges[:-1, None], pixel)
    return (overlap.clamp_min(0) * fewer / count).float().to(device)

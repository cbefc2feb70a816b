"""Upsampling of colour guided by L*, on tensors: `method.upsampling`."""

from __future__ import annotations

from functools import lru_cache
from typing import Literal

import torch
from torch import Tensor

from stcolor_core.method import upsampling
from stcolor_core.method.tensor_pictures import blur, enlarge, erode_and_dilate, separable

__all__ = ["slopes", "upsample"]

_MODES = {"cubic": "bicubic", "linear": "bilinear"}


def upsample(
    values: Tensor,
    guide_low: Tensor,
    guide: Tensor,
    *,
    slope: Tensor | None = None,
    interpolation: Literal["cubic", "linear"] = "cubic",
) -> Tensor:
    """Upsample colour to the size of a guide, aligning its edges with those of the guide, as `upsampling.upsample`.

    Args:
        values: Shape (C, h, w), any unit.
        guide_low: The guide's L* at that size, shape (h, w), 0..100.
        guide: L* at the larger size, shape (H, W), 0..100.
        slope: Change of `values` per unit of guide, shape (C, h, w), if it is known; None to estimate it.
        interpolation: "cubic" or "linear".

    Returns:
        Shape (C, H, W).
    """
    if guide.shape == guide_low.shape:
        return values
    size, mode = (guide.shape[0], guide.shape[1]), _MODES[interpolation]
    low = torch.cat([guide_low[None], values])
    coarse = enlarge(low, size, mode=mode)
    detail = guide - coarse[0]
    lines = _trusted_slopes(values, guide_low) if slope is None else slope
    fine = torch.addcmul(coarse[1:], enlarge(lines, size), detail)
    least, most = (enlarge(limit, size) for limit in erode_and_dilate(values, upsampling.CLAMP_SIDE))
    return torch.minimum(torch.maximum(fine, least), most)


def slopes(lightness: Tensor, ab: Tensor) -> Tensor:
    """Return the slope of a* and b* over L* around each pixel, shape (2, H, W), as `upsampling.slopes`.

    Args:
        lightness: L*, shape (H, W), 0..100.
        ab: a* and b*, shape (2, H, W).
    """
    light, colour = lightness - lightness.mean(), ab - ab.mean((1, 2), keepdim=True)
    means = blur(torch.cat([light[None], (light * light)[None], colour, light * colour]), upsampling.CELL_SIGMA)
    variance = (means[1] - means[0].square()).clamp_min(0)
    return (means[4:] - means[0] * means[2:4]) / (variance + upsampling.LEAST_VARIANCE)


def _trusted_slopes(values: Tensor, guide: Tensor) -> Tensor:
    """Return the slope of each plane over the guide around each pixel, times the square of R^2; (C, h, w)."""
    light = guide - guide.mean()
    centred = values - values.mean((1, 2), keepdim=True)
    count = len(values)
    planes = torch.cat([light[None], (light * light)[None], centred, light * centred, centred * centred])
    means = separable(planes, _window(values.device), border="replicate")
    light_mean, colour_means = means[0], means[2 : 2 + count]
    light_variance = (means[1] - light_mean.square()).clamp_min(0)
    covariances = means[2 + count : 2 + 2 * count] - light_mean * colour_means
    variance = (means[2 + 2 * count :] - colour_means.square()).clamp_min(0).sum(0)
    tiny = torch.finfo(torch.float32).tiny
    explained = (covariances.square().sum(0) / (light_variance * variance + tiny)).clamp_max(1)
    return covariances * (explained.square() / (light_variance + upsampling.RANGE_VARIANCE))


@lru_cache(4)
def _window(device: torch.device) -> Tensor:
    return torch.from_numpy(upsampling.WINDOW).to(device)

"""Colour as training computes it, on tensors: the same curves as `stcolor_core.images.color`, with gradients."""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["LEAST_ERROR", "lab_of", "lightness_of", "linear_of", "srgb_of"]

LEAST_ERROR = 3e-5  # of the mean square in sRGB, 45 dB: beyond, the truth's own noise is what is measured
# linear Rec.709 of X/Xn, Y/Yn, Z/Zn under D65
_RGB = torch.tensor(
    [
        [3.08039909, -1.53738309, -0.54301591],
        [-0.92122336, 1.87596745, 0.04525586],
        [0.05287394, -0.20397697, 1.15110302],
    ]
)


def srgb_of(lightness: Tensor, ab: Tensor) -> Tensor:
    """(B, H, W) L* and (B, 2, H, W) a*, b* -> (B, 3, H, W) sRGB 0..1, as `color.lab_to_linear` and `srgb_encode`."""
    fy = (lightness + 16) / 116
    f = torch.stack([fy + ab[:, 0] / 500, fy, fy - ab[:, 1] / 200], dim=1)
    xyz = torch.where(f > 6 / 29, f**3, 3 * (6 / 29) ** 2 * (f - 4 / 29))
    linear = torch.einsum("rx,bxhw->brhw", _RGB.to(xyz), xyz).clamp(0, 1)
    curved = 1.055 * linear.clamp_min(1e-4) ** (1 / 2.4) - 0.055
    return torch.where(linear > 0.0031308, curved, 12.92 * linear)


def linear_of(srgb: Tensor) -> Tensor:
    """Scene-linear values of sRGB code values 0..1, any shape, as `color.srgb_decode`."""
    return torch.where(srgb > 0.04045, ((srgb.clamp_min(0) + 0.055) / 1.055) ** 2.4, srgb / 12.92)


def lightness_of(luminance: Tensor) -> Tensor:
    """L* of relative luminance, any shape, as `color.lightness`."""
    return 116 * _compressed(luminance) - 16


def lab_of(linear: Tensor) -> Tensor:
    """(..., 3, H, W) scene-linear Rec.709 -> (..., 3, H, W) L*a*b*, as `color.linear_to_lab`."""
    fx, fy, fz = _compressed(torch.einsum("xr,...rhw->...xhw", torch.linalg.inv(_RGB).to(linear), linear)).unbind(-3)
    return torch.stack([116 * fy - 16, 500 * (fx - fy), 200 * (fy - fz)], dim=-3)


def _compressed(values: Tensor) -> Tensor:
    return torch.where(values > (6 / 29) ** 3, values.clamp_min(1e-6) ** (1 / 3), values / (3 * (6 / 29) ** 2) + 4 / 29)

"""Colour conversions on tensors, with gradients: the curves of `stcolor_core.images.color`, for networks.

CIELAB is CIE 1976 under D65 (CIE 15:2018, section 8.2.1), sRGB is IEC 61966-2-1, with the primaries of Rec.709.
"""

from __future__ import annotations

from functools import lru_cache

import torch
from torch import Tensor

from stcolor_core.images.color import RGB_FROM_NORMAL

__all__ = [
    "compress",
    "lab_to_srgb",
    "lab_to_xyz",
    "lightness",
    "lightness_to_srgb",
    "linear_to_lab",
    "linear_to_xyz",
    "srgb_decode",
    "srgb_encode",
    "xyz_to_linear",
]

_DELTA = 6 / 29  # below its cube, the tangent replaces the cube root
_RGB_FROM_XYZ = torch.from_numpy(RGB_FROM_NORMAL)


def lab_to_srgb(lightness: Tensor, ab: Tensor) -> Tensor:
    """Convert CIELAB to sRGB, clipped to the sRGB gamut.

    Args:
        lightness: L*, shape (..., H, W), 0..100.
        ab: a* and b*, shape (..., 2, H, W).

    Returns:
        R'G'B', shape (..., 3, H, W), 0..1.
    """
    xyz = lab_to_xyz(lightness, ab)
    return srgb_encode(xyz_to_linear(xyz).clamp(0, 1))


def lightness_to_srgb(lightness: Tensor) -> Tensor:
    """Return the sRGB code value of grey, the same in R', G' and B', clipped to 0..1.

    Args:
        lightness: L*, any shape, 0..100.
    """
    return srgb_encode(_decompress((lightness + 16) / 116).clamp(0, 1))


def lab_to_xyz(lightness: Tensor, ab: Tensor) -> Tensor:
    """Return X/Xn, Y/Yn and Z/Zn of CIELAB, shape (..., 3, H, W).

    Args:
        lightness: L*, shape (..., H, W), 0..100.
        ab: a* and b*, shape (..., 2, H, W).
    """
    fy = (lightness + 16) / 116
    return _decompress(torch.stack([fy + ab[..., 0, :, :] / 500, fy, fy - ab[..., 1, :, :] / 200], dim=-3))


def linear_to_lab(linear: Tensor) -> Tensor:
    """Return CIELAB of scene-linear Rec.709.

    Args:
        linear: Shape (..., 3, H, W); diffuse white is 1.

    Returns:
        L*, a* and b*, in the same shape.
    """
    fx, fy, fz = compress(linear_to_xyz(linear)).unbind(-3)
    return torch.stack([116 * fy - 16, 500 * (fx - fy), 200 * (fy - fz)], dim=-3)


def linear_to_xyz(linear: Tensor) -> Tensor:
    """Return X/Xn, Y/Yn and Z/Zn of scene-linear Rec.709.

    Args:
        linear: Shape (..., 3, H, W); diffuse white is 1.

    Returns:
        The same shape.
    """
    return torch.einsum("xr,...rhw->...xhw", _xyz_from_rgb(linear.device, linear.dtype), linear)


def xyz_to_linear(xyz: Tensor) -> Tensor:
    """Return scene-linear Rec.709 of X/Xn, Y/Yn and Z/Zn: the inverse of `linear_to_xyz`.

    Args:
        xyz: Shape (..., 3, H, W).

    Returns:
        The same shape.
    """
    return torch.einsum("rx,...xhw->...rhw", _rgb_from_xyz(xyz.device, xyz.dtype), xyz)


def lightness(luminance: Tensor) -> Tensor:
    """Return L* of relative luminance.

    Args:
        luminance: Any shape; diffuse white, 1.0, has L* 100.
    """
    return 116 * compress(luminance) - 16


def srgb_encode(linear: Tensor) -> Tensor:
    """Return the sRGB code values of linear light, without clipping.

    Args:
        linear: Any shape; may be negative or above 1.
    """
    # The power has an infinite slope at 0, which would reach the gradient through the branch that is not taken.
    return torch.where(linear > 0.0031308, 1.055 * linear.clamp_min(1e-4) ** (1 / 2.4) - 0.055, 12.92 * linear)


def srgb_decode(encoded: Tensor) -> Tensor:
    """Return the linear light of sRGB code values: the inverse of `srgb_encode`.

    Args:
        encoded: Any shape, 0..1.
    """
    return torch.where(encoded > 0.04045, ((encoded.clamp_min(0) + 0.055) / 1.055) ** 2.4, encoded / 12.92)


def compress(values: Tensor) -> Tensor:
    """Return f(t) of CIE 15:2018, eqs. 8.6 and 8.7.

    Args:
        values: t, of any shape.
    """
    cube_root = values.clamp_min(1e-6) ** (1 / 3)  # clamped for the gradient, as in `srgb_encode`
    return torch.where(values > _DELTA**3, cube_root, values / (3 * _DELTA**2) + 4 / 29)


def _decompress(f: Tensor) -> Tensor:
    """Return t of f(t), the inverse of `compress`."""
    return torch.where(f > _DELTA, f**3, 3 * _DELTA**2 * (f - 4 / 29))


@lru_cache
@torch.inference_mode(False)  # it is used in training too
def _rgb_from_xyz(device: torch.device, dtype: torch.dtype) -> Tensor:
    """Return the matrix on a device, to which it is copied only once."""
    return _RGB_FROM_XYZ.to(device, dtype)


@lru_cache
@torch.inference_mode(False)
def _xyz_from_rgb(device: torch.device, dtype: torch.dtype) -> Tensor:
    """Return the inverse of that matrix on a device."""
    inverse: Tensor = torch.linalg.inv(_RGB_FROM_XYZ)
    return inverse.to(device, dtype)

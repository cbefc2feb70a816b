"""Convert scene-linear RGB to CIELAB and back, and light to sRGB and back.

Nothing is clipped: the linear segments of CIE L* and of sRGB continue below 0, and the cube root continues above 1.
Float32 in gives float32 out, and float64 in gives float64 out.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from stcolor_core.images.color_curves import as_float, compress, expand, in_bands

__all__ = [
    "RGB_FROM_NORMAL",
    "XYZ_FROM_RGB",
    "lab_to_linear",
    "lab_to_srgb",
    "lightness",
    "linear_to_lab",
    "luminance_of",
    "roll_off",
    "srgb_decode",
    "srgb_encode",
]

Array = NDArray[Any]

# Rec.709 primaries and the D65 white point (0.3127, 0.3290), ITU-R BT.709-6. L*a*b* uses this matrix's own white.
XYZ_FROM_RGB = np.array(
    [
        [0.41239079926595934, 0.357584339383878, 0.1804807884018343],
        [0.21263900587151027, 0.715168678767756, 0.07219231536073371],
        [0.01933081871559182, 0.11919477979462598, 0.9505321522496607],
    ]
)
"""Matrix from linear Rec.709 to CIE XYZ, shape (3, 3)."""

LUMINANCE = (0.2126, 0.7152, 0.0722)
"""Weights of linear Rec.709 in luminance, as ITU-R BT.709 rounds them."""

_WHITE = XYZ_FROM_RGB.sum(axis=1)
_NORMAL_FROM_RGB = XYZ_FROM_RGB / _WHITE[:, None]  # to X/Xn, Y/Yn, Z/Zn
RGB_FROM_NORMAL = np.linalg.inv(_NORMAL_FROM_RGB)
"""Matrix from X/Xn, Y/Yn, Z/Zn to linear Rec.709, shape (3, 3)."""


def linear_to_lab(rgb: Array) -> Array:
    """Return the CIELAB values of scene-linear Rec.709 (CIE 15:2018, section 8.2.1).

    Args:
        rgb: Scene-linear Rec.709, shape (..., 3), unbounded; 1.0 is diffuse white.

    Returns:
        CIELAB values under D65, shape (..., 3). L* is 100 at diffuse white, negative for negative light, above 100 for
        brighter light.
    """
    rgb = as_float(rgb)
    f = compress(rgb @ _NORMAL_FROM_RGB.T.astype(rgb.dtype))
    lab = np.empty_like(f)
    lab[..., 0] = 116 * f[..., 1] - 16
    lab[..., 1] = 500 * (f[..., 0] - f[..., 1])
    lab[..., 2] = 200 * (f[..., 1] - f[..., 2])
    return lab


def lab_to_linear(lab: Array) -> Array:
    """Return the scene-linear Rec.709 of CIELAB values: the inverse of `linear_to_lab`.

    Args:
        lab: CIELAB values under D65, shape (..., 3), unbounded.

    Returns:
        Scene-linear Rec.709, shape (..., 3).
    """
    lab = as_float(lab)
    f = np.empty_like(lab)
    f[..., 1] = (lab[..., 0] + 16) / 116
    f[..., 0] = f[..., 1] + lab[..., 1] / 500
    f[..., 2] = f[..., 1] - lab[..., 2] / 200
    linear: Array = expand(f) @ RGB_FROM_NORMAL.T.astype(f.dtype)
    return linear


def lab_to_srgb(lab: Array) -> Array:
    """Return CIELAB values as a screen shows them: light below black or above white in any channel is clipped.

    Args:
        lab: CIELAB values under D65, shape (..., 3), unbounded.

    Returns:
        sRGB code values, shape (..., 3), 0..1.
    """
    return srgb_encode(np.clip(lab_to_linear(lab), 0, 1))


def lightness(luminance: Array) -> Array:
    """Return the CIE L* of relative luminance (CIE 15:2018, section 8.2.1).

    Args:
        luminance: Relative luminance Y of any shape, unbounded; 1.0 is diffuse white.

    Returns:
        L* of the same shape, unbounded; 100 at diffuse white.
    """
    return 116 * compress(as_float(luminance)) - 16


def luminance_of(lightness: Array) -> Array:
    """Return the relative luminance of CIE L*: the inverse of `lightness`.

    Args:
        lightness: L* of any shape, unbounded.

    Returns:
        Relative luminance Y of the same shape; 1.0 is diffuse white.
    """
    return expand((as_float(lightness) + 16) / 116)


def roll_off(lightness: Array) -> Array:
    """Return L* as the models receive it: 0..100, with the highlights above 95 compressed.

    Values below 0 become 0 and values up to 95 stay as they are. From there the hyperbola 100 - 25 / (L* - 90)
    approaches 100. It meets the identity at 95 with the same slope, and L* 150 and 200 still differ.

    Args:
        lightness: L* of any shape, unbounded.

    Returns:
        Compressed L* of the same shape.
    """
    lightness = as_float(lightness)
    return in_bands(_roll_off, lightness) if lightness.ndim == 2 else _roll_off(lightness)


def _roll_off(lightness: Array) -> Array:
    if lightness.max(initial=0) <= 95:
        return np.asarray(np.maximum(lightness, 0))
    hyperbola = np.asarray(np.maximum(lightness, 95))
    hyperbola -= 90
    np.divide(25, hyperbola, out=hyperbola)
    np.subtract(100, hyperbola, out=hyperbola)  # 95 up to there, below the identity from there
    return np.asarray(np.minimum(np.maximum(lightness, 0), hyperbola))


def srgb_encode(linear: Array) -> Array:
    """Return the sRGB code values of linear light (IEC 61966-2-1).

    Args:
        linear: Linear light of any shape. The curve continues above 1 and is mirrored at 0 for negative values.

    Returns:
        Code values of the same shape; 0..1 for light from 0 to 1.
    """
    linear = as_float(linear)
    magnitude = np.abs(linear)
    curve = np.where(magnitude <= 0.0031308, 12.92 * magnitude, 1.055 * magnitude ** (1 / 2.4) - 0.055)
    return np.copysign(curve, linear)


def srgb_decode(encoded: Array) -> Array:
    """Return the linear light of sRGB code values: the inverse of `srgb_encode`.

    Args:
        encoded: sRGB code values of any shape, unbounded.

    Returns:
        Linear light of the same shape.
    """
    encoded = as_float(encoded)
    magnitude = np.abs(encoded)
    curve = np.where(magnitude <= 0.04045, magnitude / 12.92, ((magnitude + 0.055) / 1.055) ** 2.4)
    return np.copysign(curve, encoded)

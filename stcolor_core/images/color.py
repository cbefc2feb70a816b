"""Scene-linear RGB <-> CIE L*a*b*, and a plate's colour space: its lightness out, chroma back in.

Nothing is clipped: the linear segments of CIE L* and of sRGB go on below 0, the cube root above 1.
Pictures are float32 and stay so; float64 in gives float64 out.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stcolor_core.errors import ColorError
from stcolor_core.images.ocio import Space, open_config, open_space

__all__ = [
    "RGB_FROM_NORMAL",
    "ColorPipe",
    "lab_to_linear",
    "lightness",
    "linear_to_lab",
    "luminance_of",
    "roll_off",
    "srgb_decode",
    "srgb_encode",
]

Array = NDArray[Any]

# Rec.709 primaries and the D65 white (0.3127, 0.3290), ITU-R BT.709-6; the white of L*a*b* is this matrix's own.
_XYZ_FROM_RGB = np.array(
    [
        [0.41239079926595934, 0.357584339383878, 0.1804807884018343],
        [0.21263900587151027, 0.715168678767756, 0.07219231536073371],
        [0.01933081871559182, 0.11919477979462598, 0.9505321522496607],
    ]
)
_WHITE = _XYZ_FROM_RGB.sum(axis=1)
_NORMAL_FROM_RGB = _XYZ_FROM_RGB / _WHITE[:, None]  # to X/Xn, Y/Yn, Z/Zn
RGB_FROM_NORMAL = np.linalg.inv(_NORMAL_FROM_RGB)

_DELTA = 6 / 29  # CIE 15:2018, eqs. 8.6-8.9: below (6/29)^3 the cube root gives way to its tangent
_BAND = 1 << 16  # pixels worked on at a time: few enough that what lies between stays in the processor's cache


def linear_to_lab(rgb: Array) -> Array:
    """CIE 1976 L*a*b* (D65) of scene-linear Rec.709, (..., 3) to (..., 3); diffuse white 1.0 is L* 100.

    L* is below 0 for negative and above 100 for brighter light. CIE 15:2018, section 8.2.1.
    """
    rgb = _floating(rgb)
    f = _compress(rgb @ _NORMAL_FROM_RGB.T.astype(rgb.dtype))
    lab = np.empty_like(f)
    lab[..., 0] = 116 * f[..., 1] - 16
    lab[..., 1] = 500 * (f[..., 0] - f[..., 1])
    lab[..., 2] = 200 * (f[..., 1] - f[..., 2])
    return lab


def lab_to_linear(lab: Array) -> Array:
    """Scene-linear Rec.709 of CIE 1976 L*a*b* (D65), (..., 3) to (..., 3): the inverse of `linear_to_lab`."""
    lab = _floating(lab)
    f = np.empty_like(lab)
    f[..., 1] = (lab[..., 0] + 16) / 116
    f[..., 0] = f[..., 1] + lab[..., 1] / 500
    f[..., 2] = f[..., 1] - lab[..., 2] / 200
    linear: Array = _expand(f) @ RGB_FROM_NORMAL.T.astype(f.dtype)
    return linear


def lightness(luminance: Array) -> Array:
    """CIE L* of relative luminance (1.0 is diffuse white, L* 100), any shape, unbounded on both sides."""
    return 116 * _compress(_floating(luminance)) - 16


def luminance_of(lightness: Array) -> Array:
    """Relative luminance of CIE L*: the inverse of `lightness`."""
    return _expand((_floating(lightness) + 16) / 116)


def roll_off(lightness: Array) -> Array:
    """L* as the models see it, 0..100: itself up to 95, then bending towards 100 and never past it; 0 below 0.

    The hyperbola 100 - 25 / (L* - 90) meets the identity at 95 with the same slope, and still tells L* 150 from 200.
    """
    lightness = _floating(lightness)
    return np.where(lightness <= 95, np.maximum(lightness, 0), 100 - 25 / (np.maximum(lightness, 95) - 90))


def srgb_encode(linear: Array) -> Array:
    """sRGB code values of linear light (IEC 61966-2-1), 0..1 to 0..1, going on above 1 and mirrored below 0."""
    linear = _floating(linear)
    size = np.abs(linear)
    curve = np.where(size <= 0.0031308, 12.92 * size, 1.055 * size ** (1 / 2.4) - 0.055)
    return np.copysign(curve, linear)


def srgb_decode(encoded: Array) -> Array:
    """Linear light of sRGB code values: the inverse of `srgb_encode`."""
    encoded = _floating(encoded)
    size = np.abs(encoded)
    curve = np.where(size <= 0.04045, size / 12.92, ((size + 0.055) / 1.055) ** 2.4)
    return np.copysign(curve, encoded)


# What a file means when nobody says, whatever the config: no OpenColorIO is needed for these two.
_LINEAR = Space("linear Rec.709", "linear-rec709", np.asarray, np.asarray, is_linear=True)
_SRGB = Space("sRGB", "srgb", srgb_decode, srgb_encode, is_linear=False)


@dataclass(frozen=True)
class ColorPipe:
    """A picture's colour space, and how its pixels become lightness and take on chroma.

    pixels are (H, W, 1) or (H, W, 3) float32 as they lie in the file; a single channel is grey in the space.
    Luminance is Y of CIE XYZ under D65, so each space weighs R, G, B by its own matrix; 1.0 is diffuse white.
    exposure: stops that L* sees the picture brighter than it is. What comes out keeps the picture's own luminance.
    """

    space: Space
    exposure: float = 0.0

    @classmethod
    def open(
        cls,
        colorspace: str | None,
        *,
        file_format: str,
        pixel_type: str = "half",
        ocio: str | None = None,
        exposure: float = 0.0,
    ) -> ColorPipe:
        """The pipe of a colour space, or of a file type's own space where colorspace is None.

        colorspace: a name, alias or role of the config. file_format, pixel_type: of `plates.Header`; EXR and float TIFF
        are linear Rec.709, other TIFF, PNG, JPEG and JPEG 2000 are sRGB. ocio: a config file or builtin name; None
        takes $OCIO, then the builtin. Raises ColorError where space or config are unknown, and for DPX and Cineon
        without a colorspace.
        """
        if colorspace is not None:
            return cls(open_space(colorspace, config=ocio), exposure)
        if ocio is not None:
            open_config(ocio)  # a config that was asked for and is broken must not go unnoticed
        kind = file_format.lower().lstrip(".")
        if kind in ("openexr", "exr") or (kind in ("tiff", "tif") and pixel_type in ("half", "float", "double")):
            return cls(_LINEAR, exposure)
        if kind in ("tiff", "tif", "png", "jpeg", "jpg", "jpeg2000"):
            return cls(_SRGB, exposure)
        raise ColorError(
            f"A picture of type {file_format} does not say how it is encoded. "
            "Give its colour space with --colorspace, for example 'ADX10' or 'ARRI LogC3 (EI800)'."
        )

    def luminance(self, pixels: Array) -> Array:
        """Scene-linear luminance Y, (H, W) float32, negative where the plate is."""
        return _in_bands(self._luminance, pixels)

    def lightness(self, pixels: Array) -> Array:
        """CIE L* after the exposure, (H, W) float32, unbounded; `roll_off` gives what the models see."""
        return _in_bands(lambda band: lightness(self._luminance(band) * self._gain), pixels)

    def lab(self, pixels: Array) -> Array:
        """CIE L*a*b* (D65) after the exposure, (H, W, 3) float32: what a reference gives."""
        return _in_bands(lambda band: linear_to_lab(self.space.decode(_three(band)) * self._gain), pixels)

    def composite(self, pixels: Array, ab: Array) -> Array:
        """The picture with the chroma ab (H, W, 2) added, (H, W, 3) float32 in its own space and encoding.

        Luminance stays the picture's (in an encoded space as far as its encoding holds the colour). A grey pixel with
        ab = 0 comes back bit for bit; a coloured one comes back as its luminance.
        Raises ValueError where the sizes differ.
        """
        if pixels.shape[:2] != ab.shape[:2] or ab.shape[2:] != (2,):
            raise ValueError(f"ab {ab.shape} does not fit the picture {pixels.shape}")
        return _in_bands(self._composite, pixels, ab)

    def chroma(self, pixels: Array) -> float:
        """How colourful the picture is: the 95th percentile of C*, 0 for a single channel, from at most 2^18 pixels."""
        if pixels.shape[-1] == 1:
            return 0.0
        step = int(np.ceil(np.sqrt(pixels.shape[0] * pixels.shape[1] / 2**18)))
        ab = self.lab(pixels[::step, ::step])[..., 1:]
        return float(np.percentile(np.hypot(ab[..., 0], ab[..., 1]), 95))

    def is_grey(self, pixels: Array) -> bool:
        """Whether the picture is grey: `chroma` below 3, which 8 bits, JPEG and the grain of a scan stay under."""
        return self.chroma(pixels) < 3

    @property
    def _gain(self) -> float:
        return float(2.0**self.exposure)

    def _luminance(self, pixels: Array) -> Array:
        if self.space.is_linear and pixels.shape[-1] == 1:
            return _floating(pixels[..., 0])
        return self._y(self.space.decode(_three(pixels)))

    def _y(self, linear: Array) -> Array:
        y: Array = linear @ _XYZ_FROM_RGB[1].astype(linear.dtype)
        return y

    def _composite(self, pixels: Array, ab: Array) -> Array:
        rgb = _three(pixels)
        y = self._luminance(pixels)
        grey = np.repeat(y[..., None], 3, axis=-1)
        shift = self._chroma_light(y, ab)
        if self.space.is_linear:
            own_grey, own_shift = grey, self.space.encode(shift)
        else:
            own_grey = self.space.encode(grey)
            own_shift = self.space.encode(grey + shift) - own_grey
        neutral = (rgb == rgb[..., :1]).all(axis=-1, keepdims=True)
        own: Array = np.where(neutral, rgb, own_grey)
        # Not simply a sum: -0.0 + 0.0 is +0.0, and a grey pixel must come back bit for bit.
        return np.add(own, own_shift, out=own, where=own_shift != 0)

    def _chroma_light(self, y: Array, ab: Array) -> Array:
        """The linear Rec.709 light (h, w, 3) that turns a grey of luminance y (h, w) into the colour with a*, b*.

        Only X and Z move. That the difference is taken here, before any large number is added, keeps Y exact.
        """
        f = _compress(y * self._gain)
        moved = np.stack((f + ab[..., 0] / 500, f - ab[..., 1] / 200), axis=-1)
        xz = (_expand(moved) - _expand(f)[..., None]) / self._gain
        light: Array = xz @ RGB_FROM_NORMAL[:, [0, 2]].T.astype(xz.dtype)
        return light


def _compress(t: Array) -> Array:
    """f of CIE 15:2018, eqs. 8.6 and 8.7."""
    return np.where(t > _DELTA**3, np.cbrt(t), t / (3 * _DELTA**2) + 4 / 29)


def _expand(f: Array) -> Array:
    """The inverse of `_compress`."""
    curved = np.maximum(f, _DELTA)  # far below 0 the cube would overflow, unused
    return np.where(f > _DELTA, curved * curved * curved, 3 * _DELTA**2 * (f - 4 / 29))


def _floating(values: Array) -> Array:
    return np.asarray(values, np.result_type(values, np.float32))


def _three(pixels: Array) -> Array:
    """(H, W, 3) of (H, W, 1) or (H, W, 3), float32."""
    if pixels.ndim != 3 or pixels.shape[-1] not in (1, 3):
        raise ValueError(f"expected (H, W, 1) or (H, W, 3) pixels, got {pixels.shape}")
    return np.broadcast_to(_floating(pixels), (*pixels.shape[:2], 3))


def _in_bands(function: Callable[..., Array], *pictures: Array) -> Array:
    """`function` of pictures of the same height, a band of rows at a time, so that what lies between stays small."""
    height, width = pictures[0].shape[:2]
    rows = max(1, _BAND // width)
    return np.concatenate([function(*(p[y : y + rows] for p in pictures)) for y in range(0, height, rows)])

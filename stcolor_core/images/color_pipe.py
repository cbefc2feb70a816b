"""Take lightness from the pixels of a plate, in its own colour space, and put chroma into them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from stcolor_core.arrays import Chroma, Image, Pixels, Plane
from stcolor_core.errors import UnknownSpace
from stcolor_core.images.color import RGB_FROM_NORMAL, XYZ_FROM_RGB, lightness, linear_to_lab, srgb_decode, srgb_encode
from stcolor_core.images.color_curves import as_float, as_three_channels, compress, expand, in_bands
from stcolor_core.images.ocio import Space, open_config, open_space
from stcolor_core.remedies import advise

__all__ = ["LINEAR_REC709", "SRGB", "ColorPipe", "Encoding", "GreyPicture"]

Array = NDArray[Any]
Encoding: TypeAlias = Literal["linear", "srgb"]
"""How a picture in a colour space without OpenColorIO is encoded."""

# The defaults of the file types. They do not depend on the config and need no OpenColorIO.
LINEAR_REC709 = Space("linear Rec.709", "linear-rec709", np.asarray, np.asarray, is_linear=True)
SRGB = Space("sRGB", "srgb", srgb_decode, srgb_encode, is_linear=False)
_OWN_SPACES: dict[Encoding, Space] = {"linear": LINEAR_REC709, "srgb": SRGB}


@dataclass(frozen=True, eq=False)
class GreyPicture:
    """A grey picture in a colour space without OpenColorIO: what a device needs to put chroma into it.

    Attributes:
        plane: Its one channel, shape (H, W), in its own encoding.
        encoding: That encoding.
        gain: Factor on linear light before L* is taken.
    """

    plane: Plane
    encoding: Encoding
    gain: float


@dataclass(frozen=True)
class ColorPipe:
    """The colour space of a picture: converts its pixels to lightness and adds chroma to them.

    Pixels have the shape (H, W, 1) or (H, W, 3) and the file's own encoding; a single channel is grey in the colour
    space. Luminance is the Y of CIE XYZ under D65, with the weights of R, G and B that the colour space defines; 1.0 is
    diffuse white.

    Attributes:
        space: The colour space of the pixels.
        exposure: Stops by which the picture is brightened before L* is taken. Output pixels keep their own luminance.
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
        """Return the conversion for a colour space, or for the default colour space of a file type.

        EXR and floating-point TIFF default to linear Rec.709; other TIFF, PNG, JPEG and JPEG 2000 default to sRGB.

        Args:
            colorspace: A name, alias or role of the OpenColorIO config; None for the file type's default.
            file_format: `pictures.Header.file_format`, or a file extension.
            pixel_type: `pictures.Header.pixel_type`, such as uint8, half or float.
            ocio: A config file or the name of a builtin config; None for $OCIO, else the builtin.
            exposure: Stops by which the picture is brightened before L* is taken.

        Raises:
            UnknownSpace: If the colour space is unknown, or if the file type has no default (DPX, Cineon).
            ColorError: If the config is missing or damaged.
        """
        if colorspace is not None:
            return cls(open_space(colorspace, config=ocio), exposure)
        if ocio is not None:
            open_config(ocio)  # report a broken config even if it is not needed here
        kind = file_format.lower().lstrip(".")
        if kind in ("openexr", "exr") or (kind in ("tiff", "tif") and pixel_type in ("half", "float", "double")):
            return cls(LINEAR_REC709, exposure)
        if kind in ("tiff", "tif", "png", "jpeg", "jpg", "jpeg2000"):
            return cls(SRGB, exposure)
        raise UnknownSpace(f"Pictures of type {file_format} have no default colour space. {advise('colorspace')}.")

    def luminance(self, pixels: Pixels) -> Plane:
        """Return the scene-linear luminance of a picture.

        Args:
            pixels: The picture, shape (H, W, 1) or (H, W, 3), in its own encoding.

        Returns:
            Luminance Y, shape (H, W), unbounded: negative pixels stay negative. 1.0 is diffuse white.
        """
        return in_bands(self._luminance, pixels)

    def lightness(self, pixels: Pixels) -> Plane:
        """Return the CIE L* of a picture after the exposure. Apply `roll_off` to get the models' input.

        Args:
            pixels: The picture, shape (H, W, 1) or (H, W, 3), in its own encoding.

        Returns:
            L*, shape (H, W), unbounded.
        """
        return in_bands(lambda band: lightness(self._luminance(band) * self._gain), pixels)

    def lab(self, pixels: Pixels) -> Image:
        """Return the CIELAB values of a picture after the exposure, as read from a reference.

        Args:
            pixels: The picture, shape (H, W, 1) or (H, W, 3), in its own encoding.

        Returns:
            CIELAB values under D65, shape (H, W, 3), unbounded.
        """
        return in_bands(lambda band: linear_to_lab(self.space.decode(as_three_channels(band)) * self._gain), pixels)

    def composite(self, pixels: Pixels, ab: Chroma) -> Image:
        """Return the picture with chroma added, in its own colour space and encoding.

        The luminance stays the picture's, as far as an encoded colour space can hold the colour. A grey pixel with a* =
        b* = 0 is returned bit for bit. The colour of a coloured pixel is dropped first: only its luminance stays.

        Args:
            pixels: The picture, shape (H, W, 1) or (H, W, 3), in its own encoding.
            ab: a* and b* to add, shape (H, W, 2).

        Returns:
            The coloured picture, shape (H, W, 3).

        Raises:
            ValueError: If `ab` does not have the size of the picture.
        """
        if pixels.shape[:2] != ab.shape[:2] or ab.shape[2:] != (2,):
            raise ValueError(f"ab {ab.shape} does not fit the picture {pixels.shape}")
        grey_light = self.space.is_linear and pixels.shape[-1] == 1
        return in_bands(self._composite_grey_light if grey_light else self._composite, pixels, ab)

    def grey_picture(self, pixels: Pixels) -> GreyPicture | None:
        """Return a picture as one channel with its encoding; None if it is not grey or needs OpenColorIO.

        Args:
            pixels: The picture, shape (H, W, 1) or (H, W, 3), in its own encoding; grey if its channels are equal.
        """
        encoding = next((name for name, space in _OWN_SPACES.items() if space is self.space), None)
        first = pixels[..., 0]
        if encoding is None or not all(np.array_equal(first, pixels[..., i]) for i in range(1, pixels.shape[-1])):
            return None
        return GreyPicture(np.asarray(first, np.float32), encoding, self._gain)

    def chroma(self, pixels: Pixels) -> float:
        """Return how colourful a picture is: the 95th percentile of C* over at most 2^18 pixels.

        Args:
            pixels: The picture, shape (H, W, 1) or (H, W, 3), in its own encoding. A single channel gives 0.
        """
        if pixels.shape[-1] == 1:
            return 0.0
        step = int(np.ceil(np.sqrt(pixels.shape[0] * pixels.shape[1] / 2**18)))
        ab = self.lab(pixels[::step, ::step])[..., 1:]
        return float(np.percentile(np.hypot(ab[..., 0], ab[..., 1]), 95))

    def is_grey(self, pixels: Pixels) -> bool:
        """Return whether a picture is grey: whether its `chroma` is below 3.

        8-bit rounding, JPEG and the grain of a scan stay below that.

        Args:
            pixels: The picture, shape (H, W, 1) or (H, W, 3), in its own encoding.
        """
        return self.chroma(pixels) < 3

    @property
    def _gain(self) -> float:
        return float(2.0**self.exposure)

    def _luminance(self, pixels: Pixels) -> Array:
        if self.space.is_linear and pixels.shape[-1] == 1:
            return as_float(pixels[..., 0])
        return self._y(self.space.decode(as_three_channels(pixels)))

    def _y(self, linear: Array) -> Array:
        y: Array = linear @ XYZ_FROM_RGB[1].astype(linear.dtype)
        return y

    def _composite(self, pixels: Pixels, ab: Chroma) -> Array:
        rgb = as_three_channels(pixels)
        y = self._luminance(pixels)
        grey = np.repeat(y[..., None], 3, axis=-1)
        shift = self._chroma_light(y, ab)
        if self.space.is_linear:
            encoded_grey, encoded_shift = grey, self.space.encode(shift)
        else:
            encoded_grey = self.space.encode(grey)
            encoded_shift = self.space.encode(grey + shift) - encoded_grey
        red, green, blue = rgb[..., 0], rgb[..., 1], rgb[..., 2]
        neutral = (green == red) & (blue == red)
        encoded_grey = np.where(neutral[..., None], rgb, encoded_grey)
        # A grey pixel must be returned bit for bit: -0.0 + 0.0 is +0.0, but adding -0.0 changes nothing.
        encoded_shift = np.where(encoded_shift == 0, encoded_shift.dtype.type(-0.0), encoded_shift)
        encoded_shift += encoded_grey
        return encoded_shift

    def _composite_grey_light(self, pixels: Pixels, ab: Chroma) -> Array:
        """Return the same for one channel of linear light, which is the luminance itself: in half of the time."""
        y = self._luminance(pixels)
        color: Array = self.space.encode(self._chroma_light(y, ab))
        if not y.all():  # as in `_composite`: the only luminance that adding +0.0 changes is -0.0
            color = np.where(color == 0, color.dtype.type(-0.0), color)
        for channel in range(3):
            color[..., channel] += y
        return color

    def _chroma_light(self, y: Array, ab: Array) -> Array:
        """Return the linear Rec.709 light (h, w, 3) that turns a grey of luminance y (h, w) into the colour a*, b*.

        Only X and Z change. The difference is taken here, before any large number is added, so that Y stays exact.
        """
        f = compress(y * self._gain)
        own = expand(f)
        x, z = (expand(f + ab[..., 0] / 500) - own) / self._gain, (expand(f - ab[..., 1] / 200) - own) / self._gain
        light = np.empty((*y.shape, 3), x.dtype)
        for channel, (from_x, _, from_z) in enumerate(RGB_FROM_NORMAL.tolist()):  # as planes: a product of matrices
            light[..., channel] = from_x * x + from_z * z  # with so few columns takes three times as long
        return light

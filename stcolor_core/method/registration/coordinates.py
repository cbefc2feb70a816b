"""Coordinates of colour that are free of the plate's light, by the way in which a program lays colour over a plate.

A program keeps some lightness of the plate and takes the rest from the paint. What it takes has the paint's edges
alone; any other coordinates, a* and b* among them, have the plate's edges too, wherever the colours lie:

- over L*: a*, b*.
- over luma, and in Y'CbCr: the differences of the code values from luma.
- over HSL lightness l: (codes - l) / min(l, 1 - l), which hue and saturation of HSL determine.
- over HSV value, HSI intensity or luminance, by a factor: the shares of the channels in their sum.
"""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np

from stcolor_core.arrays import Chroma, Image, Mask, Plane
from stcolor_core.images.color import lab_to_linear, srgb_encode
from stcolor_core.method.registration.painted import LUMA

__all__ = ["COORDINATES", "codes_of", "is_clipped", "without_clipped"]

_AT_BLACK, _AT_WHITE = 2 / 255 / 12.92, 0.015  # linear light of a channel from an end: 2 levels of 255
_LEAST = 0.04  # of the code values, by which differences are divided: below, rounding to 8 bits is all they are
# L* by which compression may put a clipped pixel on the wrong side of the plate's; chroma below which it is the plate's
# own black or white; share of what is known, of clipped pixels, from which they count
_WRONG_SIDE, _COLORED, _WORTH = 1.0, 5.0, 0.005


def _differences(codes: Image) -> Chroma:
    return np.asarray(100 * (codes - (codes @ LUMA)[..., None])[..., ::2], np.float32)


def _saturations(codes: Image) -> Chroma:
    red, green, blue = cv2.split(codes)  # numpy is slow along the last of three axes
    light = (cv2.max(cv2.max(red, green), blue) + cv2.min(cv2.min(red, green), blue)) / 2
    scale = 50 / np.maximum(np.minimum(light, 1 - light), _LEAST)
    mean = (red + green + blue) / 3
    return np.asarray(np.dstack([(red - mean) * scale, (blue - mean) * scale]), np.float32)


def _shares(codes: Image) -> Chroma:
    red, green, blue = cv2.split(codes)
    scale = 150 / np.maximum(red + green + blue, 3 * _LEAST)
    return np.asarray(np.dstack([red * scale, blue * scale]), np.float32)


COORDINATES: dict[str, Callable[[Image], Chroma]] = {
    "luma": _differences,
    "HSL": _saturations,
    "HSV": _shares,
    "HSI": _shares,
}
"""Two coordinates, shape (H, W, 2), of code values of sRGB, (H, W, 3), by the lightness that was kept."""


def codes_of(lab: Image) -> Image:
    """Return the code values of sRGB of a picture, 0..1, shape (H, W, 3).

    Args:
        lab: CIELAB, shape (H, W, 3).
    """
    return np.asarray(srgb_encode(np.clip(lab_to_linear(lab), 0, 1)), np.float32)


def is_clipped(lab: Image) -> Mask:
    """Return where some channel of a picture is at an end of what files of 8 bits hold, and beside it, shape (H, W).

    There colour depends on lightness, so that even another picture's has edges where the plate has.

    Args:
        lab: CIELAB, shape (H, W, 3).
    """
    ends = np.logical_or(*_ends(lab))
    return np.asarray(cv2.dilate(np.asarray(ends, np.uint8), np.ones((5, 5), np.uint8)) > 0)


def without_clipped(lab: Image, plate: Plane, known: Mask) -> Mask:
    """Return the pixels of a keyframe whose luminance tells something, shape (H, W), bool.

    Colours that are too strong for their luminance are clipped in a file. A channel cut off at white makes a pixel
    darker than its plate, one at black lighter. Where that is so, nothing is told of light or place.

    Args:
        lab: The keyframe in CIELAB, shape (H, W, 3).
        plate: The plate's L*, shape (H, W), 0..100.
        known: Pixels to compare, shape (H, W), bool.

    Returns:
        The argument itself if hardly anything is clipped; nothing at all may be left.
    """
    at_black, at_white = _ends(lab)
    key = lab[..., 0]
    explained = (at_white & (key < plate + _WRONG_SIDE)) | (at_black & (key > plate - _WRONG_SIDE))
    clipped = np.asarray(explained & (np.hypot(lab[..., 1], lab[..., 2]) > _COLORED), np.uint8)
    left = known & (cv2.dilate(clipped, np.ones((3, 3), np.uint8)) == 0)
    return left if left.sum() < (1 - _WORTH) * known.sum() else known


def _ends(lab: Image) -> tuple[Mask, Mask]:
    """Return where some channel of a picture in CIELAB is black, and where some is white, in a file of 8 bits."""
    linear = lab_to_linear(lab)
    ends = (np.abs(linear) < _AT_BLACK, np.abs(linear - 1) < _AT_WHITE)
    at_black, at_white = (np.asarray(end.any(axis=-1), bool) for end in ends)
    return at_black, at_white

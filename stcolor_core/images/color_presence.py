"""Whether a reference has any colour to give: a keyframe that was never painted is grey, or still shows the plate.

Both are judged on the means of small blocks, in which the grain of a scan and the noise of a JPEG cancel out, while
the smallest painted part of a frame stays.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from stcolor_core.arrays import Chroma, Image, Pixels, Plane
from stcolor_core.images.color_pipe import ColorPipe

__all__ = ["ReferenceFlaw", "block_means", "find_flaw", "is_coloured", "lacks_color"]

ReferenceFlaw = Literal["no_color", "plate"]
"""Why a reference gives no colour: it is grey, or it is the plate itself."""

_BLOCKS = 96  # across the picture
_LEAST = 5  # pixels across a block of a small picture, so that grain cancels out there too
_LARGEST = 64.0  # of a pixel's value before it is averaged: one burning pixel is no colour of its block
_COLORLESS = 3.0  # C* of a block that has no colour, as in `ColorPipe.is_grey`
_COLORED_SHARE = 0.002  # of all blocks; 3 % of the frame painted is ten times as much
_CONTRAST = 12.0  # L*, standard deviation below which a picture counts as faded, and its colour with it
_FAINTEST = 1 / 8  # of the contrast, below which colour does not fade any further here: the rest is noise
_SMOOTH = 5  # blocks over which faint colour is averaged, as grain is no fainter in fog
_SAME = 0.5  # L* and C* between a block of the plate and of its copy, which may have 8 bits only
_FLAT = 1.0  # L* over a picture of one value, such as a black one, that shows nothing of the plate
_TINT = 2.0  # C* by which a picture of one tint strays from a smooth function of its lightness


def block_means(pipe: ColorPipe, pixels: Pixels, known: Plane | None = None) -> Image:
    """Return CIELAB of the means of a picture's blocks.

    Args:
        pipe: The conversion from the picture's colour space.
        pixels: The picture, shape (H, W, 1) or (H, W, 3), in its own encoding.
        known: (H, W), pixels of which 0 does not count; None if all do.

    Returns:
        Shape (h, w, 3), at most 96 blocks across. A block without a pixel that counts is black.
    """
    height, width = pixels.shape[:2]
    columns = min(_BLOCKS, max(1, width // _LEAST))
    size = (columns, min(height, max(1, round(height * columns / width))))
    values = np.clip(np.nan_to_num(pixels.astype(np.float32)), -_LARGEST, _LARGEST)
    weight = None if known is None else (known > 0).astype(np.float32)
    if weight is not None:
        values = values * weight[..., None]
    means = cv2.resize(values, size, interpolation=cv2.INTER_AREA).reshape(size[1], size[0], -1)
    if weight is not None:
        counted = cv2.resize(weight, size, interpolation=cv2.INTER_AREA)
        means = means / np.maximum(counted, 1e-6)[..., None]
    return pipe.lab(np.ascontiguousarray(means, np.float32))


def lacks_color(lab: Image) -> bool:
    """Return whether a picture has no colour worth carrying: C* below 3 in all but 0.2 % of its blocks.

    In fog, and far into a fade, colours come nearer to each other as lightnesses do. So a picture of little contrast
    has colour if its blocks differ in it by more than 3 times what is left of the contrast.

    Args:
        lab: From `block_means`.
    """
    if _is_anywhere(lab[..., 1:], _COLORLESS):
        return False
    left = max(float(lab[..., 0].std()) / _CONTRAST, _FAINTEST)
    if left >= 1:
        return True
    smooth = cv2.blur(np.ascontiguousarray(lab[..., 1:]), (_SMOOTH, _SMOOTH), borderType=cv2.BORDER_REPLICATE)
    return not _is_anywhere(smooth - np.median(smooth, axis=(0, 1)), left * _COLORLESS)


def is_coloured(chroma: NDArray[np.floating[Any]], least: float = _COLORLESS) -> bool:
    """Return whether enough of a picture is coloured to be carried: 0.2 % of it.

    Args:
        chroma: C* of its pixels or blocks, of any shape.
        least: C* from which one is coloured.
    """
    return bool(chroma.size) and float((chroma >= least).mean()) >= _COLORED_SHARE


def find_flaw(reference: Image, read_plate: Callable[[], Image | None]) -> ReferenceFlaw | None:
    """Return why a reference gives no colour; None if it does.

    A reference that equals its plate frame gives none if the plate is grey or has one tint, as a toned print does. If
    the plate is a colour picture, of which only the luminance is taken, its own colour is a good reference.

    Args:
        reference: The reference's `block_means`.
        read_plate: Returns those of its plate frame, or None if the two differ in format. Called only if they decide.
    """
    if lacks_color(reference):
        is_flat = float(np.ptp(reference[..., 0])) < _FLAT
        return "no_color" if is_flat or not _is_same(reference, read_plate()) else "plate"
    return "plate" if _has_one_tint(reference) and _is_same(reference, read_plate()) else None


def _is_anywhere(ab: Chroma, chroma: float) -> bool:
    """Return whether enough blocks have a chroma."""
    return is_coloured(np.hypot(ab[..., 0], ab[..., 1]), chroma)


def _is_same(reference: Image, plate: Image | None) -> bool:
    if plate is None or reference.shape != plate.shape:
        return False
    difference = np.abs(reference - plate)
    return bool(difference[..., 0].max() < _SAME and np.hypot(difference[..., 1], difference[..., 2]).max() < _SAME)


def _has_one_tint(lab: Image) -> bool:
    """Return whether a* and b* are a smooth function of L*."""
    lightness = lab[..., 0].ravel()
    if float(np.ptp(lightness)) < _FLAT:
        return False
    planes = (lab[..., 1].ravel(), lab[..., 2].ravel())
    strays = [plane - np.polynomial.Polynomial.fit(lightness, plane, 2)(lightness) for plane in planes]
    return float(np.percentile(np.hypot(*strays), 99)) < _TINT

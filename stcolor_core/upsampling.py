"""Colour from working size to plate size, guided by the plate's own L*, without halos.

Around each low pixel the colour is a straight line over lightness, as far as it is one: with the weighted 3x3 moments
of the fast guided filter (He & Sun, "Fast Guided Filter", arXiv:1505.00996, eqs. 3-6 with a range variance of 1 L*^2)

    slope = cov(L, ab) / (var(L) + 1),      trust = (|cov(L, ab)|^2 / (var(L) var(ab)))^2

and trust (the squared R^2 of that line, both channels at once; chroma-from-luma prediction in video codecs,
arXiv:1711.03951, gates in the same way) says how much of the slope is used. The plate then adds what its detail
explains to the plain interpolation U, instead of replacing it by the line as the guided filter does:

    out = U(ab) + U(trust * slope) * (L - U(L_low)),      clamped to the range of ab over the 5x5 low pixels around.

A sharp edge in both is a straight line between two colours, hence comes out sharp; an edge in L* alone has no slope;
an edge in ab alone has no detail and stays as U leaves it; the clamp keeps every pixel between colours that are there.

Measured with `python benchmarks/upsampling.py` (true ab, PSNR in dB of the frame / of the 3 px around chroma edges):

TABLE
"""

from __future__ import annotations

from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

__all__ = ["upsample"]

Plane = NDArray[np.float32]

_METHODS = {"cubic": cv2.INTER_CUBIC, "linear": cv2.INTER_LINEAR}
_WINDOW = np.array([1, 4, 1], np.float32) / 6  # 3x3, weighted to the centre; wider windows were worse everywhere
_RANGE_VARIANCE = 1.0  # L*^2; keeps plate grain and rounding from becoming colour, an edge of 10 L* is hardly weakened
_REACH = np.ones((5, 5), np.uint8)  # 3x3 would cut off colours whose edge falls inside the next low pixel
_TINY = np.finfo(np.float32).tiny


def upsample(
    values: Plane, guide_low: Plane, guide: Plane, *, interpolation: Literal["cubic", "linear"] = "cubic"
) -> Plane:
    """Bring ab (or a confidence) to the size of `guide`, with its edges where the guide has them.

    values:        (h, w) or (h, w, c) float32 at working size, any unit.
    guide_low:     (h, w) float32 L* 0..100, the guide area-averaged to working size.
    guide:         (H, W) float32 L* 0..100 at plate size.
    interpolation: what is done where the guide explains nothing. "cubic" is closer to the truth; "linear" averages
                   more and suits colours that are noisy from pixel to pixel, such as attention on the matching grid.
    Returns (H, W) or (H, W, c) float32, each pixel within the range of the values nearby; a copy, bit for bit, where
    the sizes are equal. Pixel centres lie at halves, so that the area-average of the result is about `values`.
    Needs some 20 bytes a plate pixel beside the result.
    Raises ValueError where the shapes do not belong together.
    """
    if values.ndim not in (2, 3) or guide.ndim != 2 or values.shape[:2] != guide_low.shape:
        raise ValueError(
            f"values {values.shape} need a guide_low of their height and width and a guide of two axes, "
            f"got {guide_low.shape} and {guide.shape}."
        )
    if guide.shape == guide_low.shape:
        return np.array(values, np.float32)
    method = _METHODS[interpolation]
    planes = [np.ascontiguousarray(plane, np.float32) for plane in np.moveaxis(np.atleast_3d(values), 2, 0)]
    detail = guide - _enlarge(guide_low, guide.shape, method)
    result = np.empty((*guide.shape, len(planes)), np.float32)
    for channel, (plane, slope) in enumerate(zip(planes, _trusted_slopes(planes, guide_low), strict=True)):
        fine = _enlarge(slope, guide.shape, cv2.INTER_LINEAR)
        fine *= detail
        fine += _enlarge(plane, guide.shape, method)
        result[..., channel] = _clamp(fine, plane)
    return result if values.ndim == 3 else result[..., 0]


def _trusted_slopes(planes: list[Plane], guide: Plane) -> list[Plane]:
    """Change of each plane per unit of guide around each pixel, times the square of R^2; (h, w) each."""
    light = guide - guide.mean()  # centred, to keep the differences of squares below exact in float32
    light_mean = _local_mean(light)
    light_variance = np.maximum(_local_mean(light * light) - light_mean**2, 0)
    covariances = []
    variance = np.zeros_like(light)
    for plane in planes:
        centred = plane - plane.mean()
        mean = _local_mean(centred)
        covariances.append(_local_mean(light * centred) - light_mean * mean)
        variance += np.maximum(_local_mean(centred * centred) - mean**2, 0)
    squared = np.sum(np.square(covariances), axis=0)
    explained = np.minimum(squared / (light_variance * variance + _TINY), 1)
    gain = explained**2 / (light_variance + _RANGE_VARIANCE)
    return [covariance * gain for covariance in covariances]


def _clamp(fine: Plane, coarse: Plane) -> Plane:
    """`fine`, in place, kept between the least and the greatest value of `coarse` around each pixel."""
    for extreme, bound in ((cv2.erode, np.maximum), (cv2.dilate, np.minimum)):
        limit = np.asarray(extreme(coarse, _REACH), np.float32)
        bound(fine, _enlarge(limit, fine.shape, cv2.INTER_LINEAR), out=fine)
    return np.clip(fine, coarse.min(), coarse.max(), out=fine)  # the bounds themselves are rounded


def _enlarge(plane: Plane, shape: tuple[int, ...], method: int) -> Plane:
    return np.asarray(cv2.resize(plane, shape[::-1], interpolation=method), np.float32)


def _local_mean(plane: Plane) -> Plane:
    return np.asarray(cv2.sepFilter2D(plane, -1, _WINDOW, _WINDOW, borderType=cv2.BORDER_REPLICATE), np.float32)

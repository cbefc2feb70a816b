"""Upsampling of colour from working size to plate size, guided by the plate's own L*, without halos.

Around each low-resolution pixel the colour is modelled as linear in lightness, with the weighted 3x3 moments of the
fast guided filter (He and Sun, "Fast Guided Filter", arXiv:1505.00996, regularised by 1 L*^2):

    slope = cov(L, ab) / (var(L) + 1),      trust = (|cov(L, ab)|^2 / (var(L) var(ab)))^2

Trust is the squared R^2 of that line, over both channels, and scales the slope. Mixing such a line with a plain
resampling by correlation is an idea of Artoriuz/glsl-chroma-from-luma-prediction. The plate's detail then corrects the
plain interpolation U, instead of replacing it by the line as the guided filter does:

    out = U(ab) + U(trust * slope) * (L - U(L_low)),      clamped to the range of ab over the 5x5 low pixels around.

An edge in both L* and ab is a line between two colours, so it becomes sharp. An edge in L* alone has no slope. An edge
in ab alone has no detail and stays as U leaves it. The clamp keeps every pixel between the colours around it.

See docs/method.md, "Upsampling". benchmarks/measured/method.md compares it with other methods.
"""

from __future__ import annotations

from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from stcolor_core.arrays import Chroma, Plane

__all__ = ["slopes", "upsample"]

_METHODS = {"cubic": cv2.INTER_CUBIC, "linear": cv2.INTER_LINEAR}
WINDOW = np.array([1, 4, 1], np.float32) / 6  # 3x3; 5x5 loses 0.1 to 0.3 dB where chroma is resolved
RANGE_VARIANCE = 1.0  # L*^2; keeps plate grain and rounding from becoming colour, an edge of 10 L* is hardly weakened
LEAST_VARIANCE = 4.0  # L*^2
CELL_SIGMA = 1.5  # px, about the extent of one cell of the matching grid
CLAMP_SIDE = 5  # px; 3 would clip colours whose edge is within the next low pixel
_TINY = np.finfo(np.float32).tiny


def upsample(
    values: NDArray[np.float32],
    guide_low: Plane,
    guide: Plane,
    *,
    slope: NDArray[np.float32] | None = None,
    interpolation: Literal["cubic", "linear"] = "cubic",
) -> NDArray[np.float32]:
    """Upsample ab (or a confidence) to the size of a guide, aligning its edges with those of the guide.

    Needs about 20 bytes per plate pixel besides the result.

    Args:
        values: Shape (h, w) or (h, w, c), float32, at working size, any unit.
        guide_low: The guide's L*, averaged to working size, shape (h, w), 0..100.
        guide: L* at plate size, shape (H, W), 0..100.
        slope: Change of `values` per unit of guide, of the same shape, if it is known; None to estimate it.
        interpolation: Interpolation U. "cubic" is closer to the truth; "linear" averages more and suits colours that
            are noisy from pixel to pixel, such as attention on the matching grid.

    Returns:
        Shape (H, W) or (H, W, c), float32, each pixel within the range of the values nearby; an exact copy if the sizes
        are equal. Pixel centres are at halves, so that the area average of the result is about `values`.

    Raises:
        ValueError: If the shapes do not match.
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
    # Memory for each plane that is enlarged: the system would have to clear it for each again.
    fine, other = np.empty(guide.shape, np.float32), np.empty(guide.shape, np.float32)
    detail = guide - _enlarge(guide_low, other, method)
    plane_slopes = _trusted_slopes(planes, guide_low) if slope is None else np.moveaxis(np.atleast_3d(slope), 2, 0)
    result = np.empty((*guide.shape, len(planes)), np.float32)
    for channel, (plane, plane_slope) in enumerate(zip(planes, plane_slopes, strict=True)):
        fine = _enlarge(np.ascontiguousarray(plane_slope), fine, cv2.INTER_LINEAR)
        fine *= detail
        fine += _enlarge(plane, other, method)
        result[..., channel] = _clamp(fine, plane, other)
    return result if values.ndim == 3 else result[..., 0]


def slopes(lightness: Plane, ab: Chroma, *, weight: Plane | None = None) -> Chroma:
    """Return the slope of a* and b* over L* around each pixel by linear regression, shape (H, W, 2).

    The slope tends to 0 if L* hardly changes.

    Args:
        lightness: L*, shape (H, W), 0..100.
        ab: a* and b*, shape (H, W, 2).
        weight: How much each pixel counts, shape (H, W), 0..1, such as the coverage of one object; None for 1.
    """
    light, colour = lightness - lightness.mean(), ab - ab.mean((0, 1))

    def local_mean(picture: NDArray[np.float32]) -> NDArray[np.float32]:
        if weight is None:
            return _cell_mean(picture)
        total = np.maximum(_cell_mean(weight), 1e-6)
        if picture.ndim == 2:
            return np.asarray(_cell_mean(picture * weight) / total)
        return np.asarray(_cell_mean(picture * weight[..., None]) / total[..., None])

    mean, colour_mean = local_mean(light), local_mean(colour)
    variance = np.maximum(local_mean(light * light) - mean * mean, 0)
    covariance = local_mean(light[..., None] * colour) - mean[..., None] * colour_mean
    return np.asarray(covariance / (variance + LEAST_VARIANCE)[..., None], np.float32)


def _cell_mean(picture: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.asarray(cv2.GaussianBlur(picture, (0, 0), CELL_SIGMA), np.float32)


def _trusted_slopes(planes: list[Plane], guide: Plane) -> list[Plane]:
    """Return the slope of each plane over the guide around each pixel, times the square of R^2; (h, w) each."""
    light = guide - guide.mean()  # centred, so that the differences of squares stay accurate in float32
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
    gain = explained**2 / (light_variance + RANGE_VARIANCE)
    return [covariance * gain for covariance in covariances]


def _clamp(fine: Plane, coarse: Plane, other: Plane) -> Plane:
    """Clamp `fine` in place to the range of `coarse` around each pixel, and return it; `other` is overwritten."""
    for extreme, bound in ((cv2.erode, np.maximum), (cv2.dilate, np.minimum)):
        limit = np.asarray(extreme(coarse, np.ones((CLAMP_SIDE, CLAMP_SIDE), np.uint8)), np.float32)
        bound(fine, _enlarge(limit, other, cv2.INTER_LINEAR), out=fine)
    return np.clip(fine, coarse.min(), coarse.max(), out=fine)  # interpolation rounds the bounds


def _enlarge(plane: Plane, into: Plane, method: int) -> Plane:
    """Return a plane at the size of another one, in the memory of that."""
    return np.asarray(cv2.resize(plane, into.shape[::-1], dst=into, interpolation=method), np.float32)


def _local_mean(plane: Plane) -> Plane:
    return np.asarray(cv2.sepFilter2D(plane, -1, WINDOW, WINDOW, borderType=cv2.BORDER_REPLICATE), np.float32)

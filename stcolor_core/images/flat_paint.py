"""Flat paint: parts of a reference that are filled with one colour each, whose lightness says nothing of the plate.

Its L* is not the plate's, so neither may it be compared with the plate, nor does its chroma fit there: a bright yellow
on a dark object would lie far outside of the gamut, and be seen as orange or red. It is put on the plate's own
lightness as paint on a surface is.
"""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from stcolor_core.arrays import Chroma, Image, Mask, Plane
from stcolor_core.images.color import lab_to_linear, roll_off
from stcolor_core.images.nearest import nearest_in
from stcolor_core.images.surfaces import follow_light, is_in_gamut, reduce_to_lightness

__all__ = ["PAINTED_FLAT", "TOO_COLORFUL", "PaintOnPlate", "put_flat_paint_on", "reduce_chroma"]

PAINTED_FLAT = "painted in flat colours, which follow the plate's lightness"
"""What was done with flat paint, as it is said to the artist."""
TOO_COLORFUL = "its chroma, of another lightness, reduced to what the plate's can show"
"""What was done with colour that does not fit the plate's lightness, as it is said to the artist."""

_STEP = 0.5  # L*, a* and b* over 3 x 3 pixels of flat paint; rounding to 8 bits leaves 0 of it
_LEAST_CHROMA = 5.0  # C*; grey has no chroma that could leave the gamut
_LEAST_AREA, _LEAST_PIXELS = 0.0005, 64  # of the picture; less is no area that was filled
_LEAST_OF_WHOLE = 0.01  # of the picture, of a reference that covers all of it
_WHOLE = 0.9  # of the picture: one colour all over shows no object
_ALL_OF_PATCH = 0.8  # of what it covers: a picture is not cut off nearly everywhere to one colour
_EVEN = 0.75  # L*, a* and b*, standard deviation within one colour; the plate must have more there, without its grain
_SHADED = 1.5  # L*, the same of the plate below what surely is paint: a tone curve makes light shades even
_CELL, _LEAST_IN_CELL = 8, 16  # px, side of the squares over whose means grain counts for nothing, and pixels of one
_FOLLOWS = 0.7  # correlation with the plate's L*, from which an area is a picture of it
# Linear light of a channel from an end. Where all three are at one, strong colours were cut off: that is no paint,
# unless a patch has nothing else.
_AT_END = 0.015
# L* between the paint and the mean of the plate below it, or the plate's standard deviation there. Pictures of 8
# levels a channel have less (0 of 61 clips taken for paint); those of 4 levels have more (see `is_posterised`).
_OFF, _VARIED = 8.0, 9.0
# L* up to which the two are the same, and the share of an area where they may be: more if a picture is some pixels off
_SAME, _MOST_ALIKE = 2.0, 0.4
_NEAR, _BLOCK = 0.02, 16  # of the height, and px, whichever is more: how far compression reaches beyond an edge
_LIKE = 10.0  # distance in CIELAB: what compression leaves of flat paint there
_ALIKE = 25.0  # the same, where it is still nearer to the paint than its L* is to the plate's
_EDGE = 2.0  # px of an edge that mixes two colours
_OTHER = 1.0  # L* between a reference with flat paint and the plate, from which it is not the plate's own
_FAR = 5.0  # L* between a reference and the plate, from which its chroma may be too large there
_FAR_BESIDE = 2.5  # the same, beside chroma that is too large
_SMOOTHED, _AROUND = (3, 3), (7, 7)  # px over which that is taken
_REDUCED, _WORTHWHILE = 2.0, 0.002  # C*, and share of the picture, from which reducing is worthwhile


class _Areas(NamedTuple):
    """Areas of even colour: the number of each pixel's (0 for none), (H, W); whether each is paint; its mean colour."""

    labels: NDArray[np.int32]
    are_paint: NDArray[np.bool_]
    colors: NDArray[np.float64]


class PaintOnPlate(NamedTuple):
    """A reference with its flat paint on the plate's own lightness.

    Attributes:
        lab: The reference in CIELAB, shape (H, W, 3). L* of flat paint is the plate's; the rest is as it came.
        held: Where colour is to stay within Rec.709, shape (H, W), bool: in the paint, and where soft edges and
            compression took its colour to another lightness. What lies beyond Rec.709 as it came is left.
    """

    lab: Image
    held: Mask


def put_flat_paint_on(lab: Image, weight: Plane | None, lightness: Plane) -> PaintOnPlate | None:
    """Return a reference with its flat paint on the plate's own lightness; None if it has none.

    Args:
        lab: The reference in CIELAB on the plate's canvas, shape (H, W, 3); any value where it covers nothing.
        weight: How far it covers each pixel, shape (H, W), 0..1; None for everywhere.
        lightness: L* of the plate frame, shape (H, W), 0..100.
    """
    covered = np.ones(lightness.shape, bool) if weight is None else weight >= 0.5
    areas = _find_areas(lab, covered, lightness)
    if areas is None:
        return None
    paint = _with_edges(areas, lab, weight, lightness)
    rows, columns = np.flatnonzero(paint.any(axis=1)), np.flatnonzero(paint.any(axis=0))
    part = np.s_[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    own = np.where(paint[part][..., None], lab[part], np.float32(0))
    shown = np.dstack([lightness[part], follow_light(own, lightness[part])])
    result = lab.copy()
    result[part] = np.where(paint[part][..., None], shown, lab[part])
    return PaintOnPlate(result, _held(result, paint, covered if weight is None else weight > 0, lightness))


def reduce_chroma(lab: Image, known: Mask | None, lightness: Plane) -> Image | None:
    """Return a reference with no more chroma than can be shown on the plate's lightness, where its own is far from it.

    Args:
        lab: The reference in CIELAB on the plate's canvas, shape (H, W, 3); any value where it covers nothing.
        known: Where its colour is known, shape (H, W), bool; None for everywhere.
        lightness: L* of the plate frame, shape (H, W), 0..100.

    Returns:
        CIELAB of the same shape; None if that is nowhere worthwhile. L* stays as it came.
    """
    counted = np.ones(lightness.shape, np.float32) if known is None else known.astype(np.float32)
    # smoothed, so that grain counts for little, and around each pixel
    apart = cv2.boxFilter((np.clip(lab[..., 0], 0, 100) - lightness) * counted, -1, _SMOOTHED)
    apart = cv2.boxFilter(np.abs(apart) * counted, -1, _AROUND, normalize=False)
    apart = apart / np.maximum(cv2.boxFilter(counted, -1, _AROUND, normalize=False), 1)
    far = (counted > 0) & (apart >= _FAR)
    least = _WORTHWHILE * far.size
    if far.sum() < least:
        return None
    reduced = np.zeros(far.shape, bool)
    reduced[far] = np.linalg.norm(lab[far][:, 1:] - _reduced(lab, far, lightness), axis=-1) > _REDUCED
    if reduced.sum() < least:
        return None
    away = cv2.distanceTransform(np.asarray(~reduced, np.uint8), cv2.DIST_L2, cv2.DIST_MASK_5)
    # at the edge of what is too colourful, its own lightness comes near the plate's
    far |= (counted > 0) & (away <= max(_NEAR * len(lab), _BLOCK)) & (apart >= _FAR_BESIDE)
    result = lab.copy()
    result[far, 1:] = _reduced(lab, far, lightness)
    return result


def _reduced(lab: Image, where: Mask, lightness: Plane) -> Chroma:
    """Return the chroma of some pixels as far as the plate's lightness can show it, shape (N, 2)."""
    return np.asarray(reduce_to_lightness(np.ascontiguousarray(lab[where][None]), lightness[where][None])[0])


def _held(lab: Image, paint: Mask, covered: Mask, lightness: Plane) -> Mask:
    """Return `PaintOnPlate.held` of a reference whose paint is on the plate's lightness."""
    held = np.zeros(paint.shape, bool)
    places = np.flatnonzero(covered & (paint | (np.abs(lab[..., 0] - lightness) >= _OTHER)))
    own = np.ascontiguousarray(lab.reshape(-1, 3)[places][None])
    held.ravel()[places] = is_in_gamut(np.asarray(roll_off(own[..., 0]), np.float32), own[..., 1:])[0]
    return held


def _find_areas(lab: Image, covered: Mask, lightness: Plane) -> _Areas | None:
    kernel = np.ones((3, 3), np.uint8)
    flat = covered & (np.hypot(lab[..., 1], lab[..., 2]) >= _LEAST_CHROMA)
    for channel in range(3):
        plane = lab[..., channel]
        highest = cv2.dilate(np.where(covered, plane, np.float32(-1e4)), kernel)
        lowest = cv2.erode(np.where(covered, plane, np.float32(1e4)), kernel)
        flat &= highest - lowest <= _STEP
    count, numbered = cv2.connectedComponents(flat.astype(np.uint8), connectivity=4)
    labels, places = np.asarray(numbered, np.int32), np.flatnonzero(flat)
    inside = labels.ravel()[places]
    sizes = np.bincount(inside, minlength=count)
    own = lab.reshape(-1, 3)[places].astype(np.float64)
    plate = lightness.ravel()[places].astype(np.float64)
    means, deviations = zip(
        *(_moments(inside, values, sizes) for values in (plate, own[:, 0], own[:, 1], own[:, 2])), strict=True
    )
    even = np.all([deviation <= _EVEN for deviation in deviations[1:]], axis=0)
    covariance = np.bincount(inside, own[:, 0] * plate, minlength=count) / np.maximum(sizes, 1) - means[1] * means[0]
    even &= covariance <= _FOLLOWS * np.maximum(deviations[1] * deviations[0], 1e-6)
    colors = np.stack(means[1:], -1)
    even &= ~_are_cut_off(colors) | ((sizes >= _ALL_OF_PATCH * covered.sum()) & (sizes < _WHOLE * flat.size))
    other = (np.abs(means[1] - means[0]) >= _OFF) | (deviations[0] >= _VARIED)
    large = (sizes >= max(_LEAST_PIXELS, _LEAST_AREA * flat.size)) & (sizes < _WHOLE * flat.size)
    alike = np.bincount(inside, np.abs(own[:, 0] - plate) < _SAME, minlength=count) / np.maximum(sizes, 1)
    other &= alike <= _MOST_ALIKE
    may_be_paint = even & large & (deviations[0] > _EVEN)
    if not may_be_paint.any():
        return None
    shades = _shades_of_plate(labels, places[may_be_paint[inside]], lightness, count)
    may_be_paint &= shades > _EVEN
    sure = may_be_paint & other & (shades > _SHADED)
    # beside what surely is paint, the rest that is even is paint as well, however near its L* is to the plate's
    are_paint = may_be_paint if sure.any() else sure
    # a picture that lies some pixels off has a little that looks like it
    least = _LEAST_OF_WHOLE if covered.mean() > _WHOLE else 0.0
    if sizes[are_paint].sum() <= least * flat.size:
        return None
    return _Areas(labels, are_paint, colors)


def _are_cut_off(colors: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Return which colours in CIELAB, shape (N, 3), have all channels at an end of what a file holds."""
    linear = lab_to_linear(colors[None])[0]
    return np.asarray(((linear < _AT_END / 10) | (linear > 1 - _AT_END)).all(axis=-1), bool)


def _shades_of_plate(
    labels: NDArray[np.int32], places: NDArray[np.intp], lightness: Plane, count: int
) -> NDArray[np.float64]:
    """Return the standard deviation of the plate's L* within each of `count` areas, without its grain.

    Args:
        labels: Number of each pixel's area, shape (H, W).
        places: The pixels that count, in the flattened plane.
        lightness: L* of the plate, shape (H, W).
        count: How many areas there are; those without pixels have 0.
    """
    width = lightness.shape[1]
    cells = (places // width // _CELL) * (-(-width // _CELL)) + places % width // _CELL
    parts = labels.ravel()[places].astype(np.int64) * (int(cells.max()) + 1) + cells
    each, index, sizes = np.unique(parts, return_inverse=True, return_counts=True)
    mean = np.bincount(index, lightness.ravel()[places].astype(np.float64)) / sizes
    whole = sizes >= _LEAST_IN_CELL
    area = each[whole] // (int(cells.max()) + 1)
    _, deviation = _moments(area, mean[whole], np.bincount(area, minlength=count))
    return deviation


def _moments(
    labels: NDArray[np.int32], values: NDArray[np.float64], sizes: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the mean and the standard deviation of the values with each label."""
    counts = np.maximum(sizes, 1)
    mean = np.bincount(labels, values, minlength=len(sizes)) / counts
    apart = np.square(values - mean[labels])
    return mean, np.sqrt(np.bincount(labels, apart, minlength=len(sizes)) / counts)


def _with_edges(areas: _Areas, lab: Image, weight: Plane | None, lightness: Plane) -> Mask:
    """Return where flat paint lies, with its soft edges and what compression changed."""
    paint = areas.are_paint[areas.labels]
    away = cv2.distanceTransform(np.asarray(~paint, np.uint8), cv2.DIST_L2, cv2.DIST_MASK_5)
    color = areas.colors[areas.labels.ravel()[nearest_in(paint)]]
    apart = np.linalg.norm(lab - color, axis=-1)
    soft = np.zeros(paint.shape, bool) if weight is None else (weight > 0) & (weight < 1)
    near = away <= max(_NEAR * len(lab), _BLOCK)
    covered = np.ones(paint.shape, bool) if weight is None else weight > 0
    # blocks of compressed paint that touch the rest of it, however far they go
    from_plate = np.abs(lab[..., 0] - lightness)
    blocks = covered & (paint | ((apart <= _ALIKE) & (apart < from_plate) & (from_plate >= _FAR)))
    _, labels = cv2.connectedComponents(blocks.astype(np.uint8))
    touching = np.zeros(int(labels.max()) + 1, bool)
    touching[labels[paint]] = True
    grown = paint | (away <= _EDGE) | (near & ((apart <= _LIKE) | soft)) | (blocks & touching[labels])
    return np.asarray(covered & grown)

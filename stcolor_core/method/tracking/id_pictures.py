"""Id pictures: mattes of which every value or colour is one instance."""

from __future__ import annotations

import functools
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from stcolor_core.arrays import Mask, Plane, Vector
from stcolor_core.images.cryptomatte import Coverage
from stcolor_core.method.tracking.matte_channels import (
    MattePicture,
    coverage_of_planes,
    find_main_channels,
    find_mask_channels,
)

__all__ = ["read_ids"]

_MOST_GREYS = 64
_MOST_RUNS = 1 << 20
_COVERS = 0.02  # of a channel: less is no object
_PURE = 0.95  # from here on a channel of R, G and B is full
_OVERLAP = 0.1  # of what three mattes in R, G and B cover, that two of them may cover at soft edges
_GREY_AREAS = 0.1  # of the same, that areas of one value in between may cover: more are ids


def read_ids(picture: MattePicture, *, is_id_picture: bool) -> Coverage:
    """Return each value but black as one instance, or none if the picture has no ids.

    Args:
        picture: The matte.
        is_id_picture: Whether it is known to have ids. If not, `mattes.detect_kind` says which pictures do.
    """
    planes = _id_planes(picture)
    full = np.iinfo(picture.pixel_type).max if picture.pixel_type.startswith("uint") else 1
    if not is_id_picture and _are_mattes(planes):
        names = [",".join(f"{full * (channel == own)}" for channel in range(3)) for own in range(3)]
        return coverage_of_planes({n: plane for n, plane in zip(names, planes, strict=True) if plane.max() > _COVERS})
    values, label = _distinct_values([plane.ravel() for plane in planes], most=_MOST_RUNS)
    is_id = np.asarray(values.any(axis=1))
    if not is_id_picture:
        is_id = _detect_ids(planes, values, label, is_id, whole=not picture.pixel_type.startswith("uint"))
    row = np.full(len(values), -1)
    row[is_id] = np.arange(is_id.sum())
    codes = np.where(full > 1, np.rint(values[is_id] * float(full)), values[is_id])
    covered = np.flatnonzero(row[label] >= 0) if len(values) else np.empty(0, np.int64)
    return Coverage(
        names=[",".join(f"{code:.9g}" for code in color) for color in codes.tolist()],
        place=covered,
        label=row[label[covered]],
        amount=np.ones(len(covered), np.float32),
    )


def _id_planes(picture: MattePicture) -> list[Plane]:
    """Return the one or three (H, W) planes that may be ids, black if the pixel is transparent."""
    masks = list(find_mask_channels(picture.channels).values())
    color, alpha = find_main_channels(picture.channels)
    planes = [np.ascontiguousarray(picture.pixels[..., index]) for index in masks[:1] or color or [alpha or 0]]
    if not masks and color and alpha is not None:
        opaque = picture.pixels[..., alpha] > 0
        planes = [plane * opaque for plane in planes]
    grey = all(np.array_equal(plane, planes[0]) for plane in planes[1:])
    return planes[:1] if grey else planes


def _are_mattes(planes: list[Plane]) -> bool:
    """Return whether three planes are a matte each, of objects that hardly overlap, and not parts of colours."""
    if len(planes) != 3 or min(plane.min() for plane in planes) < -_COVERS:
        return False
    first = functools.reduce(np.maximum, planes)
    if not _PURE <= first.max() <= 1 + _COVERS:
        return False
    least = functools.reduce(np.minimum, planes)
    second = functools.reduce(np.add, planes) - first - least
    if second.sum(dtype=np.float64) > _OVERLAP * first.sum(dtype=np.float64):
        return False
    covered = first > _COVERS
    between = _is_flat(planes) & covered & (first < _PURE)
    return bool(between.sum() <= _GREY_AREAS * covered.sum())


def _detect_ids(
    planes: list[Plane],
    values: NDArray[np.float32],
    label: NDArray[np.int64],
    not_black: NDArray[np.bool_],
    *,
    whole: bool,
) -> NDArray[np.bool_]:
    """Return which values are ids, by the rules of `mattes.detect_kind`. whole: whether whole numbers may be ids."""
    count, none = int(not_black.sum()), np.zeros_like(not_black)
    if len(planes) == 1 and whole and (values == np.rint(values)).all() and (values > 1).any():
        return not_black
    if len(planes) == 1 and count <= 1:
        return none if (values[not_black] == 1).all() else not_black
    if not count:
        return none
    flat_area = np.bincount(label[_is_flat(planes).ravel()], minlength=len(values))
    flat = not_black & (flat_area > 0)
    if len(planes) == 1:
        return flat if count <= _MOST_GREYS and 2 * flat.sum() > count else none
    return flat if 2 * flat_area[flat].sum() >= np.bincount(label)[not_black].sum() else none


def _distinct_values(planes: list[Vector], *, most: int | None = None) -> tuple[NDArray[Any], NDArray[np.int64]]:
    """Return the distinct values (n, C) of C flat planes and the index of each pixel's value, (N,).

    Sorts runs of equal values instead of pixels. A picture with more than `most` runs gets no values.
    """
    changes = np.flatnonzero(functools.reduce(np.logical_or, (plane[1:] != plane[:-1] for plane in planes)))
    starts = np.append(0, changes + 1)[: len(planes[0])]
    if most is not None and len(starts) > most:
        return np.empty((0, len(planes)), planes[0].dtype), np.empty(0, np.int64)
    runs = [plane[starts] for plane in planes]
    if len(runs) == 1:
        column, of_run = np.unique(runs[0], return_inverse=True)
        values = column[:, None]
    else:
        values, of_run = np.unique(np.stack(runs, axis=1), axis=0, return_inverse=True)
    return values, np.repeat(of_run.ravel(), np.diff(starts, append=len(planes[0])))


def _is_flat(planes: list[Plane]) -> Mask:
    """Return whether each pixel equals its eight neighbours."""
    box = np.ones((3, 3), np.uint8)
    flat: Mask = functools.reduce(np.logical_and, (cv2.erode(plane, box) == cv2.dilate(plane, box) for plane in planes))
    return flat

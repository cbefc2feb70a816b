"""Artist mattes as instances: Cryptomatte, mask layers, id pictures and roto, detected by the contents of the file.

An instance is identified by its name: that of Cryptomatte, of the layer, the value of the id, or the file name of a
roto without the frame number. See docs/method.md, "Instance tracking".
"""

from __future__ import annotations

import functools
import logging
import math
import re
from collections.abc import Callable, Collection, Iterable, Iterator
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from stcolor_core.arrays import Plane
from stcolor_core.errors import BadRequest
from stcolor_core.images.cryptomatte import Coverage, coverage, find_layer, read_manifest
from stcolor_core.method.tracking.id_pictures import read_ids
from stcolor_core.method.tracking.instance import Instances, resample
from stcolor_core.method.tracking.matte_channels import (
    MattePicture,
    Window,
    Windows,
    coverage_of_planes,
    find_main_channels,
    find_mask_channels,
)

__all__ = ["MatteKind", "detect_kind", "has_same_aspect", "merge", "read_matte", "sequence_of", "shows_picture"]

logger = logging.getLogger(__name__)

_SAMPLED_LINES = 256
# A colour picture in place of a matte: a channel's difference from its neighbours' mean, and between the channels of a
# pixel; what counts as 0 or 1; the shares of the frame. Of 61 photographs at 480 x 270, 90 % have more than 0.1 that is
# uneven and less than 0.25 with all channels at an end; of soft mattes in R, G and B that overlap, 0.49 and more are.
_UNEVEN, _COLORED, _END = 1.5 / 255, 12 / 255, 2.5 / 255
_MOST_ENDS, _LEAST_UNEVEN = 0.25, 0.1

MatteKind = Literal["cryptomatte", "layers", "ids", "roto"]


def read_matte(
    picture: MattePicture,
    *,
    plate: Windows,
    size: tuple[int, int],
    kind: MatteKind | None = None,
    limit: int = 64,
    only: Collection[str] | None = None,
    on_kind: Callable[[MatteKind], None] | None = None,
) -> Instances:
    """Read the instances of an artist's matte: named, of class 0 and score 1, sorted by name.

    Args:
        picture: The matte.
        plate: The plate's windows. The matte is placed over the display window, scaled if its size differs, and cropped
            to the data window.
        size: (height, width) of the masks: the plate's data window at working size.
        kind: Kind of the matte; None to detect it (`detect_kind`).
        limit: Largest number of instances. If there are more, the largest ones are kept and a warning is logged.
        only: Names of the instances to return, of any size; None for all within the limit. Each takes 12 bytes a pixel
            of `size`.
        on_kind: Called with the kind of the matte, unless it is empty.

    Returns:
        The instances; none for an empty matte.

    Raises:
        BadRequest: If the matte's aspect ratio differs from the plate's.
    """
    _require_aspect(picture, plate)
    found, matte = _read(picture, kind)
    if on_kind is not None and matte.names:
        on_kind(found)
    areas = np.bincount(matte.label, weights=matte.amount, minlength=len(matte.names))
    kept = np.argsort(-areas, kind="stable")
    if only is not None:
        kept = kept[[matte.names[i] in only for i in kept]]
    elif len(areas) > limit:
        kept = kept[:limit]
        logger.warning("%s has %d instances; the %d largest are used.", picture.label, len(areas), limit)
    row = np.full(len(areas), -1)
    row[kept] = np.arange(len(kept))
    names = [matte.names[i] for i in kept]
    masks = _place_over_plate(matte._replace(names=names, label=row[matte.label]), picture, plate, size)
    return _union(zip(names, masks, strict=True), size)


def detect_kind(picture: MattePicture) -> MatteKind:
    """Return the kind of a matte: the first of these that fits. The same pixels always give the same kind.

    1. cryptomatte: the metadata "cryptomatte/<key>/name" names a layer whose rank channels exist.
    2. layers: there are two or more masks among the channels other than R, G, B, A and Y. A mask is the alpha of a
       layer; every channel of a layer without alpha that is called mask, matte or roto; or the only channel of another
       layer. Depth, motion, disparity and our own rc_ layers are not masks.
    3. ids: the picture, or its only such mask, is
       grey in float with whole numbers, some above 1;
       or grey with at most 64 values, most of which fill areas of 3 x 3 pixels (those of a smooth edge do not);
       or grey with one value other than 1;
       or coloured, and areas of one colour cover at least half of what is not black;
       or coloured, and R, G and B are three mattes that hardly overlap: each is one instance, with its soft edges.
    4. roto: anything else. The mask is the only such channel, else alpha unless it is constant, else the brightest of
       R, G and B.
    An id picture that has only the value 1 left is therefore read as roto: give `kind` for a sequence of ids.

    Args:
        picture: The matte.
    """
    return _read(picture, None)[0]


def shows_picture(picture: MattePicture) -> bool:
    """Return whether what is read as a roto of one object is a colour picture: uneven colours in much of the frame.

    Mattes are 0 or 1 in large areas, smooth as a ramp is, or grey.

    Args:
        picture: A matte of the kind roto.
    """
    color, alpha = find_main_channels(picture.channels)
    is_by_alpha = alpha is not None and np.ptp(picture.pixels[..., alpha]) > 0
    if len(color) < 3 or is_by_alpha or find_mask_channels(picture.channels):
        return False
    step = max(1, picture.pixels.shape[0] // _SAMPLED_LINES)
    rgb = np.clip(picture.pixels[::step][..., color], 0, 1)
    if rgb.shape[1] < 3:
        return False
    is_end = ((rgb < _END) | (rgb > 1 - _END)).all(axis=-1)
    here, beside = rgb[:, 1:-1], (rgb[:, :-2] + rgb[:, 2:]) / 2
    uneven = np.abs(here - beside).max(axis=-1) > _UNEVEN
    colored = np.ptp(here, axis=-1) > _COLORED
    return float(is_end.mean()) < _MOST_ENDS and float((uneven & colored).mean()) > _LEAST_UNEVEN


def merge(mattes: Iterable[Instances], size: tuple[int, int]) -> Instances:
    """Return several mattes of one frame as one, with the union of the masks of each name.

    Args:
        mattes: The mattes, all with names.
        size: (height, width) of their masks.

    Raises:
        ValueError: If one has no names.
    """
    parts = list(mattes)
    if any(part.names is None for part in parts):
        raise ValueError("only mattes with names can be merged")
    return _union((pair for part in parts for pair in zip(part.names or (), part.masks, strict=True)), size)


def _union(named_masks: Iterable[tuple[str, Plane]], size: tuple[int, int]) -> Instances:
    masks: dict[str, Plane] = {}
    for name, mask in named_masks:
        if mask.any():
            masks[name] = np.maximum(masks[name], mask) if name in masks else mask
    names = tuple(sorted(masks))
    stack = np.stack([masks[name] for name in names]) if names else np.empty((0, *size), np.float32)
    return Instances(stack, np.zeros(len(names), np.int32), np.ones(len(names), np.float32), names)


def has_same_aspect(matte: Window, plate: Window) -> bool:
    """Return whether a matte has the plate's aspect.

    Args:
        matte: Its display window: x, y, width, height.
        plate: The plate's.
    """
    (*_, width, height), (*_, plate_width, plate_height) = matte, plate
    # Scaling rounds the sides, so one pixel more or less is the same aspect ratio.
    return abs(width * plate_height - height * plate_width) <= max(width, height, plate_width, plate_height)


def _require_aspect(picture: MattePicture, plate: Windows) -> None:
    if not has_same_aspect(picture.display_window, plate.display_window):
        (*_, width, height), (*_, plate_width, plate_height) = picture.display_window, plate.display_window
        raise BadRequest(
            f"{picture.label} is {width} x {height}, of another aspect than the plate's "
            f"{plate_width} x {plate_height}. Reformat it to the plate."
        )


def _place_over_plate(matte: Coverage, picture: MattePicture, plate: Windows, size: tuple[int, int]) -> Iterator[Plane]:
    """Yield each mask over the plate's data window; a pixel counts for the cell that holds its centre."""
    rows, row_counts = _map_axis(picture, plate, 1, size[0])
    columns, column_counts = _map_axis(picture, plate, 0, size[1])
    y, x = np.divmod(matte.place, picture.pixels.shape[1])
    inside = (matte.label >= 0) & (rows[y] >= 0) & (columns[x] >= 0)
    shape = (len(matte.names), len(row_counts), len(column_counts))
    cell = np.ravel_multi_index((matte.label[inside], rows[y[inside]], columns[x[inside]]), shape)
    sums = np.bincount(cell, weights=matte.amount[inside], minlength=math.prod(shape)).reshape(shape)
    area = np.outer(row_counts, column_counts)
    for total in sums:
        yield resample(np.minimum(total / area, 1.0).astype(np.float32), size)


def _map_axis(
    picture: MattePicture, plate: Windows, axis: int, length: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Map one axis (0 is x) of the matte to `length` cells of the plate's data window, fewer if the matte is coarser.

    Returns the cell of each row or column of the matte, -1 outside, and how many rows or columns each cell has.
    """
    scale = picture.display_window[2 + axis] / plate.display_window[2 + axis]
    first = (plate.data_window[axis] - plate.display_window[axis]) * scale
    extent = plate.data_window[2 + axis] * scale
    cells = min(length, max(1, round(extent)))

    def cell_of(position: NDArray[np.int64]) -> NDArray[np.int64]:
        cell = np.floor((position + 0.5 - first) / extent * cells).astype(np.int64)
        return np.where((cell < 0) | (cell >= cells), -1, cell)

    everywhere = cell_of(np.arange(math.floor(first), math.ceil(first + extent)))
    counts = np.bincount(everywhere[everywhere >= 0], minlength=cells)
    start = picture.data_window[axis] - picture.display_window[axis]
    return cell_of(start + np.arange(picture.data_window[2 + axis])), np.maximum(counts, 1)


def _read(picture: MattePicture, kind: MatteKind | None) -> tuple[MatteKind, Coverage]:
    """Read the instances as the given kind of matte, or as the first kind that fits by the rules of `detect_kind`."""
    layer = find_layer(picture.metadata, picture.channels)
    if layer and kind in (None, "cryptomatte"):
        names = read_manifest(picture.metadata, layer, picture.path)
        return "cryptomatte", coverage(picture.pixels, layer, names)

    masks = find_mask_channels(picture.channels)
    if kind == "layers" or (kind is None and len(masks) > 1):
        return "layers", coverage_of_planes({name: picture.pixels[..., index] for name, index in masks.items()})
    if kind != "roto":
        ids = read_ids(picture, is_id_picture=kind == "ids")
        if kind == "ids" or ids.names:
            return "ids", ids
    return "roto", coverage_of_planes({_instance_name(picture.path): _roto_plane(picture)})


def _roto_plane(picture: MattePicture) -> Plane:
    masks = list(find_mask_channels(picture.channels).values())
    color, alpha = find_main_channels(picture.channels)
    if masks:
        return picture.pixels[..., masks[0]]
    if alpha is not None and (not color or np.ptp(picture.pixels[..., alpha]) > 0):
        return picture.pixels[..., alpha]
    brightest: Plane = functools.reduce(np.maximum, (picture.pixels[..., index] for index in color or [0]))
    return brightest


def sequence_of(path: Path) -> str:
    """Return what all mattes of one sequence have in common: the folder, and the name without the frame number.

    Args:
        path: A file of the sequence.
    """
    return str(path.parent / re.sub(r"(^|[._-])-?\d+(?=\.|$)", "", path.name))


def _instance_name(path: Path) -> str:
    """Return the file's name without the frame number, roto_car.1010.exr -> roto_car, or else the folder's name."""
    return re.sub(r"(^|[._-])-?\d+$", "", path.stem) or path.parent.name

"""Artist mattes as instances: Cryptomatte, mask layers, id pictures and roto, detected by the contents of the file.

An instance is identified by its name: that of Cryptomatte, of the layer, the value of the id, or the file name of a
roto without the frame number. See docs/method.md, "Instance tracking".
"""

from __future__ import annotations

import functools
import logging
import math
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from stcolor_core.arrays import Mask, Pixels, Plane, Vector
from stcolor_core.errors import BadRequest
from stcolor_core.images.cryptomatte import Coverage, coverage, find_layer, read_manifest
from stcolor_core.method.tracking.instance import Instances, resample

__all__ = [
    "MatteKind",
    "MattePicture",
    "Windows",
    "detect_kind",
    "has_same_aspect",
    "merge",
    "read_matte",
    "sequence_of",
]

logger = logging.getLogger(__name__)

MatteKind = Literal["cryptomatte", "layers", "ids", "roto"]
Window = tuple[int, int, int, int]

_MAIN = {"r": 0, "red": 0, "g": 1, "green": 1, "b": 2, "blue": 2, "y": 0, "a": 3, "alpha": 3}
_TECHNICAL = re.compile(r"depth|forward|backward|motion|disparity.*|rc_.*|.*crypto.*|z|ry|by|u|v", re.IGNORECASE)
_MASK_LAYER = re.compile(r"mask|matte|roto", re.IGNORECASE)
_MOST_GREYS = 64
_MOST_RUNS = 1 << 20
_COVERS = 0.02  # of a channel: less is no object
_PURE = 0.95  # from here on a channel of R, G and B is full
_OVERLAP = 0.1  # of what three mattes in R, G and B cover, that two of them may cover at soft edges
_GREY_AREAS = 0.1  # of the same, that areas of one value in between may cover: more are ids


class Windows(Protocol):
    """The windows of a picture, as in `pictures.Header`. A window is (x, y, width, height) in pixels, y downwards."""

    @property
    def data_window(self) -> Window:
        """Return the window that has pixels."""

    @property
    def display_window(self) -> Window:
        """Return the window of the format."""


class MattePicture(Windows, Protocol):
    """A picture to read a matte from, as `pictures.Picture`."""

    @property
    def path(self) -> Path:
        """Return the file, for names and sidecar manifests."""

    @property
    def label(self) -> str:
        """Return how messages name the picture."""

    @property
    def pixels(self) -> Pixels:
        """Return the data window's pixels, (H, W, C) float32, finite, as encoded in the file; integers as 0..1."""

    @property
    def channels(self) -> Sequence[str]:
        """Return the C channel names, "layer.channel" or "channel"."""

    @property
    def metadata(self) -> Mapping[str, Any]:
        """Return the file's attributes by name."""

    @property
    def pixel_type(self) -> str:
        """Return the type in the file, such as uint8, half or float."""


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

    masks = _mask_channels(picture.channels)
    if kind == "layers" or (kind is None and len(masks) > 1):
        return "layers", _from_planes({name: picture.pixels[..., index] for name, index in masks.items()})
    if kind != "roto":
        ids = _read_ids(picture, is_id_picture=kind == "ids")
        if kind == "ids" or ids.names:
            return "ids", ids
    return "roto", _from_planes({_instance_name(picture.path): _roto_plane(picture)})


# Masks that are channels: layers and roto


def _mask_channels(channels: Sequence[str]) -> dict[str, int]:
    """Return the name and index of each mask channel outside the main picture."""
    layers: dict[str, dict[str, int]] = {}
    for index, channel in enumerate(channels):
        layer, _, name = channel.rpartition(".")
        layers.setdefault(layer, {})[name] = index
    masks = {name: index for name, index in layers.pop("", {}).items() if name.lower() not in _MAIN}
    for layer, members in layers.items():
        alpha = [index for name, index in members.items() if name.lower() in ("a", "alpha")]
        if alpha or len(members) == 1:
            masks[layer] = alpha[0] if alpha else next(iter(members.values()))
        elif _MASK_LAYER.search(layer):
            masks.update({f"{layer}.{name}": index for name, index in members.items()})
    return {name: index for name, index in masks.items() if not _TECHNICAL.fullmatch(name)}


def _main_channels(channels: Sequence[str]) -> tuple[list[int], int | None]:
    """Return the channel indices of the main picture: of red, green and blue or of luma, and of alpha."""
    indices = {_MAIN[name.lower()]: index for index, name in enumerate(channels) if name.lower() in _MAIN}
    return [indices[color] for color in (0, 1, 2) if color in indices], indices.get(3)


def _from_planes(planes: Mapping[str, Plane]) -> Coverage:
    """Return masks as instances; values are clipped to 0..1."""
    flat = [np.clip(plane, 0.0, 1.0).ravel() for plane in planes.values()]
    covered = [np.flatnonzero(plane) for plane in flat]
    amounts = [plane[pixels] for plane, pixels in zip(flat, covered, strict=True)]
    return Coverage(
        names=list(planes),
        place=np.concatenate([*covered, np.empty(0, np.int64)]),
        label=np.repeat(np.arange(len(covered)), [len(pixels) for pixels in covered]),
        amount=np.concatenate([np.empty(0, np.float32), *amounts]),
    )


def _roto_plane(picture: MattePicture) -> Plane:
    masks = list(_mask_channels(picture.channels).values())
    color, alpha = _main_channels(picture.channels)
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


# Id pictures: every value or colour is one instance


def _read_ids(picture: MattePicture, *, is_id_picture: bool) -> Coverage:
    """Return each value but black as one instance, if it is known to be an id picture or `detect_kind` finds one."""
    planes = _id_planes(picture)
    full = np.iinfo(picture.pixel_type).max if picture.pixel_type.startswith("uint") else 1
    if not is_id_picture and _are_mattes(planes):
        names = [",".join(f"{full * (channel == own)}" for channel in range(3)) for own in range(3)]
        return _from_planes({n: plane for n, plane in zip(names, planes, strict=True) if plane.max() > _COVERS})
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
    masks = list(_mask_channels(picture.channels).values())
    color, alpha = _main_channels(picture.channels)
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
    """Return which of the values are ids by the rules of `detect_kind`. whole: whether whole numbers may be ids."""
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

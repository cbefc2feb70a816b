"""Artist mattes as instances: Cryptomatte, layers of masks, id pictures and roto, told apart by what is in the file.

Identity is the name: Cryptomatte's own, the layer's, the id's value, or the roto file's without its frame number.
"""

from __future__ import annotations

import functools
import logging
import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from stcolor_core.errors import BadRequest
from stcolor_core.images.cryptomatte import Coverage, coverage, find_layer, read_manifest
from stcolor_core.method.tracking.instance import Instances, resample

__all__ = ["MatteKind", "MattePicture", "Windows", "detect_kind", "merge", "read_matte"]

logger = logging.getLogger(__name__)

MatteKind = Literal["cryptomatte", "layers", "ids", "roto"]
Window = tuple[int, int, int, int]
Mask = NDArray[np.float32]

_MAIN = {"r": 0, "red": 0, "g": 1, "green": 1, "b": 2, "blue": 2, "y": 0, "a": 3, "alpha": 3}
_TECHNICAL = re.compile(r"depth|forward|backward|motion|disparity.*|rc_.*|.*crypto.*|z|ry|by|u|v", re.IGNORECASE)
_OF_MASKS = re.compile(r"mask|matte|roto", re.IGNORECASE)
_MOST_GREYS = 64
_MOST_RUNS = 1 << 20


class Windows(Protocol):
    """Where a picture lies: `plates.Header` is one. Windows are (x, y, width, height), y downwards."""

    @property
    def data_window(self) -> Window:
        """Where pixels exist."""

    @property
    def display_window(self) -> Window:
        """The format."""


class MattePicture(Windows, Protocol):
    """What is needed of a picture: `plates.Picture` is one."""

    @property
    def path(self) -> Path:
        """For names, sidecar manifests and messages."""

    @property
    def pixels(self) -> Mask:
        """(H, W, C) float32 over the data window, finite, as encoded in the file; integers as 0..1."""

    @property
    def channels(self) -> Sequence[str]:
        """The C channel names, "layer.channel" or bare."""

    @property
    def metadata(self) -> Mapping[str, Any]:
        """The file's attributes by name."""

    @property
    def pixel_type(self) -> str:
        """Such as uint8, half or float."""


def read_matte(
    picture: MattePicture, *, plate: Windows, size: tuple[int, int], kind: MatteKind | None = None, limit: int = 64
) -> Instances:
    """The instances that an artist's matte holds, named, of class 0 and score 1, in the order of their names.

    plate: the matte is laid over its display window, scaled where it is of another size, and cut to its data window.
    size: (height, width) at which the masks are wanted, the plate's data window at working size.
    kind: None takes what `detect_kind` says. Of more than `limit` instances the largest are kept, which is logged.
    A matte that is empty gives K = 0. Raises BadRequest where its aspect is not the plate's.
    """
    _require_aspect(picture, plate)
    _, found = _read(picture, kind)
    areas = np.bincount(found.label, weights=found.amount, minlength=len(found.names))
    kept = np.argsort(-areas, kind="stable")[:limit]
    if len(areas) > limit:
        logger.warning("The matte %s holds %d instances; the %d largest are used.", picture.path, len(areas), limit)
    row = np.full(len(areas), -1)
    row[kept] = np.arange(len(kept))
    masks = _lay_over(
        found._replace(names=[found.names[i] for i in kept], label=row[found.label]), picture, plate, size
    )
    return _union(zip((found.names[index] for index in kept), masks, strict=True), size)


def detect_kind(picture: MattePicture) -> MatteKind:
    """What sort of matte a picture is: the first of these that fits, always the same for the same pixels.

    1. cryptomatte: metadata "cryptomatte/<key>/name" names a layer whose rank channels are there.
    2. layers: two or more masks among the channels outside R, G, B, A, Y: the alpha of a layer; every channel of a
       layer without alpha that is called mask, matte or roto; the only channel of another layer. Depth, motion,
       disparity and our own rc_ layers are none.
    3. ids: the picture, or its only such mask, is
       grey in float with whole numbers, some above 1;
       or grey with at most 64 values, most of which fill areas of 3 x 3 pixels (those of a smooth edge do not);
       or grey with one value that is not 1;
       or coloured, and areas of one colour make up at least half of what is not black.
    4. roto: anything else. The only mask, else alpha unless it is the same everywhere, else the brightest of R, G, B.
    So an id picture in which nothing but the value 1 is left reads as roto: give `kind` for a sequence of ids.
    """
    return _read(picture, None)[0]


def merge(mattes: Iterable[Instances], size: tuple[int, int]) -> Instances:
    """Several mattes of one frame, all (height, width) in size, as one; masks of the same name become their union.

    Raises ValueError where one has no names.
    """
    parts = list(mattes)
    if any(part.names is None for part in parts):
        raise ValueError("only mattes with names can be merged")
    return _union((pair for part in parts for pair in zip(part.names or (), part.masks, strict=True)), size)


def _union(found: Iterable[tuple[str, Mask]], size: tuple[int, int]) -> Instances:
    masks: dict[str, Mask] = {}
    for name, mask in found:
        if mask.any():
            masks[name] = np.maximum(masks[name], mask) if name in masks else mask
    names = tuple(sorted(masks))
    stack = np.stack([masks[name] for name in names]) if names else np.empty((0, *size), np.float32)
    return Instances(stack, np.zeros(len(names), np.int32), np.ones(len(names), np.float32), names)


def _require_aspect(picture: MattePicture, plate: Windows) -> None:
    (*_, width, height), (*_, plate_width, plate_height) = picture.display_window, plate.display_window
    # scaling rounds the sides of a picture: a pixel more or less is no other aspect
    if abs(width * plate_height - height * plate_width) > max(width, height, plate_width, plate_height):
        raise BadRequest(
            f"The matte {picture.path} is {width} x {height}, of another aspect than the plate's "
            f"{plate_width} x {plate_height}. Reformat it to the plate."
        )


def _lay_over(found: Coverage, picture: MattePicture, plate: Windows, size: tuple[int, int]) -> Iterator[Mask]:
    """The masks over the plate's data window: each pixel counts in the one cell that its centre falls into."""
    rows, row_counts = _cells(picture, plate, 1, size[0])
    columns, column_counts = _cells(picture, plate, 0, size[1])
    y, x = np.divmod(found.place, picture.pixels.shape[1])
    inside = (found.label >= 0) & (rows[y] >= 0) & (columns[x] >= 0)
    shape = (len(found.names), len(row_counts), len(column_counts))
    cell = np.ravel_multi_index((found.label[inside], rows[y[inside]], columns[x[inside]]), shape)
    sums = np.bincount(cell, weights=found.amount[inside], minlength=math.prod(shape)).reshape(shape)
    area = np.outer(row_counts, column_counts)
    for total in sums:
        yield resample(np.minimum(total / area, 1.0).astype(np.float32), size)


def _cells(
    picture: MattePicture, plate: Windows, axis: int, length: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """One axis (0 is x) of the matte onto the plate's data window in `length` cells, fewer where the matte is coarser.

    Returns the cell of each row or column of the matte, -1 outside; and how many make up each cell.
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
    there = picture.data_window[axis] - picture.display_window[axis]
    return cell_of(there + np.arange(picture.data_window[2 + axis])), np.maximum(counts, 1)


def _read(picture: MattePicture, kind: MatteKind | None) -> tuple[MatteKind, Coverage]:
    """The instances as that kind of matte, or as the first that fits by the rules of `detect_kind`."""
    layer = find_layer(picture.metadata, picture.channels)
    if layer and kind in (None, "cryptomatte"):
        names = read_manifest(picture.metadata, layer, picture.path)
        return "cryptomatte", coverage(picture.pixels, layer, names)

    masks = _mask_channels(picture.channels)
    if kind == "layers" or (kind is None and len(masks) > 1):
        return "layers", _from_planes({name: picture.pixels[..., index] for name, index in masks.items()})
    if kind != "roto":
        ids = _read_ids(picture, certain=kind == "ids")
        if kind == "ids" or ids.names:
            return "ids", ids
    return "roto", _from_planes({_name_of(picture.path): _roto_plane(picture)})


# Masks that are channels: layers and roto


def _mask_channels(channels: Sequence[str]) -> dict[str, int]:
    """Name and index of each channel outside the main picture that is a mask."""
    layers: dict[str, dict[str, int]] = {}
    for index, channel in enumerate(channels):
        layer, _, name = channel.rpartition(".")
        layers.setdefault(layer, {})[name] = index
    masks = {name: index for name, index in layers.pop("", {}).items() if name.lower() not in _MAIN}
    for layer, members in layers.items():
        alpha = [index for name, index in members.items() if name.lower() in ("a", "alpha")]
        if alpha or len(members) == 1:
            masks[layer] = alpha[0] if alpha else next(iter(members.values()))
        elif _OF_MASKS.search(layer):
            masks.update({f"{layer}.{name}": index for name, index in members.items()})
    return {name: index for name, index in masks.items() if not _TECHNICAL.fullmatch(name)}


def _main_channels(channels: Sequence[str]) -> tuple[list[int], int | None]:
    """Indices of the main picture: red, green and blue or luma, and alpha."""
    places = {_MAIN[name.lower()]: index for index, name in enumerate(channels) if name.lower() in _MAIN}
    return [places[color] for color in (0, 1, 2) if color in places], places.get(3)


def _from_planes(planes: Mapping[str, Mask]) -> Coverage:
    flat = [np.clip(plane, 0.0, 1.0).ravel() for plane in planes.values()]
    places = [np.flatnonzero(plane) for plane in flat]
    return Coverage(
        names=list(planes),
        place=np.concatenate([*places, np.empty(0, np.int64)]),
        label=np.repeat(np.arange(len(places)), [len(place) for place in places]),
        amount=np.concatenate([np.empty(0, np.float32), *(plane[at] for plane, at in zip(flat, places, strict=True))]),
    )


def _roto_plane(picture: MattePicture) -> Mask:
    masks = list(_mask_channels(picture.channels).values())
    color, alpha = _main_channels(picture.channels)
    if masks:
        return picture.pixels[..., masks[0]]
    if alpha is not None and (not color or np.ptp(picture.pixels[..., alpha]) > 0):
        return picture.pixels[..., alpha]
    brightest: Mask = functools.reduce(np.maximum, (picture.pixels[..., index] for index in color or [0]))
    return brightest


def _name_of(path: Path) -> str:
    """roto_car.1010.exr -> roto_car; where the name is nothing but the frame, the folder's."""
    return re.sub(r"(^|[._-])-?\d+$", "", path.stem) or path.parent.name


# Id pictures: every value or colour is one instance


def _read_ids(picture: MattePicture, *, certain: bool) -> Coverage:
    """Every value but black as one instance; none where it is not certain and the rules of `detect_kind` say no."""
    planes = _id_planes(picture)
    values, label = _distinct([plane.ravel() for plane in planes], most=_MOST_RUNS)
    wanted = np.asarray(values.any(axis=1))
    if not certain:
        wanted = _id_values(planes, values, label, wanted, whole=not picture.pixel_type.startswith("uint"))
    row = np.full(len(values), -1)
    row[wanted] = np.arange(wanted.sum())
    scale = np.iinfo(picture.pixel_type).max if picture.pixel_type.startswith("uint") else 1.0
    codes = np.where(scale > 1, np.rint(values[wanted] * float(scale)), values[wanted])
    place = np.flatnonzero(row[label] >= 0) if len(values) else np.empty(0, np.int64)
    return Coverage(
        names=[",".join(f"{code:.9g}" for code in color) for color in codes.tolist()],
        place=place,
        label=row[label[place]],
        amount=np.ones(len(place), np.float32),
    )


def _id_planes(picture: MattePicture) -> list[Mask]:
    """The one or three (H, W) planes that may be ids, black where the picture is transparent."""
    masks = list(_mask_channels(picture.channels).values())
    color, alpha = _main_channels(picture.channels)
    planes = [np.ascontiguousarray(picture.pixels[..., index]) for index in masks[:1] or color or [alpha or 0]]
    if not masks and color and alpha is not None:
        opaque = picture.pixels[..., alpha] > 0
        planes = [plane * opaque for plane in planes]
    grey = all(np.array_equal(plane, planes[0]) for plane in planes[1:])
    return planes[:1] if grey else planes


def _id_values(
    planes: list[Mask], values: Mask, label: NDArray[np.int64], seen: NDArray[np.bool_], *, whole: bool
) -> NDArray[np.bool_]:
    """Which of the values are ids, by the rules of `detect_kind`. seen: those that are not black."""
    count, none = int(seen.sum()), np.zeros_like(seen)
    if len(planes) == 1 and whole and (values == np.rint(values)).all() and (values > 1).any():
        return seen
    if len(planes) == 1 and count <= 1:
        return none if (values[seen] == 1).all() else seen
    if not count:
        return none
    flat_area = np.bincount(label[_is_flat(planes).ravel()], minlength=len(values))
    flat = seen & (flat_area > 0)
    if len(planes) == 1:
        return flat if count <= _MOST_GREYS and 2 * flat.sum() > count else none
    return flat if 2 * flat_area[flat].sum() >= np.bincount(label)[seen].sum() else none


def _distinct(planes: list[NDArray[Any]], *, most: int | None = None) -> tuple[NDArray[Any], NDArray[np.int64]]:
    """The different values (n, C) of C flat planes, and which of them each pixel has, (N,).

    Runs of the same value are sorted in place of pixels. A picture with more than `most` runs counts as having none.
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


def _is_flat(planes: list[Mask]) -> NDArray[np.bool_]:
    """Where a pixel and its eight neighbours are all the same."""
    box = np.ones((3, 3), np.uint8)
    flat: NDArray[np.bool_] = functools.reduce(
        np.logical_and, (cv2.erode(plane, box) == cv2.dilate(plane, box) for plane in planes)
    )
    return flat

"""Objects of artist mattes: which origins a pixel may take colour from, at full working resolution.

A matte says to the pixel what belongs together, and its soft edges say how much. Eq. 13 of Akimoto et al. 2020 asks
this of grid cells; a cell at an outline then mixes two objects. Here a cell is split into its objects instead, and a
flow that leads out of an object is replaced by the motion of the rest of the object (docs/method.md, "Mattes").
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from stcolor_core.arrays import FlowField, Mask, Masks, Plane
from stcolor_core.images.nearest import nearest_in
from stcolor_core.images.resizing import cell_means, resize
from stcolor_core.method.tracking.flow import FlowLink, sample
from stcolor_core.method.tracking.instance import Instances

__all__ = [
    "BACKGROUND",
    "UNKNOWN",
    "Objects",
    "agreement",
    "around",
    "blur_widely",
    "extend",
    "fill_cells",
    "find_objects",
    "keep_within_objects",
]

BACKGROUND = ""  # the name of what no matte covers; a matte's own name is never empty
UNKNOWN = "\0"  # the name of what a carried matte is not sure of; a matte's own name is printable

# Agreement of a pixel's objects with those at its origin: below the first value the origin is another object, from the
# second it is the same. Chosen on benchmarks/objects.py.
_OTHER, _SAME = 0.6, 0.9
_BELIEVED = (0.3, 0.6)  # certainty from which a carried matte counts, and from which it counts in full
_CERTAIN = 0.4  # certainty from which a carried matte decides as an artist's own does
# Certainty from which what a carried matte leaves free may be background, and from which it is: below it is often a
# part of an object that was lost, and then must not take the background's colour (benchmarks/measured/method.md).
_FREE = (0.85, 0.95)
_NEAR, _FAR = 3.0, 12.0  # sigma in px at 216 lines that the motion of an object is extended by
_FAR_WEIGHT = 1e-3  # of the wide blur, which counts only where the narrow one has nothing
_FINE = 2.5  # px, sigma of a blur that needs every pixel
_VISIBLE = 0.05  # least visibility of a flow whose motion is extended


@dataclass(frozen=True, eq=False)
class Objects:
    """The objects of one picture. With the background and the unknown their coverage sums to 1 at every pixel.

    Attributes:
        names: K names: of the objects, then `BACKGROUND`, then `UNKNOWN` in carried mattes.
        coverage: Share of each pixel that each of them covers, shape (K, H, W), 0..1.
        certainty: Probability that this is right, shape (H, W), 0..1; None for 1, as in an artist's own matte.
    """

    names: tuple[str, ...]
    coverage: Masks
    certainty: Plane | None = None

    def claims(self, name: str) -> bool:
        """Return whether pixels of a name take colour from that name alone.

        Args:
            name: A name, `BACKGROUND` or `UNKNOWN`.
        """
        return name != UNKNOWN

    def covers(self, name: str) -> Plane | None:
        """Return the coverage of a name by an origin of colour, shape (H, W); None if the picture lacks it.

        Args:
            name: A name or `BACKGROUND`, which what is unknown may be.
        """
        if name not in self.names:
            return None
        own = self.coverage[self.names.index(name)]
        return np.asarray(own + self.coverage[-1]) if name == BACKGROUND and UNKNOWN in self.names else own

    def as_origin(self) -> Objects:
        """Return the objects as an origin of colour, where what is unknown lends to the background."""
        if UNKNOWN not in self.names:
            return self
        coverage = self.coverage[:-1].copy()
        coverage[-1] += self.coverage[-1]
        return Objects(self.names[:-1], coverage, self.certainty)


def find_objects(instances: Instances | None) -> Objects | None:
    """Return the objects of artist mattes; None if there are none, or for detections, whose outlines are guesses.

    Mattes that overlap are stacked, the smaller ones on top: of a person and the person's jacket, the jacket is kept
    apart.

    Args:
        instances: The mattes of a picture, or None.
    """
    if instances is None or instances.names is None:
        return None
    rest = np.ones(instances.masks.shape[1:], np.float32)
    count = len(instances.masks)
    coverage = np.empty((count + (1 if instances.certainty is None else 2), *rest.shape), np.float32)
    areas = instances.masks.sum((1, 2), dtype=np.float64)
    for index in np.argsort(areas, kind="stable"):
        np.minimum(instances.masks[index], rest, out=coverage[index])
        rest -= coverage[index]
    coverage[count] = rest
    if instances.certainty is None:
        return Objects((*instances.names, BACKGROUND), coverage)
    coverage[:count] *= _ramp(instances.certainty, _BELIEVED)
    coverage[count] *= _ramp(instances.certainty, _FREE)
    coverage[-1] = np.maximum(1 - coverage[:-1].sum(0), 0)
    return Objects((*instances.names, BACKGROUND, UNKNOWN), coverage, instances.certainty)


def _ramp(certainty: Plane, bounds: tuple[float, float]) -> Plane:
    """Return 0 up to the lower bound of a certainty, 1 from the upper one, shape (H, W)."""
    low, high = bounds
    return np.asarray(np.clip((certainty - low) / (high - low), 0, 1))


def agreement(target: Objects, origin: Objects, displacement: FlowField, *, known: Collection[str]) -> Plane:
    """Return how far a pixel's objects are those at its origin, shape (H, W), 0..1.

    It is the overlap of the two coverages, sum over k of min(t_k, o_k), turned into a decision: 0 if most of the origin
    is another object, 1 if nearly all is the same. Where a matte is uncertain it decides less.

    Args:
        target: The objects of the picture.
        origin: The objects of the picture that the flow leads to.
        displacement: From target to origin, shape (H, W, 2), px (x, y).
        known: The names that may be asked for: those that some reference has. A pixel of another name agrees.
    """
    overlap = np.zeros(target.coverage.shape[1:], np.float32)
    for name, own in zip(target.names, target.coverage, strict=True):
        if not own.any():
            continue
        there = origin.covers(name)
        if name not in known or not target.claims(name):
            overlap += own
        elif there is not None:
            overlap += np.minimum(own, sample(there, displacement))
    same = np.clip((overlap - _OTHER) / (_SAME - _OTHER), 0, 1)
    for certainty, flow in ((target.certainty, None), (origin.certainty, displacement)):
        if certainty is not None:
            certain = np.minimum((certainty if flow is None else sample(certainty, flow)) / _CERTAIN, 1)
            same = 1 - certain * (1 - same)
    return np.asarray(same, np.float32)


def keep_within_objects(
    link: FlowLink, target: Objects, origin: Objects, *, known: Collection[str]
) -> tuple[FlowLink, Plane]:
    """Replace flow that leads out of a pixel's object by the motion of the object around it.

    Optical flow is smooth, so that it crosses the outlines of things that move apart. The mattes say where.

    Args:
        link: Flow from target to origin.
        target: The objects of the picture.
        origin: The objects of the picture that the flow leads to.
        known: As for `agreement`.

    Returns:
        The flow, and how far its origins agree with the objects, shape (H, W), 0..1.
    """
    agrees = agreement(target, origin, link.displacement, known=known)
    displacement, visibility = link.displacement.copy(), link.visibility.copy()
    trust = agrees * np.maximum(link.visibility, _VISIBLE)
    changed = False
    for name, own in zip(target.names, target.coverage, strict=True):
        inside = own > 0.5
        lost = inside & (agrees < 1)
        if name not in known or not target.claims(name) or origin.covers(name) is None or not lost.any():
            continue
        rows, columns = around(inside, margin=0)
        part = (rows, columns)
        weight = trust[part] * inside[part]
        if not weight.any():
            continue
        values = np.dstack([link.displacement[part], link.visibility[part]])
        extended = extend(values, weight, lines=len(own))
        here = lost[part]
        displacement[part][here] = extended[here][:, :2]
        visibility[part][here] = extended[here][:, 2]
        changed = True
    if not changed:
        return link, agrees
    mended = agreement(target, origin, displacement, known=known)
    better = mended > agrees
    displacement = np.where(better[..., None], displacement, link.displacement)
    return FlowLink(displacement, np.where(better, visibility, link.visibility)), np.maximum(mended, agrees)


def share_of_cells(objects: Objects, size: tuple[int, int], grid: tuple[int, int], *, stride: int) -> Masks:
    """Return the share of each grid cell that each object covers, shape (K, h, w), 0..1.

    Args:
        objects: The objects of a picture.
        size: (height, width) of the picture that features are computed from.
        grid: Rows and columns (h, w) of the grid.
        stride: Pixels per side of a cell in that picture.
    """
    return np.stack([cell_means(resize(part, size), grid, stride=stride) for part in objects.coverage]).clip(0, 1)


def fill_cells(values: NDArray[np.float32], filled: Mask) -> NDArray[np.float32]:
    """Return values with the nearest given one at the other cells.

    Args:
        values: Shape (V, h, w).
        filled: Cells that have a value, shape (h, w), bool; at least one.
    """
    if filled.all():
        return values
    return np.asarray(values.reshape(len(values), -1)[:, nearest_in(filled)])


def around(mask: Mask, *, margin: int) -> tuple[slice, slice]:
    """Return the rows and columns that hold a mask.

    Args:
        mask: Shape (H, W), bool; at least one pixel is True.
        margin: Rows and columns to add on each side, as far as the picture reaches.
    """
    spans = []
    for axis in (1, 0):
        index = np.flatnonzero(mask.any(axis=axis))
        spans.append(slice(max(0, int(index[0]) - margin), int(index[-1]) + 1 + margin))
    return spans[0], spans[1]


def blur_widely(values: NDArray[np.float32], sigma: float) -> NDArray[np.float32]:
    """Return a Gaussian blur of a picture. A wide one is computed on a smaller picture, which hardly changes it.

    Args:
        values: Shape (H, W) or (H, W, C).
        sigma: In pixels, greater than 0.
    """
    side = int(sigma / _FINE)
    if side <= 1:
        return np.asarray(cv2.GaussianBlur(values, (0, 0), sigma))
    height, width = values.shape[:2]
    lines, columns = -(-height // side), -(-width // side)
    small = cv2.resize(values, (columns, lines), interpolation=cv2.INTER_AREA)
    blurred = cv2.GaussianBlur(small, (0, 0), sigma * columns / width, sigmaY=sigma * lines / height)
    return np.asarray(cv2.resize(blurred, (width, height), interpolation=cv2.INTER_LINEAR))


def extend(values: NDArray[np.float32], weight: Plane, *, lines: int) -> NDArray[np.float32]:
    """Return values averaged around each pixel by weight: nearby, or farther away if nothing is near.

    Args:
        values: Shape (H, W, C).
        weight: Shape (H, W), 0 or more.
        lines: Height of the whole picture in pixels, which sets what is near.

    Returns:
        Shape (H, W, C); 0 if no weight is anywhere near.
    """
    scale = max(1.0, lines / 216)
    total, sums = np.zeros(weight.shape, np.float32), np.zeros_like(values)
    weighted = values * weight[..., None]
    for sigma, share in ((_NEAR, 1.0), (_FAR, _FAR_WEIGHT), (4 * _FAR, _FAR_WEIGHT**2)):
        total += share * blur_widely(weight, sigma * scale)
        sums += share * blur_widely(weighted, sigma * scale)
    return np.asarray(sums / np.maximum(total, 1e-12)[..., None])

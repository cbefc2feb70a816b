"""Patches: references that cover a part of their frame. They lie over the colour of the whole keyframes.

The rest of the shot is coloured as if there were no patch. Then each patch is carried away from its frame in both
directions, as far as the next whole keyframe, and covers what it reaches; see docs/method.md, "Patches".
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from stcolor_core.arrays import Chroma, FlowField, Mask, Plane
from stcolor_core.method.colored_frame import ColoredFrame
from stcolor_core.method.tracking.flow import sample

__all__ = ["PatchColor", "cover", "cut_to_reach", "find_gaps", "find_reach", "remove_overruled", "yield_to"]

_LEAST_REACH = 0.05  # below this a patch does not reach a pixel
_SPECK, _SPECK_SHARE = 32, 0.1  # pixels at 216 lines, and share of the patch, below which an area is a speck
_ISLAND, _DOUBTFUL = 0.3, 0.25  # of the largest area of an object, and mean reach, below both of which one is doubtful
_INSIDE, _GAP = 4, 24  # px at 216 lines: how far within a patch it is met for sure, and half the side around a gap
_RIM, _RIM_SHARE = 3, 0.125  # px at 216 lines, and share of the root of a patch's area: how deep a rim is at most
_REMAINS, _VISIBLE = 0.2, 0.5  # of an object, if the rest is overruled; and of what is left, so that it is no remains
_RAMP = 4  # frames before a whole keyframe over which a patch gives way to it
_UNKNOWN = 0.1  # confidence of the whole keyframes' colour below which they know nothing of a pixel
_LITTLE_TRUST = 0.2  # trust in a flow from which it may lead to a patch, if nothing else explains the pixel better
_SAME = 10.0  # distance in a* and b* up to which a patch and the colour below it are about the same
_DOUBTED, _TRUSTED = 0.2, 0.5  # confidence below which a patch's colour is not used, and from which it is used fully


@dataclass(frozen=True)
class PatchColor:
    """The colour of one patch on another frame, within the box that the patch reaches, at working size.

    Attributes:
        patch: The frame of the patch.
        frame: The frame that it colours.
        top: First row of the box.
        left: First column of the box.
        ab: a* and b*, shape (h, w, 2).
        confidence: Confidence in the colour, shape (h, w), 0..1.
        reach: How far the patch covers each pixel, shape (h, w), 0..1.
        claim: How far the patch covers each pixel if the whole keyframes' colour is less certain, shape (h, w), 0..1.
        in_gamut: Where its colour, which Rec.709 could show on its own frame, is to stay so here, shape (h, w), bool.
        gaps: From `find_gaps`: what it claims whatever its confidence where whole keyframes know nothing, shape (h, w).
        yielding: How far it gives way to a whole keyframe that is near, where that one's colour is certain, 0..1.
        share: Temporal weight of the whole keyframe that ends the walk, 0..1; 0 if none does.
    """

    patch: int
    frame: int
    top: int
    left: int
    ab: Chroma
    confidence: Plane
    reach: Plane
    claim: Plane
    in_gamut: Mask
    gaps: Mask
    yielding: float = 0.0
    share: float = 0.0

    @property
    def box(self) -> tuple[slice, slice]:
        """Return the rows and columns of the frame that the box covers."""
        height, width = self.reach.shape
        return slice(self.top, self.top + height), slice(self.left, self.left + width)


def cut_to_reach(
    patch: int,
    frame: int,
    ab: Chroma,
    confidence: Plane,
    reach: Plane,
    claim: Plane,
    *,
    gaps: Mask | None = None,
    in_gamut: Mask | None = None,
    yielding: float = 0.0,
    share: float = 0.0,
) -> PatchColor:
    """Return a patch's colour, cut to the box that it reaches; the box is empty if it reaches nothing.

    Args:
        patch: The frame of the patch.
        frame: The frame that it colours.
        ab: a* and b*, shape (H, W, 2).
        confidence: Confidence in the colour, shape (H, W), 0..1.
        reach: How far the patch covers each pixel by tracking, shape (H, W), 0..1. It is lowered where the colour is
            doubtful.
        claim: As in `PatchColor`.
        gaps: As in `PatchColor`; None for nowhere.
        in_gamut: As in `PatchColor`; None for nowhere.
        yielding: As in `PatchColor`.
        share: As in `PatchColor`.
    """
    doubt = np.clip((confidence - _DOUBTED) / (_TRUSTED - _DOUBTED), 0, 1)
    reach, claim = (_without_traces(doubt * values) for values in (reach, claim))
    gaps, in_gamut = (np.zeros(reach.shape, bool) if mask is None else mask for mask in (gaps, in_gamut))
    rows, columns = (np.flatnonzero((reach + claim + gaps).any(axis=axis)) for axis in (1, 0))
    if not len(rows):
        none = np.zeros((0, 0), np.float32)
        return PatchColor(patch, frame, 0, 0, np.zeros((0, 0, 2), np.float32), none, none, none, none > 0, none > 0)
    box = slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
    ab, confidence, reach, claim = (np.ascontiguousarray(values[box]) for values in (ab, confidence, reach, claim))
    held, gaps = (np.ascontiguousarray(mask[box]) for mask in (in_gamut, gaps))
    top, left = int(rows[0]), int(columns[0])
    return PatchColor(patch, frame, top, left, ab, confidence, reach, claim, held, gaps, yielding, share)


def yield_to(patch: int, frame: int, keyframe: int | None) -> float:
    """Return how far a patch gives way on a frame to the whole keyframe that ends its walk, 0..1: only near it.

    Args:
        patch: The frame of the patch.
        frame: The frame that it colours.
        keyframe: The whole keyframe that ends the walk; None if the shot or the scene ends it.
    """
    if keyframe is None:
        return 0.0
    length = min(_RAMP, abs(keyframe - patch) / 2)
    x = min(1.0, abs(keyframe - frame) / length)
    return 1 - x * x * (3 - 2 * x)


def remove_overruled(weight: Plane, other: Mask, displacement: FlowField, trust: Plane) -> Plane:
    """Return the weight of a patch without the places that another patch, farther along the walk, covers as well.

    Of the same object painted twice, no two outlines are the same. What is left along them goes too, or a patch of
    which nothing is left to see would be carried through the rest of its scene.

    Args:
        weight: Weight of the patch on its own frame, shape (H, W), 0..1.
        other: Where the other patch covers that patch's frame, shape (H, W), bool.
        displacement: From the other patch's frame to the patch's, shape (H, W, 2), px (x, y).
        trust: Trust in that flow, shape (H, W), 0..1.
    """
    overruled, elsewhere = (_led_to(weight.shape, where & (trust > 0.5), displacement) for where in (other, ~other))
    grown = np.asarray(cv2.dilate(overruled, np.ones((3, 3), np.uint8)), np.uint8)
    rest = np.asarray(np.where(grown, 0, weight), np.float32)
    if not (grown.astype(bool) & (weight >= _LEAST_REACH)).any():
        return rest
    return _without_remains(_without_rim(rest, weight, grown), weight, elsewhere)


def _led_to(shape: tuple[int, ...], where: Mask, displacement: FlowField) -> NDArray[np.uint8]:
    """Return 1 where the flow leads to from some pixels of another frame, else 0, (H, W)."""
    height, width = shape
    y, x = np.nonzero(where)
    target = np.rint(np.stack([x, y], -1) + displacement[y, x]).astype(int)
    inside = ((target >= 0) & (target < [width, height])).all(axis=-1)
    places = np.zeros(shape, np.uint8)
    places[target[inside, 1], target[inside, 0]] = 1
    # pixels that no flow vector ends on lie between others
    return np.asarray(cv2.morphologyEx(places, cv2.MORPH_CLOSE, np.ones((5, 5), np.uint8)), np.uint8)


def _without_remains(rest: Plane, weight: Plane, seen: NDArray[np.uint8]) -> Plane:
    """Return what is left of a weight without remains of objects that were painted again.

    If nearly all of an object is overruled, the track has slipped from the rest, or it is hidden; carried on, it would
    wander over the picture. It stays if the track sees it where the other patch covers nothing.

    Args:
        rest: What is left, shape (H, W), 0..1.
        weight: The weight before, shape (H, W), 0..1.
        seen: Where the flow leads to from what the other patch leaves uncovered, shape (H, W), 0 or 1.
    """
    count, objects = cv2.connectedComponents((weight >= _LEAST_REACH).astype(np.uint8))
    sizes, left = (np.bincount(objects.ravel(), plane.ravel(), minlength=count) for plane in (weight, rest))
    repainted = (left < _REMAINS * sizes)[objects]
    number, areas = cv2.connectedComponents((rest >= _LEAST_REACH).astype(np.uint8))
    whole, visible = (np.bincount(areas.ravel(), plane.ravel(), minlength=number) for plane in (rest, rest * seen))
    return np.asarray(np.where(repainted & (visible < _VISIBLE * whole)[areas], 0, rest), np.float32)


def _without_rim(rest: Plane, weight: Plane, overruled: NDArray[np.uint8]) -> Plane:
    """Return what is left of a weight without specks, and without areas of which all lies along what was overruled."""
    area = float(weight.sum())
    lines = rest.shape[0] / 216
    depth = min(_RIM * lines, _RIM_SHARE * area**0.5)
    solid = rest >= max(_LEAST_REACH, 0.5 * float(weight.max()))
    apart = cv2.distanceTransform(np.asarray(1 - overruled, np.uint8), cv2.DIST_L2, cv2.DIST_MASK_5) > depth
    count, labels = cv2.connectedComponents((rest >= _LEAST_REACH).astype(np.uint8))
    sizes, far = (np.bincount(labels[where], minlength=count) for where in (solid, solid & apart))
    kept = (sizes >= min(_SPECK * lines**2, _SPECK_SHARE * area)) & (far > 0)
    kept[0] = False
    return np.asarray(np.where(kept[labels], rest, 0), np.float32)


def find_reach(weight: Plane, flows: Iterable[tuple[Plane, FlowField]]) -> tuple[Plane, Plane]:
    """Return how far a patch covers each pixel of a frame along flows to it, as `PatchColor.reach` and `.claim`.

    Where a flow can be trusted, it alone decides; the rest is left to the next one.

    Args:
        weight: Weight of the patch on its own frame, shape (H, W), 0..1.
        flows: Trust in each flow, shape (H, W), 0..1, and its displacement to the patch's frame, shape (H, W, 2), px
            (x, y); the most reliable flow first.
    """
    reach, claim, rest = np.zeros_like(weight), np.zeros_like(weight), np.ones_like(weight)
    numbers = cv2.connectedComponents((weight >= _LEAST_REACH).astype(np.uint8))[1].astype(np.float32)
    # a vector may end beside what it meets
    areas = np.asarray(cv2.dilate(numbers, np.ones((3, 3), np.uint8)), np.float32)
    objects, most = np.zeros(weight.shape, np.int64), np.zeros_like(weight)
    for trust, displacement in flows:
        led = rest * sample(weight, displacement)
        claimed = np.minimum(trust / _LITTLE_TRUST, 1) * led
        nearest = np.asarray(np.rint(displacement), np.float32)
        objects = np.where(claimed > most, sample(areas, nearest).astype(np.int64), objects)
        most = np.maximum(most, claimed)
        reach = reach + trust * led
        claim = np.maximum(claim, claimed)
        rest = rest * (1 - trust)
    kept = _holds_together(reach, claim, weight, objects)
    return reach * kept, claim * kept


def find_gaps(weight: Plane, flows: Iterable[FlowField], reached: Plane) -> Mask:
    """Return the gaps in what a patch reaches: places that no flow reaches surely, though all of them lead far into it.

    At a fast edge between two patches of one frame neither side is tracked, but it is one of the two.

    Args:
        weight: Weight of the patch on its own frame, shape (H, W), 0..1.
        flows: Displacements to the patch's frame, shape (H, W, 2), px (x, y).
        reached: How far the patch reaches or claims each pixel, shape (H, W), 0..1.
    """
    lines = weight.shape[0] / 216
    side, around = (2 * round(extent * lines) + 1 for extent in (_INSIDE, _GAP))
    inside = cv2.erode(np.asarray(weight >= 0.5, np.uint8), np.ones((side, side), np.uint8)).astype(np.float32)
    gaps = cv2.blur(np.asarray(reached >= 0.5, np.float32), (around, around)) >= 0.5
    for displacement in flows:
        gaps = gaps & (sample(inside, displacement) > 0.5)
    return np.asarray(gaps)


def cover(base: ColoredFrame, patches: Iterable[PatchColor]) -> ColoredFrame:
    """Return a frame covered by the patches that reach it. Pixels that none of them reaches stay as they are.

    Of two patches on one side in time the nearer one lies above. Between two patches on either side their colours are
    blended by the distance in time.

    Args:
        base: The frame as the whole keyframes colour it.
        patches: The patches' colours on this frame.
    """
    parts = [patch for patch in patches if patch.reach.size]
    if not parts:
        return base
    before = _pile([part for part in parts if part.patch <= base.frame], base)
    after = _pile([part for part in parts if part.patch > base.frame], base)
    total = before.weight + after.weight
    # the nearer side counts for more
    shares = [
        pile.weight * (1 - pile.distance / np.maximum(before.distance + after.distance, 1e-6))
        for pile in (before, after)
    ]
    shares = [
        np.where(other.weight > 0, share, pile.weight)
        for share, pile, other in zip(shares, (before, after), (after, before), strict=True)
    ]
    reach = 1 - (1 - before.weight) * (1 - after.weight)
    scale = reach / np.maximum(shares[0] + shares[1], 1e-6)
    first, second = shares[0] * scale, shares[1] * scale
    touched = total > 0
    rest = np.maximum(1 - first - second, 0)

    def blend(under: Plane, values: tuple[Plane, Plane]) -> Plane:
        mixed = _widen(rest, under) * under + _widen(first, under) * values[0] + _widen(second, under) * values[1]
        return np.asarray(np.where(_widen(touched, under), mixed, under), np.float32)

    main = first + second > 0.5
    nearest = np.where(first >= second, before.patch, after.patch)
    return replace(
        base,
        ab=blend(base.ab, (before.ab, after.ab)),
        confidence=blend(base.confidence, (before.confidence, after.confidence)),
        tracked=np.where(touched, np.maximum(base.tracked, np.minimum(first + second, 1)), base.tracked),
        source=np.where(main, nearest, base.source).astype(np.float32),
        in_gamut=np.logical_or.reduce([pile.in_gamut for pile in (base, before, after) if pile.in_gamut is not None]),
    )


@dataclass
class _Pile:
    """Several patches on one side in time, one above the other, over the whole frame."""

    ab: Chroma
    confidence: Plane
    weight: Plane
    distance: Plane
    patch: Plane
    in_gamut: Mask


def _pile(parts: Sequence[PatchColor], base: ColoredFrame) -> _Pile:
    shape = base.confidence.shape
    confidence, weight, distance, patch = (np.zeros(shape, np.float32) for _ in range(4))
    pile = _Pile(np.zeros((*shape, 2), np.float32), confidence, weight, distance, patch, np.zeros(shape, bool))
    for part in sorted(parts, key=lambda part: abs(part.patch - base.frame)):
        box = part.box
        rival, own = _odds(base.confidence[box]), _odds(part.confidence)
        favoured = rival / max(1 - part.yielding, 1e-6)  # near a whole keyframe its colour wins a tie
        better = own**2 / (favoured**2 + own**2)  # squared, so that the better of two clearly prevails
        # where the two say the same, the nearer in time and the more certain counts for more
        distance = np.linalg.norm(part.ab - base.ab[box], axis=-1)
        same = np.exp(-((distance / _SAME) ** 2))
        nearer = part.share * rival / np.maximum(part.share * rival + (1 - part.share) * own, 1e-6)
        alike = same * nearer
        yielding = np.maximum(part.yielding * (1 - better), alike)
        unknown = part.gaps & (base.confidence[box] < _UNKNOWN)
        claim = np.where(unknown, np.float32(1), part.claim)
        reach = np.maximum(part.reach * (1 - yielding), claim * np.minimum(better, 1 - alike))
        added = (1 - pile.weight[box]) * _without_traces(reach)
        pile.ab[box] += added[..., None] * part.ab
        pile.confidence[box] += added * part.confidence
        pile.distance[box] += added * abs(part.patch - base.frame)
        pile.patch[box] = np.where(added > pile.weight[box], part.patch, pile.patch[box])
        pile.weight[box] += added
        pile.in_gamut[box] |= part.in_gamut & (added > 0)
    covered = np.maximum(pile.weight, 1e-6)
    pile.ab /= covered[..., None]
    pile.confidence /= covered
    pile.distance /= covered
    return pile


def _without_traces(reach: Plane) -> Plane:
    """Return a reach without values so small that they would only tint what the patch does not mean."""
    return np.where(reach < _LEAST_REACH, 0, reach).astype(np.float32)


def _holds_together(reach: Plane, claim: Plane, weight: Plane, objects: NDArray[np.int64]) -> Mask:
    """Return where a patch reaches more than specks and doubtful islands: those are matches with something else.

    Args:
        reach: As in `PatchColor`, shape (H, W).
        claim: As in `PatchColor`, shape (H, W).
        weight: Weight of the patch on its own frame, shape (H, W), 0..1.
        objects: Number of the object of the patch that each pixel is led to, shape (H, W).
    """
    smallest = min(_SPECK * (weight.shape[0] / 216) ** 2, _SPECK_SHARE * float(weight.sum()))
    count, labels, stats, _ = cv2.connectedComponentsWithStats(
        (np.maximum(reach, claim) >= _LEAST_REACH).astype(np.uint8)
    )
    sizes = stats[:, cv2.CC_STAT_AREA]
    trusted = np.bincount(labels.ravel(), reach.ravel(), minlength=count) >= _DOUBTFUL * sizes
    # of one object, what is reached lies together, but for what hides it
    inside = labels > 0
    pairs, shares = np.unique(objects[inside] * count + labels[inside], return_counts=True)
    largest = np.zeros(int(objects.max()) + 1, np.int64)
    np.maximum.at(largest, pairs // count, shares)
    order = np.argsort(shares)  # of an area that is led to several objects, the last to be written is the main one
    of_object = np.zeros(count, np.int64)
    of_object[pairs[order] % count] = largest[pairs[order] // count]
    kept = (sizes >= smallest) & (trusted | (sizes >= _ISLAND * of_object))
    kept[0] = False
    return np.asarray(kept[labels])


def _odds(confidence: Plane) -> Plane:
    """Return the odds that a colour is right."""
    certain = np.clip(confidence, 0.01, 0.99)
    return np.asarray(certain / (1 - certain), np.float32)


def _widen(plane: NDArray[Any], like: Plane) -> NDArray[Any]:
    """Return a plane of shape (H, W) with as many axes as another array."""
    return plane[..., None] if like.ndim > plane.ndim else plane

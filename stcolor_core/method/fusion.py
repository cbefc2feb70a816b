"""Fusion over time: a frame's colour averaged with that of the same surface on the frames beside it.

Each frame is first coloured by itself. Where its candidates mislead it, they often do not mislead the frames beside it:
a track slips on some frames and holds on others, and each has its own grain. So the colours of the nearest frames are
carried along the flow and averaged, each weighted by the odds that it is right and by how surely the flow leads to the
same surface. A neighbour counts as it was before fusion: a wrong colour reaches two frames at most, and never drifts
along the shot as it does where each frame takes its colour from the one before (Akimoto et al. 2020, Figs. 2c and 7).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import chain
from typing import NamedTuple, TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from stcolor_core.arrays import Chroma, FlowField, Plane
from stcolor_core.method.colored_frame import ColoredFrame
from stcolor_core.method.light import SAME_LIGHT, LightChange, relight
from stcolor_core.method.light_limits import clipping_level, is_clipped
from stcolor_core.method.mixtures import chroma
from stcolor_core.method.refinement import flow_trust
from stcolor_core.method.tracking.flow import FlowLink, sample, turn_link
from stcolor_core.method.tracking.objects import Objects, agreement

__all__ = ["CERTAIN", "RESIDUAL_SIGMA", "UNSURE", "Unfused", "find_neighbours", "fuse", "gather_neighbours"]

CERTAIN = (0.02, 0.99)
"""Confidence is held within these bounds before it becomes odds, so that no colour outweighs all others."""

UNSURE = (0.4, 0.7)
"""Fused confidence up to which a colour grows no more vivid, and from which it is the mean: what no reference shows
stays neutral, though a neighbour took it for something."""

RESIDUAL_SIGMA = 2.0
"""Sigma in px at 216 lines that differences in luminance are smoothed with."""

Item = TypeVar("Item")


@dataclass(frozen=True)
class Unfused:
    """A frame coloured by itself, and the flow between it and the frame before it on the walk.

    Attributes:
        colored: The frame.
        before: Flow to the frame before; None if there is none.
        onward: Displacement from the frame before to this one, shape (H, W, 2), px (x, y); None if there is none.
        objects: The objects of its mattes; None without mattes.
        change: Brings the frame before to this frame's light.
    """

    colored: ColoredFrame
    before: FlowLink | None = None
    onward: FlowField | None = None
    objects: Objects | None = None
    change: LightChange = SAME_LIGHT

    @cached_property
    def planes(self) -> NDArray[np.float32]:
        """Return a*, b*, L* and the confidence, shape (H, W, 4)."""
        colored = self.colored
        planes = colored.ab[..., 0], colored.ab[..., 1], colored.lightness, colored.confidence
        return np.asarray(cv2.merge([np.asarray(plane, np.float32) for plane in planes]), np.float32)

    @cached_property
    def onward_link(self) -> FlowLink | None:
        """Return the flow from the frame before to this one; None if there is none."""
        if self.before is None or self.onward is None:
            return None
        return turn_link(self.before.displacement, self.onward)


class _Sight(NamedTuple):
    """A neighbour as a frame sees it: along which flow, how surely, and the change that brings it to its light."""

    other: Unfused
    displacement: FlowField
    visibility: Plane
    change: LightChange


def find_neighbours(walk: Sequence[int], wanted: Collection[int], reach: int) -> frozenset[int]:
    """Return the wanted frames of a walk, and those up to so many places before and after each.

    Args:
        walk: Frame numbers in the order of the walk.
        wanted: Those that are fused.
        reach: How many neighbours on either side a frame is fused with.
    """
    found: set[int] = set()
    for place, frame in enumerate(walk):
        if frame in wanted:
            found.update(walk[max(0, place - reach) : place + reach + 1])
    return frozenset(found)


def gather_neighbours(
    frames: Iterable[tuple[int, Item]], walk: Sequence[int], wanted: Collection[int], reach: int
) -> Iterator[tuple[Item, list[Item], list[Item]]]:
    """Yield each wanted frame once its neighbours are there: the frame, those before it, and those after it.

    Args:
        frames: The frames of `find_neighbours` by number, in the order of the walk; it may end before the walk.
        walk: As for `find_neighbours`.
        wanted: As for `find_neighbours`.
        reach: As for `find_neighbours`.

    Yields:
        The frame, and its neighbours on either side, the nearest first.
    """
    places = {frame: place for place, frame in enumerate(walk)}
    due = deque(sorted(places[frame] for frame in wanted))
    held: dict[int, Item] = {}

    def take() -> tuple[Item, list[Item], list[Item]]:
        place = due.popleft()
        before = range(place - 1, max(0, place - reach) - 1, -1)
        after = range(place + 1, min(len(walk), place + reach + 1))
        return held[place], [held[index] for index in before], [held[index] for index in after if index in held]

    for frame, item in frames:
        held[places[frame]] = item
        while due and min(due[0] + reach, len(walk) - 1) <= places[frame]:
            yield take()
            held = {index: one for index, one in held.items() if due and index >= due[0] - reach}
    while due and due[0] in held:
        yield take()


def fuse(own: Unfused, before: Sequence[Unfused], after: Sequence[Unfused]) -> ColoredFrame:
    """Return a frame with the mean of its own colour and of its neighbours', and their mean confidence.

    The weight of a colour of confidence c is c / (1 - c), times the trust in the flow to it for a neighbour.

    Args:
        own: The frame.
        before: Frames before it on the walk, the nearest first.
        after: Frames after it, the nearest first.
    """
    colored = own.colored
    total = _odds(colored.confidence)
    mixed: NDArray[np.float32] = own.planes * _repeat(total)
    for sight in chain(_look_back(own, before), _look_ahead(after)):
        seen = sample(sight.other.planes, sight.displacement)
        ab, lightness, confidence = seen[..., :2], _channel(seen, 2), _channel(seen, 3)
        lost = None
        if sight.change.gain < 1 or sight.change.offset < 0:
            lost = is_clipped(lightness, ab, clipping_level(sight.other.colored.lightness))
        if not sight.change.is_same:
            most = clipping_level(colored.lightness)
            lightness, seen[..., :2] = relight(lightness, ab, sight.change, most=most)
        trust = flow_trust(sight.visibility, _residual(colored.lightness, lightness))
        if own.objects and sight.other.objects:
            known = own.objects.names
            trust = trust * agreement(own.objects, sight.other.objects, sight.displacement, known=known)
        weight = _odds(confidence) * trust
        if lost is not None:
            weight[lost] = 0
        total = total + weight
        seen *= _repeat(weight)
        mixed += seen
    mixed /= _repeat(total)
    confidence = np.ascontiguousarray(mixed[..., 3])
    ab = _hold_back(mixed[..., :2], colored.ab, confidence)
    return replace(colored, ab=ab, confidence=confidence)


def _channel(picture: NDArray[np.float32], index: int) -> Plane:
    """Return one channel, its pixels side by side."""
    return np.asarray(cv2.extractChannel(picture, index), np.float32)


def _repeat(plane: Plane) -> NDArray[np.float32]:
    """Return a plane four times, shape (H, W, 4): numpy would go through so few channels pixel by pixel."""
    return np.asarray(cv2.merge((plane,) * 4), np.float32)


def _hold_back(ab: Chroma, own: Chroma, confidence: Plane) -> Chroma:
    """Return the mean, no more vivid than the frame's own colour where it is unsure."""
    vivid, own_vivid = chroma(ab), chroma(own)
    sure = np.clip((confidence - UNSURE[0]) / (UNSURE[1] - UNSURE[0]), 0, 1)
    most = own_vivid + sure * np.maximum(vivid - own_vivid, 0)
    share = np.asarray(np.minimum(1, most / np.maximum(vivid, 1e-3)), np.float32)
    return np.asarray(ab * cv2.merge((share, share)), np.float32)


def _look_back(own: Unfused, before: Sequence[Unfused]) -> Iterator[_Sight]:
    """Yield the frames before one as it sees them."""
    sight: _Sight | None = None
    for nearer, other in zip([own, *before], before, strict=False):
        if (flow := nearer.before) is None:
            return
        sight = _extend(sight, other, flow, nearer.change)
        yield sight


def _look_ahead(after: Sequence[Unfused]) -> Iterator[_Sight]:
    """Yield the frames after one as it sees them."""
    sight: _Sight | None = None
    for other in after:
        if other.before is None or (link := other.onward_link) is None:
            return
        sight = _extend(sight, other, link, other.change.inverse)
        yield sight


def _extend(sight: _Sight | None, other: Unfused, link: FlowLink, change: LightChange) -> _Sight:
    """Return the view of a frame one link farther than `sight`."""
    if sight is None:
        return _Sight(other, link.displacement, link.visibility, change)
    farther = sample(np.asarray(cv2.merge([link.displacement, link.visibility])), sight.displacement)
    displacement = sight.displacement + farther[..., :2]
    return _Sight(other, displacement, sight.visibility * farther[..., 2], change.then(sight.change))


def _odds(confidence: Plane) -> Plane:
    held = np.clip(confidence, *CERTAIN)
    return np.asarray(held / (1 - held), np.float32)


def _residual(lightness: Plane, seen: Plane) -> Plane:
    """Return the smoothed absolute difference in L*."""
    sigma = RESIDUAL_SIGMA * max(1.0, lightness.shape[0] / 216)
    return np.asarray(cv2.GaussianBlur(np.abs(lightness - seen), (0, 0), sigma))

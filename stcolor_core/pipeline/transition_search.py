"""Search a shot for cuts and dissolves.

What is found in a plate depends on the plate alone, so that all commands say the same of it, with keyframes or without,
and a further keyframe needs no new search. Only then the references decide which dissolves count.
"""

from __future__ import annotations

import functools
import hashlib
import json
import os
from bisect import bisect_left
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import astuple, dataclass, replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from stcolor_core.arrays import Plane
from stcolor_core.files.prefetch import prefetch
from stcolor_core.files.stat_cache import StatCache, is_settled
from stcolor_core.method.features.standard import StandardFeatures
from stcolor_core.models import registry
from stcolor_core.pipeline.footage import ShotFootage
from stcolor_core.pipeline.inputs import ShotInputs, plate_canvas
from stcolor_core.shots import cuts, dissolves, light_changes, mixing_curve
from stcolor_core.shots.cuts import Describe
from stcolor_core.shots.dissolves import TransitionDetector
from stcolor_core.shots.shot import Shot
from stcolor_core.shots.spans import plan
from stcolor_core.shots.transitions import Boundary, Dissolve, Transitions, parse_transitions

__all__ = ["find_transitions", "scene_describer"]

_STEP = 512  # frames of a plate that are searched together: a preview of a longer one need not read all of it
_MARGIN = 224  # frames on either side of these on which their transitions may depend: three times a dissolve's reach
_END_ERROR = 3  # frames by which the end of a dissolve may be misplaced
# code that the transitions depend on
_FINDER = (cuts.__file__, dissolves.__file__, light_changes.__file__, mixing_curve.__file__, __file__)


def find_transitions(
    shot: Shot,
    inputs: ShotInputs,
    footage: ShotFootage,
    requested: frozenset[int],
    *,
    looks: Callable[[Iterable[int]], Iterator[int]],
    cache: StatCache,
) -> Transitions:
    """Return the cuts and dissolves between the references around the requested frames.

    Args:
        shot: The shot.
        inputs: The shot's files.
        footage: The shot's pictures.
        requested: The frames to write.
        looks: Passes on the frames that are about to be read; it may end the search by raising.
        cache: Keeps the transitions of earlier runs; their frames are not read again.
    """
    setting = shot.method.cuts
    if setting != "auto":
        return parse_transitions(setting)
    frames = list(footage.frames)
    intervals = _intervals_to_search(frames, footage.references, requested)
    windows = _windows(intervals, len(frames))
    found = Transitions()
    for window in windows:
        part = _search_window(shot, inputs, footage, [frames[place] for place in window.read], looks=looks, cache=cache)
        first, last = frames[window.first], frames[window.last]
        found = Transitions(
            (*found.boundaries, *(each for each in part.boundaries if first <= each.frame <= last)),
            (*found.dissolves, *(each for each in part.dissolves if first <= each.first <= last)),
        )
    return _keep_between(found, [(frames[a], frames[b]) for a, b in intervals], footage.references)


@dataclass(frozen=True)
class _Window:
    """Frames of a plate that are searched together, as positions among its frames.

    Attributes:
        first: The first frame whose transitions are kept.
        last: The last one.
        read: All frames that they may depend on.
    """

    first: int
    last: int
    read: range


def _windows(intervals: Iterable[tuple[int, int]], count: int) -> list[_Window]:
    """Return the windows that hold some intervals of a plate of so many frames."""
    steps = sorted({step for a, b in intervals for step in range(a // _STEP, b // _STEP + 1)})
    bounds = [(step * _STEP, min(count, (step + 1) * _STEP) - 1) for step in steps]
    return [_Window(a, b, range(max(0, a - _MARGIN), min(count, b + 1 + _MARGIN))) for a, b in bounds]


def _search_window(
    shot: Shot,
    inputs: ShotInputs,
    footage: ShotFootage,
    frames: Sequence[int],
    *,
    looks: Callable[[Iterable[int]], Iterator[int]],
    cache: StatCache,
) -> Transitions:
    """Return the transitions of some frames in a row, from the cache if they have been searched before."""

    def search() -> list[list[list[float]]]:
        finder = TransitionDetector(scene_describer())
        pictures = prefetch(footage.lightness, looks(frames))
        for frame, lightness in zip(frames, pictures, strict=True):
            finder.add(frame, lightness)
        found = finder.finish()
        return [[list(astuple(transition)) for transition in part] for part in (found.boundaries, found.dissolves)]

    if not all(is_settled(inputs.plate_status(frame)) for frame in frames):
        data = search()
    else:
        data = cache.get_for_key("transitions", _transitions_key(shot, inputs, frames), search)
    return Transitions(
        tuple(Boundary(int(frame), certainty) for frame, certainty in data[0]),
        tuple(Dissolve(int(first), int(last), certainty) for first, last, certainty in data[1]),
    )


def _keep_between(found: Transitions, intervals: Iterable[tuple[int, int]], references: Collection[int]) -> Transitions:
    """Return the transitions in some intervals between references. A dissolve that holds a reference is disregarded."""
    boundaries: list[Boundary] = []
    dissolves: dict[Dissolve, Dissolve] = {}  # as found -> without references at its ends
    held: list[Dissolve] = []
    for first, last in intervals:
        boundaries += [boundary for boundary in found.boundaries if first < boundary.frame <= last]
        for dissolve in found.dissolves:
            if (between := _without_references(dissolve, first, last, references)) is not None:
                dissolves[dissolve] = between
            elif any(dissolve.first <= bound <= dissolve.last for bound in {first, last}.intersection(references)):
                held.append(dissolve)
    disregarded = tuple(dict.fromkeys(dissolve for dissolve in held if dissolve not in dissolves))
    return Transitions(tuple(boundaries), tuple(dissolves.values()), disregarded)


def _intervals_to_search(
    frames: Sequence[int], references: Iterable[int], requested: frozenset[int]
) -> list[tuple[int, int]]:
    """Return the intervals between neighbouring references that decide the requested frames, as positions of frames."""
    keys = [bisect_left(frames, key) for key in sorted(references)]
    bounds = sorted({0, *keys, len(frames) - 1})
    spans = [span for span in plan(frames, references, []) if requested.intersection(span.frames)]
    reads = [(bisect_left(frames, span.reads[0]), bisect_left(frames, span.reads[-1])) for span in spans]
    return [(a, b) for a, b in pairwise(bounds) if any(a < last and first < b for first, last in reads)]


def _without_references(dissolve: Dissolve, before: int, after: int, references: Collection[int]) -> Dissolve | None:
    """Return a dissolve between two frames, without a reference at its edge; None if it lies elsewhere or holds one.

    Its ends are only found to within a few frames, and artists colour frames that show one scene alone.
    """
    first = max(dissolve.first, before + 1) if before in references else dissolve.first
    last = min(dissolve.last, after - 1) if after in references else dissolve.last
    if not before < first <= last < after or max(first - dissolve.first, dissolve.last - last) > _END_ERROR:
        return None
    if 2 * (last - first + 1) <= dissolve.last - dissolve.first + 1:
        return None
    return replace(dissolve, first=first, last=last)


def scene_describer() -> Describe:
    """Return a function that computes the features of thumbnails, on the CPU so that all machines find the same cuts.

    The network is loaded at the first call.
    """

    @functools.cache
    def features() -> StandardFeatures:
        return StandardFeatures(torch.device("cpu"))

    def describe(lightness: Plane) -> NDArray[np.float32]:
        pictures = torch.from_numpy(lightness)
        if pictures.ndim == 2:
            return features().target(pictures).flatten(1).numpy()
        return features().batch(pictures).flatten(2).numpy()

    return describe


def _transitions_key(shot: Shot, inputs: ShotInputs, frames: Iterable[int]) -> str:
    """Return all that the transitions depend on: the frames, how they are read, code and weights of the finder."""
    finder = b"".join(Path(path).read_bytes() for path in _FINDER)
    settings = [shot.plate.layer, shot.plate.exposure, inputs.pipe.space.identity, shot.method.working_height]
    states = [[frame, *inputs.plate_state(frame)] for frame in frames]
    plate = os.path.abspath(shot.plate.path)  # noqa: PTH100
    code = [hashlib.sha256(finder).hexdigest(), registry.digest("standard")]
    return json.dumps([plate, code, plate_canvas(inputs), settings, states])

"""Search a shot for cuts and dissolves, between the references that decide the requested frames."""

from __future__ import annotations

import functools
import hashlib
import json
import os
from bisect import bisect_left
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import astuple, replace
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

_MARGIN = 8  # frames on either side of an interval on which its transitions may depend
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
    """Return the cuts and dissolves, searched for only between the references around the requested frames.

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
    if not intervals:
        return Transitions()
    places = sorted({place for interval in intervals for place in _with_margin(interval, len(frames))})
    searched = [frames[place] for place in places]

    def search() -> list[list[list[float]]]:
        found = _search_transitions(footage, frames, intervals, looks)
        parts = (found.boundaries, found.dissolves, found.disregarded)
        return [[list(astuple(transition)) for transition in part] for part in parts]

    if not all(is_settled(inputs.plate_status(frame)) for frame in searched):
        data = search()
    else:
        data = cache.get_for_key("transitions", _transitions_key(shot, inputs, searched, intervals), search)
    dissolved, disregarded = (
        tuple(Dissolve(int(first), int(last), certainty) for first, last, certainty in part) for part in data[1:]
    )
    return Transitions(tuple(Boundary(int(frame), certainty) for frame, certainty in data[0]), dissolved, disregarded)


def _intervals_to_search(
    frames: Sequence[int], references: Iterable[int], requested: frozenset[int]
) -> list[tuple[int, int]]:
    """Return the intervals between neighbouring references that decide the requested frames, as positions of frames."""
    keys = [bisect_left(frames, key) for key in sorted(references)]
    bounds = sorted({0, *keys, len(frames) - 1})
    spans = [span for span in plan(frames, references, []) if requested.intersection(span.frames)]
    reads = [(bisect_left(frames, span.reads[0]), bisect_left(frames, span.reads[-1])) for span in spans]
    return [(a, b) for a, b in pairwise(bounds) if any(a < last and first < b for first, last in reads)]


def _with_margin(interval: tuple[int, int], count: int) -> range:
    return range(max(0, interval[0] - _MARGIN), min(count, interval[1] + 1 + _MARGIN))


def _search_transitions(
    footage: ShotFootage,
    frames: Sequence[int],
    intervals: Sequence[tuple[int, int]],
    looks: Callable[[Iterable[int]], Iterator[int]],
) -> Transitions:
    """Return the transitions in some intervals of the list `frames`.

    Each interval is searched by itself, so that what is found in it does not depend on which others are searched. A
    dissolve that holds a reference is disregarded.
    """
    describe = scene_describer()
    waiting = sorted(intervals, reverse=True)
    searching: list[tuple[tuple[int, int], TransitionDetector]] = []
    boundaries: list[Boundary] = []
    dissolves: list[Dissolve] = []
    disregarded: list[Dissolve] = []
    places = sorted({place for interval in intervals for place in _with_margin(interval, len(frames))})
    pictures = prefetch(footage.lightness, looks(frames[place] for place in places))
    for place, lightness in zip(places, pictures, strict=True):
        while waiting and place in _with_margin(waiting[-1], len(frames)):
            searching.append((waiting.pop(), TransitionDetector(describe)))
        for _, finder in searching:
            finder.add(frames[place], lightness)
        while searching and place == _with_margin(searching[0][0], len(frames))[-1]:
            (start, end), finder = searching.pop(0)
            found, first, last = finder.finish(), frames[start], frames[end]
            boundaries += [boundary for boundary in found.boundaries if first < boundary.frame <= last]
            for dissolve in found.dissolves:
                if (between := _without_references(dissolve, first, last, footage.references)) is not None:
                    dissolves.append(between)
                elif any(dissolve.first <= bound <= dissolve.last for bound in {first, last} & set(footage.references)):
                    disregarded.append(dissolve)
    return Transitions(tuple(boundaries), tuple(dissolves), tuple(_apart(disregarded)))


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


def _apart(dissolves: Iterable[Dissolve]) -> list[Dissolve]:
    """Return dissolves that do not overlap: those on either side of a reference are parts of one."""
    apart: list[Dissolve] = []
    for dissolve in sorted(dissolves, key=lambda dissolve: dissolve.first):
        if apart and dissolve.first <= apart[-1].last:
            apart[-1] = replace(apart[-1], last=max(apart[-1].last, dissolve.last))
        else:
            apart.append(dissolve)
    return apart


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


def _transitions_key(
    shot: Shot, inputs: ShotInputs, frames: Iterable[int], intervals: Sequence[tuple[int, int]]
) -> str:
    """Return all that the transitions depend on: the frames, how they are read, code and weights of the finder."""
    finder = b"".join(Path(path).read_bytes() for path in _FINDER)
    settings = [shot.plate.layer, shot.plate.exposure, inputs.pipe.space.identity, shot.method.working_height]
    states = [[frame, *inputs.plate_state(frame)] for frame in frames]
    plate = os.path.abspath(shot.plate.path)  # noqa: PTH100
    code = [hashlib.sha256(finder).hexdigest(), registry.digest("standard")]
    return json.dumps([plate, code, plate_canvas(inputs), settings, states, list(intervals)])

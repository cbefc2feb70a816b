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
from dataclasses import astuple, replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from stcolor_core.arrays import Plane
from stcolor_core.files.prefetch import prefetch
from stcolor_core.files.stat_cache import StatCache, is_settled
from stcolor_core.images.frame_ranges import group_runs
from stcolor_core.method.features.standard import StandardFeatures
from stcolor_core.models import registry
from stcolor_core.pipeline.footage import ShotFootage
from stcolor_core.pipeline.inputs import ShotInputs
from stcolor_core.pipeline.plate_formats import plate_canvas
from stcolor_core.shots import cuts, dissolves, light_changes, mixing_curve, thumbnails
from stcolor_core.shots.dissolves import AHEAD, BEHIND, LONGEST, TransitionDetector
from stcolor_core.shots.shot import Shot
from stcolor_core.shots.spans import plan
from stcolor_core.shots.thumbnails import Describe
from stcolor_core.shots.transitions import Boundary, Dissolve, Transitions, parse_transitions

__all__ = ["find_cuts_between", "find_transitions", "scene_describer"]

# frames whose transitions are searched for together and kept in the cache, so that a preview need not read a long plate
_STEP = 128
_END_ERROR = 3  # frames by which the end of a dissolve may be misplaced
# code that the transitions depend on
_FINDER = (
    *(cuts.__file__, dissolves.__file__, light_changes.__file__, mixing_curve.__file__, thumbnails.__file__),
    __file__,
)


def find_transitions(
    shot: Shot,
    inputs: ShotInputs,
    footage: ShotFootage,
    requested: frozenset[int],
    *,
    looks: Callable[[Iterable[int]], Iterator[int]],
    cache: StatCache,
    check: Callable[[], None] = lambda: None,
) -> Transitions:
    """Return the cuts and dissolves between the references around the requested frames.

    Args:
        shot: The shot.
        inputs: The shot's files.
        footage: The shot's pictures.
        requested: The frames to write.
        looks: Passes on the frames that are about to be read; it may end the search by raising.
        cache: Keeps the transitions of earlier runs; their frames are not read again.
        check: Called again and again in between; it may end the search too.
    """
    setting = shot.method.cuts
    if setting != "auto":
        return parse_transitions(setting)
    frames = list(footage.frames)
    intervals = _intervals_to_search(frames, footage.references, requested)
    parts = _Parts(shot, inputs, footage, frames)
    # A dissolve belongs to the part that it begins in, and may reach into an interval from there.
    steps = {step for a, b in intervals for step in range(max(0, a - LONGEST) // _STEP, b // _STEP + 1)}
    found = parts.find_all(steps, cache, looks=looks, check=check)
    transitions = Transitions(
        tuple(boundary for step in sorted(found) for boundary in found[step].boundaries),
        tuple(dissolve for step in sorted(found) for dissolve in found[step].dissolves),
    )
    return _keep_between(transitions, [(frames[a], frames[b]) for a, b in intervals], footage.references)


def find_cuts_between(
    shot: Shot,
    inputs: ShotInputs,
    footage: ShotFootage,
    pairs: Iterable[tuple[int, int]],
    *,
    looks: Callable[[Iterable[int]], Iterator[int]],
    cache: StatCache,
    check: Callable[[], None] = lambda: None,
) -> list[int]:
    """Return the first frames of the scenes that begin between some frames of the plate, in ascending order.

    They are the same whichever frames are rendered, and whichever have references. A dissolve is no cut.

    Args:
        shot: The shot.
        inputs: The shot's files.
        footage: The shot's pictures.
        pairs: Two frames each, in any order.
        looks: As for `find_transitions`.
        cache: As for `find_transitions`.
        check: As for `find_transitions`.
    """
    frames, ordered = list(footage.frames), [sorted(pair) for pair in pairs]
    if shot.method.cuts != "auto":
        cuts = parse_transitions(shot.method.cuts).cuts
    else:
        places = (bisect_left(frames, frame) for first, last in ordered for frame in range(first + 1, last + 1))
        steps = {place // _STEP for place in places}
        found = _Parts(shot, inputs, footage, frames).find_all(steps, cache, looks=looks, check=check)
        cuts = tuple(cut for step in sorted(found) for cut in found[step].cuts)
    return sorted({cut for cut in cuts if any(first < cut <= last for first, last in ordered)})


class _Parts:
    """A plate in parts of `_STEP` frames. What is found in one depends on these and on some frames on either side."""

    def __init__(self, shot: Shot, inputs: ShotInputs, footage: ShotFootage, frames: Sequence[int]) -> None:
        self._shot, self._inputs, self._footage, self._frames = shot, inputs, footage, frames

    def find_all(
        self,
        steps: Collection[int],
        cache: StatCache,
        *,
        looks: Callable[[Iterable[int]], Iterator[int]],
        check: Callable[[], None],
    ) -> dict[int, Transitions]:
        """Return the transitions of some parts; those that were not searched before are searched."""
        found = {step: known for step in steps if (known := self.find(cache, step)) is not None}
        for run in group_runs(set(steps).difference(found)):
            found.update(self.search(cache, run, looks=looks, check=check))
        return found

    def find(self, cache: StatCache, step: int) -> Transitions | None:
        """Return the transitions of a part that was searched before; None if none was, or its frames have changed."""
        read = self._read(range(step, step + 1))
        data = cache.find("transitions", self._key(read)) if self._are_settled(read) else None
        return None if data is None else _decode(data)

    def search(
        self,
        cache: StatCache,
        run: range,
        *,
        looks: Callable[[Iterable[int]], Iterator[int]],
        check: Callable[[], None],
    ) -> dict[int, Transitions]:
        """Search parts that follow each other, reading each frame once, and keep what is found in each."""
        finder = TransitionDetector(scene_describer(), check=check)
        read = self._read(run)
        for frame, lightness in zip(read, prefetch(self._footage.lightness, looks(read)), strict=True):
            finder.add(frame, lightness)
        whole = finder.finish()
        parts = {}
        for step in run:
            own = self._frames[step * _STEP : (step + 1) * _STEP]
            parts[step] = Transitions(
                tuple(boundary for boundary in whole.boundaries if own[0] <= boundary.frame <= own[-1]),
                tuple(dissolve for dissolve in whole.dissolves if own[0] <= dissolve.first <= own[-1]),
            )
            if self._are_settled(read := self._read(range(step, step + 1))):
                cache.keep("transitions", self._key(read), _encode(parts[step]))
        return parts

    def _read(self, run: range) -> Sequence[int]:
        """Return the frames that the transitions of some parts depend on. A dissolve that begins there ends later."""
        return self._frames[max(0, run.start * _STEP - BEHIND) : run.stop * _STEP + LONGEST + AHEAD]

    def _are_settled(self, frames: Iterable[int]) -> bool:
        return all(is_settled(self._inputs.states.plate_status(frame)) for frame in frames)

    def _key(self, frames: Iterable[int]) -> str:
        """Return all that transitions depend on: the frames, how they are read, code and weights of the finder."""
        finder = b"".join(Path(path).read_bytes() for path in _FINDER)
        shot, space = self._shot, self._inputs.pipe.space.identity
        settings = [shot.plate.layer, shot.plate.exposure, space, shot.method.working_height]
        states = [[frame, *self._inputs.states.plate(frame)] for frame in frames]
        plate = os.path.abspath(shot.plate.path)  # noqa: PTH100
        code = [hashlib.sha256(finder).hexdigest(), registry.digest("standard")]
        return json.dumps([plate, code, plate_canvas(self._inputs.formats), settings, states])


def _encode(found: Transitions) -> list[list[list[float]]]:
    return [[list(astuple(transition)) for transition in part] for part in (found.boundaries, found.dissolves)]


def _decode(data: Sequence[Sequence[Sequence[float]]]) -> Transitions:
    boundaries, dissolves = data
    return Transitions(
        tuple(Boundary(int(frame), certainty) for frame, certainty in boundaries),
        tuple(Dissolve(int(first), int(last), certainty) for first, last, certainty in dissolves),
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

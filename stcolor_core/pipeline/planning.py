"""Resolve a shot's settings against this machine and its files: device, tracking, detector, frames, cuts and spans."""

from __future__ import annotations

import functools
import hashlib
import json
import os
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import astuple, dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from stcolor_core.arrays import Plane
from stcolor_core.errors import BadRequest, ModelError
from stcolor_core.files.prefetch import prefetch
from stcolor_core.files.stat_cache import StatCache, is_settled
from stcolor_core.method.features.standard import StandardFeatures
from stcolor_core.method.tracking.detectors import Detector, config_files, open_detector
from stcolor_core.models import registry
from stcolor_core.pipeline.footage import ShotFootage
from stcolor_core.pipeline.inputs import ShotInputs, plate_canvas
from stcolor_core.remedies import advise
from stcolor_core.shots import cuts, dissolves
from stcolor_core.shots.cuts import Describe
from stcolor_core.shots.dissolves import TransitionDetector
from stcolor_core.shots.shot import Shot, Tracking, describe_frames, parse_frames
from stcolor_core.shots.shot_files import ReferencePicture
from stcolor_core.shots.spans import Span, plan, split_span
from stcolor_core.shots.transitions import Boundary, Dissolve, Transitions, parse_transitions

__all__ = [
    "RunPlan",
    "detector_digest",
    "find_transitions",
    "load_detector",
    "plan_spans",
    "requested_frames",
    "resolve_device",
    "resolve_tracking",
    "split_spans",
]

_DETECTOR = "maskrcnn_resnet50_fpn_v2"
_MARGIN = 8  # frames on either side of an interval on which its transitions may depend


@dataclass(frozen=True, kw_only=True)
class RunPlan:
    """The plan of a run, before any frame is coloured.

    Attributes:
        frames: Plate frame -> its file, in ascending order.
        references: Frame of a whole keyframe -> its picture.
        patches: Frame with patches -> their pictures, the uppermost last.
        tracking: The tracking as the shot names it, or as resolved on this machine.
        transitions: The cuts and dissolves.
        spans: The spans, in time order.
        digests: Frame to write -> the digest that it carries once it is done.
    """

    frames: Mapping[int, Path]
    references: Mapping[int, ReferencePicture]
    patches: Mapping[int, tuple[ReferencePicture, ...]]
    tracking: Tracking
    transitions: Transitions
    spans: tuple[Span, ...]
    digests: Mapping[int, str]

    @property
    def cuts(self) -> tuple[int, ...]:
        """Return the first frames of new scenes."""
        return self.transitions.cuts


def resolve_device(name: str) -> torch.device:
    """Return the torch device for a device name.

    Args:
        name: "auto", "cpu" or "cuda"; "auto" takes a GPU if there is one.

    Raises:
        BadRequest: If the name is unknown, or there is no such device.
    """
    if name not in ("auto", "cpu", "cuda"):
        raise BadRequest(f"The device {name!r} is unknown. Use auto, cpu or cuda.")
    if name == "cuda" and not torch.cuda.is_available():
        raise BadRequest(f"There is no CUDA device that this torch can use. {advise('cpu')}.")
    return torch.device("cuda" if name != "cpu" and torch.cuda.is_available() else "cpu")


def resolve_tracking(shot: Shot) -> Tracking:
    """Return the shot's tracking; by default dense, with instances if there are mattes or a detector is installed.

    Args:
        shot: The shot.
    """
    if shot.method.tracking is not None:
        return shot.method.tracking
    detects = shot.method.detector == "torchvision" and _DETECTOR in registry.installed()
    return "instance+dense" if shot.mattes or detects else "dense"


def load_detector(shot: Shot, device: torch.device) -> Detector:
    """Load the detector that the shot's method names.

    Args:
        shot: The shot.
        device: The device on which it runs.

    Returns:
        The detector.

    Raises:
        ModelError: If the detector or its weights are missing.
    """
    method = shot.method
    if method.detector == "torchvision":
        return open_detector("torchvision", registry.load_weights(_DETECTOR), device=device)
    if method.detector_weights is None:
        raise ModelError(f"The detectron2 detector needs weights and a config. {advise('detectron')}.")
    config = Path(method.detector_config) if method.detector_config else None
    return open_detector(method.detector, Path(method.detector_weights), config=config, device=device)


def detector_digest(shot: Shot, inputs: ShotInputs) -> str | None:
    """Return a digest of the content of the detector's weights and config.

    Args:
        shot: The shot; its tracking must be resolved.
        inputs: The shot's files.

    Returns:
        The digest; None if the shot detects no instances.

    Raises:
        ModelError: If the weights are missing.
        PlateError: If one of the detector's files cannot be read.
    """
    method = shot.method
    if shot.mattes or "instance" not in (method.tracking or ""):
        return None
    if method.detector == "torchvision":
        return registry.digest(_DETECTOR)
    files = [Path(method.detector_weights)] if method.detector_weights else []
    files += config_files(Path(method.detector_config)) if method.detector_config else []
    return ":".join([method.detector, *(inputs.content(path) for path in files)])


def requested_frames(shot: Shot, frames: Iterable[int], only: str | None = None) -> frozenset[int]:
    """Return the frames to write: those of `only`, else those that the shot's output names, else all.

    Args:
        shot: The shot.
        frames: The plate's frames.
        only: A frame range in place of the shot's own; None keeps the shot's.

    Raises:
        BadRequest: If a frame to write is not a frame of the plate.
    """
    available = frozenset(frames)
    only = shot.output.frames if only is None else only
    if only is None:
        return available
    requested = frozenset(parse_frames(only))
    if requested - available:
        raise BadRequest(
            f"Frame {describe_frames(requested - available)} is to be written but is not in the plate. "
            f"{advise('only')}."
        )
    return requested


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
        return [[list(astuple(part)) for part in parts] for parts in (found.boundaries, found.dissolves)]

    if not all(is_settled(inputs.plate_state(frame)) for frame in searched):
        data = search()
    else:
        data = cache.get_for_key("transitions", _transitions_key(shot, inputs, searched, intervals), search)
    return Transitions(
        tuple(Boundary(int(frame), certainty) for frame, certainty in data[0]),
        tuple(Dissolve(int(first), int(last), certainty) for first, last, certainty in data[1]),
    )


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
    dissolve that holds a reference is not found.
    """
    describe = scene_describer()
    waiting = sorted(intervals, reverse=True)
    searching: list[tuple[tuple[int, int], TransitionDetector]] = []
    boundaries: list[Boundary] = []
    dissolves: list[Dissolve] = []
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
            dissolves += [d for d in found.dissolves if first < d.first and d.last < last]
    return Transitions(tuple(boundaries), tuple(dissolves))


def scene_describer() -> Describe:
    """Return a function that computes the features of thumbnails, on the CPU so that all machines find the same cuts.

    The network is loaded at the first call.
    """

    @functools.cache
    def features() -> StandardFeatures:
        return StandardFeatures(torch.device("cpu"))

    def describe(lightness: Plane) -> NDArray[np.float32]:
        return features().target(torch.from_numpy(lightness)).flatten(1).numpy()

    return describe


def _transitions_key(
    shot: Shot, inputs: ShotInputs, frames: Iterable[int], intervals: Sequence[tuple[int, int]]
) -> str:
    """Return all that the transitions depend on: the frames, how they are read, code and weights of the finder."""
    finder = b"".join(Path(path).read_bytes() for path in (cuts.__file__, dissolves.__file__))
    settings = [shot.plate.layer, shot.plate.exposure, inputs.pipe.space.identity, shot.method.working_height]
    states = [[frame, *inputs.plate_state(frame)] for frame in frames]
    plate = os.path.abspath(shot.plate.path)  # noqa: PTH100
    code = [hashlib.sha256(finder).hexdigest(), registry.digest("standard")]
    return json.dumps([plate, code, plate_canvas(inputs), settings, states, list(intervals)])


def plan_spans(
    shot: Shot, frames: Iterable[int], references: Iterable[int], transitions: Transitions | None = None
) -> list[Span]:
    """Return the spans of a shot, in time order.

    Args:
        shot: The shot.
        frames: The plate's frames.
        references: The reference frames.
        transitions: The cuts and dissolves; None takes the shot's setting, which must not be "auto".
    """
    if transitions is None:
        transitions = parse_transitions(shot.method.cuts)
    return plan(
        sorted(frames),
        references,
        transitions.cuts,
        [(dissolve.first, dissolve.last) for dissolve in transitions.dissolves],
        per_frame=shot.method.references,
        match_unreferenced=shot.method.unreferenced == "match" and not shot.stills,
    )


def split_spans(shot: Shot, spans: Iterable[Span]) -> list[tuple[int, ...]]:
    """Return the frames that may be rendered separately, in time order: spans, cut to at most `output.max_span` frames.

    A recurrent model passes colour from frame to frame; its spans are not cut, because a piece would have to colour all
    frames before it again.

    Args:
        shot: The shot.
        spans: The shot's spans, in time order.
    """
    longest = None if registry.is_recurrent(shot.method.model) else shot.output.max_span
    return [piece for span in spans for piece in split_span(span, longest)]

"""Resolve a shot's settings against this machine and its files: device, tracking, detector, frames, cuts and spans."""

from __future__ import annotations

import hashlib
import json
import os
from bisect import bisect_left
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from stcolor_core.errors import BadRequest, ModelError
from stcolor_core.files.prefetch import prefetch
from stcolor_core.files.stat_cache import StatCache, is_settled
from stcolor_core.method.tracking.detectors import Detector, config_files, open_detector
from stcolor_core.models import registry
from stcolor_core.pipeline.footage import ShotFootage
from stcolor_core.pipeline.inputs import ShotInputs, plate_canvas
from stcolor_core.shots import cuts as cuts_module
from stcolor_core.shots.cuts import CutDetector
from stcolor_core.shots.shot import Shot, Tracking, describe_frames, parse_frames
from stcolor_core.shots.shot_files import ReferencePicture
from stcolor_core.shots.spans import Span, plan, split_span

__all__ = [
    "RunPlan",
    "detector_digest",
    "find_cuts",
    "load_detector",
    "plan_spans",
    "requested_frames",
    "resolve_device",
    "resolve_tracking",
    "split_spans",
]

_DETECTOR = "maskrcnn_resnet50_fpn_v2"
_CUT_MARGIN = 8  # frames on either side of an interval on which its cuts may depend


@dataclass(frozen=True, kw_only=True)
class RunPlan:
    """The plan of a run, before any frame is coloured.

    Attributes:
        frames: Plate frame -> its file, in ascending order.
        references: Frame of a whole keyframe -> its picture.
        patches: Frame with patches -> their pictures, the uppermost last.
        tracking: The tracking as the shot names it, or as resolved on this machine.
        cuts: The first frames of new scenes.
        spans: The spans, in time order.
        digests: Frame to write -> the digest that it carries once it is done.
    """

    frames: Mapping[int, Path]
    references: Mapping[int, ReferencePicture]
    patches: Mapping[int, tuple[ReferencePicture, ...]]
    tracking: Tracking
    cuts: tuple[int, ...]
    spans: tuple[Span, ...]
    digests: Mapping[int, str]


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
        raise BadRequest("There is no CUDA device that this torch can use. Use --device cpu, or see `stcolor doctor`.")
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
        raise ModelError(
            "The detectron2 detector needs weights and a config. Give --detector-weights and --detector-config."
        )
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
            f"Frame {describe_frames(requested - available)} is to be written but is not in the plate. Correct --only."
        )
    return requested


def find_cuts(
    shot: Shot,
    inputs: ShotInputs,
    footage: ShotFootage,
    requested: frozenset[int],
    *,
    looks: Callable[[Iterable[int]], Iterator[int]],
    cache: StatCache,
) -> list[int]:
    """Return the first frames of new scenes, searched for only between the references around the requested frames.

    Args:
        shot: The shot.
        inputs: The shot's files.
        footage: The shot's pictures.
        requested: The frames to write.
        looks: Passes on the frames that are about to be read; it may end the search by raising.
        cache: Keeps cuts of earlier runs; frames with cached cuts are not read again.
    """
    setting = shot.method.cuts
    if setting != "auto":
        return [] if setting == "none" else list(parse_frames(setting))
    frames = list(footage.frames)
    around = plan(frames, footage.references, [])
    # whole intervals with a margin, so that the cuts do not depend on which frames are requested
    places: set[int] = set()
    for span in around:
        if requested.intersection(span.frames):
            first, last = bisect_left(frames, span.reads[0]), bisect_left(frames, span.reads[-1])
            places.update(range(max(0, first - _CUT_MARGIN), min(len(frames), last + 1 + _CUT_MARGIN)))
    if not places:
        return []
    searched = [frames[place] for place in sorted(places)]

    def search() -> list[int]:
        return _search_cuts(footage, frames, places, looks)

    if not all(is_settled(inputs.plate_state(frame)) for frame in searched):
        return search()
    return [int(frame) for frame in cache.get_for_key("cuts", _cuts_key(shot, inputs, searched), search)]


def _search_cuts(
    footage: ShotFootage,
    frames: Sequence[int],
    places: Collection[int],
    looks: Callable[[Iterable[int]], Iterator[int]],
) -> list[int]:
    """Return the cuts among the frames at the given positions of the list `frames`."""
    finder, cuts = CutDetector(), []
    pictures = prefetch(footage.lightness, looks(frames[place] for place in sorted(places)))
    for place, lightness in zip(sorted(places), pictures, strict=True):
        if place - 1 not in places:  # a new interval; the frames between the two are not read
            cuts += finder.finish()
            finder = CutDetector()
        cuts += finder.add(frames[place], lightness)
    return cuts + finder.finish()


def _cuts_key(shot: Shot, inputs: ShotInputs, frames: Iterable[int]) -> str:
    """Return everything that the cuts depend on: the frames, how they are read, and the code of the finder."""
    finder = Path(cuts_module.__file__).read_bytes()
    settings = [shot.plate.layer, shot.plate.exposure, inputs.pipe.space.identity, shot.method.working_height]
    states = [[frame, *inputs.plate_state(frame)] for frame in frames]
    plate = os.path.abspath(shot.plate.path)  # noqa: PTH100
    return json.dumps([plate, hashlib.sha256(finder).hexdigest(), plate_canvas(inputs), settings, states])


def plan_spans(
    shot: Shot, frames: Iterable[int], references: Iterable[int], cuts: Iterable[int] | None = None
) -> list[Span]:
    """Return the spans of a shot, in time order.

    Args:
        shot: The shot.
        frames: The plate's frames.
        references: The reference frames.
        cuts: The first frames of new scenes; None takes the shot's setting, which must not be "auto".
    """
    if cuts is None:
        cuts = () if shot.method.cuts == "none" else parse_frames(shot.method.cuts)
    return plan(sorted(frames), references, cuts, per_frame=shot.method.references)


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

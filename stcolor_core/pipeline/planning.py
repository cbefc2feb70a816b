"""Resolve a shot's settings against this machine and its files: device, tracking, detector, frames, cuts and spans."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch

from stcolor_core.errors import BadRequest, ModelError
from stcolor_core.images.frame_ranges import name_frames, parse_frames
from stcolor_core.method.tracking.detectors import Detector, config_files, open_detector
from stcolor_core.models import registry
from stcolor_core.pipeline.digest import Digests
from stcolor_core.pipeline.input_record import InputRecord, make_record
from stcolor_core.pipeline.inputs import ShotInputs
from stcolor_core.plurals import form_of
from stcolor_core.remedies import advise
from stcolor_core.shots.reference_files import ReferencePicture
from stcolor_core.shots.settings import Tracking
from stcolor_core.shots.shot import Shot
from stcolor_core.shots.spans import PatchWalk, Span, plan, spans_containing, split_span
from stcolor_core.shots.transitions import Transitions, parse_transitions

__all__ = [
    "RunPlan",
    "detector_digest",
    "load_detector",
    "plan_spans",
    "record_inputs",
    "requested_frames",
    "resolve_tracking",
    "split_spans",
]

_DETECTOR = "maskrcnn_resnet50_fpn_v2"


@dataclass(frozen=True, kw_only=True)
class RunPlan:
    """The plan of a run, before any frame is coloured.

    Attributes:
        frames: Plate frame -> its file, in ascending order.
        references: Frame of a whole keyframe -> its picture.
        patches: Frame with patches -> their pictures, the uppermost last.
        strangers: Frame -> a keyframe that is used as a still, as it shows no frame near its own.
        parts: Frames whose lowest patch is a keyframe that shows a part of its frame.
        tracking: The tracking as the shot names it, or as resolved on this machine.
        transitions: The cuts and dissolves.
        spans: The spans, in time order.
        digests: Frame to write -> the digest that it carries once it is done.
    """

    frames: Mapping[int, Path]
    references: Mapping[int, ReferencePicture]
    patches: Mapping[int, tuple[ReferencePicture, ...]]
    strangers: Mapping[int, ReferencePicture]
    parts: Collection[int]
    tracking: Tracking
    transitions: Transitions
    spans: tuple[Span, ...]
    digests: Mapping[int, str]

    @property
    def cuts(self) -> tuple[int, ...]:
        """Return the first frames of new scenes."""
        return self.transitions.cuts


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
    return ":".join([method.detector, *(inputs.states.content(path) for path in files)])


def requested_frames(shot: Shot, frames: Iterable[int], only: str | None = None) -> frozenset[int]:
    """Return the frames to write: those of `only`, else those that the shot's output names, else all.

    Frames that the plate lacks are left out if the shot skips missing frames: a range spans them.

    Args:
        shot: The shot.
        frames: The plate's frames.
        only: A frame range in place of the shot's own; None keeps the shot's.

    Raises:
        BadRequest: If a frame to write is not a frame of the plate, or if all of them are skipped.
    """
    available = frozenset(frames)
    only = shot.output.frames if only is None else only
    if only is None:
        return available
    requested = frozenset(parse_frames(only))
    if shot.plate.missing == "skip" and requested & available:
        requested -= _skipped(shot, available)
    if lacking := requested - available:
        fault = form_of(
            len(lacking), "is to be written but is not in the plate", "are to be written but are not in the plate"
        )
        raise BadRequest(f"{name_frames(lacking, 'Frame')} {fault}. {advise('only')}.")
    return requested


def _skipped(shot: Shot, available: frozenset[int]) -> frozenset[int]:
    """Return the frames of the plate that are not on disk: in the range that the shot names, or between its files."""
    if shot.plate.frames is not None:
        return frozenset(parse_frames(shot.plate.frames)) - available
    return frozenset(range(min(available), max(available) + 1)) - available


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


def record_inputs(
    shot: Shot,
    inputs: ShotInputs,
    digests: Digests,
    requested: frozenset[int],
    spans: Iterable[Span],
    walks_to: Callable[[Span], list[PatchWalk]],
    carried: Mapping[int, str],
) -> InputRecord:
    """Return the files that the frames of a run are made from, as they were when the run first used them.

    Args:
        shot: The shot; its tracking must be resolved.
        inputs: The shot's files.
        digests: Knows which frames' files decide a span.
        requested: The frames to write.
        spans: The spans of the shot.
        walks_to: Returns the walks of patches that pass a span.
        carried: The digest that each frame to write carries.

    Raises:
        PlateError: If a file cannot be read.
    """
    made: list[tuple[Collection[int], Collection[int], Collection[int], str]] = [
        ((frame,), *digests.sources_of_reference(frame), carried[frame])
        for frame in sorted(requested.intersection(inputs.references))
    ]
    for span in spans_containing(spans, requested):
        frames = requested.intersection(span.frames)
        made.append((frames, *digests.sources_of_span(span, walks_to(span)), carried[min(frames)]))
    return make_record(shot, inputs, made)


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

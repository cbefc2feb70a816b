"""What a shot asks for, as what is there: its device, tracking, detector, frames, cuts and spans."""

from __future__ import annotations

import hashlib
import json
import os
from bisect import bisect_left
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from pathlib import Path

import torch

from stcolor_core.errors import BadRequest, ModelError
from stcolor_core.files.prefetch import ahead
from stcolor_core.files.stat_cache import StatCache, is_settled
from stcolor_core.method.tracking.detectors import Detector, config_files, open_detector
from stcolor_core.models import registry
from stcolor_core.pipeline.footage import ShotFootage, canvas_of
from stcolor_core.pipeline.inputs import ShotInputs
from stcolor_core.shots import cuts as cuts_module
from stcolor_core.shots.cuts import CutFinder
from stcolor_core.shots.shot import Shot, Tracking, name_frames, parse_frames
from stcolor_core.shots.spans import Span, pieces, plan

__all__ = [
    "cuts_of",
    "detector_digest",
    "detector_of",
    "pieces_of",
    "requested_frames",
    "resolve_device",
    "resolve_tracking",
    "spans_of",
]

_DETECTOR = "maskrcnn_resnet50_fpn_v2"
_CUT_MARGIN = 8  # frames around a stretch that its cuts may depend on


def resolve_device(name: str) -> torch.device:
    """auto, cpu or cuda as a device that is there. Raises BadRequest where it is not."""
    if name not in ("auto", "cpu", "cuda"):
        raise BadRequest(f"The device {name!r} is unknown. Use auto, cpu or cuda.")
    if name == "cuda" and not torch.cuda.is_available():
        raise BadRequest("There is no CUDA device that this torch can use. Use --device cpu, or see `stcolor doctor`.")
    return torch.device("cuda" if name != "cpu" and torch.cuda.is_available() else "cpu")


def resolve_tracking(shot: Shot) -> Tracking:
    """The tracking asked for; else dense, joined by instances where there are mattes or a detector is installed."""
    if shot.method.tracking is not None:
        return shot.method.tracking
    detects = shot.method.detector == "torchvision" and _DETECTOR in registry.installed()
    return "instance+dense" if shot.mattes or detects else "dense"


def detector_of(shot: Shot, device: torch.device) -> Detector:
    """The detector that the shot's method names. Raises ModelError where it or its weights are missing."""
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
    """What tells the detector of a shot from an earlier state of itself: its weights and settings, by their content.

    None where instances are not detected. Raises as `detector_of` does.
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
    """The frames to write: `only`, else those that the shot's output names, else all.

    frames: of the plate. Raises BadRequest where another one is asked for.
    """
    there = frozenset(frames)
    only = shot.output.frames if only is None else only
    if only is None:
        return there
    wanted = frozenset(parse_frames(only))
    if wanted - there:
        raise BadRequest(
            f"Frame {name_frames(wanted - there)} is to be written and is no frame of the plate. Correct --only."
        )
    return wanted


def cuts_of(
    shot: Shot,
    inputs: ShotInputs,
    footage: ShotFootage,
    wanted: frozenset[int],
    *,
    looks: Callable[[Iterable[int]], Iterator[int]],
    cache: StatCache,
) -> list[int]:
    """First frames of new scenes, looked for only between the references around the frames that are wanted.

    looks: passes on the frames that are about to be looked at, and may end the search by raising. cache: holds the cuts
    that were found before among the same frames, which are then not looked at.
    """
    setting = shot.method.cuts
    if setting != "auto":
        return [] if setting == "none" else list(parse_frames(setting))
    frames = list(footage.frames)
    around = plan(frames, footage.references, [])
    # whole stretches with some frames to spare, so that the cuts are those of the whole shot whatever is wanted
    places: set[int] = set()
    for span in around:
        if wanted.intersection(span.frames):
            first, last = bisect_left(frames, span.reads[0]), bisect_left(frames, span.reads[-1])
            places.update(range(max(0, first - _CUT_MARGIN), min(len(frames), last + 1 + _CUT_MARGIN)))
    if not places:
        return []
    looked_at = [frames[place] for place in sorted(places)]
    if not all(is_settled(inputs.plate_state(frame)) for frame in looked_at):
        return _found(footage, frames, places, looks)
    found = cache.of_key("cuts", _cuts_key(shot, inputs, looked_at), lambda: _found(footage, frames, places, looks))
    return [int(frame) for frame in found]


def _found(
    footage: ShotFootage,
    frames: Sequence[int],
    places: Collection[int],
    looks: Callable[[Iterable[int]], Iterator[int]],
) -> list[int]:
    """The cuts among the frames at some places."""
    finder, cuts = CutFinder(), []
    pictures = ahead(footage.lightness, looks(frames[place] for place in sorted(places)))
    for place, lightness in zip(sorted(places), pictures, strict=True):
        if place - 1 not in places:  # another stretch; what lies between was not looked at
            cuts += finder.finish()
            finder = CutFinder()
        cuts += finder.add(frames[place], lightness)
    return cuts + finder.finish()


def _cuts_key(shot: Shot, inputs: ShotInputs, frames: Iterable[int]) -> str:
    """All that the cuts among some frames depend on: the frames, how they are read, and the finder itself."""
    finder = Path(cuts_module.__file__).read_bytes()
    settings = [shot.plate.layer, shot.plate.exposure, inputs.pipe.space.identity, shot.method.working_height]
    states = [[frame, *inputs.plate_state(frame)] for frame in frames]
    plate = os.path.abspath(shot.plate.path)  # noqa: PTH100
    return json.dumps([plate, hashlib.sha256(finder).hexdigest(), canvas_of(inputs), settings, states])


def spans_of(
    shot: Shot, frames: Iterable[int], references: Iterable[int], cuts: Iterable[int] | None = None
) -> list[Span]:
    """The spans of a shot, in time order. cuts: those found; None takes what the shot says, which is not "auto"."""
    if cuts is None:
        cuts = () if shot.method.cuts == "none" else parse_frames(shot.method.cuts)
    return plan(sorted(frames), references, cuts, per_frame=shot.method.references)


def pieces_of(shot: Shot, spans: Iterable[Span]) -> list[tuple[int, ...]]:
    """The frames of a shot's spans as they may be rendered apart, in time order: spans, cut by `output.max_span`.

    Where the model hands colour from frame to frame no span is cut: a piece would have to colour all before it again.
    """
    longest = None if registry.recurrent(shot.method.model) else shot.output.max_span
    return [piece for span in spans for piece in pieces(span, longest)]

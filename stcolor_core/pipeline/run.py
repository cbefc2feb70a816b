"""A shot coloured from end to end: plates in, EXR frames out. The only place that knows the order of the stages."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, nullcontext, suppress
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Literal

import torch

from stcolor_core.errors import BadRequest, Cancelled
from stcolor_core.files.scratch import Scratch
from stcolor_core.files.stat_cache import StatCache
from stcolor_core.images.sequences import FramePattern
from stcolor_core.method.propagation import Colored, Propagator
from stcolor_core.models import registry
from stcolor_core.pipeline.claims import Claim
from stcolor_core.pipeline.digest import Digests
from stcolor_core.pipeline.existing import Existing, Found
from stcolor_core.pipeline.footage import PlateFrame, ShotFootage
from stcolor_core.pipeline.inputs import ShotInputs
from stcolor_core.pipeline.layers import Frame
from stcolor_core.pipeline.planning import (
    cuts_of,
    detector_digest,
    detector_of,
    requested_frames,
    resolve_device,
    resolve_tracking,
    spans_of,
)
from stcolor_core.pipeline.protection import refuse_results_as_references, refuse_to_write
from stcolor_core.pipeline.writing import FrameWriter
from stcolor_core.shots.shot import Shot, Tracking, name_frames
from stcolor_core.shots.spans import Span, reaching, unreferenced

__all__ = [
    "Event",
    "FrameResult",
    "RunPlan",
    "colorize",
    "plan_run",
]

logger = logging.getLogger(__name__)

_WRITERS = 2  # frames brought to full size and written at a time: at 4096 x 2160 each holds half a GiB


@dataclass(frozen=True, kw_only=True)
class Event:
    """Something the person waiting wants to know.

    kind: plan (total frames are known), input (what is read, and what its colours are taken for), look (the plate's
        frame is looked at, for cuts or for tracking), warning, frame (one is finished), done.
    done, total: frames. keyframes: of the whole shot, with the plan. kept: the frame was on disk and valid. confidence,
    fallback: see `FrameResult`.
    """

    kind: Literal["plan", "input", "look", "warning", "frame", "done"]
    message: str = ""
    frame: int | None = None
    path: str | None = None
    done: int = 0
    total: int = 0
    keyframes: tuple[int, ...] = ()
    kept: bool = False
    confidence: float | None = None
    fallback: float | None = None


@dataclass(frozen=True)
class FrameResult:
    """A finished frame.

    kept: it was on disk and stays, valid or somebody's own work; what is said of it was read there.
    confidence: mean over the frame, 0..1; None where a frame on disk does not say. fallback: share of grid positions,
    0..1, where tracking found no place and guessed; None for a frame that was kept.
    """

    frame: int
    path: Path
    kept: bool
    confidence: float | None
    fallback: float | None


@dataclass(frozen=True, kw_only=True)
class RunPlan:
    """What a run of a shot comes to, before any of it is coloured.

    frames: the file of every plate frame, in ascending order. references: reference frame -> its picture and colour
    space. tracking: as the shot asks, or as it is resolved here. cuts: first frames of new scenes. spans: in time.
    digests: of every frame to write, what it carries once it is done.
    """

    frames: Mapping[int, Path]
    references: Mapping[int, tuple[Path, str | None]]
    tracking: Tracking
    cuts: tuple[int, ...]
    spans: tuple[Span, ...]
    digests: Mapping[int, str]


def colorize(
    shot: Shot,
    *,
    device: str = "auto",
    only: str | None = None,
    force: bool = False,
    report: Callable[[Event], None] = lambda _: None,
    cancelled: Callable[[], bool] = lambda: False,
) -> Iterator[FrameResult]:
    """Colour a shot frame by frame, each written whole before it is yielded.

    device: auto, cpu or cuda. only: a frame range in place of the shot's `output.frames`; nothing else is written.
    force: write frames that are valid too.
    report: takes events. cancelled: asked before every frame; where it says so, Cancelled is raised and what is
    written stays.
    Raises the errors of `stcolor_core.errors`, each one readable line.
    """
    return _run(shot, resolve_device(device), report, cancelled).frames(only, force=force)


def plan_run(shot: Shot, *, report: Callable[[Event], None] = lambda _: None) -> RunPlan:
    """What `colorize` would do with a shot. Looks at the plate where cuts are to be found, and colours nothing.

    Everything but the frames' pixels is checked as `colorize` does: raises the same errors.
    """
    return _run(shot, torch.device("cpu"), report, lambda: False).plan_run()


def _run(shot: Shot, device: torch.device, report: Callable[[Event], None], cancelled: Callable[[], bool]) -> _Run:
    shot = replace(shot, method=replace(shot.method, tracking=resolve_tracking(shot)))
    return _Run(shot, device, report, cancelled)


class _Run:
    """One call of `colorize`: the state that its stages share."""

    def __init__(
        self, shot: Shot, device: torch.device, report: Callable[[Event], None], cancelled: Callable[[], bool]
    ) -> None:
        if not shot.references and not shot.stills:
            raise BadRequest("The shot has no reference. Give --reference FRAME=PATH, or --still PATH.")
        self._shot, self._device = shot, device
        self._report, self._cancelled = report, cancelled
        self._warnings: SimpleQueue[str] = SimpleQueue()
        self._output = FramePattern.parse(shot.output.path)
        reuse = FramePattern.parse(shot.output.reuse) if shot.output.reuse else None
        self._existing = Existing(self._output, reuse, link=shot.output.link)
        self._cache = StatCache()
        model = registry.digest(shot.method.model)
        self._inputs = ShotInputs(shot, warn=self._warn, cache=self._cache)
        if len(self._inputs.frames) > 1 and not self._output.is_sequence:
            raise BadRequest(f"The output {shot.output.path} has no frame number. Write it like out/sh010.####.exr.")
        refuse_to_write(map(self._output.path, self._inputs.frames), shot, remedy="Give another --output.")
        refuse_results_as_references(shot, self._inputs)
        instances = shot.method.uses_instances
        detector = detector_of(shot, device) if instances and not shot.mattes else None
        self._footage = ShotFootage(shot, self._inputs, use_instances=instances, detector=detector, warn=self._warn)
        self._digests = Digests(
            shot,
            self._inputs,
            canvas=self._footage.canvas,
            model=model,
            detector=detector_digest(shot, self._inputs),
        )
        self._writer = FrameWriter(shot, self._inputs, self._footage)
        self._found: Mapping[int, Found] = {}
        self._reusable: frozenset[int] = frozenset()
        self._force = False
        self._done = self._total = 0

    def frames(self, only: str | None, *, force: bool) -> Iterator[FrameResult]:
        """References first, then span by span in time, the frames of a span in the order of its walk."""
        wanted = requested_frames(self._shot, self._footage.frames, only)
        self._total, self._force = len(wanted), force
        self._tell_plan()
        spans = spans_of(self._shot, self._footage.frames, self._footage.references, self._cuts(wanted))
        self._tell_unreferenced(spans, wanted)
        digests = self._digests_of(wanted, spans)
        todo = self._look_at_what_is_there(digests)
        with Claim(self._output, state=self._digests.of_shot()) if todo else nullcontext():
            if todo:
                todo = self._look_again(digests)
            for frame in sorted(wanted.intersection(self._footage.references)):
                yield self._reference_frame(frame, digests[frame], todo=frame in todo)
            for span in spans:
                yield from self._span(span, wanted.intersection(span.frames), digests, todo)
        self._tell_coloured_plate()
        self._tell(Event(kind="done", done=self._done, total=self._total))

    def plan_run(self) -> RunPlan:
        """What `frames` would write, and all that this is decided by; nothing is coloured."""
        wanted = requested_frames(self._shot, self._footage.frames)
        cuts = self._cuts(wanted)
        spans = spans_of(self._shot, self._footage.frames, self._footage.references, cuts)
        self._tell_unreferenced(spans, wanted)
        return RunPlan(
            frames=self._footage.frames,
            references=self._footage.references,
            tracking=resolve_tracking(self._shot),
            cuts=tuple(cuts),
            spans=tuple(spans),
            digests=self._digests_of(wanted, spans),
        )

    @cached_property
    def _propagator(self) -> Propagator:
        """Made when the first frame is to be coloured: a run with nothing to do loads no network."""
        model = registry.build(self._shot.method.model, device=self._device)
        return Propagator(model, self._shot.method, device=self._device)

    def _digests_of(self, wanted: frozenset[int], spans: Iterable[Span]) -> dict[int, str]:
        """What every wanted frame carries once it is done, in order."""
        digests = {frame: self._digests.of_reference(frame) for frame in wanted.intersection(self._footage.references)}
        for span in reaching(spans, wanted):
            digests.update(dict.fromkeys(wanted.intersection(span.frames), self._digests.of_span(span)))
        return dict(sorted(digests.items()))

    def _look_at_what_is_there(self, digests: Mapping[int, str]) -> frozenset[int]:
        """The frames to be written; what is on disk in their places, and what stays, is known from then on."""
        self._found = self._existing.look(digests)
        todo = {frame for frame in digests if self._force or not self._found[frame].standing.stays}
        changed = [frame for frame, found in self._found.items() if found.standing.is_others_work]
        if changed and not self._force:
            self._warn(
                f"Frame {name_frames(changed)} of {self._output} was changed after it was written, is locked, or is "
                "none of RefColorize's: it is kept as it is. --force writes it anew."
            )
        if not self._force:
            self._reusable = self._existing.reusable({frame: digests[frame] for frame in todo})
            if todo and self._existing.has_nothing_to_reuse():
                self._warn(f"There is no frame of {self._shot.output.reuse} to reuse. Check --reuse.")
        return frozenset(todo)

    def _look_again(self, digests: Mapping[int, str]) -> frozenset[int]:
        """The frames to be written, now that nobody else writes: a run that ended meanwhile may have changed some."""
        self._found = {frame: self._existing.look_again(frame, digests[frame], self._found[frame]) for frame in digests}
        return frozenset(frame for frame in digests if self._force or not self._found[frame].standing.stays)

    def _cuts(self, wanted: frozenset[int]) -> list[int]:
        cuts = cuts_of(self._shot, self._inputs, self._footage, wanted, looks=self._looks, cache=self._cache)
        frames = list(self._footage.frames)
        outside = [cut for cut in cuts if not frames[0] < cut <= frames[-1]]
        if outside:
            self._warn(
                f"No new scene can begin at frame {name_frames(outside)} of the cuts: the plate has the frames "
                f"{frames[0]}-{frames[-1]}. Correct --cuts."
            )
        if cuts and self._shot.method.cuts == "auto":
            self._warn(f"Scene cuts before frame {name_frames(cuts)}: colour is not carried across them.")
        return cuts

    def _tell_plan(self) -> None:
        self._tell(
            Event(
                kind="plan",
                total=self._total,
                keyframes=tuple(self._footage.references),
                message=f"{self._total} frames, {len(self._footage.references)} references",
            )
        )
        for space in self._inputs.spaces:
            logger.info("%s", space)
            self._tell(Event(kind="input", message=str(space)))

    def _tell_unreferenced(self, spans: Iterable[Span], wanted: frozenset[int]) -> None:
        grey = wanted.intersection(unreferenced(spans))
        if grey and not self._shot.stills:
            self._warn(
                f"Frames {name_frames(grey)} have no reference in their scene and stay grey. "
                "Add a reference there, or a --still."
            )
        self._pass_on_warnings()

    def _tell_coloured_plate(self) -> None:
        """Name all frames of the plate that are in colour, once they have been read, if others are grey."""
        coloured = [frame for frame, in_colour in self._footage.in_colour.items() if in_colour]
        if 0 < len(coloured) < len(self._footage.in_colour):
            self._warn(
                f"Frame {name_frames(coloured)} of the plate {self._shot.plate.path} is in colour, the others that "
                "were read are grey. Check that this is the right plate."
            )

    def _span(
        self, span: Span, wanted: frozenset[int], digests: Mapping[int, str], todo: frozenset[int]
    ) -> Iterator[FrameResult]:
        rest = set()
        for frame in sorted(wanted):
            if frame not in todo:
                yield self._as_found(frame)
            elif frame in self._reusable:
                yield self._reused(frame)
            else:
                rest.add(frame)
        if not rest:
            return
        # frames are brought to full size and written beside the computing of the next ones
        with (
            Scratch() as scratch,
            ThreadPoolExecutor(_WRITERS) as beside,
            closing(self._propagator.color(span, self._footage, scratch, wanted=rest, looked_at=self._look)) as colors,
        ):
            written: deque[Future[tuple[Colored, bool]]] = deque()
            for colored in colors:
                self._check()
                plate = self._footage.plate(colored.frame)
                while written and (len(written) == _WRITERS or written[0].done()):
                    yield self._finished_as(*written.popleft().result())
                written.append(beside.submit(self._write_colored, colored, plate, digests[colored.frame]))
            while written:
                yield self._finished_as(*written.popleft().result())

    def _reference_frame(self, frame: int, digest: str, *, todo: bool) -> FrameResult:
        """A reference keeps its own colour exactly; what it does not cover is coloured from the rest of it."""
        self._check()
        if not todo:
            return self._as_found(frame)
        if frame in self._reusable:
            return self._reused(frame)
        plate, reference = self._footage.plate(frame), self._footage.reference(frame)
        rest = None if reference.known is None else self._propagator.completed(frame, self._footage)
        result = self._writer.reference_frame(frame, reference, plate, rest)
        written = self._write(result, plate, digest)
        return self._finished(frame, kept=not written, confidence=float(result.confidence.mean()), fallback=0.0)

    def _write_colored(self, colored: Colored, plate: PlateFrame, digest: str) -> tuple[Colored, bool]:
        return colored, self._write(self._writer.at_plate_size(colored, plate), plate, digest)

    def _write(self, frame: Frame, plate: PlateFrame, digest: str) -> bool:
        """Write a frame; False, and nothing is written, where somebody has put their own there meanwhile."""
        if not self._force:
            now = self._existing.look_again(frame.frame, digest, self._found[frame.frame])
            if now.standing.is_others_work:
                path = self._output.path(frame.frame)
                self._warn(
                    f"Frame {frame.frame} ({path}) was changed while the shot was coloured. It is kept as it is."
                )
                return False
        self._writer.write(frame, plate, digest)
        return True

    def _as_found(self, frame: int) -> FrameResult:
        """A frame that stays as it is, counted as finished."""
        return self._finished(frame, kept=True, confidence=self._found[frame].confidence)

    def _reused(self, frame: int) -> FrameResult:
        """A frame of the version to reuse, counted as finished."""
        return self._finished(frame, kept=True, confidence=self._existing.reuse(frame))

    def _finished_as(self, colored: Colored, written: bool) -> FrameResult:
        return self._finished(
            colored.frame, kept=not written, confidence=float(colored.confidence.mean()), fallback=colored.fallback
        )

    def _finished(
        self, frame: int, *, kept: bool = False, confidence: float | None = None, fallback: float | None = None
    ) -> FrameResult:
        self._done += 1
        result = FrameResult(frame, self._output.path(frame), kept, confidence, fallback)
        self._tell(
            Event(
                kind="frame",
                frame=frame,
                path=str(result.path),
                done=self._done,
                total=self._total,
                kept=kept,
                confidence=confidence,
                fallback=fallback,
            )
        )
        return result

    def _check(self) -> None:
        if self._cancelled():
            raise Cancelled(
                f"Cancelled after {self._done} of {self._total} frames. What is written is kept; run again to go on."
            )

    def _looks(self, frames: Iterable[int]) -> Iterator[int]:
        for frame in frames:
            self._look(frame)
            yield frame

    def _look(self, frame: int) -> None:
        self._check()
        self._tell(Event(kind="look", frame=frame, done=self._done, total=self._total))

    def _warn(self, message: str) -> None:
        """From any thread; it is told with the next event, in the caller's."""
        logger.info(message)
        self._warnings.put(message)

    def _tell(self, event: Event) -> None:
        self._pass_on_warnings()
        self._report(event)

    def _pass_on_warnings(self) -> None:
        with suppress(Empty):
            while True:
                self._report(Event(kind="warning", message=self._warnings.get_nowait()))

"""Colour a shot from end to end, plates in and EXR frames out: the order of the stages after `opened_shot`."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, nullcontext
from dataclasses import replace
from functools import cached_property, partial

import torch

from stcolor_core.errors import Cancelled
from stcolor_core.files.scratch import Scratch
from stcolor_core.heap import keep_blocks
from stcolor_core.images.sequences import FramePattern
from stcolor_core.method.colored_frame import ColoredFrame, keep_in_gamut
from stcolor_core.method.model import Model
from stcolor_core.method.on_device.frames import DeviceFrame
from stcolor_core.method.patches import PatchColor, cover
from stcolor_core.method.propagation import Propagator
from stcolor_core.models import registry
from stcolor_core.pipeline.claims import Claim
from stcolor_core.pipeline.devices import keeps_pictures, resolve_device, translate_memory_errors
from stcolor_core.pipeline.events import Event, FrameResult, Reporter
from stcolor_core.pipeline.existing import ExistingFrame
from stcolor_core.pipeline.input_record import InputRecord, find_changes
from stcolor_core.pipeline.layers import RenderedFrame
from stcolor_core.pipeline.opened_shot import OpenedShot
from stcolor_core.pipeline.output_frames import OutputFrames
from stcolor_core.pipeline.planning import (
    RunPlan,
    record_inputs,
    requested_frames,
    resolve_tracking,
)
from stcolor_core.pipeline.reference_reports import report_flaws, warn_of_no_color
from stcolor_core.pipeline.run_reports import (
    report_plan,
    require_written,
    warn_of_changes,
    warn_of_coloured_plate,
    warn_of_lost_matte,
)
from stcolor_core.pipeline.shot_plates import PlateFrame
from stcolor_core.pipeline.warn_once import WarnOnce
from stcolor_core.pipeline.workers import Workers, plan_workers, set_torch_threads
from stcolor_core.pipeline.writing import FrameWriter, WrittenFrame
from stcolor_core.shots.shot import Shot
from stcolor_core.shots.shot_files import require_reference
from stcolor_core.shots.spans import Span

__all__ = [
    "Event",
    "FrameResult",
    "RunPlan",
    "WrittenFrame",
    "colorize",
    "plan_run",
]

logger = logging.getLogger(__name__)

_PLATES_IN_BATCHES = 18  # two batches of a GPU, those read ahead and those that wait for being fused and written


def colorize(
    shot: Shot,
    *,
    device: str = "auto",
    only: str | None = None,
    force: bool = False,
    memory: float | None = None,
    report: Callable[[Event], None] = lambda _: None,
    cancelled: Callable[[], bool] = lambda: False,
    on_written: Callable[[WrittenFrame], None] = lambda _: None,
    on_inputs: Callable[[InputRecord], None] = lambda _: None,
    earlier: InputRecord | None = None,
    overwrite: bool = True,
) -> Iterator[FrameResult]:
    """Return an iterator that colours a shot frame by frame; each frame is completely written before it is yielded.

    Args:
        shot: The shot.
        device: One of `devices.DEVICES`.
        only: A frame range in place of the shot's `output.frames`; no other frame is written.
        force: Write valid frames again.
        memory: Bytes that decide how many frames are worked on at a time; None for half of the computer's memory.
        report: Called with every event, in the thread that iterates.
        cancelled: Asked before every frame. Once it returns True, Cancelled is raised and finished frames stay.
        on_written: Called with each frame after it was written, in the thread that wrote it. It must not raise.
        on_inputs: Called once, before the first frame is written, with the files that the frames are made from.
        earlier: The inputs of an earlier run of the shot that is to be completed: references that were saved beside its
            own since are left out.
        overwrite: Whether frames of RefColorize that are there may be written again because something has changed.

    Raises:
        StaleFrames: If such frames are there and may not be written again. Nothing was written.
        StcolorError: One of the errors of `stcolor_core.errors`, each with a one-line message.
    """
    place = resolve_device(device)
    run = _run(shot, place, report, cancelled, on_written, on_inputs, earlier)
    frames = run.frames(only, force=force, overwrite=overwrite, memory=memory)
    return _until_memory_is_full(frames, place)


def _until_memory_is_full(frames: Iterator[FrameResult], device: torch.device) -> Iterator[FrameResult]:
    with translate_memory_errors(device):
        yield from frames


def plan_run(shot: Shot, *, report: Callable[[Event], None] = lambda _: None) -> RunPlan:
    """Return what `colorize` would do with a shot; reads the plate if cuts are to be found, and colours nothing.

    Everything except the frames' pixels is checked as `colorize` checks it.

    Args:
        shot: The shot.
        report: Called with every event.

    Raises:
        StcolorError: The errors of `colorize`.
    """
    return _run(shot, torch.device("cpu"), report, lambda: False).plan()


def _run(
    shot: Shot,
    device: torch.device,
    report: Callable[[Event], None],
    cancelled: Callable[[], bool],
    on_written: Callable[[WrittenFrame], None] = lambda _: None,
    on_inputs: Callable[[InputRecord], None] = lambda _: None,
    earlier: InputRecord | None = None,
) -> _Run:
    shot = replace(shot, method=replace(shot.method, tracking=resolve_tracking(shot)))
    return _Run(shot, device, Reporter(report, cancelled), on_written, on_inputs, earlier)


class _Run:
    """One call of `colorize`: the state that its stages share."""

    def __init__(
        self,
        shot: Shot,
        device: torch.device,
        reporter: Reporter,
        on_written: Callable[[WrittenFrame], None],
        on_inputs: Callable[[InputRecord], None],
        earlier: InputRecord | None,
    ) -> None:
        require_reference(shot)
        self._shot, self._device, self._reporter = shot, device, reporter
        self._on_written, self._on_inputs = on_written, on_inputs
        self._output = FramePattern.parse(shot.output.path, role="The output")
        self._frames = OutputFrames(shot, self._output, reporter, earlier=earlier)
        self._opened = OpenedShot(shot, self._output, device=device, reporter=reporter, earlier=earlier)
        self._inputs, self._footage = self._opened.inputs, self._opened.footage
        self._flaws, self._patches = self._opened.flaws, self._opened.patches
        self._writer = FrameWriter(shot, self._inputs, self._footage)
        self._workers = Workers(1, 1)
        self._loading: Future[Model] | None = None

    def frames(
        self, only: str | None, *, force: bool, overwrite: bool = True, memory: float | None = None
    ) -> Iterator[FrameResult]:
        """Yield the references, then the frames of each span in time order, in the order in which they are coloured."""
        requested = requested_frames(self._shot, self._footage.frames, only)
        self._reporter.total = len(requested)
        self._plan_workers(memory)
        report_plan(self._reporter, self._footage.references, self._footage.patches, self._inputs.spaces)
        _, spans = self._opened.plan_spans(requested)
        digests = self._opened.digest_frames(requested, spans)
        if self._count_touched_as_before(digests, requested, spans):
            digests = self._opened.digest_frames(requested, spans)
        todo = self._frames.inspect(digests, force=force, overwrite=overwrite, warn_of_stale=only is None)
        walks_to = self._patches.walks_to
        record = record_inputs(self._shot, self._inputs, self._opened.digests, requested, spans, walks_to, digests)
        self._on_inputs(record)
        with (
            self._opened.contents.kept(),
            Claim(self._output, state=self._opened.digests.of_shot()) if todo else nullcontext(),
            ThreadPoolExecutor(1) as loader,
        ):
            if todo:
                todo = self._frames.inspect_again(digests)
            if todo - self._frames.reusable - set(self._footage.references):  # the references are written meanwhile
                self._loading = loader.submit(self._build_model)
            # what is coloured, and what stays grey, is told only once nothing known refuses the shot
            self._opened.warn_of_unreferenced(requested, spans)
            report_flaws(self._reporter, self._flaws, self._footage.references, spans, requested)
            try:
                for frame in sorted(requested.intersection(self._footage.references)):
                    yield self._finish_reference(frame, digests[frame], todo=frame in todo)
                for span in spans:
                    yield from self._color_span(span, requested.intersection(span.frames), digests, todo)
            except Cancelled:  # the line counts what is on disk, in the spans to come too
                for frame in sorted(requested - todo - self._reporter.finished):
                    yield self._finish_existing(frame, self._frames.file(frame))
                raise self._reporter.cancelled() from None
        require_written(self._output, requested)
        if made := todo - self._frames.reusable:
            warn_of_changes(self._reporter, record, find_changes(record, self._shot, only=made), made)
        if not self._footage.patches and not self._shot.stills:
            warn_of_no_color(self._reporter, self._flaws, self._footage.references, requested)
        warn_of_coloured_plate(self._reporter, self._shot.plate.path, self._footage.in_colour)
        self._reporter.report(Event(kind="done", done=self._reporter.done, total=self._reporter.total))

    def plan(self) -> RunPlan:
        """Return what `frames` would write and everything that decides it; no frame is coloured."""
        return self._opened.plan()

    def _plan_workers(self, memory: float | None) -> None:
        canvas, recurrent = self._footage.canvas, registry.is_recurrent(self._shot.method.model)
        self._workers = plan_workers(
            (canvas[3], canvas[2]),
            self._footage.working_size,
            recurrent=recurrent,
            device=self._device,
            memory=memory,
        )
        plates = self._workers.plates
        self._footage.keep_plates(plates if self._device.type == "cpu" else max(plates, _PLATES_IN_BATCHES))
        set_torch_threads(self._workers)
        keep_blocks(large_maps=recurrent)  # the networks of such models are the large ones
        logger.info("%d frames at a time in each stage, %d written", self._workers.frames, self._workers.writers)

    def _build_model(self) -> Model:
        method = self._shot.method
        return registry.build(method.model, device=self._device, optical_flow=method.optical_flow)

    @cached_property
    def _propagator(self) -> Propagator:
        """Return the propagator, built when the first frame is coloured: a run without work loads no network."""
        method = self._shot.method
        model = self._build_model() if self._loading is None else self._loading.result()
        tensors = keeps_pictures(self._device)
        workers = self._workers.frames
        warn = partial(warn_of_lost_matte, WarnOnce(self._reporter.warn))
        return Propagator(model, method, device=self._device, tensors=tensors, workers=workers, on_lost_matte=warn)

    def _count_touched_as_before(
        self, digests: Mapping[int, str], requested: frozenset[int], spans: Sequence[Span]
    ) -> bool:
        """Let files that were only touched count as they were, unless more frames are valid as the files are now."""
        mattes = self._inputs.mattes.all() if self._shot.method.uses_instances else []
        contents, files = self._opened.contents, self._inputs.states.statuses(mattes)
        if not contents.may_be_touched(files):
            return False
        valid = self._frames.count_valid(digests)
        if valid == len(digests) or not (touched := contents.find_touched(files)):
            return False
        contents.hold(touched)
        if self._frames.count_valid(self._opened.digest_frames(requested, spans)) >= valid:
            return True
        contents.hold({})
        return False

    def _color_span(
        self, span: Span, requested: frozenset[int], digests: Mapping[int, str], todo: frozenset[int]
    ) -> Iterator[FrameResult]:
        to_color = set()
        for frame in sorted(requested):
            if frame not in todo:
                yield self._finish_existing(frame, self._frames.file(frame))
            elif frame in self._frames.reusable:
                yield self._finish_existing(frame, self._frames.reuse(frame))
            else:
                to_color.add(frame)
        if not to_color:
            return
        look = self._reporter.report_look
        # worker threads upsample and write frames while the next ones are computed
        with (
            Scratch() as scratch,
            ThreadPoolExecutor(self._workers.writers) as writers,
            closing(
                self._propagator.color_in_place(span, self._footage, scratch, wanted=to_color, on_read=look)
            ) as colors,
        ):
            patches_of = self._patches.color(span, self._propagator, scratch, wanted=to_color)
            pending: deque[Future[FrameResult]] = deque()
            try:
                for colored in colors:
                    self._reporter.raise_if_cancelled()
                    while pending and (len(pending) == self._workers.writers or pending[0].done()):
                        yield self._reporter.report_frame(pending.popleft().result())
                    parts = (
                        scratch.take(name, colored.frame, PatchColor, device=self._device)
                        for name in patches_of(colored.frame)
                    )
                    if self._flaws.found:  # the frame's digest has asked for all references that colour it
                        colored = self._footage.distrust(colored.to_host())
                    if self._footage.painted:
                        colored = keep_in_gamut(colored.to_host(), self._footage.painted)
                    if patched := [*self._patches.own(colored.frame), *parts]:
                        colored = cover(colored.to_host(), patched)
                    plate = self._footage.take_plate(colored.frame)
                    pending.append(writers.submit(self._write_colored, colored, plate, digests[colored.frame]))
                    del colored, plate  # they are freed once they are written
            except Cancelled:
                while pending:  # they are written in any case
                    yield self._reporter.report_frame(pending.popleft().result())
                raise
            while pending:
                yield self._reporter.report_frame(pending.popleft().result())

    def _finish_reference(self, frame: int, digest: str, *, todo: bool) -> FrameResult:
        """Write a reference frame: known colour is kept exactly, and the rest of the frame is coloured from it."""
        self._reporter.raise_if_cancelled()
        if not todo:
            return self._finish_existing(frame, self._frames.file(frame))
        if frame in self._frames.reusable:
            return self._finish_existing(frame, self._frames.reuse(frame))
        plate, reference = self._footage.plate(frame), self._footage.reference(frame)
        rest = None if reference.known is None else self._propagator.complete_reference(frame, self._footage)
        if rest is not None and self._footage.painted:
            rest = keep_in_gamut(rest.to_host(), self._footage.painted)
        rendered = self._writer.render_reference(frame, reference, plate, rest)
        if frame in self._footage.patches:
            rendered = self._writer.add_patch(rendered)
        room = self._write(rendered, plate, digest)
        confidence = float(rendered.confidence.mean())
        return self._finish(frame, kept=room is None, confidence=confidence, fallback=0.0, room=room)

    def _write_colored(self, colored: ColoredFrame | DeviceFrame, plate: PlateFrame, digest: str) -> FrameResult:
        if isinstance(colored, DeviceFrame):
            rendered, large = self._writer.render_on_device(colored, plate)
            confidence, fallback = large.mean_confidence, large.fallback
        else:
            rendered = self._writer.upsample_frame(colored, plate)
            confidence, fallback = float(colored.confidence.mean()), colored.fallback
        if self._writer.stays_grey:
            confidence, fallback = 1.0, 0.0
        if colored.frame in self._footage.patches:
            rendered = self._writer.add_patch(rendered)
        room = self._write(rendered, plate, digest)
        return FrameResult(colored.frame, self._output.path(colored.frame), room is None, confidence, fallback, room)

    def _write(self, frame: RenderedFrame, plate: PlateFrame, digest: str) -> float | None:
        """Write a frame and return the room for colour of its plate.

        Returns None if another run has written it meanwhile, or somebody has changed it.
        """
        if not self._frames.may_write(frame.frame, digest):
            return None
        written = self._writer.write(frame, plate, digest)
        self._on_written(written)
        return written.room

    def _finish_existing(self, frame: int, file: ExistingFrame) -> FrameResult:
        """Finish a frame whose file stays as it is, or was copied from the version to reuse."""
        return self._finish(frame, kept=True, confidence=file.confidence, room=file.room)

    def _finish(
        self,
        frame: int,
        *,
        kept: bool,
        confidence: float | None,
        fallback: float | None = None,
        room: float | None = None,
    ) -> FrameResult:
        path = self._output.path(frame)
        return self._reporter.report_frame(FrameResult(frame, path, kept, confidence, fallback, room))

"""Colour a shot from end to end, plates in and EXR frames out. Only this module knows the order of the stages."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, nullcontext
from dataclasses import replace
from functools import cached_property, partial

import torch

from stcolor_core.files.scratch import Scratch
from stcolor_core.files.stat_cache import StatCache
from stcolor_core.heap import keep_blocks
from stcolor_core.images.sequences import FramePattern
from stcolor_core.method.colored_frame import ColoredFrame
from stcolor_core.method.model import Model
from stcolor_core.method.on_device.frames import DeviceFrame
from stcolor_core.method.patches import PatchColor, cover
from stcolor_core.method.propagation import Propagator
from stcolor_core.models import registry
from stcolor_core.pipeline.claims import Claim
from stcolor_core.pipeline.devices import keeps_pictures, resolve_device, translate_memory_errors
from stcolor_core.pipeline.digest import Digests
from stcolor_core.pipeline.events import Event, FrameResult, Reporter
from stcolor_core.pipeline.existing import ExistingFrame, ExistingFrames, OutputState
from stcolor_core.pipeline.footage import ShotFootage
from stcolor_core.pipeline.input_record import InputRecord, find_changes
from stcolor_core.pipeline.inputs import ShotInputs
from stcolor_core.pipeline.layers import RenderedFrame
from stcolor_core.pipeline.planning import (
    RunPlan,
    detector_digest,
    load_detector,
    plan_spans,
    record_inputs,
    requested_frames,
    resolve_tracking,
)
from stcolor_core.pipeline.protection import refuse_results_as_references, refuse_to_write
from stcolor_core.pipeline.reference_flaws import ReferenceFlaws
from stcolor_core.pipeline.run_reports import (
    leave_out_idle,
    report_flaws,
    report_plan,
    report_transitions,
    require_written,
    stale_frames,
    warn_of_changes,
    warn_of_coloured_plate,
    warn_of_lost_matte,
    warn_of_no_color,
    warn_of_open_dissolves,
    warn_of_others_work,
    warn_of_reuse,
    warn_of_rewriting,
    warn_of_unreferenced,
)
from stcolor_core.pipeline.shot_patches import ShotPatches
from stcolor_core.pipeline.shot_plates import PlateFrame
from stcolor_core.pipeline.strangers import settle_keyframes
from stcolor_core.pipeline.transition_search import find_transitions
from stcolor_core.pipeline.warn_once import WarnOnce
from stcolor_core.pipeline.workers import Workers, plan_workers, set_torch_threads
from stcolor_core.pipeline.writing import FrameWriter, WrittenFrame
from stcolor_core.remedies import advise
from stcolor_core.shots.output_folder import require_frame_field
from stcolor_core.shots.shot import Shot
from stcolor_core.shots.shot_files import require_reference
from stcolor_core.shots.spans import Span, spans_containing
from stcolor_core.shots.transitions import Transitions

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
        self._on_written, self._on_inputs, self._earlier = on_written, on_inputs, earlier
        self._output = FramePattern.parse(shot.output.path, role="The output")
        reuse = FramePattern.parse(shot.output.reuse, role="The earlier version") if shot.output.reuse else None
        self._existing = ExistingFrames(self._output, reuse, link=shot.output.link, layers=shot.output.written_layers)
        self._cache = StatCache()
        model = registry.digest(shot.method.model, optical_flow=shot.method.optical_flow)
        choose = {} if earlier is None else {"choose": earlier.only_recorded}
        self._inputs = ShotInputs(shot, warn=reporter.warn, cache=self._cache, **choose)
        require_frame_field(self._output, self._inputs.frames)
        refuse_to_write(map(self._output.path, self._inputs.frames), shot, remedy=f"{advise('output')}.")
        refuse_results_as_references(shot, self._inputs)
        instances = shot.method.uses_instances
        detector = load_detector(shot, device) if instances and not shot.mattes else None
        self._flaws = ReferenceFlaws(shot, self._inputs, self._cache)
        self._footage = ShotFootage(
            shot,
            self._inputs,
            use_instances=instances,
            detector=detector,
            flaws=self._flaws,
            warn=reporter.warn,
            queue=reporter.queue,
        )
        self._digests = Digests(
            shot,
            self._inputs,
            canvas=self._footage.canvas,
            model=model,
            detector=detector_digest(shot, self._inputs),
            flaws=self._flaws,
        )
        self._footage.refuse_misfits()
        self._patches = ShotPatches(self._footage, reporter)
        self._writer = FrameWriter(shot, self._inputs, self._footage)
        self._files: Mapping[int, ExistingFrame] = {}  # at the output paths, as last inspected
        self._reusable: frozenset[int] = frozenset()
        self._force, self._overwrite, self._chosen = False, True, False
        self._workers = Workers(1, 1)
        self._loading: Future[Model] | None = None

    def frames(
        self, only: str | None, *, force: bool, overwrite: bool = True, memory: float | None = None
    ) -> Iterator[FrameResult]:
        """Yield the references, then the frames of each span in time order, in the order in which they are coloured."""
        requested = requested_frames(self._shot, self._footage.frames, only)
        self._reporter.total, self._chosen = len(requested), only is not None
        self._force, self._overwrite = force, overwrite
        self._plan_workers(memory)
        report_plan(self._reporter, self._footage.references, self._footage.patches, self._inputs.spaces)
        _, spans = self._plan_spans(requested)
        digests = self._digest_frames(requested, spans)
        todo = self._inspect_output(digests)
        walks_to = self._patches.walks_to
        record = record_inputs(self._shot, self._inputs, self._digests, requested, spans, walks_to, digests)
        self._on_inputs(record)
        with (
            Claim(self._output, state=self._digests.of_shot()) if todo else nullcontext(),
            ThreadPoolExecutor(1) as loader,
        ):
            if todo:
                todo = self._inspect_output_again(digests)
            if todo - self._reusable - set(self._footage.references):  # the references are written meanwhile
                self._loading = loader.submit(self._build_model)
            # what is coloured, and what stays grey, is told only once nothing known refuses the shot
            self._warn_of_unreferenced(requested, spans)
            report_flaws(self._reporter, self._flaws, self._footage.references, spans, requested)
            for frame in sorted(requested.intersection(self._footage.references)):
                yield self._finish_reference(frame, digests[frame], todo=frame in todo)
            for span in spans:
                yield from self._color_span(span, requested.intersection(span.frames), digests, todo)
        require_written(self._output, requested)
        if made := todo - self._reusable:
            warn_of_changes(self._reporter, record, find_changes(record, self._shot, only=made), made)
        if not self._footage.patches and not self._shot.stills:
            warn_of_no_color(self._reporter, self._flaws, self._footage.references, requested)
        warn_of_coloured_plate(self._reporter, self._shot.plate.path, self._footage.in_colour)
        self._reporter.report(Event(kind="done", done=self._reporter.done, total=self._reporter.total))

    def plan(self) -> RunPlan:
        """Return what `frames` would write and everything that decides it; no frame is coloured."""
        requested = requested_frames(self._shot, self._footage.frames)
        transitions, spans = self._plan_spans(requested)
        digests = self._digest_frames(requested, spans)
        self._warn_of_unreferenced(requested, spans)
        return RunPlan(
            frames=self._footage.frames,
            references=self._footage.references,
            patches=self._footage.patches,
            tracking=resolve_tracking(self._shot),
            transitions=transitions,
            spans=tuple(spans),
            digests=digests,
        )

    def _plan_spans(self, requested: frozenset[int]) -> tuple[Transitions, list[Span]]:
        """Return the transitions and the spans; plan the patches."""
        leave_out_idle(self._reporter, self._flaws, self._inputs.references)
        settle_keyframes(self._shot, self._inputs, self._footage, self._flaws, self._cache)
        transitions = self._find_transitions(requested)
        spans = plan_spans(self._shot, self._footage.frames, self._footage.references, transitions)
        self._patches.plan(transitions.scene_starts)
        return transitions, spans

    def _warn_of_unreferenced(self, requested: frozenset[int], spans: Sequence[Span]) -> None:
        walks, stills = self._patches.walks, bool(self._shot.stills or self._inputs.strangers)
        warn_of_unreferenced(self._reporter, spans, requested, walks=walks, stills=stills, flaws=self._flaws)

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

    def _digest_frames(self, requested: frozenset[int], spans: Iterable[Span]) -> dict[int, str]:
        """Return the digest of every requested frame, in ascending order of frames."""
        references = requested.intersection(self._footage.references)
        digests = {frame: self._digests.of_reference(frame) for frame in references}
        for span in spans_containing(spans, requested):
            digest = self._digests.of_span(span, self._patches.walks_to(span))
            digests.update(dict.fromkeys(requested.intersection(span.frames), digest))
        return dict(sorted(digests.items()))

    def _inspect_output(self, digests: Mapping[int, str]) -> frozenset[int]:
        """Inspect the files at the output paths, and those to reuse; return the frames to write."""
        self._files = self._existing.inspect(digests)
        todo = self._frames_to_write(digests)
        if not self._force:
            if not self._chosen:
                warn_of_rewriting(self._reporter, self._output, self._stale(todo))
            warn_of_others_work(self._reporter, self._output, self._files)
            self._reusable = self._existing.find_reusable({frame: digests[frame] for frame in todo})
            nothing_there = bool(todo) and self._existing.has_nothing_to_reuse()
            changed = self._existing.changed_earlier
            warn_of_reuse(self._reporter, self._shot.output.reuse, nothing_there=nothing_there, changed=changed)
        return todo

    def _inspect_output_again(self, digests: Mapping[int, str]) -> frozenset[int]:
        """Inspect again under the claim, since another run may have written frames meanwhile; return those to write."""
        inspect = self._existing.inspect_again
        self._files = {frame: inspect(frame, digests[frame], self._files[frame]) for frame in digests}
        return self._frames_to_write(digests)

    def _frames_to_write(self, digests: Mapping[int, str]) -> frozenset[int]:
        todo = frozenset(frame for frame in digests if self._force or not self._files[frame].state.is_kept)
        if not self._overwrite and (stale := self._stale(todo)):
            raise stale_frames(stale, [] if self._earlier is None else find_changes(self._earlier, self._shot))
        return todo

    def _stale(self, frames: Iterable[int]) -> list[int]:
        return sorted(frame for frame in frames if self._files[frame].state is OutputState.STALE)

    def _find_transitions(self, requested: frozenset[int]) -> Transitions:
        found = find_transitions(
            self._shot,
            self._inputs,
            self._footage,
            requested,
            looks=self._reporter.looks,
            check=self._reporter.raise_if_cancelled,
            cache=self._cache,
        )
        if self._shot.method.cuts == "auto":
            report_transitions(self._reporter, found)
        else:
            warn_of_open_dissolves(self._reporter, found, list(self._footage.frames))
        return found

    def _color_span(
        self, span: Span, requested: frozenset[int], digests: Mapping[int, str], todo: frozenset[int]
    ) -> Iterator[FrameResult]:
        to_color = set()
        for frame in sorted(requested):
            if frame not in todo:
                yield self._finish_existing(frame, self._files[frame])
            elif frame in self._reusable:
                yield self._finish_existing(frame, self._existing.reuse(frame))
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
            patches = self._patches.color(span, self._propagator, scratch, wanted=to_color)
            pending: deque[Future[FrameResult]] = deque()
            for colored in colors:
                self._reporter.raise_if_cancelled()
                while pending and (len(pending) == self._workers.writers or pending[0].done()):
                    yield self._reporter.report_frame(pending.popleft().result())
                parts = (
                    scratch.take(name, colored.frame, PatchColor, device=self._device)
                    for name in patches.get(colored.frame, ())
                )
                if self._flaws.found:  # the frame's digest has asked for all references that colour it
                    colored = self._footage.distrust(colored.to_host())
                if patched := [*self._patches.own(colored.frame), *parts]:
                    colored = cover(colored.to_host(), patched)
                plate = self._footage.take_plate(colored.frame)
                pending.append(writers.submit(self._write_colored, colored, plate, digests[colored.frame]))
            while pending:
                yield self._reporter.report_frame(pending.popleft().result())

    def _finish_reference(self, frame: int, digest: str, *, todo: bool) -> FrameResult:
        """Write a reference frame: known colour is kept exactly, and the rest of the frame is coloured from it."""
        self._reporter.raise_if_cancelled()
        if not todo:
            return self._finish_existing(frame, self._files[frame])
        if frame in self._reusable:
            return self._finish_existing(frame, self._existing.reuse(frame))
        plate, reference = self._footage.plate(frame), self._footage.reference(frame)
        rest = None if reference.known is None else self._propagator.complete_reference(frame, self._footage)
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
        if not self._force:
            file = self._existing.inspect_again(frame.frame, digest, self._files[frame.frame])
            if file.state.is_others_work:
                path = self._output.path(frame.frame)
                self._reporter.warn(
                    f"Frame {frame.frame} ({path}) was changed while the shot was coloured. It is kept as it is."
                )
                return None
            if file.state is OutputState.VALID:  # another run of this shot has written it meanwhile
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

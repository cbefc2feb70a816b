"""Propagation of colour through one span at working size: walk outward from its references, track, warp, refine.

Akimoto et al. 2020, section 3; see docs/method.md, "Spans, stills and cuts".

A span bounded by one reference is walked once, away from it. A span between two references is first tracked backward
from the later one, then walked forward with the tracks to both. A recurrent refinement also runs backward, and the two
results are blended by their distance in time, so that the colour meets both references without a jump.

The frames of a dissolve mix the colours of the two scenes around it (`method.dissolve`).

If only some frames of a span are needed, the walks stop at the last of them; frames passed on the way are only tracked.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Generator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from typing import cast

import numpy as np
import torch

from stcolor_core.arrays import Chroma
from stcolor_core.files.prefetch import prefetch
from stcolor_core.files.scratch import Scratch
from stcolor_core.method.assembling import make_colored, make_grey, make_unfused
from stcolor_core.method.carried_mattes import carry_mattes
from stcolor_core.method.carried_patches import PatchCarrier, PatchedFootage
from stcolor_core.method.colored_frame import ColoredFrame
from stcolor_core.method.dissolve import SceneEnd, carry_scene, estimate_shares, find_turn, mix
from stcolor_core.method.footage import Footage
from stcolor_core.method.fusion import Unfused, find_neighbours, fuse, gather_neighbours
from stcolor_core.method.light_limits import settle
from stcolor_core.method.matching import Matching
from stcolor_core.method.model import Model
from stcolor_core.method.on_device.assembly import make_device_spans
from stcolor_core.method.on_device.frames import DeviceFrame
from stcolor_core.method.on_device.spans import LEAST_LINES
from stcolor_core.method.reference_frames import ReferenceFrames
from stcolor_core.method.references import PreparedReference, temporal_weights
from stcolor_core.method.refinement import Evidence, WalkState
from stcolor_core.method.span_walk import Matched, SpanTask, SpanWalk, announce
from stcolor_core.method.tracking.lost_mattes import LostMatte
from stcolor_core.shots.settings import Method
from stcolor_core.shots.spans import Side, Span

__all__ = ["ColoredFrame", "Footage", "PatchedFootage", "Propagator"]


class Propagator:
    """Colours spans with one model on one device. Holds no state between spans.

    Attributes:
        patches: Carries patches with the same model.
    """

    def __init__(
        self,
        model: Model,
        method: Method,
        *,
        device: torch.device,
        tensors: bool | None = None,
        workers: int = 1,
        on_lost_matte: Callable[[LostMatte], None] = lambda _: None,
    ) -> None:
        """Combine a model with a shot's settings.

        Args:
            model: The colour model.
            method: The shot's settings.
            device: Device that the model is on.
            tensors: Whether pictures stay on the device where the settings allow it (`method.on_device`); None for
                yes, unless it is the CPU.
            workers: How many frames each stage works on at a time.
            on_lost_matte: Called with each object and stretch of frames in which a carried matte was lost.
        """
        self._workers, self._on_lost_matte = workers, on_lost_matte
        self._refinement, self._device, self._uses_mattes = model.refinement, device, method.uses_instances
        self._matching = Matching(model, method, device=device)
        self._reference_frames = ReferenceFrames(self._matching, model.refinement)
        self._walk = SpanWalk(self._matching, recurrent=model.refinement.recurrent, device=device, workers=workers)
        self.patches = PatchCarrier(self._matching, model.refinement, self._walk)
        tensors = device.type != "cpu" if tensors is None else tensors
        self._device_spans = make_device_spans(model, method, device) if tensors else None

    @torch.no_grad()
    def color(
        self,
        span: Span,
        footage: Footage,
        scratch: Scratch,
        *,
        wanted: Collection[int] | None = None,
        on_read: Callable[[int], None] = lambda _: None,
    ) -> Generator[ColoredFrame, None, None]:
        """Colour the wanted frames of a span, one by one in the order of the walk.

        As `color_in_place`, with every frame in the computer's memory.

        Args:
            span: As for `color_in_place`.
            footage: As for `color_in_place`.
            scratch: As for `color_in_place`.
            wanted: As for `color_in_place`.
            on_read: As for `color_in_place`.

        Yields:
            One coloured frame after the other.
        """
        with closing(self.color_in_place(span, footage, scratch, wanted=wanted, on_read=on_read)) as frames:
            for frame in frames:
                yield frame.to_host()

    @torch.no_grad()
    def color_in_place(
        self,
        span: Span,
        footage: Footage,
        scratch: Scratch,
        *,
        wanted: Collection[int] | None = None,
        on_read: Callable[[int], None] = lambda _: None,
    ) -> Generator[ColoredFrame | DeviceFrame, None, None]:
        """Colour the wanted frames of a span, one by one in the order of the walk, and leave them on the device.

        The choice of wanted frames changes no pixel.

        Args:
            span: The span.
            footage: The shot's pictures.
            scratch: Temporary storage for the tracks that one walk leaves for the next.
            wanted: Frame numbers within the span; None for all.
            on_read: Called with each frame number before the frame is read, in the consumer's thread. An exception it
                raises ends the work.

        Yields:
            One coloured frame after the other.
        """
        wanted = frozenset(span.frames if wanted is None else wanted)
        if span.sides:
            yield from self._color_dissolve(span, footage, scratch, wanted=wanted, on_read=on_read)
            return
        if self._uses_mattes and span.references:
            near = find_neighbours(span.outward, wanted, self._reach(span))
            needed = {frame for walk in span.walks(near) for frame in walk}
            footage = carry_mattes(
                span,
                footage,
                scratch,
                view=lambda lightness: self._matching.make_view(lightness, None),
                temperature=self._matching.temperature,
                needed=needed,
                on_read=on_read,
                on_lost=self._on_lost_matte,
            )
        with ThreadPoolExecutor(1) as ahead:  # one core would wait for the first features
            first = self._find_first(span, wanted)
            seen = {frame: ahead.submit(self._walk.see, footage, frame) for frame in announce(first, on_read)}
            references = [
                self._reference_frames.prepare(frame, footage) for frame in announce(span.references, on_read)
            ]
            references += [self._matching.prepare_reference(None, still) for still in footage.stills]
        task = SpanTask(span, references, footage, scratch, on_read, seen)
        if not references:
            frames = announce([frame for frame in span.frames if frame in wanted], on_read)
            yield from (self._settle(make_grey(frame, footage.lightness(frame))) for frame in frames)
        elif self._device_spans is not None and self._fits_device(references):
            lightness = footage.lightness
            yield from self._device_spans.color(span, references, lightness, scratch, wanted=wanted, on_read=on_read)
        elif self._refinement.recurrent and span.between:
            yield from map(self._settle, self._color_both_ways(task, wanted))
        else:
            yield from map(self._settle, self._color_one_way(task, wanted))

    def _find_first(self, span: Span, wanted: Collection[int]) -> tuple[int, ...]:
        """Return the first frame of the walk if its features will be needed, else nothing."""
        if self._device_spans is not None or not span.bounded:
            return ()
        first = span.outward[:1]
        if self._refinement.recurrent:  # it needs all frames up to the last that is wanted
            return first if wanted else ()
        near = find_neighbours(span.outward, wanted, self._refinement.reach + 1)
        return first if near.issuperset(first) else ()

    def _settle(self, colored: ColoredFrame) -> ColoredFrame:
        """Return a frame without chroma where its light leaves none, and certain there."""
        if not self._matching.follows_light:
            return colored
        ab, confidence = settle(colored.lightness, colored.ab, colored.confidence)
        return replace(colored, ab=ab, confidence=confidence)

    def _fits_device(self, references: Sequence[PreparedReference]) -> bool:
        """Return whether the pictures are large enough for `method.on_device`."""
        return all(min(reference.view.lightness.shape) >= LEAST_LINES for reference in references)

    def complete_reference(self, frame: int, footage: Footage) -> ColoredFrame:
        """Return a reference's frame, its unknown part coloured from its known part by features.

        Known pixels keep their colour, with confidence 1 or the keyframe's certainty. A keyframe that shows another
        frame, or none, colours this one like any other.

        Args:
            frame: Frame number of the reference.
            footage: The shot's pictures.
        """
        return self._reference_frames.color(frame, footage)

    def _color_dissolve(
        self,
        span: Span,
        footage: Footage,
        scratch: Scratch,
        *,
        wanted: frozenset[int],
        on_read: Callable[[int], None],
    ) -> Iterator[ColoredFrame]:
        """Colour the frames of a dissolve by mixing the colours of the frames before and after it.

        In a fade no frame shows both scenes. So each scene goes on into the dark as if there was a cut, which is better
        than carrying one frame of it, if its light is followed.

        The scene after it is carried back through all frames first, then the scene before it forward, so that two
        pictures are in memory at a time.
        """
        # the shares need all frames, but only small ones
        ends = [footage.lightness(frame) for frame in announce([side.end for side in span.sides], on_read)]
        pictures = (footage.lightness(frame) for frame in announce(span.frames, on_read))
        estimated = estimate_shares(ends[0], ends[1], pictures)
        if self._matching.follows_light and (turn := find_turn(estimated)) is not None:
            for side, part in zip(span.sides, (span.frames[:turn], span.frames[turn:]), strict=True):
                if asked := wanted.intersection(part):
                    yield from self.color(side.continued(part), footage, scratch, wanted=asked, on_read=on_read)
            return
        before, after = (self._color_end(side, footage, scratch, on_read) for side in span.sides)
        shares = dict(zip(span.frames, estimated, strict=True))
        back = ((footage.lightness(frame), *shares[frame][::-1]) for frame in announce(span.frames[::-1], on_read))
        for frame, carried in zip(span.frames[::-1], carry_scene(after, back), strict=True):
            if frame in wanted:
                scratch.save("carried", frame, carried)
        ahead = ((footage.lightness(frame), *shares[frame]) for frame in announce(span.frames, on_read))
        for frame, carried in zip(span.frames, carry_scene(before, ahead), strict=True):
            if frame in wanted:
                other = scratch.take("carried", frame, SceneEnd, device=self._device)
                lightness = footage.lightness(frame)
                mixed = mix(lightness, carried, other)
                colored = ColoredFrame(
                    frame=frame,
                    lightness=lightness,
                    ab=mixed.ab,
                    confidence=mixed.confidence,
                    tracked=np.ones_like(lightness),
                    source=mixed.source,
                    displacement=None,
                    mattes=None,
                    fallback=0.0,
                )
                yield self._settle(colored)

    def _color_end(self, side: Side, footage: Footage, scratch: Scratch, on_read: Callable[[int], None]) -> SceneEnd:
        """Colour the frame of one scene next to a dissolve."""
        if side.span is not None:
            (colored,) = self.color(side.span, footage, scratch, wanted={side.end}, on_read=on_read)
            return SceneEnd(colored.lightness, colored.ab, colored.confidence, colored.source)
        on_read(side.end)
        reference = self._reference_frames.prepare(side.end, footage)
        state = reference.state
        source = np.full_like(state.lightness, side.end)
        return SceneEnd(state.lightness, state.ab, state.confidence, source)

    def _color_one_way(self, task: SpanTask, wanted: Collection[int]) -> Iterator[ColoredFrame]:
        """Colour away from the first bounding reference, or in the order of time if there are only stills.

        Tracked frames are fused with their neighbours on the walk, which are coloured too.
        """
        reach, outward = self._reach(task.span), task.span.outward
        colored = self._color_unfused(task, find_neighbours(outward, wanted, reach))
        for own, before, after in gather_neighbours(colored, outward, wanted, reach):
            yield fuse(own, before, after) if reach else own.colored

    def _reach(self, span: Span) -> int:
        """Return how many frames on either side a frame of a span is fused with."""
        return self._refinement.reach if span.bounded else 0

    def _color_unfused(self, task: SpanTask, wanted: Collection[int]) -> Iterator[tuple[int, Unfused]]:
        """Colour frames by themselves, in the order of the walk.

        A refinement that is not recurrent needs only the frame before each wanted one.
        """
        previous = task.references[0].state if task.span.bounded else None
        _, walk = task.span.walks(wanted)
        if self._refinement.recurrent:
            needed = set(walk)
        else:
            neighbours = zip(walk, walk[1:], strict=False) if task.span.bounded else ()
            needed = {*wanted, *(before for before, frame in neighbours if frame in wanted)}
        if self._workers > 1 and not self._refinement.recurrent:
            yield from self._refine_apart(task, wanted, needed, previous)
            return
        for frame, evidence, tracks in self._walk.match_frames(task, needed=needed):
            refined = self._refinement.refine(evidence, previous)
            previous = refined.state
            if frame in wanted:
                unfused = make_unfused(frame, evidence, refined, task.references, tracks)
                del evidence, refined, tracks  # far more than the frame itself, and it may wait for others
                yield frame, unfused

    def _refine_apart(
        self, task: SpanTask, wanted: Collection[int], needed: Collection[int], first: WalkState | None
    ) -> Iterator[tuple[int, Unfused]]:
        """Refine several frames at a time: what a frame needs of the one before is computed from its evidence again."""

        @torch.no_grad()
        def refine(matched: tuple[Matched, Evidence | None]) -> tuple[int, Unfused]:
            (frame, evidence, tracks), before = matched
            previous = first if before is None else self._refinement.walk_state(before)
            refined = self._refinement.refine(evidence, previous)
            return frame, make_unfused(frame, evidence, refined, task.references, tracks)

        def pairs() -> Iterator[tuple[Matched, Evidence | None]]:
            before: Evidence | None = None
            for matched in self._walk.match_frames(task, needed=needed):
                if matched[0] in wanted:
                    yield matched, before
                before = matched[1]

        yield from prefetch(refine, pairs(), workers=self._workers)

    def _color_both_ways(self, task: SpanTask, wanted: Collection[int]) -> Iterator[ColoredFrame]:
        """Run a recurrent refinement from both ends and blend the two results by distance in time."""
        first, last = task.references[:2]
        previous = first.state
        for frame, evidence, tracks in self._walk.match_frames(task, needed=task.span.frames):
            refined = self._refinement.refine(evidence, previous)
            previous = refined.state
            task.scratch.save("evidence", frame, evidence)
            if frame in wanted:
                task.scratch.save("colored", frame, make_colored(frame, evidence, refined, task.references, tracks))
        previous = last.state
        back, _ = task.span.walks(wanted)
        for frame in back:
            evidence = task.scratch.take("evidence", frame, Evidence, device=self._device)
            refined = self._refinement.refine(evidence, previous)
            previous = refined.state
            if frame in wanted:
                colored = task.scratch.take("colored", frame, ColoredFrame, device=self._device)
                early, late = temporal_weights(frame, task.references[:2])
                yield replace(colored, ab=cast(Chroma, early * colored.ab + late * refined.ab))

"""Propagation of colour through one span at working size: walk outward from its references, track, warp, refine.

Akimoto et al. 2020, section 3; see docs/method.md, "Spans, stills and cuts".

A span bounded by one reference is walked once, away from it. A span between two references is first tracked backward
from the later one, then walked forward with the tracks to both. A recurrent refinement also runs backward, and the two
results are blended by their distance in time, so that the colour meets both references without a jump.

The frames of a dissolve mix the colours of the two scenes around it (`method.dissolve`).

If only some frames of a span are needed, the walks stop at the last of them; frames passed on the way are only tracked.

Only the chain back to the reference needs the frame before. Everything else runs ahead: reading, features and the flow
back between neighbours before it, matching and refinement behind it, each on as many frames at a time as there are
workers. With one worker three frames are in progress: one is read, gets its features and is tracked, the one before it
is matched, and the one before that is refined. The pixels do not depend on the number of workers.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from itertools import chain, pairwise
from typing import Protocol, TypeAlias, cast

import cv2
import numpy as np
import torch

from stcolor_core.arrays import Chroma, FlowField, Plane
from stcolor_core.files.prefetch import prefetch
from stcolor_core.files.scratch import Scratch
from stcolor_core.method.carried_mattes import carry_mattes
from stcolor_core.method.colored_frame import ColoredFrame
from stcolor_core.method.dissolve import SceneEnd, carry_scene, estimate_shares, find_turn, mix
from stcolor_core.method.footage import Footage
from stcolor_core.method.fusion import Unfused, find_neighbours, fuse, gather_neighbours
from stcolor_core.method.matching import Matching
from stcolor_core.method.model import Model
from stcolor_core.method.on_device.assembly import make_device_spans
from stcolor_core.method.on_device.frames import DeviceFrame
from stcolor_core.method.on_device.spans import LEAST_LINES
from stcolor_core.method.patches import PatchColor, cut_to_reach, find_reach, remove_overruled, yield_to
from stcolor_core.method.references import Keyframe, PreparedReference, temporal_weights
from stcolor_core.method.refinement import Evidence, Refined, WalkState
from stcolor_core.method.tracking.flow import sample
from stcolor_core.method.tracking.objects import find_objects
from stcolor_core.method.tracking.tracks import Tracks
from stcolor_core.method.tracking.walk import View
from stcolor_core.shots.shot import Method
from stcolor_core.shots.spans import PatchWalk, Side, Span

__all__ = ["ColoredFrame", "Footage", "PatchedFootage", "Propagator"]

_IN_SIGHT = 0.05  # a patch that reaches no pixel by more than this is out of sight
_LONG_OUT_OF_SIGHT = 48  # frames after which a patch is given up

_Matched: TypeAlias = tuple[int, Evidence, list[Tracks]]
"""A frame, the evidence for its colour and its tracks."""


class PatchedFootage(Footage, Protocol):
    """The pictures of a shot that may have patches."""

    def patch_keyframe(self, frame: int) -> Keyframe:
        """Return the patches at a frame as one keyframe with a weight.

        Args:
            frame: Frame number of the patches.
        """


@dataclass(frozen=True)
class _Task:
    """A span to colour, with its prepared references, the bounding ones first."""

    span: Span
    references: Sequence[PreparedReference]
    footage: Footage
    scratch: Scratch
    on_read: Callable[[int], None]


class Propagator:
    """Colours spans with one model on one device. Holds no state between spans."""

    def __init__(
        self,
        model: Model,
        method: Method,
        *,
        device: torch.device,
        tensors: bool | None = None,
        workers: int = 1,
    ) -> None:
        """Combine a model with a shot's settings.

        Args:
            model: The colour model.
            method: The shot's settings.
            device: Device that the model is on.
            tensors: Whether pictures stay on the device where the settings allow it (`method.on_device`); None for
                yes, unless it is the CPU.
            workers: How many frames each stage works on at a time.
        """
        self._workers = workers
        self._refinement, self._device, self._uses_mattes = model.refinement, device, method.uses_instances
        self._matching = Matching(model, method, device=device)
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
            )
        references = [self._prepare_reference(frame, footage) for frame in _announce(span.references, on_read)]
        references += [self._matching.prepare_reference(None, still) for still in footage.stills]
        task = _Task(span, references, footage, scratch, on_read)
        if not references:
            frames = _announce([frame for frame in span.frames if frame in wanted], on_read)
            yield from (_make_grey(frame, footage.lightness(frame)) for frame in frames)
        elif self._device_spans is not None and self._fits_device(references):
            lightness = footage.lightness
            yield from self._device_spans.color(span, references, lightness, scratch, wanted=wanted, on_read=on_read)
        elif self._refinement.recurrent and span.between:
            yield from self._color_both_ways(task, wanted)
        else:
            yield from self._color_one_way(task, wanted)

    def _fits_device(self, references: Sequence[PreparedReference]) -> bool:
        """Return whether the pictures are large enough for `method.on_device`."""
        return all(min(reference.view.lightness.shape) >= LEAST_LINES for reference in references)

    @torch.no_grad()
    def color_patch(
        self,
        walk: PatchWalk,
        footage: PatchedFootage,
        scratch: Scratch,
        *,
        wanted: Collection[int],
        overruling: Collection[int] = (),
        on_read: Callable[[int], None] = lambda _: None,
    ) -> Generator[PatchColor, None, None]:
        """Carry a patch away from its frame and colour what it reaches.

        The choice of wanted frames changes no pixel.

        Args:
            walk: The patch and its way.
            footage: The shot's pictures.
            scratch: Temporary storage.
            wanted: Frame numbers on the way.
            overruling: Frames with other patches: beyond them this patch ends where they cover the same surface.
            on_read: As for `color`.

        Yields:
            The patch's colour on one wanted frame after the other; none once it has been out of sight for long.
        """
        on_read(walk.patch)
        keyframe = footage.patch_keyframe(walk.patch)
        assert keyframe.weight is not None
        reference, weight = self._matching.prepare_reference(walk.patch, keyframe), keyframe.weight
        way = walk.frames[: 1 + max((index for index, f in enumerate(walk.frames) if f in wanted), default=-1)]
        needed = set(way) if self._refinement.recurrent else {*wanted, *(a for a, b in pairwise(way) if b in wanted)}
        task = _Task(Span(way, walk.patch, None), [reference], footage, scratch, on_read)
        previous, previous_view, out_of_sight = reference.state, reference.view, 0
        for frame, view, (track,) in self._walk_frames(task, reference, way, with_features=needed):
            trust = self._matching.track_trust(view, reference, track)
            if frame in overruling and (other := footage.patch_keyframe(frame).weight) is not None:
                weight = remove_overruled(weight, other, track.displacement, trust)
            seen = (trust * sample(weight, track.displacement)).max() > _IN_SIGHT
            out_of_sight = 0 if seen else out_of_sight + 1
            if out_of_sight > _LONG_OUT_OF_SIGHT or not weight.any():
                return
            if frame in needed:
                evidence = replace(self._matching.collect_evidence(frame, view, [reference], [track]), partial=True)
                if not self._refinement.recurrent:
                    link = self._matching.neighbour_flow(view, previous_view, track.neighbour_flow)
                    evidence = replace(evidence, neighbour_flow=link)
                refined = self._refinement.refine(evidence, previous)
                previous = refined.state
                if frame in wanted:
                    flows = [(trust, track.displacement)]
                    flows += [(flow.trust, flow.displacement) for flow in evidence.flows if flow.reacquired]
                    reach, claim = find_reach(weight, flows)
                    key = walk.keyframe
                    yielding = yield_to(walk.patch, frame, key)
                    share = 0.0 if key is None else abs(frame - walk.patch) / abs(key - walk.patch)
                    yield cut_to_reach(
                        walk.patch, frame, refined.ab, refined.confidence, reach, claim, yielding=yielding, share=share
                    )
            previous_view = view

    @torch.no_grad()
    def complete_reference(self, frame: int, footage: Footage) -> ColoredFrame:
        """Return a reference's frame, its unknown part coloured from its known part by features.

        Known pixels keep their colour, with confidence 1 or the keyframe's certainty. A keyframe that shows another
        frame, or none, colours this one like any other.

        Args:
            frame: Frame number of the reference.
            footage: The shot's pictures.
        """
        keyframe = footage.keyframe(frame)
        if keyframe.approach or keyframe.is_still:
            return self._arrive(frame, keyframe, footage)[1]
        reference = self._matching.prepare_reference(frame, keyframe)
        evidence, refined = self._refine_from_itself(reference)
        known = np.ones(refined.confidence.shape, bool) if reference.known is None else reference.known
        certainty = 1.0 if reference.certainty is None else reference.certainty
        colored = _make_colored(frame, evidence, refined, [reference], ())
        return replace(
            colored,
            ab=np.where(known[..., None], reference.ab, refined.ab),
            confidence=np.where(known, np.float32(certainty), refined.confidence),
            tracked=known.astype(np.float32),
            mattes=reference.view.instances,
        )

    def _prepare_reference(self, frame: int, footage: Footage) -> PreparedReference:
        """Prepare a reference; colour its unknown pixels by features from its known ones.

        Those pixels contribute little: flow that leads to them counts as occluded.
        """
        keyframe = footage.keyframe(frame)
        if keyframe.is_still:
            colored = self._arrive(frame, keyframe, footage)[1]
            own = Keyframe(colored.lightness, colored.ab, footage.instances(frame), certainty=colored.confidence)
            return self._matching.prepare_reference(frame, own)
        if keyframe.approach:
            reference, _, departure = self._arrive(frame, keyframe, footage)
            return replace(reference, departure=departure)
        return self._complete(self._matching.prepare_reference(frame, keyframe))

    def _complete(self, reference: PreparedReference) -> PreparedReference:
        """Colour a reference's unknown pixels by features from its known ones."""
        if reference.known is None or reference.known.all():
            return reference
        _, refined = self._refine_from_itself(reference)
        certainty = 1.0 if reference.certainty is None else reference.certainty
        return replace(
            reference,
            ab=np.where(reference.known[..., None], reference.ab, refined.ab),
            certainty=np.where(reference.known, np.float32(certainty), refined.confidence),
        )

    def _arrive(
        self, frame: int, keyframe: Keyframe, footage: Footage
    ) -> tuple[PreparedReference, ColoredFrame, tuple[View, WalkState]]:
        """Colour the frame at which a keyframe was given from the frame that it shows, or from a still.

        Returns the reference, which keeps the number of its own frame, the coloured frame, and its view with the state
        of a walk that goes on from it.
        """
        reference = self._complete(self._matching.prepare_reference(None if keyframe.is_still else frame, keyframe))
        view = self._matching.make_view(footage.lightness(frame), footage.instances(frame))
        tracks: list[Tracks] = []
        if keyframe.approach:
            walk = self._matching.start_walk(reference)
            for between in keyframe.approach[:-1]:
                walk.advance(self._matching.make_view(footage.lightness(between), footage.instances(between)))
            tracks = [walk.advance(view)]
        evidence = self._matching.collect_evidence(frame, view, [reference], tracks)
        refined = self._refinement.refine(evidence, None)
        colored = _make_colored(frame, evidence, refined, [reference], tracks)
        return reference, replace(colored, mattes=view.instances), (view, refined.state)

    def _refine_from_itself(self, reference: PreparedReference) -> tuple[Evidence, Refined]:
        """Colour a reference's own frame from its known pixels, by features alone."""
        assert reference.frame is not None
        evidence = self._matching.collect_evidence(reference.frame, reference.view, [reference], [])
        return evidence, self._refinement.refine(evidence, None)

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
        ends = [footage.lightness(frame) for frame in _announce([side.end for side in span.sides], on_read)]
        pictures = (footage.lightness(frame) for frame in _announce(span.frames, on_read))
        estimated = estimate_shares(ends[0], ends[1], pictures)
        if self._matching.follows_light and (turn := find_turn(estimated)) is not None:
            for side, part in zip(span.sides, (span.frames[:turn], span.frames[turn:]), strict=True):
                if asked := wanted.intersection(part):
                    yield from self.color(side.continued(part), footage, scratch, wanted=asked, on_read=on_read)
            return
        before, after = (self._color_end(side, footage, scratch, on_read) for side in span.sides)
        shares = dict(zip(span.frames, estimated, strict=True))
        back = ((footage.lightness(frame), *shares[frame][::-1]) for frame in _announce(span.frames[::-1], on_read))
        for frame, carried in zip(span.frames[::-1], carry_scene(after, back), strict=True):
            if frame in wanted:
                scratch.save("carried", frame, carried)
        ahead = ((footage.lightness(frame), *shares[frame]) for frame in _announce(span.frames, on_read))
        for frame, carried in zip(span.frames, carry_scene(before, ahead), strict=True):
            if frame in wanted:
                other = scratch.take("carried", frame, SceneEnd, device=self._device)
                lightness = footage.lightness(frame)
                mixed = mix(lightness, carried, other)
                yield ColoredFrame(
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

    def _color_end(self, side: Side, footage: Footage, scratch: Scratch, on_read: Callable[[int], None]) -> SceneEnd:
        """Colour the frame of one scene next to a dissolve."""
        if side.span is not None:
            (colored,) = self.color(side.span, footage, scratch, wanted={side.end}, on_read=on_read)
            return SceneEnd(colored.lightness, colored.ab, colored.confidence, colored.source)
        on_read(side.end)
        reference = self._prepare_reference(side.end, footage)
        state = reference.state
        source = np.full_like(state.lightness, side.end)
        return SceneEnd(state.lightness, state.ab, state.confidence, source)

    def _color_one_way(self, task: _Task, wanted: Collection[int]) -> Iterator[ColoredFrame]:
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

    def _color_unfused(self, task: _Task, wanted: Collection[int]) -> Iterator[tuple[int, Unfused]]:
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
        for frame, evidence, tracks in self._match_frames(task, needed=needed):
            refined = self._refinement.refine(evidence, previous)
            previous = refined.state
            if frame in wanted:
                yield frame, _make_unfused(frame, evidence, refined, task.references, tracks)

    def _refine_apart(
        self, task: _Task, wanted: Collection[int], needed: Collection[int], first: WalkState | None
    ) -> Iterator[tuple[int, Unfused]]:
        """Refine several frames at a time: what a frame needs of the one before is computed from its evidence again."""

        @torch.no_grad()
        def refine(matched: tuple[_Matched, Evidence | None]) -> tuple[int, Unfused]:
            (frame, evidence, tracks), before = matched
            previous = first if before is None else self._refinement.walk_state(before)
            refined = self._refinement.refine(evidence, previous)
            return frame, _make_unfused(frame, evidence, refined, task.references, tracks)

        def pairs() -> Iterator[tuple[_Matched, Evidence | None]]:
            before: Evidence | None = None
            for matched in self._match_frames(task, needed=needed):
                if matched[0] in wanted:
                    yield matched, before
                before = matched[1]

        yield from prefetch(refine, pairs(), workers=self._workers)

    def _color_both_ways(self, task: _Task, wanted: Collection[int]) -> Iterator[ColoredFrame]:
        """Run a recurrent refinement from both ends and blend the two results by distance in time."""
        first, last = task.references[:2]
        previous = first.state
        for frame, evidence, tracks in self._match_frames(task, needed=task.span.frames):
            refined = self._refinement.refine(evidence, previous)
            previous = refined.state
            task.scratch.save("evidence", frame, evidence)
            if frame in wanted:
                task.scratch.save("colored", frame, _make_colored(frame, evidence, refined, task.references, tracks))
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

    def _match_frames(self, task: _Task, *, needed: Collection[int]) -> Iterator[_Matched]:
        """Yield the needed frames in the order of the walk with the evidence for their colour. Matches ahead."""

        def match(tracked: tuple[tuple[int, View, list[Tracks]], View | None]) -> _Matched:
            (frame, view, tracks), previous = tracked
            evidence = self._matching.collect_evidence(frame, view, task.references, tracks)
            if previous and tracks and not self._refinement.recurrent:
                evidence = replace(
                    evidence, neighbour_flow=self._matching.neighbour_flow(view, previous, tracks[0].neighbour_flow)
                )
            return frame, evidence, tracks

        def pairs() -> Iterator[tuple[tuple[int, View, list[Tracks]], View | None]]:
            previous = task.references[0].departure_view if task.span.bounded else None
            for tracked in self._track_frames(task, needed=needed):
                yield tracked, previous
                previous = tracked[1]

        return prefetch(match, pairs(), workers=self._workers)

    def _track_frames(self, task: _Task, *, needed: Collection[int]) -> Iterator[tuple[int, View, list[Tracks]]]:
        """Yield the needed frames in the order of the walk with the tracks to the references that bound the span.

        Between two references the later one is tracked backward first, so that each frame has the tracks to both.
        """
        span = task.span
        if not span.bounded:
            frames = [frame for frame in span.frames if frame in needed]
            yield from self._walk_frames(task, None, frames, with_features=needed)
            return
        back, outward = span.walks(needed)
        if span.between:
            saved = sum(frame in needed for frame in back)
            for frame, _, (track,) in self._walk_frames(task, task.references[1], back, with_features=()):
                if frame in needed:
                    task.scratch.save("tracks", frame, replace(track, onward=None), of=saved)
        for frame, view, tracks in self._walk_frames(task, task.references[0], outward, with_features=needed):
            if frame in needed:
                if span.between:
                    tracks.append(task.scratch.take("tracks", frame, Tracks, device=self._device))
                yield frame, view, tracks

    def _walk_frames(
        self,
        task: _Task,
        reference: PreparedReference | None,
        frames: Sequence[int],
        *,
        with_features: Collection[int],
    ) -> Iterator[tuple[int, View, list[Tracks]]]:
        """Yield frames outward from a reference with the tracks to it, or without tracks. Works ahead.

        with_features: the frames whose features will be needed, so that they are computed ahead too.
        """
        walk = None if reference is None else self._matching.start_walk(reference)

        @torch.no_grad()
        def see(frame: int) -> tuple[int, View]:
            view = self._matching.make_view(task.footage.lightness(frame), task.footage.instances(frame))
            if frame in with_features:
                view.features  # noqa: B018  (computed on first use)
            return frame, view

        def align(pair: tuple[tuple[int, View], tuple[int, View]]) -> tuple[int, View, FlowField | None]:
            (_, neighbour), (frame, view) = pair
            return frame, view, self._matching.align_back(view, neighbour)

        @torch.no_grad()
        def advance(aligned: tuple[int, View, FlowField | None]) -> tuple[int, View, list[Tracks]]:
            frame, view, backward = aligned
            return frame, view, [] if walk is None else [walk.advance(view, backward)]

        approach = () if reference is None else reference.approach
        path = _announce([*approach, *frames], task.on_read)
        steps: Iterator[tuple[int, View, list[Tracks]]]
        if self._workers == 1:  # in one thread
            steps = prefetch(lambda frame: advance((*see(frame), None)), path)
        else:
            views: Iterator[tuple[int, View]] = prefetch(see, path, workers=self._workers)
            if reference is not None:
                views = chain([(-1, reference.view)], views)
                steps = prefetch(advance, prefetch(align, pairwise(views), workers=self._workers))
            else:
                steps = (advance((frame, view, None)) for frame, view in views)
        for _ in approach:
            next(steps)
        return steps


def _make_colored(
    frame: int,
    evidence: Evidence,
    refined: Refined,
    references: Sequence[PreparedReference],
    tracks: Sequence[Tracks],
) -> ColoredFrame:
    frames = np.array([-1 if reference.frame is None else reference.frame for reference in references], np.float32)
    grid = frames[evidence.warp.source.cpu().numpy()].reshape(evidence.grid_lightness.shape)
    size = evidence.lightness.shape[::-1]
    attention_source = cv2.resize(grid, size, interpolation=cv2.INTER_NEAREST)
    flow_source = frames[[*(flow.reference for flow in evidence.flows), -1]][refined.flow_source]
    source = np.where(refined.flow_source < 0, attention_source, flow_source)
    nearest = int(np.argmax(temporal_weights(frame, references[: len(tracks)]))) if tracks else None
    lost = evidence.warp.fallback.float().mean().item()
    return ColoredFrame(
        frame=frame,
        lightness=evidence.lightness,
        ab=refined.ab,
        confidence=refined.confidence,
        tracked=refined.tracked,
        source=source.astype(np.float32),
        displacement=None if nearest is None else tracks[nearest].displacement,
        mattes=None if nearest is None else tracks[nearest].mattes,
        fallback=max([lost, *(track.fallback for track in tracks)]),
    )


def _make_unfused(
    frame: int,
    evidence: Evidence,
    refined: Refined,
    references: Sequence[PreparedReference],
    tracks: Sequence[Tracks],
) -> Unfused:
    """Return a coloured frame with the flow between it and the frame before, if it is tracked."""
    colored = _make_colored(frame, evidence, refined, references, tracks)
    if not tracks:
        return Unfused(colored)
    objects = find_objects(tracks[0].mattes) if evidence.layers else None
    return Unfused(colored, evidence.neighbour_flow, tracks[0].onward, objects)


def _make_grey(frame: int, lightness: Plane) -> ColoredFrame:
    """Return a frame without colour, at confidence 0."""
    zero = np.zeros_like(lightness)
    return ColoredFrame(
        frame, lightness, np.zeros((*lightness.shape, 2), np.float32), zero, zero, zero - 1, None, None, 0.0
    )


def _announce(frames: Sequence[int], on_read: Callable[[int], None]) -> Iterator[int]:
    """Yield the frames, calling `on_read` with each before it is taken."""
    for frame in frames:
        on_read(frame)
        yield frame

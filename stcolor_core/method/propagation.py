"""One span coloured at working size: walk outward from its references, track, warp, refine (Akimoto et al. 2020,
section 3).

A span bounded by one reference is walked once, away from it. One bounded by two is tracked back from the later
reference first, then walked forward with the tracks to both at hand; a recurrent refinement runs a second time,
backward, and the two results mix by their distance in time, so that the colour joins both references without a step.

Where some frames of a span are wanted alone, the walks go as far as these, and a frame that is only passed on the way
is tracked and nothing else.

Three frames are in work at a time: one is read, described and tracked, the one before it is matched, and the one before
that is refined.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Generator, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import cv2
import numpy as np
import torch

from stcolor_core.files.prefetch import ahead
from stcolor_core.files.scratch import Scratch
from stcolor_core.method.matching import Keyframe, Matching, Source, temporal_weights
from stcolor_core.method.model import Model
from stcolor_core.method.refinement import Evidence, Refined
from stcolor_core.method.tracking.instance import Instances
from stcolor_core.method.tracking.tracks import Tracks
from stcolor_core.method.tracking.walk import View
from stcolor_core.shots.shot import Method
from stcolor_core.shots.spans import Span

__all__ = ["Colored", "Footage", "Propagator"]


class Footage(Protocol):
    """Where the pictures come from. Everything is at working size. It is asked from more than one thread."""

    @property
    def stills(self) -> Sequence[Keyframe]:
        """Pictures that are no frame of the plate."""

    def lightness(self, frame: int) -> np.ndarray:
        """(H, W) float32 L*, 0..100."""

    def instances(self, frame: int) -> Instances | None:
        """The frame's instances or mattes, None where there are none to go by."""

    def keyframe(self, frame: int) -> Keyframe:
        """The reference of that frame."""


@dataclass(frozen=True)
class Colored:
    """A frame coloured at working size.

    lightness: (H, W) L*. ab: (H, W, 2). confidence, tracked: (H, W) 0..1. source: (H, W) float32, the frame of the
    reference that gave most, -1 for a still or nothing. displacement: (H, W, 2) px to the nearest tracked reference,
    None where none was tracked.
    mattes: the tracked instances. fallback: share of grid positions, 0..1, whose track was lost for want of an allowed
    place.
    """

    frame: int
    lightness: np.ndarray
    ab: np.ndarray
    confidence: np.ndarray
    tracked: np.ndarray
    source: np.ndarray
    displacement: np.ndarray | None
    mattes: Instances | None
    fallback: float


@dataclass(frozen=True)
class _Task:
    """A span to colour: its references ready, the bounding ones first, and what goes with it."""

    span: Span
    sources: Sequence[Source]
    footage: Footage
    scratch: Scratch
    looked_at: Callable[[int], None]


class Propagator:
    """Colours spans with one model on one device. Holds no state between spans."""

    def __init__(self, model: Model, method: Method, *, device: torch.device) -> None:
        self._refinement, self._device = model.refinement, device
        self._matching = Matching(model, method, device=device)

    @torch.no_grad()
    def color(
        self,
        span: Span,
        footage: Footage,
        scratch: Scratch,
        *,
        wanted: Collection[int] | None = None,
        looked_at: Callable[[int], None] = lambda _: None,
    ) -> Generator[Colored, None, None]:
        """The wanted frames of the span, all where None, in the order of the walk. Which are wanted changes no pixel.

        In scratch one walk hands its tracks to the next. looked_at: called with each frame before it is read, in the
        thread that asks for the colours; what it raises ends the work.
        """
        wanted = frozenset(span.frames if wanted is None else wanted)
        sources = [self._source(frame, footage) for frame in _told(span.references, looked_at)]
        sources += [self._matching.source(None, still) for still in footage.stills]
        task = _Task(span, sources, footage, scratch, looked_at)
        if not sources:
            frames = _told([frame for frame in span.frames if frame in wanted], looked_at)
            yield from (_grey(frame, footage.lightness(frame)) for frame in frames)
        elif self._refinement.recurrent and span.between:
            yield from self._both_ways(task, wanted)
        else:
            yield from self._one_way(task, wanted)

    @torch.no_grad()
    def completed(self, frame: int, footage: Footage) -> Colored:
        """The frame of a reference whose colour is known in part, with the rest coloured from that part by features.

        What is known is as it is, at confidence 1.
        """
        source = self._matching.source(frame, footage.keyframe(frame))
        evidence, refined = self._from_itself(source)
        known = np.ones(refined.confidence.shape, bool) if source.known is None else source.known
        colored = _colored(frame, evidence, refined, [source], ())
        return replace(
            colored,
            ab=np.where(known[..., None], source.ab, refined.ab),
            confidence=np.where(known, np.float32(1), refined.confidence),
            tracked=known.astype(np.float32),
            mattes=source.view.instances,
        )

    def _source(self, frame: int, footage: Footage) -> Source:
        """The reference of that frame; where its colour is not known, what its own features find, which lends little:
        a flow that leads there counts as out of sight."""
        source = self._matching.source(frame, footage.keyframe(frame))
        if source.known is None or source.known.all():
            return source
        _, refined = self._from_itself(source)
        return replace(
            source,
            ab=np.where(source.known[..., None], source.ab, refined.ab),
            certainty=np.where(source.known, np.float32(1), refined.confidence),
        )

    def _from_itself(self, source: Source) -> tuple[Evidence, Refined]:
        """A reference's own frame coloured by what is known of it, by features alone."""
        assert source.frame is not None
        evidence = self._matching.evidence(source.frame, source.view, [source], [])
        return evidence, self._refinement.refine(evidence, None)

    def _one_way(self, task: _Task, wanted: Collection[int]) -> Iterator[Colored]:
        """Away from the first reference that bounds the span, or in time from stills alone.

        A refinement that is not recurrent needs the frame before each wanted one and no more.
        """
        previous = task.sources[0].state if task.span.bounded else None
        _, walk = task.span.walks(wanted)
        if self._refinement.recurrent:
            needed = set(walk)
        else:
            told = zip(walk, walk[1:], strict=False) if task.span.bounded else ()
            needed = {*wanted, *(before for before, frame in told if frame in wanted)}
        for frame, evidence, tracks in self._matched(task, needed=needed):
            refined = self._refinement.refine(evidence, previous)
            previous = refined.state
            if frame in wanted:
                yield _colored(frame, evidence, refined, task.sources, tracks)

    def _both_ways(self, task: _Task, wanted: Collection[int]) -> Iterator[Colored]:
        """A recurrent refinement from both ends; the two results mix by distance in time."""
        first, last = task.sources[:2]
        previous = first.state
        for frame, evidence, tracks in self._matched(task, needed=task.span.frames):
            refined = self._refinement.refine(evidence, previous)
            previous = refined.state
            task.scratch.save("evidence", frame, evidence)
            if frame in wanted:
                task.scratch.save("colored", frame, _colored(frame, evidence, refined, task.sources, tracks))
        previous = last.state
        back, _ = task.span.walks(wanted)
        for frame in back:
            evidence = task.scratch.take("evidence", frame, Evidence, device=self._device)
            refined = self._refinement.refine(evidence, previous)
            previous = refined.state
            if frame in wanted:
                colored = task.scratch.take("colored", frame, Colored, device=self._device)
                early, late = temporal_weights(frame, task.sources[:2])
                yield replace(colored, ab=early * colored.ab + late * refined.ab)

    def _matched(self, task: _Task, *, needed: Collection[int]) -> Iterator[tuple[int, Evidence, list[Tracks]]]:
        """The needed frames in the order of the walk, with what speaks for each colour. Matched ahead."""
        before = task.sources[0].view if task.span.bounded else None

        def match(found: tuple[int, View, list[Tracks]]) -> tuple[int, Evidence, list[Tracks]]:
            nonlocal before
            frame, view, tracks = found
            evidence = self._matching.evidence(frame, view, task.sources, tracks)
            if before and tracks and not self._refinement.recurrent:
                evidence = replace(
                    evidence, neighbour_flow=self._matching.neighbour_flow(view, before, tracks[0].neighbour_flow)
                )
            before = view
            return frame, evidence, tracks

        return ahead(match, self._tracked(task, needed=needed))

    def _tracked(self, task: _Task, *, needed: Collection[int]) -> Iterator[tuple[int, View, list[Tracks]]]:
        """The needed frames in the order of the walk, with the tracks to the references that bound the span.

        Between two references the later one is tracked back first, so that each frame knows both.
        """
        span = task.span
        if not span.bounded:
            yield from self._walked(task, None, [frame for frame in span.frames if frame in needed], described=needed)
            return
        back, outward = span.walks(needed)
        if span.between:
            for frame, _, track in self._walked(task, task.sources[1], back, described=()):
                if frame in needed:
                    task.scratch.save("tracks", frame, *track)
        for frame, view, tracks in self._walked(task, task.sources[0], outward, described=needed):
            if frame in needed:
                if span.between:
                    tracks.append(task.scratch.take("tracks", frame, Tracks, device=self._device))
                yield frame, view, tracks

    def _walked(
        self, task: _Task, source: Source | None, frames: Sequence[int], *, described: Collection[int]
    ) -> Iterator[tuple[int, View, list[Tracks]]]:
        """Frame by frame away from a source, with the tracks to it; none where there is no source. Walked ahead.

        described: the frames whose features will be asked for, so that these are ready too.
        """
        walk = None if source is None else self._matching.walk(source)

        @torch.no_grad()
        def advance(frame: int) -> tuple[int, View, list[Tracks]]:
            view = self._matching.view(task.footage.lightness(frame), task.footage.instances(frame))
            if frame in described:
                view.features  # noqa: B018  (computed when they are first looked at)
            return frame, view, [] if walk is None else [walk.advance(view)]

        return ahead(advance, _told(frames, task.looked_at))


def _colored(
    frame: int, evidence: Evidence, refined: Refined, sources: Sequence[Source], tracks: Sequence[Tracks]
) -> Colored:
    frames = np.array([-1 if source.frame is None else source.frame for source in sources], np.float32)
    grid = frames[evidence.warp.source.cpu().numpy()].reshape(evidence.grid_lightness.shape)
    size = evidence.lightness.shape[::-1]
    attention = cv2.resize(grid, size, interpolation=cv2.INTER_NEAREST)
    carried = frames[[*(flow.reference for flow in evidence.flows), -1]][refined.flow_source]
    source = np.where(refined.flow_source < 0, attention, carried)
    nearest = int(np.argmax(temporal_weights(frame, sources[: len(tracks)]))) if tracks else None
    lost = evidence.warp.fallback.float().mean().item()
    return Colored(
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


def _grey(frame: int, lightness: np.ndarray) -> Colored:
    nothing = np.zeros_like(lightness)
    return Colored(
        frame, lightness, np.zeros((*lightness.shape, 2), np.float32), nothing, nothing, nothing - 1, None, None, 0.0
    )


def _told(frames: Sequence[int], looked_at: Callable[[int], None]) -> Iterator[int]:
    """The frames, each told to `looked_at` when it is taken."""
    for frame in frames:
        looked_at(frame)
        yield frame

"""The walk along a span: read, track and match its frames in order, ahead of what colours them.

Only the chain back to the reference needs the frame before. Everything else runs ahead: reading, features and the flow
back between neighbours before it, matching and refinement behind it, each on as many frames at a time as there are
workers. With one worker four frames are in progress: one is read and gets its features, the one before it is tracked,
the next one matched, and the one before that refined. The pixels do not depend on the number of workers.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from itertools import chain, pairwise
from typing import TypeAlias

import torch

from stcolor_core.arrays import FlowField
from stcolor_core.files.prefetch import prefetch
from stcolor_core.files.scratch import Scratch
from stcolor_core.method.footage import Footage
from stcolor_core.method.matching import Matching
from stcolor_core.method.references import PreparedReference
from stcolor_core.method.refinement import Evidence
from stcolor_core.method.tracking.tracks import Tracks
from stcolor_core.method.tracking.walk import View
from stcolor_core.shots.spans import Span

__all__ = ["Matched", "SpanTask", "SpanWalk", "announce"]

Matched: TypeAlias = tuple[int, Evidence, list[Tracks]]
"""A frame, the evidence for its colour and its tracks."""


@dataclass(frozen=True)
class SpanTask:
    """A span to colour.

    Attributes:
        span: The span.
        references: Its prepared references, the bounding ones first.
        footage: The shot's pictures.
        scratch: Temporary storage for the tracks that one walk leaves for the next.
        on_read: Called with each frame number before the frame is read.
        seen: Frames whose features were asked for while the references were prepared; each is taken once.
    """

    span: Span
    references: Sequence[PreparedReference]
    footage: Footage
    scratch: Scratch
    on_read: Callable[[int], None]
    seen: dict[int, Future[View]] = field(default_factory=dict)


class SpanWalk:
    """Reads, tracks and matches the frames of spans. Holds no state between spans."""

    def __init__(self, matching: Matching, *, recurrent: bool, device: torch.device, workers: int) -> None:
        """Choose what matches frames, and how many frames are worked on at a time.

        Args:
            matching: The matching of frames with references.
            recurrent: Whether the refinement takes the colour of the frame before from itself, so that it needs no flow
                to it.
            device: Device that the model is on.
            workers: How many frames each stage works on at a time.
        """
        self._matching, self._recurrent, self._device, self._workers = matching, recurrent, device, workers

    @torch.no_grad()
    def see(self, footage: Footage, frame: int, *, with_features: bool = True) -> View:
        """Return a frame on the matching grid.

        Args:
            footage: The shot's pictures.
            frame: Frame number.
            with_features: Whether its features will be needed, so that they are computed too.
        """
        view = self._matching.make_view(footage.lightness(frame), footage.instances(frame))
        if with_features:
            view.features  # noqa: B018  (computed on first use)
        return view

    def match_frames(self, task: SpanTask, *, needed: Collection[int]) -> Iterator[Matched]:
        """Yield the needed frames in the order of the walk with the evidence for their colour. Matches ahead.

        Args:
            task: The span.
            needed: Frame numbers within it.
        """

        def match(tracked: tuple[tuple[int, View, list[Tracks]], View | None]) -> Matched:
            (frame, view, tracks), previous = tracked
            evidence = self._matching.collect_evidence(frame, view, task.references, tracks)
            if previous and tracks and not self._recurrent:
                evidence = replace(
                    evidence, neighbour_flow=self._matching.neighbour_flow(view, previous, tracks[0].neighbour_flow)
                )
            return frame, evidence, tracks

        def pairs() -> Iterator[tuple[tuple[int, View, list[Tracks]], View | None]]:
            previous = task.references[0].departure_view if task.span.bounded else None
            for tracked in self.track_frames(task, needed=needed):
                yield tracked, previous
                previous = tracked[1]

        return prefetch(match, pairs(), workers=self._workers)

    def track_frames(self, task: SpanTask, *, needed: Collection[int]) -> Iterator[tuple[int, View, list[Tracks]]]:
        """Yield the needed frames in the order of the walk with the tracks to the references that bound the span.

        Between two references the later one is tracked backward first, so that each frame has the tracks to both.

        Args:
            task: The span.
            needed: Frame numbers within it.
        """
        span = task.span
        if not span.bounded:
            frames = [frame for frame in span.frames if frame in needed]
            yield from self.walk_frames(task, None, frames, with_features=needed)
            return
        back, outward = span.walks(needed)
        if span.between:
            saved = sum(frame in needed for frame in back)
            for frame, _, (track,) in self.walk_frames(task, task.references[1], back, with_features=()):
                if frame in needed:
                    task.scratch.save("tracks", frame, replace(track, onward=None), of=saved)
        for frame, view, tracks in self.walk_frames(task, task.references[0], outward, with_features=needed):
            if frame in needed:
                if span.between:
                    tracks.append(task.scratch.take("tracks", frame, Tracks, device=self._device))
                yield frame, view, tracks

    def walk_frames(
        self,
        task: SpanTask,
        reference: PreparedReference | None,
        frames: Sequence[int],
        *,
        with_features: Collection[int],
    ) -> Iterator[tuple[int, View, list[Tracks]]]:
        """Yield frames outward from a reference with the tracks to it, or without tracks. Works ahead.

        Args:
            task: The span.
            reference: The reference; None to read the frames only.
            frames: Frame numbers in the order of the walk.
            with_features: The frames whose features will be needed, so that they are computed ahead too.
        """
        walk = None if reference is None else self._matching.start_walk(reference)

        def see(frame: int) -> tuple[int, View]:
            needed = frame in with_features
            if needed and (seen := task.seen.pop(frame, None)) is not None:
                return frame, seen.result()
            return frame, self.see(task.footage, frame, with_features=needed)

        def align(pair: tuple[tuple[int, View], tuple[int, View]]) -> tuple[int, View, FlowField | None]:
            (_, neighbour), (frame, view) = pair
            return frame, view, self._matching.align_back(view, neighbour)

        @torch.no_grad()
        def advance(aligned: tuple[int, View, FlowField | None]) -> tuple[int, View, list[Tracks]]:
            frame, view, backward = aligned
            return frame, view, [] if walk is None else [walk.advance(view, backward)]

        approach = () if reference is None else reference.approach
        path = announce([*approach, *frames], task.on_read)
        steps: Iterator[tuple[int, View, list[Tracks]]]
        views: Iterator[tuple[int, View]] = prefetch(see, path, workers=self._workers)
        if self._recurrent:  # in one thread: its refinement takes longer than both, and a frame less takes less memory
            steps = prefetch(lambda frame: advance((*see(frame), None)), path)
        elif reference is None:
            steps = (advance((frame, view, None)) for frame, view in views)
        elif self._workers == 1:  # no core is left for the flow back by itself
            steps = prefetch(advance, ((frame, view, None) for frame, view in views))
        else:
            views = chain([(-1, reference.view)], views)
            steps = prefetch(advance, prefetch(align, pairwise(views), workers=self._workers))
        for _ in approach:
            next(steps)
        return steps


def announce(frames: Sequence[int], on_read: Callable[[int], None]) -> Iterator[int]:
    """Yield the frames, calling `on_read` with each before it is taken.

    Args:
        frames: Frame numbers.
        on_read: Called with each of them.
    """
    for frame in frames:
        on_read(frame)
        yield frame

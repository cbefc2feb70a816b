"""Colour a span on a device: walk outward from its references with every picture in the device's memory.

What one frame needs of the frame before is short: extending the chain of flow, and mixing. Some frames at a time are
read and uploaded; their features and the flow between neighbours are computed in one go. No pixel depends on which
frames are wanted.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Protocol, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from stcolor_core.arrays import Plane
from stcolor_core.files.prefetch import prefetch
from stcolor_core.files.scratch import Scratch
from stcolor_core.method.fusion import find_neighbours, gather_neighbours
from stcolor_core.method.on_device.evidence import TensorReference, TensorView
from stcolor_core.method.on_device.frames import DeviceFrame
from stcolor_core.method.on_device.fusion import TensorUnfused, fuse
from stcolor_core.method.on_device.light import settle
from stcolor_core.method.on_device.matching import TensorMatching
from stcolor_core.method.on_device.mixing import TensorState, refine
from stcolor_core.method.on_device.tracker import TensorFlow, TensorLink, TensorTracker
from stcolor_core.method.on_device.transfers import Download, Transfers
from stcolor_core.method.references import PreparedReference, temporal_weights
from stcolor_core.method.refinement.learned import LearnedRefinement
from stcolor_core.method.tensor_pictures import resize
from stcolor_core.shots.spans import Span

__all__ = ["LEAST_LINES", "DeviceSpans", "FeatureNetwork"]

LEAST_LINES = 64
"""Pictures with a shorter side take the other path: filters reach beyond them."""

_HOST = torch.device("cpu")
_BATCH = 4  # frames whose features and neighbour flow are computed together

Item = TypeVar("Item")


class FeatureNetwork(Protocol):
    """Features of several pictures at once."""

    def batch(self, lightness: Tensor) -> Tensor:
        """Return the features of pictures.

        Args:
            lightness: L*, shape (N, H, W), 0..100.

        Returns:
            Shape (N, C, h, w).
        """


@dataclass(frozen=True, eq=False)
class _Track:
    """What the walk back from the later reference leaves for the walk ahead: the flow to it, planes first."""

    displacement: NDArray[np.float32]
    visibility: Plane


@dataclass(frozen=True, eq=False)
class _Step:
    """One frame of a walk: its number, L* in the computer's memory, its view, and the flow to the reference, if any."""

    frame: int
    lightness: Plane
    view: TensorView
    links: Sequence[TensorLink]
    neighbour: TensorLink | None
    onward: Tensor | None


class DeviceSpans:
    """Colours spans without mattes by the standard model on one device. Holds no state between spans."""

    def __init__(
        self,
        matching: TensorMatching,
        features: FeatureNetwork,
        refinement: LearnedRefinement,
        transfers: Transfers,
        *,
        flow: TensorFlow | None = None,
        follows_light: bool,
        batch: int = _BATCH,
    ) -> None:
        """Combine the parts.

        Args:
            matching: Matches frames with references.
            features: The network of the features, on the device.
            refinement: The networks of the refinement, on the device.
            transfers: Copies to and from the device.
            flow: The optical flow that tracks; None for dense inverse search.
            follows_light: Whether flow looks for changes of light.
            batch: Frames that are computed together where they need not wait for each other.
        """
        self._matching, self._features, self._refinement = matching, features, refinement
        self._transfers, self._batch = transfers, batch
        self._flow, self._follows_light = flow, follows_light

    def color(
        self,
        span: Span,
        references: Sequence[PreparedReference],
        lightness: Callable[[int], Plane],
        scratch: Scratch,
        *,
        wanted: Collection[int],
        on_read: Callable[[int], None],
    ) -> Iterator[DeviceFrame]:
        """Colour the wanted frames of a span, in the order of the walk.

        Args:
            span: The span.
            references: Its references, the bounding ones first.
            lightness: Returns L* of a frame at working size, shape (H, W).
            scratch: Temporary storage for the tracks that one walk leaves for the next.
            wanted: Frame numbers within the span.
            on_read: Called with each frame number before the frame is read.

        Yields:
            One coloured frame after the other; work on it may still be under way.
        """
        reach, outward = self._refinement.reach if span.bounded else 0, span.outward
        near = find_neighbours(outward, wanted, reach)
        unfused = self._color_unfused(span, references, lightness, scratch, wanted=near, on_read=on_read)
        for (frame, own), before, after in gather_neighbours(unfused, outward, wanted, reach):
            refined = fuse(own, [one for _, one in before], [one for _, one in after])
            if self._follows_light:
                ab, confidence = settle(refined.state.lightness, refined.ab, refined.confidence)
                refined = replace(refined, ab=ab, confidence=confidence)
            yield replace(frame, refined=refined)

    def _color_unfused(
        self,
        span: Span,
        references: Sequence[PreparedReference],
        lightness: Callable[[int], Plane],
        scratch: Scratch,
        *,
        wanted: Collection[int],
        on_read: Callable[[int], None],
    ) -> Iterator[tuple[int, tuple[DeviceFrame, TensorUnfused]]]:
        """Colour frames by themselves, in the order of the walk."""
        there = [self._matching.upload(reference) for reference in references]
        numbers = [-1.0 if reference.frame is None else float(reference.frame) for reference in references]
        frames = self._transfers.upload(np.array(numbers, np.float32))
        back, ahead = span.walks(wanted)
        needed = {*wanted, *(a for a, b in zip(ahead, ahead[1:], strict=False) if b in wanted)}
        previous, state = self._departure(references[0], there[0]) if span.bounded else (None, None)
        if not span.bounded:
            ahead = tuple(frame for frame in span.frames if frame in wanted)
        if span.between:
            self._walk_back(there[1], back, needed, lightness, scratch, on_read)
        start = there[0] if span.bounded else None
        for batch in self._walk(start, ahead, needed, lightness, on_read):
            steps = [step for step in batch if step.frame in needed]
            saved = [self._take_track(step.frame, scratch) if span.between else [] for step in steps]
            followed = [
                self._matching.track(step.view, there, [*step.links, *others])
                for step, others in zip(steps, saved, strict=True)
            ]
            reacquired = self._matching.reacquire(followed, fill=self._batch) if steps else []
            for step, tracked, again in zip(steps, followed, reacquired, strict=True):
                neighbour = (previous, step.neighbour) if previous is not None and step.neighbour is not None else None
                untracked = there[len(tracked.links) :]
                evidence = self._matching.collect_evidence(step.frame, tracked, again, untracked, neighbour)
                refined = refine(evidence, state, self._refinement, frames)
                previous, state = step.view, refined.state
                if step.frame in wanted:
                    tracked_to = references[: len(tracked.links)]
                    nearest = int(np.argmax(temporal_weights(step.frame, tracked_to))) if tracked_to else None
                    frame = DeviceFrame(
                        frame=step.frame,
                        lightness=step.lightness,
                        refined=refined,
                        displacement=None if nearest is None else tracked.links[nearest].displacement,
                        fallback=evidence.warp.fallback.float().mean(),
                        transfers=self._transfers,
                    )
                    yield step.frame, (frame, TensorUnfused(refined, evidence.neighbour, step.onward))

    def _take_track(self, frame: int, scratch: Scratch) -> list[TensorLink]:
        """Return the flow to the later reference that the walk back saved."""
        track, up = scratch.take("track", frame, _Track, device=_HOST), self._transfers.upload
        return [TensorLink(up(track.displacement), up(track.visibility))]

    def _departure(self, reference: PreparedReference, there: TensorReference) -> tuple[TensorView, TensorState]:
        """Return the picture that a walk starts at, and the state that it starts with."""
        view, state, up = reference.departure_view, reference.state, self._transfers.upload
        lightness = there.lightness if view is reference.view else up(view.lightness)
        ab = up(state.ab).permute(2, 0, 1).contiguous()
        return self._matching.make_view(lightness, view.reference), TensorState(lightness, ab, up(state.confidence))

    def _walk_back(
        self,
        reference: TensorReference,
        frames: Sequence[int],
        needed: Collection[int],
        lightness: Callable[[int], Plane],
        scratch: Scratch,
        on_read: Callable[[int], None],
    ) -> None:
        """Track backward from the later reference and save the flow to it."""
        pending: deque[tuple[int, Download]] = deque()
        saved = sum(frame in needed for frame in frames)

        def save() -> None:
            frame, download = pending.popleft()
            scratch.save("track", frame, _Track(*download.wait()), of=saved)

        for batch in self._walk(reference, frames, (), lightness, on_read):
            for step in batch:
                if step.frame in needed:
                    (link,) = step.links
                    download = self._transfers.download([link.displacement, link.visibility])
                    pending.append((step.frame, download))
            while len(pending) > self._batch:  # the latest frames are under way meanwhile
                save()
        while pending:
            save()

    def _walk(
        self,
        reference: TensorReference | None,
        frames: Sequence[int],
        with_features: Collection[int],
        lightness: Callable[[int], Plane],
        on_read: Callable[[int], None],
    ) -> Iterator[list[_Step]]:
        """Yield the frames of a walk outward from a reference, or frames without one, some at a time."""
        approach = () if reference is None else reference.prepared.approach
        tracker = None
        if reference is not None:
            tracker = TensorTracker(reference.lightness, flow=self._flow, follows_light=self._follows_light)

        def announce() -> Iterator[int]:
            for frame in (*approach, *frames):
                on_read(frame)
                yield frame

        def read(frame: int) -> tuple[int, Plane]:
            return frame, lightness(frame)

        for batch in _batches(prefetch(read, announce()), self._batch):
            yield self._advance(batch, tracker, frozenset(with_features), skipped=len(approach))
            approach = approach[len(batch) :]

    def _advance(
        self,
        batch: Sequence[tuple[int, Plane]],
        tracker: TensorTracker | None,
        with_features: Collection[int],
        *,
        skipped: int,
    ) -> list[_Step]:
        """Return a batch's frames but for the first `skipped` ones, which are tracked only."""
        uploaded = [self._transfers.upload(plane) for _, plane in batch]
        # A last batch is filled up: its size, which sets how sums are rounded, may not depend on where a walk ends.
        pictures = torch.stack(uploaded + uploaded[-1:] * (self._batch - len(batch)))
        features = self._compute_features(pictures) if any(frame in with_features for frame, _ in batch) else None
        flows = [] if tracker is None else tracker.advance(pictures, len(batch))
        steps = []
        for index, (frame, plane) in enumerate(batch):
            own = features[index] if features is not None and frame in with_features else None
            if index >= skipped:
                view = self._matching.make_view(pictures[index], own)
                if tracker is None:
                    steps.append(_Step(frame, plane, view, [], None, None))
                else:
                    link, neighbour, onward = flows[index]
                    steps.append(_Step(frame, plane, view, [link], neighbour, onward))
        return steps

    def _compute_features(self, pictures: Tensor) -> Tensor:
        """Return the features of pictures (N, H, W), shape (N, C, h, w)."""
        size = self._matching.matching_size(pictures.shape[-2], pictures.shape[-1])
        return self._features.batch(resize(pictures, size))


def _batches(items: Iterable[Item], size: int) -> Iterator[list[Item]]:
    """Yield lists of up to `size` items."""
    iterator = iter(items)
    while batch := list(islice(iterator, size)):
        yield batch

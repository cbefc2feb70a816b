"""One span coloured at working size: walk outward from its references, track, warp, refine (paper, section 3).

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
from functools import partial
from typing import Protocol

import cv2
import numpy as np
import torch
from torch import Tensor

from stcolor_core.lookahead import ahead
from stcolor_core.models import Model
from stcolor_core.refinement import Evidence, FlowColor, Previous, Refined, Step
from stcolor_core.resizing import cells, resized
from stcolor_core.scratch import Scratch
from stcolor_core.shot import Method
from stcolor_core.spans import Span
from stcolor_core.tracking.flow import FlowLink, sample
from stcolor_core.tracking.instance import Instances
from stcolor_core.tracking.reacquisition import fit, found_again
from stcolor_core.tracking.tracks import Tracks
from stcolor_core.tracking.walk import View, Walk, in_cells
from stcolor_core.upsampling import slopes
from stcolor_core.warping import GridReference, warp

__all__ = ["Colored", "Footage", "Keyframe", "Propagator"]

_RESIDUAL_SIGMA = 2.0  # px at 216 lines over which a difference in luminance is judged


@dataclass(frozen=True)
class Keyframe:
    """A reference at working size: lightness (H, W) L* 0..100, ab (H, W, 2), instances where tracking wants them."""

    lightness: np.ndarray
    ab: np.ndarray
    instances: Instances | None = None


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
class _Source:
    """A reference ready to be matched.

    frame: None for a still. described: (C, P_r) features; ab (H, W, 2); grid_ab, grid_slope: (2, P_r), as in
    `GridReference`.
    """

    frame: int | None
    view: View
    described: Tensor
    ab: np.ndarray
    grid_ab: Tensor
    grid_slope: Tensor

    @property
    def told(self) -> Previous:
        """What the first frame of a walk away from it is told of it."""
        return Previous(self.view.lightness, self.ab, np.ones_like(self.view.lightness))


@dataclass(frozen=True)
class _Task:
    """A span to colour: its references ready, the bounding ones first, and what goes with it."""

    span: Span
    sources: Sequence[_Source]
    footage: Footage
    scratch: Scratch
    looked_at: Callable[[int], None]


class Propagator:
    """Colours spans with one model on one device. Holds no state between spans."""

    def __init__(self, model: Model, method: Method, *, device: torch.device) -> None:
        self._model, self._method, self._device = model, method, device
        self._temperature = method.temperature or model.temperature
        self._radius = method.radius or model.radius
        self._color_features = model.color_features if method.color_features is None else method.color_features

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
        sources = [self._source(frame, footage.keyframe(frame)) for frame in _told(span.references, looked_at)]
        sources += [self._source(None, still) for still in footage.stills]
        task = _Task(span, sources, footage, scratch, looked_at)
        if not sources:
            frames = _told([frame for frame in span.frames if frame in wanted], looked_at)
            yield from (_grey(frame, footage.lightness(frame)) for frame in frames)
        elif self._model.refinement.recurrent and span.between:
            yield from self._both_ways(task, wanted)
        else:
            yield from self._one_way(task, wanted)

    def _one_way(self, task: _Task, wanted: Collection[int]) -> Iterator[Colored]:
        """Away from the first reference that bounds the span, or in time from stills alone.

        A refinement that is not recurrent needs the frame before each wanted one and no more.
        """
        previous = task.sources[0].told if task.span.bounded else None
        _, walk = task.span.walks(wanted)
        if self._model.refinement.recurrent:
            needed = set(walk)
        else:
            told = zip(walk, walk[1:], strict=False) if task.span.bounded else ()
            needed = {*wanted, *(before for before, frame in told if frame in wanted)}
        for frame, evidence, tracks in self._matched(task, needed=needed):
            refined = self._model.refinement.refine(evidence, previous)
            previous = refined.told
            if frame in wanted:
                yield _colored(frame, evidence, refined, task.sources, tracks)

    def _both_ways(self, task: _Task, wanted: Collection[int]) -> Iterator[Colored]:
        """A recurrent refinement from both ends; the two results mix by distance in time."""
        first, last = task.sources[:2]
        previous = first.told
        for frame, evidence, tracks in self._matched(task, needed=task.span.frames):
            refined = self._model.refinement.refine(evidence, previous)
            previous = refined.told
            task.scratch.save("evidence", frame, evidence)
            if frame in wanted:
                task.scratch.save("colored", frame, _colored(frame, evidence, refined, task.sources, tracks))
        previous = last.told
        back, _ = task.span.walks(wanted)
        for frame in back:
            evidence = task.scratch.take("evidence", frame, Evidence, device=self._device)
            refined = self._model.refinement.refine(evidence, previous)
            previous = refined.told
            if frame in wanted:
                colored = task.scratch.take("colored", frame, Colored, device=self._device)
                early, late = _closeness(frame, task.sources[:2])
                yield replace(colored, ab=early * colored.ab + late * refined.ab)

    def _matched(self, task: _Task, *, needed: Collection[int]) -> Iterator[tuple[int, Evidence, list[Tracks]]]:
        """The needed frames in the order of the walk, with what speaks for each colour. Matched ahead."""
        before = task.sources[0].view if task.span.bounded else None

        def match(found: tuple[int, View, list[Tracks]]) -> tuple[int, Evidence, list[Tracks]]:
            nonlocal before
            frame, view, tracks = found
            evidence = self._evidence(frame, view, task.sources, tracks)
            if before and tracks and not self._model.refinement.recurrent:
                evidence = replace(evidence, step=_step(view, before, tracks[0].step))
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
        self, task: _Task, source: _Source | None, frames: Sequence[int], *, described: Collection[int]
    ) -> Iterator[tuple[int, View, list[Tracks]]]:
        """Frame by frame away from a source, with the tracks to it; none where there is no source. Walked ahead.

        described: the frames whose features will be asked for, so that these are ready too.
        """
        walk = None if source is None else self._start(source)

        @torch.no_grad()
        def step(frame: int) -> tuple[int, View, list[Tracks]]:
            view = self._view(task.footage.lightness(frame), task.footage.instances(frame))
            if frame in described:
                view.features  # noqa: B018  (computed when they are first looked at)
            return frame, view, [] if walk is None else [walk.step(view)]

        return ahead(step, _told(frames, task.looked_at))

    def _start(self, source: _Source) -> Walk:
        return Walk(source.view, self._method, radius=self._radius, temperature=self._temperature)

    def _source(self, frame: int | None, keyframe: Keyframe) -> _Source:
        view = self._view(keyframe.lightness, keyframe.instances)
        described = view.reference
        lightness, ab = self._matching(keyframe.lightness), self._matching(keyframe.ab)
        if self._color_features:
            described = self._model.features.reference(
                self._tensor(lightness), self._tensor(ab).permute(2, 0, 1)
            ).flatten(1)
        of_grid = (self._tensor(cells(part, view.grid)).reshape(-1, 2).T for part in (ab, slopes(lightness, ab)))
        return _Source(frame, view, described, keyframe.ab, *of_grid)

    def _view(self, lightness: np.ndarray, instances: Instances | None) -> View:
        matching = self._matching(lightness)
        stride = self._model.features.stride
        grid_lightness = cells(matching, (-(-matching.shape[0] // stride), -(-matching.shape[1] // stride)))

        def describe() -> tuple[Tensor, Tensor]:
            target, reference = self._model.features.both(self._tensor(matching))
            return target.flatten(1), reference.flatten(1)

        return View(lightness, grid_lightness, matching.shape[:2], describe, instances)

    @torch.no_grad()
    def _evidence(self, frame: int, view: View, sources: Sequence[_Source], tracks: Sequence[Tracks]) -> Evidence:
        """What eq. 1 finds for a frame.

        tracks belong to the first sources; the others are matched by features alone.
        """
        matched = [
            GridReference(source.described, source.grid_ab, slope=source.grid_slope, grid=source.view.grid)
            for source in sources
        ]
        references = [
            replace(source, candidates=track.candidates, support=track.support, instances=track.instances)
            for source, track in zip(matched, tracks, strict=False)
        ]
        restricted = any(reference.restricts for reference in references)
        nowhere = (
            torch.full((view.target.shape[1], 1), -1, dtype=torch.int32, device=self._device) if restricted else None
        )
        references += [replace(source, candidates=nowhere) for source in matched[len(tracks) :]]
        follows = self._radius is None  # windows that follow the flow; the paper's fixed ones know nothing of it
        bounding = list(zip(sources, tracks, _closeness(frame, sources[: len(tracks)]), strict=False))
        along, found = [], []
        for index, (source, track, closeness) in enumerate(bounding):
            colored = partial(_flow_color, frame=frame, view=view, source=source, reference=index, closeness=closeness)
            if self._method.flow or (follows and track.candidates is not None):
                along.append(colored(FlowLink(track.displacement, track.visibility), found=False))
            if self._method.flow and follows:
                found.append(colored(found_again(view, source.view, source.described, track), found=True))
        return Evidence(
            lightness=view.lightness,
            grid_lightness=view.grid_lightness,
            warp=warp(
                view.target,
                references,
                temperature=self._temperature,
                grid=view.grid if self._model.shortlists else None,
            ),
            restricted=restricted,
            flows=(*along, *found) if self._method.flow else (),
            leading=tuple(along) if follows and all(track.candidates is not None for track in tracks) else (),
        )

    def _matching(self, picture: np.ndarray) -> np.ndarray:
        """A picture (H, W[, C]) at the size features are taken from."""
        height, width = picture.shape[:2]
        lines = min(height, self._method.matching_height) if self._model.coarse_matching else height
        return resized(picture, (lines, max(1, round(width * lines / height))))

    def _tensor(self, array: np.ndarray) -> Tensor:
        return torch.from_numpy(np.ascontiguousarray(array)).to(self._device)


def _colored(
    frame: int, evidence: Evidence, refined: Refined, sources: Sequence[_Source], tracks: Sequence[Tracks]
) -> Colored:
    frames = np.array([-1 if source.frame is None else source.frame for source in sources], np.float32)
    grid = frames[evidence.warp.source.cpu().numpy()].reshape(evidence.grid_lightness.shape)
    size = evidence.lightness.shape[::-1]
    attention = cv2.resize(grid, size, interpolation=cv2.INTER_NEAREST)
    carried = frames[[*(flow.reference for flow in evidence.flows), -1]][refined.flow_source]
    source = np.where(refined.flow_source < 0, attention, carried)
    nearest = int(np.argmax(_closeness(frame, sources[: len(tracks)]))) if tracks else None
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


def _flow_color(
    link: FlowLink, *, frame: int, view: View, source: _Source, reference: int, found: bool, closeness: float
) -> FlowColor:
    assert source.frame is not None
    there, residual = _compared(view, source.view, link)
    return FlowColor(
        reference=reference,
        found=found,
        age=abs(frame - source.frame),
        ab=sample(source.ab, link.displacement),
        lightness=there,
        visibility=link.visibility,
        residual=residual,
        fit=fit(view.target, source.described, in_cells(link.displacement, view), view.grid),
        closeness=closeness,
    )


def _step(view: View, before: View, link: FlowLink) -> Step:
    """From a frame to the one before it on the walk."""
    there, residual = _compared(view, before, link)
    features = fit(view.target, before.reference, in_cells(link.displacement, view), view.grid)
    return Step(link.displacement, there, link.visibility, residual, features)


def _compared(view: View, other: View, link: FlowLink) -> tuple[np.ndarray, np.ndarray]:
    """(H, W) L* of where a flow leads on another picture, and how far it is off, smoothed."""
    there = sample(other.lightness, link.displacement)
    sigma = _RESIDUAL_SIGMA * max(1.0, view.lightness.shape[0] / 216)
    return there, cv2.GaussianBlur(np.abs(view.lightness - there), (0, 0), sigma)


def _closeness(frame: int, sources: Sequence[_Source]) -> list[float]:
    """How near each of one or two references is in time: 1 on itself, 0 on the other; sums to 1."""
    distance = [abs(frame - source.frame) for source in sources if source.frame is not None]
    return [1.0] if len(distance) == 1 else [1 - d / sum(distance) for d in distance]


def _told(frames: Sequence[int], looked_at: Callable[[int], None]) -> Iterator[int]:
    """The frames, each told to `looked_at` when it is taken."""
    for frame in frames:
        looked_at(frame)
        yield frame

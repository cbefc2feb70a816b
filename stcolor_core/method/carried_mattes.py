"""A span's footage with a matte on every frame, if any frame has one: they are carried before the colour is."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, replace

import torch

from stcolor_core.arrays import Plane
from stcolor_core.files.scratch import Scratch
from stcolor_core.method.footage import Footage
from stcolor_core.method.references import Keyframe
from stcolor_core.method.tracking.appearance import AppearanceMemory, Likeness
from stcolor_core.method.tracking.carrying import CarriedObjects, MatteCarrier, combine_carried
from stcolor_core.method.tracking.instance import Instances
from stcolor_core.method.tracking.lost_mattes import LossWatch, LostMatte
from stcolor_core.method.tracking.walk import View
from stcolor_core.shots.spans import Span

__all__ = ["carry_mattes"]

_CPU = torch.device("cpu")


def carry_mattes(
    span: Span,
    footage: Footage,
    scratch: Scratch,
    *,
    view: Callable[[Plane], View],
    temperature: float,
    needed: Collection[int],
    on_read: Callable[[int], None],
    on_lost: Callable[[LostMatte], None] = lambda _: None,
) -> Footage:
    """Return footage in which the mattes of a span are carried to its frames without one.

    Only mattes of the span's frames and of the references that bound it count, so that the span depends on nothing
    outside it. The choice of needed frames changes no pixel.

    Args:
        span: The span.
        footage: Its pictures.
        scratch: Holds the carried mattes.
        view: Returns the view of a picture, with its features.
        temperature: Softmax temperature of the features.
        needed: The frames whose mattes are needed, besides those of the bounding references.
        on_read: Called with each frame number before the frame is read.
        on_lost: Called with each object and stretch of frames in which it was lost.

    Returns:
        The footage itself if no frame has a matte, or all have one.
    """
    bounds = [frame for frame in (span.before, span.after) if frame is not None]
    frames = sorted({*span.frames, *bounds})
    given = [frame for frame in frames if footage.has_matte(frame)]
    missing = frozenset({*needed, *bounds}.difference(given))
    if not given or not missing:
        return footage
    carrying = _Carrying(footage, scratch, view=view, temperature=temperature, on_read=on_read)
    for gap in _find_gaps(frames, given, missing):
        for lost in carrying.carry_over(gap):
            on_lost(lost)
    return _CarriedFootage(footage, scratch, missing)


@dataclass(frozen=True)
class _CarriedFootage:
    """Footage with the mattes that were carried to some of its frames; implements `Footage`."""

    footage: Footage
    scratch: Scratch
    carried: frozenset[int]

    @property
    def stills(self) -> Sequence[Keyframe]:
        return self.footage.stills

    def lightness(self, frame: int) -> Plane:
        return self.footage.lightness(frame)

    def has_matte(self, frame: int) -> bool:
        return frame in self.carried or self.footage.has_matte(frame)

    def instances(self, frame: int) -> Instances | None:
        if frame in self.carried:
            return self.scratch.load("mattes", frame, Instances, device=_CPU)
        return self.footage.instances(frame)

    def keyframe(self, frame: int) -> Keyframe:
        keyframe = self.footage.keyframe(frame)
        return replace(keyframe, instances=self.instances(frame)) if frame in self.carried else keyframe


@dataclass(frozen=True)
class _Gap:
    """Neighbouring frames without a matte, in ascending order, and the frames with one that bound them, if any."""

    frames: Sequence[int]
    before: int | None
    after: int | None


def _find_gaps(frames: Sequence[int], given: Sequence[int], missing: Collection[int]) -> Iterator[_Gap]:
    """Yield the gaps between the frames with a matte that hold a missing one, no longer than they are needed."""
    ends = [None, *given, None]
    for before, after in zip(ends, ends[1:], strict=False):
        first = 0 if before is None else bisect_left(frames, before) + 1
        end = len(frames) if after is None else bisect_left(frames, after)
        needed = [index for index in range(first, end) if frames[index] in missing]
        if needed:
            first = needed[0] if before is None else first
            end = needed[-1] + 1 if after is None else end
            yield _Gap(frames[first:end], before, after)


class _Carrying:
    """Carries the mattes at the ends of gaps over their frames."""

    def __init__(
        self,
        footage: Footage,
        scratch: Scratch,
        *,
        view: Callable[[Plane], View],
        temperature: float,
        on_read: Callable[[int], None],
    ) -> None:
        self._footage, self._scratch, self._on_read = footage, scratch, on_read
        self._view, self._temperature = view, temperature

    def carry_over(self, gap: _Gap) -> Sequence[LostMatte]:
        """Save the mattes of a gap's frames as "mattes"; return the objects that were lost."""
        before, after = gap.before, gap.after
        given = [frame for frame in (before, after) if frame is not None]
        ends = [self._read_end(frame) for frame in given]
        watch = LossWatch({frame: mattes for frame, (_, mattes) in zip(given, ends, strict=True)})
        memory = AppearanceMemory(
            [(self._view(lightness), mattes) for lightness, mattes in ends], temperature=self._temperature
        )

        def look_at(frame: int, lightness: Plane) -> Likeness:
            likeness = memory.compare(self._view(lightness))
            if len(ends) == 2:
                self._scratch.save("likeness", frame, likeness)
            return likeness

        def look_again(frame: int, _: Plane) -> Likeness:
            return self._scratch.take("likeness", frame, Likeness, device=_CPU)

        if before is None or after is None:
            frames = gap.frames if after is None else gap.frames[::-1]
            for frame, names, carried in self._walk(ends[0], frames, look_at):
                mattes = combine_carried([(names, carried, 1.0)])
                watch.look_at(frame, mattes, [(names, carried)])
                self._scratch.save("mattes", frame, mattes)
            return watch.losses()
        forward_names: tuple[str, ...] = ()
        for frame, names, carried in self._walk(ends[0], gap.frames, look_at):
            forward_names = names
            self._scratch.save("carried", frame, carried)
        for frame, names, carried in self._walk(ends[1], gap.frames[::-1], look_again):
            forward = self._scratch.take("carried", frame, CarriedObjects, device=_CPU)
            share = (frame - before) / (after - before)
            mattes = combine_carried([(forward_names, forward, 1 - share), (names, carried, share)])
            watch.look_at(frame, mattes, [(forward_names, forward), (names, carried)])
            self._scratch.save("mattes", frame, mattes)
        return watch.losses()

    def _read_end(self, frame: int) -> tuple[Plane, Instances]:
        """Return L* of a frame that has a matte, and the matte."""
        self._on_read(frame)
        mattes = self._footage.instances(frame)
        assert mattes is not None
        return self._footage.lightness(frame), mattes

    def _walk(
        self, end: tuple[Plane, Instances], frames: Sequence[int], look_at: Callable[[int, Plane], Likeness]
    ) -> Iterator[tuple[int, tuple[str, ...], CarriedObjects]]:
        """Yield each frame outward from one with a matte, with the names of the objects and the objects."""
        carrier = MatteCarrier(*end)
        for frame in frames:
            self._on_read(frame)
            lightness = self._footage.lightness(frame)
            yield frame, carrier.names, carrier.advance(lightness, look_at(frame, lightness))

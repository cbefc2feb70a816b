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
from stcolor_core.method.tracking.carrying import CarriedObjects, MatteCarrier, combine_carried
from stcolor_core.method.tracking.instance import Instances
from stcolor_core.shots.spans import Span

__all__ = ["carry_mattes"]

_CPU = torch.device("cpu")


def carry_mattes(
    span: Span,
    footage: Footage,
    scratch: Scratch,
    *,
    needed: Collection[int],
    on_read: Callable[[int], None],
) -> Footage:
    """Return footage in which the mattes of a span are carried to its frames without one.

    Only mattes of the span's frames and of the references that bound it count, so that the span depends on nothing
    outside it. The choice of needed frames changes no pixel.

    Args:
        span: The span.
        footage: Its pictures.
        scratch: Holds the carried mattes.
        needed: The frames whose mattes are needed, besides those of the bounding references.
        on_read: Called with each frame number before the frame is read.

    Returns:
        The footage itself if no frame has a matte, or all have one.
    """
    bounds = [frame for frame in (span.before, span.after) if frame is not None]
    frames = sorted({*span.frames, *bounds})
    given = [frame for frame in frames if footage.has_matte(frame)]
    missing = frozenset({*needed, *bounds}.difference(given))
    if not given or not missing:
        return footage
    for gap in _find_gaps(frames, given, missing):
        _carry_over(gap, footage, scratch, on_read)
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


def _carry_over(gap: _Gap, footage: Footage, scratch: Scratch, on_read: Callable[[int], None]) -> None:
    """Carry the mattes at the ends of a gap over its frames and save them as "mattes"."""
    if gap.before is None or gap.after is None:
        start, frames = (gap.before, gap.frames) if gap.after is None else (gap.after, gap.frames[::-1])
        assert start is not None
        for frame, names, carried in _walk(start, frames, footage, on_read):
            scratch.save("mattes", frame, combine_carried([(names, carried, 1.0)]))
        return
    forward_names: tuple[str, ...] = ()
    for frame, names, carried in _walk(gap.before, gap.frames, footage, on_read):
        forward_names = names
        scratch.save("carried", frame, carried)
    for frame, names, carried in _walk(gap.after, gap.frames[::-1], footage, on_read):
        forward = scratch.take("carried", frame, CarriedObjects, device=_CPU)
        share = (frame - gap.before) / (gap.after - gap.before)
        mattes = combine_carried([(forward_names, forward, 1 - share), (names, carried, share)])
        scratch.save("mattes", frame, mattes)


def _walk(
    start: int, frames: Sequence[int], footage: Footage, on_read: Callable[[int], None]
) -> Iterator[tuple[int, tuple[str, ...], CarriedObjects]]:
    """Yield each frame outward from one with a matte, with the names of the objects and the objects."""
    on_read(start)
    mattes = footage.instances(start)
    assert mattes is not None
    carrier = MatteCarrier(footage.lightness(start), mattes)
    for frame in frames:
        on_read(frame)
        yield frame, carrier.names, carrier.advance(footage.lightness(frame))

"""A shot cut at references and scene cuts: which frames are coloured together, and from what.

A span holds every frame strictly between two boundaries, each a reference or a scene cut. Nothing outside it but its
references decides its pixels, so spans may be rendered apart, on different hosts, in any order. So may pieces of a
span, at the price of being tracked to: its frames on the way are read for that, and not coloured.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

__all__ = ["Span", "pieces", "plan", "reaching", "unreferenced"]


@dataclass(frozen=True)
class Span:
    """Frames coloured together, in ascending order.

    before, after: the reference frames that bound it, None at a cut or the end of the shot.
    others: further reference frames of the same scene, the nearest first: matched by features, not tracked.
    """

    frames: tuple[int, ...]
    before: int | None
    after: int | None
    others: tuple[int, ...] = ()

    @property
    def references(self) -> tuple[int, ...]:
        """Every reference frame that colours this span: the bounding ones first, in time."""
        return (*(frame for frame in (self.before, self.after) if frame is not None), *self.others)

    @property
    def bounded(self) -> bool:
        """Whether a reference bounds it, so that its frames are tracked."""
        return self.before is not None or self.after is not None

    @property
    def between(self) -> bool:
        """Whether references bound it on both sides."""
        return self.before is not None and self.after is not None

    @property
    def outward(self) -> tuple[int, ...]:
        """Its frames away from the reference that bounds it; in time where two do, or none."""
        return self.frames[::-1] if self.before is None and self.after is not None else self.frames

    def walks(self, wanted: Collection[int]) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """The frames to walk over for the wanted ones: back from `after` where it lies between two, then outward.

        A walk ends with the last frame that is wanted.
        """
        back = self.outward[::-1] if self.between else ()
        return _as_far_as(wanted, back), _as_far_as(wanted, self.outward)

    @property
    def reads(self) -> tuple[int, ...]:
        """Every plate frame whose luminance decides this span's pixels."""
        return tuple(sorted({*self.frames, *self.references}))


def plan(frames: Sequence[int], references: Iterable[int], cuts: Iterable[int], *, per_frame: int = 2) -> list[Span]:
    """The spans of a shot, in time order. Reference frames themselves belong to none: they keep their own colour.

    frames: the plate's, ascending. references: frames with a coloured picture, all among `frames`.
    cuts: first frames of new scenes. per_frame: how many references colour one frame where the scene has as many.
    """
    keys = sorted(set(references))
    spans: list[Span] = []
    for scene in _scenes(frames, cuts):
        own = [key for key in keys if scene[0] <= key <= scene[-1]]
        for before, after in zip([None, *own], [*own, None], strict=True):
            inside = tuple(f for f in scene if (before is None or f > before) and (after is None or f < after))
            bounds = (before is not None) + (after is not None)
            if not inside:
                continue
            if per_frame == 1 and bounds == 2:
                near = tuple(f for f in inside if f - before <= after - f)  # type: ignore[operator]
                spans += [Span(near, before, None), Span(inside[len(near) :], None, after)]
            else:
                spans.append(
                    Span(inside, before, after, _others(inside, before, after, own)[: max(0, per_frame - bounds)])
                )
    return [span for span in spans if span.frames]


def pieces(span: Span, longest: int | None) -> list[tuple[int, ...]]:
    """The frames of a span in runs of at most `longest`, in time order and as equal as can be; one run where None."""
    count = 1 if longest is None else -(-len(span.frames) // longest)
    bounds = [len(span.frames) * index // count for index in range(count + 1)]
    return [span.frames[a:b] for a, b in zip(bounds, bounds[1:], strict=False)]


def unreferenced(spans: Iterable[Span]) -> tuple[int, ...]:
    """The frames that no reference of their own scene colours."""
    return tuple(frame for span in spans if not span.references for frame in span.frames)


def reaching(spans: Iterable[Span], frames: Iterable[int]) -> list[Span]:
    """The spans that hold any of `frames`."""
    wanted = set(frames)
    return [span for span in spans if wanted.intersection(span.frames)]


def _as_far_as(wanted: Collection[int], walk: tuple[int, ...]) -> tuple[int, ...]:
    return walk[: 1 + max((place for place, frame in enumerate(walk) if frame in wanted), default=-1)]


def _others(inside: Sequence[int], before: int | None, after: int | None, own: Sequence[int]) -> tuple[int, ...]:
    rest = [key for key in own if key not in (before, after)]
    return tuple(sorted(rest, key=lambda key: (min(abs(inside[0] - key), abs(inside[-1] - key)), key)))


def _scenes(frames: Sequence[int], cuts: Iterable[int]) -> list[tuple[int, ...]]:
    starts = sorted({0, *(bisect_left(frames, cut) for cut in cuts), len(frames)})
    return [tuple(frames[a:b]) for a, b in zip(starts, starts[1:], strict=False) if b > a]

"""Divide a shot into spans at references and scene cuts: which frames are coloured together, and from which references.

A span holds all frames between two neighbouring boundaries, each of which is a reference, a scene cut or an end of a
dissolve. Its pixels depend on nothing outside it but its references, so spans can be rendered on different hosts and in
any order. Parts of a span can be rendered apart too; then the frames on the way to a part are read for tracking, but
not coloured. The frames of a dissolve are a span of their own, coloured from the scenes on either side.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

__all__ = [
    "PatchWalk",
    "Side",
    "Span",
    "matched",
    "plan",
    "plan_patch_walks",
    "spans_containing",
    "split_span",
    "unreferenced",
]

_MATCHED = 4  # references of other scenes that colour a scene without one


@dataclass(frozen=True)
class Side:
    """One of the two scenes that mix in a dissolve.

    Attributes:
        end: The scene's frame next to the dissolve, which shows this scene alone.
        span: The span that holds this frame; None if the frame is a reference.
    """

    end: int
    span: Span | None

    @property
    def references(self) -> tuple[int, ...]:
        """Return the reference frames that colour the end."""
        return (self.end,) if self.span is None else self.span.references

    def continued(self, frames: tuple[int, ...]) -> Span:
        """Return the span that colours frames of a fade in which this scene is alone.

        Args:
            frames: The frames in ascending order, all of them before or after the scene's end.
        """
        is_ahead = frames[0] > self.end
        if self.span is None:
            return Span(frames, self.end, None) if is_ahead else Span(frames, None, self.end)
        return replace(self.span, frames=(*self.span.frames, *frames) if is_ahead else (*frames, *self.span.frames))


@dataclass(frozen=True)
class Span:
    """Frames that are coloured together.

    Attributes:
        frames: The frames in ascending order.
        before: The reference frame that bounds the span at the start; None at a cut or at the start of the shot.
        after: The reference frame that bounds it at the end; None at a cut or at the end of the shot.
        others: Further reference frames, the nearest first: of the same scene, or of other scenes if this one has none
            and they were asked for. They are matched by features, not tracked.
        sides: The scenes before and after a dissolve, whose colours mix in its frames; empty for other spans.
    """

    frames: tuple[int, ...]
    before: int | None
    after: int | None
    others: tuple[int, ...] = ()
    sides: tuple[Side, ...] = ()

    @property
    def references(self) -> tuple[int, ...]:
        """Return all reference frames that colour this span: first the bounding ones in time order, then the others.

        Those of a dissolve are in ascending order.
        """
        if self.sides:
            return tuple(sorted({frame for side in self.sides for frame in side.references}))
        return (*(frame for frame in (self.before, self.after) if frame is not None), *self.others)

    @property
    def bounded(self) -> bool:
        """Return whether a reference bounds the span, so that its frames are tracked."""
        return self.before is not None or self.after is not None

    @property
    def between(self) -> bool:
        """Return whether references bound the span on both sides."""
        return self.before is not None and self.after is not None

    @property
    def outward(self) -> tuple[int, ...]:
        """Return the frames in order away from the only bounding reference; in time order if there are two or none."""
        return self.frames[::-1] if self.before is None and self.after is not None else self.frames

    def walks(self, requested: Collection[int]) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """Return the frames to walk over in order to colour some frames of the span.

        Args:
            requested: The frames to colour.

        Returns:
            The walk back from `after`, which is empty unless the span lies between two references; and the walk
            outward. Each ends with its last requested frame.
        """
        back = self.outward[::-1] if self.between else ()
        return _truncate_walk(requested, back), _truncate_walk(requested, self.outward)

    @property
    def reads(self) -> tuple[int, ...]:
        """Return all plate frames whose luminance affects the pixels of this span, in ascending order."""
        sides = {frame for side in self.sides if side.span is not None for frame in side.span.reads}
        return tuple(sorted({*self.frames, *self.references, *sides}))

    @property
    def bounds(self) -> list[Any]:
        """Return which references colour the span and how, as JSON data for its digest."""
        if not self.sides:
            return [self.before, self.after, *self.others]
        return [[side.end, *([] if side.span is None else side.span.bounds)] for side in self.sides]


def plan(
    frames: Sequence[int],
    references: Iterable[int],
    cuts: Iterable[int],
    dissolves: Iterable[tuple[int, int]] = (),
    *,
    per_frame: int = 2,
    match_unreferenced: bool = False,
) -> list[Span]:
    """Return the spans of a shot in time order. Reference frames keep their own colour and belong to no span.

    Args:
        frames: The plate's frames in ascending order.
        references: Frames with a coloured picture, all of them among `frames`.
        cuts: First frames of new scenes.
        dissolves: First and last frames of dissolves, which do not overlap. One at an end of the shot, or beside
            another transition, does not count: it has no frame that shows one scene alone.
        per_frame: How many references colour one frame, if the scene has that many.
        match_unreferenced: Whether a scene without a reference is coloured from those of other scenes.
    """
    keyframes = sorted(set(references))
    mixed = _find_dissolves(frames, cuts, dissolves)
    spans: list[Span] = []
    for scene in _split_scenes(frames, [*cuts, *(frame for run in mixed for frame in (run[0], run[-1] + 1))]):
        if scene in mixed:
            continue
        scene_keyframes = [key for key in keyframes if scene[0] <= key <= scene[-1]]
        for before, after in zip([None, *scene_keyframes], [*scene_keyframes, None], strict=True):
            inside = tuple(f for f in scene if (before is None or f > before) and (after is None or f < after))
            bounds = (before is not None) + (after is not None)
            if not inside:
                continue
            if per_frame == 1 and bounds == 2:
                nearer_to_before = tuple(f for f in inside if f - before <= after - f)  # type: ignore[operator]
                spans += [Span(nearer_to_before, before, None), Span(inside[len(nearer_to_before) :], None, after)]
            else:
                spans.append(
                    Span(
                        inside,
                        before,
                        after,
                        _other_references(inside, before, after, scene_keyframes)[: max(0, per_frame - bounds)],
                    )
                )
    spans = [span for span in spans if span.frames]
    if match_unreferenced:
        spans = [
            span if span.references else replace(span, others=_references_of_other_scenes(span, keyframes))
            for span in spans
        ]
    spans += [_plan_dissolve(frames, run, spans, keyframes) for run in mixed]
    return sorted((span for span in spans if span.frames), key=lambda span: span.frames)


@dataclass(frozen=True)
class PatchWalk:
    """The frames that a patch may reach in one direction.

    Attributes:
        patch: The frame of the patch.
        frames: The frames in order away from it.
        keyframe: The whole keyframe that ends the walk; None if the scene or the shot ends it.
    """

    patch: int
    frames: tuple[int, ...]
    keyframe: int | None


def plan_patch_walks(
    frames: Sequence[int], patches: Iterable[int], keyframes: Iterable[int], cuts: Iterable[int]
) -> list[PatchWalk]:
    """Return the walks of all patches, each as far as the next whole keyframe or the end of its scene.

    Args:
        frames: The plate's frames in ascending order.
        patches: Frames with a patch, all of them among `frames`.
        keyframes: Frames of whole keyframes.
        cuts: First frames of new scenes.
    """
    keys, walks = frozenset(keyframes), []
    wanted = sorted(set(patches))
    for scene in _split_scenes(frames, cuts):
        for patch in (frame for frame in wanted if scene[0] <= frame <= scene[-1]):
            place = bisect_left(scene, patch)
            for outward in (scene[:place][::-1], scene[place + 1 :]):
                end = next((index for index, frame in enumerate(outward) if frame in keys), None)
                reach = outward if end is None else outward[:end]
                if reach:
                    walks.append(PatchWalk(patch, reach, None if end is None else outward[end]))
    return walks


def split_span(span: Span, longest: int | None) -> list[tuple[int, ...]]:
    """Return a span's frames as runs of nearly equal length, in time order.

    Args:
        span: The span.
        longest: Maximum length of a run; None for a single run. A dissolve is always one run: each of its frames needs
            all the others.
    """
    count = 1 if longest is None or span.sides else -(-len(span.frames) // longest)
    bounds = [len(span.frames) * index // count for index in range(count + 1)]
    return [span.frames[a:b] for a, b in zip(bounds, bounds[1:], strict=False)]


def matched(spans: Iterable[Span]) -> dict[int, tuple[int, ...]]:
    """Return the frames without a reference in their own scene that references of other scenes colour, with these.

    Args:
        spans: The spans of the shot.
    """
    return {frame: span.others for span in spans if not span.bounded and span.others for frame in span.frames}


def unreferenced(spans: Iterable[Span]) -> tuple[int, ...]:
    """Return the frames that no reference colours.

    Args:
        spans: The spans of the shot.
    """
    return tuple(frame for span in spans if not span.references for frame in span.frames)


def spans_containing(spans: Iterable[Span], frames: Iterable[int]) -> list[Span]:
    """Return the spans that contain any of the given frames.

    Args:
        spans: The spans of the shot.
        frames: Frame numbers.
    """
    requested = set(frames)
    return [span for span in spans if requested.intersection(span.frames)]


def _truncate_walk(requested: Collection[int], walk: tuple[int, ...]) -> tuple[int, ...]:
    """Return a walk up to its last requested frame."""
    return walk[: 1 + max((index for index, frame in enumerate(walk) if frame in requested), default=-1)]


def _other_references(
    inside: Sequence[int], before: int | None, after: int | None, scene_keyframes: Sequence[int]
) -> tuple[int, ...]:
    """Return the other references of the scene, the nearest to the span first."""
    remaining = [key for key in scene_keyframes if key not in (before, after)]
    return tuple(sorted(remaining, key=lambda key: (min(abs(inside[0] - key), abs(inside[-1] - key)), key)))


def _split_scenes(frames: Sequence[int], cuts: Iterable[int]) -> list[tuple[int, ...]]:
    starts = sorted({0, *(bisect_left(frames, cut) for cut in cuts), len(frames)})
    return [tuple(frames[a:b]) for a, b in zip(starts, starts[1:], strict=False) if b > a]


def _find_dissolves(
    frames: Sequence[int], cuts: Iterable[int], dissolves: Iterable[tuple[int, int]]
) -> list[tuple[int, ...]]:
    """Return the frames of each dissolve that has a frame of a single scene on either side."""
    runs = [tuple(frame for frame in frames if first <= frame <= last) for first, last in sorted(dissolves)]
    runs = [run for run in runs if run]
    cut_places = {bisect_left(frames, cut) for cut in cuts}
    taken = {bisect_left(frames, frame) for run in runs for frame in run}
    return [
        run
        for run in runs
        if (place := bisect_left(frames, run[0])) > 0
        and (end := place + len(run)) < len(frames)
        and not {place - 1, end} & taken
        and not cut_places.intersection(range(place, end + 1))
    ]


def _plan_dissolve(
    frames: Sequence[int], run: tuple[int, ...], spans: Sequence[Span], keyframes: Sequence[int]
) -> Span:
    """Return the span of a dissolve; references among its frames keep their own colour."""
    place = bisect_left(frames, run[0])
    ends = (frames[place - 1], frames[place + len(run)])
    sides = tuple(Side(end, next((span for span in spans if end in span.frames), None)) for end in ends)
    return Span(tuple(frame for frame in run if frame not in keyframes), None, None, sides=sides)


def _references_of_other_scenes(span: Span, keyframes: Sequence[int]) -> tuple[int, ...]:
    """Return the references that may colour a scene without one: the nearest in time, at most `_MATCHED`."""
    first, last = span.frames[0], span.frames[-1]
    nearest = sorted(keyframes, key=lambda key: (max(first - key, key - last), key))
    return tuple(nearest[:_MATCHED])

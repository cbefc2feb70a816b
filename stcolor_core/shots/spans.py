"""Divide a shot into spans at references and scene cuts: which frames are coloured together, and from which references.

A span holds all frames between two neighbouring boundaries, each of which is a reference or a scene cut. Its pixels
depend on nothing outside it but its references, so spans can be rendered on different hosts and in any order. Parts of
a span can be rendered apart too; then the frames on the way to a part are read for tracking, but not coloured.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

__all__ = ["PatchWalk", "Span", "plan", "plan_patch_walks", "spans_containing", "split_span", "unreferenced"]


@dataclass(frozen=True)
class Span:
    """Frames that are coloured together.

    Attributes:
        frames: The frames in ascending order.
        before: The reference frame that bounds the span at the start; None at a cut or at the start of the shot.
        after: The reference frame that bounds it at the end; None at a cut or at the end of the shot.
        others: Further reference frames of the same scene, the nearest first. They are matched by features, not
            tracked.
    """

    frames: tuple[int, ...]
    before: int | None
    after: int | None
    others: tuple[int, ...] = ()

    @property
    def references(self) -> tuple[int, ...]:
        """Return all reference frames that colour this span: first the bounding ones in time order, then the others."""
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
        return tuple(sorted({*self.frames, *self.references}))


def plan(frames: Sequence[int], references: Iterable[int], cuts: Iterable[int], *, per_frame: int = 2) -> list[Span]:
    """Return the spans of a shot in time order. Reference frames keep their own colour and belong to no span.

    Args:
        frames: The plate's frames in ascending order.
        references: Frames with a coloured picture, all of them among `frames`.
        cuts: First frames of new scenes.
        per_frame: How many references colour one frame, if the scene has that many.
    """
    keyframes = sorted(set(references))
    spans: list[Span] = []
    for scene in _split_scenes(frames, cuts):
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
    return [span for span in spans if span.frames]


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
        longest: Maximum length of a run; None for a single run.
    """
    count = 1 if longest is None else -(-len(span.frames) // longest)
    bounds = [len(span.frames) * index // count for index in range(count + 1)]
    return [span.frames[a:b] for a, b in zip(bounds, bounds[1:], strict=False)]


def unreferenced(spans: Iterable[Span]) -> tuple[int, ...]:
    """Return the frames without a reference in their own scene.

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

"""Plan the first keyframes of scenes, before any paint: which frames, in which order, and what each would colour."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

from stcolor_core.arrays import Plane
from stcolor_core.method.key_coverage import estimate_coverage
from stcolor_core.shots.key_choice import allot_keys, best_key_sets, shares_by_key

__all__ = ["PlannedKey", "SceneKeys", "SceneOptions", "choose_keys", "find_options"]

_MOST_KEYS = 12  # of a scene, beside those that are there


@dataclass(frozen=True)
class PlannedKey:
    """A frame that is to become a keyframe.

    Attributes:
        frame: Its number.
        share: Share of the scene's pixels that take their colour from it, beside the other keyframes, and are right,
            0..1.
        exists: Whether it is a keyframe already.
    """

    frame: int
    share: float
    exists: bool = False


@dataclass(frozen=True)
class SceneOptions:
    """The best keyframes of one scene for several numbers of them.

    Attributes:
        first: The scene's first frame.
        last: Its last frame.
        length: Its number of frames.
        sets: The best keyframes for each number of them, the fewest first. Each number is one more than the one before.
            None if no frame can hold colour.
        shares: Expected share of the scene's pixels that each set makes right, 0..1.
    """

    first: int
    last: int
    length: int
    sets: tuple[tuple[PlannedKey, ...], ...]
    shares: tuple[float, ...]


@dataclass(frozen=True)
class SceneKeys:
    """The keyframes that are planned for one scene.

    Attributes:
        first: The scene's first frame.
        last: Its last frame.
        length: Its number of frames.
        keys: The keyframes, the one that colours most first; none for a scene that gets none.
        share: Expected share of the scene's pixels that they make right, 0..1; 1 if the scene can hold no colour.
    """

    first: int
    last: int
    length: int
    keys: tuple[PlannedKey, ...]
    share: float


def find_options(
    scene: Sequence[int],
    lightness: Callable[[int], Plane],
    *,
    existing: Collection[int] = (),
    on_read: Callable[[int], None] = lambda _: None,
    cancelled: Callable[[], bool] = lambda: False,
) -> SceneOptions:
    """Return the best keyframes of a scene for one keyframe, two, and so on.

    Args:
        scene: The frames of the scene, ascending; at least one.
        lightness: Returns L* of a frame, (H, W) of any size, 0..100.
        existing: Frames that are keyframes already; those of other scenes do not count.
        on_read: Called with every frame before it is read.
        cancelled: Asked before every frame, and often.

    Raises:
        Cancelled: Once `cancelled` returns True.
    """
    existing = sorted(set(existing).intersection(scene))
    coverage = estimate_coverage(scene, lightness, required=existing, on_read=on_read, cancelled=cancelled)
    frames = [coverage.frames[index] for index in coverage.candidates]
    fixed = [frames.index(frame) for frame in existing if frames]
    found = best_key_sets(coverage.share, coverage.candidates, len(fixed) + _MOST_KEYS, fixed=fixed)
    sets = []
    for each in found:
        shares = shares_by_key(coverage.share, coverage.candidates, each.keys)
        sets.append(
            tuple(
                PlannedKey(frames[number], share, exists=frames[number] in existing)
                for number, share in zip(each.keys, shares, strict=True)
            )
        )
    return SceneOptions(scene[0], scene[-1], len(scene), tuple(sets), tuple(each.share for each in found))


def choose_keys(options: Sequence[SceneOptions], *, count: int | None = None, share: float = 0.95) -> list[SceneKeys]:
    """Return the keyframes of each scene: so many in all, or as few as make a share of all pixels right.

    Each next keyframe goes to the scene in which it gains most. Keyframes that exist are kept.

    Args:
        options: The options of each scene.
        count: Number of new keyframes; None for as many as `share` needs.
        share: Share of all pixels that is to be right, 0..1, without a `count`. A scene has at most 12 new keyframes.
    """
    colored = [option for option in options if option.sets]
    numbers = iter(
        allot_keys(
            [option.shares for option in colored],
            [option.length for option in colored],
            existing=[sum(key.exists for key in option.sets[0]) for option in colored],
            count=count,
            share=share,
        )
    )
    chosen = [next(numbers) if option.sets else 0 for option in options]
    return [
        SceneKeys(
            option.first,
            option.last,
            option.length,
            tuple(sorted(option.sets[number - 1], key=lambda key: (-key.share, key.frame))) if number else (),
            option.shares[number - 1] if number else float(not option.sets),
        )
        for option, number in zip(options, chosen, strict=True)
    ]

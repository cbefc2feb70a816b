"""Choose frames for keyframes, by what a keyframe at each of them would colour.

A frame is coloured from the nearest keyframe on either side, so what lies between two neighbouring keyframes depends on
those two alone. The best frames for any number of keyframes are therefore found exactly, by dynamic programming over
the stretches between them. A cell that both keyframes show counts as the better of the two.

The best frames are those with the highest sum of `frame_worth`, which grows as PSNR does: to halve what is wrong in a
frame is worth the same whether much or little is wrong there. A mean of the shares would look at bad frames alone.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "LEAST_GAIN",
    "KeySet",
    "allot_keys",
    "best_key_sets",
    "frame_worth",
    "share_colored",
    "shares_by_key",
    "suggest_by_coverage",
]

LEAST_GAIN = 0.003  # share of the pixels; a smaller gain is not worth an artist's time
_TOLERABLE = 0.03  # wrong share of a frame's pixels below which still less is worth little
_LEAST_SHARE = 0.003  # of a cell's pixels, and of those that are wrong: nothing is more certain


@dataclass(frozen=True)
class KeySet:
    """The best frames for a number of keyframes in one scene.

    Attributes:
        keys: Numbers of the candidates that become keyframes, ascending.
        share: Expected share of the scene's pixels that are right then, 0..1.
    """

    keys: tuple[int, ...]
    share: float


def frame_worth(share: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return what it is worth that a share of a frame's pixels is right: minus the logarithm of what is wrong.

    Args:
        share: Share of the pixels of each frame that is right, any shape, 0..1.
    """
    return np.asarray(-np.log(1 + _TOLERABLE - share.astype(np.float64)))


def best_key_sets(
    share: NDArray[np.float32], candidates: Sequence[int], most: int, *, fixed: Sequence[int] = ()
) -> list[KeySet]:
    """Return the best key set of every size, from the least possible one to `most`.

    Args:
        share: Share of the pixels of each cell that each candidate would colour right, (K, F, ...), 0..1.
        candidates: Index of the frame, among the F frames, of each of the K candidates, ascending.
        most: Size of the largest set; no more than K are used.
        fixed: Numbers of candidates that every set holds.

    Returns:
        The sets in the order of their size. The first has the size of `fixed`, or 1 without fixed ones.
    """
    value = _stretch_values(share, candidates)
    count = len(candidates)
    for number in fixed:  # no stretch may pass over a fixed keyframe: index 0 and count + 1 are the ends of the scene
        value[: number + 1, number + 2 :] = -np.inf
    most = min(most, count)
    total = np.full((most + 1, count + 2), -np.inf)
    came_from = np.zeros((most + 1, count + 2), int)
    total[0, 0] = 0
    for size in range(1, most + 1):
        through = total[size - 1, :, None] + value
        came_from[size] = through.argmax(axis=0)
        total[size] = through.max(axis=0)
    sets = []
    for size in range(max(1, len(fixed)), most + 1):
        to_end = total[size] + value[:, -1]
        last = int(to_end[1:-1].argmax()) + 1
        keys = [last]
        for left in range(size, 1, -1):
            keys.append(int(came_from[left, keys[-1]]))
        if np.isfinite(to_end[last]):
            numbers = tuple(key - 1 for key in reversed(keys))
            sets.append(KeySet(numbers, float(share_colored(share, candidates, numbers).mean(dtype=np.float64))))
    return sets


def share_colored(share: NDArray[np.float32], candidates: Sequence[int], keys: Sequence[int]) -> NDArray[np.float32]:
    """Return the share of the pixels of each cell that a set of keyframes would colour right, (F, ...).

    Args:
        share: Of each candidate, (K, F, ...).
        candidates: Index of the frame of each candidate, ascending.
        keys: Numbers of the candidates that are keyframes; none colour nothing.
    """
    result: NDArray[np.float32] = np.zeros(share.shape[1:], np.float32)
    for number in sorted(keys):
        result[_reach(candidates, keys, number)] = np.maximum(
            result[_reach(candidates, keys, number)], share[number][_reach(candidates, keys, number)]
        )
    return result


def shares_by_key(share: NDArray[np.float32], candidates: Sequence[int], keys: Sequence[int]) -> list[float]:
    """Return the share of the scene's pixels that each keyframe of a set would colour, as the better one of the set.

    Args:
        share: Of each candidate, (K, F, ...).
        candidates: Index of the frame of each candidate, ascending.
        keys: Numbers of the candidates that are keyframes, ascending.
    """
    own = np.zeros((len(keys), *share[0].shape), np.float32)
    for place, number in enumerate(keys):
        reach = _reach(candidates, keys, number)
        own[place][reach] = share[number][reach]
    best = own.argmax(axis=0)
    return [float((own[place] * (best == place)).mean()) for place in range(len(keys))]


def allot_keys(
    shares: Sequence[Sequence[float]],
    lengths: Sequence[int],
    *,
    existing: Sequence[int],
    count: int | None = None,
    share: float = 1.0,
) -> list[int]:
    """Return how many keyframes each scene gets, so that each next one gains most.

    Args:
        shares: For each scene, the share of its pixels that is right with each number of keyframes, the least number
            first: `existing`, or 1 without existing ones.
        lengths: Frames of each scene.
        existing: Keyframes of each scene that are there.
        count: Number of new keyframes; None for as many as `share` needs.
        share: Share of all pixels that is to be right, 0..1, without a `count`.

    Returns:
        For each scene, the place in its `shares` that is chosen, plus 1; 0 for a scene without a keyframe.
    """
    start = [min(1, number) for number in existing]
    chosen = list(start)

    def right(scene: int) -> float:
        return shares[scene][chosen[scene] - 1] if chosen[scene] else 0.0

    def gain(scene: int) -> float:
        """Return the gain of one more keyframe, or the mean gain of several if that is greater."""
        ahead = [(each - right(scene)) / step for step, each in enumerate(shares[scene][chosen[scene] :], 1)]
        return lengths[scene] * max(ahead, default=-np.inf)

    scenes = range(len(shares))
    while any(number < len(each) for number, each in zip(chosen, shares, strict=True)):
        if count is not None:
            enough = sum(chosen) - sum(start) >= count
        else:
            enough = sum(lengths[scene] * right(scene) for scene in scenes) >= share * sum(lengths)
        if enough:
            break
        chosen[int(np.argmax([gain(scene) for scene in scenes]))] += 1
    return chosen


def suggest_by_coverage(
    share: NDArray[np.float32],
    candidates: Sequence[int],
    confidence: NDArray[np.float32],
    keys: Sequence[int],
    *,
    barred: Collection[int] = (),
    limit: int = 3,
    least_gain: float = LEAST_GAIN,
) -> list[tuple[int, float]]:
    """Return the candidates that make the best next keyframes, each with its gain. Each assumes those before it.

    The confidence says how much of each cell is right now, the coverage how much the keyframes that are there should
    make right. What is less sure than it should be is hard to colour, and stays as hard with another keyframe.

    Args:
        share: Share of the pixels of each cell that each candidate would colour right, (K, F, ...).
        candidates: Index of the frame of each candidate, ascending.
        confidence: Share of the pixels of each cell that is right, (F, ...), 0..1; 1 in keyframes.
        keys: Indices of the frames that are keyframes, ascending.
        barred: Indices of frames that must not be named.
        limit: Largest number of candidates to return.
        least_gain: Share of the scene's pixels that is worth a keyframe.

    Returns:
        Numbers of candidates, and the expected gain in the share of the scene's pixels that is right.
    """
    taken = [number for number, index in enumerate(candidates) if index in keys]
    now, result = confidence, []
    for _ in range(limit):
        expected = share_colored(share, candidates, taken)
        best: tuple[float, int, NDArray[np.float32]] | None = None
        for number, index in enumerate(candidates):
            if number in taken or index in barred:
                continue
            after = share_colored(share, candidates, sorted([*taken, number]))
            better = np.maximum(now, _sigmoid(_logit(now) + _logit(after) - _logit(expected)))
            better[index] = 1
            worth = float(frame_worth(_by_frame(better)).mean())
            if best is None or worth > best[0]:
                best = worth, number, better
        if best is None or (gain := float((best[2] - now).mean())) < least_gain:
            break
        result.append((best[1], gain))
        taken, now = sorted([*taken, best[1]]), best[2]
    return result


def _logit(share: NDArray[np.float32]) -> NDArray[np.float32]:
    clipped = np.clip(share, _LEAST_SHARE, 1 - _LEAST_SHARE)
    return np.asarray(np.log(clipped / (1 - clipped)))


def _sigmoid(value: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.asarray(1 / (1 + np.exp(-value)), np.float32)


def _stretch_values(share: NDArray[np.float32], candidates: Sequence[int]) -> NDArray[np.float64]:
    """Return what the frames between two keyframes are worth, the first of the two included.

    Entry (a + 1, b + 1) is of candidates a < b. Row 0 is the stretch before the first keyframe, the last column that
    from the last one to the end of the scene.
    """
    count, frames = share.shape[:2]
    value = np.full((count + 2, count + 2), -np.inf)
    cells = int(np.prod(share.shape[2:]))  # given in full: a black scene has no candidates
    single = frame_worth(share.reshape(count, frames, cells).mean(axis=-1))
    own = float(frame_worth(np.ones(1, np.float32))[0])
    for b, frame in enumerate(candidates):
        value[0, b + 1] = single[b, :frame].sum()
        value[b + 1, -1] = own + single[b, frame + 1 :].sum()
        for a, earlier in enumerate(candidates[:b]):
            between = np.maximum(share[a, earlier + 1 : frame], share[b, earlier + 1 : frame])
            value[a + 1, b + 1] = own + frame_worth(_by_frame(between)).sum()
    return value


def _by_frame(share: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the mean of each frame, (F,), of values by frame and cell, (F, ...)."""
    return np.asarray(share.mean(axis=tuple(range(1, share.ndim))))


def _reach(candidates: Sequence[int], keys: Sequence[int], number: int) -> slice:
    """Return the frames that a keyframe colours: those up to its neighbours among the keyframes."""
    before = [candidates[key] for key in keys if key < number]
    after = [candidates[key] for key in keys if key > number]
    return slice(max(before) + 1 if before else 0, min(after) if after else None)

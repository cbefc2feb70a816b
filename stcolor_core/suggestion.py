"""Where one more keyframe would help most, from how sure the result is along the shot.

Confidence is the share of a frame's pixels that are right, so what is missing to 1 is what a keyframe can gain. It is
lost in two ways. Some of it goes with the distance to the nearest keyframe, as the shot itself shows; a new keyframe
brings that distance down, so that a stretch with one key at its end gets the next one at about two thirds. What is
lacking beyond that belongs to the frame: something is seen there that no keyframe shows, and a keyframe helps where it
is seen too.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

__all__ = ["Suggestion", "suggest"]

_LEAST_GAIN = 0.003  # of the shot's pixels; less is not worth an artist's time
_APART = 4  # frames; closer to a keyframe another one would hardly help


@dataclass(frozen=True)
class Suggestion:
    """A frame for the next keyframe. gain: share of all the shot's pixels, 0..1, that it is expected to put right."""

    frame: int
    gain: float


def suggest(confidence: Mapping[int, float], keyframes: Collection[int], *, most: int = 3) -> list[Suggestion]:
    """At most `most` frames, the best first, each for when those before it are keyframes; none where none helps.

    confidence: frame -> 0..1, of the frames that are known; keyframes count as 1 whatever is said of them.
    """
    frames = np.array(sorted({*confidence, *keyframes}))
    keys = sorted(keyframes)
    distance = _to_nearest(frames, keys)
    lacking = np.array([0.0 if frame in keys else 1 - confidence[int(frame)] for frame in frames])
    curve = _lost_with(distance, lacking)
    found: list[Suggestion] = []
    while len(found) < most and len(frames):
        left = [_after(frames, lacking, distance, curve, place) for place in range(len(frames))]
        gains = np.array([(lacking - after).sum() for after in left]) / len(frames)
        gains[distance < min(_APART, distance.max())] = 0
        best = int(gains.argmax())
        if gains[best] < _LEAST_GAIN:
            break
        found.append(Suggestion(int(frames[best]), float(gains[best])))
        lacking = left[best]
        distance = np.minimum(distance, np.abs(frames - frames[best]))
    return found


def _after(frames: np.ndarray, lacking: np.ndarray, distance: np.ndarray, curve: np.ndarray, place: int) -> np.ndarray:
    """What each frame would lack if the one at that place were a keyframe."""
    away = np.abs(frames - frames[place])
    by_distance = np.minimum(lacking, curve[distance])
    own = lacking - by_distance
    nearer = by_distance * curve[np.minimum(distance, away)] / np.maximum(curve[distance], 1e-9)
    seen = np.minimum(own, own[place]) * (1 - curve[np.minimum(away, len(curve) - 1)] / max(curve[-1], 1e-9))
    after: np.ndarray = nearer + own - seen
    return after


def _to_nearest(frames: np.ndarray, keys: Sequence[int]) -> np.ndarray:
    """Frames to the nearest keyframe; without any, as far as the shot is long."""
    if not keys:
        return np.full(len(frames), len(frames))
    return np.asarray(np.abs(frames[:, None] - np.array(keys)).min(axis=1))


def _lost_with(distance: np.ndarray, lacking: np.ndarray) -> np.ndarray:
    """What every frame lacks at a distance from its nearest keyframe: 0 at 0, never falling, straight between."""
    if not len(distance):
        return np.zeros(1)
    counts = np.bincount(distance)
    known = np.flatnonzero(counts)
    means = np.bincount(distance, lacking)[known] / counts[known]
    curve = np.interp(np.arange(len(counts)), np.append(0, known), np.append(0, means))
    curve[0] = 0
    least: np.ndarray = np.minimum.accumulate(curve[::-1])[::-1]
    return least

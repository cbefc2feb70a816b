"""Where one more keyframe would help most, from how sure the result is along the shot.

Confidence is the share of a frame's pixels that are right, so what is missing to 1 is what a keyframe can gain. It is
lost in two ways. Some of it goes with the distance to the nearest keyframe, as the shot itself shows; a new keyframe
brings that distance down, so that a stretch with one key at its end gets the next one at about two thirds. What is
lacking beyond that belongs to the frame: something is seen there that no keyframe shows, and a keyframe helps where it
is seen too.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace

import numpy as np

__all__ = ["Suggestion", "suggest"]

_LEAST_GAIN = 0.003  # of the shot's pixels; less is not worth an artist's time
_APART = 4  # frames; closer to a keyframe another one would hardly help
_MOST_PLACES = 400  # that are tried along a shot


@dataclass(frozen=True)
class Suggestion:
    """A frame for the next keyframe. gain: share of all the shot's pixels, 0..1, that it is expected to put right."""

    frame: int
    gain: float


def suggest(confidence: Mapping[int, float], keyframes: Collection[int], *, most: int = 3) -> list[Suggestion]:
    """At most `most` frames, the best first, each for when those before it are keyframes; none where none helps.

    confidence: frame -> 0..1, of the frames that are known; 0 is a frame whose scene has no keyframe. Keyframes count
    as 1 whatever is said of them.
    """
    shot = _Shot.of(confidence, keyframes)
    places = range(0, len(shot.frames), max(1, len(shot.frames) // _MOST_PLACES))
    far = min(_APART, int(shot.distance.max(initial=0)))
    found: list[Suggestion] = []
    while len(found) < most and places:
        left = [shot.lacking_with(place) for place in places]
        gains = [(shot.lacking - lacking).sum() / len(shot.frames) for lacking in left]
        gains = [gain if shot.distance[place] >= far else 0.0 for place, gain in zip(places, gains, strict=True)]
        best = int(np.argmax(gains))
        if gains[best] < _LEAST_GAIN:
            break
        found.append(Suggestion(int(shot.frames[places[best]]), float(gains[best])))
        nearer = np.minimum(shot.distance, shot.away(places[best]))
        shot = replace(shot, lacking=left[best], distance=nearer)
    return found


@dataclass(frozen=True)
class _Shot:
    """frames: in order. scene: which each is of. distance: to its nearest keyframe. lacking: 1 - confidence.

    curve: what every frame lacks at a distance from its nearest keyframe.
    """

    frames: np.ndarray
    scene: np.ndarray
    distance: np.ndarray
    lacking: np.ndarray
    curve: np.ndarray

    @classmethod
    def of(cls, confidence: Mapping[int, float], keyframes: Collection[int]) -> _Shot:
        """What is known of a shot. Where frames without any reference begin or end, there is a cut."""
        frames = np.array(sorted({*confidence, *keyframes}), int)
        sure = np.array([1.0 if frame in keyframes else confidence[int(frame)] for frame in frames])
        scene = np.cumsum(np.diff(sure > 0, prepend=sure[:1] > 0))
        distance = np.full(len(frames), len(frames))
        for place in np.flatnonzero(np.isin(frames, list(keyframes))).tolist():
            distance = np.minimum(distance, _away(frames, scene, place))
        return cls(frames, scene, distance, 1 - sure, _lost_with(distance, 1 - sure))

    def away(self, place: int) -> np.ndarray:
        """How far each frame is from the one at that place."""
        return _away(self.frames, self.scene, place)

    def lacking_with(self, place: int) -> np.ndarray:
        """What each frame would lack if the one at that place were a keyframe."""
        away = np.minimum(self.away(place), len(self.curve) - 1)
        by_distance = np.minimum(self.lacking, self.curve[self.distance])
        own = self.lacking - by_distance
        nearer = by_distance * self.curve[np.minimum(self.distance, away)]
        nearer = nearer / np.maximum(self.curve[self.distance], 1e-9)
        seen = np.minimum(own, own[place]) * (1 - self.curve[away] / max(self.curve[-1], 1e-9))
        return np.asarray(nearer + own - seen)


def _away(frames: np.ndarray, scene: np.ndarray, place: int) -> np.ndarray:
    """Distances in frames; from another scene, as far as the shot is long."""
    return np.where(scene == scene[place], np.minimum(np.abs(frames - frames[place]), len(frames)), len(frames))


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

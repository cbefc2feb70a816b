"""Suggest where one more keyframe would help most, from the confidence along the shot.

Confidence is the share of a frame's pixels that are right, so a keyframe can gain at most 1 minus the confidence: the
error. The error has two parts. One part grows with the distance to the nearest keyframe, at a rate that is measured on
the shot itself. A new keyframe shortens that distance, so a stretch with one keyframe at its end gets the next one at
about two thirds of its length. The rest of the error belongs to the frame: it shows something that no keyframe shows,
and a new keyframe helps all frames that show it too.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from stcolor_core.images.color_room import can_hold_color

__all__ = ["Suggestion", "suggest_keyframes"]

_LEAST_GAIN = 0.003  # share of the shot's pixels; a smaller gain is not worth an artist's time
_LEAST_DISTANCE = 4  # frames from a keyframe; closer to it another one would hardly help
_MOST_CANDIDATES = 400  # frames that are tried along a shot


@dataclass(frozen=True)
class Suggestion:
    """A frame for the next keyframe.

    Attributes:
        frame: Its number.
        gain: Expected gain, as a share of all pixels of the shot, 0..1.
    """

    frame: int
    gain: float


def suggest_keyframes(
    confidence: Mapping[int, float],
    keyframes: Collection[int],
    *,
    scene_starts: Collection[int] = (),
    dissolves: Collection[tuple[int, int]] = (),
    room: Mapping[int, float] | None = None,
    limit: int = 3,
) -> list[Suggestion]:
    """Return frames for new keyframes, the best first. Each assumes that the ones before it are keyframes.

    Args:
        confidence: Frame -> confidence, 0..1, of the frames that have one. 0 is a frame whose scene has no keyframe.
        keyframes: Frames that are keyframes already. Their confidence counts as 1.
        scene_starts: First frames of scenes: a keyframe helps its own scene alone.
        dissolves: First and last frame of each dissolve, in which a keyframe would hide the dissolve.
        room: Frame -> its `color_room`, of the frames that it is known of; one that can hold no colour is not returned.
        limit: Maximum number of frames to return.

    Returns:
        At most `limit` suggestions; none if no keyframe would help.
    """
    starts = {*scene_starts, *(first for first, _ in dissolves), *(last + 1 for _, last in dissolves)}
    shot = _Shot.from_confidence(confidence, keyframes, starts)
    fit = shot.find_fit(room or {})
    candidates = [
        index
        for index in range(0, len(shot.frames), max(1, len(shot.frames) // _MOST_CANDIDATES))
        if fit[index] and not any(first <= shot.frames[index] <= last for first, last in dissolves)
    ]
    least_distance = min(_LEAST_DISTANCE, int(shot.distance.max(initial=0)))
    suggestions: list[Suggestion] = []
    while len(suggestions) < limit and candidates:
        errors = [shot.error_with_keyframe(index) for index in candidates]
        gains = [(shot.error - error).sum() / len(shot.frames) for error in errors]
        gains = [
            gain if shot.distance[index] >= least_distance else 0.0
            for index, gain in zip(candidates, gains, strict=True)
        ]
        best = int(np.argmax(gains))
        if gains[best] < _LEAST_GAIN:
            break
        suggestions.append(Suggestion(int(shot.frames[candidates[best]]), float(gains[best])))
        distance = np.minimum(shot.distance, shot.distance_to(candidates[best]))
        shot = replace(shot, error=errors[best], distance=distance)
    return suggestions


@dataclass(frozen=True)
class _Shot:
    """What is known of a shot's frames; the arrays have one entry for each frame.

    Attributes:
        frames: Frame numbers in ascending order.
        scene: Index of the frame's scene.
        distance: Distance to the nearest keyframe in frames.
        error: 1 - confidence.
        error_curve: Error that every frame has at a distance from its nearest keyframe, indexed by the distance.
    """

    frames: NDArray[np.int_]
    scene: NDArray[np.int_]
    distance: NDArray[np.int_]
    error: NDArray[np.float64]
    error_curve: NDArray[np.float64]

    @classmethod
    def from_confidence(
        cls, confidence: Mapping[int, float], keyframes: Collection[int], starts: Collection[int]
    ) -> _Shot:
        """Return what is known of a shot. A change between frames with and without a keyframe is a scene cut too."""
        frames = np.array(sorted({*confidence, *keyframes}), int)
        known = np.array([1.0 if frame in keyframes else confidence[int(frame)] for frame in frames])
        scene = np.cumsum(np.diff(known > 0, prepend=known[:1] > 0)) + np.searchsorted(sorted(starts), frames, "right")
        distance = np.full(len(frames), len(frames))
        for index in np.flatnonzero(np.isin(frames, list(keyframes))).tolist():
            distance = np.minimum(distance, _distance_to(frames, scene, index))
        return cls(frames, scene, distance, 1 - known, _error_by_distance(distance, 1 - known))

    def find_fit(self, room: Mapping[int, float]) -> list[bool]:
        """Return for each frame whether it can hold colour, as far as it is known. room: frame -> `color_room`."""
        rooms = [room.get(int(frame)) for frame in self.frames]
        most: dict[int, float] = {}
        for scene, own in zip(self.scene.tolist(), rooms, strict=True):
            most[scene] = max(most.get(scene, 0.0), own or 0.0)
        scenes = self.scene.tolist()
        return [own is None or can_hold_color(own, most[scene]) for scene, own in zip(scenes, rooms, strict=True)]

    def distance_to(self, index: int) -> NDArray[np.int_]:
        """Return the distance of each frame to the one at an index."""
        return _distance_to(self.frames, self.scene, index)

    def error_with_keyframe(self, index: int) -> NDArray[np.float64]:
        """Return the error that each frame would have if the one at an index were a keyframe."""
        distance = np.minimum(self.distance_to(index), len(self.error_curve) - 1)
        by_distance = np.minimum(self.error, self.error_curve[self.distance])
        own_error = self.error - by_distance
        nearer = by_distance * self.error_curve[np.minimum(self.distance, distance)]
        nearer = nearer / np.maximum(self.error_curve[self.distance], 1e-9)
        gained = np.minimum(own_error, own_error[index]) * (
            1 - self.error_curve[distance] / max(self.error_curve[-1], 1e-9)
        )
        return np.asarray(nearer + own_error - gained)


def _distance_to(frames: NDArray[np.int_], scene: NDArray[np.int_], index: int) -> NDArray[np.int_]:
    """Return distances in frames; frames of another scene count as being as far away as the shot is long."""
    return np.where(scene == scene[index], np.minimum(np.abs(frames - frames[index]), len(frames)), len(frames))


def _error_by_distance(distance: NDArray[np.int_], error: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the error that every frame has at a distance: 0 at 0, never falling, interpolated linearly."""
    if not len(distance):
        return np.zeros(1)
    counts = np.bincount(distance)
    known = np.flatnonzero(counts)
    means = np.bincount(distance, error)[known] / counts[known]
    curve = np.interp(np.arange(len(counts)), np.append(0, known), np.append(0, means))
    curve[0] = 0
    least: NDArray[np.float64] = np.minimum.accumulate(curve[::-1])[::-1]
    return least

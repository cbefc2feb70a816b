"""Which frames would gain most from a keyframe of their own: where the confidence along the shot is lowest."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

__all__ = ["weakest"]

_WEAK = 0.9  # mean over a frame: frames of a plain camera move stay above
_RISE = 0.02  # so much higher must lie what parts two dips of the curve; less is noise
_APART = 4  # frames; closer to a keyframe another one would hardly help


def weakest(confidence: Mapping[int, float], keyframes: Collection[int], *, most: int = 3) -> list[int]:
    """At most `most` frames at the bottom of the deepest dips, the weakest first; none where nothing is weak.

    confidence: frame -> 0..1 of the frames that are known. They lie apart from each other and from keyframes.
    """
    curve = [(confidence[frame], frame) for frame in sorted(confidence)]
    found: list[int] = []
    for place in sorted(range(len(curve)), key=curve.__getitem__):
        value, frame = curve[place]
        if value >= _WEAK or len(found) == most:
            break
        apart = all(abs(frame - other) >= _APART for other in (*keyframes, *found))
        if apart and _climbs(curve[place], curve[place + 1 :]) and _climbs(curve[place], curve[:place][::-1]):
            found.append(frame)
    return found


def _climbs(bottom: tuple[float, int], side: Sequence[tuple[float, int]]) -> bool:
    """Whether, walking away to that side, the curve rises before it comes to a lower place, if it comes to one.

    Of equally low places the earlier one is the lower.
    """
    for other in side:
        if other[0] >= bottom[0] + _RISE:
            return True
        if other < bottom:
            return False
    return True

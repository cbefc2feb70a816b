"""How much colour a frame can hold: the end of a fade is black, white or nearly flat, and nothing painted on it lasts.

A keyframe there keeps no hue that others could take, so that no frame of the kind is proposed as one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from stcolor_core.arrays import Plane

__all__ = ["any_can_hold_color", "can_hold_color", "color_room"]

_DARK, _BRIGHT = 6.0, 91.0  # L* between which every hue has a chroma of ten or more in Rec.709
_FLAT = 1.0  # standard deviation of L* that a picture of one grey counts as
_LEAST = 0.05  # a twentieth of a grey picture, or less of one with contrast
_LEAST_SHARE = 0.25  # of the room on the frame of the scene that has most
_LOOKED_AT = 64  # frames of a scene that say whether all of it is black


def color_room(lightness: Plane) -> float:
    """Return how much colour a frame can hold: the share of its mid-tones times their standard deviation of L*.

    It falls with the contrast, as the chroma of all surfaces does in a fade, and is 0 for black and for white.

    Args:
        lightness: L*, shape (H, W), 0..100; values that are no numbers count as black.
    """
    middle = lightness[(lightness > _DARK) & (lightness < _BRIGHT)]
    if not middle.size:
        return 0.0
    return float(middle.size / lightness.size * (_FLAT + middle.std(dtype=np.float64)))


def can_hold_color(room: float, most: float = 0.0) -> bool:
    """Return whether a frame can hold the colour that others take from a keyframe.

    Args:
        room: Its `color_room`.
        most: That of the frame of its scene that has most; 0 if it is not known.
    """
    return room >= max(_LEAST, _LEAST_SHARE * most)


def any_can_hold_color(frames: Sequence[int], lightness: Callable[[int], Plane]) -> bool:
    """Return whether a scene can hold colour, by the first of its frames that can: not if it is black or white.

    Of a long scene frames in even steps are looked at, 64 to 127 of them.

    Args:
        frames: The frames of the scene; at least one.
        lightness: Returns L* of a frame, shape (H, W), 0..100.
    """
    looked_at = frames[:: max(1, len(frames) // _LOOKED_AT)]
    middle = len(looked_at) // 2  # where a scene that comes out of the dark has left it
    return any(can_hold_color(color_room(lightness(frame))) for frame in (*looked_at[middle:], *looked_at[:middle]))

"""Frames as text, as a Shot and a message have them: 1001-1010,1020. Does not import nuke."""

from __future__ import annotations

import re
from collections.abc import Sequence

__all__ = ["frame_numbers", "frame_ranges", "frames_text"]


def frame_ranges(frames: Sequence[int]) -> list[tuple[int, int]]:
    """Return the first and last frame of each range of consecutive frames.

    Args:
        frames: In ascending order.
    """
    ranges: list[tuple[int, int]] = []
    for frame in frames:
        if ranges and frame == ranges[-1][1] + 1:
            ranges[-1] = (ranges[-1][0], frame)
        else:
            ranges.append((frame, frame))
    return ranges


def frames_text(frames: Sequence[int], *, separator: str = ",") -> str:
    """Return frames as text.

    Args:
        frames: In ascending order.
        separator: What stands between two ranges.
    """
    return separator.join(str(a) if a == b else f"{a}-{b}" for a, b in frame_ranges(frames))


def frame_numbers(text: object) -> tuple[int, ...]:
    """Return the frames of a text that `frames_text` wrote; none for None.

    Args:
        text: The text.
    """
    runs = re.findall(r"(-?\d+)(?:-(-?\d+))?", str(text or ""))
    return tuple(frame for first, last in runs for frame in range(int(first), int(last or first) + 1))

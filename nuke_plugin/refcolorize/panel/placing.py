"""Where things stand on the time line, in pixels. Pure functions, no Qt."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["Scale", "frame_labels", "spread", "wrapped"]


@dataclass(frozen=True)
class Scale:
    """Frames first..last on left..left+width; a frame's own place is the middle of its share."""

    first: int
    last: int
    left: float
    width: float

    @property
    def step(self) -> float:
        """Pixels a frame takes."""
        return self.width / (self.last - self.first + 1)

    def x(self, frame: int) -> float:
        """The middle of a frame, held inside the range."""
        held = min(max(frame, self.first), self.last)
        return self.left + (held - self.first + 0.5) * self.step

    def frame(self, x: float) -> int:
        """The frame at a place, held inside the range."""
        return min(max(self.first + int((x - self.left) // self.step), self.first), self.last)


def spread(centers: Sequence[float], *, width: float, gap: float, left: float, right: float) -> list[float]:
    """Left edges of boxes that stand as near to their centers as they can, in order, apart by `gap`, in left..right.

    centers: rising. Where the boxes do not fit, they overlap evenly.
    """
    count = len(centers)
    if count * (width + gap) - gap > right - left:
        room = right - left - width
        return [left + room * index / max(count - 1, 1) for index in range(count)]
    edges: list[float] = []
    least = left
    for center in centers:
        edges.append(max(center - width / 2, least))
        least = edges[-1] + width + gap
    most = right - width
    for index in reversed(range(count)):
        edges[index] = min(edges[index], most)
        most = edges[index] - width - gap
    return edges


def frame_labels(scale: Scale, *, width: float) -> list[int]:
    """The frames whose numbers are written below the line: the ends, and round ones between, each `width` apart."""
    span = scale.last - scale.first
    steps = (base * 10**power for power in range(7) for base in (1, 2, 5))
    step = next((step for step in steps if step * scale.step >= width), span + 1)
    round_ones = range(-(-scale.first // step) * step, scale.last + 1, step)
    ends = sorted({scale.first, scale.last})
    if len(ends) == 2 and scale.x(scale.last) - scale.x(scale.first) < width:
        ends = ends[:1]
    between = [frame for frame in round_ones if all(abs(scale.x(frame) - scale.x(end)) >= width for end in ends)]
    return sorted({*ends, *between})


def wrapped(widths: Sequence[int], *, gap: int, room: int) -> list[list[tuple[int, int]]]:
    """Boxes in rows of at most `room`, as (place in `widths`, left edge); a box that is wider has a row of its own."""
    rows: list[list[tuple[int, int]]] = []
    left = 0
    for index, width in enumerate(widths):
        if not rows or left + width > room:
            rows.append([])
            left = 0
        rows[-1].append((index, left))
        left += width + gap
    return rows

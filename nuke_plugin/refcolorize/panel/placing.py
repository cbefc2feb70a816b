"""Layout calculations in pixels, for the time line and for wrapped rows. Pure functions; does not import Qt."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

__all__ = ["Scale", "frame_labels", "pick_evenly", "spread_boxes", "wrap_boxes"]

Item = TypeVar("Item")


@dataclass(frozen=True)
class Scale:
    """The mapping between frames and pixels. Each frame covers an equal part of the width.

    Attributes:
        first: The first frame.
        last: The last frame, included.
        left: The left edge of the first frame, in pixels.
        width: Of all frames together, in pixels.
    """

    first: int
    last: int
    left: float
    width: float

    @property
    def frame_width(self) -> float:
        """Return the width of one frame in pixels."""
        return self.width / (self.last - self.first + 1)

    def x(self, frame: int) -> float:
        """Return the position of a frame's middle, in pixels.

        Args:
            frame: Any frame; it is clamped to first..last.
        """
        clamped = min(max(frame, self.first), self.last)
        return self.left + (clamped - self.first + 0.5) * self.frame_width

    def frame(self, x: float) -> int:
        """Return the frame at a position, clamped to first..last.

        Args:
            x: The position in pixels.
        """
        return min(max(self.first + int((x - self.left) // self.frame_width), self.first), self.last)


def spread_boxes(centers: Sequence[float], *, width: float, gap: float, left: float, right: float) -> list[float]:
    """Place boxes in order, as close to their centers as possible, without overlap. If they do not fit, overlap evenly.

    Args:
        centers: The preferred centers, in ascending order.
        width: Of each box.
        gap: The minimum distance between boxes.
        left: The left limit.
        right: The right limit.

    Returns:
        The left edge of each box. All lengths are in pixels.
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


def pick_evenly(items: Sequence[Item], count: int, *, keep: Item | None = None) -> list[Item]:
    """Return some items at equal distances in their order, the first and the last among them.

    Args:
        items: The items.
        count: How many to return at most, 1 or more.
        keep: An item that takes the place of the nearest one that is picked; None for none.
    """
    if len(items) <= count:
        return list(items)
    places = [round(index * (len(items) - 1) / max(count - 1, 1)) for index in range(count)]
    if keep is not None and keep in items:
        wanted = items.index(keep)
        nearest = min(range(count), key=lambda index: abs(places[index] - wanted))
        places[nearest] = wanted
    return [items[place] for place in places]


def frame_labels(scale: Scale, *, width: float) -> list[int]:
    """Return the frames to label on the ruler: the first, the last and round numbers between them.

    Args:
        scale: The scale of the time line.
        width: The minimum distance between labels, in pixels.
    """
    span = scale.last - scale.first
    intervals = (base * 10**power for power in range(7) for base in (1, 2, 5))
    interval = next((interval for interval in intervals if interval * scale.frame_width >= width), span + 1)
    round_frames = range(-(-scale.first // interval) * interval, scale.last + 1, interval)
    ends = sorted({scale.first, scale.last})
    if len(ends) == 2 and scale.x(scale.last) - scale.x(scale.first) < width:
        ends = ends[:1]
    between = [frame for frame in round_frames if all(abs(scale.x(frame) - scale.x(end)) >= width for end in ends)]
    return sorted({*ends, *between})


def wrap_boxes(widths: Sequence[int], *, gap: int, room: int) -> list[list[tuple[int, int]]]:
    """Arrange boxes in rows. A box that is wider than a row gets a row of its own.

    Args:
        widths: The width of each box.
        gap: The distance between boxes.
        room: The width of a row.

    Returns:
        For each row, the index and the left edge of each box. All lengths are in pixels.
    """
    rows: list[list[tuple[int, int]]] = []
    left = 0
    for index, width in enumerate(widths):
        if not rows or left + width > room:
            rows.append([])
            left = 0
        rows[-1].append((index, left))
        left += width + gap
    return rows

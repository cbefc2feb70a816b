"""Frame ranges and formats."""

from __future__ import annotations

import re
from collections.abc import Iterator

__all__ = ["Format", "FrameRange", "FrameRanges"]

_RANGE = re.compile(r"(-?\d+)(?:-(-?\d+)(?:x(\d+))?)?")


class FrameRange:
    """FrameRange("1001-1010x3"), or FrameRange(first, last, increment)."""

    __slots__ = ("_first", "_increment", "_last")

    def __init__(self, first: int | str = 0, last: int | None = None, increment: int = 1) -> None:
        if isinstance(first, str):
            found = _RANGE.fullmatch(first.strip())
            if found is None:
                raise RuntimeError(f"{first!r} is not a frame range")
            first, last = int(found[1]), int(found[2] or found[1])
            increment = int(found[3] or 1)
        if not all(isinstance(number, int) for number in (first, last, increment)):
            raise TypeError("FrameRange takes whole numbers")
        self._first, self._last, self._increment = first, last if last is not None else first, increment

    def first(self) -> int:
        return self._first

    def last(self) -> int:
        return self._last

    def increment(self) -> int:
        return self._increment

    def setFirst(self, n: int) -> None:
        self._first = n

    def setLast(self, n: int) -> None:
        self._last = n

    def setIncrement(self, n: int) -> None:
        self._increment = n

    def minFrame(self) -> int:
        return min(self._first, self._last)

    def maxFrame(self) -> int:
        return max(self._first, self._last)

    def frames(self) -> int:
        return len(range(self._first, self._last + 1, self._increment))

    def getFrame(self, n: int) -> int:
        return self._first + n * self._increment

    def isInRange(self, n: int) -> bool:
        return n in range(self._first, self._last + 1, self._increment)

    def __iter__(self) -> Iterator[int]:
        return iter(range(self._first, self._last + 1, self._increment))

    def __str__(self) -> str:
        if self._first == self._last:
            return str(self._first)
        return f"{self._first}-{self._last}" + (f"x{self._increment}" if self._increment != 1 else "")


class FrameRanges:
    """Ranges, from a list of ranges or of their texts (Foundry's flipbooking passes `text.split(",")`), or empty.

    Public tools also pass one text with blanks in it; whether Nuke reads commas there is not known.
    """

    __slots__ = ("_ranges",)

    def __init__(self, ranges: str | list[FrameRange] | list[str] | FrameRange = "") -> None:
        if isinstance(ranges, str):
            if "," in ranges:
                raise RuntimeError(f"{ranges!r} is not a frame range")
            ranges = ranges.split()
        many = [ranges] if isinstance(ranges, FrameRange) else list(ranges)
        self._ranges = [FrameRange(each) if isinstance(each, str) else each for each in many]

    def add(self, r: FrameRange) -> None:
        self._ranges.append(r)

    def clear(self) -> None:
        self._ranges.clear()

    def size(self) -> int:
        return len(self._ranges)

    def getRange(self, i: int) -> FrameRange:
        return self._ranges[i]

    def minFrame(self) -> int:
        return min((found.minFrame() for found in self._ranges), default=0)

    def maxFrame(self) -> int:
        return max((found.maxFrame() for found in self._ranges), default=0)

    def toFrameList(self) -> list[int]:
        return sorted({frame for found in self._ranges for frame in found})

    def __iter__(self) -> Iterator[FrameRange]:
        return iter(self._ranges)

    def __str__(self) -> str:
        return " ".join(map(str, self._ranges))


class Format:
    """A size of pictures."""

    __slots__ = ("_aspect", "_height", "_name", "_width")

    def __init__(self, width: int, height: int, pixelAspect: float = 1.0, name: str = "") -> None:
        self._width, self._height, self._aspect, self._name = width, height, pixelAspect, name

    def width(self) -> int:
        return self._width

    def height(self) -> int:
        return self._height

    def pixelAspect(self) -> float:
        return self._aspect

    def name(self) -> str:
        return self._name

    def x(self) -> int:
        return 0

    def y(self) -> int:
        return 0

    def r(self) -> int:
        return self._width

    def t(self) -> int:
        return self._height

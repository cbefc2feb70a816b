"""Which objects carried mattes have lost, and where: what the artist must be told, since nothing else shows it.

Two like objects that cross may be taken for each other, and one that hides behind another may stay hidden. Then colour
is wrong with the right to be: a matte says so. What is carried from the two sides of a gap betrays the first, an object
that covers next to nothing the second. See docs/method.md, "Mattes".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from stcolor_core.method.tracking.carrying import CarriedObjects, find_disputed
from stcolor_core.method.tracking.instance import Instances
from stcolor_core.method.tracking.objects import find_objects

__all__ = ["LossWatch", "LostMatte"]

_FOUND = 0.1  # share of its matte's area that an object must cover
_LEAST_AREA = 4.0  # px: smaller objects are not missed


@dataclass(frozen=True)
class LostMatte:
    """An object that carried mattes have lost on some neighbouring frames.

    Attributes:
        name: Its name.
        frames: The frames, in ascending order.
        kind: "missing" if it covers next to nothing of them, "disputed" if what is carried from both sides disagrees.
        ends: The frames with mattes that were carried.
    """

    name: str
    frames: tuple[int, ...]
    kind: Literal["missing", "disputed"]
    ends: tuple[int, ...]


class LossWatch:
    """Looks at the frames of one gap between mattes, in any order."""

    def __init__(self, ends: Mapping[int, Instances]) -> None:
        """Remember how large the objects are.

        Args:
            ends: The mattes that are carried, by frame: one or two.
        """
        self._ends = tuple(sorted(ends))
        areas = [dict(zip(m.names or (), m.masks.sum((1, 2)).tolist(), strict=True)) for m in ends.values()]
        # an object that one of two mattes lacks has left or enters, and may be missing
        self._areas = {name: min(each[name] for each in areas) for name in set(areas[0]).intersection(*areas)}
        self._lost: dict[int, dict[str, Literal["missing", "disputed"]]] = {}

    def look_at(self, frame: int, mattes: Instances, sides: Sequence[tuple[tuple[str, ...], CarriedObjects]]) -> None:
        """Look at a frame.

        Args:
            frame: Its number.
            mattes: The mattes carried to it.
            sides: The names and the objects as carried from each end.
        """
        objects = find_objects(mattes)
        assert objects is not None
        covered = dict(zip(objects.names, objects.coverage.sum((1, 2)).tolist(), strict=True))
        disputed = find_disputed(sides)
        lost = self._lost[frame] = {}
        for name, area in self._areas.items():
            if area < _LEAST_AREA:
                continue
            if name in disputed:
                lost[name] = "disputed"
            elif covered.get(name, 0.0) < _FOUND * area:
                lost[name] = "missing"

    def losses(self) -> list[LostMatte]:
        """Return each object and stretch of neighbouring frames in which it is lost, by name and first frame."""
        frames, found = sorted(self._lost), []
        for name in sorted(self._areas):
            stretch: list[int] = []
            for frame in [*frames, None]:
                kind = None if frame is None else self._lost[frame].get(name)
                if stretch and kind != self._lost[stretch[0]][name]:
                    found.append(LostMatte(name, tuple(stretch), self._lost[stretch[0]][name], self._ends))
                    stretch = []
                if frame is not None and kind is not None:
                    stretch.append(frame)
        return found

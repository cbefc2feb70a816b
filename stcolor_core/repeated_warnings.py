"""Gather what is said of many references in the same words into one line."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from stcolor_core.images.frame_ranges import format_frames

if TYPE_CHECKING:
    from stcolor_core.pipeline.events import Event

__all__ = ["RepeatedWarnings"]

_MEASURE = re.compile(r"(?<=scaled by )[0-9.]+|[0-9]+(?:\.[0-9]+)?(?= (?:px|%|degrees|pixels?)(?![a-z]))")
_WITH_UNIT = re.compile(rf"({_MEASURE.pattern})((?: (?:px|%|degrees|pixels?)(?![a-z]))?)")

_SEVERAL = {"Reference": "Each of the references", "The matte of frame": "The matte of each of the frames"}
"""How a warning of several begins, by how that of one does; what follows is said of one."""

_APART = 20  # lines of one kind that are printed one by one because they differ, in measures or in how files are named


class RepeatedWarnings:
    """Prints the warnings of a run, and those of many frames that say the same of one sequence as one line.

    Warnings that differ in their measures, or whose files are of no one pattern, are lines of their own, so that it
    shows which is which; only of more than 20 is one made, with the least and the largest of each measure.

    Such warnings are printed at once if they come together or are the first of their kind. A patch is read only when
    it is carried, so that its own may come much later: these wait for the end of the run. Then a line of several names
    those that were told at once as well, so that the range that it gives is that of all.

    Args:
        print_line: Called with each line; it has remedies by name, as `Event.message`.
    """

    def __init__(self, print_line: Callable[[str], None]) -> None:
        self._print = print_line
        self._waiting: dict[tuple[str, str], list[Event]] = {}
        self._told: dict[tuple[str, str], list[Event]] = {}

    def take(self, event: Event) -> None:
        """Print the line of a warning, or keep it; at any other event, print what came together.

        Args:
            event: Any event of the run.
        """
        if event.kind == "warning" and event.subject and event.frame is not None:
            kind = event.subject.partition(f" {event.frame} (")[0]
            rest = event.message.removeprefix(event.subject)
            self._waiting.setdefault((kind, _MEASURE.sub("#", rest)), []).append(event)
            return
        self._flush(self._waiting.keys() - self._told.keys())
        if event.kind == "warning":
            self._print(event.message)

    def close(self) -> None:
        """Print all that is left."""
        self._flush(set(self._waiting))

    def _flush(self, keys: set[tuple[str, str]]) -> None:
        for key in [key for key in self._waiting if key in keys]:
            untold = self._waiting.pop(key)
            events = self._told.setdefault(key, [])
            events.extend(untold)
            rests = [event.message.removeprefix(event.subject) for event in events]
            sequence = _sequence_of(events, key[0])
            frames = {event.frame for event in events if event.frame is not None}
            # several of one frame are told apart by their files alone
            is_one = len(set(rests)) == 1 and sequence is not None and len(frames) == len(events) > 1
            if is_one or len(events) > _APART:
                named = format_frames(frames).replace(",", ", ")  # all of them, as an artist looks at each
                files = "" if sequence is None else f" ({sequence})"
                self._print(f"{_SEVERAL.get(key[0], key[0])} {named}{files}{_merge(events, rests)}")
            else:
                for event in sorted(untold, key=_frame_of):
                    self._print(event.message)


def _frame_of(event: Event) -> int:
    assert event.frame is not None
    return event.frame


def _sequence_of(events: Sequence[Event], kind: str) -> str | None:
    """Return the pattern of the files that warnings of one kind are about; None if they have none in common."""
    patterns: set[tuple[str, ...]] = set()
    digits: set[int] = set()
    for event in events:
        path = event.subject.removeprefix(f"{kind} {event.frame} (").removesuffix(")")
        cut = 1 + max(path.rfind("/"), path.rfind("\\"))
        number = re.compile(rf"(?<!\d)0*{event.frame}(?!\d)")
        digits.update(map(len, number.findall(path[cut:])))
        patterns.add((path[:cut], *number.split(path[cut:])))
    if len(patterns) > 1:
        return None
    folder, *parts = patterns.pop()
    return folder + ("#" * min(digits, default=0)).join(parts)


def _merge(events: Sequence[Event], texts: Sequence[str]) -> str:
    """Return texts that differ in their measures as one, with the least and the largest of each, and where that is."""
    columns = zip(*(_MEASURE.findall(text) for text in texts), strict=True)
    ends = iter([sorted(zip(map(float, column), column, map(_frame_of, events), strict=True)) for column in columns])

    def span(found: re.Match[str]) -> str:
        (low, least, _first), *_between, (high, most, last) = next(ends)
        return f"{least}{found[2]}" if low == high else f"{least} to {most}{found[2]} (at {last})"

    return _WITH_UNIT.sub(span, texts[0])

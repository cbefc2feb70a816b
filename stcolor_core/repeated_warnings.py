"""Gather what is said of many references in the same words into one line."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from stcolor_core.images.frame_ranges import describe_frames

if TYPE_CHECKING:
    from stcolor_core.pipeline.events import Event

__all__ = ["RepeatedWarnings"]

_MEASURE = re.compile(r"(?<=scaled by )[0-9.]+|[0-9]+(?:\.[0-9]+)?(?= (?:px|%|degrees|pixels?)(?![a-z]))")

_SEVERAL = {"Reference": "Each of the references", "The matte of frame": "The matte of each of the frames"}
"""How a warning of several begins, by how that of one does; what follows is said of one."""


class RepeatedWarnings:
    """Prints the warnings of a run, and those that differ only in frame, file and measure as one line.

    Such warnings are printed at once if they come together or are the first of their kind. A patch is read only when
    it is carried, so that its own may come much later: these wait for the end of the run.

    Args:
        print_line: Called with each line; it has remedies by name, as `Event.message`.
    """

    def __init__(self, print_line: Callable[[str], None]) -> None:
        self._print = print_line
        self._waiting: dict[tuple[str, str], list[Event]] = {}
        self._told: set[tuple[str, str]] = set()

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
        self._flush(set(self._waiting) - self._told)
        if event.kind == "warning":
            self._print(event.message)

    def close(self) -> None:
        """Print all that is left."""
        self._flush(set(self._waiting))

    def _flush(self, keys: set[tuple[str, str]]) -> None:
        for key in [key for key in self._waiting if key in keys]:
            self._told.add(key)
            events = self._waiting.pop(key)
            frames = {event.frame for event in events if event.frame is not None}
            if len(frames) == 1:  # one picture, or several of one frame, which only their files tell apart
                for event in events:
                    self._print(event.message)
            else:
                rests = [event.message.removeprefix(event.subject) for event in events]
                self._print(f"{_SEVERAL.get(key[0], key[0])} {describe_frames(frames)}{_merge(rests)}")


def _merge(texts: Sequence[str]) -> str:
    """Return texts that differ in their measures as one, with the least and the largest of each."""
    columns = zip(*(_MEASURE.findall(text) for text in texts), strict=True)
    spans = iter([(min(column, key=float), max(column, key=float)) for column in columns])

    def span(_: re.Match[str]) -> str:
        least, most = next(spans)
        return least if float(least) == float(most) else f"{least} to {most}"

    return _MEASURE.sub(span, texts[0])

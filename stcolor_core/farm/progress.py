"""Format a task's progress as the lines that its engine reads."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Literal, get_args

from stcolor_core.errors import one_line

if TYPE_CHECKING:
    from stcolor_core.pipeline.events import Event

__all__ = ["STYLES", "Style", "format_event", "format_failure"]

Style = Literal["openjd", "deadline", "plain"]
STYLES: tuple[Style, ...] = get_args(Style)

# openjd: Open Job Description 2023-09, "Stdout messages". deadline: its CommandLine plug-in, and the plug-ins that
# studios derive from it, search the output of a job for ".*Progress: (\d+)%.*".
_PROGRESS: dict[Style, Callable[[float], str]] = {
    "openjd": lambda percent: f"openjd_progress: {percent:.1f}",
    "deadline": lambda percent: f"Progress: {int(percent)}%",
    "plain": lambda percent: f"{percent:.0f} %",
}
_STATUS: dict[Style, str] = {"openjd": "openjd_status: ", "deadline": "", "plain": ""}
_FAILURE: dict[Style, str | None] = {"openjd": "openjd_fail: ", "deadline": None, "plain": None}


def format_event(event: Event, style: Style) -> Iterator[str]:
    """Yield the lines to print for an event of a run, without line ends.

    Args:
        event: The event.
        style: The engine whose lines to print.
    """
    if event.kind == "frame":
        state = "was there" if event.kept else "is done"
        yield _PROGRESS[style](100 * event.done / event.total)
        yield f"{_STATUS[style]}Frame {event.frame} {state} ({event.done} of {event.total})"
    elif event.kind == "look":
        yield f"{_STATUS[style]}Looking at frame {event.frame}"
    elif event.message:
        yield one_line(event.message)


def format_failure(message: str, style: Style) -> str | None:
    """Return the line that tells an engine why a task failed; None if the engine reads the last line of stderr.

    Args:
        message: The reason.
        style: The engine whose line to print.
    """
    prefix = _FAILURE[style]
    return None if prefix is None else prefix + one_line(message)

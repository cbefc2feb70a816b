"""What a task says while it runs, in the lines that its engine reads."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Literal, get_args

from stcolor_core.errors import one_line

if TYPE_CHECKING:
    from stcolor_core.pipeline.run import Event

__all__ = ["STYLES", "Style", "failure", "lines"]

Style = Literal["openjd", "deadline", "plain"]
STYLES: tuple[Style, ...] = get_args(Style)

# openjd: Open Job Description 2023-09, "Stdout messages". deadline: its CommandLine plug-in looks for
# ".*Progress: (\d+)%.*" in what a job prints; so do the plug-ins that studios derive from it.
_PROGRESS: dict[Style, Callable[[float], str]] = {
    "openjd": lambda percent: f"openjd_progress: {percent:.1f}",
    "deadline": lambda percent: f"Progress: {int(percent)}%",
    "plain": lambda percent: f"{percent:.0f} %",
}
_STATUS: dict[Style, str] = {"openjd": "openjd_status: ", "deadline": "", "plain": ""}
_FAILURE: dict[Style, str | None] = {"openjd": "openjd_fail: ", "deadline": None, "plain": None}


def lines(event: Event, style: Style) -> Iterator[str]:
    """What to print of an event of the pipeline, each without an end of line."""
    if event.kind == "frame":
        how = "was there" if event.kept else "is done"
        yield _PROGRESS[style](100 * event.done / event.total)
        yield f"{_STATUS[style]}Frame {event.frame} {how} ({event.done} of {event.total})"
    elif event.kind == "look":
        yield f"{_STATUS[style]}Looking at frame {event.frame}"
    elif event.message:
        yield one_line(event.message)


def failure(message: str, style: Style) -> str | None:
    """The line by which an engine shows why a task failed; None where it takes the last line on stderr."""
    prefix = _FAILURE[style]
    return None if prefix is None else prefix + one_line(message)

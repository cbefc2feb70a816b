"""The lines by which an engine reads a task's progress."""

from __future__ import annotations

import re

import pytest
from openjd.sessions._action_filter import filter_matcher

from stcolor_core.farm.progress import STYLES, format_event, format_failure
from stcolor_core.pipeline.events import Event

FRAME = Event(kind="frame", frame=1003, done=3, total=8)


def format_lines(event: Event, style: str) -> list[str]:
    return list(format_event(event, style))  # type: ignore[arg-type]


def read_by_openjd(line: str) -> tuple[str, str]:
    """The kind and the content of a message, by the sessions' own pattern."""
    match = filter_matcher.fullmatch(line)
    assert match is not None
    return next(kind for kind, text in match.groupdict().items() if text), match.groups()[-1]


def test_openjd_reads_progress_and_status() -> None:
    assert [read_by_openjd(line) for line in format_lines(FRAME, "openjd")] == [
        ("progress", "37.5"),
        ("status", "Frame 1003 is done (3 of 8)"),
    ]


def test_openjd_reads_why_a_task_failed() -> None:
    line = format_failure("Frame 7 is truncated.", "openjd")
    assert line is not None and read_by_openjd(line) == ("fail", "Frame 7 is truncated.")


def test_deadlines_plug_in_reads_whole_percent() -> None:
    match = re.match(r".*Progress: (\d+)%.*", format_lines(FRAME, "deadline")[0])
    assert match is not None and match[1] == "37"
    assert format_failure("no", "deadline") is None


@pytest.mark.parametrize("style", STYLES)
def test_an_existing_frame_is_reported_differently_from_a_new_one(style: str) -> None:
    kept = Event(kind="frame", frame=1003, done=3, total=8, kept=True)
    assert "Frame 1003 was there (3 of 8)" in format_lines(kept, style)[-1]


@pytest.mark.parametrize("style", STYLES)
def test_a_warning_is_a_separate_line_and_the_end_has_none(style: str) -> None:
    assert format_lines(Event(kind="warning", message="Frames 3-5 stay grey."), style) == ["Frames 3-5 stay grey."]
    assert format_lines(Event(kind="done", done=8, total=8), style) == []

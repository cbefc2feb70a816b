"""Warnings of many references that say the same are one line, and none is lost."""

from __future__ import annotations

import pytest

from stcolor_core.pipeline.events import Event
from stcolor_core.repeated_warnings import RepeatedWarnings

LOOK = Event(kind="look", frame=1)


def of(frame: int, rest: str, *, kind: str = "Reference", name: str = "p") -> Event:
    subject = f"{kind} {frame} ({name}.{frame}.exr)"
    return Event(kind="warning", frame=frame, subject=subject, message=subject + rest)


def lines(*events: Event) -> list[str]:
    printed: list[str] = []
    warnings = RepeatedWarnings(printed.append)
    for event in events:
        warnings.take(event)
    warnings.close()
    return printed


def test_what_comes_together_is_one_line_at_once() -> None:
    printed: list[str] = []
    warnings = RepeatedWarnings(printed.append)
    for frame in (1001, 1003, 1004, 1005):
        warnings.take(of(frame, " has no colour."))
    assert printed == []
    warnings.take(LOOK)
    assert printed == ["Each of the references 1001, 1003-1005 (p.####.exr) has no colour."]


def test_the_first_patch_is_told_at_once_and_the_others_at_the_end() -> None:
    printed: list[str] = []
    warnings = RepeatedWarnings(printed.append)
    for frame in range(1001, 1151):
        warnings.take(of(frame, ": its compression or grain cleaned."))
        warnings.take(LOOK)
    assert printed == ["Reference 1001 (p.1001.exr): its compression or grain cleaned."]
    warnings.close()
    assert printed[1:] == ["Each of the references 1001-1150 (p.####.exr): its compression or grain cleaned."]


@pytest.mark.parametrize("count", [20, 21])
def test_the_line_of_many_is_of_all_of_them_also_of_the_first_which_was_told_at_once(count: int) -> None:
    printed: list[str] = []
    warnings = RepeatedWarnings(printed.append)
    events = [moved(frame, f"{100 - frame}.0", "1.000") for frame in range(1, 1 + count)]
    for event in events:
        warnings.take(event)
        warnings.take(LOOK)
    warnings.close()
    assert printed[0] == events[0].message
    if count == 20:
        assert printed == [event.message for event in events]
    else:
        told = "moved by 79.0 to 99.0 px (at 1) and scaled by 1.000 to fit."
        assert printed[1:] == [f"Each of the references 1-21 (p.#.exr): {told}"]


MOVES = [(1, "2.9", "1.012"), (2, "10.1", "0.998"), (3, "3.5", "1.004")]


def moved(frame: int, px: str, scale: str) -> Event:
    return of(frame, f": moved by {px} px and scaled by {scale} to fit.")


def test_lines_that_differ_in_their_measures_are_told_one_by_one_in_the_order_of_the_frames() -> None:
    expected = [moved(*move).message for move in MOVES]
    assert lines(*(moved(*move) for move in reversed(MOVES))) == expected


def test_of_many_the_least_and_the_largest_measures_are_told_and_where_the_largest_is() -> None:
    rest = [moved(frame, "5.0", "1.000") for frame in range(4, 30, 2)]
    events = [*(moved(*move) for move in MOVES), *rest]
    assert len(lines(*events)) == len(events) == 16
    more = [moved(frame, "5.0", "1.000") for frame in range(30, 40)]
    assert lines(*events, *more) == [
        "Each of the references 1-4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30-39 (p.#.exr): moved by 2.9 to "
        "10.1 px (at 2) and scaled by 0.998 to 1.012 (at 1) to fit."
    ]


def test_files_of_no_one_pattern_are_named_each() -> None:
    events = [of(5, ": cleaned.", name="hat"), of(7, ": cleaned.", name="coat")]
    assert lines(*events) == [event.message for event in events]
    numbered = [of(frame, ": cleaned.", name="v2/hat") for frame in (2, 7)]
    assert lines(*numbered) == ["Each of the references 2, 7 (v2/hat.#.exr): cleaned."]


@pytest.mark.parametrize(
    "events",
    [
        (of(1, " has no colour."), of(2, " is the plate itself.")),
        (of(1, ": looks like frame 3 and is used as its colour."), of(2, ": looks like frame 4 and is used as its.")),
        (of(1, " is empty."), of(1, " is empty.", kind="The matte of frame")),
        (of(1, ": cleaned.", name="a"), of(1, ": cleaned.", name="b")),  # two patches of one frame
        (of(1, " has no colour."), Event(kind="warning", message="Scene cuts before frame 3.")),
    ],
)
def test_what_is_not_the_same_stays_apart_and_in_order(events: tuple[Event, ...]) -> None:
    assert lines(*events) == [event.message for event in events]


def test_a_file_with_brackets_in_its_name_is_no_part_of_the_line() -> None:
    assert lines(*(of(frame, ": cleaned.", name="a (b) of (c)") for frame in (1, 2))) == [
        "Each of the references 1-2 (a (b) of (c).#.exr): cleaned."
    ]

"""Cuts and dissolves as text."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stcolor_core.errors import BadRequest
from stcolor_core.shots.transitions import Boundary, Dissolve, Transitions, format_transitions, parse_transitions


def test_frames_are_cuts_and_ranges_are_dissolves() -> None:
    found = parse_transitions("1020, 1050-1062 1080,1081")
    assert found.cuts == (1020, 1080, 1081)
    assert found.dissolves == (Dissolve(1050, 1062),)
    assert format_transitions(found) == "1020,1050-1062,1080,1081"


def test_a_range_with_a_step_is_a_list_of_cuts() -> None:
    assert parse_transitions("1-31x10").cuts == (1, 11, 21, 31)


def test_a_dissolve_may_have_one_frame_and_negative_numbers() -> None:
    assert parse_transitions("-8--3,5-5").dissolves == (Dissolve(-8, -3), Dissolve(5, 5))


def test_no_transition_is_none() -> None:
    assert format_transitions(parse_transitions("none")) == "none"


@pytest.mark.parametrize("text", ["10-20,15", "10-20,10", "10-20,20-30", "20-10", "", "10-", "auto"])
def test_what_cannot_be_is_refused(text: str) -> None:
    with pytest.raises(BadRequest):
        parse_transitions(text)


def test_a_boundary_below_one_half_is_no_cut() -> None:
    found = Transitions((Boundary(5, 0.49), Boundary(9, 0.5)))
    assert found.cuts == (9,)
    assert found.doubtful == (Boundary(5, 0.49),)
    assert format_transitions(found) == "9"


@given(st.lists(st.integers(1, 9), min_size=1, max_size=12), st.data())
def test_text_is_read_back_unchanged(gaps: list[int], data: st.DataObject) -> None:
    frame, boundaries, dissolves = 1, [], []
    for gap in gaps:
        if data.draw(st.booleans()):
            dissolves.append(Dissolve(frame, frame + gap - 1))
        else:
            boundaries.append(Boundary(frame, 1.0))
        frame += gap + 1
    found = Transitions(tuple(boundaries), tuple(dissolves))
    assert parse_transitions(format_transitions(found)) == found

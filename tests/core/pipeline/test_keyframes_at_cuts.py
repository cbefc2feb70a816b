"""Where keyframes belong that show a frame behind a cut."""

from __future__ import annotations

from collections.abc import Iterable

from stcolor_core.pipeline.keyframe_verdicts import FITS, IS_PART, SHOWS_NOTHING
from stcolor_core.pipeline.keyframes_at_cuts import find_places

CUT = 1005


def between(pairs: Iterable[tuple[int, int]]) -> list[int]:
    return [CUT] if any(min(pair) < CUT <= max(pair) for pair in pairs) else []


def places(verdicts: dict[int, str]) -> dict[int, tuple[int, bool]]:
    return {frame: tuple(place) for frame, place in find_places(verdicts, between).items()}


def test_a_keyframe_of_a_frame_behind_a_cut_belongs_there() -> None:
    assert places({1001: FITS, 1004: "+1"}) == {1004: (1005, True)}
    assert places({1007: "-4"}) == {1007: (1003, True)}


def test_no_cuts_are_looked_for_if_all_show_their_own_frames() -> None:
    def refuse(pairs: Iterable[tuple[int, int]]) -> list[int]:
        raise AssertionError(list(pairs))

    assert find_places({1001: FITS, 1004: IS_PART, 1006: SHOWS_NOTHING}, refuse) == {}


def test_a_keyframe_of_another_frame_of_its_own_scene_stays() -> None:
    assert places({1002: "+2", 1005: "+1"}) == {}


def test_two_that_are_exchanged_change_places() -> None:
    assert places({1004: "+1", 1005: "-1"}) == {1004: (1005, True), 1005: (1004, True)}


def test_one_may_take_the_place_that_another_one_leaves() -> None:
    assert places({1003: "+2", 1005: "-1"}) == {1003: (1005, True), 1005: (1004, True)}


def test_a_keyframe_that_stays_keeps_its_frame() -> None:
    for own in (FITS, IS_PART, "+1"):
        assert places({1004: "+1", 1005: own}) == {1004: (1005, False)}


def test_none_leaves_its_place_for_one_that_cannot_move() -> None:
    assert places({1003: "+2", 1004: FITS, 1005: "-1"}) == {1003: (1005, False), 1005: (1004, False)}


def test_a_picture_of_something_else_does_not_hold_its_frame() -> None:
    assert places({1004: "+1", 1005: SHOWS_NOTHING}) == {1004: (1005, True)}


def test_of_two_that_show_the_same_frame_the_nearer_one_counts() -> None:
    assert places({1002: "+3", 1004: "+1"}) == {1004: (1005, True), 1002: (1005, False)}

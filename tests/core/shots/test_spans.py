"""Spans hold the frames between references and cuts, and no span crosses a cut."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stcolor_core.shots.spans import (
    PatchWalk,
    Side,
    Span,
    matched,
    plan,
    plan_patch_walks,
    split_span,
    unreferenced,
)


def test_a_shot_with_two_references_has_three_spans() -> None:
    assert plan(range(1, 11), [3, 8], []) == [
        Span((1, 2), None, 3, (8,)),
        Span((4, 5, 6, 7), 3, 8),
        Span((9, 10), 8, None, (3,)),
    ]


def test_a_cut_ends_a_span_and_excludes_the_references_beyond_it() -> None:
    spans = plan(range(1, 11), [3], [6])
    assert spans == [Span((1, 2), None, 3), Span((4, 5), 3, None), Span((6, 7, 8, 9, 10), None, None)]
    assert unreferenced(spans) == (6, 7, 8, 9, 10)


def test_with_one_reference_per_frame_the_nearest_is_used() -> None:
    assert plan(range(1, 9), [1, 8], [], per_frame=1) == [Span((2, 3, 4), 1, None), Span((5, 6, 7), None, 8)]


def test_more_references_are_added_nearest_first() -> None:
    (middle,) = [span for span in plan(range(1, 30), [1, 5, 10, 29], [], per_frame=3) if 7 in span.frames]
    assert middle.references == (5, 10, 1)


def test_a_walk_passes_over_gaps_between_frames() -> None:
    assert plan([1, 2, 5, 6], [2], []) == [Span((1,), None, 2), Span((5, 6), 2, None)]


@pytest.mark.parametrize(
    ("span", "back", "outward"),
    [
        pytest.param(Span((2, 3, 4, 5, 6), 1, None), (), (2, 3, 4, 5), id="from the first"),
        pytest.param(Span((2, 3, 4, 5, 6), None, 7), (), (6, 5, 4, 3), id="from the last"),
        pytest.param(Span((2, 3, 4, 5, 6), 1, 7), (6, 5, 4, 3), (2, 3, 4, 5), id="between two"),
        pytest.param(Span((2, 3, 4, 5, 6), None, None), (), (2, 3, 4, 5), id="from nowhere"),
    ],
)
def test_a_walk_ends_at_the_last_requested_frame(span: Span, back: tuple[int, ...], outward: tuple[int, ...]) -> None:
    assert span.walks({3, 5}) == (back, outward)
    assert span.walks(()) == ((), ())


@given(count=st.integers(1, 300), longest=st.integers(1, 120))
def test_a_span_is_divided_into_few_runs_of_nearly_equal_length(count: int, longest: int) -> None:
    span = Span(tuple(range(7, 7 + count)), 6, None)
    cut = split_span(span, longest)
    assert [frame for piece in cut for frame in piece] == list(span.frames)
    assert len(cut) == -(-count // longest)
    lengths = [len(piece) for piece in cut]
    assert max(lengths) - min(lengths) <= 1 and max(lengths) <= longest


def test_a_span_that_must_not_be_divided_is_one_piece() -> None:
    assert split_span(Span((3, 4, 5), 2, None), None) == [(3, 4, 5)]


@given(
    count=st.integers(1, 40),
    references=st.sets(st.integers(1, 40)),
    cuts=st.sets(st.integers(1, 40)),
    per_frame=st.integers(1, 4),
)
def test_every_frame_is_a_reference_or_in_exactly_one_span(
    count: int, references: set[int], cuts: set[int], per_frame: int
) -> None:
    frames = range(1, count + 1)
    references = {frame for frame in references if frame <= count}
    spans = plan(frames, references, cuts, per_frame=per_frame)
    seen = [frame for span in spans for frame in span.frames]
    assert sorted([*seen, *references]) == list(frames)
    for span in spans:
        assert len(span.references) <= max(per_frame, 1)
        for reference in span.references:  # no cut between a frame and what colours it
            low, high = min(*span.frames, reference), max(*span.frames, reference)
            assert not any(low < cut <= high for cut in cuts)


def test_a_patch_walks_in_both_directions_up_to_whole_keyframes_and_cuts() -> None:
    walks = plan_patch_walks(range(1, 13), [4, 6, 10], [2, 8], [9])
    assert walks == [
        PatchWalk(4, (3,), 2),
        PatchWalk(4, (5, 6, 7), 8),
        PatchWalk(6, (5, 4, 3), 2),
        PatchWalk(6, (7,), 8),
        PatchWalk(10, (9,), None),
        PatchWalk(10, (11, 12), None),
    ]


def test_a_patch_on_the_frame_of_a_whole_keyframe_walks_to_the_next_ones() -> None:
    assert plan_patch_walks([1, 2, 5, 6, 7], [5], [1, 5, 7], []) == [PatchWalk(5, (2,), 1), PatchWalk(5, (6,), 7)]


def test_a_dissolve_is_a_span_of_its_own_between_two_scenes() -> None:
    before, dissolve, after = plan(range(1, 21), [2, 18], [], [(9, 12)])[1:4]
    assert before == Span((3, 4, 5, 6, 7, 8), 2, None)
    assert after == Span((13, 14, 15, 16, 17), None, 18)
    assert dissolve == Span((9, 10, 11, 12), None, None, sides=(Side(8, before), Side(13, after)))
    assert dissolve.references == (2, 18)
    assert dissolve.reads == tuple(range(2, 19))
    assert split_span(dissolve, 2) == [(9, 10, 11, 12)]


def test_a_reference_beside_or_within_a_dissolve_keeps_its_colour() -> None:
    (dissolve,) = (span for span in plan(range(1, 21), [8, 10, 18], [], [(9, 12)]) if span.sides)
    assert dissolve.frames == (9, 11, 12)
    assert dissolve.sides[0] == Side(8, None)


def test_a_scene_goes_on_into_a_fade_with_its_own_references() -> None:
    (fade,) = (span for span in plan(range(1, 21), [2, 13], [], [(9, 12)]) if span.sides)
    before, after = fade.sides
    assert before.continued((9, 10)) == Span((3, 4, 5, 6, 7, 8, 9, 10), 2, None)
    assert after.continued((11, 12)) == Span((11, 12), None, 13)
    (fade,) = (span for span in plan(range(1, 21), [8, 15], [], [(9, 12)]) if span.sides)
    before, after = fade.sides
    assert before.continued((9, 10)) == Span((9, 10), 8, None)
    assert after.continued((11, 12)) == Span((11, 12, 13, 14), None, 15)


@pytest.mark.parametrize("dissolve", [(1, 4), (17, 20), (-5, 3), (30, 40)])
def test_a_dissolve_at_an_end_of_the_shot_does_not_count(dissolve: tuple[int, int]) -> None:
    assert plan(range(1, 21), [5], [], [dissolve]) == plan(range(1, 21), [5], [])


def test_two_dissolves_that_differ_in_extent_differ_in_their_digest_data() -> None:
    spans = [
        next(span for span in plan(range(1, 21), [2, 18], [], [dissolve]) if span.sides)
        for dissolve in ((9, 12), (9, 13), (8, 12))
    ]
    assert len({(str(span.bounds), span.reads) for span in spans}) == 3


def test_a_scene_without_a_reference_is_matched_with_the_nearest_ones_of_other_scenes() -> None:
    spans = plan(range(1, 31), [2, 4, 6, 8, 28], [11, 21], match_unreferenced=True)
    (guessed,) = (span for span in spans if 15 in span.frames)
    assert guessed == Span(tuple(range(11, 21)), None, None, (8, 6, 4, 28))
    assert matched(spans) == dict.fromkeys(range(11, 21), (8, 6, 4, 28))
    assert unreferenced(spans) == ()


@given(
    count=st.integers(1, 40),
    references=st.sets(st.integers(1, 40)),
    cuts=st.sets(st.integers(1, 40)),
    first=st.integers(1, 40),
    length=st.integers(1, 12),
    match=st.booleans(),
)
def test_with_a_dissolve_every_frame_is_still_a_reference_or_in_one_span(
    count: int, references: set[int], cuts: set[int], first: int, length: int, match: bool
) -> None:
    frames = range(1, count + 1)
    references = {frame for frame in references if frame <= count}
    dissolve = (first, first + length - 1)
    spans = plan(frames, references, cuts, [dissolve], match_unreferenced=match)
    assert sorted([*(frame for span in spans for frame in span.frames), *references]) == list(frames)
    for span in spans:
        assert set(span.references) <= references
        assert bool(span.references) or not (match and references)

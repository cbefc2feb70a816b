"""Spans hold the frames between references and cuts, and no span crosses a cut."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stcolor_core.shots.spans import PatchWalk, Span, plan, plan_patch_walks, split_span, unreferenced


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

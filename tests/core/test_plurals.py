"""The number of things in a message."""

from __future__ import annotations

import pytest

from stcolor_core.plurals import count_of, count_of_film_parts


@pytest.mark.parametrize(("number", "text"), [(0, "0 frames"), (1, "1 frame"), (2, "2 frames"), (12, "12 frames")])
def test_a_noun_has_an_s_unless_there_is_exactly_one(number: int, text: str) -> None:
    assert count_of(number, "frame") == text


@pytest.mark.parametrize(
    ("number", "text"), [(0, "0 scenes and dissolves"), (1, "1 scene or dissolve"), (2, "2 scenes and dissolves")]
)
def test_the_parts_of_a_film_are_counted_in_the_singular_at_one(number: int, text: str) -> None:
    assert count_of_film_parts(number) == text

"""The number of things in a message, and the words that agree with it."""

from __future__ import annotations

import pytest

from stcolor_core.plurals import count_of, form_of


@pytest.mark.parametrize(("number", "text"), [(0, "0 frames"), (1, "1 frame"), (2, "2 frames"), (12, "12 frames")])
def test_a_noun_has_an_s_unless_there_is_exactly_one(number: int, text: str) -> None:
    assert count_of(number, "frame") == text


@pytest.mark.parametrize(("number", "text"), [(1, "1 scene or dissolve"), (4, "4 scenes and dissolves")])
def test_a_phrase_has_the_plural_that_is_given(number: int, text: str) -> None:
    assert count_of(number, "scene or dissolve", "scenes and dissolves") == text


@pytest.mark.parametrize(("number", "text"), [(0, "are missing"), (1, "is missing"), (2, "are missing")])
def test_words_agree_with_how_many_there_are(number: int, text: str) -> None:
    assert form_of(number, "is missing", "are missing") == text

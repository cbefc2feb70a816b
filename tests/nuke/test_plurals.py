"""The number of things in a message."""

from __future__ import annotations

import pytest
from refcolorize.plurals import count_of, noun_of


@pytest.mark.parametrize(("number", "text"), [(0, "0 frames"), (1, "1 frame"), (2, "2 frames"), (12, "12 frames")])
def test_a_noun_has_an_s_unless_there_is_exactly_one(number: int, text: str) -> None:
    assert count_of(number, "frame") == text


@pytest.mark.parametrize(("number", "text"), [(0, "versions"), (1, "version"), (2, "versions")])
def test_a_noun_alone_has_it_too(number: int, text: str) -> None:
    assert noun_of(number, "version") == text

"""Swatches as lines of text."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from refcolorize.errors import RefColorizeError
from refcolorize.node.swatch_lines import Swatch, format_swatches, parse_swatches

COLORS = st.from_regex("#[0-9a-fA-F]{6}", fullmatch=True)
NAMES = st.text(st.characters(exclude_categories=["Cc", "Cs"]), min_size=1).filter(str.strip)
SWATCHES = st.builds(Swatch, st.integers(-9999, 999_999), NAMES, st.lists(COLORS, min_size=1, max_size=3).map(tuple))


def test_a_line_is_a_frame_an_object_and_its_colours() -> None:
    text = "1050:coat=#8a3324\n1050:hat=#3a1510,#c07050"
    expected = [Swatch(1050, "coat", ("#8a3324",)), Swatch(1050, "hat", ("#3a1510", "#c07050"))]
    assert parse_swatches(text) == expected
    assert format_swatches(expected) == text


@given(st.lists(SWATCHES, max_size=4))
def test_what_was_written_is_read_back(swatches: list[Swatch]) -> None:
    assert parse_swatches(format_swatches(swatches)) == swatches


def test_empty_lines_and_blanks_around_frame_and_colours_do_not_count() -> None:
    found = parse_swatches("\n 1050 :coat= #8a3324 , #c07050 \n\n")
    assert found == [Swatch(1050, "coat", ("#8a3324", "#c07050"))]


@pytest.mark.parametrize(
    "line",
    [
        *("coat=#8a3324", "1050:#8a3324", "1050:=#8a3324", "1050:coat", "1050:coat=", "1050:coat=brown"),
        *("1050:coat=#8a33240", "x1050:coat=#8a3324", "1050:coat=#8a3324,", "99999999999:coat=#8a3324"),
    ],
)
def test_a_line_that_is_no_swatch_is_named_with_an_example(line: str) -> None:
    with pytest.raises(RefColorizeError) as raised:
        parse_swatches(f"1050:hat=#3a1510\n{line}")
    assert repr(line) in str(raised.value) and "1050:coat=#8a3324" in str(raised.value)
    assert "\n" not in str(raised.value)

"""The groups of a storyboard share pages: no picture is lost, none overlap, and no page holds two pictures alone."""

from __future__ import annotations

import numpy as np
import pytest

from stcolor_core.film.page_layout import Block, lay_out

TOP, BOTTOM, HEADING = 40, 1200, 80


def pages(heights: list[list[int]]) -> list[list[Block]]:
    return list(lay_out(heights, columns=5, heading=HEADING, top=TOP, bottom=BOTTOM, first_top=TOP))


@pytest.mark.parametrize("seed", range(20))
def test_every_picture_is_on_a_page_once_in_order_without_overlap(seed: int) -> None:
    rng = np.random.default_rng(seed)
    heights = [[int(rng.integers(60, 330)) for _ in range(rng.integers(1, 40))] for _ in range(rng.integers(1, 12))]
    found = pages(heights)
    shown = [(block.sheet, number) for page in found for block in page for number in block.pictures]
    assert shown == [(sheet, number) for sheet, each in enumerate(heights) for number in range(len(each))]
    for page in found:
        y = TOP
        for block in page:
            assert block.top >= y
            y = block.top + max([heights[block.sheet][number] for number in block.pictures], default=HEADING)
        assert y <= BOTTOM
        assert not page[0].pictures and page[-1].pictures  # it begins with a heading and does not end with one
        for heading, row in zip(page, page[1:], strict=False):
            assert heading.pictures or row.pictures


def test_small_groups_share_a_page_and_a_long_one_is_continued() -> None:
    assert len(pages([[200, 200]] * 4)) == 1
    first, second = pages([[250] * 30])
    assert not first[0].continued and second[0].continued


def test_the_first_page_has_what_fits_below_something_else() -> None:
    first, second = lay_out([[200], [200], [200]], columns=5, heading=HEADING, top=TOP, bottom=BOTTOM, first_top=600)
    assert [block.sheet for block in first] == [0, 0, 1, 1] and first[0].top == 600
    assert [block.sheet for block in second] == [2, 2] and second[0].top == TOP
    assert next(lay_out([[200]], columns=5, heading=HEADING, top=TOP, bottom=BOTTOM, first_top=1100)) == []


def test_a_picture_that_is_higher_than_a_page_has_one_of_its_own() -> None:
    assert [len(page) for page in pages([[100], [5000], [100]])] == [2, 2, 2]

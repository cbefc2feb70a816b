"""Lay out the contact sheets of a storyboard on pages: several groups on one page as long as they fit."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

__all__ = ["Block", "lay_out"]


@dataclass(frozen=True)
class Block:
    """A heading, or a row of pictures, on a page.

    Attributes:
        sheet: The number of the contact sheet.
        top: Its upper edge, in pixels from the top of the page.
        pictures: The numbers of the row's pictures in the sheet; none for the heading.
        continued: Whether it is a heading that is repeated on a further page.
    """

    sheet: int
    top: int
    pictures: range = range(0)
    continued: bool = False


def lay_out(
    heights: Sequence[Sequence[int]], *, columns: int, heading: int, top: int, bottom: int, first_top: int
) -> Iterator[list[Block]]:
    """Yield the blocks of each page. A heading never stands at the end of a page without a row.

    The first page holds something else above its blocks, and has none if there is no room for them.

    Args:
        heights: The height of every picture with its caption, for each sheet, in pixels.
        columns: The pictures of a row.
        heading: The height of a heading.
        top: The upper edge of the space for blocks.
        bottom: Its lower edge. A row that is higher than a page is cut off.
        first_top: The upper edge of that space on the first page.
    """
    page: list[Block] = []
    y = first_top
    for sheet, each in enumerate(heights):
        for first in range(0, len(each), columns):
            row = range(first, min(first + columns, len(each)))
            height, begins = max(each[number] for number in row), first == 0
            if (page or y > top) and y + height + heading * begins > bottom:
                yield page
                page, y = [], top
            if begins or not page:
                page.append(Block(sheet, y, continued=not begins))
                y += heading
            page.append(Block(sheet, y, row))
            y += height
    yield page

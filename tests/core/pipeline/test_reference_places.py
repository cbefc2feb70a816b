"""Which formats count as of one aspect."""

from __future__ import annotations

import pytest

from stcolor_core.pipeline.reference_places import has_aspect_of


@pytest.mark.parametrize(
    ("size", "is_same"),
    [
        ((1920, 1080), True),
        ((1998, 1080), False),
        ((1910, 1080), True),  # within 1 %
        ((28, 16), True),  # a thumbnail: 28.4 px would be exact
        ((30, 16), False),
        ((1080, 1920), False),
    ],
)
def test_formats_of_one_aspect_are_known_also_if_one_is_small(size: tuple[int, int], is_same: bool) -> None:
    assert has_aspect_of((0, 0, *size), (0, 0, 1920, 1080)) == is_same

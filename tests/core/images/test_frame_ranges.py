"""Frames in a message: their noun agrees with how many there are."""

from __future__ import annotations

import pytest

from stcolor_core.images.frame_ranges import count_frames, name_frames, name_runs


@pytest.mark.parametrize(
    ("frames", "text"),
    [
        ((5,), "frame 5"),
        ((5, 5), "frame 5"),
        ((-3,), "frame -3"),
        ((7, 5, 6), "frames 5-7"),
        ((5, 9), "frames 5, 9"),
        (range(0, 20, 2), "frames 0, 2, 4, 6 and 6 more"),
    ],
)
def test_one_frame_is_singular_and_several_are_plural(frames: tuple[int, ...], text: str) -> None:
    assert name_frames(frames) == text
    assert name_frames(frames, "Reference") == text.replace("frame", "Reference")


def test_a_gap_of_a_billion_frames_is_named_without_listing_them() -> None:
    runs = [range(1, 2), range(4, 10**9)]
    assert count_frames(runs) == 1 + 10**9 - 4
    assert name_runs(runs) == "frames 1, 4-999999999"
    assert name_runs(runs[:1], "Frame") == "Frame 1"

"""Frames as text: what is written is read again, and a range is the frames that follow one another."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.usefixtures("nuke")


@pytest.mark.parametrize(
    ("frames", "text"),
    [([], ""), ([7], "7"), ([1, 2, 3, 7, 9, 10], "1-3,7,9-10"), ([-2, -1, 0], "-2-0")],
)
def test_frames_are_written_and_read_again(frames: list[int], text: str) -> None:
    from refcolorize.node import frame_texts

    assert frame_texts.frames_text(frames) == text
    assert list(frame_texts.frame_numbers(text)) == frames


def test_no_text_has_no_frames() -> None:
    from refcolorize.node import frame_texts

    assert frame_texts.frame_numbers(None) == ()

from __future__ import annotations

from fractions import Fraction

import OpenImageIO as oiio
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stcolor_core.movies.timecode import (
    drops_frames,
    frame_of_timecode,
    pack_timecode,
    timecode_of_frame,
    unpack_timecode,
)

NTSC = Fraction(30000, 1001)


@given(st.integers(0, 2_000_000), st.sampled_from([24, 25, 30, 60]))
def test_a_frame_has_one_timecode(frame: int, rate: int) -> None:
    assert frame_of_timecode(timecode_of_frame(frame, Fraction(rate), drop=False), Fraction(rate)) == frame


@given(st.integers(0, 2_589_407), st.sampled_from([NTSC, 2 * NTSC]))
def test_a_frame_has_one_timecode_that_drops_numbers(frame: int, rate: Fraction) -> None:
    text = timecode_of_frame(frame, rate, drop=True)
    assert drops_frames(text)
    assert frame_of_timecode(text, rate) == frame


@pytest.mark.parametrize(
    ("text", "frame"),
    [("00:00:59;29", 1799), ("00:01:00;02", 1800), ("00:09:59;29", 17981), ("00:10:00;00", 17982)],
)
def test_the_numbers_that_smpte_12_drops(text: str, frame: int) -> None:
    assert frame_of_timecode(text, NTSC) == frame
    assert timecode_of_frame(frame, NTSC, drop=True) == text


@pytest.mark.parametrize("text", ["", "1001", "24:00:00:00", "00:60:00:00", "00:00:00:24", "00:00:00"])
def test_other_texts_are_no_timecodes(text: str) -> None:
    assert frame_of_timecode(text, Fraction(24)) is None


@pytest.mark.parametrize("text", ["00:00:00:00", "12:34:56:22", "23:59:59;29"])
def test_the_words_in_an_exr_are_those_of_openimageio(text: str) -> None:
    words = pack_timecode(text, NTSC)
    assert words is not None
    spec = oiio.ImageSpec(1, 1, 1, "half")
    spec.attribute("smpte:TimeCode", oiio.TypeDesc("timecode"), words)
    assert spec.get_string_attribute("smpte:TimeCode").replace(";", ":") == text.replace(";", ":")
    assert unpack_timecode(words) == text

"""Convert SMPTE timecodes to frame numbers and back (SMPTE ST 12-1:2014; section 5.2.2 for drop-frame)."""

from __future__ import annotations

import re
from fractions import Fraction

__all__ = ["drops_frames", "frame_of_timecode", "pack_timecode", "timecode_of_frame", "unpack_timecode"]

_TIMECODE = re.compile(r"(\d{1,2})[:;.](\d{2})[:;.](\d{2})([:;.])(\d{2,3})")
_HOURS = 24
_PACKED_RATE = 30  # frames a second that the 32 bits of SMPTE ST 12-1 can count


def drops_frames(text: str) -> bool:
    """Return whether a timecode drops frame numbers.

    Args:
        text: As for `frame_of_timecode`.
    """
    match = _TIMECODE.fullmatch(text.strip())
    return match is not None and match[4] != ":"


def frame_of_timecode(text: str, rate: Fraction) -> int | None:
    """Return how many frames after 00:00:00:00 a timecode is.

    Args:
        text: HH:MM:SS:FF; a semicolon or full stop before FF says that it drops frame numbers.
        rate: Frames a second.

    Returns:
        The frame, 0 or above; None if the text is not a timecode of this rate.
    """
    match = _TIMECODE.fullmatch(text.strip())
    if match is None:
        return None
    hours, minutes, seconds, frames = (int(match[place]) for place in (1, 2, 3, 5))
    base = round(rate)
    if hours >= _HOURS or minutes >= 60 or seconds >= 60 or frames >= base:
        return None
    total = ((hours * 60 + minutes) * 60 + seconds) * base + frames
    passed = hours * 60 + minutes
    return total - (_dropped(base) * (passed - passed // 10) if match[4] != ":" else 0)


def timecode_of_frame(frame: int, rate: Fraction, *, drop: bool) -> str:
    """Return the timecode of a frame, the inverse of `frame_of_timecode`. After 24 hours it begins again.

    Args:
        frame: Frames after 00:00:00:00, 0 or above.
        rate: Frames a second.
        drop: Whether frame numbers are dropped, as for 29.97 and 59.94 frames a second.
    """
    base = round(rate)
    dropped = _dropped(base) if drop else 0
    ten_minutes = 600 * base - 9 * dropped
    frame %= 6 * _HOURS * ten_minutes
    tens, rest = divmod(frame, ten_minutes)
    if dropped and rest >= 60 * base:
        rest += dropped * (1 + (rest - 60 * base) // (60 * base - dropped))
    number = tens * 600 * base + rest
    seconds, frames = divmod(number, base)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02d}:{minutes:02d}:{seconds:02d}{';' if dropped else ':'}{frames:02d}"


def pack_timecode(text: str, rate: Fraction) -> tuple[int, int] | None:
    """Return a timecode as the two 32-bit words of EXR's `timeCode`; None if they cannot count this rate.

    Args:
        text: As for `frame_of_timecode`.
        rate: Frames a second.
    """
    match = _TIMECODE.fullmatch(text.strip())
    if match is None or round(rate) > _PACKED_RATE:
        return None
    hours, minutes, seconds, frames = (int(match[place]) for place in (1, 2, 3, 5))
    fields = ((frames, 0), (seconds, 8), (minutes, 16), (hours, 24))
    word = sum((value // 10 << 4 | value % 10) << shift for value, shift in fields)
    return word | (1 << 6 if match[4] != ":" else 0), 0


def unpack_timecode(words: tuple[int, ...]) -> str:
    """Return the timecode of the words of EXR's `timeCode`, the inverse of `pack_timecode`.

    Args:
        words: Two 32-bit words, of which the second holds no time.
    """
    word = int(words[0])
    fields = [(word >> shift & mask) for shift, mask in ((24, 0x3F), (16, 0x7F), (8, 0x7F), (0, 0x3F))]
    hours, minutes, seconds, frames = ((value >> 4) * 10 + (value & 15) for value in fields)
    return f"{hours:02d}:{minutes:02d}:{seconds:02d}{';' if word & 1 << 6 else ':'}{frames:02d}"


def _dropped(base: int) -> int:
    """Return how many frame numbers drop-frame leaves out at the start of a minute: 2 at 30, 4 at 60."""
    return 2 * (base // 30)

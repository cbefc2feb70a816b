"""Frame numbers as text: ranges as Nuke writes them, and short lists for messages."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from stcolor_core.errors import BadRequest

__all__ = ["LAST_FRAME", "MOST_FRAMES", "format_frames", "gaps", "name_frames", "name_runs", "parse_frames", "runs_of"]

LAST_FRAME = 2**31 - 1  # Nuke counts frames in 32 bits
MOST_FRAMES = 1_000_000  # eleven hours of film; a range comes from outside, and must not fill the memory
_NAMED = 4  # runs in a message; with the largest numbers these take 100 characters
_RANGE = re.compile(r"(-?[0-9]{1,12})(?:-(-?[0-9]{1,12})(?:x([0-9]{1,12}))?)?")


def parse_frames(text: str) -> tuple[int, ...]:
    """The frames that a Nuke-style range names: "7", "1-10", "1-10x2", several separated by commas or blanks.

    Returns the frames in ascending order, each once. Raises BadRequest where the text is not such a range.
    """
    frames: set[int] = set()
    asked = 0
    for part in re.split(r"[,\s]+", text.strip()):
        match = _RANGE.fullmatch(part)
        if match is None:
            raise BadRequest(
                f"Frame range {text[:80]!r} is not readable. Write it like 1001-1100, 1001-1100x2 or 5,9,12-20."
            )
        first, last, step = int(match[1]), int(match[2] or match[1]), int(match[3] or 1)
        if last < first or step < 1:
            raise BadRequest(f"Frame range {part!r} runs backwards or has no step. Write the lower frame first.")
        if max(-first, last) > LAST_FRAME:
            raise BadRequest(f"Frame range {part!r} goes beyond frame {LAST_FRAME}, Nuke's last. Correct it.")
        asked += (last - first) // step + 1
        if asked > MOST_FRAMES:
            raise BadRequest(f"Frame range {part!r} leads to more than {MOST_FRAMES} frames. Check its last frame.")
        frames.update(range(first, last + 1, step))
    return tuple(sorted(frames))


def format_frames(frames: Iterable[int]) -> str:
    """Frames as a compact range, the inverse of `parse_frames`: (1, 2, 3, 7) -> "1-3,7"."""
    return ",".join(map(_run, runs_of(frames)))


def name_frames(frames: Iterable[int]) -> str:
    """Frames as a message names them: the first few runs, and how many frames more there are."""
    return name_runs(runs_of(frames))


def name_runs(runs: Sequence[range]) -> str:
    """Runs of frames as a message names them: "1001-1004, 1009 and 212 more"."""
    text = ", ".join(map(_run, runs[:_NAMED]))
    more = sum(run.stop - run.start for run in runs[_NAMED:])
    return f"{text} and {more} more" if more else text


def runs_of(frames: Iterable[int]) -> list[range]:
    """Frames as runs without a gap, in ascending order."""
    runs: list[range] = []
    for frame in sorted(set(frames)):
        if runs and frame == runs[-1].stop:
            runs[-1] = range(runs[-1].start, frame + 1)
        else:
            runs.append(range(frame, frame + 1))
    return runs


def gaps(frames: Iterable[int]) -> list[range]:
    """The runs of frames between those given. A gap may span a billion frames, so none is ever listed."""
    runs = runs_of(frames)
    return [range(before.stop, after.start) for before, after in zip(runs, runs[1:], strict=False)]


def _run(run: range) -> str:
    return str(run.start) if run.stop - run.start == 1 else f"{run.start}-{run.stop - 1}"

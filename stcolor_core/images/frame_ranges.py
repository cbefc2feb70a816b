"""Read and write frame ranges as text: ranges in Nuke's notation, and short lists for messages."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from stcolor_core.errors import BadRequest
from stcolor_core.plurals import form_of

__all__ = [
    "LAST_FRAME",
    "MOST_FRAMES",
    "count_frames",
    "describe_frames",
    "describe_runs",
    "find_gaps",
    "format_frames",
    "group_runs",
    "name_frames",
    "name_runs",
    "parse_frames",
]

LAST_FRAME = 2**31 - 1  # Nuke's frame numbers have 32 bits
MOST_FRAMES = 1_000_000  # eleven hours of film; a range is user input and must not fill the memory
_NAMED_RUNS = 4  # in a message; with the largest frame numbers these take 100 characters
_RANGE = re.compile(r"(-?[0-9]{1,12})(?:-(-?[0-9]{1,12})(?:x([0-9]{1,12}))?)?")


def parse_frames(text: str) -> tuple[int, ...]:
    """Return the frames of a range in Nuke's notation.

    Args:
        text: "7", "1-10" or "1-10x2", or several of these separated by commas or blanks.

    Returns:
        The frames in ascending order, each once.

    Raises:
        BadRequest: If the text is not such a range, goes beyond `LAST_FRAME` or has more than `MOST_FRAMES` frames.
    """
    frames: set[int] = set()
    count = 0
    for part in re.split(r"[,\s]+", text.strip()):
        match = _RANGE.fullmatch(part)
        if match is None:
            raise BadRequest(
                f"Frame range {text[:80]!r} cannot be read. Write it like 1001-1100, 1001-1100x2 or 5,9,12-20."
            )
        first, last, step = int(match[1]), int(match[2] or match[1]), int(match[3] or 1)
        if last < first or step < 1:
            raise BadRequest(f"Frame range {part!r} runs backwards or has no step. Write the lower frame first.")
        if max(-first, last) > LAST_FRAME:
            raise BadRequest(
                f"Frame range {part!r} goes beyond frame {LAST_FRAME}, the last that Nuke can count. Correct it."
            )
        count += (last - first) // step + 1
        if count > MOST_FRAMES:
            raise BadRequest(
                f"Frame range {part!r} brings the list to more than {MOST_FRAMES} frames. Check its last frame."
            )
        frames.update(range(first, last + 1, step))
    return tuple(sorted(frames))


def format_frames(frames: Iterable[int]) -> str:
    """Return frames as a compact range: (1, 2, 3, 7) gives "1-3,7". The inverse of `parse_frames`.

    Args:
        frames: Frame numbers in any order.
    """
    return ",".join(map(_format_run, group_runs(frames)))


def describe_frames(frames: Iterable[int]) -> str:
    """Return frames as text for a message: the first few runs, and how many more frames there are.

    Args:
        frames: Frame numbers in any order.
    """
    return describe_runs(group_runs(frames))


def describe_runs(runs: Sequence[range]) -> str:
    """Return runs of frames as text for a message: "1001-1004, 1009 and 212 more".

    Args:
        runs: Runs of consecutive frames, as of `group_runs`.
    """
    text = ", ".join(map(_format_run, runs[:_NAMED_RUNS]))
    remaining = count_frames(runs[_NAMED_RUNS:])
    return f"{text} and {remaining} more" if remaining else text


def name_frames(frames: Iterable[int], noun: str = "frame") -> str:
    """Return frames for a message as `describe_frames` does, after their noun: "frame 5" or "frames 5-7, 9".

    Args:
        frames: Frame numbers in any order.
        noun: What has these numbers. Its plural is the same word with an s.
    """
    return name_runs(group_runs(frames), noun)


def name_runs(runs: Sequence[range], noun: str = "frame") -> str:
    """Return runs of frames for a message as `describe_runs` does, after their noun: "frame 5" or "frames 5-7, 9".

    Args:
        runs: Runs of consecutive frames, as of `group_runs`.
        noun: What has these numbers. Its plural is the same word with an s.
    """
    return f"{form_of(count_frames(runs), noun, f'{noun}s')} {describe_runs(runs)}"


def count_frames(runs: Iterable[range]) -> int:
    """Return how many frames there are in some runs.

    Args:
        runs: Runs of consecutive frames, as of `group_runs`.
    """
    return sum(run.stop - run.start for run in runs)


def group_runs(frames: Iterable[int]) -> list[range]:
    """Return frames as runs of consecutive frames, in ascending order.

    Args:
        frames: Frame numbers in any order.
    """
    runs: list[range] = []
    for frame in sorted(set(frames)):
        if runs and frame == runs[-1].stop:
            runs[-1] = range(runs[-1].start, frame + 1)
        else:
            runs.append(range(frame, frame + 1))
    return runs


def find_gaps(frames: Iterable[int]) -> list[range]:
    """Return the runs of missing frames between the given ones.

    They are ranges rather than lists, since a gap may span a billion frames.

    Args:
        frames: Frame numbers in any order.
    """
    runs = group_runs(frames)
    return [range(before.stop, after.start) for before, after in zip(runs, runs[1:], strict=False)]


def _format_run(run: range) -> str:
    """Return one run as text: "7" or "1-3"."""
    return str(run.start) if run.stop - run.start == 1 else f"{run.start}-{run.stop - 1}"

"""What a farm submission will be, in one line, before anything is rendered or written. Without Nuke and without Qt."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass

from ..core.engines import ENGINES
from ..plurals import count_of
from .farm import SubmitOptions

__all__ = ["FarmShot", "count_tasks", "summarize"]

_DEADLINE_FRAMES = 60  # of a task on Deadline 10 by default, as the core has it


@dataclass(frozen=True)
class FarmShot:
    """The shot that a submission colours.

    Attributes:
        frames: The frames to colour, in ascending order.
        keys: Its keyframes, in ascending order.
        plate: The first and last frame of its plate.
    """

    frames: tuple[int, ...]
    keys: tuple[int, ...]
    plate: tuple[int, int]


def count_tasks(shot: FarmShot, options: SubmitOptions) -> int:
    """Return how many tasks colour a shot, if it has no cut: the core finds cuts, at each of which a task may begin.

    Args:
        shot: The shot.
        options: The chosen options.
    """
    if not shot.frames:
        return 0
    if options.engine == "deadline":
        return -(-len(shot.frames) // (options.max_span or _DEADLINE_FRAMES))
    ends: list[int] = []
    first, last = shot.plate
    for bound in (*shot.keys, last + 1):
        length = bound - first
        pieces = -(-length // options.max_span) if options.max_span else 1
        if length > 0:  # the frames between two keyframes; a keyframe goes with those that follow it
            ends += [first + length * (piece + 1) // pieces - 1 for piece in range(pieces)]
        first = bound + 1
    return len({min(bisect_left(ends, frame), max(0, len(ends) - 1)) for frame in shot.frames})


def summarize(shot: FarmShot, options: SubmitOptions) -> str:
    """Return the line: frames, tasks, Write nodes, the engine and where it runs.

    Args:
        shot: The shot.
        options: The chosen options, with the names of the Write nodes.
    """
    if not shot.frames:
        return "There is no frame to colour. Connect the plate, or correct the frame range."
    count, tasks = len(shot.frames), count_tasks(shot, options)
    whole = count == shot.frames[-1] - shot.frames[0] + 1
    range_text = f"{shot.frames[0]}-{shot.frames[-1]}{'' if whole else ', not all of them'}"
    parts = [f"{count_of(count, 'frame')} ({range_text}) from {count_of(len(shot.keys), 'keyframe')}"]
    parts.append(f"in about {count_of(tasks, 'task')}, more if the shot has cuts")
    if options.writes:
        parts.append(f"then {', '.join(options.writes)}")
    where = [f"{name.replace('_', ' ')} {value}" for name in _PLACES if (value := getattr(options, name))]
    return f"{'; '.join(parts)}. {', '.join([ENGINES[options.engine].title, *where])}."


_PLACES = ("pool", "secondary_pool", "group", "show", "facility")

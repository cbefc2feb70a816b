"""A shot as tasks and steps, which every engine only translates. Pure: no files, no engine.

A job checks the shot, colours it task by task, verifies every frame, and renders a Nuke script's Write nodes. A task is
a span, or a piece of one, and the reference frames before it; or, where an engine cuts a list of frames, a run of them.
Tasks run apart and in any order.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from stcolor_core.errors import BadRequest
from stcolor_core.shots.shot import Shot, format_frames, name_frames

__all__ = [
    "FRAMES_PER_RENDER",
    "FRAMES_PER_RUN",
    "Job",
    "NukeRender",
    "Task",
    "check",
    "chosen",
    "color",
    "render",
    "runs",
    "split",
    "verify",
]

FRAMES_PER_RENDER = 10  # of one start of Nuke, which takes as long as a frame or two
FRAMES_PER_RUN = 60  # whole renders, and hardly more work than whole spans: docs/farm.md, "Scale"
_MOST_HANDLES = 100_000  # that Deadline takes

Task = tuple[int, ...]
"""The frames that one task writes, ascending."""


@dataclass(frozen=True, kw_only=True)
class NukeRender:
    """Write nodes to render once the colour is there. script: absolute. executable: Nuke's on the hosts.

    version: that the script was written by, like 15.1. handles: how many frames before and after its own a Write reads.
    """

    script: Path
    writes: tuple[str, ...]
    version: str
    executable: str = "nuke"
    handles: int = 0


@dataclass(frozen=True, kw_only=True)
class Job:
    """What an engine is given.

    shot: as `pinning.pinned` has it. inputs: every file that it reads. tasks: in time order, none empty. run: frames
    of each task but the last where these are runs of frames, None where they are spans. stcolor: this program on the
    hosts. chunk: how many tasks the scheduler may join. priority: None is the engine's own. gpus: that a host must have
    to colour; 0 takes any. environment: variables that the hosts are to have.
    """

    name: str
    shot: Shot
    tasks: tuple[Task, ...]
    inputs: tuple[Path, ...]
    stcolor: str
    run: int | None = None
    chunk: int = 1
    priority: int | None = None
    gpus: int = 1
    nuke: NukeRender | None = None
    environment: Mapping[str, str] = field(default_factory=dict)
    frames: str = field(init=False)

    def __post_init__(self) -> None:
        _require(bool(self.name.strip()) and self.name.isprintable(), "The job's --name is empty or no plain line.")
        _require(len(self.name) <= 128, "The job's --name is longer than 128 characters. Shorten it.")
        _require(self.chunk >= 1, "--chunk must be at least 1.")
        _require(self.priority is None or 0 <= self.priority <= 100, "--priority must lie between 0 and 100.")
        _require(self.gpus >= 0, "--gpus must not be negative.")
        handles = 0 if self.nuke is None else self.nuke.handles
        _require(0 <= handles <= _MOST_HANDLES, f"--handles must lie between 0 and {_MOST_HANDLES}.")
        object.__setattr__(self, "frames", format_frames(frame for task in self.tasks for frame in task))


def split(pieces: Sequence[Sequence[int]], frames: Iterable[int]) -> tuple[Task, ...]:
    """The tasks that write `frames`: one a piece, with the reference frames that lie between it and the piece before.

    pieces: of the spans, in time order. References after the last go with it; without any piece there is one task.
    """
    ends = [piece[-1] for piece in pieces]
    tasks: dict[int, list[int]] = {}
    for frame in sorted(set(frames)):
        tasks.setdefault(min(bisect_left(ends, frame), max(0, len(ends) - 1)), []).append(frame)
    return tuple(tuple(task) for _, task in sorted(tasks.items()))


def runs(frames: Iterable[int], length: int) -> tuple[Task, ...]:
    """The tasks that write `frames`, `length` each and the last what is left, wherever spans begin and end."""
    ordered = sorted(set(frames))
    return tuple(tuple(ordered[place : place + length]) for place in range(0, len(ordered), length))


def chosen(
    tasks: Sequence[Task],
    *,
    numbers: Iterable[int] | None = None,
    frames: Iterable[int] | None = None,
    only: Iterable[int] | None = None,
) -> list[int]:
    """The frames of the tasks of those numbers, counted from 0, of all that hold any of `frames`, or those in `only`.

    Raises BadRequest where there are none.
    """
    if numbers is not None:
        wanted = sorted(set(numbers))
        _require(
            all(0 <= number < len(tasks) for number in wanted),
            f"The shot has the tasks 0-{len(tasks) - 1}, and not {name_frames(wanted)}. Make the job again.",
        )
        return [frame for number in wanted for frame in tasks[number]]
    asked = frozenset(frames or only or ())
    found = [frame for task in tasks if asked.intersection(task) for frame in task if only is None or frame in asked]
    _require(bool(found), f"No task writes frame {name_frames(asked)}. Make the job again.")
    return found


def check(shot: str, *options: str) -> list[str]:
    """The arguments of `stcolor` that check a shot file, before anything is coloured."""
    return ["farm", "check", "--shot", shot, *options]


def color(shot: str, *task: str) -> list[str]:
    """The arguments of `stcolor` that colour a task, which is named by --span, --frames or --only."""
    return ["farm", "span", "--shot", shot, *task]


def verify(shot: str, *options: str) -> list[str]:
    """The arguments of `stcolor` that hold every frame of a shot against what it should be."""
    return ["farm", "verify", "--shot", shot, *options]


def render(script: str, *, write: str, frames: str) -> list[str]:
    """The arguments of Nuke that render frames of one Write node, without a window."""
    return ["-F", frames, "-X", write, "-x", script]


def _require(condition: bool, message: str) -> None:
    if not condition:
        raise BadRequest(message)

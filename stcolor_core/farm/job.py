"""A shot as tasks and steps, independent of any engine; the engine modules translate it. Touches no files.

A job has up to four steps: check the shot, colour it task by task, verify every frame, and render a Nuke script's Write
nodes. A task writes a span, or a piece of one, and the reference frames before it; for an engine that cuts a list of
frames itself, a task writes a fixed number of frames. Tasks run separately and in any order.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from stcolor_core.errors import require
from stcolor_core.images.frame_ranges import describe_frames, format_frames, name_frames
from stcolor_core.remedies import advise
from stcolor_core.shots.shot import Shot

__all__ = [
    "FRAMES_PER_RENDER",
    "FRAMES_PER_TASK",
    "Job",
    "JobSettings",
    "NukeRender",
    "Task",
    "check_arguments",
    "color_arguments",
    "render_arguments",
    "select_frames",
    "split_evenly",
    "split_tasks",
    "verify_arguments",
]

FRAMES_PER_RENDER = 10  # per start of Nuke, which takes as long as a frame or two
FRAMES_PER_TASK = 60  # a multiple of the above, and little more work than whole spans: docs/farm.md, "Scale"
_MAX_HANDLES = 100_000  # Deadline's limit

Task = tuple[int, ...]
"""The frames that one task writes, in ascending order."""


@dataclass(frozen=True, kw_only=True)
class NukeRender:
    """Write nodes to render once the shot is coloured.

    Attributes:
        script: The absolute path of the Nuke script.
        writes: The full names of the Write nodes.
        version: The version of Nuke that wrote the script, such as "15.1".
        executable: Nuke's program on the hosts.
        handles: The number of frames before and after its own that a Write node reads.
        views: The names of the views to render, separated by commas; None renders those that each Write node names.
        proxy: Render at proxy size.
        continue_on_error: Continue with the next frame after one that fails.
    """

    script: Path
    writes: tuple[str, ...]
    version: str
    executable: str = "nuke"
    handles: int = 0
    views: str | None = None
    proxy: bool = False
    continue_on_error: bool = False


@dataclass(frozen=True, kw_only=True)
class JobSettings:
    """What the job of a shot and that of a film have in common. The fields are validated.

    Attributes:
        name: The job's name, at most 128 printable characters.
        inputs: Every file that the job reads.
        stcolor: The `stcolor` program on the hosts.
        chunk: The number of tasks that the scheduler may give to a host at once, 1 or more.
        priority: 0..100; None takes the engine's default.
        gpus: The number of GPUs that a host must have to colour; 0 takes any host.
        comment: A remark that the engine shows with the job; None for none.
        timeout: Minutes after which a task fails, 1 or more; None for no limit.
        environment: Environment variables to set on the hosts.
    """

    name: str
    inputs: tuple[Path, ...]
    stcolor: str
    chunk: int = 1
    priority: int | None = None
    gpus: int = 1
    comment: str | None = None
    timeout: int | None = None
    environment: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        require(
            bool(self.name.strip()) and self.name.isprintable(),
            f"The job's {advise('farm_name')} is empty or not a plain line.",
        )
        require(len(self.name) <= 128, f"The job's {advise('farm_name')} is longer than 128 characters. Shorten it.")
        require(self.chunk >= 1, f"{advise('farm_chunk')} must be at least 1.")
        require(
            self.priority is None or 0 <= self.priority <= 100, f"{advise('farm_priority')} must lie between 0 and 100."
        )
        require(self.gpus >= 0, f"{advise('farm_gpus')} must not be negative.")
        require(
            self.timeout is None or self.timeout >= 1,
            f"{advise('farm_timeout')} is {self.timeout} but must be 1 minute or more. Leave it out for no limit.",
        )


@dataclass(frozen=True, kw_only=True)
class Job(JobSettings):
    """The job of a shot, as every engine takes it. The fields are validated.

    Attributes:
        shot: The shot, as `pinning.pin` returns it.
        tasks: The tasks in time order, none empty.
        frames_per_task: The number of frames of every task except the last; None if the tasks are spans.
        nuke: The Write nodes to render; None if there are none.
        frames: The range of all frames that the tasks write; computed.
    """

    shot: Shot
    tasks: tuple[Task, ...]
    frames_per_task: int | None = None
    nuke: NukeRender | None = None
    frames: str = field(init=False)

    def __post_init__(self) -> None:
        super().__post_init__()
        handles = 0 if self.nuke is None else self.nuke.handles
        require(0 <= handles <= _MAX_HANDLES, f"{advise('farm_handles')} must lie between 0 and {_MAX_HANDLES}.")
        object.__setattr__(self, "frames", format_frames(frame for task in self.tasks for frame in task))


def split_tasks(pieces: Sequence[Sequence[int]], frames: Iterable[int]) -> tuple[Task, ...]:
    """Return the tasks that write some frames: one per piece, with the reference frames between it and the one before.

    References after the last piece belong to its task. Without any piece there is one task.

    Args:
        pieces: The frames of each span or piece of a span, in time order.
        frames: The frames to write.
    """
    ends = [piece[-1] for piece in pieces]
    tasks: dict[int, list[int]] = {}
    for frame in sorted(set(frames)):
        tasks.setdefault(min(bisect_left(ends, frame), max(0, len(ends) - 1)), []).append(frame)
    return tuple(tuple(task) for _, task in sorted(tasks.items()))


def split_evenly(frames: Iterable[int], length: int) -> tuple[Task, ...]:
    """Return tasks of `length` frames each, independent of the spans; the last one takes the remainder.

    Args:
        frames: The frames to write.
        length: The number of frames of a task, 1 or more.
    """
    ordered = sorted(set(frames))
    return tuple(tuple(ordered[start : start + length]) for start in range(0, len(ordered), length))


def select_frames(
    tasks: Sequence[Task],
    *,
    numbers: Iterable[int] | None = None,
    frames: Iterable[int] | None = None,
    only: Iterable[int] | None = None,
) -> list[int]:
    """Return the frames of some tasks. Exactly one of the three keyword arguments names them.

    Args:
        tasks: All tasks of the job.
        numbers: Numbers of tasks, counted from 0: all frames of these tasks.
        frames: Frames: all frames of every task that writes one of them.
        only: Frames: those of them that a task writes.

    Raises:
        BadRequest: If there is no such task.
    """
    if numbers is not None:
        ordered = sorted(set(numbers))
        require(
            all(0 <= number < len(tasks) for number in ordered),
            f"The shot has the tasks 0-{len(tasks) - 1}, not {describe_frames(ordered)}. Make the job again.",
        )
        return [frame for number in ordered for frame in tasks[number]]
    named = frozenset(frames or only or ())
    selected = [frame for task in tasks if named.intersection(task) for frame in task if only is None or frame in named]
    require(bool(selected), f"No task writes {name_frames(named)}. Make the job again.")
    return selected


def check_arguments(file: str, *options: str, kind: str = "shot") -> list[str]:
    """Return the arguments of `stcolor` that check a shot or film before it is coloured.

    Args:
        file: The job's shot or film file, or the engine's placeholder for it.
        options: Further arguments.
        kind: "shot" or "film".
    """
    return ["farm", "check", f"--{kind}", file, *options]


def color_arguments(file: str, *options: str, kind: str = "shot") -> list[str]:
    """Return the arguments of `stcolor` that colour one task.

    Args:
        file: As for `check_arguments`.
        options: --span, --frames or --only with its value, which names the task; and further arguments.
        kind: "shot" or "film".
    """
    return ["farm", "span", f"--{kind}", file, *options]


def verify_arguments(file: str, *options: str, kind: str = "shot") -> list[str]:
    """Return the arguments of `stcolor` that verify every frame.

    Args:
        file: As for `check_arguments`.
        options: Further arguments.
        kind: "shot" or "film".
    """
    return ["farm", "verify", f"--{kind}", file, *options]


def render_arguments(script: str, nuke: NukeRender, *, write: str, frames: str) -> list[str]:
    """Return the arguments of Nuke that render one Write node without a window.

    The switches are those of Nuke's own --help: -p for proxies, --cont to go on after an error, --view for views.

    Args:
        script: The Nuke script, or the engine's placeholder for it.
        nuke: The options of the render.
        write: The full name of the Write node.
        frames: The frame range, or the engine's placeholder for it.
    """
    switches = ["--view", nuke.views] if nuke.views else []
    switches += ["-p"] if nuke.proxy else []
    switches += ["--cont"] if nuke.continue_on_error else []
    return [*switches, "-F", frames, "-X", write, "-x", script]

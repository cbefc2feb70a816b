"""The render tasks of this Nuke that have not ended, and the states in which their jobs were left."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..node.frame_names import same_files

if TYPE_CHECKING:
    from .render_task import RenderTask
    from .submit import SubmitTask

__all__ = [
    "find_running",
    "is_busy",
    "last_state",
    "last_states",
    "live_submissions",
    "live_tasks",
    "needs_inputs",
    "wants_core",
]

live_tasks: list[RenderTask] = []
"""The tasks that have begun and not ended. A list: several previews of a node may write to the same pattern."""
live_submissions: list[SubmitTask] = []
"""The farm submissions that have begun and not ended."""
last_states: dict[str, str] = {}
"""The state in which the last task has left a job, by the job's id."""


def find_running(path: str) -> RenderTask | None:
    """Return the running task that writes to a path, or None.

    Args:
        path: Pattern of the frames.
    """
    return next((task for task in tuple(live_tasks) if same_files(task.path, path) and not task.progress.ended), None)


def is_busy(name: str) -> bool:
    """Return whether a task of this Nuke colours a node's shot or renders its inputs. Main thread only.

    Args:
        name: The node's full name.
    """
    return any(task.node_name == name for task in tuple(live_tasks))


def needs_inputs() -> bool:
    """Return whether a task of this Nuke renders inputs, or has some that no version and no job names yet."""
    runs, submissions = tuple(live_tasks), tuple(live_submissions)
    return any(run.renders_inputs or run.has_unsent_preview for run in runs) or any(
        submission.renders_inputs for submission in submissions
    )


def last_state(job: str) -> str:
    """Return the state in which the last task of this Nuke has left a job; "" if it followed none to its end.

    Args:
        job: The job's id.
    """
    return last_states.get(job, "")


def wants_core() -> bool:
    """Return whether a task of this Nuke waits until a core runs, and asks the artist whether to start one."""
    return any(task.progress.waits_for_core for task in tuple(live_tasks))

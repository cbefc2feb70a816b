"""Keep the status line of a node true when its job goes on without a task of this Nuke: from the page, or by itself.

The page can resume a job, and a core that starts again continues the one that it had. Main thread only.
"""

from __future__ import annotations

from contextlib import suppress

import nuke

from ..errors import RefColorizeError
from ..jobs import render
from ..jobs.running_tasks import is_busy, last_state
from ..node.frame_names import same_files
from .state import NodeState, Snapshot

__all__ = ["Follower"]

_LIVE = ("queued", "running")
_ANSWERS = 2  # of the core that must agree: one may be older than the end of a task


class Follower:
    """Follows the job of the node that a panel shows, if its status line is behind."""

    def __init__(self) -> None:
        self._answer: Snapshot | None = None
        self._behind = 0  # answers in a row

    def follow(self, node: nuke.Node, state: NodeState, answer: Snapshot) -> None:
        """Start a task that follows the job, if something else let it go on.

        Args:
            node: The node.
            state: Its state.
            answer: The core's answers; the same ones again change nothing.
        """
        if answer is self._answer:
            return
        self._answer = answer
        self._behind = self._behind + 1 if _is_behind(state, answer) else 0
        if self._behind >= _ANSWERS:
            self._behind = 0
            with suppress(RefColorizeError):  # the job is gone, and the next answer says so
                render.follow(node)


def _is_behind(state: NodeState, answer: Snapshot) -> bool:
    job = answer.own_job()
    if job is None or answer.job != state.job or is_busy(state.name):
        return False
    told = last_state(state.job)
    is_live = job["state"] in _LIVE
    return same_files(str(job["output"]), state.frames_path) and (is_live or told not in ("", job["state"]))

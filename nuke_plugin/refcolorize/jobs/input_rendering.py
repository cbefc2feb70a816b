"""Render a shot's inputs before a job: in this Nuke at once, or in a second Nuke while the task runs."""

from __future__ import annotations

import time
from collections.abc import Callable

from ..errors import Busy
from ..host.main_thread import in_main_thread
from ..node.shot_plan import ShotPlan, ShotRequest
from . import second_nuke
from .second_nuke import SecondNukeUnavailable

__all__ = ["InputRendering"]

_BUSY_SECONDS = 0.25
_TRIES = 240  # one minute, as for a button that waits for Nuke


class InputRendering:
    """The rendering of a shot's inputs.

    Attributes:
        plan: The shot, as the script was when this was made.
        note: For the artist: why this Nuke renders, although a second one should; "" otherwise.
    """

    def __init__(self, make_plan: Callable[[], ShotPlan]) -> None:
        """Plan the shot, and copy the script if a second Nuke will render its inputs. Main thread only.

        Args:
            make_plan: Returns the shot's plan. It is called again if no second Nuke can be started.

        Raises:
            RefColorizeError: If the shot cannot be planned, or the copy cannot be written.
        """
        self._make_plan = make_plan
        self.plan = make_plan()
        self.note = ""
        self._second = second_nuke.prepare(self.plan)
        reason = second_nuke.unavailable_reason()
        if self._second is None and reason and second_nuke.is_wanted(self.plan):
            self._explain(reason)

    @property
    def is_pending(self) -> bool:
        """Return whether a second Nuke will render, so that `wait` must be called on a worker thread."""
        return self._second is not None

    def render_here(self) -> ShotRequest:
        """Render what is missing in this Nuke, if anything is. Main thread only.

        Returns:
            The request.

        Raises:
            RefColorizeError: If Nuke cannot render an input (`Cancelled` if the artist cancels).
        """
        return self.plan.render()

    def wait(self, *, is_cancelled: Callable[[], bool], report: Callable[[str, int], object]) -> ShotRequest:
        """Render in the second Nuke, and wait for it; in this one if there can be no second one.

        Args:
            is_cancelled: Asked several times a second; the rendering stops when it returns True.
            report: Called with a line for the artist and the finished share of the frames in percent.

        Returns:
            The request.

        Raises:
            RefColorizeError: If an input cannot be rendered (`Cancelled` if the artist cancels).
        """
        assert self._second is not None
        try:
            return self.plan.request(self._second.run(is_cancelled=is_cancelled, report=report))
        except SecondNukeUnavailable as error:
            self._explain(str(error))
        report("rendering the inputs in this Nuke", 0)
        return self._render_when_free()

    def _explain(self, reason: str) -> None:
        self.note = f"The inputs were rendered in this Nuke and not in a second one: {reason}"

    def _render_when_free(self) -> ShotRequest:
        """Plan again, because the script may have changed, and render as soon as Nuke renders nothing else."""
        for _ in range(_TRIES):
            try:
                return in_main_thread(lambda: self._make_plan().render())
            except Busy as error:
                busy = error.with_traceback(None)
            time.sleep(_BUSY_SECONDS)
        raise busy

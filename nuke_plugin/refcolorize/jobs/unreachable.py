"""The dialog for when no core answers. It is opened from a worker thread, with a GUI only."""

from __future__ import annotations

from collections.abc import Callable

from ..core import server
from ..errors import CoreUnreachable, RefColorizeError
from ..host import dialogs
from . import self_test

__all__ = ["ask"]

_LOG_BYTES = 20_000  # the end of the log, which is shown
_BUTTONS = ("Cancel", "Start core", "Show log", "Troubleshoot")
_ADVICE = "Start core tries again, and the run goes on. Cancel ends the run."


def ask(error: CoreUnreachable, *, is_cancelled: Callable[[], bool]) -> bool:
    """Show what was tried, and offer to start the core. The dialogs close as soon as a core runs.

    Args:
        error: Why no core answers.
        is_cancelled: Whether the core is no longer needed; the dialog closes when it returns True.

    Returns:
        Whether the artist wants to start the core, or one runs.
    """

    def is_over() -> bool:
        return is_cancelled() or _core_runs()

    while not _core_runs():
        lines = [_ADVICE, "", "What was tried:", *error.tried]
        pressed = dialogs.ask(str(error), lines, _BUTTONS, is_unwanted=is_over)
        if pressed == "Show log":
            lines = [str(server.log_file()), "", *_log()]
            dialogs.ask("The core's log", lines, is_unwanted=is_over)
        elif pressed == "Troubleshoot":
            dialogs.ask("Troubleshooting", self_test.report(), is_unwanted=is_over)
        else:
            return pressed == "Start core" or _core_runs()
    return True


def _core_runs() -> bool:
    """Return whether the artist has started a core elsewhere, such as in the panel."""
    try:
        return server.find() is not None
    except RefColorizeError:
        return False


def _log() -> list[str]:
    try:
        data = server.log_file().read_bytes()
    except OSError as error:
        return [f"There is no log ({error.strerror}): the core has not run yet."]
    return data[-_LOG_BYTES:].decode("utf-8", "replace").splitlines()

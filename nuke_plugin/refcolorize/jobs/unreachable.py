"""What the artist is told, and may do, when no core answers. With a GUI, in a thread beside it."""

from __future__ import annotations

from collections.abc import Callable

from ..core import server
from ..core.troubleshooting import troubleshoot
from ..errors import CoreUnreachable
from ..host import dialogs
from ..host.main_thread import in_main_thread
from ..node import probe

__all__ = ["ask"]

_LOG_BYTES = 20_000
_BUTTONS = ("Close", "Start core", "Show log", "Troubleshoot")


def ask(error: CoreUnreachable, *, is_unwanted: Callable[[], bool]) -> bool:
    """Show what was tried; True where the artist wants the core to be started.

    is_unwanted: whether nobody needs the core any more; then nothing more is asked.
    """
    while True:
        lines = ["What was tried:", *error.tried]
        pressed = dialogs.ask(str(error), lines, _BUTTONS, is_unwanted=is_unwanted)
        if pressed == "Show log":
            lines = [str(server.log_file()), "", *_log()]
            dialogs.ask("The core's log", lines, is_unwanted=is_unwanted)
        elif pressed == "Troubleshoot":
            lines = [*troubleshoot(), "", *in_main_thread(probe.lines)]
            dialogs.ask("What was looked at", lines, is_unwanted=is_unwanted)
        else:
            return pressed == "Start core"


def _log() -> list[str]:
    try:
        data = server.log_file().read_bytes()
    except OSError as error:
        return [f"There is none ({error.strerror}): the core has not run yet."]
    return data[-_LOG_BYTES:].decode("utf-8", "replace").splitlines()

"""What the artist is told, and may do, when no core answers. GUI and main thread only."""

from __future__ import annotations

from collections.abc import Iterable

import nuke

from . import server
from .errors import CoreUnreachable

__all__ = ["ask"]

_LOG_BYTES = 20_000
_BUTTONS = ("Close", "Start core", "Show log", "Troubleshoot")


def ask(error: CoreUnreachable) -> bool:
    """Show what was tried; True where the artist wants the core to be started."""
    while True:
        pressed = _show(str(error), ["What was tried:", *error.tried], _BUTTONS)
        if pressed == "Show log":
            _show("The core's log", [str(server.log_file()), "", *_log()], ("Close",))
        elif pressed == "Troubleshoot":
            _show("What was looked at", server.troubleshoot(), ("Close",))
        else:
            return pressed == "Start core"


def _show(title: str, lines: Iterable[str], buttons: tuple[str, ...]) -> str:
    """A dialog; the button that was pressed, the first where it was closed."""
    panel = nuke.Panel(title)
    panel.setWidth(700)
    panel.addNotepad("", "\n".join(lines))
    for button in buttons:
        panel.addButton(button)
    pressed = int(panel.show())
    return buttons[pressed] if 0 <= pressed < len(buttons) else buttons[0]


def _log() -> list[str]:
    try:
        data = server.log_file().read_bytes()
    except OSError as error:
        return [f"There is none ({error.strerror}): the core has not run yet."]
    return data[-_LOG_BYTES:].decode("utf-8", "replace").splitlines()

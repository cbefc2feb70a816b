"""Troubleshoot: check the core, and what the plug-in relies on in Nuke, and show what was found.

It needs no core. With a GUI the core is checked on a worker thread, because that takes seconds; only Nuke's own part,
a second or two, runs in the main thread.
"""

from __future__ import annotations

from contextlib import suppress

import nuke

from ..core.troubleshooting import troubleshoot
from ..errors import Cancelled, RefColorizeError
from ..host.main_thread import in_main_thread
from ..node import nodes, probe
from .task import BackgroundTask

__all__ = ["SelfTest", "report", "start"]

_STATUS = "Troubleshooting. A window shows what was found."
_running: list[SelfTest] = []


def start(node: nuke.Node) -> SelfTest:
    """Check everything and show what was found: in a dialog, or without a GUI in the terminal. Main thread only.

    Args:
        node: The node whose button was pressed.

    Returns:
        The task, which has ended if there is no GUI. If one is running already, it is that one.
    """
    return _running[0] if _running else SelfTest(node).begin()


def report() -> list[str]:
    """Check the core and Nuke. Takes seconds: with a GUI call it on a worker thread.

    Returns:
        Lines for the artist, first on the core, then on Nuke.
    """
    return [*troubleshoot(), "", *in_main_thread(_check_nuke)]


def _check_nuke() -> list[str]:
    with nuke.root():  # a button may run inside its group
        return probe.lines()


class SelfTest(BackgroundTask):
    """The background task of the button Troubleshoot."""

    def __init__(self, node: nuke.Node) -> None:
        """Prepare the task; `begin` starts it.

        Args:
            node: The node whose button was pressed.
        """
        super().__init__(node, thread="refcolorize troubleshoot")
        self._status = str(node["status"].value())
        if nuke.GUI:
            nodes.set_status(node, _STATUS)

    def _work(self) -> None:
        self._show(report())

    def _failed(self, error: RefColorizeError) -> None:
        with suppress(Cancelled):  # Nuke is closing
            self._show([str(error)])

    def _show(self, lines: list[str]) -> None:
        if not nuke.GUI:
            nuke.tprint("\n".join(lines))
            return
        from ..host.dialogs import show_message  # loads Qt

        in_main_thread(self._restore_status)
        in_main_thread(show_message, "Troubleshooting", "\n".join(lines))

    def _restore_status(self) -> None:
        with suppress(ValueError):  # Nuke raises it for a deleted node
            if self._node["status"].value() == _STATUS:  # otherwise a job has written its own since
                nodes.set_status(self._node, self._status)

    def _register(self) -> None:
        _running.append(self)

    def _unregister(self) -> None:
        _running.remove(self)

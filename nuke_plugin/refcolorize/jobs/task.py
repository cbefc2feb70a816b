"""Work that a button of the node starts: with a GUI on a thread of its own, without one where it is called.

Everything that touches the node must run in the main thread (see host/main_thread.py).
"""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from typing import TypeVar

import nuke

from ..errors import RefColorizeError, unexpected

__all__ = ["BackgroundTask"]

_Task = TypeVar("_Task", bound="BackgroundTask")


class BackgroundTask(ABC):
    """Begins, shows how far it is, ends done, failed or cancelled. A subclass says what is done in between.

    Attributes:
        error: Why it ended without a result; None until then, and if it succeeded.
    """

    def __init__(self, node: nuke.Node, *, thread: str) -> None:
        """Prepare it; `begin` starts it.

        Args:
            node: The node it works for.
            thread: The thread's name, before the node's.
        """
        self._node = node
        self._title = node.name()
        self._thread = f"{thread} {self._title}"
        self._cancelled, self._ended = threading.Event(), threading.Event()
        # Not a local name: an error holds its frames, and these what is in them, which would keep the bar open.
        self._bar: nuke.ProgressTask | None = None
        self.error: RefColorizeError | None = None

    @property
    def ended(self) -> bool:
        """Whether nothing more will happen."""
        return self._ended.is_set()

    def wait(self, seconds: float | None = None) -> bool:
        """Wait for its end.

        Not in the main thread of a GUI, which the work needs.

        Args:
            seconds: How long at most; None waits for as long as it takes.

        Returns:
            Whether it has ended.
        """
        return self._ended.wait(seconds)

    def cancel(self) -> None:
        """Ask it to stop. It ends as soon as it notices."""
        self._cancelled.set()

    def begin(self: _Task) -> _Task:
        """Start it.

        Returns:
            The task itself, which has ended if there is no GUI.

        Raises:
            RefColorizeError: Without a GUI, if it failed or was cancelled.
        """
        if nuke.GUI:
            threading.Thread(target=self._run, name=self._thread, daemon=True).start()
        else:
            self._run()
            if self.error is not None:
                raise self.error
        return self

    def _run(self) -> None:
        try:
            self._work()
        except RefColorizeError as error:
            self._end_with(error)
        except KeyboardInterrupt:  # in a terminal
            self._interrupted()
            raise
        except Exception as error:  # noqa: BLE001  (nobody is above a thread; the artist must not wait for nothing)
            self._end_with(unexpected(error))
        finally:
            self._bar = None  # which closes it
            self._forget()
            self._ended.set()

    def _end_with(self, error: RefColorizeError) -> None:
        self.error = error.with_traceback(None)
        self._failed(self.error)

    def _open_bar(self, name: str) -> None:
        """Open Nuke's progress bar. Without a GUI there is none."""
        if nuke.GUI:
            self._bar = nuke.ProgressTask(f"{self._title} {name}")

    def _show_bar(self, message: str, percent: int | None = None) -> None:
        if self._bar is not None:
            self._bar.setMessage(message)
            if percent is not None:
                self._bar.setProgress(percent)

    def _is_unwanted(self) -> bool:
        """Whether the artist has cancelled it, on the node, in the panel or on the bar."""
        return self._cancelled.is_set() or (self._bar is not None and bool(self._bar.isCancelled()))

    @abstractmethod
    def _work(self) -> None:
        """Do it. What is raised ends it."""

    @abstractmethod
    def _failed(self, error: RefColorizeError) -> None:
        """Tell the artist why it ended without a result, in the node and where it cannot be missed."""

    def _interrupted(self) -> None:  # noqa: B027 (nothing, unless a subclass works elsewhere)
        """Stop what works elsewhere for it: Ctrl-C in a terminal ends it, and nobody waits any more."""

    def _forget(self) -> None:  # noqa: B027
        """Let go of it: its end is about to be known."""

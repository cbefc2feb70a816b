"""Background tasks of the node: on a worker thread with a GUI, in the calling thread without one.

Everything that touches the node must run in the main thread (see host/main_thread.py).
"""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from typing import TypeVar

import nuke

from ..errors import RefColorizeError, unexpected_error

__all__ = ["BackgroundTask"]

_Task = TypeVar("_Task", bound="BackgroundTask")


class BackgroundTask(ABC):
    """A task that begins, shows its progress, and ends done, failed or cancelled. A subclass does the work.

    Attributes:
        error: Why the task ended without a result; None while it runs and after success.
    """

    def __init__(self, node: nuke.Node, *, thread: str) -> None:
        """Prepare the task; `begin` starts it.

        Args:
            node: The node that the task belongs to.
            thread: The thread's name; the node's name is appended.
        """
        self._node = node
        self._title = node.name()
        self._thread = f"{thread} {self._title}"
        self._cancelled, self._ended = threading.Event(), threading.Event()
        # Not a local variable: an error keeps the locals of its frames alive, which would keep the bar open.
        self._bar: nuke.ProgressTask | None = None
        self.error: RefColorizeError | None = None

    @property
    def ended(self) -> bool:
        """Return whether the task has ended."""
        return self._ended.is_set()

    def wait(self, seconds: float | None = None) -> bool:
        """Wait for the task to end.

        Do not call it in the main thread of a GUI, which the task needs.

        Args:
            seconds: The longest wait; None waits without a limit.

        Returns:
            Whether the task has ended.
        """
        return self._ended.wait(seconds)

    def cancel(self) -> None:
        """Ask the task to stop; it ends as soon as it notices."""
        self._cancelled.set()

    def begin(self: _Task) -> _Task:
        """Start the task.

        Returns:
            The task itself, which has ended if there is no GUI.

        Raises:
            RefColorizeError: Without a GUI, if the task failed or was cancelled.
        """
        self._register()
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
            self._fail(error)
        except KeyboardInterrupt:  # in a terminal
            self._interrupted()
            raise
        except Exception as error:  # noqa: BLE001  (nothing catches an error above a thread, and the artist would wait forever)
            self._fail(unexpected_error(error))
        finally:
            self._bar = None  # closes the bar
            self._unregister()
            self._ended.set()

    def _fail(self, error: RefColorizeError) -> None:
        self.error = error.with_traceback(None)
        self._failed(self.error)

    def _open_bar(self, name: str) -> None:
        """Open Nuke's progress bar, if there is a GUI."""
        if nuke.GUI:
            self._bar = nuke.ProgressTask(f"{self._title} {name}")

    def _show_bar(self, message: str, percent: int | None = None) -> None:
        if self._bar is not None:
            self._bar.setMessage(message)
            if percent is not None:
                self._bar.setProgress(percent)

    def _is_cancelled(self) -> bool:
        """Return whether the artist has cancelled the task, on the node, in the panel or on the bar."""
        return self._cancelled.is_set() or (self._bar is not None and bool(self._bar.isCancelled()))

    @abstractmethod
    def _work(self) -> None:
        """Do the task. An exception ends it."""

    @abstractmethod
    def _failed(self, error: RefColorizeError) -> None:
        """Show the artist why there is no result."""

    def _interrupted(self) -> None:  # noqa: B027 (a subclass that runs something elsewhere overrides it)
        """Stop what runs elsewhere for the task: Ctrl-C in a terminal has ended it."""

    def _register(self) -> None:  # noqa: B027
        """Add the task to lists of running tasks, just before it starts."""

    def _unregister(self) -> None:  # noqa: B027
        """Remove the task from lists of running tasks, just before its end is announced."""

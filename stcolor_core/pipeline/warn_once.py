"""Say each line to the artist only once."""

from __future__ import annotations

from collections.abc import Callable

from stcolor_core.pipeline.events import Event

__all__ = ["WarnOnce"]


class WarnOnce:
    """Passes on each line that it has not passed on before.

    Args:
        warn: Called with a line, in the thread that has it.
        queue: Called in its place with the event of a line about one picture; None for no such event.
    """

    def __init__(self, warn: Callable[[str], None], queue: Callable[[Event], None] | None = None) -> None:
        self._warn, self._queue = warn, queue
        self._warned: set[str] = set()

    def __call__(self, message: str) -> None:
        """Pass on a line.

        Args:
            message: The line.
        """
        if message not in self._warned:
            self._warned.add(message)
            self._warn(message)

    def about(self, subject: str, rest: str, frame: int | None, *, registered: bool = False) -> None:
        """Pass on a line about one picture.

        Args:
            subject: How the line names the picture at its beginning.
            rest: What follows.
            frame: The frame that it is given for; None if it is for none.
            registered: As for `Event`.
        """
        message = subject + rest
        if self._queue is None or frame is None:
            self(message)
        elif message not in self._warned:
            self._warned.add(message)
            self._queue(Event(kind="warning", frame=frame, subject=subject, registered=registered, message=message))

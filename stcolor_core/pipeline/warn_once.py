"""Say each line to the artist only once."""

from __future__ import annotations

from collections.abc import Callable, Collection

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
        self._held: list[tuple[str, str, int]] | None = None

    def __call__(self, message: str) -> None:
        """Pass on a line.

        Args:
            message: The line.
        """
        if message not in self._warned:
            self._warned.add(message)
            self._warn(message)

    def hold(self) -> None:
        """Keep the lines that `about` is told may wait, until `release`."""
        self._held = []

    def release(self, without: Collection[int]) -> None:
        """Pass on the lines that have waited, and let none wait any more.

        Args:
            without: The frames whose lines have turned out to be wrong; they are dropped.
        """
        held, self._held = self._held or [], None
        for subject, rest, frame in held:
            if frame not in without:
                self.about(subject, rest, frame, registered=True)

    def wait_about(self, subject: str, rest: str, frame: int) -> None:
        """Pass on a line of how a picture was fitted, which may turn out to be wrong; after `hold`, let it wait.

        Args:
            subject: As for `about`.
            rest: As for `about`.
            frame: The frame that the picture is given for.
        """
        if self._held is None:
            self.about(subject, rest, frame, registered=True)
        else:
            self._held.append((subject, rest, frame))

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

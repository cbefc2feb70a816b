"""What can go wrong in the plug-in. Every message is one line: what happened, where, and what to do."""

from __future__ import annotations

from collections.abc import Iterable

__all__ = ["Cancelled", "CoreRefused", "CoreUnreachable", "RefColorizeError"]


class RefColorizeError(Exception):
    """Anything the artist can cause or mend. The message is one line, to be shown as it is."""


class CoreUnreachable(RefColorizeError):
    """No core answers. tried: what was looked at and started, each in words."""

    def __init__(self, message: str, *, tried: Iterable[str] = ()) -> None:
        super().__init__(message)
        self.tried = list(tried)


class CoreRefused(RefColorizeError):
    """A core answered, and not with what was asked for. status: the HTTP status."""

    def __init__(self, message: str, *, status: int) -> None:
        super().__init__(message)
        self.status = status


class Cancelled(RefColorizeError):
    """The artist stopped it. What was finished is on disk and valid."""

"""What can go wrong in the plug-in. Every message is one line: what happened, where, and what to do."""

from __future__ import annotations

import traceback
from collections.abc import Iterable

__all__ = ["Busy", "Cancelled", "CoreRefused", "CoreUnreachable", "RefColorizeError", "unexpected"]


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


class Busy(RefColorizeError):
    """Nuke renders something else, and can do nothing besides until that has ended."""


def unexpected(error: Exception) -> RefColorizeError:
    """The artist's line for what nobody has foreseen; whoever has to mend it finds the rest in the terminal."""
    traceback.print_exception(type(error), error, error.__traceback__)
    return RefColorizeError(f"Something unexpected went wrong ({error!r}); the terminal has the details.")

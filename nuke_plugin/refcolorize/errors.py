"""The plug-in's errors. Every message is one line that says what happened, in which file or frame, and what to do."""

from __future__ import annotations

import traceback
from collections.abc import Iterable

__all__ = [
    "ASK_TO_INSTALL",
    "Busy",
    "Cancelled",
    "CoreRefused",
    "CoreUnreachable",
    "RefColorizeError",
    "unexpected_error",
]

ASK_TO_INSTALL = "Ask whoever installed RefColorize on this machine to do so again. The command is: install.py nuke"
"""The remedy for a core that is missing or of another version, for an artist who has no shell at hand."""


class RefColorizeError(Exception):
    """An error that the artist can cause or fix. The message is one line, ready to be shown."""


class CoreUnreachable(RefColorizeError):
    """No core answers.

    Attributes:
        tried: One sentence for each thing that was checked or started.
    """

    def __init__(self, message: str, *, tried: Iterable[str] = ()) -> None:
        super().__init__(message)
        self.tried = list(tried)


class CoreStopped(CoreUnreachable):
    """The core was stopped on purpose; its jobs go on when it runs again."""


class CoreRefused(RefColorizeError):
    """A core refused a request.

    Attributes:
        status: The HTTP status of its answer.
    """

    def __init__(self, message: str, *, status: int) -> None:
        super().__init__(message)
        self.status = status


class Cancelled(RefColorizeError):
    """The artist cancelled the work. Frames that were finished are on disk and valid."""


class Busy(RefColorizeError):
    """Nuke is rendering something else and cannot take this action until that ends."""


def unexpected_error(error: Exception) -> RefColorizeError:
    """Return the error that shows the artist one line about an unforeseen exception, and print its traceback.

    Args:
        error: The exception. Its traceback goes to the terminal, for the developer.
    """
    traceback.print_exception(type(error), error, error.__traceback__)
    return RefColorizeError(f"An unexpected error occurred ({error!r}). The terminal shows the details.")

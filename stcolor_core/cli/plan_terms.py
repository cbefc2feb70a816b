"""What commands on a film's plan say: mistakes with the plan's file and line, remedies in the words of its settings."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from stcolor_core.cli.film_plan import warn
from stcolor_core.errors import StcolorError, one_line
from stcolor_core.remedies import word

__all__ = ["in_plan_terms", "warn_of_plan", "worded"]


@contextmanager
def in_plan_terms(plan: Path) -> Iterator[None]:
    """Tell mistakes of a plan by its file and line, and remedies in the words of its settings.

    Args:
        plan: The plan's file.

    Yields:
        Nothing.

    Raises:
        StcolorError: The errors of the block, so worded.
    """
    from stcolor_core.film.plan_files import naming_lines

    try:
        with naming_lines(plan):
            yield
    except StcolorError as error:
        error.args = (word(error.marked, "plan"), *error.args[1:])
        raise


def warn_of_plan(message: str) -> None:
    """Print a warning on stderr, its remedies in the words of the plan's settings.

    Args:
        message: One line for the artist.
    """
    warn(worded(message))


def worded(message: str) -> str:
    """Return a message as one line, its remedies in the words of the plan's settings.

    Args:
        message: The message.
    """
    return one_line(word(message, "plan"))

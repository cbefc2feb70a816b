"""The command line: one module for each group of commands; `command_line` combines them."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["main"]

_CANCELLED = 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one `stcolor` command; see `stcolor_core.cli.command_line.main`.

    The import is inside the function so that one module of this package can run without the others.

    Args:
        arguments: The command line without the program's name; None takes the process's own.

    Returns:
        The exit code.
    """
    try:
        from stcolor_core.cli import command_line

        return command_line.main(arguments)
    except KeyboardInterrupt:  # while modules are imported; later the commands see to it themselves
        return _CANCELLED

"""The command line: one module for each group of commands. `command_line` puts them together."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one `stcolor` command; see `stcolor_core.cli.command_line.main`.

    Imported here, so that a single module of this package can be run without the others.
    """
    from stcolor_core.cli import command_line

    return command_line.main(arguments)

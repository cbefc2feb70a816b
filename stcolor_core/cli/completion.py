"""`stcolor --print-completion SHELL`: print a script that completes commands, options and files in a shell."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

__all__ = ["PrintCompletion"]

# Settings that are strings in a shot but hold the paths of files.
_PATHS = {
    *("plate.path", "output.path", "output.reuse", "stills", "ocio"),
    *("method.detector_weights", "method.detector_config"),
}


class PrintCompletion(argparse.Action):
    """Prints the script for one shell and exits, like `--version`."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,  # noqa: ARG002
        values: str | Sequence[Any] | None,
        option_string: str | None = None,  # noqa: ARG002
    ) -> None:
        """Print the script and exit, as argparse calls an action."""
        import shtab  # here, because it takes 20 ms and no command needs it

        for action in _actions(parser):
            if action.type is Path or action.dest in _PATHS:
                action.complete = shtab.FILE  # type: ignore[attr-defined]
        sys.stdout.write(shtab.complete(parser, shell=str(values)) + "\n")
        parser.exit()


def _actions(parser: argparse.ArgumentParser) -> Iterator[argparse.Action]:
    """Yield every option and argument of a parser and of its subparsers."""
    for action in parser._actions:
        yield action
        if isinstance(action, argparse._SubParsersAction):
            for command in action.choices.values():
                yield from _actions(command)

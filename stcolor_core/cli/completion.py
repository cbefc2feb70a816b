"""`stcolor --print-completion SHELL`: a script that completes commands, options and files in a shell."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

__all__ = ["PrintCompletion"]

# What is a text in a shot, and the path of files all the same.
_PATHS = {
    *("plate.path", "output.path", "output.reuse", "stills", "ocio"),
    *("method.detector_weights", "method.detector_config"),
}


class PrintCompletion(argparse.Action):
    """Print the script for one shell and end, as `--version` does."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,  # noqa: ARG002
        values: str | Sequence[Any] | None,
        option_string: str | None = None,  # noqa: ARG002
    ) -> None:
        import shtab  # takes 20 ms, which no other command needs

        for action in _actions(parser):
            if action.type is Path or action.dest in _PATHS:
                action.complete = shtab.FILE  # type: ignore[attr-defined]
        sys.stdout.write(shtab.complete(parser, shell=str(values)) + "\n")
        parser.exit()


def _actions(parser: argparse.ArgumentParser) -> Iterator[argparse.Action]:
    """Every option and argument of a parser and of its subparsers."""
    for action in parser._actions:
        yield action
        if isinstance(action, argparse._SubParsersAction):
            for command in action.choices.values():
                yield from _actions(command)

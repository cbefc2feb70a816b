"""`stcolor ...`: the command line.

Exit codes: 0 success, 1 failed with a one-line message, 2 bad request, 130 cancelled.
"""

from __future__ import annotations

import argparse
import difflib
import io
import logging
import os
import re
import sys
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

from stcolor_core import __version__
from stcolor_core.cli import colorize, doctor, evaluate, farm, film, models, plan, review, serve, suggest, train
from stcolor_core.cli.completion import PrintCompletion
from stcolor_core.errors import BadRequest, Cancelled, StcolorError, one_line
from stcolor_core.terminal import end_at_second_signal, limit_threads

__all__ = ["main"]

_CANCELLED = 130
_NEGATIVE = re.compile(r"-[0-9]")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command.

    Args:
        arguments: The command line without the program's name; None takes the process's own, and a cancelled command
            then ends the process.

    Returns:
        The exit code.
    """
    logging.basicConfig(level=logging.WARNING, format="%(message)s", stream=sys.stderr)
    for stream in (sys.stdout, sys.stderr):  # a message must be printed whatever bytes a path holds
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    if arguments is not None:
        return _run(arguments)
    code = _run(sys.argv[1:])
    if code == _CANCELLED:  # another Ctrl-C during Python's shutdown would print a traceback
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        os._exit(code)
    return code


def _run(arguments: Sequence[str]) -> int:
    if not arguments:
        _parser().print_help()
        return 0
    try:
        options = _parser().parse_args(_with_negative_values(arguments))
        run: Callable[[argparse.Namespace], int] = options.run
        if options.takes_signals:
            return _run_command(run, options)
        with end_at_second_signal():
            return _run_command(run, options)
    except BadRequest as error:  # raised by the parser
        return _report_error(error, 2)


def _run_command(run: Callable[[argparse.Namespace], int], options: argparse.Namespace) -> int:
    """Run a command and return its exit code; an error is printed as one line."""
    try:
        return run(options)
    except Cancelled as error:
        return _report_error(error, _CANCELLED)
    except KeyboardInterrupt:
        return _report_error("Cancelled.", _CANCELLED)
    except BadRequest as error:
        return _report_error(error, 2)
    except StcolorError as error:
        return _report_error(error, 1)
    except BrokenPipeError:
        return 1


def _report_error(message: object, code: int) -> int:
    sys.stderr.write(f"stcolor: {one_line(str(message))}\n")
    return code


def _with_negative_values(arguments: Sequence[str]) -> list[str]:
    """Return `--reference -3=a.exr` as `--reference=-3=a.exr`, because argparse takes -3=a.exr for an option."""
    joined: list[str] = []
    for argument in arguments:
        previous = joined[-1] if joined else ""
        if _NEGATIVE.match(argument) and previous.startswith("--") and previous != "--" and "=" not in previous:
            joined[-1] = f"{previous}={argument}"
        else:
            joined.append(argument)
    return joined


class _Parser(argparse.ArgumentParser):
    """A parser whose errors are one line that names the command whose help explains them."""

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> tuple[Any, list[str]]:
        """Parse arguments, and refuse unknown ones here, where the command that they were given to is known.

        Args:
            args: The arguments.
            namespace: The object that receives the values.

        Raises:
            BadRequest: If an argument is unknown.
        """
        options, unknown = super().parse_known_args(args, namespace)
        if unknown:
            name = unknown[0].partition("=")[0]
            similar = difflib.get_close_matches(name, self._option_string_actions, n=1)
            self.error(f"{name} is unknown{f'; did you mean {similar[0]}?' if similar else ''}")
        return options, unknown

    def error(self, message: str) -> NoReturn:
        end = "" if message.endswith("?") else "."
        raise BadRequest(f"{message[:1].upper()}{message[1:]}{end} See `{self.prog} --help`.")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="stcolor", description="Reference-based video colourisation: a few coloured keyframes, the shot follows."
    )
    parser.add_argument("--version", action="version", version=f"stcolor {__version__}")
    parser.add_argument(
        "--print-completion",
        action=PrintCompletion,
        choices=("bash", "zsh"),
        help="print a script that completes commands, options and files in that shell",
    )
    parser.set_defaults(takes_signals=False)
    commands = parser.add_subparsers(required=True, metavar="COMMAND", parser_class=_Parser)
    colorize.add_command(commands)
    plan.add_command(commands)
    suggest.add_command(commands)
    review.add_command(commands)
    evaluate.add_command(commands)
    models.add_command(commands)
    serve.add_commands(commands, prepare=limit_threads)
    train.add_commands(commands)
    farm.add_commands(commands)
    film.add_commands(commands)
    doctor.add_command(commands)
    return parser

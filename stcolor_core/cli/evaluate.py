"""`stcolor evaluate`: measure quality on a folder of clips."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from stcolor_core.cli.device_option import add_device_option
from stcolor_core.terminal import limit_threads

__all__ = ["add_command"]


def add_command(commands: Any) -> None:
    """Add `evaluate` to the subparsers of `stcolor`.

    Args:
        commands: The subparsers, as `add_subparsers` returns them.
    """
    parser = commands.add_parser("evaluate", help="measure quality on a folder of clips by the paper's protocols")
    parser.add_argument(
        "--dataset", type=Path, required=True, metavar="DIR", help="a folder of clips, laid out like DAVIS"
    )
    parser.add_argument(
        "--protocol",
        action="append",
        metavar="NAME",
        help="the keyframes: first, tenth, last, first+last, first-whole (all frames), ...; default: tenth",
    )
    parser.add_argument("--variants", nargs="+", metavar="NAME", help="default: the standard model and every baseline")
    parser.add_argument("--lines", type=int, default=216, help="height of the pictures (%(default)s)")
    parser.add_argument("--old-film", action="store_true", help="add grain, flicker, gate weave and scratches")
    parser.add_argument("--output", type=Path, metavar="DIR", help="folder for the tables")
    add_device_option(parser)
    parser.set_defaults(run=_evaluate)


def _evaluate(options: argparse.Namespace) -> int:
    from stcolor_core.evaluation.protocol import evaluate
    from stcolor_core.pipeline.devices import resolve_device

    limit_threads()
    evaluate(
        options.dataset,
        protocols=options.protocol or ["tenth"],
        variants=options.variants,
        output=options.output,
        device=resolve_device(options.device),
        lines=options.lines,
        old_film=options.old_film,
    )
    return 0

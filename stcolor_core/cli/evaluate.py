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
        "--dataset",
        type=Path,
        required=True,
        metavar="DIR",
        help="a folder of clips: for each a folder of pictures, or a movie",
    )
    parser.add_argument(
        "--protocol",
        action="append",
        metavar="NAME",
        help="the keyframes: first, tenth, last, first+last, first-whole (all frames), colormnet-davis, ..., or a "
        ".json file; default: tenth",
    )
    parser.add_argument("--sequences", nargs="+", metavar="NAME", help="the clips to measure; default: all")
    parser.add_argument("--variants", nargs="+", metavar="NAME", help="default: the standard model and every baseline")
    parser.add_argument(
        "--against",
        type=Path,
        nargs="+",
        default=[],
        metavar="FOLDER",
        help="results of other tools to measure beside: a folder of pictures or a movie for each clip, by its name",
    )
    parser.add_argument(
        "--lines", type=int, default=216, help="height of the pictures; each clip keeps its aspect (%(default)s)"
    )
    parser.add_argument("--old-film", action="store_true", help="add grain, flicker, gate weave and scratches")
    parser.add_argument(
        "--colorspace",
        metavar="NAME",
        help="colour space of the clips by the OpenColorIO config; default: linear Rec.709 for EXR, else sRGB",
    )
    parser.add_argument(
        "--output",
        type=Path,
        metavar="DIR",
        help="folder for the tables; the same command again takes up an evaluation that was stopped",
    )
    parser.add_argument(
        "--workers", type=int, default=1, metavar="N", help="clips at once, each in a process (%(default)s)"
    )
    pictures = parser.add_argument_group("pictures in the output folder")
    pictures.add_argument("--plots", action="store_true", help="outlier curves and reliability diagrams (SVG and PNG)")
    pictures.add_argument(
        "--strips",
        type=int,
        nargs="+",
        default=[],
        metavar="FRAME",
        help="these frames, counted from 0: plate, truth and every result side by side, with their wrong pixels",
    )
    pictures.add_argument(
        "--trace",
        metavar="FRAME:X,Y",
        help="where dense tracking leads for a pixel, frame by frame; all count from 0, at the top left",
    )
    add_device_option(parser)
    parser.set_defaults(run=_evaluate)


def _evaluate(options: argparse.Namespace) -> int:
    from stcolor_core.evaluation.run import evaluate
    from stcolor_core.evaluation.trace import parse_trace
    from stcolor_core.pipeline.devices import resolve_device

    limit_threads()
    evaluate(
        options.dataset,
        protocols=options.protocol or ["tenth"],
        variants=options.variants,
        output=options.output,
        device=resolve_device(options.device),
        lines=options.lines,
        names=options.sequences,
        old_film=options.old_film,
        colorspace=options.colorspace,
        workers=options.workers,
        against=options.against,
        plots=options.plots,
        strips=options.strips,
        trace=None if options.trace is None else parse_trace(options.trace),
    )
    return 0

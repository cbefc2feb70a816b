"""`stcolor colorize`: colour a shot, or write its shot file."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from stcolor_core.cli.shot_options import add_shot_options, build_shot, check_max_span
from stcolor_core.errors import BadRequest, OutputError
from stcolor_core.files.atomic import atomic_path
from stcolor_core.shots.shot import Shot
from stcolor_core.terminal import Bar, JsonLines, StopOnSignal, share_the_machine

__all__ = ["add_command"]


def add_command(commands: Any) -> None:
    """Add `colorize` to the subparsers of `stcolor`."""
    parser = commands.add_parser("colorize", help="colour a shot from keyframes")
    add_shot_options(parser)
    run = parser.add_argument_group("running")
    run.add_argument("--device", choices=("auto", "cpu", "cuda"), help="default: auto, a GPU where there is one")
    run.add_argument("--force", action="store_true", help="write frames again that are on disk and valid")
    run.add_argument("--json", action="store_true", help="progress as one JSON object a line on standard output")
    run.add_argument("--write-shot", type=Path, metavar="PATH", help="write the shot file of this call and stop")
    parser.set_defaults(run=_colorize)


def _colorize(options: argparse.Namespace) -> int:
    shot = build_shot(options)
    asked_for_spans = "output.max_span" in vars(options)
    if options.write_shot is not None:
        for name in ("device", "force", "json"):
            if getattr(options, name):
                raise BadRequest(f"--{name} is about a run, and --write-shot runs nothing. Leave one of them out.")
        if asked_for_spans:
            check_max_span(shot)
        _write_shot(options.write_shot, shot, read_from=options.shot)
        return 0
    if asked_for_spans:
        raise BadRequest("--max-span is for the tasks of a farm. Give it with --write-shot, or to stcolor farm.")
    with StopOnSignal() as stop:
        from stcolor_core.pipeline.run import colorize

        share_the_machine()
        with JsonLines() if options.json else Bar() as report:
            device = options.device or "auto"
            for _ in colorize(shot, device=device, force=options.force, report=report, cancelled=stop.asked):
                pass
    return 0


def _write_shot(path: Path, shot: Shot, *, read_from: Path | None) -> None:
    """Write a shot file, in place of another one at most: never of what the shot reads, or of anything else."""
    from stcolor_core.pipeline.protection import refuse_to_write

    remedy = "Give another path to --write-shot."
    if not path.name:
        raise BadRequest(f"{path} is no file to write a shot to. {remedy}")
    refuse_to_write([path], shot, remedy=remedy, read_from=read_from)
    try:
        if path.is_file():
            Shot.load(path)
    except BadRequest:
        raise BadRequest(f"{path} is there and is no shot file. {remedy}") from None
    except (OSError, ValueError):  # what is wrong with the path is said when it is written
        pass
    try:
        with atomic_path(path) as partial:
            partial.write_text(shot.to_json() + "\n", encoding="utf-8")
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or error
        raise OutputError(
            f"The shot file {path} cannot be written ({why}). Check its folder, and its rights."
        ) from None

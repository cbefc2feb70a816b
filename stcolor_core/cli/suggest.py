"""`stcolor suggest`: suggest the frames at which another keyframe would help most."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from stcolor_core.errors import PlateError
from stcolor_core.shots.shot import Shot
from stcolor_core.terminal import ProgressBar, StopOnSignal, limit_threads, print_line

__all__ = ["add_command"]


def add_command(commands: Any) -> None:
    """Add `suggest` to the subparsers of `stcolor`.

    Args:
        commands: The subparsers, as `add_subparsers` returns them.
    """
    parser = commands.add_parser("suggest", help="suggest the frames at which another keyframe would help most")
    parser.add_argument("--shot", type=Path, required=True, help="the shot file of a shot that has been coloured")
    parser.add_argument("--json", action="store_true", help="print one JSON object per line: frame, gain")
    parser.set_defaults(run=_suggest)


def _suggest(options: argparse.Namespace) -> int:
    shot = Shot.load(options.shot)
    with StopOnSignal() as stop, ProgressBar() as report:
        from stcolor_core.pipeline.key_suggestions import suggest_next

        limit_threads()
        suggestions = suggest_next(shot, report=report, cancelled=stop.requested)
    if suggestions is None:
        raise PlateError(f"No frame of {shot.output.path} holds a confidence. Run stcolor colorize --shot first.")
    for suggestion in suggestions:
        text = f"Frame {suggestion.frame} would correct about {100 * suggestion.gain:.1f} % of the shot's pixels."
        print_line(json.dumps(asdict(suggestion)) if options.json else text)
    if not suggestions and not options.json:
        print_line("No further keyframe would help much.")
    return 0

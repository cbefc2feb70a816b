"""`stcolor suggest`: say at which frame one more keyframe would help most."""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

from stcolor_core.errors import PlateError
from stcolor_core.shots.shot import Shot

__all__ = ["add_command"]


def add_command(commands: Any) -> None:
    """Add `suggest` to the subparsers of `stcolor`."""
    parser = commands.add_parser("suggest", help="say where one more keyframe would help most")
    parser.add_argument("--shot", type=Path, required=True, help="a shot file; its output must be there")
    parser.add_argument("--json", action="store_true", help="as one JSON object a line: frame, gain")
    parser.set_defaults(run=_suggest)


def _suggest(options: argparse.Namespace) -> int:
    from stcolor_core.images import plates
    from stcolor_core.images.sequences import FramePattern
    from stcolor_core.shots.shot_files import find_frames, find_references
    from stcolor_core.shots.suggestion import suggest

    shot = Shot.load(options.shot)
    frames = find_frames(shot.plate)
    output = FramePattern.parse(shot.output.path)
    confidence = {
        frame: float(said)
        for frame in sorted(set(output.frames()).intersection(frames))
        if (said := plates.read_header(output.path(frame), frame=frame).metadata.get("stcolor/confidence")) is not None
    }
    if not confidence:
        raise PlateError(f"No frame of {shot.output.path} says how sure it is. Run stcolor colorize --shot first.")
    found = suggest(confidence, find_references(shot, frames))
    for each in found:
        percent = f"{100 * each.gain:.1f} % of the shot's pixels"
        _say(json.dumps(asdict(each)) if options.json else f"Frame {each.frame} would put about {percent} right.")
    if not found and not options.json:
        _say("No further keyframe would help much.")
    return 0


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")

"""`stcolor plan`: name the first keyframes of a shot, from the grey plate alone."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stcolor_core.cli.shot_options import add_plate_options, build_shot
from stcolor_core.errors import BadRequest
from stcolor_core.files.atomic import named_path
from stcolor_core.shots.shot import Shot
from stcolor_core.terminal import ProgressBar, StopOnSignal, limit_threads, print_line

if TYPE_CHECKING:
    from stcolor_core.pipeline.key_planning import KeyPlan

__all__ = ["add_command"]

_THUMBNAIL = 240  # lines of a picture on the contact sheet
_NO_OUTPUT = "plan.####.exr"  # a shot has an output; a plan writes none


def add_command(commands: Any) -> None:
    """Add `plan` to the subparsers of `stcolor`.

    Args:
        commands: The subparsers, as `add_subparsers` returns them.
    """
    parser = commands.add_parser("plan", help="name the frames to paint first, from the grey plate alone")
    add_plate_options(parser)
    how = parser.add_argument_group("the plan").add_mutually_exclusive_group()
    how.add_argument("-n", "--count", type=int, metavar="N", help="number of keyframes to paint")
    how.add_argument(
        "--coverage",
        type=float,
        metavar="SHARE",
        default=argparse.SUPPRESS,
        help="as few keyframes as should make this share of all pixels right (0.95); at most 12 a scene",
    )
    parser.add_argument("--sheet", type=Path, metavar="PATH.html", help="write a contact sheet of the frames to paint")
    parser.add_argument("--json", action="store_true", help="print the plan as one line of JSON")
    parser.set_defaults(run=_plan)


def _plan(options: argparse.Namespace) -> int:
    if options.shot is None:
        vars(options).setdefault("output.path", _NO_OUTPUT)
    shot = build_shot(options)
    if options.sheet is not None:
        _check_sheet(options.sheet, shot, read_from=options.shot)
    with StopOnSignal() as stop, ProgressBar() as report:
        from stcolor_core.pipeline.key_planning import plan_keys

        limit_threads()
        plan = plan_keys(
            shot,
            count=options.count,
            share=getattr(options, "coverage", 0.95),
            thumbnail_height=None if options.sheet is None else _THUMBNAIL,
            report=report,
            cancelled=stop.requested,
        )
    if options.sheet is not None:
        _write_sheet(options.sheet, plan, shot)
    for line in [_to_json(plan)] if options.json else _describe(plan):
        print_line(line)
    if options.sheet is not None and not options.json:
        print_line(f"{options.sheet} is the contact sheet.")
    return 0


def _describe(plan: KeyPlan) -> list[str]:
    """Return the plan as a table, one text a line."""
    order = plan.order
    several = len(plan.scenes) > 1
    rows = [("", "frame", "colours", *(("of scene",) if several else ()))]
    for number, (scene, key) in enumerate(order, 1):
        where = (f"{scene.first}-{scene.last}",) if several else ()
        rows.append((f"{number}.", str(key.frame), f"{100 * key.share:.0f} %", *where))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ["  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    if not order:
        lines = ["No further keyframe is needed."]
    grey = [f"{scene.first}-{scene.last}" for scene in plan.scenes if not scene.keys and scene.share < 1]
    if grey:
        lines.append(f"Without a keyframe, and grey: {', '.join(grey)}.")
    lines.append(f"With them about {100 * plan.share:.0f} % of the pixels should be right.")
    return lines


def _to_json(plan: KeyPlan) -> str:
    order = {key.frame: number for number, (_, key) in enumerate(plan.order, 1)}
    scenes = [
        {
            "first": scene.first,
            "last": scene.last,
            "share": round(scene.share, 4),
            "keys": [
                {"frame": key.frame, "order": order.get(key.frame), "share": round(key.share, 4), "exists": key.exists}
                for key in sorted(scene.keys, key=lambda key: key.frame)
            ],
        }
        for scene in plan.scenes
    ]
    dissolves = [[dissolve.first, dissolve.last] for dissolve in plan.transitions.dissolves]
    cuts = list(plan.transitions.cuts)
    return json.dumps({"share": round(plan.share, 4), "scenes": scenes, "cuts": cuts, "dissolves": dissolves})


def _check_sheet(path: Path, shot: Shot, *, read_from: Path | None) -> None:
    """Refuse a contact sheet that would replace an input of the shot, or a file that is no page."""
    from stcolor_core.pipeline.protection import refuse_to_write

    remedy = "Give another path to --sheet."
    if path.suffix.lower() not in (".html", ".htm"):
        raise BadRequest(f"The contact sheet {path} must be an .html file. {remedy}")
    refuse_to_write([path], shot, remedy=remedy, read_from=read_from)


def _write_sheet(path: Path, plan: KeyPlan, shot: Shot) -> None:
    from stcolor_core.cli.contact_sheet import contact_sheet

    with named_path(path, "contact sheet") as partial:
        partial.write_text(contact_sheet(plan, plate=shot.plate.path), encoding="utf-8")

"""`stcolor review`: a movie of plate, result and confidence, and a contact sheet of the weakest frames."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from stcolor_core.errors import BadRequest
from stcolor_core.images.frame_ranges import name_frames
from stcolor_core.movies.names import MOVIE_FORMATS
from stcolor_core.plurals import count_of
from stcolor_core.shots.shot import Shot
from stcolor_core.terminal import StopOnSignal, limit_threads, print_line

__all__ = ["add_command"]


def add_command(commands: Any) -> None:
    """Add `review` to the subparsers of `stcolor`.

    Args:
        commands: The subparsers, as `add_subparsers` returns them.
    """
    parser = commands.add_parser("review", help="write a movie and a contact sheet to judge a coloured shot by")
    parser.add_argument("--shot", type=Path, required=True, help="the shot file of a shot that has been coloured")
    movie = "the movie to write (.mp4, .mov): plate, result and confidence side by side, frame numbers burnt in"
    parser.add_argument("--output", type=Path, metavar="PATH", help=movie)
    parser.add_argument(
        "--movie-format", choices=MOVIE_FORMATS, help="its codec; default: h264 for .mp4, prores-hq for .mov"
    )
    parser.add_argument(
        "--height", type=int, default=540, metavar="LINES", help="lines of each picture in the movie (540)"
    )
    sheet = "a contact sheet of the weakest frames to write, .png or .pdf"
    parser.add_argument("--contact-sheet", type=Path, metavar="PATH", help=sheet)
    parser.add_argument("--count", type=int, default=6, metavar="N", help="frames on the contact sheet (6)")
    parser.set_defaults(run=_review)


def _review(options: argparse.Namespace) -> int:
    if options.output is None and options.contact_sheet is None:
        raise BadRequest("There is nothing to write. Give --output review.mp4, --contact-sheet sheet.pdf, or both.")
    if options.height < 64 or options.count < 1:
        raise BadRequest("Pictures need at least 64 lines and a sheet 1 frame. Correct --height or --count.")
    shot = Shot.load(options.shot)
    from stcolor_core.pipeline.protection import refuse_to_write
    from stcolor_core.pipeline.review import write_review
    from stcolor_core.pipeline.review_sheet import write_contact_sheet

    limit_threads()
    targets = [path for path in (options.output, options.contact_sheet) if path is not None]
    refuse_to_write(targets, shot, remedy="Give another path.", read_from=options.shot)
    with StopOnSignal() as stop:
        if options.contact_sheet is not None:
            frames = write_contact_sheet(shot, options.contact_sheet, count=options.count)
            named = f"the weakest {name_frames(frames)}" if frames else "no frame besides the keyframes"
            print_line(f"{options.contact_sheet}: {named}.")
        if options.output is not None:
            count = write_review(
                shot,
                options.output,
                format=options.movie_format,
                lines=options.height,
                cancelled=stop.requested,
            )
            print_line(f"{options.output}: {count_of(count, 'frame')}.")
    return 0

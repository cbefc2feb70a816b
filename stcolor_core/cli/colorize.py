"""`stcolor colorize`: colour a shot, or write a shot file."""

from __future__ import annotations

import argparse
import json
import math
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stcolor_core.cli.device_option import add_device_option
from stcolor_core.cli.movie_options import (
    MOVIE_OPTIONS,
    add_movie_options,
    frames_beside,
    plan_movie_of,
    remove_frames,
)
from stcolor_core.cli.shot_options import add_shot_options, build_shot, check_max_span
from stcolor_core.errors import BadRequest
from stcolor_core.files.atomic import named_path
from stcolor_core.shots.output_folder import check_output
from stcolor_core.shots.own_folder import to_folder_of
from stcolor_core.shots.shot import Shot, map_paths
from stcolor_core.shots.shot_files import check_files
from stcolor_core.terminal import JsonLines, ProgressBar, StopOnSignal, limit_threads, print_line

if TYPE_CHECKING:
    from stcolor_core.pipeline.events import Event, FrameResult
    from stcolor_core.pipeline.time_left import TimeLeft

__all__ = ["add_command"]


def add_command(commands: Any) -> None:
    """Add `colorize` to the subparsers of `stcolor`.

    Args:
        commands: The subparsers, as `add_subparsers` returns them.
    """
    parser = commands.add_parser("colorize", help="colour a shot from keyframes")
    add_shot_options(parser)
    run = parser.add_argument_group("running")
    add_device_option(run, default=None)
    run.add_argument("--force", action="store_true", help="write frames again even if they are on disk and valid")
    run.add_argument(
        "--memory",
        type=_gibibytes,
        metavar="GIB",
        help="memory that decides how many frames are worked on at a time (default: half of the computer's)",
    )
    run.add_argument("--json", action="store_true", help="print progress as one JSON object per line")
    run.add_argument("--write-shot", type=Path, metavar="PATH", help="write these options as a shot file and stop")
    add_movie_options(parser.add_argument_group("movie"))
    parser.set_defaults(run=_colorize)


def _colorize(options: argparse.Namespace) -> int:
    removes_frames = options.movie is not None and options.shot is None and "output.path" not in vars(options)
    if removes_frames:
        setattr(options, "output.path", frames_beside(options.movie))
    shot = build_shot(options)
    has_max_span = "output.max_span" in vars(options)
    if options.write_shot is not None:
        _refuse_options_of_run(options)
        if has_max_span:
            check_max_span(shot)
        _write_shot(options.write_shot, shot, read_from=options.shot)
        print_line(f"{options.write_shot} is written. Colour it with: stcolor colorize --shot {options.write_shot}")
        return 0
    if has_max_span:
        raise BadRequest("--max-span is for the tasks of a farm. Give it with --write-shot, or to stcolor farm.")
    with StopOnSignal() as stop:
        check_output(shot, check_files(shot))
        movie = plan_movie_of(options, shot)
        # without the frames there is nothing to go on from
        results, summary = _run(options, shot, stop, suggests=not removes_frames)
        for line in summary[1:] if removes_frames else summary:  # the first is about the frames' files
            print_line(line)
        if movie is not None:
            movie.write(cancelled=stop.requested)
            told = {"kind": "movie", "path": str(movie.path), "message": movie.describe()}
            print_line(json.dumps(told) if options.json else f"{movie.path}: {told['message']}.")
            if removes_frames:
                remove_frames(result.path for result in results)
    return 0


def _run(
    options: argparse.Namespace, shot: Shot, stop: StopOnSignal, *, suggests: bool
) -> tuple[list[FrameResult], list[str]]:
    """Colour a shot, and report it as it goes on.

    Args:
        options: The options of the run.
        shot: The shot.
        stop: Whether it is to stop.
        suggests: Whether to suggest keyframes at the end.

    Returns:
        The frames, and the lines that sum them up; none with --json.
    """
    with JsonLines() if options.json else ProgressBar(estimate=partial(_time_left_of, shot)) as report:
        from stcolor_core.cli.summary import summarize  # takes seconds with torch: the bar is there meanwhile
        from stcolor_core.pipeline.key_suggestions import report_next
        from stcolor_core.pipeline.run import colorize
        from stcolor_core.pipeline.seen_frames import SeenFrames

        limit_threads()
        seen = SeenFrames()
        ended: list[Event] = []

        def show(event: Event) -> None:
            """Report an event; "done" is kept for the end, after the suggestions."""
            if event.kind == "done":
                ended.append(event)
            else:
                report(event)

        run = colorize(
            shot,
            device=options.device or "auto",
            force=options.force,
            memory=options.memory,
            report=show,
            cancelled=stop.requested,
            on_written=seen.add,
        )
        results = list(run)
        suggestions = report_next(shot, seen, report=report, cancelled=stop.requested) if suggests else None
        for event in ended:
            report(event)
    return results, [] if options.json else summarize(shot, results, suggestions)


def _refuse_options_of_run(options: argparse.Namespace) -> None:
    """Refuse what is about a run where only a shot file is written."""
    for name in ("device", "force", "json", "memory", *MOVIE_OPTIONS):
        if getattr(options, name):
            option = name.replace("_", "-")
            raise BadRequest(f"--{option} is about a run, but --write-shot runs nothing. Leave one of them out.")


def _gibibytes(text: str) -> float:
    """Return the bytes of a size in GiB; refuse what is no size before anything else is looked at."""
    try:
        size = float(text)
    except ValueError:
        size = math.nan
    if not 0 < size < math.inf:
        raise BadRequest(
            f"--memory {text} is no size: it must be a number of GiB above 0. Leave it out for half of the computer's "
            "memory."
        )
    return size * 2**30


def _time_left_of(shot: Shot, plan: Event) -> TimeLeft:
    from stcolor_core.pipeline.time_left import time_left_of

    return time_left_of(shot, plan)


def _write_shot(path: Path, shot: Shot, *, read_from: Path | None) -> None:
    """Write a shot file; it may replace another shot file, but no input of the shot and no other file."""
    from stcolor_core.pipeline.protection import refuse_to_write

    remedy = "Give another path to --write-shot."
    if not path.name:
        raise BadRequest(f"{path} is not a file name to write a shot to. {remedy}")
    refuse_to_write([path], shot, remedy=remedy, read_from=read_from)
    try:
        if path.is_file():
            Shot.load(path)
    except BadRequest:
        raise BadRequest(f"{path} exists and is not a shot file. {remedy}") from None
    except (OSError, ValueError):  # writing the file reports what is wrong with the path
        pass
    with named_path(path, "shot file") as partial:
        partial.write_text(map_paths(shot, to_folder_of(path)).to_json() + "\n", encoding="utf-8")

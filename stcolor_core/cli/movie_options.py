"""The options of `stcolor colorize` for a movie of the result."""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from contextlib import suppress
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, get_args

from stcolor_core.errors import BadRequest
from stcolor_core.movies.names import MOVIE_FORMATS, MovieEncoding
from stcolor_core.shots.shot import Shot

if TYPE_CHECKING:
    from stcolor_core.pipeline.movie_output import MovieOutput

__all__ = ["MOVIE_OPTIONS", "add_movie_options", "frames_beside", "plan_movie_of", "remove_frames"]

MOVIE_OPTIONS = ("movie", "movie_format", "movie_encoding", "movie_rate", "no_movie_sound")
"""The options' names in the parsed options, `movie` first, which the others need."""


def add_movie_options(group: argparse._ArgumentGroup) -> None:
    """Add the options to a group.

    Args:
        group: A group of the parser of `stcolor colorize`.
    """
    group.add_argument(
        "--movie",
        type=Path,
        metavar="PATH",
        help="write the result as a movie too: .mov, .mp4, .mxf or .mkv, with the plate's timecode and sound. Without "
        "--output its frames are removed afterwards",
    )
    usual = "prores-hq for .mov, h264 for .mp4, dnxhr for .mxf, ffv1 for .mkv"
    group.add_argument("--movie-format", choices=MOVIE_FORMATS, help=f"the movie's codec; default: {usual}")
    group.add_argument(
        "--movie-encoding",
        choices=get_args(MovieEncoding),
        help="write the plate's own encoding, or what a display shows; default: display for a scene-linear plate",
    )
    group.add_argument(
        "--movie-rate", metavar="FPS", help="frames a second, like 24 or 24000/1001; default: the plate's, or 24"
    )
    group.add_argument("--no-movie-sound", action="store_true", help="leave out the sound of a plate that is a movie")


def frames_beside(movie: Path) -> str:
    """Return the pattern of the frames of a movie for which no output was given.

    Args:
        movie: The movie.
    """
    return str(movie.with_name(f"{movie.name}.frames") / f"{movie.stem}.####.exr")


def plan_movie_of(options: argparse.Namespace, shot: Shot) -> MovieOutput | None:
    """Return the movie that the options ask for, checked before a frame is coloured; None if they ask for none.

    Args:
        options: The parsed options.
        shot: The shot.

    Raises:
        BadRequest: If the options do not fit together, or the movie would replace an input of the shot.
        StcolorError: If the plate cannot be read, or a colour space is unknown.
    """
    if options.movie is None:
        for name in MOVIE_OPTIONS[1:]:
            if getattr(options, name):
                raise BadRequest(f"--{name.replace('_', '-')} is about a movie. Give --movie PATH, or leave it out.")
        return None
    from stcolor_core.pipeline.movie_output import plan_movie
    from stcolor_core.pipeline.protection import refuse_to_write

    refuse_to_write([options.movie], shot, remedy="Give another --movie.", read_from=options.shot)
    return plan_movie(
        shot,
        options.movie,
        format=options.movie_format,
        encoding=options.movie_encoding,
        rate=_parse_rate(options.movie_rate),
        sound=not options.no_movie_sound,
    )


def remove_frames(paths: Iterable[Path]) -> None:
    """Remove the frames of a finished movie, and their folder if nothing else is in it.

    Args:
        paths: The frames.
    """
    folders = set()
    for path in paths:
        folders.add(path.parent)
        path.unlink(missing_ok=True)
    for folder in folders:
        with suppress(OSError):  # it holds something else
            folder.rmdir()


def _parse_rate(text: str | None) -> Fraction | None:
    if text is None:
        return None
    try:
        rate = Fraction(text.strip())
    except (ValueError, ZeroDivisionError):
        raise BadRequest(f"The rate {text[:40]!r} cannot be read. Write it like 24 or 24000/1001.") from None
    ntsc = Fraction(round(rate * 1001 / 1000) * 1000, 1001)
    return (
        ntsc if rate > 0 and rate != ntsc and abs(rate - ntsc) < Fraction(1, 200) else rate
    )  # 23.976 and 23.98 mean 24000/1001

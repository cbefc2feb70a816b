"""Read a frame of a plate by its number, whether the plate is a movie or a sequence of pictures."""

from __future__ import annotations

from pathlib import Path

from stcolor_core.errors import PlateError
from stcolor_core.images import plates
from stcolor_core.images.pictures import Header, Picture
from stcolor_core.movies.names import is_movie
from stcolor_core.movies.reader import Movie, open_movie
from stcolor_core.remedies import advise

__all__ = ["movie_frames", "read_plate_frame", "read_plate_header"]


def movie_frames(path: Path, *, first_frame: int | None) -> range:
    """Return the numbers of a movie's frames.

    Args:
        path: The movie.
        first_frame: The number of its first frame; None for that of its timecode, or 1 if it has none.

    Raises:
        PlateError: If the movie cannot be read, or its frame rate varies.
    """
    info = open_movie(path).info
    first = info.first_frame if first_frame is None else first_frame
    return range(first, first + info.count)


def read_plate_frame(path: Path, *, frame: int, layer: str | None = None, first_frame: int | None = None) -> Picture:
    """Read a frame of a plate: a picture as `plates.read_plate` does, or a frame of a movie.

    Args:
        path: The picture or the movie.
        frame: The frame's number in the plate.
        layer: As for `plates.read_plate`; a movie has no layers.
        first_frame: As for `movie_frames`.

    Returns:
        The picture, shape (H, W, 1) or (H, W, 3).

    Raises:
        PlateError: If it is missing or damaged.
    """
    if not is_movie(path):
        return plates.read_plate(path, frame=frame, layer=layer)
    movie, place = _find(path, frame, layer, first_frame)
    return movie.read(place, frame=frame)


def read_plate_header(path: Path, *, frame: int, layer: str | None = None, first_frame: int | None = None) -> Header:
    """Read only the header of a frame of a plate.

    Args:
        path: The picture or the movie.
        frame: The frame's number in the plate.
        layer: As for `plates.read_header`; a movie has no layers.
        first_frame: As for `movie_frames`.

    Returns:
        The header.

    Raises:
        PlateError: If it is missing or damaged.
    """
    if not is_movie(path):
        return plates.read_header(path, frame=frame, layer=layer)
    movie, place = _find(path, frame, layer, first_frame)
    return movie.header(place, frame=frame)


def _find(path: Path, frame: int, layer: str | None, first_frame: int | None) -> tuple[Movie, int]:
    if layer is not None:
        raise PlateError(f"{path} is a movie, which has no layers. {advise('no_layer')}.")
    movie = open_movie(path)
    return movie, frame - (movie.info.first_frame if first_frame is None else first_frame)

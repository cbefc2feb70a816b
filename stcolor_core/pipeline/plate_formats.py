"""The format of a plate: that of each frame by its header, the canvas that holds all, and where a movie begins."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from stcolor_core.images.formats import HeaderSummary
from stcolor_core.images.pictures import Window
from stcolor_core.movies.names import is_movie
from stcolor_core.movies.plate_frames import movie_frames, read_plate_header
from stcolor_core.movies.reader import open_movie
from stcolor_core.pipeline.input_files import InputFiles
from stcolor_core.shots.pictures import Plate

__all__ = ["find_movie_start", "find_plate_formats", "plate_canvas"]


def find_plate_formats(
    plate: Plate, frames: Mapping[int, Path], files: InputFiles, *, warn: Callable[[str], None]
) -> dict[int, HeaderSummary]:
    """Return the format of every plate frame.

    Args:
        plate: The plate.
        frames: Plate frame -> its file, in ascending order.
        files: Reads the files.
        warn: Called with one line if the plate is a movie that is flagged as interlaced.

    Raises:
        PlateError: If a file is missing or damaged.
    """
    first, path = next(iter(frames.items()))
    if not is_movie(path):
        formats = files.formats(frames.values(), layer=plate.layer)
        return {frame: formats[path] for frame, path in frames.items()}
    files.status(path)
    read_plate_header(path, frame=first, layer=plate.layer, first_frame=plate.first_frame)
    movie = open_movie(path)
    if movie.info.interlaced:
        warn(
            f"{path} is flagged as interlaced: both fields of a frame are coloured as one picture. If they were "
            "taken at different times, deinterlace it first."
        )
    return dict.fromkeys(frames, movie.summary())


def find_movie_start(plate: Plate) -> int | None:
    """Return the number of the first frame of a plate that is a movie; None for pictures.

    Args:
        plate: The plate.

    Raises:
        PlateError: If the movie is missing or damaged.
    """
    if not is_movie(plate.path):
        return None
    return movie_frames(Path(plate.path), first_frame=plate.first_frame).start


def plate_canvas(formats: Mapping[int, HeaderSummary]) -> Window:
    """Return the union of a plate's data windows: x, y, width, height.

    Args:
        formats: Plate frame -> its format.
    """
    windows = {each.data_window for each in formats.values()}
    corners = [(x, y, x + width, y + height) for x, y, width, height in windows]
    left, top = (min(corner[i] for corner in corners) for i in (0, 1))
    right, bottom = (max(corner[i] for corner in corners) for i in (2, 3))
    return left, top, right - left, bottom - top

"""Results of other tools: pictures or movies in folders, which are compared with the truth as our own results are.

FOLDER/<sequence>/00000.png       one picture for each frame; PNG, JPEG, TIFF or EXR of any size
FOLDER/<sequence>.mp4             a movie with a frame for each frame; FOLDER/<sequence>/any.mp4 too
FOLDER/00000.png, FOLDER/any.mp4  the same, if the data set has a single sequence

A frame is found by its place if there are as many pictures as frames, else by the name of its true picture without the
extension; the frames of a movie are named 00000, 00001 and so on.

Pictures of 8 bits flicker by their rounding, which counts as a change of colour. So as to be fair, every method in a
table with results of other tools is measured by its pictures in 8 bits (`as_eight_bit`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np

from stcolor_core.arrays import Image
from stcolor_core.errors import BadRequest
from stcolor_core.evaluation.clip import Clip
from stcolor_core.evaluation.dataset import DatasetSequence
from stcolor_core.evaluation.metrics import eight_bit
from stcolor_core.evaluation.scoring import ColoredPicture
from stcolor_core.evaluation.stored_pictures import PICTURE_TYPES, StoredPicture, list_files, the_only_movie
from stcolor_core.files.given_paths import is_folder
from stcolor_core.images.color import linear_to_lab, srgb_decode
from stcolor_core.images.resizing import resize
from stcolor_core.movies.names import MOVIE_TYPES
from stcolor_core.movies.reader import open_movie
from stcolor_core.plurals import count_of

__all__ = ["as_eight_bit", "find_results", "name_folders", "read_display", "read_results"]


def name_folders(folders: Sequence[Path], taken: Sequence[str]) -> dict[str, Path]:
    """Return the folders by their names, which stand in the tables.

    Args:
        folders: The folders of results.
        taken: Names that others have in the tables.

    Raises:
        BadRequest: If one is not a folder, or its name is taken.
    """
    named: dict[str, Path] = {}
    for folder in folders:
        name = folder.resolve().name
        if not is_folder(folder):
            raise BadRequest(
                f"--against {folder} is not a folder. Give one that holds a folder of pictures "
                "or a movie for each clip."
            )
        if name in named or name in taken:
            raise BadRequest(f"--against {folder}: another row of the table is named {name!r}. Rename the folder.")
        named[name] = folder
    return named


def find_results(
    folder: Path, sequence: DatasetSequence, frames: Sequence[int], *, is_only: bool
) -> dict[int, StoredPicture]:
    """Return the picture of each frame of a clip.

    Args:
        folder: A tool's results.
        sequence: The clip.
        frames: The frame indices that are measured.
        is_only: Whether the data set has no other clip, so that the pictures may lie in the folder itself.

    Raises:
        BadRequest: If the clip or one of the frames is missing, or PyAV for a movie.
        PlateError: If a movie cannot be read.
    """
    own = folder / sequence.name
    if movies := [path for path in list_files(folder, MOVIE_TYPES) if path.stem == sequence.name]:
        return _find_in_movie(movies, sequence, frames)
    if not is_folder(own) and is_only:
        own = folder
    if not is_folder(own):
        raise BadRequest(
            f"--against {folder} has neither a folder nor a movie {sequence.name}. "
            "Add it, or choose clips with --sequences."
        )
    pictures = list_files(own, PICTURE_TYPES)
    if not pictures and (movies := list_files(own, MOVIE_TYPES)):
        return _find_in_movie(movies, sequence, frames)
    if len(pictures) == len(sequence):  # before the names: other tools may count from 1, where the clip counts from 0
        return {frame: StoredPicture(pictures[frame]) for frame in frames}
    by_name = {path.stem: path for path in pictures}
    names = {frame: sequence.frame_name(frame) for frame in frames}
    if missing := [name for name in names.values() if name not in by_name]:
        raise BadRequest(
            f"The results in {own} lack frame {missing[0]}: they have {count_of(len(pictures), 'picture')} for the "
            f"{count_of(len(sequence), 'frame')} of {sequence.name}. "
            "Name them as the clip's frames are named, or give one for each."
        )
    return {frame: StoredPicture(by_name[name]) for frame, name in names.items()}


def _find_in_movie(
    movies: Sequence[Path], sequence: DatasetSequence, frames: Sequence[int]
) -> dict[int, StoredPicture]:
    movie = the_only_movie(movies, sequence.name)
    count = open_movie(movie).info.count
    if count != len(sequence):
        raise BadRequest(
            f"{movie} has {count_of(count, 'frame')}, and {sequence.name} has {len(sequence)}. "
            "Export it again with a frame for each."
        )
    return {frame: StoredPicture(movie, frame) for frame in frames}


def read_results(clip: Clip, pictures: dict[int, StoredPicture]) -> Iterator[ColoredPicture]:
    """Yield the pictures of another tool at the size of the clip, without confidence.

    Args:
        clip: The clip with its true colour.
        pictures: The picture of each frame.

    Raises:
        PlateError: If a file cannot be read.
        ColorError: If its colour space cannot be told.
    """
    for frame, result in pictures.items():
        height, width = clip.lightnesses[frame].shape
        picture = read_display(result, (width, height))
        yield from as_eight_bit([(frame, picture, clip.ab[frame], None)])


def as_eight_bit(pictures: Iterable[ColoredPicture]) -> Iterator[ColoredPicture]:
    """Yield pictures as they are after they were written in 8 bits, with the a* and b* that they then have.

    Args:
        pictures: The coloured frames.
    """
    for frame, picture, _, confidence in pictures:
        rounded = (eight_bit(picture) / 255).astype(np.float32)
        ab = linear_to_lab(srgb_decode(rounded))[..., 1:]
        yield frame, rounded, np.ascontiguousarray(ab, np.float32), confidence


def read_display(picture: StoredPicture, size: tuple[int, int]) -> Image:
    """Return a picture's sRGB code values at a size, (H, W, 3), 0..1.

    Args:
        picture: The picture, in the colour space that its type has by default.
        size: (width, height).

    Raises:
        PlateError: If the file cannot be read.
        ColorError: If its colour space cannot be told.
    """
    return resize(picture.read(), size[::-1])

"""Results of other tools: pictures or movies in folders, which are compared with the truth as our own results are.

FOLDER/<sequence>/00000.png       one picture for each frame; PNG, JPEG, TIFF or EXR of any size
FOLDER/<sequence>.mp4             a movie with a frame for each frame; FOLDER/<sequence>/any.mp4 too
FOLDER/00000.png, FOLDER/any.mp4  the same, if the data set has a single sequence

A frame is found by the name of its true picture without the extension, or by its place if there are as many pictures
as frames.

Pictures of 8 bits flicker by their rounding, which counts as a change of colour. So as to be fair, every method in a
table with results of other tools is measured by its pictures in 8 bits (`as_eight_bit`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from stcolor_core.arrays import Image
from stcolor_core.errors import BadRequest
from stcolor_core.evaluation.clip import Clip
from stcolor_core.evaluation.dataset import DatasetSequence, list_files
from stcolor_core.evaluation.metrics import eight_bit
from stcolor_core.evaluation.scoring import ColoredPicture
from stcolor_core.images import plates
from stcolor_core.images.color import ColorPipe, linear_to_lab, srgb_decode, srgb_encode
from stcolor_core.images.pictures import Picture
from stcolor_core.movies.names import MOVIE_TYPES
from stcolor_core.movies.reader import open_movie
from stcolor_core.plurals import count_of

__all__ = ["ResultPicture", "as_eight_bit", "find_results", "name_folders", "read_display", "read_results"]

_PICTURES = (".exr", ".jpeg", ".jpg", ".png", ".tif", ".tiff")


@dataclass(frozen=True)
class ResultPicture:
    """Where another tool's picture of a frame is.

    Attributes:
        path: A picture or a movie.
        place: Its place in the movie, from 0; None for a picture.
    """

    path: Path
    place: int | None = None


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
        if not folder.is_dir():
            raise BadRequest(
                f"--against {folder} is not a folder. Give one that holds a folder of pictures for each clip."
            )
        if name in named or name in taken:
            raise BadRequest(f"--against {folder}: another row of the table is named {name!r}. Rename the folder.")
        named[name] = folder
    return named


def find_results(
    folder: Path, sequence: DatasetSequence, frames: Sequence[int], *, is_only: bool
) -> dict[int, ResultPicture]:
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
    if not own.is_dir() and is_only:
        own = folder
    if not own.is_dir():
        raise BadRequest(
            f"--against {folder} has neither a folder nor a movie {sequence.name}. "
            "Add it, or choose clips with --sequences."
        )
    pictures = list_files(own, _PICTURES)
    if not pictures and (movies := list_files(own, MOVIE_TYPES)):
        return _find_in_movie(movies, sequence, frames)
    by_name = {path.stem: path for path in pictures}
    if all(sequence.frames[frame].stem in by_name for frame in frames):
        return {frame: ResultPicture(by_name[sequence.frames[frame].stem]) for frame in frames}
    if len(pictures) == len(sequence):
        return {frame: ResultPicture(pictures[frame]) for frame in frames}
    missing = next(sequence.frames[frame].stem for frame in frames if sequence.frames[frame].stem not in by_name)
    raise BadRequest(
        f"The results in {own} lack frame {missing}: they have {count_of(len(pictures), 'picture')} for the "
        f"{count_of(len(sequence), 'frame')} of {sequence.name}. Name them as the clip's "
        "frames are named, or give one for each."
    )


def _find_in_movie(
    movies: Sequence[Path], sequence: DatasetSequence, frames: Sequence[int]
) -> dict[int, ResultPicture]:
    if len(movies) > 1:
        names = ", ".join(path.name for path in movies[:3])
        raise BadRequest(f"{movies[0].parent} has several movies for {sequence.name} ({names}). Leave one there.")
    count = open_movie(movies[0]).info.count
    if count != len(sequence):
        raise BadRequest(
            f"{movies[0]} has {count_of(count, 'frame')}, and {sequence.name} has {len(sequence)}. "
            "Export it again with a frame for each."
        )
    return {frame: ResultPicture(movies[0], frame) for frame in frames}


def read_results(clip: Clip, pictures: dict[int, ResultPicture]) -> Iterator[ColoredPicture]:
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
        picture = read_display(result.path, (width, height), place=result.place)
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


def read_display(path: Path, size: tuple[int, int], *, place: int | None = None) -> Image:
    """Return a picture's sRGB code values at a size, (H, W, 3), 0..1, averaged over the pixel areas if it is larger.

    EXR and floating-point TIFF hold linear Rec.709. The code values of other files and of movies count as sRGB: other
    tools write their pictures into movies as they are.

    Args:
        path: The file.
        size: (width, height).
        place: The picture's place in a movie, from 0; None if the file is a picture.

    Raises:
        PlateError: If the file cannot be read.
        ColorError: If its colour space cannot be told.
    """
    if place is not None:
        encoded = _as_display(open_movie(path).read(place, frame=place), is_linear=False)
    else:
        picture = plates.read_plate(path)
        space = ColorPipe.open(None, file_format=picture.file_format, pixel_type=picture.pixel_type).space
        encoded = _as_display(picture, is_linear=space.is_linear)
    larger = encoded.shape[0] >= size[1] and encoded.shape[1] >= size[0]
    if encoded.shape[1::-1] == size:
        return encoded
    return np.asarray(cv2.resize(encoded, size, interpolation=cv2.INTER_AREA if larger else cv2.INTER_LINEAR))


def _as_display(picture: Picture, *, is_linear: bool) -> Image:
    rgb = np.clip(plates.rgb(picture), 0, 1)
    return np.asarray(srgb_encode(rgb) if is_linear else rgb, np.float32)

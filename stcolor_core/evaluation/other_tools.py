"""Results of other tools: pictures in folders, which are compared with the truth as our own results are.

FOLDER/<sequence>/00000.png       one picture for each frame; PNG, JPEG, TIFF or EXR of any size
FOLDER/00000.png                  the same, if the data set has a single sequence

A frame is found by the name of its true picture without the extension, or by its place if there are as many pictures
as frames.

Pictures of 8 bits flicker by their rounding, which counts as a change of colour. So as to be fair, every method in a
table with results of other tools is measured by its pictures in 8 bits (`as_eight_bit`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import cv2
import numpy as np

from stcolor_core.arrays import Image
from stcolor_core.errors import BadRequest
from stcolor_core.evaluation.clip import Clip
from stcolor_core.evaluation.dataset import DatasetSequence
from stcolor_core.evaluation.metrics import eight_bit
from stcolor_core.evaluation.scoring import ColoredPicture
from stcolor_core.images import plates
from stcolor_core.images.color import ColorPipe, linear_to_lab, srgb_decode, srgb_encode

__all__ = ["as_eight_bit", "find_results", "name_folders", "read_display", "read_results"]

_PICTURES = (".exr", ".jpeg", ".jpg", ".png", ".tif", ".tiff")


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


def find_results(folder: Path, sequence: DatasetSequence, frames: Sequence[int], *, is_only: bool) -> dict[int, Path]:
    """Return the picture of each frame of a clip.

    Args:
        folder: A tool's results.
        sequence: The clip.
        frames: The frame indices that are measured.
        is_only: Whether the data set has no other clip, so that the pictures may lie in the folder itself.

    Raises:
        BadRequest: If the clip or one of the frames is missing.
    """
    own = folder / sequence.name
    if not own.is_dir() and is_only:
        own = folder
    if not own.is_dir():
        raise BadRequest(f"--against {folder} has no folder {sequence.name}. Add it, or choose clips with --sequences.")
    pictures = sorted(
        path for path in own.iterdir() if path.suffix.lower() in _PICTURES and not path.name.startswith(".")
    )
    by_name = {path.stem: path for path in pictures}
    if all(sequence.frames[frame].stem in by_name for frame in frames):
        return {frame: by_name[sequence.frames[frame].stem] for frame in frames}
    if len(pictures) == len(sequence):
        return {frame: pictures[frame] for frame in frames}
    missing = next(sequence.frames[frame].stem for frame in frames if sequence.frames[frame].stem not in by_name)
    raise BadRequest(
        f"The results in {own} lack frame {missing}: they have {len(pictures)} pictures for the {len(sequence)} frames "
        f"of {sequence.name}. Name them as the clip's frames are named, or give one for each."
    )


def read_results(clip: Clip, pictures: dict[int, Path]) -> Iterator[ColoredPicture]:
    """Yield the pictures of another tool at the size of the clip, without confidence.

    Args:
        clip: The clip with its true colour.
        pictures: The picture of each frame.

    Raises:
        PlateError: If a file cannot be read.
        ColorError: If its colour space cannot be told.
    """
    for frame, path in pictures.items():
        height, width = clip.lightnesses[frame].shape
        yield from as_eight_bit([(frame, read_display(path, (width, height)), clip.ab[frame], None)])


def as_eight_bit(pictures: Iterable[ColoredPicture]) -> Iterator[ColoredPicture]:
    """Yield pictures as they are after they were written in 8 bits, with the a* and b* that they then have.

    Args:
        pictures: The coloured frames.
    """
    for frame, picture, _, confidence in pictures:
        rounded = (eight_bit(picture) / 255).astype(np.float32)
        ab = linear_to_lab(srgb_decode(rounded))[..., 1:]
        yield frame, rounded, np.ascontiguousarray(ab, np.float32), confidence


def read_display(path: Path, size: tuple[int, int]) -> Image:
    """Return a picture's sRGB code values at a size, (H, W, 3), 0..1, averaged over the pixel areas if it is larger.

    EXR and floating-point TIFF hold linear Rec.709, other files sRGB.

    Args:
        path: The file.
        size: (width, height).

    Raises:
        PlateError: If the file cannot be read.
        ColorError: If its colour space cannot be told.
    """
    picture = plates.read_plate(path)
    space = ColorPipe.open(None, file_format=picture.file_format, pixel_type=picture.pixel_type).space
    rgb = np.clip(plates.rgb(picture), 0, 1)
    encoded = np.asarray(srgb_encode(rgb) if space.is_linear else rgb, np.float32)
    larger = encoded.shape[0] >= size[1] and encoded.shape[1] >= size[0]
    if encoded.shape[1::-1] == size:
        return encoded
    return np.asarray(cv2.resize(encoded, size, interpolation=cv2.INTER_AREA if larger else cv2.INTER_LINEAR))

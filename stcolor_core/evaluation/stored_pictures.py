"""Read a picture of a clip, from a file of its own or from a movie, as the sRGB code values that measurements compare.

8 and 16 bit pictures and movies count as sRGB by their code values, whatever curve a movie is tagged with: so do those
who publish figures, and so a movie and the pictures that were made of it measure the same. What is no such picture is
converted: EXR and floating-point TIFF hold linear Rec.709, and movies may be tagged as linear or of wide gamut.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from stcolor_core.arrays import Image
from stcolor_core.errors import BadRequest, ColorError, PlateError
from stcolor_core.files.given_paths import describe_denial, is_file
from stcolor_core.images import plates
from stcolor_core.images.color import srgb_encode
from stcolor_core.images.color_pipe import ColorPipe
from stcolor_core.images.ocio import Space, open_space
from stcolor_core.images.pictures import Picture
from stcolor_core.movies.color import tagged_space
from stcolor_core.movies.reader import open_movie

__all__ = ["PICTURE_TYPES", "StoredPicture", "list_files", "named_space", "the_only_movie"]

PICTURE_TYPES = (".cin", ".dpx", ".exr", ".jp2", ".jpeg", ".jpg", ".png", ".tif", ".tiff")
"""The file types that are read as pictures."""

_DIGITS = re.compile(r"(\d+)")
_REC709 = 1  # of H.273
_LIKE_REC709 = (_REC709, 5, 6, 7)  # primaries that are as close to Rec.709 as other tools take them for
_LEVELS = {"uint8": 255, "uint16": 65535}


@dataclass(frozen=True)
class StoredPicture:
    """Where a picture is.

    Attributes:
        path: A picture or a movie.
        place: Its place in the movie, from 0; None for a picture.
    """

    path: Path
    place: int | None = None

    @property
    def size(self) -> tuple[int, int]:
        """Return (width, height) in pixels.

        Raises:
            PlateError: If the file cannot be read.
        """
        if self.place is not None:
            info = open_movie(self.path).info
            return info.width, info.height
        height, width = plates.read_header(self.path).shape
        return width, height

    def read(self, colorspace: str | None = None) -> Image:
        """Return the picture's sRGB code values, (H, W, 3), 0..1. Darker and brighter light is clipped.

        Args:
            colorspace: The colour space of the file in the OpenColorIO config ($OCIO, else the builtin); None for its
                default.

        Raises:
            PlateError: If the file cannot be read.
            ColorError: If the colour space is unknown, or there is none by default: for DPX, Cineon, PQ, HLG and log.
        """
        if self.place is not None:
            picture = open_movie(self.path).read(self.place, frame=self.place)
            rgb = plates.rgb(picture)
        else:
            picture = plates.read_plate(self.path)
            rgb = plates.rgb(picture)
            if levels := _LEVELS.get(picture.pixel_type):  # to the last bit what a movie of the same codes gives
                rgb = np.asarray(np.rint(rgb * levels) / np.float32(levels), np.float32)
        return np.asarray(np.clip(_as_srgb(rgb, picture, colorspace), 0, 1), np.float32)


def _as_srgb(rgb: Image, picture: Picture, colorspace: str | None) -> NDArray[np.float32]:
    """Return the sRGB code values of the pixels of a picture, unbounded."""
    if colorspace is not None:
        return np.asarray(srgb_encode(named_space(colorspace).decode(rgb)))
    try:
        if picture.encoding:
            return _from_movie(rgb, picture.encoding, picture.path)
        space = ColorPipe.open(None, file_format=picture.file_format, pixel_type=picture.pixel_type).space
    except ColorError:
        raise ColorError(
            f"The colour space of {picture.path} cannot be told by its type. Name it with `stcolor evaluate "
            "--colorspace`, or convert it: to EXR in linear Rec.709, to PNG in sRGB, or to a movie in Rec.709."
        ) from None
    return np.asarray(srgb_encode(rgb)) if space.is_linear else rgb


def _from_movie(rgb: Image, encoding: str, path: Path) -> NDArray[np.float32]:
    """Return sRGB code values by the tags of a movie: colours of Rec.709, under the curve that the movie has."""
    space = tagged_space(encoding, path.name)
    if space.is_linear:
        return np.asarray(srgb_encode(space.decode(rgb)))
    primaries, transfer = encoding.split("/")[:2]
    if int(primaries) in _LIKE_REC709:
        return rgb
    return tagged_space(f"{_REC709}/{transfer}", path.name).encode(space.decode(rgb))


@lru_cache(maxsize=4)
def named_space(name: str) -> Space:
    """Return a colour space of the OpenColorIO config ($OCIO, else the builtin).

    Args:
        name: Its name, alias or role.

    Raises:
        ColorError: If there is none of that name.
    """
    return open_space(name, config=None)


def list_files(folder: Path, types: Collection[str]) -> list[Path]:
    """Return the files of some types in a folder, in order of their names, without hidden ones.

    Numbers in names count by their value: frame_9 comes before frame_10.

    Args:
        folder: The folder.
        types: Extensions in lower case, such as ".png".

    Raises:
        PlateError: If the folder cannot be listed.
    """
    if denial := describe_denial(folder):
        raise PlateError(f"{folder} {denial}")
    found = (path for path in folder.iterdir() if path.suffix.lower() in types and not path.name.startswith("."))
    return sorted((path for path in found if is_file(path)), key=_natural)


def _natural(path: Path) -> tuple[tuple[str | int, ...], str]:
    parts = _DIGITS.split(path.name)  # text and digits in turn, so that like is compared with like
    return tuple(int(part) if place % 2 else part for place, part in enumerate(parts)), path.name


def the_only_movie(movies: Collection[Path], name: str, *, remedy: str = "Leave one there.") -> Path:
    """Return the movie of a clip.

    Args:
        movies: The movies that may be meant, one or more.
        name: Name of the clip.
        remedy: What to do if there are several.

    Raises:
        BadRequest: If there are several.
    """
    first = next(iter(movies))
    if len(movies) > 1:
        names = ", ".join(path.name for path in list(movies)[:3])
        raise BadRequest(f"{first.parent} has several movies for {name} ({names}). {remedy}")
    return first

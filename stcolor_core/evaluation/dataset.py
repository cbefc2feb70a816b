"""Sequences with known colour, read one frame at a time from a folder laid out as DAVIS is, or from movies.

DIR/<sequence>/00000.jpg          the frames, in the order of their names; see `stored_pictures` for the file types
DIR/<sequence>.mp4                or a movie of them; DIR/<sequence>/any.mp4 too
DIR_masks/<sequence>/00000.png    the object masks, next to DIR; 0 is background, anything else an object; each
                                  further value or colour is an object of its own
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise
from math import ceil, gcd
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from stcolor_core.arrays import ByteImage, Image, Mask
from stcolor_core.errors import BadRequest, PlateError
from stcolor_core.evaluation.stored_pictures import PICTURE_TYPES, StoredPicture, list_files, the_only_movie
from stcolor_core.files.given_paths import describe_denial, is_folder
from stcolor_core.images.resizing import resize
from stcolor_core.movies.names import MOVIE_TYPES, is_movie
from stcolor_core.movies.reader import open_movie

__all__ = ["DatasetSequence", "empty_folders", "read_dataset", "sequence_names"]

_MASK_TYPES = (".jpg", ".jpeg", ".png")
_WIDE_SCREEN, _SAME_ASPECT = 16 / 9, 0.01
_LEAST_WIDTH = 16  # px
_NUMBER = re.compile(r"\d+$")


@dataclass(frozen=True)
class DatasetSequence:
    """One sequence. Frame indices start at 0; the paper's "10th frame" is index 9.

    Attributes:
        name: Name of its folder, or of its movie without the extension.
        files: One picture file for each frame, or the movie alone.
        masks: One mask file for each frame; None if the data set has none for this sequence.
        size: (width, height) in pixels that every frame and mask is resized to, averaged over the
            pixel areas if it gets smaller.
        movie_frames: How many frames the movie has; None for picture files.
        colorspace: As for `StoredPicture.read`.
    """

    name: str
    files: tuple[Path, ...]
    masks: tuple[Path, ...] | None = None
    size: tuple[int, int] = (384, 216)
    movie_frames: int | None = None
    colorspace: str | None = None

    def __len__(self) -> int:
        return len(self.files) if self.movie_frames is None else self.movie_frames

    @cached_property
    def native_size(self) -> tuple[int, int]:
        """Return (width, height) in pixels of the first frame on disk.

        Raises:
            PlateError: If the file is not a picture.
        """
        return self._stored(0).size

    def with_lines(self, lines: int) -> DatasetSequence:
        """Return the sequence resized to a height, at its own aspect.

        An aspect within 1 % of 16:9 is taken as 16:9: the figures of DAVIS, 854 x 480, are those at 384 x 216. A
        sequence that has this height is not resized.

        Args:
            lines: Height in pixels.

        Raises:
            BadRequest: If the result is narrower than 16 px.
            PlateError: If the first picture cannot be read.
        """
        width, height = self.native_size
        if height == lines:
            return replace(self, size=self.native_size)
        aspect = width / height
        if abs(aspect / _WIDE_SCREEN - 1) <= _SAME_ASPECT:
            aspect = _WIDE_SCREEN
        if aspect * lines < _LEAST_WIDTH:
            raise BadRequest(
                f"The clip {self.name}, {width} x {height}, is {aspect * lines:.0f} px wide at --lines {lines}. Give "
                f"--lines {ceil(_LEAST_WIDTH / aspect)} or more, or leave it out."
            )
        return replace(self, size=(round(aspect * lines), lines))

    def missing_numbers(self, count: int) -> list[range]:
        """Return the frame numbers that the pictures leave out, in runs from the first to the last of each.

        A step that all numbers share, such as every fifth frame, leaves nothing out. Nothing is known of a movie, or of
        names that differ in more than the number at their end.

        Args:
            count: How many of the frames are looked at, from the first.
        """
        names = [_NUMBER.split(path.stem)[0] for path in self.files[:count]]
        found = [_NUMBER.search(path.stem) for path in self.files[:count]]
        numbers = [int(match[0]) for match in found if match]
        if self.movie_frames is not None or len(numbers) < len(names) or len(set(names)) > 1:
            return []
        pairs = list(pairwise(numbers))
        step = gcd(*(after - before for before, after in pairs))
        return [range(before + step, after - step + 1) for before, after in pairs if after - before > step]

    def frame_name(self, index: int) -> str:
        """Return the name of a frame: its file's without the extension, or its number in a movie from 00000.

        Args:
            index: Frame index, from 0.
        """
        return self.files[index].stem if self.movie_frames is None else f"{index:05d}"

    def rgb(self, index: int) -> Image:
        """Return a frame's sRGB code values, (H, W, 3), 0..1.

        Args:
            index: Frame index, from 0.

        Raises:
            PlateError: If the file is not a picture, if it has another size than the first, or the movie is damaged
                there.
            ColorError: As `StoredPicture.read` does.
        """
        picture = self._stored(index).read(self.colorspace)
        height, width = picture.shape[:2]
        if (width, height) != self.native_size:  # stretched, it would be measured as if it had been so
            raise PlateError(
                f"{self._stored(index).path} has {width} x {height} px, but the first picture of its clip has "
                f"{self.native_size[0]} x {self.native_size[1]}. Give all frames of the clip one size."
            )
        return resize(picture, self.size[::-1])

    def mask(self, index: int) -> Mask:
        """Return the pixels of a frame that objects cover by half or more, (H, W) bool.

        Args:
            index: Frame index, from 0.

        Raises:
            BadRequest: If the sequence has no masks.
            PlateError: If the file is not a picture.
        """
        return self._covers(np.any(self._read_mask(index), axis=2))

    def objects(self, index: int) -> dict[str, Mask]:
        """Return the pixels of each object of a frame, (H, W) bool, by its name: the id or colour in the mask.

        A mask of one channel that reaches 255 is the coverage of a single object, "foreground", as in DAVIS 2016.

        Args:
            index: Frame index, from 0.

        Raises:
            BadRequest: If the sequence has no masks.
            PlateError: If the file is not a picture.
        """
        ids = self._read_mask(index)
        if ids.shape[2] == 1 and (ids.max() in (0, 255)):
            return {"foreground": self._covers(np.any(ids, axis=2))}
        values = np.unique(ids.reshape(-1, ids.shape[2]), axis=0)
        return {
            "-".join(map(str, value)): self._covers(np.all(ids == value, axis=2))
            for value in values.tolist()
            if any(value)
        }

    def _stored(self, index: int) -> StoredPicture:
        if self.movie_frames is not None:
            return StoredPicture(self.files[0], index)
        return StoredPicture(self.files[index])

    def _read_mask(self, index: int) -> ByteImage:
        """Return the ids or colours in a mask file, (H, W, 1) or (H, W, 3)."""
        if self.masks is None:
            raise BadRequest(
                f"Sequence {self.name} has no masks. "
                "Put them next to the data set, in a folder with the data set's name plus _masks."
            )
        ids = _read(self.masks[index])
        return ids[..., None] if ids.ndim == 2 else ids[..., :3]

    def _covers(self, mask: NDArray[Any]) -> Mask:
        """Return which pixels a mask covers by half or more at the evaluation size."""
        return np.asarray(cv2.resize(mask.astype(np.float32), self.size, interpolation=cv2.INTER_AREA) >= 0.5)


def read_dataset(
    directory: Path,
    *,
    width: int = 384,
    height: int = 216,
    names: Collection[str] | None = None,
    colorspace: str | None = None,
) -> list[DatasetSequence]:
    """Return the sequences of a folder, in order of name. No picture is opened yet; the frames of movies are counted.

    Args:
        directory: Holds one folder of pictures or one movie for each sequence.
        width: Width in pixels that frames and masks are resized to, 1 or more.
        height: Height in pixels that frames and masks are resized to, 1 or more.
        names: The sequences to return; None for all.
        colorspace: As for `StoredPicture.read`.

    Raises:
        BadRequest: If the size is empty, the folder holds no such sequence, two have one name, masks do not match the
            frames, or PyAV is missing for a movie.
        PlateError: If a movie cannot be read, or was cut short.
    """
    if width < 1 or height < 1:
        raise BadRequest(f"The evaluation size {width}x{height} is empty. Give both a width and a height above 0.")
    found = _find_sequences(directory)
    unknown = sorted(set(names or ()) - set(found))
    if unknown:
        raise BadRequest(f"The data set {directory} has no sequence {unknown[0]!r}. It has {', '.join(found)}.")
    masks = directory.resolve().with_name(f"{directory.resolve().name}_masks")
    return [
        _open_sequence(name, path, masks / name, (width, height), colorspace)
        for name, path in found.items()
        if names is None or name in names
    ]


def sequence_names(directory: Path) -> list[str]:
    """Return the names of the sequences of a folder, in order. No file is opened.

    Args:
        directory: As for `read_dataset`.

    Raises:
        BadRequest: If the folder holds no sequence, or two have one name.
    """
    return list(_find_sequences(directory))


def empty_folders(directory: Path) -> list[str]:
    """Return the names of the folders that hold neither a picture nor a movie, in order.

    Args:
        directory: As for `read_dataset`.
    """
    folders = (path for path in sorted(directory.iterdir()) if is_folder(path) and not path.name.startswith("."))
    return [path.name for path in folders if not _holds_frames(path)]


def _holds_frames(folder: Path) -> bool:
    return any(list_files(folder, types) for types in (PICTURE_TYPES, MOVIE_TYPES))


def _find_sequences(directory: Path) -> dict[str, Path]:
    """Return the folder or the movie of each sequence by its name, in order."""
    if denial := describe_denial(directory):
        raise BadRequest(f"The data set {directory} {denial}")
    if not is_folder(directory):
        raise BadRequest(
            f"The data set {directory} is not a folder. Give one that holds a folder of pictures or a movie for each "
            "sequence."
        )
    found: dict[str, Path] = {}
    for path in sorted(directory.iterdir()):
        if path.name.startswith("."):
            continue
        if is_folder(path):
            name, holds = path.name, _holds_frames(path)
        else:
            name, holds = path.stem, is_movie(path)
        if holds and name in found:
            raise BadRequest(
                f"The data set {directory} has two sequences {name!r}: {found[name].name} and {path.name}. Rename one."
            )
        if holds:
            found[name] = path
    if not found:
        raise BadRequest(
            f"The data set {directory} holds no sequence. Each must be a folder of pictures, such as PNG, JPEG or EXR, "
            "or a movie."
        )
    return dict(sorted(found.items()))


def _open_sequence(
    name: str, path: Path, mask_folder: Path, size: tuple[int, int], colorspace: str | None
) -> DatasetSequence:
    pictures = list_files(path, PICTURE_TYPES) if is_folder(path) else []
    if pictures:
        _require_single(pictures)
        masks = _masks([picture.stem for picture in pictures], mask_folder)
        return DatasetSequence(name, tuple(pictures), masks, size, colorspace=colorspace)
    movie = path
    if is_folder(path):
        remedy = "Leave one there, or give that folder as the data set."
        movie = the_only_movie(list_files(path, MOVIE_TYPES), name, remedy=remedy)
    info = open_movie(movie).info
    count = info.count
    if info.shortage:
        raise PlateError(f"{info.shortage} Copy or export it again.")
    return DatasetSequence(name, (movie,), _movie_masks(movie, count, mask_folder), size, count, colorspace)


def _require_single(pictures: Sequence[Path]) -> None:
    by_name: dict[str, Path] = {}
    for picture in pictures:
        if (other := by_name.setdefault(picture.stem, picture)) != picture:
            raise BadRequest(
                f"{picture.parent} has two pictures of frame {picture.stem} ({other.name} and {picture.name}). "
                "Leave one there."
            )


def _masks(frames: Sequence[str], folder: Path) -> tuple[Path, ...] | None:
    """Return the mask file of each frame, matched by the frame's name; None without a folder of masks."""
    if not is_folder(folder):
        return None
    files = {path.stem: path for path in list_files(folder, _MASK_TYPES)}
    missing = [frame for frame in frames if frame not in files]
    if missing:
        raise BadRequest(
            f"The masks in {folder} lack frame {missing[0]}. Add it, or remove the folder to go without masks."
        )
    return tuple(files[frame] for frame in frames)


def _movie_masks(movie: Path, count: int, folder: Path) -> tuple[Path, ...] | None:
    """Return the mask file of each frame of a movie: as many as frames, numbered without a gap from any number on."""
    if not is_folder(folder):
        return None
    files = list_files(folder, _MASK_TYPES)
    numbers = [int(match[0]) for path in files if (match := _NUMBER.search(path.stem))]
    if len(files) != count or len(numbers) != count:
        raise BadRequest(
            f"The masks in {folder} are {len(numbers)} numbered pictures, and {movie} has {count} frames. Give one for "
            "each frame, or remove the folder to go without masks."
        )
    gap = next((before + 1 for before, after in pairwise(numbers) if after != before + 1), None)
    if gap is not None:
        raise BadRequest(
            f"The masks in {folder} lack number {gap}. Number them as the frames of {movie.name} follow each other, "
            "or remove the folder to go without masks."
        )
    return tuple(files)


def _read(path: Path) -> ByteImage:
    """Return the pixels of a mask file as they are, 8-bit."""
    try:
        # Not cv2.imread: on Windows it cannot open paths outside the local code page.
        picture = cv2.imdecode(np.fromfile(path, np.uint8), cv2.IMREAD_UNCHANGED)
    except (OSError, cv2.error) as error:
        raise PlateError(f"The picture {path} cannot be read ({str(error).strip()}). Copy it again.") from None
    if picture is None:
        raise PlateError(f"The picture {path} is damaged or not a picture. Copy it again.")
    return np.asarray(picture)

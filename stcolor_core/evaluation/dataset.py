"""Sequences with known colour, read one frame at a time from a folder laid out as DAVIS is.

DIR/<sequence>/00000.jpg          the frames, .jpg or .png, in the order of their names
DIR_masks/<sequence>/00000.png    the object masks, next to DIR; 0 is background, anything else an object; each
                                  further value or colour is an object of its own
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from stcolor_core.arrays import ByteImage, Image, Mask
from stcolor_core.errors import BadRequest, PlateError

__all__ = ["DatasetSequence", "list_files", "read_dataset"]

_PICTURES = (".jpg", ".jpeg", ".png")


@dataclass(frozen=True)
class DatasetSequence:
    """One sequence. Frame indices start at 0; the paper's "10th frame" is index 9.

    Attributes:
        name: Name of its folder.
        frames: One picture file for each frame.
        masks: One mask file for each frame; None if the data set has none for this sequence.
        size: (width, height) in pixels that every frame and mask is resized to, by averaging over the pixel areas.
    """

    name: str
    frames: tuple[Path, ...]
    masks: tuple[Path, ...] | None = None
    size: tuple[int, int] = (384, 216)

    def __len__(self) -> int:
        return len(self.frames)

    @property
    def native_size(self) -> tuple[int, int]:
        """Return (width, height) in pixels of the first picture on disk.

        Raises:
            PlateError: If the file is not a picture.
        """
        height, width = _read(self.frames[0], cv2.IMREAD_COLOR).shape[:2]
        return width, height

    def rgb(self, index: int) -> Image:
        """Return a frame's sRGB code values, (H, W, 3), 0..1.

        Args:
            index: Frame index, from 0.

        Raises:
            PlateError: If the file is not a picture.
        """
        picture = cv2.cvtColor(_read(self.frames[index], cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB).astype(np.float32) / 255
        return np.asarray(cv2.resize(picture, self.size, interpolation=cv2.INTER_AREA))

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

    def _read_mask(self, index: int) -> ByteImage:
        """Return the ids or colours in a mask file, (H, W, 1) or (H, W, 3)."""
        if self.masks is None:
            raise BadRequest(
                f"Sequence {self.name} has no masks. "
                "Put them next to the data set, in a folder with the data set's name plus _masks."
            )
        ids = _read(self.masks[index], cv2.IMREAD_UNCHANGED)
        return ids[..., None] if ids.ndim == 2 else ids[..., :3]

    def _covers(self, mask: NDArray[Any]) -> Mask:
        """Return which pixels a mask covers by half or more at the evaluation size."""
        return np.asarray(cv2.resize(mask.astype(np.float32), self.size, interpolation=cv2.INTER_AREA) >= 0.5)


def read_dataset(
    directory: Path, *, width: int = 384, height: int = 216, names: Collection[str] | None = None
) -> list[DatasetSequence]:
    """Return the sequences of a folder laid out as DAVIS is, in order of name. No picture is opened yet.

    Args:
        directory: Holds one folder of pictures for each sequence.
        width: Width in pixels that frames and masks are resized to, 1 or more.
        height: Height in pixels that frames and masks are resized to, 1 or more.
        names: The sequences to return; None for all.

    Raises:
        BadRequest: If the size is empty, the folder holds no such sequence, or masks do not match the frames.
    """
    if width < 1 or height < 1:
        raise BadRequest(f"The evaluation size {width}x{height} is empty. Give both a width and a height above 0.")
    if not directory.is_dir():
        raise BadRequest(
            f"The data set {directory} is not a folder. Give one that holds a folder of pictures for each sequence."
        )
    folders = {folder.name: folder for folder in sorted(directory.iterdir()) if folder.is_dir() and _pictures(folder)}
    if not folders:
        raise BadRequest(f"The data set {directory} holds no sequence. Each must be a folder of .jpg or .png pictures.")
    unknown = sorted(set(names or ()) - set(folders))
    if unknown:
        raise BadRequest(f"The data set {directory} has no sequence {unknown[0]!r}. It has {', '.join(folders)}.")
    masks = directory.resolve().with_name(f"{directory.resolve().name}_masks")
    return [
        DatasetSequence(name, tuple(frames := _pictures(folder)), _masks(frames, masks / name), (width, height))
        for name, folder in folders.items()
        if names is None or name in names
    ]


def list_files(folder: Path, types: Collection[str]) -> list[Path]:
    """Return the files of some types in a folder, in order of their names, without hidden ones.

    Args:
        folder: The folder.
        types: Extensions in lower case, such as ".png".
    """
    return sorted(path for path in folder.iterdir() if path.suffix.lower() in types and not path.name.startswith("."))


def _pictures(folder: Path) -> list[Path]:
    return list_files(folder, _PICTURES)


def _masks(frames: list[Path], folder: Path) -> tuple[Path, ...] | None:
    """Return the mask file of each frame, matched by the frame's name; None without a folder of masks."""
    if not folder.is_dir():
        return None
    files = {path.stem: path for path in _pictures(folder)}
    missing = [frame.stem for frame in frames if frame.stem not in files]
    if missing:
        raise BadRequest(
            f"The masks in {folder} lack frame {missing[0]}. Add it, or remove the folder to go without masks."
        )
    return tuple(files[frame.stem] for frame in frames)


def _read(path: Path, mode: int) -> ByteImage:
    """Return the file's pixels, 8-bit."""
    try:
        # Not cv2.imread: on Windows it cannot open paths outside the local code page.
        picture = cv2.imdecode(np.fromfile(path, np.uint8), mode)
    except (OSError, cv2.error) as error:
        raise PlateError(f"The picture {path} cannot be read ({str(error).strip()}). Copy it again.") from None
    if picture is None:
        raise PlateError(f"The picture {path} is damaged or not a picture. Copy it again.")
    return np.asarray(picture)

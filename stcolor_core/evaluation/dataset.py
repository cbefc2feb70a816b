"""Sequences with known colour, from a DAVIS-like folder, read a frame at a time.

DIR/<sequence>/00000.jpg          the frames, .jpg or .png, in the order of their names
DIR_masks/<sequence>/00000.png    the object masks, beside DIR; 0 is background, anything else an object
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from stcolor_core.errors import BadRequest, PlateError

__all__ = ["DatasetSequence", "read_dataset"]

_PICTURES = (".jpg", ".jpeg", ".png")


@dataclass(frozen=True)
class DatasetSequence:
    """One sequence. Frames are counted from 0 here; the paper's "10th frame" is index 9.

    name: its folder's name. frames: one picture file a frame.
    masks: one mask file a frame; None where the data set has none for this sequence.
    size: (width, height) that every frame and mask is resized to, averaging over the pixels that each new one covers.
    """

    name: str
    frames: tuple[Path, ...]
    masks: tuple[Path, ...] | None = None
    size: tuple[int, int] = (384, 216)

    def __len__(self) -> int:
        return len(self.frames)

    @property
    def own_size(self) -> tuple[int, int]:
        """(width, height) of the first picture as it is on disk. Raises PlateError where that is not a picture."""
        height, width = _read(self.frames[0], cv2.IMREAD_COLOR).shape[:2]
        return width, height

    def rgb(self, index: int) -> np.ndarray:
        """(H, W, 3) float32 sRGB code values, 0..1. Raises PlateError where the file is not a picture."""
        picture = cv2.cvtColor(_read(self.frames[index], cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB).astype(np.float32) / 255
        return np.asarray(cv2.resize(picture, self.size, interpolation=cv2.INTER_AREA))

    def mask(self, index: int) -> np.ndarray:
        """(H, W) bool, the pixels that objects cover by half or more.

        Raises BadRequest where the sequence has no masks, PlateError where the file is not a picture.
        """
        if self.masks is None:
            raise BadRequest(
                f"Sequence {self.name} has no masks. "
                "Put them in a folder beside the data set, named like it plus _masks."
            )
        ids = _read(self.masks[index], cv2.IMREAD_UNCHANGED)
        covered = (ids if ids.ndim == 2 else ids[..., :3].any(axis=2)) != 0
        return np.asarray(cv2.resize(covered.astype(np.float32), self.size, interpolation=cv2.INTER_AREA) >= 0.5)


def read_dataset(
    directory: Path, *, width: int = 384, height: int = 216, names: Collection[str] | None = None
) -> list[DatasetSequence]:
    """The sequences of a DAVIS-like folder by name, all or the named ones; no picture is opened yet.

    Raises BadRequest where the folder holds no such sequence, or masks that do not go with its frames.
    """
    if width < 1 or height < 1:
        raise BadRequest(f"The evaluation size {width}x{height} is empty. Give both a width and a height above 0.")
    if not directory.is_dir():
        raise BadRequest(
            f"The data set {directory} is not a folder. Give one that holds a folder of pictures per sequence."
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


def _pictures(folder: Path) -> list[Path]:
    return sorted(
        path for path in folder.iterdir() if path.suffix.lower() in _PICTURES and not path.name.startswith(".")
    )


def _masks(frames: list[Path], folder: Path) -> tuple[Path, ...] | None:
    """The mask of each frame, by the frame's name."""
    if not folder.is_dir():
        return None
    files = {path.stem: path for path in _pictures(folder)}
    missing = [frame.stem for frame in frames if frame.stem not in files]
    if missing:
        raise BadRequest(
            f"The masks in {folder} lack frame {missing[0]}. Add it, or remove the folder to go without masks."
        )
    return tuple(files[frame.stem] for frame in frames)


def _read(path: Path, mode: int) -> np.ndarray:
    """The file's pixels, 8 bit."""
    try:
        # Not cv2.imread: on Windows it cannot open paths outside the local code page.
        picture = cv2.imdecode(np.fromfile(path, np.uint8), mode)
    except (OSError, cv2.error) as error:
        raise PlateError(f"The picture {path} cannot be read ({str(error).strip()}). Copy it again.") from None
    if picture is None:
        raise PlateError(f"The picture {path} is damaged or no picture. Copy it again.")
    return np.asarray(picture)

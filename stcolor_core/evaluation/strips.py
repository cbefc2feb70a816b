"""Chosen frames side by side: plate, truth and each method, with their wrong pixels below."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

import cv2
import numpy as np

from stcolor_core.arrays import ByteImage, Image
from stcolor_core.errors import PlateError
from stcolor_core.evaluation.clip import Clip
from stcolor_core.evaluation.measurements import write_bytes
from stcolor_core.evaluation.metrics import eight_bit, within_threshold
from stcolor_core.evaluation.scoring import ColoredPicture
from stcolor_core.images.color import lab_to_srgb

__all__ = [
    "error_picture",
    "has_pictures",
    "keep_pictures",
    "picture_path",
    "plain_name",
    "write_picture",
    "write_strip",
]

_GAP = 4  # px between pictures
_LABEL = 20  # px above each picture


def plain_name(name: str) -> str:
    """Return a name as part of a file's: what is no letter, digit, hyphen, plus or dot becomes an underscore.

    Args:
        name: Of a protocol, a variant or a sequence.
    """
    return re.sub(r"[^\w.+-]", "_", name)


def picture_path(folder: Path, frame: int) -> Path:
    """Return where `keep_pictures` puts a frame.

    Args:
        folder: Of a method's pictures.
        frame: Frame index, from 0.
    """
    return folder / f"{frame:05d}.png"


def keep_pictures(
    pictures: Iterator[ColoredPicture], frames: Collection[int], folder: Path
) -> Iterator[ColoredPicture]:
    """Yield pictures as they come, and write those of the chosen frames as PNG.

    Args:
        pictures: The coloured frames.
        frames: Frame indices to write.
        folder: Where to.

    Raises:
        OutputError: If a file cannot be written.
    """
    for colored in pictures:
        if colored[0] in frames:
            write_picture(picture_path(folder, colored[0]), eight_bit(colored[1]).astype(np.uint8))
        yield colored


def has_pictures(folder: Path, frames: Collection[int]) -> bool:
    """Return whether all of these frames were written.

    Args:
        folder: Where to.
        frames: Frame indices.
    """
    return all(picture_path(folder, frame).is_file() for frame in frames)


def error_picture(truth: Image, picture: Image, threshold: float = 16) -> ByteImage:
    """Return the pixels whose error exceeds a threshold in white on black (Akimoto et al. 2020, Figs. 12 and 13).

    Args:
        truth: Display RGB, (H, W, 3), 0..1.
        picture: The result, like `truth`.
        threshold: Euclidean RGB distance in levels of 255.

    Returns:
        8-bit RGB, (H, W, 3).
    """
    wrong = ~within_threshold(truth, picture, threshold)
    return np.repeat(np.where(wrong, 255, 0).astype(np.uint8)[..., None], 3, axis=2)


def write_strip(path: Path, clip: Clip, frame: int, methods: Sequence[tuple[str, Path]]) -> None:
    """Write one frame's plate, truth and results in a row, with their error pictures below.

    Args:
        path: The PNG to write.
        clip: The clip with its true colour.
        frame: Frame index, from 0.
        methods: Name and picture of each result.

    Raises:
        PlateError: If a result cannot be read.
        OutputError: If the strip cannot be written.
    """
    truth, lightness = clip.rgb[frame], clip.lightnesses[frame]
    grey = lab_to_srgb(np.dstack([lightness, np.zeros((*lightness.shape, 2), np.float32)]))
    columns = [("plate", grey), ("truth", truth), *((name, _read(picture)) for name, picture in methods)]
    blocks = []
    for name, picture in columns:
        error = error_picture(truth, picture)
        share = f"{100 * float((error[..., 0] > 0).mean()):.1f} % wrong" if name != "truth" else "wrong: > 16 of 255"
        parts = [_labelled(eight_bit(picture).astype(np.uint8), name), _labelled(error, share)]
        blocks.append(np.pad(np.vstack(parts), ((0, 0), (0, _GAP), (0, 0))))
    write_picture(path, np.hstack(blocks)[:, :-_GAP])


def write_picture(path: Path, picture: ByteImage) -> None:
    """Write a picture as PNG, atomically.

    Args:
        path: The file.
        picture: 8-bit RGB, (H, W, 3).

    Raises:
        OutputError: If it cannot be written.
    """
    _, data = cv2.imencode(".png", picture[..., ::-1])
    write_bytes(path, data.tobytes())


def _labelled(picture: ByteImage, label: str) -> ByteImage:
    """Return a picture with a line of text above it."""
    bar = np.zeros((_LABEL, picture.shape[1], 3), np.uint8)
    cv2.putText(bar, label, (4, _LABEL - 6), cv2.FONT_HERSHEY_SIMPLEX, 0.42, (230, 230, 230), 1, cv2.LINE_AA)
    return np.vstack([bar, picture])


def _read(path: Path) -> Image:
    try:
        picture = cv2.imdecode(np.fromfile(path, np.uint8), cv2.IMREAD_COLOR)
    except (OSError, cv2.error):
        picture = None
    if picture is None:
        raise PlateError(f"The picture {path} is gone or damaged. Delete it and run the evaluation again.")
    return np.asarray(picture[..., ::-1] / np.float32(255), np.float32)

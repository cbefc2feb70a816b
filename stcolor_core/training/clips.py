"""Clips for training: resized to the grid, aged like old film, or with an intruder.

All random numbers come from a generator, so that the same seed gives the same pictures.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Sequence

import cv2
import numpy as np

from stcolor_core.arrays import Image
from stcolor_core.errors import BadRequest
from stcolor_core.evaluation.clip import Clip
from stcolor_core.evaluation.dataset import DatasetSequence
from stcolor_core.evaluation.film import FilmWear, apply_wear
from stcolor_core.method.features.standard import StandardFeatures

__all__ = ["LONGEST_ASPECT", "add_intruder", "age_clip", "held_out", "move_camera", "resize_sequence"]

LONGEST_ASPECT = 4  # longer pictures are squeezed, so that a batch of frames fits into memory
_SHORT_SIDE = 216
_HELD_OUT = 10  # one of so many clips
_COMPRESSED = 0.4  # share of the old prints with a lossy transfer


def held_out(names: Sequence[str], requested: Collection[str] | None) -> tuple[str, ...]:
    """Return the names of the clips to hold out from training for validation.

    Args:
        names: Names of all clips, in order.
        requested: Clips to hold out. None takes the last tenth: at least one clip, unless there is only one.

    Raises:
        BadRequest: If a requested clip does not exist, or no clip is left to train on.
    """
    if requested is None:
        last = tuple(names[len(names) - max(1, len(names) // _HELD_OUT) :])
        return last if len(last) < len(names) else ()
    if unknown := sorted(set(requested).difference(names)):
        raise BadRequest(f"There is no clip {unknown[0]!r} to hold out. The footage has {', '.join(names)}.")
    if names and set(requested) == set(names):
        raise BadRequest("Every clip of the footage is held out. Leave one to train on: --held-out names the others.")
    return tuple(requested)


def resize_sequence(sequence: DatasetSequence, short_side: int = _SHORT_SIDE) -> DatasetSequence:
    """Return the sequence resized to whole grid cells at its own aspect, up to 4:1.

    Args:
        sequence: The sequence; only the size of its first picture is read.
        short_side: Length of the short side in pixels, before rounding.

    Raises:
        PlateError: If the first picture cannot be read.
    """
    native_size, cell = sequence.native_size, StandardFeatures.stride
    scale = short_side / min(native_size)
    width, height = (round(min(side * scale, LONGEST_ASPECT * short_side) / cell) * cell for side in native_size)
    return dataclasses.replace(sequence, size=(width, height))


def add_intruder(
    pictures: list[Image], source: Image, *, absent: set[int], generator: np.random.Generator
) -> list[Image]:
    """Return pictures with a piece of another one that crosses them: an object that is on no reference.

    Args:
        pictures: sRGB of each frame, (H, W, 3), 0..1.
        source: The picture that the piece is cut out of, (H, W, 3), 0..1.
        absent: Indices of the pictures that stay as they are.
        generator: The random numbers; the same state gives the same pictures.
    """
    height, width = pictures[0].shape[:2]
    side = min(height, width)
    size = int(side * generator.uniform(0.2, 0.5)), int(side * generator.uniform(0.15, 0.45))
    resized = cv2.resize(source, (width, height), interpolation=cv2.INTER_AREA)
    top, left = generator.integers(0, height - size[0]), generator.integers(0, width - size[1])
    piece = resized[top : top + size[0], left : left + size[1]]
    y, x = np.mgrid[-1 : 1 : size[0] * 1j, -1 : 1 : size[1] * 1j]
    mask = np.clip((1 - (np.abs(x) ** 2.5 + np.abs(y) ** 2.5)) * 6, 0, 1)[..., None].astype(np.float32)
    ends = generator.uniform(0, 1, (2, 2)) * (height - size[0] - 1, width - size[1] - 1)
    result = []
    for index, picture in enumerate(pictures):
        if index in absent:
            result.append(picture)
            continue
        share = index / max(1, len(pictures) - 1)
        row, column = (ends[0] * (1 - share) + ends[1] * share).astype(int)
        changed = picture.copy()
        window = changed[row : row + size[0], column : column + size[1]]
        window[...] = mask * piece + (1 - mask) * window
        result.append(changed)
    return result


def move_camera(pictures: list[Image], generator: np.random.Generator) -> list[Image]:
    """Return pictures as a camera sees them that pans, zooms and in half of the cases shakes: moving parts, enlarged.

    Args:
        pictures: sRGB of each frame, (H, W, 3), 0..1.
        generator: The random numbers; the same state gives the same motion.
    """
    height, width = pictures[0].shape[:2]
    size, count = np.array([width, height]), len(pictures)
    shares = np.linspace(0, 1, count)[:, None]
    zoom = generator.uniform(0.55, 0.95, 2)
    ends = generator.uniform(0, 1, (2, 2))
    path = ends[0] + shares * (ends[1] - ends[0]) * generator.uniform(0.2, 1)
    path = np.clip(path + np.cumsum(generator.normal(0, 1, (count, 2)), 0) * generator.choice([0, 0, 0.01, 0.02]), 0, 1)
    moved: list[Image] = []
    for picture, share, place in zip(pictures, shares[:, 0], path, strict=True):
        scale = float(zoom[0] + share * (zoom[1] - zoom[0]))
        left, top = place * (1 - scale) * size
        matrix = np.array([[scale, 0, left], [0, scale, top]], np.float32)
        flags = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
        enlarged = cv2.warpAffine(picture, matrix, (width, height), flags=flags, borderMode=cv2.BORDER_REPLICATE)
        moved.append(np.asarray(np.clip(enlarged, 0, 1), np.float32))
    return moved


def age_clip(clip: Clip, generator: np.random.Generator) -> Clip:
    """Return the clip with the wear of an old print, of random strength.

    Args:
        clip: The clean clip.
        generator: The random numbers; the same state gives the same wear.
    """
    wear = FilmWear(
        grain=generator.uniform(0, 3.5),
        flicker=generator.uniform(0, 0.06),
        weave=generator.uniform(0, 1.2),
        blur=generator.uniform(0.3, 1.3) * (generator.random() < 0.5),
        gamma=generator.uniform(0.8, 1.25),
        scratches=0.6,
        spots=1.5,
        quality=int(generator.integers(30, 90)) if generator.random() < _COMPRESSED else None,
    )
    return apply_wear(clip, wear, generator)

"""Footage as training sees it: stretches of real clips, some made to look like old film, some with an intruder.

Everything is drawn from a generator, so that the same seed gives the same pictures.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Sequence

import cv2
import numpy as np

from stcolor_core.errors import BadRequest
from stcolor_core.evaluation.clip import Clip
from stcolor_core.evaluation.dataset import DatasetSequence
from stcolor_core.evaluation.film import FilmWear, apply_wear
from stcolor_core.method.features.standard import StandardFeatures

__all__ = ["LONGEST_ASPECT", "aged", "held_out", "intruded", "sized"]

LONGEST_ASPECT = 4  # longer pictures are squeezed, so that their frames fit into memory
_SHORT_SIDE = 216
_HELD_OUT = 10  # one clip in so many
_COMPRESSED = 0.4  # of the old prints, how many were transferred with losses
Rgb = list[np.ndarray]


def held_out(names: Sequence[str], asked: Collection[str] | None) -> tuple[str, ...]:
    """Choose the clips that are validated on and not trained on.

    Args:
        names: Of all clips, in order.
        asked: Clips to hold out. None takes the last tenth of the footage: at least one clip, unless there is only one.

    Raises:
        BadRequest: If a clip that was asked for is not there, or none is left to train on.
    """
    if asked is None:
        last = tuple(names[len(names) - max(1, len(names) // _HELD_OUT) :])
        return last if len(last) < len(names) else ()
    if unknown := sorted(set(asked).difference(names)):
        raise BadRequest(f"There is no clip {unknown[0]!r} to hold out. The footage has {', '.join(names)}.")
    if names and set(asked) == set(names):
        raise BadRequest("Every clip of the footage is held out. Leave one to train on: --held-out names the others.")
    return tuple(asked)


def sized(clip: DatasetSequence, short_side: int = _SHORT_SIDE) -> DatasetSequence:
    """The clip at its own aspect, up to 4:1, in whole grid cells.

    Raises PlateError where its first picture cannot be read.
    """
    scale = short_side / min(clip.own_size)
    cell = StandardFeatures.stride
    width, height = (round(min(side * scale, LONGEST_ASPECT * short_side) / cell) * cell for side in clip.own_size)
    return dataclasses.replace(clip, size=(width, height))


def intruded(pictures: Rgb, others: np.ndarray, *, absent: set[int], generator: np.random.Generator) -> Rgb:
    """Pictures with a piece of another one, (H, W, 3), that crosses them; none where `absent`.

    What it shows is on no reference: nobody can know its colour.
    """
    height, width = pictures[0].shape[:2]
    side = min(height, width)
    size = int(side * generator.uniform(0.2, 0.5)), int(side * generator.uniform(0.15, 0.45))
    others = cv2.resize(others, (width, height), interpolation=cv2.INTER_AREA)
    top, left = generator.integers(0, height - size[0]), generator.integers(0, width - size[1])
    piece = others[top : top + size[0], left : left + size[1]]
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


def aged(clip: Clip, generator: np.random.Generator) -> Clip:
    """The clip as an old print of it, worn more or less by chance."""
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

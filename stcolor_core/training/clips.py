"""Footage as training sees it: stretches of real clips, some made to look like old film, some with an intruder.

Everything is drawn from a generator, so that the same seed gives the same pictures.
"""

from __future__ import annotations

import dataclasses

import cv2
import numpy as np

from stcolor_core.color import linear_to_lab, srgb_decode
from stcolor_core.errors import PlateError
from stcolor_core.evaluation.dataset import Sequence
from stcolor_core.evaluation.protocol import Clip

__all__ = ["aged", "intruded", "sized", "stretch"]

_SHORT_SIDE = 216
Rgb = list[np.ndarray]


def sized(clip: Sequence, short_side: int = _SHORT_SIDE) -> Sequence:
    """The clip at its own aspect, in whole grid cells."""
    first = cv2.imread(str(clip.frames[0]))
    if first is None:
        raise PlateError(f"{clip.frames[0]} is no readable picture. Remove it or its clip from the footage.")
    height, width = first.shape[:2]
    scale = short_side / min(height, width)
    return dataclasses.replace(clip, size=(round(width * scale / 4) * 4, round(height * scale / 4) * 4))


def stretch(pictures: Rgb) -> Clip:
    """Pictures (H, W, 3), sRGB 0..1, as a clip for the pipeline."""
    labs = [linear_to_lab(srgb_decode(picture)) for picture in pictures]
    return Clip(
        pictures,
        [np.ascontiguousarray(lab[..., 0], np.float32) for lab in labs],
        [np.ascontiguousarray(lab[..., 1:], np.float32) for lab in labs],
        None,
    )


def intruded(pictures: Rgb, others: np.ndarray, *, absent: set[int], generator: np.random.Generator) -> Rgb:
    """Pictures with a piece of another one, (H, W, 3), that crosses them; none where `absent`.

    What it shows is on no reference: nobody can know its colour.
    """
    height, width = pictures[0].shape[:2]
    size = int(height * generator.uniform(0.2, 0.5)), int(height * generator.uniform(0.15, 0.45))
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
    """The clip as an old print of it: L* with grain, flicker, blur and scratches, the picture weaving in the gate.

    Its colour moves with the picture and is otherwise the true one.
    """
    grain, flicker = generator.uniform(0, 3.5), generator.uniform(0, 0.12)
    weave, blur = generator.uniform(0, 1.2), generator.uniform(0, 1.0) * (generator.random() < 0.5)
    gamma = generator.uniform(0.8, 1.25)
    lightnesses, colours = [], []
    for lightness, ab in zip(clip.lightnesses, clip.ab, strict=True):
        moved = np.array([[1, 0, generator.normal(0, weave)], [0, 1, generator.normal(0, weave)]], np.float32)
        size = lightness.shape[::-1]
        light, colour = (
            cv2.warpAffine(picture, moved, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
            for picture in (lightness, ab)
        )
        light = 100 * np.clip(light / 100, 0, 1) ** gamma * (1 + generator.normal(0, flicker / 2))
        if blur:
            light = cv2.GaussianBlur(light, (0, 0), 0.3 + blur)
        light += grain * cv2.GaussianBlur(generator.standard_normal(light.shape), (0, 0), 0.6) * 2
        _scratch(light, generator)
        lightnesses.append(np.clip(light, 0, 100).astype(np.float32))
        colours.append(np.ascontiguousarray(colour, np.float32))
    return dataclasses.replace(clip, lightnesses=lightnesses, ab=colours)


def _scratch(light: np.ndarray, generator: np.random.Generator) -> None:
    """A few bright or dark lines and spots, in place."""
    height, width = light.shape
    for _ in range(generator.poisson(0.6)):
        column = int(generator.integers(0, width))
        light[:, column : column + 1] += generator.choice([-30, 30]) * generator.uniform(0.3, 1)
    for _ in range(generator.poisson(1.5)):
        centre = (int(generator.integers(0, width)), int(generator.integers(0, height)))
        cv2.circle(light, centre, int(generator.integers(1, 4)), float(generator.choice([0, 100])), -1)

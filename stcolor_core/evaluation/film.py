"""Simulated wear of an old print: grain, flicker, gate weave, scratches, dirt and lossy transfer."""

from __future__ import annotations

import dataclasses

import cv2
import numpy as np
from numpy.typing import NDArray

from stcolor_core.arrays import Chroma, Pixels, Plane
from stcolor_core.evaluation.clip import Clip
from stcolor_core.images.color import lab_to_srgb

__all__ = ["FilmWear", "apply_wear"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class FilmWear:
    """The wear of an old print. The defaults are the old film that the product is measured on.

    Attributes:
        grain: Standard deviation of the grain in L*. The default is 8 of 255 code values.
        flicker: Standard deviation of the exposure from frame to frame, as a share of it.
        weave: Standard deviation of each frame's position, in px.
        blur: Standard deviation of the Gaussian blur, in px; 0 for none.
        gamma: Exponent on the lightness of the whole print; 1 leaves it.
        scratches: Mean number of vertical scratches in a frame.
        spots: Mean number of spots of dirt in a frame.
        quality: JPEG quality of the transfer, 1..100; None for a lossless one.
    """

    grain: float = 8 / 2.55
    flicker: float = 0.1
    weave: float = 1.0
    blur: float = 0.0
    gamma: float = 1.0
    scratches: float = 1.0
    spots: float = 2.0
    quality: int | None = None


def apply_wear(clip: Clip, wear: FilmWear, generator: np.random.Generator) -> Clip:
    """Return the clip with wear in its L*. Its colour moves with the picture and is otherwise the true one.

    Args:
        clip: The clean clip.
        wear: The wear to simulate.
        generator: The random numbers; the same state gives the same wear.
    """
    rgb, lightnesses, colors = [], [], []
    for lightness, ab in zip(clip.lightnesses, clip.ab, strict=True):
        shift = generator.normal(0, wear.weave, 2) if wear.weave else np.zeros(2)
        light, color = (_shift(picture, shift) for picture in (lightness, ab))
        light = _age_lightness(light, wear, generator)
        lightnesses.append(light)
        colors.append(color)
        rgb.append(lab_to_srgb(np.dstack([light, color])))
    return dataclasses.replace(clip, rgb=rgb, lightnesses=lightnesses, ab=colors)


def _shift(picture: Plane | Chroma, shift: NDArray[np.float64]) -> Plane | Chroma:
    matrix = np.array([[1, 0, shift[0]], [0, 1, shift[1]]], np.float32)
    size = picture.shape[1::-1]
    return np.ascontiguousarray(
        cv2.warpAffine(picture, matrix, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE), np.float32
    )


def _age_lightness(light: Plane, wear: FilmWear, generator: np.random.Generator) -> Plane:
    aged: Pixels = 100 * np.clip(light / 100, 0, 1) ** wear.gamma * (1 + generator.normal(0, wear.flicker))
    if wear.blur:
        aged = cv2.GaussianBlur(aged, (0, 0), wear.blur)
    aged = aged + wear.grain * generator.standard_normal(aged.shape)
    height, width = aged.shape
    for _ in range(generator.poisson(wear.scratches)):
        column = int(generator.integers(0, width))
        aged[:, column : column + 1] += generator.choice([-30, 30]) * generator.uniform(0.3, 1)
    for _ in range(generator.poisson(wear.spots)):
        center = (int(generator.integers(0, width)), int(generator.integers(0, height)))
        cv2.circle(aged, center, int(generator.integers(1, 4)), float(generator.choice([0, 100])), -1)
    aged = np.clip(aged, 0, 100).astype(np.float32)
    return aged if wear.quality is None else _compress(aged, wear.quality)


def _compress(light: Plane, quality: int) -> Plane:
    _, coded = cv2.imencode(".jpg", np.rint(2.55 * light).astype(np.uint8), [cv2.IMWRITE_JPEG_QUALITY, quality])
    return np.asarray(cv2.imdecode(coded, cv2.IMREAD_GRAYSCALE), np.float32) / np.float32(2.55)

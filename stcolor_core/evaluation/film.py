"""Clips as an old print of them: grain, flicker, a picture that weaves in the gate, scratches, dirt, lossy transfer."""

from __future__ import annotations

import dataclasses

import cv2
import numpy as np

from stcolor_core.evaluation.clip import Clip
from stcolor_core.images.color import lab_to_linear, srgb_encode

__all__ = ["FilmWear", "apply_wear"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class FilmWear:
    """What time did to a print. The defaults are the old film that the product is measured on.

    grain: sigma in L*, 8 of 255 code values. flicker: sigma of the exposure, as a share. weave: sigma in px of each
    frame's place. blur: sigma in px. gamma: of the whole print. scratches, spots: how many in a frame on average.
    quality: of the JPEG that it was transferred to, 1..100; None is lossless.
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
    """The clip with that wear in its L*. Its colour moves with the picture and is otherwise the true one."""
    rgb, lightnesses, colours = [], [], []
    for lightness, ab in zip(clip.lightnesses, clip.ab, strict=True):
        shift = generator.normal(0, wear.weave, 2) if wear.weave else np.zeros(2)
        light, colour = (_moved(picture, shift) for picture in (lightness, ab))
        light = _developed(light, wear, generator)
        lightnesses.append(light)
        colours.append(colour)
        rgb.append(srgb_encode(np.clip(lab_to_linear(np.dstack([light, colour])), 0, 1)))
    return dataclasses.replace(clip, rgb=rgb, lightnesses=lightnesses, ab=colours)


def _moved(picture: np.ndarray, shift: np.ndarray) -> np.ndarray:
    move = np.array([[1, 0, shift[0]], [0, 1, shift[1]]], np.float32)
    size = picture.shape[1::-1]
    return np.ascontiguousarray(
        cv2.warpAffine(picture, move, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE), np.float32
    )


def _developed(light: np.ndarray, wear: FilmWear, generator: np.random.Generator) -> np.ndarray:
    light = 100 * np.clip(light / 100, 0, 1) ** wear.gamma * (1 + generator.normal(0, wear.flicker))
    if wear.blur:
        light = cv2.GaussianBlur(light, (0, 0), wear.blur)
    light = light + wear.grain * generator.standard_normal(light.shape)
    height, width = light.shape
    for _ in range(generator.poisson(wear.scratches)):
        column = int(generator.integers(0, width))
        light[:, column : column + 1] += generator.choice([-30, 30]) * generator.uniform(0.3, 1)
    for _ in range(generator.poisson(wear.spots)):
        centre = (int(generator.integers(0, width)), int(generator.integers(0, height)))
        cv2.circle(light, centre, int(generator.integers(1, 4)), float(generator.choice([0, 100])), -1)
    light = np.clip(light, 0, 100).astype(np.float32)
    return light if wear.quality is None else _compressed(light, wear.quality)


def _compressed(light: np.ndarray, quality: int) -> np.ndarray:
    _, coded = cv2.imencode(".jpg", np.rint(2.55 * light).astype(np.uint8), [cv2.IMWRITE_JPEG_QUALITY, quality])
    return np.asarray(cv2.imdecode(coded, cv2.IMREAD_GRAYSCALE), np.float32) / np.float32(2.55)

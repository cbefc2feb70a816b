"""A reference and its targets as the training of matching features sees them: in other light, on other film, moved."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from torch import Tensor

from stcolor_core.color import linear_to_lab, srgb_decode
from stcolor_core.evaluation.dataset import Sequence as Clip
from stcolor_core.features.lite0 import Lite0
from stcolor_core.features.standard import raw_features
from stcolor_core.resizing import cells
from stcolor_core.training.clips import sized, whole_frames

__all__ = ["Picture", "drawn"]

_FARTHEST = 60  # frames between reference and target
_TARGETS = 2  # of one reference
_LARGEST = (216, 352)  # px of what is cut from a picture
_LINES = (168, 216, 216, 264, 320)  # sizes that footage is brought to before
_MOVED, _BLURRED, _GRAINED, _OTHER_FILM = 0.4, 0.3, 0.6, 0.6  # how many of the pictures
_LUMINANCE = np.array([0.2126, 0.7152, 0.0722], np.float32)


@dataclass(frozen=True)
class Picture:
    """raw: (R, h, w) as `raw_features` makes them. lightness: (h, w) and ab: (2, h, w), true means over the cells."""

    raw: Tensor
    lightness: Tensor
    ab: Tensor


def drawn(clip: Clip, network: Lite0, seed: Sequence[int], device: torch.device) -> list[Picture]:
    """A reference, and targets up to 60 frames before or after it, near ones as often as far ones."""
    generator = np.random.default_rng([*seed, *clip.name.encode()])
    count = whole_frames(clip)
    reference = int(generator.integers(count))
    clip = sized(clip, int(generator.choice(_LINES)))
    part = _part(clip, generator)
    mirrored = generator.random() < 0.5
    film = generator.dirichlet([1.5] * 3).astype(np.float32) if generator.random() < _OTHER_FILM else _LUMINANCE
    pictures = []
    for index in (reference, *(_near(reference, count, generator) for _ in range(_TARGETS))):
        rgb = clip.rgb(index)[part]
        if mirrored:
            rgb = np.ascontiguousarray(rgb[:, ::-1])
        if index != reference and generator.random() < _MOVED:
            rgb = _moved(rgb, generator)
        linear = srgb_decode(rgb)
        lightness = linear_to_lab(np.repeat(linear @ film[:, None], 3, axis=2))[..., 0]
        seen = lightness if index == reference else _varied(lightness, generator)
        with torch.no_grad():
            raw = raw_features(network, torch.from_numpy(np.ascontiguousarray(seen, np.float32)).to(device))
        true = cells(linear_to_lab(linear).astype(np.float32), (raw.shape[1], raw.shape[2]))
        grid = torch.from_numpy(np.ascontiguousarray(true)).permute(2, 0, 1).to(device)
        pictures.append(Picture(raw, grid[0], grid[1:]))
    return pictures


def _near(reference: int, count: int, generator: np.random.Generator) -> int:
    """Another frame, its distance drawn from 1 to 60 by its logarithm."""
    gap = int(np.exp(generator.uniform(0, np.log(_FARTHEST + 1))))
    there = [index for index in (reference - gap, reference + gap) if 0 <= index < count]
    return int(generator.choice(there or [index for index in range(count) if index != reference]))


def _part(clip: Clip, generator: np.random.Generator) -> tuple[slice, slice]:
    """Rows and columns of the pictures, in whole cells of 16 pixels."""
    (width, height), (rows, columns) = clip.size, (min(clip.size[1], _LARGEST[0]), min(clip.size[0], _LARGEST[1]))
    rows, columns = rows // 16 * 16, columns // 16 * 16
    top, left = int(generator.integers(height - rows + 1)), int(generator.integers(width - columns + 1))
    return slice(top, top + rows), slice(left, left + columns)


def _moved(rgb: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """Turned, scaled, shifted and bent; its border is mirrored."""
    height, width = rgb.shape[:2]
    turn = cv2.getRotationMatrix2D((width / 2, height / 2), generator.uniform(-12, 12), generator.uniform(0.8, 1.3))
    turn = turn + np.pad(generator.uniform(-0.1, 0.1, (2, 1)) * [[width], [height]], ((0, 0), (2, 0)))
    places = np.stack(np.meshgrid(np.arange(width), np.arange(height)), -1).astype(np.float32)
    bend = generator.normal(0, generator.uniform(0, 5), (4, 5, 2)).astype(np.float32)
    x, y = cv2.split(cv2.transform(places, turn) + cv2.resize(bend, (width, height), interpolation=cv2.INTER_CUBIC))
    moved = cv2.remap(rgb.astype(np.float32), x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101)
    return np.asarray(np.clip(moved, 0, 1))


def _varied(lightness: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """L* in other light and on other stock: gamma, exposure, blur and grain."""
    light = 100 * (np.clip(lightness, 0, 100) / 100) ** generator.uniform(0.75, 1.33) * generator.uniform(0.9, 1.1)
    if generator.random() < _BLURRED:
        light = cv2.GaussianBlur(light, (0, 0), generator.uniform(0.4, 1.2))
    grain = generator.uniform(0, 3.5) * (generator.random() < _GRAINED)
    return np.asarray(np.clip(light + grain * generator.standard_normal(light.shape), 0, 100), np.float32)

"""Synthetic clips with known truth."""

from __future__ import annotations

import functools
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
import torch

from stcolor_core.images.color import lab_to_srgb
from stcolor_core.method.matching import Matching
from stcolor_core.method.references import Keyframe
from stcolor_core.method.tracking.instance import Instances
from stcolor_core.method.tracking.walk import View
from stcolor_core.models.registry import build
from stcolor_core.shots.settings import Method


@functools.cache
def _matching() -> Matching:
    cpu = torch.device("cpu")
    return Matching(build("standard", device=cpu), Method(), device=cpu)


def view(lightness: np.ndarray) -> View:
    """Return a picture as the standard model sees it, with its features."""
    return _matching().make_view(lightness, None)


def texture(height: int, width: int, *, seed: int, mean: float, contrast: float = 30) -> np.ndarray:
    """Return L* of smooth noise around `mean`, (H, W), 2..95."""
    noise = np.random.RandomState(seed).uniform(0, 1, (height + 16, width + 16)).astype(np.float32)
    smooth = cv2.GaussianBlur(noise, (0, 0), 1.5)[8:-8, 8:-8]
    lightness = mean + contrast * (smooth - smooth.mean()) / smooth.std() / 3
    return np.clip(lightness, 2, 95).astype(np.float32)


def painted(height: int, width: int, *, seed: int, chroma: float = 28) -> np.ndarray:
    """Return sRGB, (H, W, 3), 0..1: a texture whose colours change slowly across the picture."""
    noise = np.random.RandomState(seed).standard_normal((height, width, 2)).astype(np.float32)
    ab = cv2.GaussianBlur(noise, (0, 0), 30)
    lab = np.dstack([texture(height, width, seed=seed, mean=55, contrast=40), chroma * ab / ab.std() / np.sqrt(2)])
    return np.asarray(lab_to_srgb(lab), np.float32)


@dataclass
class Scene:
    """Frames in memory, as the `Footage` of propagation.

    with_mattes: whether tracking may see the objects' masks.
    """

    lightnesses: list[np.ndarray]
    ab: list[np.ndarray]
    masks: list[np.ndarray]
    stills: tuple[Keyframe, ...] = ()
    with_mattes: bool = True
    asked: list[int] = field(default_factory=list)

    def lightness(self, frame: int) -> np.ndarray:
        self.asked.append(frame)
        return self.lightnesses[frame]

    def has_matte(self, frame: int) -> bool:
        return self.instances(frame) is not None

    def instances(self, frame: int) -> Instances | None:
        if not self.with_mattes:
            return None
        masks = self.masks[frame].astype(np.float32)
        count = len(masks)
        names = tuple(f"object{index}" for index in range(count))
        return Instances(masks, np.zeros(count, np.int32), np.ones(count, np.float32), names)

    def keyframe(self, frame: int) -> Keyframe:
        return Keyframe(self.lightnesses[frame], self.ab[frame], self.instances(frame))


def crossing(count: int = 12) -> Scene:
    """Return a clip in which a red and a blue square with the same texture pass each other on green, 4 px a frame."""
    ground, thing = texture(112, 192, seed=1, mean=45, contrast=20), texture(40, 40, seed=2, mean=60, contrast=45)
    scene = Scene([], [], [])
    for t in range(count):
        lightness, ab = ground.copy(), np.full((112, 192, 2), (-30, 20), np.float32)
        masks = np.zeros((2, 112, 192), bool)
        for index, (y, x, color) in enumerate(((12, 36 + 4 * t, (50, 30)), (60, 116 - 4 * t, (10, -50)))):
            lightness[y : y + 40, x : x + 40] = thing
            ab[y : y + 40, x : x + 40] = color
            masks[index, y : y + 40, x : x + 40] = True
        scene.lightnesses.append(lightness)
        scene.ab.append(ab)
        scene.masks.append(masks)
    return scene


def pan(count: int, *, height: int = 96, width: int = 128, step: int = 3) -> Scene:
    """Return a clip of a camera that pans over a coloured wall."""
    wall = texture(height, width + step * count, seed=5, mean=50, contrast=45)
    x = np.arange(width + step * count)
    color = np.stack([40 * np.sin(x / 17), 40 * np.cos(x / 23)], -1).astype(np.float32)
    colors = np.broadcast_to(color, (height, *color.shape))
    cuts = [slice(step * t, step * t + width) for t in range(count)]
    return Scene(
        [wall[:, cut].copy() for cut in cuts],
        [np.ascontiguousarray(colors[:, cut]) for cut in cuts],
        [np.zeros((0, height, width), bool)] * count,
        with_mattes=False,
    )


def two_clips(folder: Path, *, frames: int) -> Path:
    """Write a slow and a fast pan into the folder, as the training reads footage; return the folder."""
    for name, step in (("slow", 1), ("fast", 3)):
        (folder / name).mkdir()
        scene = pan(frames, height=72, width=96, step=step)
        for index, (lightness, ab) in enumerate(zip(scene.lightnesses, scene.ab, strict=True)):
            rgb = lab_to_srgb(np.dstack([lightness, ab]))
            cv2.imwrite(str(folder / name / f"{index:05d}.png"), np.rint(255 * rgb[..., ::-1]).astype(np.uint8))
    return folder

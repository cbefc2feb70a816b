"""Batches of references and targets for the training of matching features, with augmented light, film and motion.

Clips are kept decoded on the device, and a batch is computed there at once: on a GPU this takes less time than the
training itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from stcolor_core.arrays import Plane
from stcolor_core.evaluation.dataset import DatasetSequence
from stcolor_core.images.color import LUMINANCE
from stcolor_core.method import tensor_color
from stcolor_core.method.features.standard import StandardFeatures
from stcolor_core.movies.reader import MOST_OPEN
from stcolor_core.training.clips import resize_sequence

__all__ = ["TARGETS", "PictureBatch", "draw_batch", "load_clips"]

TARGETS = 2  # targets of each reference

_SHORT_SIDE = 240  # px, of the clips in memory
_SIZE = (192, 256)  # px, height and width of a crop
_FARTHEST = 60  # frames between reference and target
_LINES = (168, 320)  # px, range of the short side that a picture is scaled to
_WARPED, _BLURRED, _GRAINED, _OTHER_FILM, _SHADED = 0.4, 0.3, 0.6, 0.6, 0.3  # shares of the pictures
_MOTION_BLURRED = 0.15  # share of the pictures
_REACH = 5  # px, radius of a blur kernel


@dataclass(frozen=True)
class PictureBatch:
    """N references, each followed by its targets: K pictures each.

    Attributes:
        seen: L* that the features see, (N, K, H, W), 0..100.
        lightness: True mean L* of each cell of the matching grid, (N, K, h, w), 0..100.
        ab: True mean a* and b* of each cell of the matching grid, (N, K, 2, h, w).
    """

    seen: Tensor
    lightness: Tensor
    ab: Tensor


def load_clips(sequences: Sequence[DatasetSequence], device: torch.device) -> list[Tensor]:
    """Return all frames of every sequence on the device, each (T, 3, H, W), uint8 sRGB.

    Args:
        sequences: The sequences to read.
        device: Device that keeps the frames.
    """

    def read(sequence: DatasetSequence) -> Tensor:
        small = resize_sequence(sequence, _SHORT_SIDE)
        frames = [np.round(255 * small.rgb(index)).astype(np.uint8) for index in range(len(sequence))]
        return torch.from_numpy(np.stack(frames)).permute(0, 3, 1, 2).contiguous().to(device)

    has_movies = any(sequence.movie_frames is not None for sequence in sequences)
    with ThreadPoolExecutor(MOST_OPEN if has_movies else None) as pool:
        return list(pool.map(read, sequences))


def draw_batch(clips: Sequence[Tensor], count: int, seed: Sequence[int]) -> PictureBatch:
    """Return random references, and targets up to 60 frames before or after each.

    The logarithm of the distance is uniform. The same seed gives the same pictures.

    Args:
        clips: Clips as `load_clips` returns them.
        count: Number of references, from any of the clips.
        seed: Seed of all random numbers.
    """
    generator = np.random.default_rng(seed)
    device = clips[0].device
    noise = torch.Generator(device).manual_seed(int(generator.integers(2**31)))
    rgb = torch.stack([_crop(clips[int(generator.integers(len(clips)))], generator) for _ in range(count)])
    linear = tensor_color.srgb_decode(rgb)
    film = torch.tensor(np.array([_film_response(generator) for _ in range(count)]), dtype=torch.float32, device=device)
    lightness = tensor_color.lightness(torch.einsum("nc,nkchw->nkhw", film, linear))
    targets = lightness[:, 1:].flatten(0, 1)
    augmented = _augment(targets, generator, noise).view(count, TARGETS, *_SIZE)
    lab = F.avg_pool2d(tensor_color.linear_to_lab(linear).flatten(0, 1), StandardFeatures.stride)
    lab = lab.view(count, 1 + TARGETS, *lab.shape[1:])
    return PictureBatch(torch.cat([lightness[:, :1], augmented], dim=1), lab[:, :, 0], lab[:, :, 1:])


def _crop(clip: Tensor, generator: np.random.Generator) -> Tensor:
    """Return the same crop of a reference and its targets, (K, 3, H, W), sRGB 0..1; some of the targets are warped."""
    reference = int(generator.integers(len(clip)))
    indices = [reference, *(_draw_target(reference, len(clip), generator) for _ in range(TARGETS))]
    height, width = _SIZE
    clip_size = np.array([clip.shape[3], clip.shape[2]])  # x, y
    pixel = min(_SHORT_SIDE / np.exp(generator.uniform(*np.log(_LINES))), *(clip_size / (width, height)))
    corner = generator.uniform(0, 1, 2) * (clip_size - pixel * np.array([width, height]))
    mirrored = generator.random() < 0.5
    grid = _grid(*_SIZE, clip.device)
    positions = [grid, *(_warp(grid, generator) if generator.random() < _WARPED else grid for _ in range(TARGETS))]
    x, y = torch.stack(positions).unbind(-1)
    x = width - 1 - x if mirrored else x
    points = [
        2 * (start + pixel * (position + 0.5)) / size - 1
        for start, position, size in zip(corner.tolist(), (x, y), clip_size.tolist(), strict=True)
    ]
    frames = clip[indices].float() / 255
    return F.grid_sample(frames, torch.stack(points, -1).float(), padding_mode="reflection", align_corners=False)


def _draw_target(reference: int, count: int, generator: np.random.Generator) -> int:
    """Return another frame at a distance of 1 to 60, uniform in its logarithm."""
    gap = int(np.exp(generator.uniform(0, np.log(_FARTHEST + 1))))
    targets = [index for index in (reference - gap, reference + gap) if 0 <= index < count]
    return int(generator.choice(targets or [index for index in range(count) if index != reference] or [reference]))


def _grid(height: int, width: int, device: torch.device) -> Tensor:
    """Return the position (x, y) of every pixel, (H, W, 2), px."""
    y, x = torch.meshgrid(torch.arange(height, device=device), torch.arange(width, device=device), indexing="ij")
    return torch.stack([x, y], dim=-1).float()


def _warp(positions: Tensor, generator: np.random.Generator) -> Tensor:
    """Return positions (H, W, 2) that are rotated, scaled, shifted and bent."""
    height, width = positions.shape[:2]
    angle, scale = np.radians(generator.uniform(-12, 12)), generator.uniform(0.8, 1.3)
    rotation = scale * np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    center = np.array([width, height]) / 2
    shift = center + generator.uniform(-0.1, 0.1, 2) * (width, height)
    bend = positions.new_tensor(generator.normal(0, generator.uniform(0, 5), (1, 2, 4, 5)))
    bent = F.interpolate(bend, (height, width), mode="bicubic", align_corners=False)[0].permute(1, 2, 0)
    rotated: Tensor = (positions - positions.new_tensor(center)) @ positions.new_tensor(rotation.T)
    return rotated + positions.new_tensor(shift) + bent


def _film_response(generator: np.random.Generator) -> NDArray[np.float64]:
    """Return the sensitivity of a film to red, green and blue, (3,); the sum is 1."""
    return generator.dirichlet([1.5] * 3) if generator.random() < _OTHER_FILM else np.array(LUMINANCE)


def _augment(lightness: Tensor, generator: np.random.Generator, noise: torch.Generator) -> Tensor:
    """Return L* (N, H, W) with random gamma, exposure, shading, blur and grain."""
    count = len(lightness)

    def column(values: NDArray[np.float64]) -> Tensor:
        return lightness.new_tensor(values)[:, None, None]

    light = 100 * (lightness.clamp(0, 100) / 100) ** column(generator.uniform(0.75, 1.33, count))
    light = light * column(generator.uniform(0.9, 1.1, count)) * _shading(lightness, generator)
    kernels = lightness.new_tensor(np.array([_blur_kernel(generator) for _ in range(count)]))
    padded = F.pad(light[None], (_REACH,) * 4, mode="reflect")
    light = F.conv2d(padded, kernels[:, None], groups=count)[0]
    grain = column(generator.uniform(0, 3.5, count) * (generator.random(count) < _GRAINED))
    return (light + grain * torch.randn(light.shape, generator=noise, device=light.device)).clamp(0, 100)


def _shading(lightness: Tensor, generator: np.random.Generator) -> Tensor:
    """Return a smooth gain around 1 over the picture, (N, H, W)."""
    count = len(lightness)
    strength = generator.uniform(0, 0.2, count) * (generator.random(count) < _SHADED)
    coarse = lightness.new_tensor(strength[:, None, None, None] * generator.normal(0, 1, (count, 1, 3, 4)))
    return 1 + F.interpolate(coarse, lightness.shape[1:], mode="bicubic", align_corners=False)[:, 0]


def _blur_kernel(generator: np.random.Generator) -> Plane:
    """Return a kernel of focus blur, motion blur or neither, (11, 11); its sum is 1."""
    y, x = np.mgrid[-_REACH : _REACH + 1, -_REACH : _REACH + 1]
    sigma = generator.uniform(0.4, 1.2) if generator.random() < _BLURRED else 0.1
    if generator.random() < _MOTION_BLURRED:
        angle, length = generator.uniform(0, np.pi), generator.uniform(1, _REACH - 1)
        path = np.clip(x * np.cos(angle) + y * np.sin(angle), -length, length)
        x, y = x - path * np.cos(angle), y - path * np.sin(angle)
        sigma = max(sigma, 0.5)
    kernel = np.exp(-(x**2 + y**2) / (2 * sigma**2))
    return np.asarray(kernel / kernel.sum(), np.float32)

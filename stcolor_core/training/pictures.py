"""References and targets as the training of matching features sees them: in other light, on other film, moved.

Clips are held decoded, and everything is computed for a batch at once where they are held: on a GPU it takes less time
than the training itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from stcolor_core.evaluation.dataset import DatasetSequence as Clip
from stcolor_core.method import tensor_color
from stcolor_core.method.features.standard import StandardFeatures
from stcolor_core.training.clips import sized

__all__ = ["TARGETS", "Pictures", "drawn", "held"]

TARGETS = 2  # of one reference

_SHORT_SIDE = 240  # px at which clips are held
_SIZE = (192, 256)  # px of what is cut from a picture
_FARTHEST = 60  # frames between reference and target
_LINES = (168, 320)  # px, the least and the greatest that the short side is brought to
_MOVED, _BLURRED, _GRAINED, _OTHER_FILM, _LIT = 0.4, 0.3, 0.6, 0.6, 0.3  # how many of the pictures
_SMEARED = 0.15  # by their motion
_REACH = 5  # px, of a blur's kernel to each side
_LUMINANCE = (0.2126, 0.7152, 0.0722)


@dataclass(frozen=True)
class Pictures:
    """N references, each followed by its targets, K pictures in all.

    seen: (N, K, H, W) L* as the features see it. lightness: (N, K, h, w) and ab: (N, K, 2, h, w), true means over the
    cells of the matching grid.
    """

    seen: Tensor
    lightness: Tensor
    ab: Tensor


def held(clips: Sequence[Clip], device: torch.device) -> list[Tensor]:
    """The frames of every clip, (T, 3, H, W) uint8 sRGB, on the device."""

    def read(clip: Clip) -> Tensor:
        small = sized(clip, _SHORT_SIDE)
        frames = [np.round(255 * small.rgb(index)).astype(np.uint8) for index in range(len(clip))]
        return torch.from_numpy(np.stack(frames)).permute(0, 3, 1, 2).contiguous().to(device)

    with ThreadPoolExecutor() as pool:
        return list(pool.map(read, clips))


def drawn(clips: Sequence[Tensor], count: int, seed: Sequence[int]) -> Pictures:
    """`count` references from any of the clips, and targets up to 60 frames before or after each, near ones as often as
    far ones. The same seed gives the same pictures."""
    generator = np.random.default_rng(seed)
    device = clips[0].device
    noise = torch.Generator(device).manual_seed(int(generator.integers(2**31)))
    rgb = torch.stack([_cut(clips[int(generator.integers(len(clips)))], generator) for _ in range(count)])
    linear = tensor_color.srgb_decode(rgb)
    film = torch.tensor(np.array([_film(generator) for _ in range(count)]), dtype=torch.float32, device=device)
    lightness = tensor_color.lightness(torch.einsum("nc,nkchw->nkhw", film, linear))
    targets = lightness[:, 1:].flatten(0, 1)
    varied = _varied(targets, generator, noise).view(count, TARGETS, *_SIZE)
    lab = F.avg_pool2d(tensor_color.linear_to_lab(linear).flatten(0, 1), StandardFeatures.stride)
    lab = lab.view(count, 1 + TARGETS, *lab.shape[1:])
    return Pictures(torch.cat([lightness[:, :1], varied], dim=1), lab[:, :, 0], lab[:, :, 1:])


def _cut(clip: Tensor, generator: np.random.Generator) -> Tensor:
    """(K, 3, H, W) sRGB, 0..1: the same part of a reference and of targets, these moved by chance."""
    reference = int(generator.integers(len(clip)))
    indices = [reference, *(_near(reference, len(clip), generator) for _ in range(TARGETS))]
    height, width = _SIZE
    there = np.array([clip.shape[3], clip.shape[2]])  # x, y
    step = min(_SHORT_SIDE / np.exp(generator.uniform(*np.log(_LINES))), *(there / (width, height)))
    corner = generator.uniform(0, 1, 2) * (there - step * np.array([width, height]))
    mirrored = generator.random() < 0.5
    still = _places(*_SIZE, clip.device)
    places = [still, *(_moved(still, generator) if generator.random() < _MOVED else still for _ in range(TARGETS))]
    x, y = torch.stack(places).unbind(-1)
    x = width - 1 - x if mirrored else x
    points = [
        2 * (start + step * (place + 0.5)) / size - 1
        for start, place, size in zip(corner.tolist(), (x, y), there.tolist(), strict=True)
    ]
    frames = clip[indices].float() / 255
    return F.grid_sample(frames, torch.stack(points, -1).float(), padding_mode="reflection", align_corners=False)


def _near(reference: int, count: int, generator: np.random.Generator) -> int:
    """Another frame, its distance drawn from 1 to 60 by its logarithm."""
    gap = int(np.exp(generator.uniform(0, np.log(_FARTHEST + 1))))
    there = [index for index in (reference - gap, reference + gap) if 0 <= index < count]
    return int(generator.choice(there or [index for index in range(count) if index != reference] or [reference]))


def _places(height: int, width: int, device: torch.device) -> Tensor:
    """(H, W, 2) px, x and y of every pixel."""
    y, x = torch.meshgrid(torch.arange(height, device=device), torch.arange(width, device=device), indexing="ij")
    return torch.stack([x, y], dim=-1).float()


def _moved(places: Tensor, generator: np.random.Generator) -> Tensor:
    """Places turned, scaled, shifted and bent."""
    height, width = places.shape[:2]
    angle, scale = np.radians(generator.uniform(-12, 12)), generator.uniform(0.8, 1.3)
    turn = scale * np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    middle = np.array([width, height]) / 2
    shift = middle + generator.uniform(-0.1, 0.1, 2) * (width, height)
    bend = places.new_tensor(generator.normal(0, generator.uniform(0, 5), (1, 2, 4, 5)))
    bent = F.interpolate(bend, (height, width), mode="bicubic", align_corners=False)[0].permute(1, 2, 0)
    turned: Tensor = (places - places.new_tensor(middle)) @ places.new_tensor(turn.T)
    return turned + places.new_tensor(shift) + bent


def _film(generator: np.random.Generator) -> np.ndarray:
    """How sensitive it is to red, green and blue."""
    return generator.dirichlet([1.5] * 3) if generator.random() < _OTHER_FILM else np.array(_LUMINANCE)


def _varied(lightness: Tensor, generator: np.random.Generator, noise: torch.Generator) -> Tensor:
    """L* (N, H, W) in other light and on other stock: gamma, exposure, shade, blur and grain."""
    count = len(lightness)

    def column(values: np.ndarray) -> Tensor:
        return lightness.new_tensor(values)[:, None, None]

    light = 100 * (lightness.clamp(0, 100) / 100) ** column(generator.uniform(0.75, 1.33, count))
    light = light * column(generator.uniform(0.9, 1.1, count)) * _shade(lightness, generator)
    kernels = lightness.new_tensor(np.array([_kernel(generator) for _ in range(count)]))
    padded = F.pad(light[None], (_REACH,) * 4, mode="reflect")
    light = F.conv2d(padded, kernels[:, None], groups=count)[0]
    grain = column(generator.uniform(0, 3.5, count) * (generator.random(count) < _GRAINED))
    return (light + grain * torch.randn(light.shape, generator=noise, device=light.device)).clamp(0, 100)


def _shade(lightness: Tensor, generator: np.random.Generator) -> Tensor:
    """(N, H, W): light that changes over the picture, about 1."""
    count = len(lightness)
    strength = generator.uniform(0, 0.2, count) * (generator.random(count) < _LIT)
    coarse = lightness.new_tensor(strength[:, None, None, None] * generator.normal(0, 1, (count, 1, 3, 4)))
    return 1 + F.interpolate(coarse, lightness.shape[1:], mode="bicubic", align_corners=False)[:, 0]


def _kernel(generator: np.random.Generator) -> np.ndarray:
    """(11, 11) float32: out of focus, moving, or neither; its sum is 1."""
    y, x = np.mgrid[-_REACH : _REACH + 1, -_REACH : _REACH + 1]
    sigma = generator.uniform(0.4, 1.2) if generator.random() < _BLURRED else 0.1
    if generator.random() < _SMEARED:
        angle, length = generator.uniform(0, np.pi), generator.uniform(1, _REACH - 1)
        path = np.clip(x * np.cos(angle) + y * np.sin(angle), -length, length)
        x, y = x - path * np.cos(angle), y - path * np.sin(angle)
        sigma = max(sigma, 0.5)
    kernel = np.exp(-(x**2 + y**2) / (2 * sigma**2))
    return np.asarray(kernel / kernel.sum(), np.float32)

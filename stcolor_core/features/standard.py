"""The standard model's matching features, from L* alone: EfficientNet-Lite0 and local descriptors on one grid.

Semantic maps and local descriptors add up: alone each matches worse (method.md, section 5). A fixed linear projection,
learned from tracked footage, then damps what changes while a surface moves (`stcolor_core.training.projection`).
"""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor
from torch.nn import functional as F

from stcolor_core.errors import ModelError
from stcolor_core.features.gradients import gradient_descriptors, luminance_samples
from stcolor_core.features.lite0 import Lite0, load_lite0, packaged_state

__all__ = ["PROJECTION", "RAW_CHANNELS", "StandardFeatures", "backbone", "raw_features"]

PROJECTION = Path(__file__).parents[1] / "weights" / "standard_projection.safetensors"
RAW_CHANNELS = 578

_STRIDE = 4
_ENLARGED = 1.5  # what the network sees: its strides are coarse for things as small as they are in a shot
_ALIGNMENT = 32  # the coarsest stride
_STAGES = 6
_LEVELS = ((2, 8), (4, 16), (5, 32))  # of the stages, with their strides: 40, 112, 192 channels
_SAMPLE_WEIGHT = 0.4  # of the luminance samples beside the gradients


class StandardFeatures:
    """Unit features at a quarter of the size; target and reference are described alike."""

    stride = _STRIDE

    def __init__(self, device: torch.device | str = "cpu") -> None:
        """Raises ModelError where weights are missing or broken."""
        self._device = torch.device(device)
        self._network = backbone(self._device)
        self._projection = _load_projection(PROJECTION).to(self._device)

    def target(self, lightness: Tensor) -> Tensor:
        """Features of a picture.

        lightness: (H, W) L*, 0..100, any size from 1x1.
        Returns (C, ceil(H/4), ceil(W/4)) float32, unit length over C and centred over positions; all zero where the
        picture is uniform. Raises ValueError where lightness is not a picture.
        """
        if lightness.ndim != 2 or lightness.numel() == 0:
            raise ValueError(f"lightness must be (H, W), not {tuple(lightness.shape)}")
        with torch.inference_mode():
            raw = raw_features(self._network, lightness.to(self._device, torch.float32))
            return _unit(_centred(torch.einsum("cr,rhw->chw", self._projection, raw)))

    def reference(self, lightness: Tensor, ab: Tensor | None = None) -> Tensor:  # noqa: ARG002  (part of the interface)
        """As `target`: the colour of the reference is not looked at."""
        return self.target(lightness)

    def both(self, lightness: Tensor) -> tuple[Tensor, Tensor]:
        """The picture's features as a target and as a reference, which are the same tensor here."""
        features = self.target(lightness)
        return features, features


def backbone(device: torch.device | str) -> Lite0:
    """EfficientNet-Lite0 down to stride 16. Raises ModelError where its package is damaged."""
    return load_lite0(packaged_state(), stages=_STAGES).to(device)


def raw_features(network: Lite0, lightness: Tensor) -> Tensor:
    """What the projection works on: the local descriptors, then the network's maps at strides 8, 16 and 32.

    lightness: (H, W) float32 L*, 0..100. Returns (578, ceil(H/4), ceil(W/4)), each of the four levels centred over
    positions, then of unit length.
    """
    height, width = lightness.shape
    grid = (-(-height // _STRIDE), -(-width // _STRIDE))
    picture = F.pad(lightness[None, None], (0, -width % _STRIDE, 0, -height % _STRIDE), mode="replicate")
    local = torch.cat([gradient_descriptors(picture[0, 0]), _SAMPLE_WEIGHT * luminance_samples(picture[0, 0])])
    larger = F.interpolate(picture / 100, scale_factor=_ENLARGED, mode="bicubic", align_corners=False).clamp(0, 1)
    below, right = (-size % _ALIGNMENT for size in larger.shape[2:])
    maps = network(F.pad(larger, (0, right, 0, below), mode="replicate"))
    levels = [local, *(_at_cells(maps[level], _STRIDE * _ENLARGED / stride, grid) for level, stride in _LEVELS)]
    return torch.cat([_unit(_centred(level)) for level in levels])


def _at_cells(values: Tensor, pitch: float, grid: tuple[int, int]) -> Tensor:
    """A map (1, C, h, w) at the centres of the grid's cells, which lie `pitch` of its own apart: (C, *grid)."""
    y, x = (
        2 * pitch * (torch.arange(count, device=values.device) + 0.5) / size - 1
        for count, size in zip(grid, values.shape[2:], strict=True)
    )
    points = torch.stack(torch.meshgrid(y, x, indexing="ij")[::-1], dim=-1)[None]
    return F.grid_sample(values, points, padding_mode="border", align_corners=False)[0]


def _load_projection(path: Path) -> Tensor:
    """(C, 578) float32."""
    try:
        projection = load_file(path)["projection"].float()
    except (OSError, KeyError, SafetensorError) as error:
        raise ModelError(f"The weights {path} are missing or damaged ({error}). Reinstall stcolor.") from None
    if projection.ndim != 2 or projection.shape[1] != RAW_CHANNELS:
        raise ModelError(f"The weights {path} are of another version of this model. Reinstall stcolor.")
    return projection


def _centred(features: Tensor) -> Tensor:
    return features - features.mean(dim=(1, 2), keepdim=True)


def _unit(features: Tensor) -> Tensor:
    return F.normalize(features, dim=0, eps=1e-6)

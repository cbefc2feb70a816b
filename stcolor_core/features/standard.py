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
RAW_CHANNELS = 410

_STRIDE = 4
_ALIGNMENT = 16  # the coarsest stride, so that every level covers the padded picture exactly
_STAGES = 5
_LEVELS = (1, 2, 4)  # of the stages: strides 4, 8, 16 with 24, 40, 112 channels
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
    """What the projection works on: the local descriptors, then the network's maps at strides 4, 8 and 16.

    lightness: (H, W) float32 L*, 0..100. Returns (410, ceil(H/4), ceil(W/4)), each of the four levels centred over
    positions, then of unit length.
    """
    height, width = -(-lightness.shape[0] // _STRIDE), -(-lightness.shape[1] // _STRIDE)
    below, right = (-size % _ALIGNMENT for size in lightness.shape)
    padded = F.pad(lightness[None, None], (0, right, 0, below), mode="replicate")
    maps = network(padded / 100)
    picture = padded[0, 0]
    grid = (picture.shape[0] // _STRIDE, picture.shape[1] // _STRIDE)
    levels = [torch.cat([gradient_descriptors(picture), _SAMPLE_WEIGHT * luminance_samples(picture)])]
    levels += [F.interpolate(maps[level], grid, mode="bilinear", align_corners=False)[0] for level in _LEVELS]
    return torch.cat([_unit(_centred(level[:, :height, :width])) for level in levels])


def _load_projection(path: Path) -> Tensor:
    """(C, 410) float32."""
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

"""The standard model's matching features, from L* alone: EfficientNet-Lite0 and local descriptors on one grid.

Semantic maps and local descriptors add up: alone each matches worse (docs/method.md, "Matching features"). Network and
projection were trained to put one frame's colour together again from another's (`stcolor_core.training.features`).
"""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import functional as F

from stcolor_core.errors import ModelError
from stcolor_core.method.features.gradients import gradient_descriptors, luminance_samples
from stcolor_core.method.features.lite0 import Lite0, load_lite0, packaged_state

__all__ = [
    "CHANNELS",
    "RAW_CHANNELS",
    "TEMPERATURE",
    "WEIGHTS",
    "MatchingNet",
    "StandardFeatures",
    "backbone",
    "load_matching_net",
    "raw_features",
]

WEIGHTS = Path(__file__).parents[2] / "weights" / "standard_features.safetensors"
RAW_CHANNELS = 602
CHANNELS = 128
TEMPERATURE = 0.035  # of eq. 3: the features are trained for it

_STRIDE = 4
_ENLARGED = 1.5  # what the network sees: its strides are coarse for things as small as they are in a shot
_ALIGNMENT = 32  # the coarsest stride
_STAGES = 6
_LEVELS = ((1, 4), (2, 8), (4, 16), (5, 32))  # of the stages, with their strides: 24, 40, 112, 192 channels
_SAMPLE_WEIGHT = 0.4  # of the luminance samples beside the gradients


class StandardFeatures:
    """Unit features at a quarter of the size; target and reference are described alike."""

    stride = _STRIDE

    def __init__(self, device: torch.device | str = "cpu", weights: Path | None = None) -> None:
        """weights: in place of the model's own. Raises ModelError where they are missing or broken."""
        self._device = torch.device(device)
        self._network = load_matching_net(weights or WEIGHTS).to(self._device)

    def target(self, lightness: Tensor) -> Tensor:
        """Features of a picture.

        lightness: (H, W) L*, 0..100, any size from 1x1.
        Returns (C, ceil(H/4), ceil(W/4)) float32, unit length over C and centred over positions; all zero where the
        picture is uniform. Raises ValueError where lightness is not a picture.
        """
        if lightness.ndim != 2 or lightness.numel() == 0:
            raise ValueError(f"lightness must be (H, W), not {tuple(lightness.shape)}")
        with torch.inference_mode():
            features: Tensor = self._network(lightness[None].to(self._device, torch.float32))[0]
            return features

    def reference(self, lightness: Tensor, ab: Tensor | None = None) -> Tensor:  # noqa: ARG002  (part of the interface)
        """As `target`: the colour of the reference is not looked at."""
        return self.target(lightness)

    def both(self, lightness: Tensor) -> tuple[Tensor, Tensor]:
        """The picture's features as a target and as a reference, which are the same tensor here."""
        features = self.target(lightness)
        return features, features


class MatchingNet(nn.Module):
    """A backbone and the projection (C, 602) of what it and the local descriptors say."""

    def __init__(self, network: Lite0, projection: Tensor) -> None:
        super().__init__()
        self.backbone = network
        self.projection = nn.Parameter(projection)

    def forward(self, lightness: Tensor) -> Tensor:
        """(N, H, W) L*, 0..100 -> (N, C, ceil(H/4), ceil(W/4)), unit length over C and centred over positions."""
        raw = raw_features(self.backbone, lightness)
        return _unit(_centred(torch.einsum("cr,nrhw->nchw", self.projection, raw)))


def backbone(device: torch.device | str) -> Lite0:
    """EfficientNet-Lite0 as it was published, down to stride 32: what training starts from.

    Raises ModelError where its package is missing or damaged.
    """
    return load_lite0(packaged_state(), stages=_STAGES).to(device)


def load_matching_net(path: Path) -> MatchingNet:
    """The trained features, for inference.

    Raises ModelError where the file is missing, damaged or of another version.
    """
    try:
        state = load_file(path)
        network = MatchingNet(Lite0(stages=_STAGES), torch.zeros(CHANNELS, RAW_CHANNELS))
        network.load_state_dict({name: value.float() for name, value in state.items()})
    except (OSError, SafetensorError) as error:
        raise ModelError(f"The weights {path} are missing or damaged ({error}). Reinstall stcolor.") from None
    except RuntimeError:
        raise ModelError(f"The weights {path} are of another version of this model. Reinstall stcolor.") from None
    # the depthwise convolutions are the most of it, and take half the time where channels lie side by side
    return network.to(memory_format=torch.channels_last).eval().requires_grad_(False)


def raw_features(network: Lite0, lightness: Tensor) -> Tensor:
    """What the projection works on: the local descriptors, then the network's maps at strides 4, 8, 16 and 32.

    lightness: (N, H, W) float32 L*, 0..100. Returns (N, 602, ceil(H/4), ceil(W/4)), each of the five levels centred
    over positions, then of unit length.
    """
    height, width = lightness.shape[1:]
    grid = (-(-height // _STRIDE), -(-width // _STRIDE))
    picture = F.pad(lightness[:, None], (0, -width % _STRIDE, 0, -height % _STRIDE), mode="replicate")
    local = torch.cat([gradient_descriptors(picture[:, 0]), _SAMPLE_WEIGHT * luminance_samples(picture[:, 0])], dim=1)
    larger = F.interpolate(picture / 100, scale_factor=_ENLARGED, mode="bicubic", align_corners=False).clamp(0, 1)
    below, right = (-size % _ALIGNMENT for size in larger.shape[2:])
    maps = network(F.pad(larger, (0, right, 0, below), mode="replicate"))
    levels = [local, *(_at_cells(maps[level], _STRIDE * _ENLARGED / stride, grid) for level, stride in _LEVELS)]
    return torch.cat([_unit(_centred(level)) for level in levels], dim=1)


def _at_cells(values: Tensor, pitch: float, grid: tuple[int, int]) -> Tensor:
    """Maps (N, C, h, w) at the centres of the grid's cells, which lie `pitch` of their own apart: (N, C, *grid)."""
    y, x = (
        2 * pitch * (torch.arange(count, device=values.device) + 0.5) / size - 1
        for count, size in zip(grid, values.shape[2:], strict=True)
    )
    points = torch.stack(torch.meshgrid(y, x, indexing="ij")[::-1], dim=-1).expand(len(values), -1, -1, -1)
    return F.grid_sample(values, points, padding_mode="border", align_corners=False)


def _centred(features: Tensor) -> Tensor:
    return features - features.mean(dim=(2, 3), keepdim=True)


def _unit(features: Tensor) -> Tensor:
    return F.normalize(features, dim=1, eps=1e-6)

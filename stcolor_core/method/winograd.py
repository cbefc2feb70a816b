"""Large 3 x 3 convolutions with fewer multiplications (Winograd's minimal filtering).

Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks", CVPR 2016, section 4.1, F(2 x 2, 3 x 3): a tile of
2 x 2 results needs 16 multiplications for each pair of channels instead of 36. Of a map that is upsampled by 2 with
nearest neighbours a tile reads 3 x 3 pixels only, and seven of its 16 parts are zero, so that 9 are left. The price is
memory for the transformed weights, 16 / 9 of the layer's own, which they replace; 9 / 9 for an upsampled map. oneDNN
and torch have no such convolution for x86. Results differ from direct ones by rounding, 3e-6 of their range.

A map is convolved in strips of rows, on two cores where torch uses one (`method.sharing`). The strips, and so the bits,
do not depend on the number of threads.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from functools import partial
from typing import TypeAlias, TypeVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from stcolor_core.method.layouts import to_channels_last
from stcolor_core.method.onednn import Activation, conv2d, inner_products
from stcolor_core.method.sharing import share

__all__ = ["LEAST_CHANNELS", "WinogradConv", "apply_convolution", "prepare_network"]

Network = TypeVar("Network", bound=nn.Module)
_Maps: TypeAlias = Sequence[Tensor]
"""Maps of equal shape (..., rows, columns, channels)."""
_Terms: TypeAlias = tuple[tuple[int, int], ...]
"""A weighted sum of maps: the index of each, and its weight."""

LEAST_CHANNELS = 256
"""Input or output channels, whichever are more, of the layers that gain; the others have at least half of them.

Such a layer takes 2 to 7 MB more and two thirds of the time. Tiles of 4 x 4 results would take four times the layer's
own memory, and with their rounding, five times as large, the networks miss their golden vectors. With fewer channels
the transforms take most of what is saved (benchmarks/measured/speed.md).
"""

_TILE = 2  # px, side of a tile of results
_ENTER_WEIGHTS = ((1, 0, 0), (1 / 2, 1 / 2, 1 / 2), (1 / 2, -1 / 2, 1 / 2), (0, 0, 1))  # G of the paper (its eq. 7)
_ENTER: tuple[_Terms, ...] = (((0, 1), (2, -1)), ((1, 1), (2, 1)), ((2, 1), (1, -1)), ((1, 1), (3, -1)))  # B^T
_LEAVE: tuple[_Terms, ...] = (((0, 1), (1, 1), (2, 1)), ((1, 1), (2, -1), (3, -1)))  # A^T
# The pixels a, b, b, c of an upsampled map enter as a - b, 2 b, 0 and b - c. The 2 is in the weights.
_ENTER_WEIGHTS_UPSAMPLED = ((1, 0, 0), (1, 1, 1), (0, 0, 1))
_ENTER_UPSAMPLED: tuple[_Terms, ...] = (((0, 1), (1, -1)), ((1, 1),), ((1, 1), (2, -1)))
_LEAVE_UPSAMPLED: tuple[_Terms, ...] = (((0, 1), (1, 1)), ((1, 1), (2, -1)))
_TRANSFORMED_AT_ONCE = 16  # output channels: the transform of all would be the peak of the memory
# Elements of a part of a strip, at most 1 MiB: less loses time between operations, more takes memory.
_ELEMENTS = 1 << 18
# Elements of a map from which a direct convolution is shared with a core that would wait, and the strips that it takes.
_SHARED, _STRIPS = 1 << 20, 4


class WinogradConv(nn.Module):
    """A 3 x 3 convolution of stride 1, for inference on a CPU, with transformed weights in place of the layer's own."""

    weights: Tensor
    bias: Tensor | None

    def __init__(self, layer: nn.Conv2d, *, upsampled: bool = False) -> None:
        """Transform a layer's weights.

        Args:
            layer: The layer: 3 x 3, stride 1, one group, padded with zeros or by reflection.
            upsampled: Whether the layer is applied to maps after `nn.Upsample(scale_factor=2)`. This one then takes
                the maps before it. The layer must be padded by 1 with zeros, and not dilated.

        Raises:
            ValueError: If the layer is of another kind.
        """
        super().__init__()
        self._dilation, self._padding = layer.dilation[0], int(layer.padding[0])
        self._reflects, self._upsampled = layer.padding_mode == "reflect", upsampled
        if not _is_plain(layer) or (upsampled and (self._reflects, self._dilation, self._padding) != (False, 1, 1)):
            raise ValueError(f"Winograd's convolution is for layers of 3 x 3 and stride 1, not {layer}.")
        enter = torch.tensor(_ENTER_WEIGHTS_UPSAMPLED if upsampled else _ENTER_WEIGHTS, dtype=layer.weight.dtype)
        self._parts = len(enter)  # along an axis
        outputs, inputs = layer.weight.shape[:2]
        weights = layer.weight.new_empty(self._parts**2, outputs, inputs)
        for first in range(0, outputs, _TRANSFORMED_AT_ONCE):
            part = layer.weight.detach()[first : first + _TRANSFORMED_AT_ONCE]
            transformed = torch.kron(enter, enter) @ part.reshape(-1, 9).T  # as enter @ kernel @ enter.T of each
            weights[:, first : first + len(part)] = transformed.reshape(-1, len(part), inputs)
        self.register_buffer("weights", weights)
        self.register_buffer("bias", None if layer.bias is None else layer.bias.detach().clone())

    def forward(self, x: Tensor, activation: Activation = "none", rows: tuple[int, int] | None = None) -> Tensor:
        """Return the convolution and the activation after it, channels last.

        Args:
            x: Shape (N, C, H, W).
            activation: Applied to the result.
            rows: The first row of the result and the one after its last, the first even; None for all. Not for a
                dilated layer.
        """
        apart, margin = self._dilation, self._padding
        if self._reflects and margin:
            x, margin = F.pad(x, (margin,) * 4, mode="reflect"), 0
        scale = 2 if self._upsampled else 1
        height, width = (scale * size + 2 * (margin - apart) for size in x.shape[2:])  # of the result
        # A dilated convolution is one of each of the grids of pixels that lie `apart` from one another.
        shape = [math.ceil(size / apart) for size in (height, width)]  # of the result on one grid
        if apart > 1:
            missing = [apart * (size + 2) - length - margin for size, length in zip(shape, x.shape[2:], strict=True)]
            x, margin = F.pad(x, (margin, missing[1], margin, missing[0])), 0
        first, last = (0, shape[0]) if rows is None else rows
        assert first % _TILE == 0
        assert rows is None or apart == 1
        out = x.new_empty(len(x), (last - first) * apart, shape[1] * apart, self.weights.shape[1])
        convolve = partial(self._convolve, _split(x.permute(0, 2, 3, 1), apart), _split(out, apart), margin, activation)
        columns = math.ceil(shape[1] / _TILE)
        tiles = (last - first) / _TILE
        strips = 2 * math.ceil(tiles * len(x) * apart * apart * columns * x.shape[1] / (2 * _ELEMENTS))
        step = _TILE * math.ceil(tiles / strips)
        share(lambda begin: convolve(first, begin, min(begin + step, last)), range(first, last, step))
        return out[:, : height if rows is None else None, :width].permute(0, 3, 1, 2)

    def _convolve(
        self, x: Tensor, out: Tensor, margin: int, activation: Activation, first: int, begin: int, end: int
    ) -> None:
        """Fill the rows from `begin` to `end` of the result, (..., h, w, C'), which starts at row `first`.

        x: (..., H, W, C), to be surrounded by `margin` zeros.
        """
        step = 1 if self._upsampled else _TILE  # pixels from one tile to the next
        tiles = [math.ceil((end - begin) / _TILE), math.ceil(out.shape[-2] / _TILE)]
        above = begin // _TILE * step - margin
        below = above + (tiles[0] - 1) * step + self._parts
        some = x[..., max(above, 0) : below, :, :]
        if above < 0 or below > x.shape[-3]:
            some = F.pad(some, (0, 0, 0, 0, max(-above, 0), max(below - x.shape[-3], 0)))
        width = (tiles[1] - 1) * step + self._parts
        left, right = margin, margin + x.shape[-2]
        enter, leave = (_ENTER_UPSAMPLED, _LEAVE_UPSAMPLED) if self._upsampled else (_ENTER, _LEAVE)
        result = out[..., begin - first : end - first, :, :]
        phases = [result[..., phase::_TILE, :, :] for phase in range(_TILE)]
        # Buffers are filled again and again, while they are in the cache.
        line = some.new_empty(*some.shape[:-3], tiles[0], width, some.shape[-1])
        line[..., :left, :] = line[..., right:, :] = 0
        pixels = _cut(line, -2, tiles[1], step, self._parts)
        part = some.new_empty(pixels[0].shape)
        joined = out.new_empty(*out.shape[:-3], tiles[0], *out.shape[-2:])
        for row, across in enumerate(enter):
            _sum(_cut(some, -3, tiles[0], step, self._parts), across, out=line[..., left:right, :])
            products = []
            for column, along in enumerate(enter):
                _sum(pixels, along, out=part)
                products.append(self._multiply(part, row, column))
            for phase, terms in enumerate(leave):
                _sum(products, terms, out=joined[..., phase::_TILE, :])
            for sums, terms in zip(phases, leave, strict=True):
                some_rows = joined[..., : sums.shape[-3], :, :]
                if row == terms[0][0]:
                    sums.copy_(some_rows)
                elif row in dict(terms):
                    sums.add_(some_rows, alpha=dict(terms)[row])
        if activation == "relu":
            result.relu_()
        elif activation == "relu6":
            result.clamp_(0, 6)

    def _multiply(self, part: Tensor, row: int, column: int) -> Tensor:
        """Return the products of one of the parts of all tiles: (..., t, t', C) -> (..., t, t', C')."""
        # The results take part 1 with weight 1 in each axis, and so the bias, which costs nothing here.
        bias = self.bias if row == column == 1 else None
        weights = self.weights[row * self._parts + column]
        return inner_products(part.flatten(0, -2), weights, bias).view(*part.shape[:-1], -1)


def prepare_network(
    network: Network,
    *,
    least: int = LEAST_CHANNELS,
    direct: Collection[str] = (),
    upsampled: Collection[str] = (),
) -> Network:
    """Return a network that is quick to run: its layers channels last, those that gain on a CPU by Winograd.

    Args:
        network: The network, which is changed. Its state dict lacks the weights of the replaced layers then.
        least: As `LEAST_CHANNELS`.
        direct: Names of layers that stay direct convolutions, because their maps are small.
        upsampled: Names of layers that gain whatever their channels, because they follow an upsampling by 2, which
            becomes theirs (see `WinogradConv`).
    """
    for place, parent in list(network.named_modules()):
        for child, layer in list(parent.named_children()):
            name = f"{place}.{child}" if place else child
            if not (isinstance(layer, nn.Conv2d) and _is_plain(layer)) or name in direct or not layer.weight.is_cpu:
                continue
            fewer, more = sorted((layer.in_channels, layer.out_channels))
            if name in upsampled or (more >= least and 2 * fewer >= least):
                setattr(parent, child, WinogradConv(layer, upsampled=name in upsampled))
    for values in network.parameters():
        # Channels last, oneDNN copies no map to a layout of its own. A clone lets go of the file of weights, of which
        # the whole stays in memory as long as one tensor is mapped from it.
        layout = torch.channels_last if values.ndim == 4 else torch.contiguous_format
        values.data = values.detach().clone(memory_format=layout)
    return network


def apply_convolution(
    layer: nn.Module, x: Tensor, activation: Activation = "none", rows: tuple[int, int] | None = None
) -> Tensor:
    """Return the convolution by a layer that pads with zeros, and the activation after it.

    Args:
        layer: A convolution of torch, or a `WinogradConv`.
        x: Shape (N, C, H, W).
        activation: Applied to the result.
        rows: The first row of the result and the one after its last, the first even; None for all. Only for a layer
            that is padded by 1 and not dilated.
    """
    if isinstance(layer, WinogradConv):
        return layer(x, activation, rows)  # type: ignore[no-any-return]
    assert isinstance(layer, nn.Conv2d)
    if rows is None and x.numel() >= _SHARED and layer.padding == layer.dilation == (1, 1) and x.is_cpu:
        return _convolve_in_strips(layer, x, activation)
    margin, dilation, above = int(layer.padding[0]), layer.dilation[0], int(layer.padding[0])
    if rows is not None:
        begin, end = rows[0] - 1, rows[1] + 1
        outside = max(-begin, 0), max(end - x.shape[2], 0)
        x, above = x[:, :, max(begin, 0) : end], 0
        if any(outside):
            x = F.pad(x, (0, 0, *outside))
        x = to_channels_last(x)
    return conv2d(x, layer.weight, layer.bias, padding=(above, margin), dilation=dilation, activation=activation)


def _convolve_in_strips(layer: nn.Conv2d, x: Tensor, activation: Activation) -> Tensor:
    """Return the direct convolution of a large map, whose strips of rows are shared with a core that would wait."""
    height, width = x.shape[2:]
    shape = len(x), layer.out_channels, height, width
    out = torch.empty(shape, dtype=x.dtype, memory_format=torch.channels_last)
    step = 2 * math.ceil(height / (2 * _STRIPS))

    def fill(begin: int) -> None:
        end = min(begin + step, height)
        out[:, :, begin:end] = apply_convolution(layer, x, activation, (begin, end))

    share(fill, range(0, height, step))
    return out


def _is_plain(layer: nn.Conv2d) -> bool:
    """Return whether a layer is 3 x 3 with stride 1 in one group."""
    even = layer.dilation[0] == layer.dilation[1] and layer.padding in ((0, 0), layer.dilation)
    known = layer.padding_mode == "zeros" or (layer.padding_mode == "reflect" and layer.dilation == (1, 1))
    return layer.kernel_size == (3, 3) and layer.stride == (1, 1) and layer.groups == 1 and even and known


def _split(x: Tensor, apart: int) -> Tensor:
    """Return the grids of pixels that lie d `apart` as a view: (N, H, W, C) -> (N, d, d, H / d, W / d, C)."""
    batch, height, width, channels = x.shape
    down, right = x.stride()[1:3]
    size = (batch, apart, apart, height // apart, width // apart, channels)
    return x.as_strided(size, (x.stride(0), down, right, apart * down, apart * right, x.stride(3)), x.storage_offset())


def _cut(x: Tensor, axis: int, count: int, step: int, pixels: int) -> list[Tensor]:
    """Return the pixels that each of `count` tiles, `step` apart, reads along an axis, as views."""
    length = step * (count - 1) + 1
    return [x.narrow(axis, first, length).unfold(axis, 1, step).squeeze(-1) for first in range(pixels)]


def _sum(maps: _Maps, terms: _Terms, out: Tensor) -> None:
    """Write a weighted sum of maps, cut to the size of `out`; the first term has weight 1."""
    if maps[0].shape[:-1] != out.shape[:-1]:
        maps = [x[..., : out.shape[-3], : out.shape[-2], :] for x in maps]
    total, *others = (maps[index] for index, _ in terms)
    if not others:
        out.copy_(total)
    for values, (_, weight) in zip(others, terms[1:], strict=True):
        total = torch.add(total, values, alpha=weight, out=out)

"""Large 3 x 3 convolutions with fewer multiplications (Winograd's minimal filtering).

Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks", CVPR 2016, section 4.1, F(2 x 2, 3 x 3): a tile of
2 x 2 results needs 16 multiplications for each pair of channels instead of 36. The price is memory for the transformed
weights, 16 / 9 of the layer's own, which they replace. oneDNN and torch have no such convolution for x86. Results
differ from direct ones by rounding, 3e-6 of their range.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from typing import TypeAlias, TypeVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from stcolor_core.method.onednn import Activation, conv2d, inner_products

__all__ = ["CHANNELS", "WinogradConv", "apply_convolution", "prepare_network"]

Network = TypeVar("Network", bound=nn.Module)
_Maps: TypeAlias = Sequence[Tensor]
"""Maps of equal shape (..., rows, columns, channels)."""

CHANNELS: Collection[tuple[int, int]] = frozenset({(512, 512)})
"""Input and output channels of the layers that gain.

Such a layer takes 7 MB more and two thirds of the time. Tiles of 4 x 4 results would take 28 MB more and half the time,
but with their rounding, five times as large, the networks miss their golden vectors. With fewer channels the transforms
take most of what is saved (benchmarks/measured/speed.md).
"""

_TILE = 2  # px, side of a tile of results; it reads two more
_PARTS = _TILE + 2
_ENTER_WEIGHTS = ((1, 0, 0), (1 / 2, 1 / 2, 1 / 2), (1 / 2, -1 / 2, 1 / 2), (0, 0, 1))  # G of the paper (its eq. 7)
_TRANSFORMED_AT_ONCE = 16  # output channels: the transform of all would be the peak of the memory


class WinogradConv(nn.Module):
    """A 3 x 3 convolution of stride 1, for inference on a CPU, with transformed weights in place of the layer's own."""

    weights: Tensor
    bias: Tensor | None

    def __init__(self, layer: nn.Conv2d) -> None:
        """Transform a layer's weights.

        Args:
            layer: The layer: 3 x 3, stride 1, one group, padded with zeros or by reflection.

        Raises:
            ValueError: If the layer is of another kind.
        """
        super().__init__()
        if not _is_plain(layer):
            raise ValueError(f"Winograd's convolution is for layers of 3 x 3 and stride 1, not {layer}.")
        self._dilation, self._padding = layer.dilation[0], int(layer.padding[0])
        self._reflects = layer.padding_mode == "reflect"
        enter = torch.tensor(_ENTER_WEIGHTS, dtype=torch.float64)
        outputs, inputs = layer.weight.shape[:2]
        weights = layer.weight.new_empty(_PARTS, _PARTS, outputs, inputs)
        for first in range(0, outputs, _TRANSFORMED_AT_ONCE):
            some = slice(first, first + _TRANSFORMED_AT_ONCE)
            part = layer.weight.detach()[some].double()
            weights[:, :, some] = torch.einsum("ai,koij,bj->abko", enter, part, enter).to(weights)
        self.register_buffer("weights", weights.flatten(0, 1))
        self.register_buffer("bias", None if layer.bias is None else layer.bias.detach().clone())

    def forward(self, x: Tensor, activation: Activation = "none") -> Tensor:
        """Return the convolution and the activation after it, channels last.

        Args:
            x: Shape (N, C, H, W).
            activation: Applied to the result.
        """
        apart, margin = self._dilation, self._padding
        if self._reflects and margin:
            x, margin = F.pad(x, (margin,) * 4, mode="reflect"), 0
        rows, columns = (size + 2 * (margin - apart) for size in x.shape[2:])  # of the result
        # A dilated convolution is one of each of the grids of pixels that lie `apart` from one another.
        tiles = [math.ceil(math.ceil(size / apart) / _TILE) for size in (rows, columns)]
        phases = [(row, column) for row in range(apart) for column in range(apart)]
        padded = x.new_zeros(len(phases), len(x), *(_TILE * count + 2 for count in tiles), x.shape[1])
        first = margin // apart
        for grid, (row, column) in zip(padded, phases, strict=True):
            part = x[:, :, row::apart, column::apart].permute(0, 2, 3, 1)
            grid[:, first : first + part.shape[1], first : first + part.shape[2]] = part
        out = x.new_empty(len(x), rows, columns, self.weights.shape[1])
        if apart == 1:
            self._convolve(padded[0], out, tiles)
        else:
            grids = x.new_empty(len(phases), len(x), math.ceil(rows / apart), math.ceil(columns / apart), out.shape[3])
            self._convolve(padded.flatten(0, 1), grids.flatten(0, 1), tiles)
            for grid, (row, column) in zip(grids, phases, strict=True):
                part = out[:, row::apart, column::apart]
                part.copy_(grid[:, : part.shape[1], : part.shape[2]])
        if activation == "relu":
            out.relu_()
        elif activation == "relu6":
            out.clamp_(0, 6)
        return out.permute(0, 3, 1, 2)

    def _convolve(self, x: Tensor, out: Tensor, tiles: Sequence[int]) -> None:
        """Fill the result, (N, h, w, C'), from the padded map, (N, 2 * rows + 2, 2 * columns + 2, C), tile by tile."""
        columns = out.shape[2]
        leave: list[Tensor] = []
        for index, line in enumerate(_enter(_cut(x, 1, tiles[0]))):
            products = [
                self._multiply(part, index * _PARTS + place)
                for place, part in enumerate(_enter(_cut(line, 2, tiles[1])))
            ]
            joined = out.new_empty(len(out), tiles[0], columns, out.shape[3])
            _leave(products, [joined[:, :, phase::_TILE] for phase in range(_TILE)])
            leave.append(joined)
        _leave(leave, [out[:, phase::_TILE] for phase in range(_TILE)])

    def _multiply(self, part: Tensor, index: int) -> Tensor:
        """Return the products of one of the 16 parts of all tiles: (N, t, t', C) -> (N, t, t', C')."""
        # The results take part 1 with weight 1 in each axis, and so the bias, which costs nothing here.
        bias = self.bias if index == _PARTS + 1 else None
        return inner_products(part.flatten(0, 2), self.weights[index], bias).reshape(*part.shape[:3], -1)


def prepare_network(
    network: Network, *, channels: Collection[tuple[int, int]] = CHANNELS, direct: Collection[str] = ()
) -> Network:
    """Return a network that is quick to run: its layers channels last, those that gain on a CPU by Winograd.

    Args:
        network: The network, which is changed. Its state dict lacks the weights of the replaced layers then.
        channels: Input and output channels of the layers that gain.
        direct: Names of layers that stay direct convolutions, because their maps are small.
    """
    for parent in list(network.modules()):
        for name, layer in list(parent.named_children()):
            if not (isinstance(layer, nn.Conv2d) and _is_plain(layer)) or name in direct or not layer.weight.is_cpu:
                continue
            if (layer.in_channels, layer.out_channels) in channels:
                setattr(parent, name, WinogradConv(layer))
    for values in network.parameters():
        # Channels last, oneDNN copies no map to a layout of its own. A clone lets go of the file of weights, of which
        # the whole stays in memory as long as one tensor is mapped from it.
        layout = torch.channels_last if values.ndim == 4 else torch.contiguous_format
        values.data = values.detach().clone(memory_format=layout)
    return network


def apply_convolution(layer: nn.Module, x: Tensor, activation: Activation = "none") -> Tensor:
    """Return the convolution by a layer that pads with zeros, and the activation after it.

    Args:
        layer: A convolution of torch, or a `WinogradConv`.
        x: Shape (N, C, H, W).
        activation: Applied to the result.
    """
    if isinstance(layer, WinogradConv):
        return layer(x, activation)  # type: ignore[no-any-return]
    assert isinstance(layer, nn.Conv2d)
    margin, dilation = int(layer.padding[0]), layer.dilation[0]
    return conv2d(x, layer.weight, layer.bias, padding=(margin, margin), dilation=dilation, activation=activation)


def _is_plain(layer: nn.Conv2d) -> bool:
    """Return whether a layer is 3 x 3 with stride 1 in one group."""
    even = layer.dilation[0] == layer.dilation[1] and layer.padding in ((0, 0), layer.dilation)
    known = layer.padding_mode == "zeros" or (layer.padding_mode == "reflect" and layer.dilation == (1, 1))
    return layer.kernel_size == (3, 3) and layer.stride == (1, 1) and layer.groups == 1 and even and known


def _cut(x: Tensor, axis: int, count: int) -> list[Tensor]:
    """Return the four pixels that each of `count` tiles reads along an axis, as views."""
    length = _TILE * (count - 1) + 1
    return [x.narrow(axis, first, length).unfold(axis, 1, _TILE).squeeze(-1) for first in range(_PARTS)]


def _enter(d: _Maps) -> list[Tensor]:
    """Apply B^T of the paper to the pixels of tiles."""
    return [d[0] - d[2], d[1] + d[2], d[2] - d[1], d[1] - d[3]]


def _leave(m: _Maps, out: _Maps) -> None:
    """Apply A^T of the paper to products, and write each of the results where it belongs; `out` may be a part short."""
    _sum(out[0], (m[0], 1), (m[1], 1), (m[2], 1))
    _sum(out[1], (m[1], 1), (m[2], -1), (m[3], -1))


def _sum(out: Tensor, first: tuple[Tensor, int], *others: tuple[Tensor, int]) -> None:
    """Write the sum of weighted maps, cut to the size of `out`; the first has weight 1."""
    rows, columns = out.shape[1:3]
    total = first[0][:, :rows, :columns]
    for values, weight in others:
        total = torch.add(total, values[:, :rows, :columns], alpha=weight, out=out)

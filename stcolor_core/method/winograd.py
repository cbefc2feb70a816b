"""Large 3 x 3 convolutions with fewer multiplications (Winograd's minimal filtering).

Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks", CVPR 2016, section 4: tiles of m x m results need
(m + 2)^2 multiplications for each pair of channels instead of 9 m^2, which is 2.25 times fewer for m = 2 and 4 times
fewer for m = 4. The price is memory for the transformed weights, (m + 2)^2 / 9 of the layer's own, which they replace.
oneDNN and torch have no such convolution for x86. Results differ from direct ones by rounding, 1e-5 of their range.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from typing import TypeAlias, TypeVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from stcolor_core.method.onednn import Activation, conv2d, inner_products

__all__ = ["TILES", "WinogradConv", "apply_convolution", "prepare_network"]

Network = TypeVar("Network", bound=nn.Module)
_Maps: TypeAlias = Sequence[Tensor]
"""Maps of equal shape (..., rows, columns, channels)."""

TILES: Mapping[tuple[int, int], int] = {(512, 512): 2}
"""Input and output channels of the layers that gain -> side of a tile of results.

For m = 2 such a layer takes 7 MB more and two thirds of the time, and differs by 3e-6 of its range. For m = 4 it would
take 28 MB more and half the time; with its rounding, five times as large, the networks miss their golden vectors. With
fewer channels the transforms take most of what is saved (benchmarks/measured/speed.md).
"""

_TRANSFORMED_AT_ONCE = 16  # output channels

# G of the paper (its eqs. 12 and 13): from three weights to m + 2.
_ENTER_WEIGHTS = {
    2: ((1, 0, 0), (1 / 2, 1 / 2, 1 / 2), (1 / 2, -1 / 2, 1 / 2), (0, 0, 1)),
    4: (
        (1 / 4, 0, 0),
        (-1 / 6, -1 / 6, -1 / 6),
        (-1 / 6, 1 / 6, -1 / 6),
        (1 / 24, 1 / 12, 1 / 6),
        (1 / 24, -1 / 12, 1 / 6),
        (0, 0, 1),
    ),
}


class WinogradConv(nn.Module):
    """A 3 x 3 convolution of stride 1, for inference on a CPU, with transformed weights in place of the layer's own."""

    weights: Tensor
    bias: Tensor | None

    def __init__(self, layer: nn.Conv2d, *, tile: int) -> None:
        """Transform a layer's weights.

        Args:
            layer: The layer: 3 x 3, stride 1, one group, padded with zeros or by reflection.
            tile: Side m of a tile of results, 2 or 4.

        Raises:
            ValueError: If the layer is of another kind.
        """
        super().__init__()
        if not _is_plain(layer):
            raise ValueError(f"Winograd's convolution is for layers of 3 x 3 and stride 1, not {layer}.")
        self._tile, self._dilation, self._padding = tile, layer.dilation[0], int(layer.padding[0])
        self._reflects = layer.padding_mode == "reflect"
        enter = torch.tensor(_ENTER_WEIGHTS[tile], dtype=torch.float64)
        outputs, inputs = layer.weight.shape[:2]
        weights = layer.weight.new_empty(tile + 2, tile + 2, outputs, inputs)
        for some in torch.split(
            torch.arange(outputs), _TRANSFORMED_AT_ONCE
        ):  # all at once would be the peak of the memory
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
        tiles = [math.ceil(math.ceil(size / apart) / self._tile) for size in (rows, columns)]
        phases = [(row, column) for row in range(apart) for column in range(apart)]
        padded = x.new_zeros(len(phases), len(x), *(self._tile * count + 2 for count in tiles), x.shape[1])
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
        """Fill the result, (N, h, w, C'), from the padded map, (N, m * rows + 2, m * columns + 2, C), tile by tile."""
        m, columns = self._tile, out.shape[2]
        leave: list[Tensor] = []
        for index, line in enumerate(_enter(_cut(x, 1, tiles[0], m))):
            products = [
                self._multiply(part, index * (m + 2) + place)
                for place, part in enumerate(_enter(_cut(line, 2, tiles[1], m)))
            ]
            joined = out.new_empty(len(out), tiles[0], columns, out.shape[3])
            _leave(products, [joined[:, :, phase::m] for phase in range(m)])
            leave.append(joined)
        _leave(leave, [out[:, phase::m] for phase in range(m)])

    def _multiply(self, part: Tensor, index: int) -> Tensor:
        """Return the products of one of the (m + 2)^2 parts of all tiles: (N, t, t', C) -> (N, t, t', C')."""
        # The results take part 1 with weight 1 in each axis, and so the bias, which costs nothing here.
        bias = self.bias if index == self._tile + 3 else None
        return inner_products(part.flatten(0, 2), self.weights[index], bias).reshape(*part.shape[:3], -1)


def prepare_network(
    network: Network, *, tiles: Mapping[tuple[int, int], int] = TILES, direct: Collection[str] = ()
) -> Network:
    """Return a network that is quick to run: its layers channels last, those that gain on a CPU by Winograd.

    Args:
        network: The network, which is changed. Its state dict lacks the weights of the replaced layers then.
        tiles: Input and output channels -> side of a tile.
        direct: Names of layers that stay direct convolutions, because their maps are small.
    """
    for parent in list(network.modules()):
        for name, layer in list(parent.named_children()):
            if isinstance(layer, nn.Conv2d) and _is_plain(layer) and name not in direct and layer.weight.is_cpu:
                tile = tiles.get((layer.in_channels, layer.out_channels))
                if tile is not None:
                    setattr(parent, name, WinogradConv(layer, tile=tile))
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


def _cut(x: Tensor, axis: int, count: int, m: int) -> list[Tensor]:
    """Return the m + 2 pixels that each of `count` tiles reads along an axis, as views."""
    return [x.narrow(axis, first, m * (count - 1) + 1).unfold(axis, 1, m).squeeze(-1) for first in range(m + 2)]


def _enter(d: _Maps) -> list[Tensor]:
    """Apply B^T of the paper to the pixels of tiles: as sums, of which the products share most."""
    if len(d) == 4:
        return [d[0] - d[2], d[1] + d[2], d[2] - d[1], d[1] - d[3]]
    even, odd = torch.sub(d[4], d[2], alpha=4), torch.sub(d[3], d[1], alpha=4)
    outer, inner = d[4] - d[2], d[3] - d[1]
    return [
        torch.add(even, d[0], alpha=4).sub_(d[2]),
        even + odd,
        even.sub_(odd),
        torch.add(outer, inner, alpha=2),
        outer.sub_(inner, alpha=2),
        (d[5] - d[3]).sub_(inner, alpha=4),
    ]


def _leave(m: _Maps, out: _Maps) -> None:
    """Apply A^T of the paper to products, and write each of the results where it belongs; `out` may be a part short."""
    if len(m) == 4:
        _sum(out[0], (m[0], 1), (m[1], 1), (m[2], 1))
        _sum(out[1], (m[1], 1), (m[2], -1), (m[3], -1))
        return
    near, near_difference, far, far_difference = m[1] + m[2], m[1] - m[2], m[3] + m[4], m[3] - m[4]
    _sum(out[0], (m[0], 1), (near, 1), (far, 1))
    _sum(out[1], (near_difference, 1), (far_difference, 2))
    _sum(out[2], (near, 1), (far, 4))
    _sum(out[3], (near_difference, 1), (far_difference, 8), (m[5], 1))


def _sum(out: Tensor, first: tuple[Tensor, int], *others: tuple[Tensor, int]) -> None:
    """Write the sum of weighted maps, cut to the size of `out`; the first has weight 1."""
    rows, columns = out.shape[1:3]
    total = first[0][:, :rows, :columns]
    for values, weight in others:
        total = torch.add(total, values[:, :rows, :columns], alpha=weight, out=out)

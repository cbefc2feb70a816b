"""Which positions of the references each target position is compared with: all of them, or those of a shortlist.

The targets are compared in parts, so that no P x P matrix is ever in memory.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from stcolor_core.method.onednn import inner_products
from stcolor_core.method.shortlist import FeatureBlocks, take_rows, top_blocks

__all__ = ["Comparison", "Memory", "compare_by_blocks", "compare_by_rows"]

# Elements of a part of the affinity. 4 MiB fit in a CPU's cache and are twice as fast as 32 MiB; a GPU wants few parts.
_CPU_ELEMENTS, _GPU_ELEMENTS = 1 << 20, 1 << 25
_CPU_BLOCKS, _GPU_BLOCKS = 8, 512  # target blocks per part, each with its own shortlist


@dataclass(frozen=True)
class Memory:
    """The positions of all references together (Akimoto et al. 2020, eq. 11).

    Attributes:
        values: What is mixed, shape (N, V).
        known: Positions that may be used, shape (N,), bool; None for all.
    """

    values: Tensor
    known: Tensor | None = None


class Comparison(Protocol):
    """Targets, each of which is compared with M of the N positions of a memory."""

    @property
    def parts(self) -> Sequence[slice]:
        """Return the parts of the targets that are compared at once."""

    @property
    def columns(self) -> Tensor | None:
        """Return the columns in M of the positions that tracking allows, (T, K); -1 for none. None if all are."""

    def correlate(self, part: slice) -> Tensor:
        """Return the correlation of some targets with their positions (eq. 4), -inf where a position may not be used.

        Args:
            part: Of `parts`, Q targets.

        Returns:
            Shape (Q, M). It may be overwritten.
        """

    def mix(self, part: slice, weights: Tensor) -> Tensor:
        """Return the weighted sums of the values of the positions, shape (V, Q).

        Args:
            part: Of `parts`, Q targets.
            weights: Shape (Q, M).
        """

    def find_positions(self, part: slice, column: Tensor) -> Tensor:
        """Return the position in N of one column in M per target, shape (Q,).

        Args:
            part: Of `parts`, Q targets.
            column: Shape (Q,), int64.
        """


def compare_by_rows(target: Tensor, features: Tensor, memory: Memory, tracked: Tensor | None) -> Comparison:
    """Compare every target with every position.

    Args:
        target: Unit features of the targets, shape (C, T).
        features: Those of the references, shape (C, N).
        memory: The references.
        tracked: Positions in N that tracking allows for each target, shape (T, K), int64, -1 for none; None for all.

    Returns:
        The comparison of T targets.
    """
    elements = _CPU_ELEMENTS if target.device.type == "cpu" else _GPU_ELEMENTS
    parts = _slices(target.shape[1], max(1, elements // max(1, features.shape[1])))
    return _Rows(parts, tracked, target, features.T.contiguous(), memory.values.T.contiguous(), memory.known)


@dataclass(frozen=True)
class _Rows:
    """M = N, in order. target: (C, T). features: (N, C). values: (V, N)."""

    parts: Sequence[slice]
    columns: Tensor | None
    target: Tensor
    features: Tensor
    values: Tensor
    known: Tensor | None

    def correlate(self, part: slice) -> Tensor:
        correlation = inner_products(self.target[:, part].T, self.features)
        return correlation if self.known is None else correlation.masked_fill_(~self.known, -torch.inf)

    def mix(self, part: slice, weights: Tensor) -> Tensor:  # noqa: ARG002  (part of the interface)
        # The few values times the many weights: the other way round takes three times as long.
        return self.values @ weights.T

    def find_positions(self, part: slice, column: Tensor) -> Tensor:  # noqa: ARG002  (part of the interface)
        return column


def compare_by_blocks(
    target: FeatureBlocks, reference: FeatureBlocks, memory: Memory, tracked: Tensor | None, *, references: int
) -> Comparison | None:
    """Compare each block of targets with its shortlist.

    Args:
        target: The frame to colour, B blocks.
        reference: All references, B' blocks with positions in N; those of unknown colour may not be used.
        memory: The references.
        tracked: Positions in N that tracking allows for each target, shape (16 B, K), int64, -1 for none; None for all.
        references: How many references there are.

    Returns:
        The comparison of 16 B targets; None if the shortlists would hold every block.
    """
    targets, blocks = target.positions, reference.positions
    count, cells = blocks.shape
    tracked_blocks = torch.zeros(len(targets), count + 1, dtype=torch.bool, device=targets.device)
    if tracked is not None:
        block, place = _find_in_blocks(blocks, tracked.reshape(len(targets), -1), len(memory.values))
        tracked_blocks.scatter_(1, block, True)
    shortlists = top_blocks(target.means, reference.means, tracked_blocks[:, :-1], references=references)
    if shortlists is None:
        return None
    columns = None
    if tracked is not None:
        start = torch.full((len(targets), count + 1), -cells, device=targets.device)  # of each block's columns
        order = torch.arange(0, cells * shortlists.shape[1], cells, device=targets.device)
        start.scatter_(1, shortlists, order.expand_as(shortlists))
        columns = (start.gather(1, block) + place).clamp_min_(-1).reshape(tracked.shape)
    size = cells * (_CPU_BLOCKS if targets.device.type == "cpu" else _GPU_BLOCKS)
    return _Blocks(
        _slices(targets.numel(), size),
        columns,
        shortlists,
        target.features,
        blocks,
        reference.features,
        take_rows(memory.values, blocks).permute(2, 0, 1).contiguous(),
        torch.zeros_like(blocks, dtype=reference.features.dtype).masked_fill_(blocks < 0, -torch.inf),
    )


@dataclass(frozen=True)
class _Blocks:
    """M = 16 S: the S blocks of the shortlist of each block of targets.

    shortlists: (B, S), indices into B'. target: (B, 16, C). blocks: (B', 16), positions in N. features: (B', 16, C).
    values: (V, B', 16). bias: (B', 16), -inf where nothing may be used and else 0.
    """

    parts: Sequence[slice]
    columns: Tensor | None
    shortlists: Tensor
    target: Tensor
    blocks: Tensor
    features: Tensor
    values: Tensor
    bias: Tensor

    def correlate(self, part: slice) -> Tensor:
        some = self._blocks_of(part)
        chosen = self.shortlists[some].flatten()
        count = some.stop - some.start
        bias = self.bias.index_select(0, chosen).reshape(count, 1, -1)
        features = self.features.index_select(0, chosen).reshape(count, -1, self.features.shape[2])
        return torch.baddbmm(bias, self.target[some], features.transpose(1, 2)).flatten(0, 1)

    def mix(self, part: slice, weights: Tensor) -> Tensor:
        some = self._blocks_of(part)
        count = some.stop - some.start
        values = self.values.index_select(1, self.shortlists[some].flatten()).reshape(len(self.values), count, -1)
        # (B, V, 16), as the few values times the many weights are faster
        mixed = values.transpose(0, 1) @ weights.reshape(count, -1, weights.shape[1]).transpose(1, 2)
        return mixed.transpose(0, 1).flatten(1)

    def find_positions(self, part: slice, column: Tensor) -> Tensor:
        cells = self.blocks.shape[1]
        shortlists = self.shortlists[self._blocks_of(part)]
        block = shortlists.gather(1, column.reshape(len(shortlists), -1) // cells).flatten()
        return self.blocks[block, column % cells]

    def _blocks_of(self, part: slice) -> slice:
        """Return the blocks of a part of the targets, which is made of whole ones."""
        cells = self.blocks.shape[1]
        return slice(part.start // cells, part.stop // cells)


def _slices(count: int, size: int) -> list[slice]:
    return [slice(first, min(first + size, count)) for first in range(0, count, size)]


def _find_in_blocks(blocks: Tensor, positions: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """Return the block of each position and its place within the block; B' and 0 for positions in none, such as -1.

    blocks: (B', 16), positions in N. positions: of any shape. count: N.
    """
    inside = blocks >= 0
    at = torch.where(inside, blocks, count).flatten()  # without boolean indices, whose number a device would be asked
    index = torch.arange(len(blocks), device=blocks.device)[:, None].expand_as(blocks)
    place = torch.arange(blocks.shape[1], device=blocks.device).expand_as(blocks)
    found = torch.where(positions < 0, count, positions)
    tables = (
        torch.full((count + 1,), none, device=blocks.device).scatter_(
            0, at, values.masked_fill(~inside, none).flatten()
        )
        for values, none in ((index, len(blocks)), (place, 0))
    )
    block, place = (take_rows(table, found) for table in tables)
    return block, place

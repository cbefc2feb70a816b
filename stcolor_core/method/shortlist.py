"""Shortlists for attention: for each block of a frame, the most similar blocks of the references.

Full attention (Akimoto et al. 2020, eqs. 3 to 5) costs a product and an exponential for every pair of positions. At the
temperatures in use nearly all the weight is on few positions, which are close together. So blocks of 4 x 4 cells are
compared by their mean features first, and only the positions of the most similar tenth one by one. This costs
0.01 dB of the colour by attention alone and saves more than half the time (`benchmarks/attention.py --shortlists`).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

__all__ = ["FeatureBlocks", "block_positions", "in_blocks", "take_rows", "top_blocks"]

_SIDE = 4  # cells per side of a block
_ONE_IN, _AT_LEAST = 10, 32  # a shortlist holds one in ten blocks of a reference, and at least 32


def block_positions(grid: tuple[int, int], device: torch.device) -> Tensor:
    """Return the positions of a grid, grouped into blocks of 4 x 4 cells.

    Args:
        grid: Height and width (h, w).
        device: Device of the result.

    Returns:
        Shape (B, 16), int64; -1 for cells beyond the border of the grid.
    """
    height, width = grid
    index = torch.arange(height * width, device=device).reshape(grid)
    index = F.pad(index, (0, -width % _SIDE, 0, -height % _SIDE), value=-1)
    return index.unfold(0, _SIDE, _SIDE).unfold(1, _SIDE, _SIDE).flatten(2).flatten(0, 1)


@dataclass(frozen=True)
class FeatureBlocks:
    """Features of one or several pictures, by blocks of 4 x 4 cells.

    Attributes:
        positions: Shape (B, 16), int64; -1 for cells beyond the border and for those that may not be used.
        features: Shape (B, 16, C), zero at -1.
        means: Mean feature of each block over its other cells, shape (B, C).
    """

    positions: Tensor
    features: Tensor
    means: Tensor


def in_blocks(features: Tensor, grid: tuple[int, int], known: Tensor | None = None) -> FeatureBlocks:
    """Return the features of a picture by blocks; a block without a position that may be used is left out.

    Args:
        features: Shape (C, P).
        grid: Height and width (h, w), P = h * w.
        known: Positions that may be used, shape (P,), bool; None for all.
    """
    positions = block_positions(grid, features.device)
    if known is not None:
        positions = torch.where((positions >= 0) & known[positions.clamp_min(0)], positions, -1)
        positions = positions[(positions >= 0).any(dim=1)]
    cells = take_rows(features.T.contiguous(), positions).masked_fill_((positions < 0)[..., None], 0.0)
    used = (torch.linalg.vecdot(cells, cells) != 0).sum(1, keepdim=True)  # `any` takes eight times as long
    return FeatureBlocks(positions, cells, cells.sum(1) / used.clamp_min(1))


def take_rows(table: Tensor, index: Tensor) -> Tensor:
    """Return `table[index]`, with an arbitrary row at -1. Several times faster, since whole rows are copied.

    Args:
        table: Shape (N, ...).
        index: Of any shape, int64.
    """
    return table.index_select(0, index.clamp_min(0).flatten()).reshape(*index.shape, *table.shape[1:])


def top_blocks(target: Tensor, reference: Tensor, tracked: Tensor, *, references: int) -> Tensor | None:
    """Choose the reference blocks that each target block is compared with: tracked ones first, then the most similar.

    Args:
        target: Mean features of the target's blocks, shape (B, C).
        reference: Mean features of the blocks of all references, shape (B', C).
        tracked: Shape (B, B'), bool: True if tracking leads from the target block to the reference block.
        references: How many references the B' blocks belong to.

    Returns:
        Indices into B', shape (B, S), int64; None if the shortlist would hold every block.
    """
    count = references * max(_AT_LEAST, len(reference) // references // _ONE_IN)
    if count >= len(reference):
        return None
    similarity = target @ reference.T
    return similarity.masked_fill_(tracked, torch.inf).topk(count, dim=1).indices

"""Shortlists for attention: for each block of a frame, the most similar blocks of the references.

Full attention (Akimoto et al. 2020, eqs. 3 to 5) costs a product and an exponential for every pair of positions. At the
temperatures in use nearly all the weight is on few positions, which are close together. So blocks of 4 x 4 cells are
compared by their mean features first, and only the positions of the most similar tenth one by one. This costs
0.01 dB of the colour by attention alone and saves more than half the time (`benchmarks/attention.py --shortlists`).
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

__all__ = ["block_positions", "top_blocks"]

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


def top_blocks(target: Tensor, reference: Tensor, tracked: Tensor, *, references: int) -> Tensor | None:
    """Choose the reference blocks that each target block is compared with: tracked ones first, then the most similar.

    Args:
        target: Features of the target's blocks, shape (B, 16, C), zero beyond the border.
        reference: Features of the blocks of all references, shape (B', 16, C), zero beyond the border.
        tracked: Shape (B, B'), bool: True if tracking leads from the target block to the reference block.
        references: How many references the B' blocks belong to.

    Returns:
        Indices into B', shape (B, S), int64; None if the shortlist would hold every block.
    """
    count = references * max(_AT_LEAST, len(reference) // references // _ONE_IN)
    if count >= len(reference):
        return None
    similarity = _block_means(target) @ _block_means(reference).T
    return similarity.masked_fill_(tracked, torch.inf).topk(count, dim=1).indices


def _block_means(features: Tensor) -> Tensor:
    """Return the mean feature of each block over the cells within the grid: (B, 16, C) -> (B, C)."""
    inside = (features != 0).any(dim=2).sum(1, keepdim=True)
    return features.sum(1) / inside.clamp_min(1)

"""Where attention looks: for each block of a frame, the blocks of the references that are like it as a whole.

Attention over all places (eqs. 3 to 5) costs a product and an exponential for every pair, though at the temperatures in
use nearly all of the weight lies on few places, and these lie together. Blocks of 4 x 4 cells are compared by the means
of their features first, and only the places of the likest fifth one by one. On davis that costs 0.01 dB of attention's
own colour, and saves more than half the time (`benchmarks/attention.py --shortlists`).
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

__all__ = ["blocks", "top_blocks"]

_EDGE = 4  # cells of a block to a side
_SHARE, _LEAST = 5, 64  # of the blocks of a reference one in so many is looked at, and so many at least


def blocks(grid: tuple[int, int], device: torch.device) -> Tensor:
    """(B, 16) int64: the positions of a grid (h, w), block by block; -1 where a block reaches beyond it."""
    height, width = grid
    index = torch.arange(height * width, device=device).reshape(grid)
    index = F.pad(index, (0, -width % _EDGE, 0, -height % _EDGE), value=-1)
    return index.unfold(0, _EDGE, _EDGE).unfold(1, _EDGE, _EDGE).flatten(2).flatten(0, 1)


def top_blocks(target: Tensor, places: Tensor, tracked: Tensor, *, references: int) -> Tensor | None:
    """Which blocks of the references each block of the target is compared with.

    target: (B, 16, C) features of the target's blocks, and places: (B', 16, C) of those of all references, zero beyond
    the edge. tracked: (B, B') bool, where tracking leads, which is taken first.
    Returns (B, S) int64, None where there are so few that all are looked at.
    """
    count = references * max(_LEAST, len(places) // references // _SHARE)
    if count >= len(places):
        return None
    likeness = _mean(target) @ _mean(places).T
    return likeness.masked_fill_(tracked, torch.inf).topk(count, dim=1).indices


def _mean(features: Tensor) -> Tensor:
    inside = (features != 0).any(dim=2).sum(1, keepdim=True)
    return features.sum(1) / inside.clamp_min(1)

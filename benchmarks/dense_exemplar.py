"""The exemplar model as a dense implementation of the paper's equations (Akimoto et al. 2020).

Every affinity and every mask is a P x P matrix, for P grid positions. `benchmarks/exemplar.py` compares the product
with it. It shares neither tracking nor warping with the product; the caller passes the networks. The only reference is
the first frame; sizes are multiples of 16.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from stcolor_core.method.features import Extractor

__all__ = ["colorize"]

TEMPERATURE = 0.01
RADIUS = 9
THRESHOLD = 0.2


@torch.no_grad()
def colorize(
    frames: Sequence[Tensor], reference_ab: Tensor, features: Extractor, net: Callable[[Tensor], Tensor]
) -> list[Tensor]:
    """Return ab (2, H, W) of every frame after the first.

    Args:
        frames: L* of each frame, shape (H, W), 0..100.
        reference_ab: a* and b* of the first frame, shape (2, H, W).
        features: Describes the frames on a grid of stride 4.
        net: The colour net of eq. 2, applied to (1, 7, H, W).
    """
    grid = frames[0].shape[0] // 4, frames[0].shape[1] // 4
    reference = features.reference(frames[0], reference_ab).flatten(1)
    colors = F.avg_pool2d(reference_ab[None], 4)[0].flatten(1)  # (2, P)
    described = [tuple(maps.flatten(1) for maps in features.both(frame)) for frame in frames]
    near = window(*grid)
    previous, result = torch.cat([frames[0][None] - 50, reference_ab]), []
    for index in range(1, len(frames)):
        mask = tracked([described[place] for place in range(index, -1, -1)], near)
        correlation = described[index][0].T @ reference  # eq. 4
        similarity = correlation.masked_fill(~mask, -2).amax(dim=1)
        warped = colors @ restricted(correlation, mask).T  # eqs. 5 and 6
        seen = torch.cat([warped, similarity[None]]).reshape(1, 3, *grid)
        light = frames[index][None] - 50
        given = torch.cat([light, F.interpolate(seen, scale_factor=4, mode="nearest")[0], previous])
        result.append(net(given[None])[0])  # eq. 2
        previous = torch.cat([light, result[-1]])
    return result


def tracked(described: Sequence[tuple[Tensor, ...]], near: Tensor) -> Tensor:
    """Return the tracked mask of eqs. 14, 15 and 17, (P, P) bool: which positions of the first frame each may match.

    Args:
        described: Features of each frame as a target and as a reference, both of shape (C, P), from the frame to colour
            back to the first one.
        near: Positions that each may move to between two frames, shape (P, P), bool.
    """
    place = torch.eye(len(near))
    for (target, _), (_, neighbour) in zip(described, described[1:], strict=False):
        carried = place @ restricted(target.T @ neighbour, near)
        place = (carried > THRESHOLD).float()
        place.scatter_(1, carried.argmax(dim=1, keepdim=True), 1.0)  # the best position if none passes the threshold
    return place > 0


def restricted(correlation: Tensor, allowed: Tensor) -> Tensor:
    """Return the restricted affinity (eqs. 3, 7 and 16, normalised as in eqs. 6 and 15): (P, P), rows sum to 1.

    Args:
        correlation: Cosine similarity of each target position to each reference position, shape (P, P), -1..1.
        allowed: Reference positions that each target position may match, shape (P, P), bool; at least one in each row.
    """
    return torch.softmax((correlation / TEMPERATURE).masked_fill(~allowed, float("-inf")), dim=1)


def window(height: int, width: int) -> Tensor:
    """Return the neighbourhood N^R of eq. 16, (P, P) bool: which positions are near which.

    Args:
        height: Rows of the grid.
        width: Columns of the grid, P = height * width.
    """
    y, x = (place.flatten() for place in torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij"))
    return ((y[:, None] - y).abs() <= RADIUS) & ((x[:, None] - x).abs() <= RADIUS)

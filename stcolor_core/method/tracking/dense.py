"""Dense tracking: the reference positions that each target position may correspond to.

Akimoto et al. 2020, eqs. 14 to 17; see docs/method.md, "Dense tracking".

There are two forms. The composed one walks outward from the reference, M[t->r] = B[t->t'] o M[t'->r], and costs one
link per frame. The exact one restarts eq. 15 at every target. Both keep lists of candidates, never a P x P matrix.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from stcolor_core.method.onednn import inner_products

__all__ = [
    "DenseTrack",
    "Window",
    "advance_track",
    "compose",
    "make_windows",
    "propagate_exactly",
    "select_neighbours",
    "window_affinity",
]

MAX_CANDIDATES = 32
_LINKS = 4  # rows of affinity sum to 1, so at most 4 entries can exceed 0.2; smaller thresholds keep the best 4
_CHUNK_ELEMENTS = 1 << 24
_TARGETS = 256  # positions per chunk: a few rows of the grid
_ALL = slice(None)


@dataclass(frozen=True)
class DenseTrack:
    """Candidates of each of P target positions on one reference.

    Attributes:
        candidates: Positions on the reference's grid, shape (P, K), int32, best first, padded with -1.
        score: Affinity along the best path, shape (P, K), 0 for padding.
        support: Shape (P,), 0..1: 1 if every link passed the threshold, less for each link that only kept its best
            neighbour.
        fallback: Share of positions, 0..1, that kept their best neighbour on the last link because none was above the
            threshold.
    """

    candidates: Tensor
    score: Tensor
    support: Tensor
    fallback: float

    @classmethod
    def identity(cls, count: int, *, device: torch.device) -> DenseTrack:
        """Return the track of the reference to itself: every position is its own candidate (eq. 14).

        Args:
            count: Number of positions P.
            device: Device of the tensors.
        """
        own = torch.arange(count, dtype=torch.int32, device=device)[:, None]
        return cls(own, torch.ones(count, 1, device=device), torch.ones(count, device=device), 0.0)


@dataclass(frozen=True)
class Window:
    """N_i^R of eq. 16: the positions that each target position may be linked to.

    Attributes:
        positions: Shape (P, W), int64; -1 outside the grid. P may be a part of the grid's positions.
    """

    positions: Tensor


def make_windows(
    height: int,
    width: int,
    radius: int,
    *,
    targets: slice = _ALL,
    displacement: Tensor | None = None,
    radii: Tensor | None = None,
    device: torch.device,
) -> Window:
    """Return windows of (2 radius + 1)^2 cells around each position or around its flow target.

    Args:
        height: Of the grid, in cells.
        width: Of the grid, in cells.
        radius: Of the largest window, in cells.
        targets: The P positions to make windows for.
        displacement: Displacement of the windows' centres, shape (P, 2), in cells (x, y); None for the paper's windows
            around the positions themselves.
        radii: Radius of each position's window in cells, shape (P,), rounded, at most `radius`; None for `radius`.
        device: Device of the result.
    """
    position = torch.arange(height * width, device=device)[targets, None]
    y, x = position // width, position % width
    if displacement is not None:
        x = (x + displacement[:, :1].round().long()).clamp(0, width - 1)
        y = (y + displacement[:, 1:].round().long()).clamp(0, height - 1)
    offset = torch.arange(-radius, radius + 1, device=device)
    y, x = y + offset, x + offset  # (P, 2 radius + 1)
    rows, columns = (y >= 0) & (y < height), (x >= 0) & (x < width)
    if radii is not None:
        near = offset.abs() <= radii.round()[:, None]
        rows, columns = rows & near, columns & near
    # What lies outside along one axis stays negative, whatever the other one adds.
    outside = -height * width
    y, x = torch.where(rows, y * width, outside), torch.where(columns, x, outside)
    return Window((y[:, :, None] + x[:, None]).clamp_min_(-1).flatten(1))


def window_affinity(target: Tensor, neighbour: Tensor, window: Window, *, temperature: float) -> Tensor:
    """Return A^D of eq. 16, normalised over the window as in eq. 15.

    Args:
        target: Unit features of the window's positions, shape (C, P).
        neighbour: Unit features of the whole neighbouring frame, shape (C, h * w).
        window: The positions to compare with.
        temperature: Softmax temperature, greater than 0.

    Returns:
        Affinity of shape (P, W); rows sum to 1, entries outside the grid are 0.
    """
    inside = window.positions >= 0
    firsts = range(0, len(window.positions), _TARGETS)
    # The windows of a chunk overlap: multiplying with the whole range they span is cheaper than gathering each.
    inward = window.positions.masked_fill(~inside, neighbour.shape[1])
    lowest = torch.stack([part.min() for part in torch.split(inward, _TARGETS)]).tolist()
    highest = torch.stack([part.max() for part in torch.split(window.positions, _TARGETS)]).tolist()
    features = neighbour.T.contiguous()
    parts = []
    for first, low, high in zip(firsts, lowest, highest, strict=True):
        rows = slice(first, first + _TARGETS)
        correlation = inner_products(target[:, rows].T, features[low : high + 1])
        in_window = correlation.gather(1, (window.positions[rows] - low).clamp_min(0))
        parts.append(torch.softmax((in_window / temperature).masked_fill(~inside[rows], float("-inf")), dim=1))
    return torch.cat(parts)


def select_neighbours(affinity: Tensor, window: Window, *, threshold: float) -> tuple[Tensor, Tensor, Tensor]:
    """Select B[t->t']: the neighbours whose affinity is strictly above the threshold, else the best one alone.

    Args:
        affinity: From `window_affinity`, shape (P, W).
        window: The positions it belongs to.
        threshold: Least affinity of a link, 0..1 (exclusive).

    Returns:
        The selected positions, shape (P, 4), int64, padded with -1; their affinity, shape (P, 4); and the threshold
        ratio, shape (P,), 0..1: 1 if a neighbour is above the threshold, else the best affinity divided by it.
    """
    weight, index = affinity.topk(min(_LINKS, affinity.shape[1]), dim=1)
    keep = weight > threshold
    ratio = torch.where(keep[:, 0], torch.ones_like(weight[:, 0]), weight[:, 0] / threshold)
    keep[:, 0] = True
    positions = window.positions.gather(1, index).masked_fill(~keep, -1)
    return positions, weight.masked_fill(~keep, 0.0), ratio


def compose(
    positions: Tensor, weight: Tensor, ratio: Tensor, track: DenseTrack, *, limit: int = MAX_CANDIDATES
) -> DenseTrack:
    """Return M[t->r] = B[t->t'] o M[t'->r]: the union of the neighbours' candidates, the best ones of it.

    Args:
        positions: Selected neighbours, shape (P, L), from `select_neighbours`.
        weight: Their affinity, shape (P, L).
        ratio: Threshold ratio, shape (P,).
        track: The track of the neighbouring frame.
        limit: Largest number of candidates per position.
    """
    inner = positions.clamp_min(0)
    union = track.candidates[inner].masked_fill((positions < 0)[..., None], -1).flatten(1).long()  # (P, L * K)
    score = (weight[..., None] * track.score[inner]).flatten(1).masked_fill(union < 0, 0.0)
    score, order = score.sort(dim=1, descending=True, stable=True)
    union = union.gather(1, order)
    union, order = union.sort(dim=1, stable=True)  # duplicates become neighbours, the best score first
    score = score.gather(1, order)
    duplicate = torch.zeros_like(union, dtype=torch.bool)
    duplicate[:, 1:] = union[:, 1:] == union[:, :-1]
    score, order = score.masked_fill(duplicate | (union < 0), -1.0).topk(min(limit, score.shape[1]), dim=1)
    candidates = union.gather(1, order).masked_fill(score < 0, -1).int()
    score = score.clamp_min(0.0)
    score = score / score[:, :1].clamp_min(1e-12)  # long walks would underflow; only the order within a row matters
    used = int((candidates >= 0).sum(1).max())
    mean_support = (weight * track.support[inner]).sum(1) / weight.sum(1).clamp_min(1e-12)
    fallback = float((ratio < 1).float().mean())
    return DenseTrack(candidates[:, :used], score[:, :used], ratio * mean_support, fallback)


def advance_track(
    target: Tensor,
    neighbour: Tensor,
    track: DenseTrack,
    *,
    grid: tuple[int, int],
    radius: int,
    temperature: float,
    threshold: float,
) -> DenseTrack:
    """Return the track of the next frame outward in the composed form.

    Works on some positions at a time, so that the whole (P, W) affinity is never in memory.

    Args:
        target: Unit features of the next frame, shape (C, P).
        neighbour: Unit features of the frame before it on the walk, shape (C, P).
        track: The track of the frame before.
        grid: Height and width (h, w), P = h * w.
        radius: R of eq. 16, in cells.
        temperature: Softmax temperature, greater than 0.
        threshold: Least affinity of a link, 0..1 (exclusive).
    """
    parts = []
    for first in range(0, target.shape[1], _TARGETS):
        rows = slice(first, first + _TARGETS)
        window = make_windows(*grid, radius, targets=rows, device=target.device)
        affinity = window_affinity(target[:, rows], neighbour, window, temperature=temperature)
        parts.append(compose(*select_neighbours(affinity, window, threshold=threshold), track))
    return _concatenate(parts)


def propagate_exactly(
    affinities: Sequence[Tensor], windows: Sequence[Window], *, threshold: float, keep_best: bool = True
) -> DenseTrack:
    """Return eqs. 14 to 17 as printed: masks propagated from the target through every frame to the reference.

    Args:
        affinities: Of the links from the target to the reference, in that order, from `window_affinity`.
        windows: Of the same links.
        threshold: Least weight of a candidate, 0..1 (exclusive).
        keep_best: Whether to keep the best position if none is above the threshold, as this project does; False leaves
            the row empty, as printed.
    """
    count = len(windows[0].positions)
    device = windows[0].positions.device
    size = max(1, _CHUNK_ELEMENTS // count)
    rows = [
        _propagate(
            torch.arange(first, min(first + size, count), device=device), affinities, windows, threshold, keep_best
        )
        for first in range(0, count, size)
    ]
    return _concatenate(rows)


def _propagate(
    targets: Tensor, affinities: Sequence[Tensor], windows: Sequence[Window], threshold: float, keep_best: bool
) -> DenseTrack:
    """Apply eq. 15 to some target positions, scored by the weights of the last link."""
    count = len(windows[0].positions)
    mask = F.one_hot(targets, count).bool()  # D^t, eq. 14
    weight = mask.float()
    support = affinities[0].new_ones(len(targets))
    for affinity, window in zip(affinities, windows, strict=True):
        row, position = mask.nonzero(as_tuple=True)
        weight = affinity.new_zeros(len(targets), count + 1)
        linked = window.positions[position].masked_fill(window.positions[position] < 0, count)
        weight.index_put_((row[:, None].expand_as(linked), linked), affinity[position], accumulate=True)
        weight = weight[:, :count]
        mask = weight > threshold
        if keep_best:
            best, index = weight.max(dim=1)
            empty = ~mask.any(dim=1)
            mask[empty, index[empty]] = True
            support = torch.where(empty, support * best / threshold, support)
    score, candidates = weight.masked_fill(~mask, -1.0).topk(max(1, int(mask.sum(1).max())), dim=1)
    candidates = candidates.masked_fill(score < 0, -1).int()
    return DenseTrack(candidates, score.clamp_min(0.0), support, float((support < 1).float().mean()))


def _concatenate(parts: Sequence[DenseTrack]) -> DenseTrack:
    """Join the tracks of consecutive positions."""
    count = max(part.candidates.shape[1] for part in parts)
    padding = [(0, count - part.candidates.shape[1]) for part in parts]
    candidates = [F.pad(part.candidates, pad, value=-1) for part, pad in zip(parts, padding, strict=True)]
    score = [F.pad(part.score, pad) for part, pad in zip(parts, padding, strict=True)]
    support = torch.cat([part.support for part in parts])
    lost = sum(part.fallback * len(part.support) for part in parts)
    return DenseTrack(torch.cat(candidates), torch.cat(score), support, lost / len(support))

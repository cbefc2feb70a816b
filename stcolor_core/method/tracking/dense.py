"""Dense tracking: where each target position may have come from on the reference (Akimoto et al. 2020, eqs. 14-17).

Two forms. The composed one walks outward from the reference, M[t->r] = B[t->t'] o M[t'->r], at the cost of one step a
frame; the exact one restarts eq. 15 at every target. Both keep candidate lists, never a P x P matrix
(docs/method.md, "Dense tracking").
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

__all__ = ["DenseTrack", "Window", "advance", "compose", "exact", "link", "neighbourhood", "window_affinity"]

MAX_CANDIDATES = 32
_LINKS = 4  # rows of affinity sum to 1, so at most 4 entries can exceed 0.2; smaller thresholds keep the best 4
_CHUNK_ELEMENTS = 1 << 24
_TARGETS = 256  # positions whose windows are looked at together: a few rows of the grid
_EVERY = slice(None)


@dataclass(frozen=True)
class DenseTrack:
    """Candidates of each of P target positions on one reference.

    candidates: (P, K) int32 positions on the reference's grid, -1 padded, best first.
    score: (P, K) affinity along the best path, 0 where padded.
    support: (P,) 0..1: 1 where every step passed the threshold; a step that only kept its best neighbour lowers it.
    fallback: share of positions, 0..1, whose last step kept its best neighbour for want of one above the threshold.
    """

    candidates: Tensor
    score: Tensor
    support: Tensor
    fallback: float

    @classmethod
    def identity(cls, count: int, *, device: torch.device) -> DenseTrack:
        """The reference to itself: every position is its own candidate (eq. 14)."""
        own = torch.arange(count, dtype=torch.int32, device=device)[:, None]
        return cls(own, torch.ones(count, 1, device=device), torch.ones(count, device=device), 0.0)


@dataclass(frozen=True)
class Window:
    """N_i^R of eq. 16: positions (P, W) int64 within the grid that a target position may step to, -1 outside it.

    P may be some of the grid's positions only.
    """

    positions: Tensor


def neighbourhood(
    height: int,
    width: int,
    radius: int,
    *,
    targets: slice = _EVERY,
    centre: Tensor | None = None,
    reach: Tensor | None = None,
    device: torch.device,
) -> Window:
    """Windows of (2 radius + 1)^2 around each position, or around where the flow says it went.

    targets: the positions that are asked for. centre: (P, 2) grid displacement (x, y) of these to the other frame; None
    is the paper's own window. reach: (P,) how many cells of the radius count at each, rounded; None counts all.
    """
    place = torch.arange(height * width, device=device)[targets, None]
    y, x = place // width, place % width
    if centre is not None:
        x = (x + centre[:, :1].round().long()).clamp(0, width - 1)
        y = (y + centre[:, 1:].round().long()).clamp(0, height - 1)
    span = torch.arange(-radius, radius + 1, device=device)
    y, x = (y + span)[:, :, None], (x + span)[:, None]  # (P, 2 radius + 1, 1) and (P, 1, 2 radius + 1)
    inside = ((y >= 0) & (y < height)) & ((x >= 0) & (x < width))
    if reach is not None:
        near = span.abs() <= reach.round()[:, None]  # (P, 2 radius + 1)
        inside &= near[:, :, None] & near[:, None]
    return Window((y * width + x).masked_fill_(~inside, -1).flatten(1))


def window_affinity(target: Tensor, neighbour: Tensor, window: Window, *, temperature: float) -> Tensor:
    """A^D of eq. 16, normalised over the window as in eq. 15.

    target: (C, P) unit features of the window's positions; neighbour: of the whole neighbouring frame. Returns (P, W),
    rows summing to 1, 0 outside the grid.
    """
    inside = window.positions >= 0
    firsts = range(0, len(window.positions), _TARGETS)
    # neighbouring positions have neighbouring windows: all that lies between is cheaper to multiply than to pick out
    inward = window.positions.masked_fill(~inside, neighbour.shape[1])
    lowest = torch.stack([part.min() for part in torch.split(inward, _TARGETS)]).tolist()
    highest = torch.stack([part.max() for part in torch.split(window.positions, _TARGETS)]).tolist()
    parts = []
    for first, low, high in zip(firsts, lowest, highest, strict=True):
        rows = slice(first, first + _TARGETS)
        correlation = target[:, rows].T @ neighbour[:, low : high + 1]
        own = correlation.gather(1, (window.positions[rows] - low).clamp_min(0))
        parts.append(torch.softmax((own / temperature).masked_fill(~inside[rows], float("-inf")), dim=1))
    return torch.cat(parts)


def link(affinity: Tensor, window: Window, *, threshold: float) -> tuple[Tensor, Tensor, Tensor]:
    """B[t->t']: the neighbours whose affinity is strictly above the threshold, else the best one alone.

    Returns (positions (P, 4) int64 with -1 padding, their affinity (P, 4), passed (P,) 0..1). `passed` is 1 where a
    neighbour passed, else the best affinity as a share of the threshold.
    """
    weight, index = affinity.topk(min(_LINKS, affinity.shape[1]), dim=1)
    keep = weight > threshold
    passed = torch.where(keep[:, 0], torch.ones_like(weight[:, 0]), weight[:, 0] / threshold)
    keep[:, 0] = True
    positions = window.positions.gather(1, index).masked_fill(~keep, -1)
    return positions, weight.masked_fill(~keep, 0.0), passed


def compose(
    positions: Tensor, weight: Tensor, passed: Tensor, track: DenseTrack, *, limit: int = MAX_CANDIDATES
) -> DenseTrack:
    """M[t->r] = B[t->t'] o M[t'->r]: the union of the neighbours' candidates, the best `limit` of them.

    positions, weight: (P, L) and passed: (P,) from `link`; track: of the neighbouring frame.
    """
    inner = positions.clamp_min(0)
    found = track.candidates[inner].masked_fill((positions < 0)[..., None], -1).flatten(1).long()  # (P, L * K)
    score = (weight[..., None] * track.score[inner]).flatten(1).masked_fill(found < 0, 0.0)
    score, order = score.sort(dim=1, descending=True, stable=True)
    found = found.gather(1, order)
    found, order = found.sort(dim=1, stable=True)  # equal places become neighbours, the best score first
    score = score.gather(1, order)
    again = torch.zeros_like(found, dtype=torch.bool)
    again[:, 1:] = found[:, 1:] == found[:, :-1]
    score, order = score.masked_fill(again | (found < 0), -1.0).topk(min(limit, score.shape[1]), dim=1)
    candidates = found.gather(1, order).masked_fill(score < 0, -1).int()
    score = score.clamp_min(0.0)
    score = score / score[:, :1].clamp_min(1e-12)  # long walks would underflow; only the order within a row matters
    used = int((candidates >= 0).sum(1).max())
    mean_support = (weight * track.support[inner]).sum(1) / weight.sum(1).clamp_min(1e-12)
    fallback = float((passed < 1).float().mean())
    return DenseTrack(candidates[:, :used], score[:, :used], passed * mean_support, fallback)


def advance(
    target: Tensor,
    neighbour: Tensor,
    track: DenseTrack,
    *,
    grid: tuple[int, int],
    radius: int,
    temperature: float,
    threshold: float,
) -> DenseTrack:
    """The composed form's next frame outward, some positions at a time, so that (P, W) is never held.

    target, neighbour: (C, P) unit features on the grid (h, w); track: of the neighbouring frame.
    """
    parts = []
    for first in range(0, target.shape[1], _TARGETS):
        rows = slice(first, first + _TARGETS)
        window = neighbourhood(*grid, radius, targets=rows, device=target.device)
        affinity = window_affinity(target[:, rows], neighbour, window, temperature=temperature)
        parts.append(compose(*link(affinity, window, threshold=threshold), track))
    return _together(parts)


def exact(
    affinities: Sequence[Tensor], windows: Sequence[Window], *, threshold: float, keep_best: bool = True
) -> DenseTrack:
    """Eqs. 14 to 17 as printed: masks propagated from the target through every frame up to the reference.

    affinities, windows: of the steps from the target to the reference, in that order (see `window_affinity`).
    keep_best: keep the best place where none passes (this project's choice); False leaves the row empty, as printed.
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
    return _together(rows)


def _propagate(
    targets: Tensor, affinities: Sequence[Tensor], windows: Sequence[Window], threshold: float, keep_best: bool
) -> DenseTrack:
    """Eq. 15 for some target positions, scored by the weights of the last step."""
    count = len(windows[0].positions)
    mask = F.one_hot(targets, count).bool()  # D^t, eq. 14
    weight = mask.float()
    support = affinities[0].new_ones(len(targets))
    for affinity, window in zip(affinities, windows, strict=True):
        row, place = mask.nonzero(as_tuple=True)
        weight = affinity.new_zeros(len(targets), count + 1)
        where = window.positions[place].masked_fill(window.positions[place] < 0, count)
        weight.index_put_((row[:, None].expand_as(where), where), affinity[place], accumulate=True)
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


def _together(parts: Sequence[DenseTrack]) -> DenseTrack:
    """The tracks of all positions from those of some each, in order."""
    count = max(part.candidates.shape[1] for part in parts)
    wide = [(0, count - part.candidates.shape[1]) for part in parts]
    candidates = [F.pad(part.candidates, more, value=-1) for part, more in zip(parts, wide, strict=True)]
    score = [F.pad(part.score, more) for part, more in zip(parts, wide, strict=True)]
    support = torch.cat([part.support for part in parts])
    lost = sum(part.fallback * len(part.support) for part in parts)
    return DenseTrack(torch.cat(candidates), torch.cat(score), support, lost / len(support))

"""Colour from the reference, restricted to where tracking says it may come from (paper, eqs. 3 to 11).

Everything runs through rows of the affinity, a chunk at a time: no P x P matrix is ever held.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import torch
from torch import Tensor
from torch.nn import functional as F

from stcolor_core.tracking.instance import InstanceRestriction

__all__ = ["GridReference", "GridWarp", "restricted_affinity", "warp"]

# Elements of a chunk of affinity. 4 MiB stay in the cache of a CPU: twice as fast as 32 MiB; a GPU wants few chunks.
_ELEMENTS = {"cpu": 1 << 20, "cuda": 1 << 25}
_BLOCK = 64  # columns whose largest is found together


@dataclass(frozen=True)
class GridReference:
    """One reference on the matching grid, with what tracking allows of it.

    features: (C, P_r) unit features. ab: (2, P_r).
    candidates: (P, K) int32 positions a target may take colour from, -1 padded; None allows all.
    support: (P,) 0..1, how far the candidates were tracked; None counts as not tracked at all.
    instances: the restriction of eq. 13; None allows all.
    """

    features: Tensor
    ab: Tensor
    candidates: Tensor | None = None
    support: Tensor | None = None
    instances: InstanceRestriction | None = None

    @property
    def restricts(self) -> bool:
        """Whether tracking restricts this reference at all."""
        return self.candidates is not None or self.instances is not None


@dataclass(frozen=True)
class GridWarp:
    """Colour at the P target positions.

    ab, free_ab: (2, P) from the allowed places, and from everywhere that instances and mattes allow.
    spread, free_spread: (P,) 0 and more, the standard deviation of the colours that went into it, in a* and b*.
    similarity, free_similarity: (P,) largest correlation among the allowed places and anywhere, -1..1.
    support: (P,) 0..1, share of the colour that came from tracked places.
    source, free_source: (P,) int64, the reference that gave most.
    position: (P,) int64, the position on that reference's grid that fits best.
    fallback: (P,) bool, nothing was allowed, so the colour is the unrestricted one.
    """

    ab: Tensor
    free_ab: Tensor
    spread: Tensor
    free_spread: Tensor
    similarity: Tensor
    free_similarity: Tensor
    support: Tensor
    source: Tensor
    free_source: Tensor
    position: Tensor
    fallback: Tensor


@dataclass(frozen=True)
class _Stack:
    """The references side by side.

    values: (3 + R, N) ab, its square and whose it is. offset: (R + 1,), where each begins in N.
    """

    references: Sequence[GridReference]
    values: Tensor
    offset: Tensor
    temperature: float


def restricted_affinity(correlation: Tensor, allowed: Tensor, *, temperature: float) -> Tensor:
    """Affinity of each target position over what it is allowed only (paper, eqs. 7 and 9, normalised as in eqs. 6 and
    8).

    correlation: (Q, N), -1..1. allowed: (Q, N) bool.
    Returns (Q, N) weights that sum to 1 over N; a row that is allowed nothing is all zero.
    Raises ValueError where the shapes differ or temperature is not positive.
    """
    if correlation.shape != allowed.shape or temperature <= 0:
        raise ValueError(
            f"correlation {tuple(correlation.shape)}, allowed {tuple(allowed.shape)}, temperature {temperature}"
        )
    weights = torch.softmax((correlation / temperature).masked_fill(~allowed, float("-inf")), dim=1)
    return weights.nan_to_num(0.0)


def warp(target: Tensor, references: Sequence[GridReference], *, temperature: float) -> GridWarp:
    """Eqs. 3 to 11 for one or several references: one softmax over every (r, j), restricted, renormalised.

    target: (C, P) unit features of the frame to colour. Raises ValueError without a reference.
    """
    if not references:
        raise ValueError("warp needs at least one reference")
    features = torch.cat([reference.features for reference in references], dim=1)  # (C, N), eq. 11
    ab = torch.cat([reference.ab for reference in references], dim=1)
    owner = torch.cat([torch.full((r.features.shape[1],), i, device=ab.device) for i, r in enumerate(references)])
    offset = torch.tensor([0, *(r.features.shape[1] for r in references)], device=ab.device).cumsum(0)
    square = ab.square().sum(0, keepdim=True)
    values = torch.cat([ab, square, F.one_hot(owner, len(references)).T.to(ab.dtype)])  # (3 + R, N)
    stack = _Stack(references, values, offset, temperature)
    size = max(1, _ELEMENTS[target.device.type] // max(1, features.shape[1]))
    chunks = [slice(first, first + size) for first in range(0, target.shape[1], size)]
    # where torch has one thread, two chunks are in work at a time; their results do not depend on it
    with ThreadPoolExecutor(2 if torch.get_num_threads() == 1 else 1) as beside:
        parts = list(beside.map(lambda rows: _warp_rows(target[:, rows].T @ features, rows, stack), chunks))
    return GridWarp(*(torch.cat(column, dim=-1) for column in zip(*parts, strict=True)))


def _warp_rows(correlation: Tensor, rows: slice, stack: _Stack) -> tuple[Tensor, ...]:
    """The fields of `GridWarp` for some target rows. correlation: of eq. 4, (Q, N); it is used up."""
    anywhere = _within_instances(correlation, rows, stack)
    free_similarity, free_best = _largest(anywhere)
    restricts = any(reference.restricts for reference in stack.references)
    restricted = _restricted(correlation, rows, stack) if restricts else None
    free = stack.values @ torch.softmax(anywhere.div_(stack.temperature), dim=1).T  # (3 + R, Q)
    if restricted is not None:
        mixed, similarity, best, fallback = restricted
        mixed = torch.where(fallback, free, mixed)
        similarity = torch.where(fallback, free_similarity, similarity)
        best = torch.where(fallback, free_best, best)
    else:
        mixed, similarity, best = free, free_similarity, free_best
        fallback = torch.zeros_like(free_best, dtype=torch.bool)
    shares, free_shares = mixed[3:], free[3:]  # (R, Q): what each reference gave
    support = torch.stack([_support(reference, rows, shares[0]) for reference in stack.references])
    support = (support * shares).sum(0).masked_fill(fallback, 0.0)
    position = best - stack.offset[torch.searchsorted(stack.offset, best, right=True) - 1]
    source, free_source = shares.argmax(0), free_shares.argmax(0)
    colour = mixed[:2], free[:2], _spread(mixed), _spread(free)
    return *colour, similarity, free_similarity, support, source, free_source, position, fallback


def _spread(mixed: Tensor) -> Tensor:
    """(3 + R, Q) mixed values -> (Q,) standard deviation of the colours in the mixture."""
    return (mixed[2] - mixed[:2].square().sum(0)).clamp_min(0).sqrt()


def _largest(rows: Tensor) -> tuple[Tensor, Tensor]:
    """`rows.max(dim=1)` block by block: the place is looked for in one block only, three times as fast on a CPU."""
    edge = -rows.shape[1] % _BLOCK
    blocks = (F.pad(rows, (0, edge), value=float("-inf")) if edge else rows).reshape(len(rows), -1, _BLOCK)
    largest, block = blocks.amax(2).max(dim=1)
    inside = blocks.gather(1, block[:, None, None].expand(-1, 1, _BLOCK))[:, 0].argmax(1)
    return largest, block * _BLOCK + inside


def _within_instances(correlation: Tensor, rows: slice, stack: _Stack) -> Tensor:
    """The correlation without what the instances or mattes forbid; a row that they forbid everything stays as it is."""
    if all(reference.instances is None for reference in stack.references):
        return correlation
    untracked = [replace(reference, candidates=None) for reference in stack.references]
    allowed = torch.cat([_allowed(reference, rows, len(correlation)) for reference in untracked], dim=1)
    nothing = ~allowed.any(dim=1, keepdim=True)
    return correlation.masked_fill(~(allowed | nothing), float("-inf"))


def _restricted(correlation: Tensor, rows: slice, stack: _Stack) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Eqs. 6 to 9 for some target rows.

    Returns values mixed (3 + R, Q), the largest correlation (Q,), its place (Q,), whether nothing was allowed (Q,).
    """
    if all(reference.candidates is not None for reference in stack.references):
        # only the candidates are looked at, which is the same and many times cheaper
        lists = [_candidates(reference, rows) for reference in stack.references]
        allowed = torch.cat([places >= 0 for places in lists], dim=1)
        index = torch.cat([places.clamp_min(0) + stack.offset[i] for i, places in enumerate(lists)], dim=1)
        chosen = correlation.gather(1, index)
        affinity = restricted_affinity(chosen, allowed, temperature=stack.temperature)
        mixed = torch.einsum("vqn,qn->vq", stack.values[:, index], affinity)
        similarity, best = chosen.masked_fill(~allowed, -2.0).max(dim=1)
        return mixed, similarity, index.gather(1, best[:, None])[:, 0], ~allowed.any(dim=1)
    allowed = torch.cat([_allowed(reference, rows, len(correlation)) for reference in stack.references], dim=1)
    mixed = stack.values @ restricted_affinity(correlation, allowed, temperature=stack.temperature).T
    similarity, best = correlation.masked_fill(~allowed, -2.0).max(dim=1)
    return mixed, similarity, best, ~allowed.any(dim=1)


def _candidates(reference: GridReference, rows: slice) -> Tensor:
    """(Q, K) int64 places that dense and instance tracking both allow, -1 elsewhere."""
    assert reference.candidates is not None
    places = reference.candidates[rows].long()
    if reference.instances is None or not len(reference.instances.reference_allowed):
        return places
    label = reference.instances.target_label[rows].long()[:, None]
    inside = reference.instances.reference_allowed[label.clamp_min(0), places.clamp_min(0)]
    return places.masked_fill(~(inside | (label < 0)), -1)


def _allowed(reference: GridReference, rows: slice, count: int) -> Tensor:
    """M of eqs. 7 and 9 for some target rows: (Q, P_r) bool, the dense and the instance restriction together."""
    places = reference.features.shape[1]
    if reference.candidates is not None:
        candidates = _candidates(reference, rows)
        allowed = reference.features.new_zeros((count, places + 1), dtype=torch.bool)
        return allowed.scatter_(1, candidates.masked_fill(candidates < 0, places), True)[:, :places]
    allowed = reference.features.new_ones((count, places), dtype=torch.bool)
    if reference.instances is None:
        return allowed
    # label -1 picks the last row, which restricts nothing
    table = torch.cat([reference.instances.reference_allowed, allowed[:1]])
    return table[reference.instances.target_label[rows].long()]


def _support(reference: GridReference, rows: slice, like: Tensor) -> Tensor:
    return torch.zeros_like(like) if reference.support is None else reference.support[rows].to(like.dtype)

"""Colour from the reference, restricted to where tracking says it may come from (Akimoto et al. 2020, eqs. 3 to 11).

Everything runs through rows of the affinity, a chunk at a time: no P x P matrix is ever held. With the colour goes how
it changes with lightness around its place, so that what is finer than a place can be told from the frame's own L*.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial

import torch
from torch import Tensor
from torch.nn import functional as F

from stcolor_core.method.shortlist import blocks, top_blocks
from stcolor_core.method.tracking.instance import InstanceRestriction

__all__ = ["GridReference", "GridWarp", "restricted_affinity", "warp"]

# Elements of a chunk of affinity. 4 MiB stay in the cache of a CPU: twice as fast as 32 MiB; a GPU wants few chunks.
_ELEMENTS = {"cpu": 1 << 20, "cuda": 1 << 25}
_BLOCKS = {"cpu": 8, "cuda": 512}  # of the target that are compared at once with shortlists of their own
_COLUMNS = 64  # whose largest is found together


@dataclass(frozen=True)
class GridReference:
    """One reference on the matching grid, with what tracking allows of it.

    features: (C, P_r) unit features. ab: (2, P_r).
    candidates: (P, K) int32 positions a target may take colour from, -1 padded; None allows all.
    support: (P,) 0..1, how far the candidates were tracked; None counts as not tracked at all.
    instances: the restriction of eq. 13; None allows all.
    slope: (2, P_r) change of a*, b* with L* around each place; None counts as none.
    grid: (h, w) with P_r = h * w; only looked at for shortlists.
    known: (P_r,) bool, the places whose colour is known and may be taken; None counts as all. At least one must be.
    """

    features: Tensor
    ab: Tensor
    candidates: Tensor | None = None
    support: Tensor | None = None
    instances: InstanceRestriction | None = None
    slope: Tensor | None = None
    grid: tuple[int, int] | None = None
    known: Tensor | None = None

    @property
    def restricts(self) -> bool:
        """Whether tracking restricts this reference at all."""
        return self.candidates is not None or self.instances is not None


@dataclass(frozen=True)
class GridWarp:
    """Colour at the P target positions.

    ab, free_ab: (2, P) from the allowed places, and from everywhere that instances and mattes allow.
    slope, free_slope: (2, P) change of that colour with L*.
    spread, free_spread: (P,) 0 and more, the standard deviation of the colours that went into it, in a* and b*.
    similarity, free_similarity: (P,) largest correlation among the allowed places and anywhere, -1..1.
    support: (P,) 0..1, share of the colour that came from tracked places.
    source, free_source: (P,) int64, the reference that gave most.
    position: (P,) int64, the position on that reference's grid that fits best.
    fallback: (P,) bool, nothing was allowed, so the colour is the unrestricted one.
    """

    ab: Tensor
    free_ab: Tensor
    slope: Tensor
    free_slope: Tensor
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

    features: (C, N), eq. 11. values: (N, 5 + R) ab, its square, its slope and whose it is. offset: (R + 1,), where each
    begins in N. known: (N,) bool, whose colour may be taken; None is all.
    """

    references: Sequence[GridReference]
    features: Tensor
    values: Tensor
    offset: Tensor
    temperature: float
    known: Tensor | None


@dataclass(frozen=True)
class _Rows:
    """Some targets in G groups of Q, each group with M places of the stack that it is compared with.

    targets: (G * Q,) positions, beyond the edge any. correlation: of eq. 4, (G * Q, M); it is used up.
    places: (G, M) of the N, -1 beyond the edge; None where M is N, in order.
    """

    targets: Tensor
    correlation: Tensor
    places: Tensor | None

    def mixed(self, weights: Tensor, values: Tensor) -> Tensor:
        """weights (G * Q, M), values (N, V) -> (V, G * Q)."""
        if self.places is None:
            return (weights @ values).T
        own = _rows_of(values, self.places)  # (G, M, V)
        return (weights.reshape(len(own), -1, own.shape[1]) @ own).flatten(0, 1).T

    def columns(self, index: Tensor, count: int) -> Tensor:
        """Where in M the places `index`, (G * Q, K) of N = `count`, are; -1 where they are not."""
        if self.places is None:
            return index
        table = index.new_full((len(self.places), count + 1), -1)
        column = torch.arange(self.places.shape[1], device=index.device).expand_as(self.places)
        table.scatter_(1, self.places.masked_fill(self.places < 0, count), column)
        return table.gather(1, index.reshape(len(table), -1)).reshape(index.shape)

    def place(self, column: Tensor) -> Tensor:
        """The places at some columns, (G * Q,)."""
        if self.places is None:
            return column
        return self.places.gather(1, column.reshape(len(self.places), -1)).flatten()


def restricted_affinity(correlation: Tensor, allowed: Tensor, *, temperature: float) -> Tensor:
    """Affinity of each target position over what it is allowed only (Akimoto et al. 2020, eqs. 7 and 9, normalised as
    in eqs. 6 and 8).

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


def warp(
    target: Tensor, references: Sequence[GridReference], *, temperature: float, grid: tuple[int, int] | None = None
) -> GridWarp:
    """Eqs. 3 to 11 for one or several references: one softmax over every (r, j), restricted, renormalised.

    target: (C, P) unit features of the frame to colour. grid: its (h, w); where it is given, so must those of the
    references be, and each block of the target is compared with its shortlist only (see `shortlist`), but
    where instances restrict, which may be on none of it.
    Raises ValueError without a reference.
    """
    if not references:
        raise ValueError("warp needs at least one reference")
    features = torch.cat([reference.features for reference in references], dim=1)  # (C, N), eq. 11
    ab = torch.cat([reference.ab for reference in references], dim=1)
    slope = torch.cat([torch.zeros_like(r.ab) if r.slope is None else r.slope for r in references], dim=1)
    owner = torch.cat([torch.full((r.features.shape[1],), i, device=ab.device) for i, r in enumerate(references)])
    offset = torch.tensor([0, *(r.features.shape[1] for r in references)], device=ab.device).cumsum(0)
    square = ab.square().sum(0, keepdim=True)
    values = torch.cat([ab, square, slope, F.one_hot(owner, len(references)).T.to(ab.dtype)]).T.contiguous()
    stack = _Stack(references, features, values, offset, temperature, _known(references))
    chunks = _by_blocks(target, grid, stack) if grid and all(r.instances is None for r in references) else None
    # where torch has one thread, two chunks are in work at a time; their results do not depend on it
    with ThreadPoolExecutor(2 if torch.get_num_threads() == 1 else 1) as beside:
        parts = list(beside.map(partial(_warped, stack=stack), chunks or _by_rows(target, stack)))
    targets, *fields = (torch.cat(part, dim=-1) for part in zip(*parts, strict=True))
    order = targets.argsort()[-target.shape[1] :]  # what lies beyond the edge comes first
    return GridWarp(*(field[..., order] for field in fields))


def _known(references: Sequence[GridReference]) -> Tensor | None:
    """(N,) bool: the places of all references whose colour is known, None where that is every one."""
    if all(reference.known is None for reference in references):
        return None
    each = [r.ab.new_ones(r.ab.shape[1], dtype=torch.bool) if r.known is None else r.known for r in references]
    return torch.cat(each)


def _by_rows(target: Tensor, stack: _Stack) -> list[Callable[[], _Rows]]:
    """All targets, some at a time, each compared with every place."""

    def compared(rows: Tensor) -> _Rows:
        correlation = target[:, rows].T @ stack.features
        if stack.known is not None:
            correlation.masked_fill_(~stack.known, -torch.inf)
        return _Rows(rows, correlation, None)

    size = max(1, _ELEMENTS[target.device.type] // max(1, stack.features.shape[1]))
    rows = torch.split(torch.arange(target.shape[1], device=target.device), size)
    return [partial(compared, some) for some in rows]


def _by_blocks(target: Tensor, grid: tuple[int, int], stack: _Stack) -> list[Callable[[], _Rows]] | None:
    """All targets, some blocks at a time, each compared with its shortlist; None where that would be every place."""
    here = blocks(grid, target.device)
    each = [blocks(reference.grid, target.device) for reference in stack.references if reference.grid]
    there = torch.cat([own + start * (own >= 0) for own, start in zip(each, stack.offset, strict=False)])
    if stack.known is not None:  # a place of unknown colour is as good as one beyond the edge
        there = torch.where((there >= 0) & stack.known[there.clamp_min(0)], there, -1)
        there = there[(there >= 0).any(dim=1)]
    described, known = _at(here, target), _at(there, stack.features)
    chosen = top_blocks(described, known, _leads(here, there, stack), references=len(stack.references))
    if chosen is None:
        return None
    beyond = torch.zeros_like(there, dtype=target.dtype).masked_fill_(there < 0, float("-inf"))

    def compared(some: slice) -> _Rows:
        places, edge, features = (_rows_of(part, chosen[some]).flatten(1, 2) for part in (there, beyond, known))
        correlation = torch.baddbmm(edge[:, None], described[some], features.transpose(1, 2))  # (G, 16, M)
        return _Rows(here[some].flatten(), correlation.flatten(0, 1), places)

    size = _BLOCKS[target.device.type]
    return [partial(compared, slice(first, first + size)) for first in range(0, len(here), size)]


def _at(places: Tensor, features: Tensor) -> Tensor:
    """Features (C, N) at places (B, E): (B, E, C), zero at -1."""
    return _rows_of(features.T.contiguous(), places).masked_fill_((places < 0)[..., None], 0.0)


def _rows_of(table: Tensor, index: Tensor) -> Tensor:
    """`table[index]`, any row at -1: several times as fast, as whole rows are copied."""
    return table.index_select(0, index.flatten().clamp_min(0)).reshape(*index.shape, *table.shape[1:])


def _leads(here: Tensor, there: Tensor, stack: _Stack) -> Tensor:
    """(B, B') bool: to which blocks of the references tracking leads from each block of the target."""
    inside, count = there >= 0, len(there)
    block = torch.full((len(stack.values) + 1,), count, device=here.device)  # of each place, the last for none
    block[there[inside]] = torch.arange(count, device=here.device).repeat_interleave(inside.sum(1))
    leads = torch.zeros(len(here), count + 1, dtype=torch.bool, device=here.device)
    for reference, start in zip(stack.references, stack.offset, strict=False):
        if reference.candidates is not None:
            places = _candidates(reference, here.flatten()).reshape(len(here), -1)
            leads.scatter_(1, block[torch.where(places < 0, -1, places + start)], True)
    return leads[:, :-1]


def _warped(chunk: Callable[[], _Rows], stack: _Stack) -> tuple[Tensor, ...]:
    """Some targets, and the fields of `GridWarp` for them."""
    rows = chunk()
    anywhere = _within_instances(rows, stack)
    free_similarity, free_best = _largest(anywhere)
    free_best = rows.place(free_best)
    restricts = any(reference.restricts for reference in stack.references)
    restricted = _restricted(rows, stack) if restricts else None
    free = rows.mixed(torch.softmax(anywhere.div_(stack.temperature), dim=1), stack.values)  # (5 + R, Q)
    if restricted is not None:
        mixed, similarity, best, fallback = restricted
        mixed = torch.where(fallback, free, mixed)
        similarity = torch.where(fallback, free_similarity, similarity)
        best = torch.where(fallback, free_best, best)
    else:
        mixed, similarity, best = free, free_similarity, free_best
        fallback = torch.zeros_like(free_best, dtype=torch.bool)
    shares, free_shares = mixed[5:], free[5:]  # (R, Q): what each reference gave
    support = torch.stack([_support(reference, rows.targets, shares[0]) for reference in stack.references])
    support = (support * shares).sum(0).masked_fill(fallback, 0.0)
    position = best - stack.offset[torch.searchsorted(stack.offset, best, right=True) - 1]
    source, free_source = shares.argmax(0), free_shares.argmax(0)
    colour = mixed[:2], free[:2], mixed[3:5], free[3:5], _spread(mixed), _spread(free)
    return rows.targets, *colour, similarity, free_similarity, support, source, free_source, position, fallback


def _spread(mixed: Tensor) -> Tensor:
    """(5 + R, Q) mixed values -> (Q,) standard deviation of the colours in the mixture."""
    return (mixed[2] - mixed[:2].square().sum(0)).clamp_min(0).sqrt()


def _largest(rows: Tensor) -> tuple[Tensor, Tensor]:
    """`rows.max(dim=1)` part by part: the place is looked for in one part only, three times as fast on a CPU."""
    edge = -rows.shape[1] % _COLUMNS
    parts = (F.pad(rows, (0, edge), value=float("-inf")) if edge else rows).reshape(len(rows), -1, _COLUMNS)
    largest, part = parts.amax(2).max(dim=1)
    inside = parts.gather(1, part[:, None, None].expand(-1, 1, _COLUMNS))[:, 0].argmax(1)
    return largest, part * _COLUMNS + inside


def _within_instances(rows: _Rows, stack: _Stack) -> Tensor:
    """The correlation without what the instances or mattes forbid; a row that they forbid everything stays as it is."""
    if all(reference.instances is None for reference in stack.references):
        return rows.correlation
    untracked = [replace(reference, candidates=None) for reference in stack.references]
    allowed = torch.cat([_allowed(reference, rows.targets) for reference in untracked], dim=1)
    nothing = ~allowed.any(dim=1, keepdim=True)
    return rows.correlation.masked_fill(~(allowed | nothing), float("-inf"))


def _restricted(rows: _Rows, stack: _Stack) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Eqs. 6 to 9 for some targets.

    Returns values mixed (5 + R, Q), the largest correlation (Q,), its place (Q,), whether nothing was allowed (Q,).
    """
    if all(reference.candidates is not None for reference in stack.references):
        # only the candidates are looked at, which is the same and many times cheaper
        lists = [_candidates(reference, rows.targets) for reference in stack.references]
        index = torch.cat([places.clamp_min(0) + stack.offset[i] for i, places in enumerate(lists)], dim=1)
        columns = rows.columns(index, stack.features.shape[1])
        allowed = torch.cat([places >= 0 for places in lists], dim=1) & (columns >= 0)
        chosen = rows.correlation.gather(1, columns.clamp_min(0))
        affinity = restricted_affinity(chosen, allowed, temperature=stack.temperature)
        mixed = (affinity[:, None] @ _rows_of(stack.values, index))[:, 0].T
        similarity, best = chosen.masked_fill(~allowed, -2.0).max(dim=1)
        return mixed, similarity, index.gather(1, best[:, None])[:, 0], ~allowed.any(dim=1)
    allowed = torch.cat([_allowed(reference, rows.targets) for reference in stack.references], dim=1)
    weights = restricted_affinity(rows.correlation, allowed, temperature=stack.temperature)
    similarity, best = rows.correlation.masked_fill(~allowed, -2.0).max(dim=1)
    return rows.mixed(weights, stack.values), similarity, rows.place(best), ~allowed.any(dim=1)


def _candidates(reference: GridReference, targets: Tensor) -> Tensor:
    """(Q, K) int64 places of known colour that dense and instance tracking both allow, -1 elsewhere."""
    assert reference.candidates is not None
    places = reference.candidates[targets].long()
    if reference.known is not None:
        places = places.masked_fill(~reference.known[places.clamp_min(0)], -1)
    if reference.instances is None or not len(reference.instances.reference_allowed):
        return places
    label = reference.instances.target_label[targets].long()[:, None]
    inside = reference.instances.reference_allowed[label.clamp_min(0), places.clamp_min(0)]
    return places.masked_fill(~(inside | (label < 0)), -1)


def _allowed(reference: GridReference, targets: Tensor) -> Tensor:
    """M of eqs. 7 and 9 for some targets: (Q, P_r) bool, the dense and the instance restriction together."""
    places = reference.features.shape[1]
    if reference.candidates is not None:
        candidates = _candidates(reference, targets)
        allowed = reference.features.new_zeros((len(targets), places + 1), dtype=torch.bool)
        return allowed.scatter_(1, candidates.masked_fill(candidates < 0, places), True)[:, :places]
    anywhere = reference.features.new_ones((1, places), dtype=torch.bool)
    if reference.instances is None:
        allowed = anywhere.expand(len(targets), places)
    else:  # label -1 picks the last row, which restricts nothing
        table = torch.cat([reference.instances.reference_allowed, anywhere])
        allowed = table[reference.instances.target_label[targets].long()]
    return allowed if reference.known is None else allowed & reference.known


def _support(reference: GridReference, targets: Tensor, like: Tensor) -> Tensor:
    return torch.zeros_like(like) if reference.support is None else reference.support[targets].to(like.dtype)

"""Colour from the references by attention, restricted by tracking (Akimoto et al. 2020, eqs. 3 to 11).

The affinity is computed and used in chunks of rows, so no P x P matrix is ever in memory. Along with the colour comes
its slope over lightness, from which detail finer than a grid cell is recovered by the frame's own L*. See
docs/method.md, "Warping".
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from itertools import accumulate

import torch
from torch import Tensor
from torch.nn import functional as F

from stcolor_core.method.grid_references import GridReference, allowed_candidates, allowed_positions
from stcolor_core.method.onednn import inner_products
from stcolor_core.method.shortlist import block_positions, top_blocks

__all__ = ["GridWarp", "restricted_affinity", "warp"]

# Elements of a chunk of affinity. 4 MiB fit in a CPU's cache and are twice as fast as 32 MiB; a GPU wants few chunks.
_CPU_ELEMENTS, _GPU_ELEMENTS = 1 << 20, 1 << 25
_CPU_BLOCKS, _GPU_BLOCKS = 8, 512  # target blocks per chunk, each with its own shortlist
_COLUMNS = 64  # columns per group in the search for a row's maximum


@dataclass(frozen=True)
class GridWarp:
    """Colour at the P target positions, restricted by tracking and free.

    Instances and mattes restrict the free colour too.

    Attributes:
        ab: Restricted a* and b*, shape (2, P).
        free_ab: Free a* and b*, shape (2, P).
        slope: Change of `ab` with L*, shape (2, P).
        free_slope: Change of `free_ab` with L*, shape (2, P).
        spread: Standard deviation of the colours mixed in `ab`, shape (P,), in units of a* and b*.
        free_spread: The same for `free_ab`.
        similarity: Largest correlation with an allowed position, shape (P,), -1..1.
        free_similarity: Largest correlation with any position, shape (P,), -1..1.
        support: Share of the colour from tracked positions, shape (P,), 0..1.
        source: Index of the reference that contributed most to `ab`, shape (P,), int64.
        position: Position of the largest correlation on its reference's grid, shape (P,), int64; -1 with mattes.
        fallback: True if no position was allowed, so that the colour is the free one, shape (P,), bool.
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
    position: Tensor
    fallback: Tensor


@dataclass(frozen=True)
class _Stack:
    """The references concatenated (eq. 11).

    features: (C, N). values: (N, 5 + R), a* and b*, their squared sum, their slopes, one-hot index of the reference.
    offset: (R + 1,), start of each reference in N. known: (N,) bool, positions whose colour may be used; None for all.
    """

    references: Sequence[GridReference]
    features: Tensor
    values: Tensor
    offset: Tensor
    temperature: float
    known: Tensor | None


@dataclass(frozen=True)
class _Chunk:
    """Some targets in G groups of Q; each group is compared with M positions of the stack.

    targets: (G * Q,) positions, -1 beyond the border. correlation: eq. 4, (G * Q, M); overwritten later.
    positions: (G, M), indices into N, -1 beyond the border; None if M = N, in order.
    """

    targets: Tensor
    correlation: Tensor
    positions: Tensor | None

    def mix(self, weights: Tensor, values: Tensor) -> Tensor:
        """Return the weighted sums of the values: weights (G * Q, M), values (N, V) -> (V, G * Q)."""
        # The few values times the many weights: the other way round takes three times as long.
        if self.positions is None:
            return values.T.contiguous() @ weights.T
        group_values = _take_rows(values, self.positions)  # (G, M, V)
        group_weights = weights.reshape(len(group_values), -1, group_values.shape[1])
        mixed = group_values.transpose(1, 2).contiguous() @ group_weights.transpose(1, 2)  # (G, V, Q)
        return mixed.transpose(0, 1).flatten(1)

    def find_columns(self, index: Tensor, count: int) -> Tensor:
        """Return the column in M of each stack position in `index`, (G * Q, K); -1 if absent. count: N."""
        if self.positions is None:
            return index
        table = index.new_full((len(self.positions), count + 1), -1)
        column = torch.arange(self.positions.shape[1], device=index.device).expand_as(self.positions)
        table.scatter_(1, self.positions.masked_fill(self.positions < 0, count), column)
        return table.gather(1, index.reshape(len(table), -1)).reshape(index.shape)

    def find_positions(self, column: Tensor) -> Tensor:
        """Return the stack position of one column per target: (G * Q,) -> (G * Q,)."""
        if self.positions is None:
            return column
        return self.positions.gather(1, column.reshape(len(self.positions), -1)).flatten()


def restricted_affinity(correlation: Tensor, allowed: Tensor, *, temperature: float) -> Tensor:
    """Return the affinity of each target position over its allowed positions.

    Akimoto et al. 2020, eqs. 7 and 9, normalised as in eqs. 6 and 8.

    Args:
        correlation: Cosine similarity, shape (Q, N), -1..1.
        allowed: Shape (Q, N), bool.
        temperature: Softmax temperature, greater than 0.

    Returns:
        Weights of shape (Q, N) that sum to 1 over N. A row without an allowed position is all zero.

    Raises:
        ValueError: If the shapes differ or the temperature is not positive.
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
    """Warp colour from one or several references by one softmax over every (r, j), restricted and renormalised.

    Akimoto et al. 2020, eqs. 3 to 11.

    Args:
        target: Unit features of the frame to colour, shape (C, P).
        references: At least one.
        temperature: Softmax temperature, greater than 0.
        grid: Height and width (h, w) of the target's grid, to compare each block with its shortlist only (see
            `stcolor_core.method.shortlist`); the references then need their grids too. None compares with every
            position. Ignored if instances restrict, since a shortlist may hold none of an instance.

    Returns:
        The colour at every target position.

    Raises:
        ValueError: If there is no reference.
    """
    if not references:
        raise ValueError("warp needs at least one reference")
    features = torch.cat([reference.features for reference in references], dim=1)  # (C, N), eq. 11
    ab = torch.cat([reference.ab for reference in references], dim=1)
    slope = torch.cat([torch.zeros_like(r.ab) if r.slope is None else r.slope for r in references], dim=1)
    owner = torch.cat([torch.full((r.features.shape[1],), i, device=ab.device) for i, r in enumerate(references)])
    starts = accumulate((r.features.shape[1] for r in references), initial=0)
    offset = torch.cat([torch.full((1,), start, device=ab.device) for start in starts])  # copies nothing to a device
    is_owner = owner == torch.arange(len(references), device=ab.device)[:, None]  # one-hot
    square = ab.square().sum(0, keepdim=True)
    values = torch.cat([ab, square, slope, is_owner.to(ab.dtype)]).T.contiguous()
    stack = _Stack(references, features, values, offset, temperature, _concatenate_known(references))
    chunks = _chunk_by_blocks(target, grid, stack) if grid and all(r.instances is None for r in references) else None
    compute = partial(_warp_chunk, stack=stack)
    if target.device.type != "cpu":  # a device runs them one after another
        parts = list(map(compute, chunks or _chunk_by_rows(target, stack)))
    else:  # with a single torch thread two chunks run at once; the results do not depend on it
        with ThreadPoolExecutor(2 if torch.get_num_threads() == 1 else 1) as executor:
            parts = list(executor.map(compute, chunks or _chunk_by_rows(target, stack)))
    targets, *fields = (torch.cat(part, dim=-1) for part in zip(*parts, strict=True))
    order = targets.argsort()[-target.shape[1] :]  # cells beyond the border (-1) come first
    return GridWarp(*(field[..., order] for field in fields))


def _concatenate_known(references: Sequence[GridReference]) -> Tensor | None:
    """Return which positions of all references have a known colour, (N,) bool; None if all have."""
    if all(reference.known is None for reference in references):
        return None
    known = [r.ab.new_ones(r.ab.shape[1], dtype=torch.bool) if r.known is None else r.known for r in references]
    return torch.cat(known)


def _chunk_by_rows(target: Tensor, stack: _Stack) -> list[Callable[[], _Chunk]]:
    """Return functions that each compare some targets with every position of the stack."""
    features = stack.features.T.contiguous()

    def compare(targets: Tensor) -> _Chunk:
        correlation = inner_products(target[:, targets].T, features)
        if stack.known is not None:
            correlation.masked_fill_(~stack.known, -torch.inf)
        return _Chunk(targets, correlation, None)

    elements = _CPU_ELEMENTS if target.device.type == "cpu" else _GPU_ELEMENTS
    size = max(1, elements // max(1, stack.features.shape[1]))
    chunks = torch.split(torch.arange(target.shape[1], device=target.device), size)
    return [partial(compare, targets) for targets in chunks]


def _chunk_by_blocks(target: Tensor, grid: tuple[int, int], stack: _Stack) -> list[Callable[[], _Chunk]] | None:
    """Return functions that each compare some target blocks with their shortlists; None if those would hold all."""
    target_blocks = block_positions(grid, target.device)
    by_reference = [block_positions(reference.grid, target.device) for reference in stack.references if reference.grid]
    blocks = torch.cat([own + start * (own >= 0) for own, start in zip(by_reference, stack.offset, strict=False)])
    if stack.known is not None:  # a position of unknown colour counts as one beyond the border
        blocks = torch.where((blocks >= 0) & stack.known[blocks.clamp_min(0)], blocks, -1)
        blocks = blocks[(blocks >= 0).any(dim=1)]
    target_features = _features_at(target_blocks, target)
    block_features = _features_at(blocks, stack.features)
    tracked = _tracked_blocks(target_blocks, blocks, stack)
    shortlists = top_blocks(target_features, block_features, tracked, references=len(stack.references))
    if shortlists is None:
        return None
    bias = torch.zeros_like(blocks, dtype=target.dtype).masked_fill_(blocks < 0, float("-inf"))

    def compare(some: slice) -> _Chunk:
        positions, chunk_bias, features = (
            _take_rows(table, shortlists[some]).flatten(1, 2) for table in (blocks, bias, block_features)
        )
        correlation = torch.baddbmm(chunk_bias[:, None], target_features[some], features.transpose(1, 2))  # (G, 16, M)
        return _Chunk(target_blocks[some].flatten(), correlation.flatten(0, 1), positions)

    size = _CPU_BLOCKS if target.device.type == "cpu" else _GPU_BLOCKS
    return [partial(compare, slice(first, first + size)) for first in range(0, len(target_blocks), size)]


def _features_at(positions: Tensor, features: Tensor) -> Tensor:
    """Return features (C, N) at positions (B, E) as (B, E, C), zero at -1."""
    return _take_rows(features.T.contiguous(), positions).masked_fill_((positions < 0)[..., None], 0.0)


def _take_rows(table: Tensor, index: Tensor) -> Tensor:
    """Return `table[index]`, with an arbitrary row at -1. Several times faster, since whole rows are copied."""
    return table.index_select(0, index.flatten().clamp_min(0)).reshape(*index.shape, *table.shape[1:])


def _tracked_blocks(target_blocks: Tensor, blocks: Tensor, stack: _Stack) -> Tensor:
    """Return which reference blocks hold candidates of each target block, (B, B') bool."""
    inside, count = blocks >= 0, len(blocks)
    beyond = len(stack.values)
    block_of = torch.full((beyond + 1,), count, device=blocks.device)  # by position; `count` for none
    block = torch.arange(count, device=blocks.device)[:, None].expand_as(blocks)
    # without boolean indices, whose number a device would have to be asked for
    block_of.scatter_(0, blocks.masked_fill(~inside, beyond).flatten(), block.masked_fill(~inside, count).flatten())
    tracked = torch.zeros(len(target_blocks), count + 1, dtype=torch.bool, device=blocks.device)
    for reference, start in zip(stack.references, stack.offset, strict=False):
        if reference.candidates is not None:
            positions = allowed_candidates(reference, target_blocks.flatten()).reshape(len(target_blocks), -1)
            tracked.scatter_(1, _take_rows(block_of, torch.where(positions < 0, beyond, positions + start)), True)
    return tracked[:, :-1]


def _warp_chunk(compare: Callable[[], _Chunk], stack: _Stack) -> tuple[Tensor, ...]:
    """Return a chunk's targets and the fields of `GridWarp` for them."""
    chunk = compare()
    anywhere = _mask_by_instances(chunk, stack)
    restricts = any(reference.restricts for reference in stack.references)
    restricted = _mix_restricted(chunk, stack) if restricts else None
    if restricted is not None and anywhere.is_cpu and not restricted[3].any():
        free_similarity, free_best = anywhere.amax(1), restricted[2]  # nobody asks where it is, which takes longest
    else:
        free_similarity, free_best = _row_maxima(anywhere)
        free_best = chunk.find_positions(free_best)
    free = chunk.mix(torch.softmax(anywhere.div_(stack.temperature), dim=1), stack.values)  # (5 + R, Q)
    if restricted is not None:
        mixed, similarity, best, fallback = restricted
        mixed = torch.where(fallback, free, mixed)
        similarity = torch.where(fallback, free_similarity, similarity)
        best = torch.where(fallback, free_best, best)
    else:
        mixed, similarity, best = free, free_similarity, free_best
        fallback = torch.zeros_like(free_best, dtype=torch.bool)
    shares = mixed[5:]  # (R, Q): the contribution of each reference
    support = torch.stack([_support(reference, chunk.targets, shares[0]) for reference in stack.references])
    support = (support * shares).sum(0).masked_fill(fallback, 0.0)
    position = best - stack.offset[torch.searchsorted(stack.offset, best, right=True) - 1]
    colour = mixed[:2], free[:2], mixed[3:5], free[3:5], _spread(mixed), _spread(free)
    return chunk.targets, *colour, similarity, free_similarity, support, shares.argmax(0), position, fallback


def _spread(mixed: Tensor) -> Tensor:
    """Return the standard deviation of the colours in a mixture: mixed values (5 + R, Q) -> (Q,)."""
    return (mixed[2] - mixed[:2].square().sum(0)).clamp_min(0).sqrt()


def _row_maxima(rows: Tensor) -> tuple[Tensor, Tensor]:
    """Return `rows.max(dim=1)`, searching for the index in one group of columns only: three times faster on a CPU."""
    padding = -rows.shape[1] % _COLUMNS
    groups = (F.pad(rows, (0, padding), value=float("-inf")) if padding else rows).reshape(len(rows), -1, _COLUMNS)
    largest, group = groups.amax(2).max(dim=1)
    within = groups.gather(1, group[:, None, None].expand(-1, 1, _COLUMNS))[:, 0].argmax(1)
    return largest, group * _COLUMNS + within


def _mask_by_instances(chunk: _Chunk, stack: _Stack) -> Tensor:
    """Return the correlation with -inf for forbidden instances; a row with nothing allowed stays unchanged."""
    if all(reference.instances is None for reference in stack.references):
        return chunk.correlation
    without_candidates = [replace(reference, candidates=None) for reference in stack.references]
    allowed = torch.cat([allowed_positions(reference, chunk.targets) for reference in without_candidates], dim=1)
    nothing = ~allowed.any(dim=1, keepdim=True)
    return chunk.correlation.masked_fill(~(allowed | nothing), float("-inf"))


def _mix_restricted(chunk: _Chunk, stack: _Stack) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Apply eqs. 6 to 9 to a chunk.

    Returns the mixed values (5 + R, Q), the largest correlation (Q,), its position in the stack (Q,) and whether no
    position was allowed (Q,).
    """
    if all(reference.candidates is not None for reference in stack.references):
        # Only the candidates are compared: the same result, many times cheaper.
        candidates = [allowed_candidates(reference, chunk.targets) for reference in stack.references]
        index = torch.cat([positions.clamp_min(0) + stack.offset[i] for i, positions in enumerate(candidates)], dim=1)
        columns = chunk.find_columns(index, stack.features.shape[1])
        allowed = torch.cat([positions >= 0 for positions in candidates], dim=1) & (columns >= 0)
        correlation = chunk.correlation.gather(1, columns.clamp_min(0))
        affinity = restricted_affinity(correlation, allowed, temperature=stack.temperature)
        mixed = (affinity[:, None] @ _take_rows(stack.values, index))[:, 0].T
        similarity, best = correlation.masked_fill(~allowed, -2.0).max(dim=1)
        return mixed, similarity, index.gather(1, best[:, None])[:, 0], ~allowed.any(dim=1)
    allowed = torch.cat([allowed_positions(reference, chunk.targets) for reference in stack.references], dim=1)
    weights = restricted_affinity(chunk.correlation, allowed, temperature=stack.temperature)
    similarity, best = chunk.correlation.masked_fill(~allowed, -2.0).max(dim=1)
    return chunk.mix(weights, stack.values), similarity, chunk.find_positions(best), ~allowed.any(dim=1)


def _support(reference: GridReference, targets: Tensor, share: Tensor) -> Tensor:
    """Return the tracking support of some targets, in the type of `share`."""
    return torch.zeros_like(share) if reference.support is None else reference.support[targets].to(share.dtype)

"""Colour from the references by attention, restricted by tracking (Akimoto et al. 2020, eqs. 3 to 11).

The affinity is computed and used in chunks of rows, so no P x P matrix is ever in memory. Along with the colour comes
its slope over lightness, from which detail finer than a grid cell is recovered by the frame's own L*. See
docs/method.md, "Warping".
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import accumulate
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from stcolor_core.method.comparison import Comparison, Memory, compare_by_blocks, compare_by_rows
from stcolor_core.method.grid_references import GridReference, allowed_candidates, allowed_positions
from stcolor_core.method.shortlist import FeatureBlocks, in_blocks, take_rows

__all__ = ["GridWarp", "restricted_affinity", "warp"]

_MIXED_ELEMENTS = 1 << 20  # values that are mixed at once; 4 MiB fit in a CPU's cache
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
    """The references together (eq. 11).

    memory: as values a* and b*, their squared sum, their slopes, one-hot index of the reference.
    offset: (R + 1,), start of each reference in N.
    """

    references: Sequence[GridReference]
    memory: Memory
    offset: Tensor
    temperature: float


class _Mixed(NamedTuple):
    """Colour from the positions that are allowed.

    values: (5 + R, Q). similarity: largest correlation, (Q,). best: its position in the stack, (Q,). nothing: True
    where no position is allowed, (Q,), bool.
    """

    values: Tensor
    similarity: Tensor
    best: Tensor
    nothing: Tensor


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
    stack = _stack(references, temperature)
    targets, tracked, comparison = _compare(target, grid, stack)
    nothing = None if comparison.columns is None else comparison.columns.amax(1) < 0  # `all` takes 20 times as long
    # One after another: with a second thread the frames in other stages would only wait for Python and for the caches.
    parts = [
        _warp_part(p, targets=targets, comparison=comparison, nothing=nothing, stack=stack) for p in comparison.parts
    ]
    free = _join([part.free for part in parts])
    restricted = (
        _join([part.restricted for part in parts if part.restricted is not None]) if parts[0].restricted else free
    )
    if tracked is not None and comparison.columns is not None:
        correlation = torch.cat([part.tracked for part in parts if part.tracked is not None])
        restricted = _mix_tracked(correlation, tracked, comparison.columns, stack)
    inside = targets.argsort()[-target.shape[1] :]  # cells beyond the border (-1) come first
    restricted, free = (_Mixed(*(field[..., inside] for field in mixed)) for mixed in (restricted, free))
    return _grid_warp(restricted, free, targets[inside], stack)


def _join(parts: Sequence[_Mixed]) -> _Mixed:
    return _Mixed(*(torch.cat(fields, dim=-1) for fields in zip(*parts, strict=True)))


def _stack(references: Sequence[GridReference], temperature: float) -> _Stack:
    ab = torch.cat([reference.ab for reference in references], dim=1)
    slope = torch.cat([torch.zeros_like(r.ab) if r.slope is None else r.slope for r in references], dim=1)
    owner = torch.cat([torch.full((r.features.shape[1],), i, device=ab.device) for i, r in enumerate(references)])
    starts = accumulate((r.features.shape[1] for r in references), initial=0)
    offset = torch.cat([torch.full((1,), start, device=ab.device) for start in starts])  # copies nothing to a device
    is_owner = owner == torch.arange(len(references), device=ab.device)[:, None]  # one-hot
    square = ab.square().sum(0, keepdim=True)
    values = torch.cat([ab, square, slope, is_owner.to(ab.dtype)]).T.contiguous()
    return _Stack(references, Memory(values, _concatenate_known(references)), offset, temperature)


def _concatenate_known(references: Sequence[GridReference]) -> Tensor | None:
    """Return which positions of all references have a known colour, (N,) bool; None if all have."""
    if all(reference.known is None for reference in references):
        return None
    known = [r.ab.new_ones(r.ab.shape[1], dtype=torch.bool) if r.known is None else r.known for r in references]
    return torch.cat(known)


def _compare(target: Tensor, grid: tuple[int, int] | None, stack: _Stack) -> tuple[Tensor, Tensor | None, Comparison]:
    """Return the target positions in the order of the results, what tracking allows them, and their comparison."""
    if grid and all(reference.instances is None for reference in stack.references):
        blocks = in_blocks(target, grid)
        targets = blocks.positions.flatten()
        tracked = _tracked(stack, targets)
        count = len(stack.references)
        if comparison := compare_by_blocks(blocks, _blocks(stack), stack.memory, tracked, references=count):
            return targets, tracked, comparison
    targets = torch.arange(target.shape[1], device=target.device)
    tracked = _tracked(stack, targets)
    features = torch.cat([reference.features for reference in stack.references], dim=1)  # (C, N)
    return targets, tracked, compare_by_rows(target, features, stack.memory, tracked)


def _blocks(stack: _Stack) -> FeatureBlocks:
    """Return the blocks of all references, with positions in N."""
    blocks = [
        reference.blocks or in_blocks(reference.features, reference.grid, reference.known)
        for reference in stack.references
        if reference.grid
    ]
    if len(blocks) == 1:
        return blocks[0]
    positions = torch.cat(_in_stack([each.positions for each in blocks], stack))
    features, means = (torch.cat(parts) for parts in zip(*((b.features, b.means) for b in blocks), strict=True))
    return FeatureBlocks(positions, features, means)


def _tracked(stack: _Stack, targets: Tensor) -> Tensor | None:
    """Return the positions in N that tracking allows, (T, K), -1 for none; None unless it restricts each reference."""
    if any(reference.candidates is None for reference in stack.references):
        return None
    outside = (targets < 0)[:, None]
    allowed = [allowed_candidates(reference, targets).masked_fill_(outside, -1) for reference in stack.references]
    positions = _in_stack(allowed, stack)
    return torch.cat(positions, dim=1) if len(positions) > 1 else positions[0]


def _in_stack(positions: Sequence[Tensor], stack: _Stack) -> list[Tensor]:
    """Return positions on each reference as positions in N; -1 stays."""
    first, *others = positions
    moved = [each + start * (each >= 0) for each, start in zip(others, stack.offset[1:], strict=False)]
    return [first, *moved]


class _Part(NamedTuple):
    """The colour of some targets from anywhere, and the restricted one, or what it is made of.

    tracked: correlation with the positions that tracking allows, (Q, K).
    """

    free: _Mixed
    restricted: _Mixed | None
    tracked: Tensor | None


def _warp_part(part: slice, *, targets: Tensor, comparison: Comparison, nothing: Tensor | None, stack: _Stack) -> _Part:
    """Return the colour of some targets. nothing: where tracking allows no position, (T,); None if all are allowed."""
    correlation = comparison.correlate(part)
    anywhere = _mask_by_instances(correlation, targets[part], stack)
    tracked = restricted = None
    if comparison.columns is not None:
        tracked = correlation.gather(1, comparison.columns[part].clamp_min(0))
    elif any(reference.restricts for reference in stack.references):
        restricted = _mix_restricted(part, correlation, targets[part], comparison, stack)
    if nothing is not None and nothing.is_cpu and not nothing[part].numpy().any():  # a tenth of torch's time
        similarity, best = anywhere.amax(1), torch.zeros_like(targets[part])  # nobody asks where: it takes longest
    else:
        similarity, column = _row_maxima(anywhere)
        best = comparison.find_positions(part, column)
    mixed = comparison.mix(part, torch.softmax(anywhere.div_(stack.temperature), dim=1))
    return _Part(_Mixed(mixed, similarity, best, torch.zeros_like(best, dtype=torch.bool)), restricted, tracked)


def _mix_tracked(correlation: Tensor, tracked: Tensor, columns: Tensor, stack: _Stack) -> _Mixed:
    """Apply eqs. 6 to 9 to what is compared with the positions that tracking allows: all (T, K)."""
    allowed, values = columns >= 0, stack.memory.values
    size = max(1, _MIXED_ELEMENTS // (values.shape[1] * tracked.shape[1]))
    mixed = []
    for index, some, may in zip(*(torch.split(x, size) for x in (tracked, correlation, allowed)), strict=True):
        weights = restricted_affinity(some, may, temperature=stack.temperature)
        mixed.append((weights[:, None] @ take_rows(values, index))[:, 0].T)
    similarity, best = correlation.masked_fill(~allowed, -2.0).max(dim=1)
    return _Mixed(torch.cat(mixed, dim=1), similarity, tracked.gather(1, best[:, None])[:, 0], columns.amax(1) < 0)


def _mix_restricted(part: slice, correlation: Tensor, targets: Tensor, comparison: Comparison, stack: _Stack) -> _Mixed:
    """Apply eqs. 6 to 9 to some targets, each compared with every position."""
    allowed = torch.cat([allowed_positions(reference, targets) for reference in stack.references], dim=1)
    weights = restricted_affinity(correlation, allowed, temperature=stack.temperature)
    similarity, best = correlation.masked_fill(~allowed, -2.0).max(dim=1)
    mixed = comparison.mix(part, weights)
    return _Mixed(mixed, similarity, comparison.find_positions(part, best), ~allowed.any(dim=1))


def _grid_warp(restricted: _Mixed, free: _Mixed, targets: Tensor, stack: _Stack) -> GridWarp:
    """Return the result for some targets: the restricted colour, or the free one where nothing is allowed."""
    fallback = restricted.nothing
    mixed, similarity, best = (
        torch.where(fallback, at_none, allowed) for allowed, at_none in zip(restricted[:3], free[:3], strict=True)
    )
    shares = mixed[5:]  # (R, P): the contribution of each reference
    support = torch.stack([_support(reference, targets, shares[0]) for reference in stack.references])
    return GridWarp(
        ab=mixed[:2],
        free_ab=free.values[:2],
        slope=mixed[3:5],
        free_slope=free.values[3:5],
        spread=_spread(mixed),
        free_spread=_spread(free.values),
        similarity=similarity,
        free_similarity=free.similarity,
        support=(support * shares).sum(0).masked_fill(fallback, 0.0),
        source=shares.argmax(0),
        position=best - stack.offset[torch.searchsorted(stack.offset, best, right=True) - 1],
        fallback=fallback,
    )


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


def _mask_by_instances(correlation: Tensor, targets: Tensor, stack: _Stack) -> Tensor:
    """Return the correlation with -inf for forbidden instances; a row with nothing allowed stays unchanged."""
    if all(reference.instances is None for reference in stack.references):
        return correlation
    without_candidates = [replace(reference, candidates=None) for reference in stack.references]
    allowed = torch.cat([allowed_positions(reference, targets) for reference in without_candidates], dim=1)
    nothing = ~allowed.any(dim=1, keepdim=True)
    return correlation.masked_fill(~(allowed | nothing), float("-inf"))


def _support(reference: GridReference, targets: Tensor, share: Tensor) -> Tensor:
    """Return the tracking support of some targets, in the type of `share`."""
    return torch.zeros_like(share) if reference.support is None else reference.support[targets].to(share.dtype)

"""A reference on the matching grid, and which of its positions lend a target their colour.

Tracking restricts them to its candidates, instances and mattes to the same object (Akimoto et al. 2020, eqs. 7, 9 and
13). See docs/method.md, "Warping".
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from stcolor_core.method.shortlist import FeatureBlocks
from stcolor_core.method.tracking.instance import InstanceRestriction

__all__ = ["GridReference", "allowed_candidates", "allowed_positions"]


@dataclass(frozen=True)
class GridReference:
    """One reference on the matching grid, with the restriction by tracking.

    Attributes:
        features: Unit features, shape (C, P_r).
        ab: a* and b*, shape (2, P_r).
        candidates: Positions that each target may take colour from, shape (P, K), int32, padded with -1; None for all.
        support: Share of the way that the candidates were tracked, shape (P,), 0..1; None for 0.
        instances: The restriction of eq. 13; None for none.
        slope: Change of a* and b* with L* around each position, shape (2, P_r); None for 0.
        grid: Height and width (h, w), P_r = h * w; needed for shortlists only.
        known: Positions whose colour is known and may be used, shape (P_r,), bool; None for all. At least one must be.
        blocks: `in_blocks` of features, grid and known, if it was computed before.
    """

    features: Tensor
    ab: Tensor
    candidates: Tensor | None = None
    support: Tensor | None = None
    instances: InstanceRestriction | None = None
    slope: Tensor | None = None
    grid: tuple[int, int] | None = None
    known: Tensor | None = None
    blocks: FeatureBlocks | None = None

    @property
    def restricts(self) -> bool:
        """Return whether tracking restricts this reference."""
        return self.candidates is not None or self.instances is not None


def allowed_candidates(reference: GridReference, targets: Tensor) -> Tensor:
    """Return the candidates of known colour that instances allow; -1 for the others.

    Args:
        reference: A reference with candidates.
        targets: Target positions, shape (Q,), int64.

    Returns:
        Positions of the reference, shape (Q, K), int64.
    """
    assert reference.candidates is not None
    positions = reference.candidates[targets].long()
    if reference.known is not None:
        positions = positions.masked_fill(~reference.known[positions.clamp_min(0)], -1)
    if reference.instances is None or not len(reference.instances.reference_allowed):
        return positions
    label = reference.instances.target_label[targets].long()[:, None]
    inside = reference.instances.reference_allowed[label.clamp_min(0), positions.clamp_min(0)]
    return positions.masked_fill(~(inside | (label < 0)), -1)


def allowed_positions(reference: GridReference, targets: Tensor) -> Tensor:
    """Return M of eqs. 7 and 9 for some targets: dense and instance restriction together.

    Args:
        reference: The reference.
        targets: Target positions, shape (Q,), int64.

    Returns:
        Whether each position of the reference lends its colour to each target, shape (Q, P_r), bool.
    """
    count = reference.features.shape[1]
    if reference.candidates is not None:
        candidates = allowed_candidates(reference, targets)
        allowed = reference.features.new_zeros((len(targets), count + 1), dtype=torch.bool)
        return allowed.scatter_(1, candidates.masked_fill(candidates < 0, count), True)[:, :count]
    anywhere = reference.features.new_ones((1, count), dtype=torch.bool)
    if reference.instances is None:
        allowed = anywhere.expand(len(targets), count)
    else:  # label -1 selects the last row, which restricts nothing
        table = torch.cat([reference.instances.reference_allowed, anywhere])
        allowed = table[reference.instances.target_label[targets].long()]
    return allowed if reference.known is None else allowed & reference.known

"""The result of tracking, common to all trackers."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from stcolor_core.arrays import FlowField, Plane
from stcolor_core.method.tracking.flow import FlowLink
from stcolor_core.method.tracking.instance import InstanceRestriction, Instances

__all__ = ["Tracks"]


@dataclass(frozen=True)
class Tracks:
    """Correspondence of one target frame with one reference.

    Attributes:
        candidates: Positions on the reference's matching grid, shape (P, K), int32, best first, padded with -1; None
            restricts nothing.
        support: Share of the way back to the reference that was tracked rather than guessed, shape (P,), 0..1; None if
            candidates is None.
        fallback: Share of positions, 0..1, that kept their best neighbour on the last link because none was above the
            threshold.
        instances: The restriction by instances or artist mattes (eq. 13); None if it is off.
        mattes: Those instances on the target frame at working size, named; None if the restriction is off.
        displacement: From the target to the reference, shape (H, W, 2), px (x, y) at working size.
        visibility: Shape (H, W), 0..1; 1 if the surface stayed visible on every frame between.
        neighbour_flow: Displacement and visibility from the target to the frame before it on the walk.
        onward: Displacement the other way, from the frame before to the target, shape (H, W, 2), px (x, y); None if it
            is not needed any more.
    """

    candidates: Tensor | None
    support: Tensor | None
    fallback: float
    instances: InstanceRestriction | None
    mattes: Instances | None
    displacement: FlowField
    visibility: Plane
    neighbour_flow: FlowLink
    onward: FlowField | None = None

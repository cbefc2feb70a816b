"""The result of tracking, whoever tracked."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from torch import Tensor

from stcolor_core.method.tracking.flow import FlowLink
from stcolor_core.method.tracking.instance import InstanceRestriction, Instances

__all__ = ["Tracks"]


@dataclass(frozen=True)
class Tracks:
    """One target frame to one reference.

    candidates: (P, K) int32 positions on the reference's matching grid, -1 padded, best first; None restricts nothing.
    support: (P,) 0..1, how much of the way back to the reference was tracked rather than guessed; None with candidates
    None.
    fallback: share of positions, 0..1, that kept their best neighbour in the last step for want of one above the
    threshold.
    instances: the restriction by instances or artist mattes (eq. 13), None where it is off.
    mattes: those instances on the target frame at working size, named; None where it is off.
    displacement: (H, W, 2) float32 pixels (x, y) at working size from the target to the reference.
    visibility: (H, W) float32 0..1, 1 where the surface stayed in sight all the way.
    neighbour_flow: the same from the target to the frame before it on the walk.
    """

    candidates: Tensor | None
    support: Tensor | None
    fallback: float
    instances: InstanceRestriction | None
    mattes: Instances | None
    displacement: np.ndarray
    visibility: np.ndarray
    neighbour_flow: FlowLink

"""Refinement: a frame's final colour from its evidence and from the frame before it on the walk.

Akimoto et al. 2020, eq. 2; see docs/method.md, "Refinement".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from stcolor_core.arrays import Chroma, FlowField, Plane
from stcolor_core.method.light import SAME_LIGHT, LightChange
from stcolor_core.method.warping import GridWarp

__all__ = [
    "Evidence",
    "FlowColor",
    "NeighbourFlow",
    "ObjectLayer",
    "Refined",
    "Refinement",
    "WalkState",
    "flow_trust",
]

RESIDUAL = 6.0  # L* difference at which trust in the flow falls to 1/e


def flow_trust(visibility: Plane, residual: Plane) -> Plane:
    """Return the fixed rule's trust in a flow, shape (H, W), 0..1: the surface is visible and has the same luminance.

    Args:
        visibility: As in `FlowColor`.
        residual: As in `FlowColor`.
    """
    return np.asarray(np.exp(-((residual / RESIDUAL) ** 2)) * visibility)


@dataclass(frozen=True)
class FlowColor:
    """Colour carried along the flow from one reference, at working size.

    Attributes:
        reference: Index of the reference among those of the frame.
        reacquired: Whether the flow was initialised by feature matches, which work across an occlusion, instead of by
            the frame before.
        age: Number of frames to the reference.
        displacement: To the reference, shape (H, W, 2), px (x, y).
        ab: Carried a* and b*, shape (H, W, 2).
        lightness: L* of the reference at the flow target, shape (H, W).
        visibility: 1 if the surface certainly stayed visible, shape (H, W), 0..1; agreement of the matches if
            reacquired.
        residual: Smoothed absolute difference in L* to the flow target, shape (H, W).
        feature_similarity: Correlation of the features with those at the flow target, shape (P,), -1..1.
        temporal_weight: 1 on the reference itself, less with the distance in time; sums to 1 over the references.
        certainty: Probability that the reference's own colour is right there, shape (H, W), 0..1; None for 1.
        allowed: How far mattes allow it, shape (H, W), 0..1: 0 if it comes from another object; None for 1.
        exposure: Factor on the reference's light around each pixel, shape (H, W), that `ab` and `lightness` already
            have; None for 1. What changes all of the picture is in the reference itself (`Matching`).
    """

    reference: int
    reacquired: bool
    age: int
    displacement: FlowField
    ab: Chroma
    lightness: Plane
    visibility: Plane
    residual: Plane
    feature_similarity: Tensor
    temporal_weight: float
    certainty: Plane | None = None
    allowed: Plane | None = None
    exposure: Plane | None = None

    @property
    def trust(self) -> Plane:
        """Return the fixed rule's trust in the flow, shape (H, W), 0..1."""
        return flow_trust(self.visibility, self.residual)


@dataclass(frozen=True)
class NeighbourFlow:
    """Flow from a frame to the one before it on the walk, at working size.

    Attributes:
        displacement: Shape (H, W, 2), px (x, y).
        lightness: L* of the frame before at the flow target, shape (H, W).
        visibility: 1 if it is certainly the same surface, shape (H, W), 0..1.
        residual: Smoothed absolute difference in L*, shape (H, W).
        feature_similarity: Correlation of the features, shape (P,), -1..1.
        allowed: As for `FlowColor`.
        change: Brings the frame before to this frame's light. `lightness` already has it.
    """

    displacement: FlowField
    lightness: Plane
    visibility: Plane
    residual: Plane
    feature_similarity: Tensor
    allowed: Plane | None = None
    change: LightChange = SAME_LIGHT


@dataclass(frozen=True)
class ObjectLayer:
    """Colour by attention for one object of the mattes, on the matching grid, P = h * w.

    Attributes:
        coverage: Share of each pixel that the object covers, shape (H, W), 0..1; the layers' sum to 1.
        grid_lightness: Mean L* of the object's pixels in each cell, shape (h, w); the nearest cell's where it has none.
        ab: As in `GridWarp`, shape (2, P); the nearest cell's where the object has none.
        free_ab: As `ab`.
        slope: As `ab`.
        free_slope: As `ab`.
    """

    coverage: Plane
    grid_lightness: Plane
    ab: Tensor
    free_ab: Tensor
    slope: Tensor
    free_slope: Tensor


@dataclass(frozen=True)
class Evidence:
    """The evidence for a frame's colour before refinement.

    Attributes:
        lightness: L* at working size, shape (H, W), 0..100.
        grid_lightness: Mean L* of each cell of the matching grid, shape (h, w).
        stride: Pixels per side of a cell, at the size that features are computed at.
        warp: Colour by attention on that grid, P = h * w.
        restricted: Whether tracking restricted the attention.
        flows: Colour along the flow to each tracked reference; empty if flow is off or nothing was tracked.
        leading: Flows that the windows of dense tracking follow. They add the detail within a grid cell. Empty if the
            windows do not follow the flow.
        neighbour_flow: To the frame before on the walk; None if there is none or the refinement is recurrent.
        layers: The attention's colour of each object of the mattes; empty without mattes.
        partial: Whether the references are meant to show a part of the picture only, as patches are.
    """

    lightness: Plane
    grid_lightness: Plane
    stride: int
    warp: GridWarp
    restricted: bool
    flows: tuple[FlowColor, ...]
    leading: tuple[FlowColor, ...] = ()
    neighbour_flow: NeighbourFlow | None = None
    layers: tuple[ObjectLayer, ...] = ()
    partial: bool = False


@dataclass(frozen=True)
class WalkState:
    """State of a walk: the frame before the current one.

    Attributes:
        lightness: L*, shape (H, W), 0..100.
        ab: a* and b*, shape (H, W, 2).
        confidence: Confidence in `ab`, shape (H, W), 0..1.
    """

    lightness: Plane
    ab: Chroma
    confidence: Plane


@dataclass(frozen=True)
class Refined:
    """A frame's colour after refinement, at working size.

    Attributes:
        ab: a* and b*, shape (H, W, 2), float32.
        confidence: Confidence in the colour, shape (H, W), 0..1.
        tracked: Share of the colour that was tracked, not reacquired, shape (H, W), 0..1.
        flow_source: Index of the flow that contributed most, shape (H, W), int; -1 if attention did.
        state: Passed to the next frame of the walk.
    """

    ab: Chroma
    confidence: Plane
    tracked: Plane
    flow_source: NDArray[np.integer]
    state: WalkState


class Refinement(Protocol):
    """Turns the evidence for a frame into its colour (eq. 2).

    Attributes:
        recurrent: Whether a result depends on all frames before it on the walk, so that two walks through the same span
            differ. Otherwise it depends on the frame before at most, and the `Refined.state` of that frame on no other.
        reach: How many frames on either side a coloured frame is fused with (`method.fusion`); 0 for none, which it
            must be if the refinement is recurrent.
    """

    recurrent: bool
    reach: int

    def refine(self, evidence: Evidence, previous: WalkState | None) -> Refined:
        """Return the frame's colour.

        Args:
            evidence: The evidence for it.
            previous: State of the frame before; None if a walk starts without a reference.
        """

    def walk_state(self, evidence: Evidence) -> WalkState:
        """Return the `Refined.state` of a frame alone, so that the next frame can be refined at the same time.

        Args:
            evidence: The evidence for the frame.

        Raises:
            NotImplementedError: If the refinement is recurrent: its state is its result.
        """

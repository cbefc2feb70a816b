"""What matching knows of a frame, on tensors: the counterparts of `View`, `PreparedReference` and `Evidence`."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from stcolor_core.method.on_device.tracker import TensorLink
from stcolor_core.method.references import PreparedReference
from stcolor_core.method.refinement import RESIDUAL
from stcolor_core.method.warping import GridWarp

__all__ = [
    "CarriedColor",
    "TensorEvidence",
    "TensorNeighbour",
    "TensorReference",
    "TensorView",
    "Tracked",
    "flow_trust",
]


@dataclass(frozen=True, eq=False)
class TensorView:
    """One picture at working size on the device, as `tracking.walk.View`.

    Attributes:
        lightness: L*, shape (H, W), 0..100.
        grid_lightness: Mean L* of each cell of the matching grid, shape (h, w).
        features: Unit features, shape (C, P), P = h * w; None for a picture that is only tracked.
    """

    lightness: Tensor
    grid_lightness: Tensor
    features: Tensor | None

    @property
    def grid(self) -> tuple[int, int]:
        """Return the height and width (h, w) of the matching grid."""
        return self.grid_lightness.shape[0], self.grid_lightness.shape[1]

    @property
    def target(self) -> Tensor:
        """Return the features."""
        assert self.features is not None
        return self.features


@dataclass(frozen=True, eq=False)
class TensorReference:
    """A reference on the device, as `matching.PreparedReference`.

    Attributes:
        prepared: The reference in the computer's memory, for its numbers.
        lightness: L*, shape (H, W).
        ab: a* and b*, shape (2, H, W).
        features: Unit features, shape (C, P).
        grid_ab: Mean a* and b* of each cell, shape (2, P).
        grid_slope: Their change with L*, shape (2, P).
        grid_known: Cells whose colour is known, shape (P,), bool; None for all.
        known: Pixels whose colour is known, shape (H, W), 0 or 1; None for all.
        certainty: Probability that the colour is right, shape (H, W); None for 1.
    """

    prepared: PreparedReference
    lightness: Tensor
    ab: Tensor
    features: Tensor
    grid_ab: Tensor
    grid_slope: Tensor
    grid_known: Tensor | None
    known: Tensor | None
    certainty: Tensor | None


@dataclass(frozen=True, eq=False)
class CarriedColor:
    """Colour carried along the flow from one reference, as `refinement.FlowColor`, planes first.

    Attributes:
        reference: Index of the reference.
        reacquired: Whether the flow was initialised by feature matches.
        age: Number of frames to the reference.
        displacement: To the reference, shape (2, H, W), px (x, y).
        ab: Carried a* and b*, shape (2, H, W).
        lightness: L* of the reference at the flow target, shape (H, W).
        visibility: Shape (H, W), 0..1.
        residual: Smoothed absolute difference in L*, shape (H, W).
        similarity: Of the features at the flow target, shape (P,), -1..1.
        temporal_weight: 1 on the reference itself, less with the distance in time.
        certainty: Probability that the reference's colour is right there, shape (H, W); None for 1.
        exposure: Factor on the reference's light around each pixel, shape (H, W); None for 1.
    """

    reference: int
    reacquired: bool
    age: int
    displacement: Tensor
    ab: Tensor
    lightness: Tensor
    visibility: Tensor
    residual: Tensor
    similarity: Tensor
    temporal_weight: float
    certainty: Tensor | None
    exposure: Tensor | None

    @property
    def trust(self) -> Tensor:
        """Return the fixed rule's trust in the flow, shape (H, W), 0..1."""
        return flow_trust(self.visibility, self.residual)


@dataclass(frozen=True, eq=False)
class TensorNeighbour:
    """Flow to the frame before on the walk, as `refinement.NeighbourFlow`.

    Attributes:
        displacement: Shape (2, H, W), px (x, y).
        lightness: L* of the frame before at the flow target, shape (H, W).
        visibility: Shape (H, W), 0..1.
        residual: Smoothed absolute difference in L*, shape (H, W).
        similarity: Of the features, shape (P,), -1..1.
        change: Brings the frame before to this frame's light, shape (3,), as `light.is_same` has it; None for none.
    """

    displacement: Tensor
    lightness: Tensor
    visibility: Tensor
    residual: Tensor
    similarity: Tensor
    change: Tensor | None


@dataclass(frozen=True, eq=False)
class TensorEvidence:
    """The evidence for a frame's colour before refinement, as `refinement.Evidence`.

    Attributes:
        view: The frame.
        warp: Colour by attention on its matching grid.
        restricted: Whether tracking restricted the attention.
        flows: Colour along the flow to each tracked reference, then along reacquired flow.
        leading: Flows that the windows of dense tracking follow.
        neighbour: Flow to the frame before on the walk; None if there is none.
    """

    view: TensorView
    warp: GridWarp
    restricted: bool
    flows: tuple[CarriedColor, ...]
    leading: tuple[CarriedColor, ...]
    neighbour: TensorNeighbour | None


@dataclass(frozen=True, eq=False)
class Tracked:
    """A frame with the references that it was tracked to.

    Attributes:
        view: The frame.
        references: Those references, in the light of the frame.
        links: Flow to each of them.
    """

    view: TensorView
    references: tuple[TensorReference, ...]
    links: tuple[TensorLink, ...]


def flow_trust(visibility: Tensor, residual: Tensor) -> Tensor:
    """Return the fixed rule's trust in a flow, as `refinement.flow_trust`.

    Args:
        visibility: Shape (H, W), 0..1.
        residual: Shape (H, W), in L*.
    """
    return torch.exp(-((residual / RESIDUAL) ** 2)) * visibility

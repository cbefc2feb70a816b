"""Colour of a frame from what warping found and the frame before it on the walk (Akimoto et al. 2020, eq. 2)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from torch import Tensor

from stcolor_core.method.warping import GridWarp

__all__ = ["Evidence", "FlowColor", "NeighbourFlow", "Refined", "Refinement", "WalkState"]


@dataclass(frozen=True)
class FlowColor:
    """Colour carried along the flow from one reference, at working size.

    reference: which of the frame's references. found: whether the flow starts at matches of features, which see across
    an occlusion, rather than at the frame before. age: frames to the reference.
    ab: (H, W, 2). lightness: (H, W), L* of where it came from. visibility: (H, W) 0..1: how surely it stayed in sight;
    where found, how well the matches agree. residual: (H, W), smoothed difference in L* to there. fit: (P,) correlation
    of the features with those there, -1..1.
    closeness: 0..1, 1 on the reference itself, falling with the distance in time; sums to 1 over the references of a
    frame. certainty: (H, W) 0..1, how likely the reference's own colour is right there; None is 1 everywhere.
    """

    reference: int
    reacquired: bool
    age: int
    ab: np.ndarray
    lightness: np.ndarray
    visibility: np.ndarray
    residual: np.ndarray
    feature_similarity: Tensor
    temporal_weight: float
    certainty: np.ndarray | None = None


@dataclass(frozen=True)
class NeighbourFlow:
    """One step of a walk, from a frame to the one before it.

    displacement: (H, W, 2) px (x, y) to there. lightness: (H, W), L* of where it leads. visibility: (H, W) 0..1, how
    surely it is the same surface. residual: (H, W), smoothed difference in L*. fit: (P,) correlation of the features.
    """

    displacement: np.ndarray
    lightness: np.ndarray
    visibility: np.ndarray
    residual: np.ndarray
    feature_similarity: Tensor


@dataclass(frozen=True)
class Evidence:
    """All that is known of a frame's colour before refinement.

    lightness: (H, W) float32 L* at working size. grid_lightness: (h, w), L* averaged over the cells of the matching
    grid. stride: pixels to a side of a cell, at the size that features are taken from.
    warp: colour on that grid (P = h * w). restricted: whether tracking restricted it.
    flows: colour along the flows to each tracked reference; empty where flow is off or nothing was tracked.
    leading: those that the windows of the tracked places follow, so that they know what lies within a cell; empty where
    none do.
    neighbour_flow: to the frame before on the walk; None where there is none, or a refinement does not ask.
    """

    lightness: np.ndarray
    grid_lightness: np.ndarray
    stride: int
    warp: GridWarp
    restricted: bool
    flows: tuple[FlowColor, ...]
    leading: tuple[FlowColor, ...] = ()
    neighbour_flow: NeighbourFlow | None = None


@dataclass(frozen=True)
class WalkState:
    """The frame before on the same walk: lightness (H, W) L*, ab (H, W, 2), confidence (H, W) 0..1 in it."""

    lightness: np.ndarray
    ab: np.ndarray
    confidence: np.ndarray


@dataclass(frozen=True)
class Refined:
    """ab: (H, W, 2) float32. confidence, tracked: (H, W) float32 0..1: of the colour; the share that was tracked, not
    re-found.

    flow_source: (H, W) int, which of the flows gave most, -1 where attention did. told: what the next frame on the walk
    is told of this one.
    """

    ab: np.ndarray
    confidence: np.ndarray
    tracked: np.ndarray
    flow_source: np.ndarray
    state: WalkState


class Refinement(Protocol):
    """Eq. 2.

    recurrent: whether a result depends on all frames before it on the walk, so that two walks through one span differ;
    else on the frame before at most, whose `Refined.state` then depends on no other.
    """

    recurrent: bool

    def refine(self, evidence: Evidence, previous: WalkState | None) -> Refined:
        """The frame's colour; previous is None where a walk starts without a reference."""

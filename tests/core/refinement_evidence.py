"""Evidence with one colour for each kind of candidate, for tests of the refinement."""

from __future__ import annotations

import numpy as np
import torch

from stcolor_core.method.refinement import Evidence, FlowColor, NeighbourFlow, WalkState
from stcolor_core.method.warping import GridWarp

__all__ = ["CARRIED", "FREE", "SIZE", "TRACKED", "evidence", "flow", "neighbour_flow", "plane", "previous"]

GRID, SIZE = (4, 6), (16, 24)
FREE, TRACKED, CARRIED = (-40.0, 10.0), (30.0, 30.0), (5.0, -50.0)


def plane(color: tuple[float, float]) -> np.ndarray:
    return np.broadcast_to(np.float32(color), (*SIZE, 2)).copy()


def grid(color: tuple[float, float]) -> torch.Tensor:
    return torch.tensor(color)[:, None].expand(2, 24).contiguous()


def evidence(*, similarity: float = 0.9, restricted: bool = True, flows: tuple[FlowColor, ...] = ()) -> Evidence:
    ones, zeros = torch.ones(24), torch.zeros(24, dtype=torch.int64)
    warp = GridWarp(
        ab=grid(TRACKED),
        free_ab=grid(FREE),
        slope=grid((0.0, 0.0)),
        free_slope=grid((0.0, 0.0)),
        spread=ones * 6,
        free_spread=ones * 15,
        similarity=ones * similarity,
        free_similarity=ones * 0.9,
        support=ones,
        source=zeros,
        position=zeros,
        fallback=zeros.bool(),
    )
    return Evidence(np.full(SIZE, 50, np.float32), np.full(GRID, 50, np.float32), 4, warp, restricted, flows)


def flow(
    *,
    visibility: float = 1.0,
    residual: float = 0.0,
    temporal_weight: float = 1.0,
    color: tuple[float, float] = CARRIED,
    reacquired: bool = False,
) -> FlowColor:
    whole = np.ones(SIZE, np.float32)
    return FlowColor(
        reference=0,
        reacquired=reacquired,
        age=10,
        displacement=np.zeros((*SIZE, 2), np.float32),
        ab=plane(color),
        lightness=50 * whole,
        visibility=visibility * whole,
        residual=residual * whole,
        feature_similarity=torch.full((24,), 0.8),
        temporal_weight=temporal_weight,
    )


def neighbour_flow(*, visibility: float = 1.0) -> NeighbourFlow:
    """Return the flow to a previous frame that looks the same and has not moved."""
    whole = np.ones(SIZE, np.float32)
    return NeighbourFlow(
        np.zeros((*SIZE, 2), np.float32), 50 * whole, visibility * whole, 0 * whole, torch.full((24,), 0.8)
    )


def previous(color: tuple[float, float], *, confidence: float = 1.0) -> WalkState:
    whole = np.ones(SIZE, np.float32)
    return WalkState(50 * whole, plane(color), confidence * whole)

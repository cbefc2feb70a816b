"""Reference pictures: as they are given, and with all that matching needs of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from torch import Tensor

from stcolor_core.arrays import Chroma, Mask, Plane
from stcolor_core.lazy import lazy_property
from stcolor_core.method.object_attention import CellObjects
from stcolor_core.method.refinement import WalkState
from stcolor_core.method.shortlist import FeatureBlocks, in_blocks
from stcolor_core.method.tracking.instance import Instances
from stcolor_core.method.tracking.walk import View

__all__ = ["Keyframe", "PreparedReference", "temporal_weights"]


@dataclass(frozen=True)
class Keyframe:
    """A reference picture at working size.

    Attributes:
        lightness: L*, shape (H, W), 0..100.
        ab: a* and b*, shape (H, W, 2).
        instances: Instances or mattes; None if tracking does not use them.
        known: Pixels whose colour is known, shape (H, W), bool; None for all. The others give no colour, whatever `ab`
            holds there. At least one pixel must be known.
        weight: How far a patch covers the frame, shape (H, W), 0..1; None for a whole keyframe or a still.
        certainty: Probability that the colour is right, shape (H, W), 0..1; None for 1 everywhere.
        approach: If the picture shows another frame than its own: the frames from that one to its own, without the
            first.
        is_still: Whether the picture is no frame of the plate, so that it is matched by features alone.
    """

    lightness: Plane
    ab: Chroma
    instances: Instances | None = None
    known: Mask | None = None
    weight: Plane | None = None
    certainty: Plane | None = None
    approach: tuple[int, ...] = ()
    is_still: bool = False


@dataclass(frozen=True)
class PreparedReference:
    """A reference with all that matching needs of it.

    Attributes:
        frame: Its frame number; None for a still.
        view: The picture with its features from L* alone.
        features: Unit features that targets are matched with, shape (C, P_r).
        ab: a* and b*, shape (H, W, 2).
        grid_ab: Mean a* and b* of each grid cell, shape (2, P_r).
        grid_slope: Change of a* and b* with L* around each grid cell, shape (2, P_r).
        known: Pixels whose colour the reference itself gives, shape (H, W), bool; None for all.
        grid_known: The same for grid cells, shape (P_r,), bool; None for all.
        certainty: Probability that the colour is right, shape (H, W), 0..1; None for 1 everywhere.
        approach: The frames that a walk passes before it leaves the reference, as in `Keyframe`.
        departure: The last of these frames with its colour, which the walk's first frame compares itself with; None if
            there is none, so that it is the reference itself.
        cells: The objects of its mattes on the grid; None without mattes.
    """

    frame: int | None
    view: View
    features: Tensor
    ab: Chroma
    grid_ab: Tensor
    grid_slope: Tensor
    known: Mask | None = None
    grid_known: Tensor | None = None
    certainty: Plane | None = None
    approach: tuple[int, ...] = ()
    departure: tuple[View, WalkState] | None = None
    cells: CellObjects | None = None

    @lazy_property
    def blocks(self) -> FeatureBlocks:
        """Return the features by blocks, computed once for all frames that are matched with them."""
        return in_blocks(self.features, self.view.grid, self.grid_known)

    @property
    def departure_view(self) -> View:
        """Return the picture that a walk away from this reference starts at."""
        return self.view if self.departure is None else self.departure[0]

    @property
    def state(self) -> WalkState:
        """Return the state that a walk away from this reference starts with."""
        if self.departure is not None:
            return self.departure[1]
        lightness = self.view.lightness
        return WalkState(lightness, self.ab, np.ones_like(lightness) if self.certainty is None else self.certainty)


def temporal_weights(frame: int, references: Sequence[PreparedReference]) -> list[float]:
    """Return a weight for each of one or two references by its distance in time; they sum to 1.

    Args:
        frame: The frame to colour.
        references: The references that bound its span. On its own frame a reference has weight 1, the other one 0.
    """
    distance = [abs(frame - reference.frame) for reference in references if reference.frame is not None]
    return [1.0] if len(distance) == 1 else [1 - d / sum(distance) for d in distance]

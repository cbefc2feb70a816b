"""A colour model: its features, its refinement and their default settings."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from stcolor_core.method.features import Extractor
from stcolor_core.method.refinement import Refinement
from stcolor_core.method.tracking.raft import RaftFlow
from stcolor_core.method.tracking.walk import CellTracker, View

__all__ = ["Model"]


@dataclass(frozen=True, kw_only=True)
class Model:
    """A colour model ready to run on one device.

    A shot's own settings override temperature, radius and color_features.

    Attributes:
        name: Name of the model, as in a shot's settings.
        features: Computes the matching features.
        refinement: Turns the evidence for a frame into its colour.
        temperature: Softmax temperature of eqs. 3 and 10.
        radius: Window radius R of eq. 16 in grid cells; None for windows that follow the optical flow.
        color_features: Whether the features of a reference use its colours too.
        coarse_matching: Whether `Method.matching_height` limits the size that features are computed at.
        shortlists: Whether attention compares each block with the most similar blocks of the references only
            (`stcolor_core.method.shortlist`).
        flow: The optical flow that tracks; None for DIS.
        cell_tracker: Starts the model's own dense tracking at a reference; None for windows that follow the flow.
    """

    name: str
    features: Extractor
    refinement: Refinement
    temperature: float
    radius: int | None
    color_features: bool
    coarse_matching: bool
    shortlists: bool
    flow: RaftFlow | None = None
    cell_tracker: Callable[[View], CellTracker] | None = None

"""A colour model: features and refinement, with the settings that go with them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from stcolor_core.method.features import Extractor
from stcolor_core.method.refinement import Refinement
from stcolor_core.method.tracking.walk import CellTracker, View

__all__ = ["Model"]


@dataclass(frozen=True, kw_only=True)
class Model:
    """A colour model ready to run on one device.

    Defaults where a shot does not say: temperature, of eqs. 3 and 10; radius, R of eq. 16 in grid cells, None to follow
    the flow; color_features, whether references are described by their colours too. coarse_matching: whether
    `Method.matching_height` bounds the size that features are taken from. shortlists: whether attention looks at the
    likest parts of the references only (`stcolor_core.method.shortlist`). cell_tracker: starts a model's own dense
    tracking at a reference, in place of windows that follow the flow.
    """

    name: str
    features: Extractor
    refinement: Refinement
    temperature: float
    radius: int | None
    color_features: bool
    coarse_matching: bool
    shortlists: bool
    cell_tracker: Callable[[View], CellTracker] | None = None

"""Decide whether a shot's settings can be computed by this package, and put its parts together."""

from __future__ import annotations

import torch

from stcolor_core.method.features.standard import StandardFeatures
from stcolor_core.method.model import Model
from stcolor_core.method.on_device.matching import TensorMatching
from stcolor_core.method.on_device.spans import DeviceSpans
from stcolor_core.method.on_device.transfers import Transfers
from stcolor_core.method.refinement.learned import LearnedRefinement
from stcolor_core.shots.settings import Method

__all__ = ["make_device_spans"]


def make_device_spans(model: Model, method: Method, device: torch.device) -> DeviceSpans | None:
    """Return what colours spans on a device; None if the settings need the other path.

    Args:
        model: The colour model.
        method: The shot's settings.
        device: Device that the model is on.
    """
    features, refinement = model.features, model.refinement
    if not isinstance(features, StandardFeatures) or not isinstance(refinement, LearnedRefinement):
        return None
    own_tracking = method.radius or model.radius or model.cell_tracker
    if own_tracking or method.exact or not method.flow or not method.uses_dense or method.uses_instances:
        return None
    transfers, follows_light = Transfers(device), method.light == "auto"
    matching = TensorMatching(
        transfers,
        stride=features.stride,
        lines=method.matching_height,
        temperature=method.temperature or model.temperature,
        shortlists=model.shortlists,
        follows_light=follows_light,
    )
    return DeviceSpans(matching, features, refinement, transfers, flow=model.flow, follows_light=follows_light)

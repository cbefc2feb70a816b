"""Fusion of a frame's colour with its neighbours' on the walk, on tensors: `method.fusion`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import chain
from typing import NamedTuple

import torch
from torch import Tensor

from stcolor_core.method import fusion
from stcolor_core.method.on_device.evidence import TensorNeighbour, flow_trust
from stcolor_core.method.on_device.light import clipping_level, follow, invert, is_clipped, relight_by
from stcolor_core.method.on_device.mixing import TensorRefined
from stcolor_core.method.on_device.tracker import TensorLink, turn_link
from stcolor_core.method.tensor_pictures import blur, sample

__all__ = ["TensorUnfused", "fuse"]


@dataclass(frozen=True, eq=False)
class TensorUnfused:
    """A frame coloured by itself, and the flow between it and the frame before it, as `fusion.Unfused`.

    Attributes:
        refined: Its colour.
        before: Flow to the frame before; None if there is none.
        onward: Displacement from the frame before to this one, shape (2, H, W), px (x, y); None if there is none.
    """

    refined: TensorRefined
    before: TensorNeighbour | None
    onward: Tensor | None

    @cached_property
    def planes(self) -> Tensor:
        """Return a*, b*, L* and the confidence, shape (4, H, W)."""
        refined = self.refined
        return torch.cat([refined.ab, refined.state.lightness[None], refined.confidence[None]])

    @cached_property
    def onward_link(self) -> TensorLink | None:
        """Return the flow from the frame before to this one; None if there is none."""
        if self.before is None or self.onward is None:
            return None
        return turn_link(self.before.displacement, self.onward)


class _Sight(NamedTuple):
    """A neighbour as a frame sees it, as `fusion._Sight`; a change of None is none."""

    other: TensorUnfused
    link: TensorLink
    change: Tensor | None


def fuse(own: TensorUnfused, before: Sequence[TensorUnfused], after: Sequence[TensorUnfused]) -> TensorRefined:
    """Return a frame's colour with the mean of its own and of its neighbours', as `fusion.fuse`.

    Args:
        own: The frame.
        before: Frames before it on the walk, the nearest first.
        after: Frames after it, the nearest first.
    """
    refined = own.refined
    total = _odds(refined.confidence)
    mixed = total * torch.cat([refined.ab, refined.confidence[None]])
    for sight in chain(_look_back(own, before), _look_ahead(after)):
        seen = sample(sight.other.planes, sight.link.displacement)
        ab, lightness, confidence = seen[:2], seen[2], seen[3]
        lost = None
        if sight.change is not None:
            lightness, ab = relight_by(lightness, ab, sight.change, most=clipping_level(refined.state.lightness))
            level = clipping_level(sight.other.refined.state.lightness)
            lost = is_clipped(seen[2], seen[:2], level) & ((sight.change[0] < 1) | (sight.change[1] < 0))
        own_lightness = refined.state.lightness
        sigma = fusion.RESIDUAL_SIGMA * max(1.0, own_lightness.shape[0] / 216)
        residual = blur((own_lightness - lightness).abs()[None], sigma)[0]
        weight = _odds(confidence) * flow_trust(sight.link.visibility, residual)
        if lost is not None:
            weight = weight * ~lost
        total = total + weight
        mixed = mixed + weight * torch.cat([ab, confidence[None]])
    mixed = mixed / total
    return replace(refined, ab=_hold_back(mixed[:2], refined.ab, mixed[2]), confidence=mixed[2])


def _hold_back(ab: Tensor, own: Tensor, confidence: Tensor) -> Tensor:
    """Return the mean, no more vivid than the frame's own colour where it is unsure, as `fusion._hold_back`."""
    low, high = fusion.UNSURE
    chroma, own_chroma = torch.hypot(ab[0], ab[1]), torch.hypot(own[0], own[1])
    sure = ((confidence - low) / (high - low)).clamp(0, 1)
    most = own_chroma + sure * (chroma - own_chroma).clamp_min(0)
    return ab * (most / chroma.clamp_min(1e-3)).clamp_max(1)


def _look_back(own: TensorUnfused, before: Sequence[TensorUnfused]) -> Iterator[_Sight]:
    """Yield the frames before one as it sees them."""
    sight: _Sight | None = None
    for nearer, other in zip([own, *before], before, strict=False):
        if (flow := nearer.before) is None:
            return
        sight = _extend(sight, other, TensorLink(flow.displacement, flow.visibility), flow.change)
        yield sight


def _look_ahead(after: Sequence[TensorUnfused]) -> Iterator[_Sight]:
    """Yield the frames after one as it sees them."""
    sight: _Sight | None = None
    for other in after:
        if other.before is None or (link := other.onward_link) is None:
            return
        change = other.before.change
        sight = _extend(sight, other, link, None if change is None else invert(change))
        yield sight


def _extend(sight: _Sight | None, other: TensorUnfused, link: TensorLink, change: Tensor | None) -> _Sight:
    """Return the view of a frame one link farther than `sight`."""
    if sight is None:
        return _Sight(other, link, change)
    farther = sample(torch.cat([link.displacement, link.visibility[None]]), sight.link.displacement)
    displacement = sight.link.displacement + farther[:2]
    if change is not None and sight.change is not None:
        change = follow(change, sight.change)
    return _Sight(other, TensorLink(displacement, sight.link.visibility * farther[2]), change)


def _odds(confidence: Tensor) -> Tensor:
    held = confidence.clamp(*fusion.CERTAIN)
    return held / (1 - held)

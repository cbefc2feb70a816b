"""Flow chained to one reference, on tensors: `tracking.flow.FlowTracker`, for several frames of a walk at once.

The flow between neighbours needs no chain, so that of several frames is computed in one go; then the chain is extended
frame by frame.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple, TypeAlias

import torch
from torch import Tensor

from stcolor_core.method.on_device.light import is_same, overall_change, to_same_light
from stcolor_core.method.tensor_pictures import blur, pixel_grid, sample
from stcolor_core.method.tracking.flow import CONSISTENT, FINE_LINES, GRAIN, RESIDUAL_SIGMA
from stcolor_core.method.tracking.tensor_flow import COARSE, FINE, FlowSettings, dense_inverse_search

__all__ = ["TensorFlow", "TensorLink", "TensorStep", "TensorTracker", "align", "turn_link"]

TensorFlow: TypeAlias = Callable[[Tensor, Tensor, Tensor | None], Tensor]
"""Returns the displacement from pictures to others, (N, 2, H, W) in px, from a start if one is given.

Pictures are (N, H, W), 0..255.
"""


@dataclass(frozen=True)
class TensorLink:
    """Flow from one frame to another one or to the reference, as `tracking.flow.FlowLink`.

    Attributes:
        displacement: Shape (2, H, W), px (x, y).
        visibility: Shape (H, W), 0..1.
    """

    displacement: Tensor
    visibility: Tensor


class TensorStep(NamedTuple):
    """The flow of one frame of a walk.

    Attributes:
        link: To the reference.
        neighbour: To the frame before.
        onward: Displacement from the frame before to this one, shape (2, H, W), px (x, y).
    """

    link: TensorLink
    neighbour: TensorLink
    onward: Tensor


def align(targets: Tensor, references: Tensor, starts: Tensor) -> Tensor:
    """Return the displacement from targets to references, refined from initial ones, as `tracking.flow.align`.

    Args:
        targets: L*, shape (N, H, W), 0..100.
        references: L*, shape (N, H, W), 0..100.
        starts: Initial displacement, shape (N, 2, H, W), px (x, y).
    """
    return dense_inverse_search(_grey(targets), _grey(references), starts, settings=_fine(targets.shape[-2]))


def turn_link(displacement: Tensor, back: Tensor) -> TensorLink:
    """Return the flow the other way between two frames, as `tracking.flow.turn_link`.

    Args:
        displacement: From the one frame to the other, shape (2, H, W), px (x, y).
        back: From the other to the one, shape (2, H, W), px (x, y).
    """
    return TensorLink(back, _consistency(back[None], displacement[None])[0] * _inside(back))


class TensorTracker:
    """Tracks the flow back to one reference, some frames at a time away from it."""

    def __init__(self, reference: Tensor, *, flow: TensorFlow | None = None, follows_light: bool) -> None:
        """Start at a reference.

        Args:
            reference: L* of the reference at working size, shape (H, W), 0..100.
            flow: The optical flow; None for dense inverse search.
            follows_light: Whether to look for changes of light, and to align pictures in the same light.
        """
        self._flow = flow or partial(dense_inverse_search, settings=_fine(reference.shape[0]))
        self._flow_back = flow or partial(dense_inverse_search, settings=COARSE)
        self._follows_light = follows_light
        self._reference = self._neighbour = reference
        still = reference.new_zeros((2, *reference.shape))
        self._link = TensorLink(still, torch.ones_like(reference))

    def advance(self, targets: Tensor, count: int) -> list[TensorStep]:
        """Return the flow of each of the next frames.

        Args:
            targets: L* of the next frames of the walk, shape (N, H, W), 0..100; those beyond `count` fill the batch.
            count: How many frames there are.
        """
        neighbours = torch.cat([self._neighbour[None], targets[:-1]])
        self._neighbour = targets[count - 1]
        forward, consistency, onward = self._align_neighbours(targets, neighbours)
        parts = zip(targets[:count], forward, consistency, onward, strict=False)
        return [self._extend(*part) for part in parts]

    def _extend(self, target: Tensor, forward: Tensor, consistency: Tensor, onward: Tensor) -> TensorStep:
        """Extend the chain by one frame, and align the frame with the reference directly."""
        before = sample(torch.cat([self._link.displacement, self._link.visibility[None]]), forward)
        chain = forward + before[:2]
        visibility = consistency * before[2] * _inside(chain)
        current, reference = target, self._reference
        if self._follows_light:
            change = overall_change(target, sample(reference[None], chain)[0], visibility)
            current, reference = to_same_light(target, reference, change)
        current, reference = _grey(current[None]), _grey(reference[None])
        direct = self._flow(current, reference, chain[None])[0]
        residuals = _residual(current, reference, torch.stack([direct, chain]))
        self._link = TensorLink(torch.where(residuals[0] < residuals[1], direct, chain), visibility)
        return TensorStep(self._link, TensorLink(forward, consistency * _inside(forward)), onward)

    def _align_neighbours(self, targets: Tensor, neighbours: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return the flow to the frames before, (N, 2, H, W), its consistency, (N, H, W), and the flow back."""
        flow, consistency, onward = self._align_both_ways(targets, neighbours)
        if not self._follows_light:
            return flow, consistency, onward
        moved = sample(neighbours[:, None], flow)[:, 0]
        planes = zip(targets, moved, consistency, strict=True)
        changes = torch.stack([overall_change(*parts) for parts in planes])
        changed = ~is_same(changes)[:, None, None]
        # The one wait for the device in a batch: a second flow in steady light would cost more.
        if not bool(changed.any()):
            return flow, consistency, onward
        again, consistent_again, onward_again = self._align_both_ways(*to_same_light(targets, neighbours, changes))
        return (
            torch.where(changed[:, None], again, flow),
            torch.where(changed, consistent_again, consistency),
            torch.where(changed[:, None], onward_again, onward),
        )

    def _align_both_ways(self, targets: Tensor, neighbours: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        current, neighbour = _grey(targets), _grey(neighbours)
        forward = self._flow(current, neighbour, None)
        backward = self._flow_back(neighbour, current, None)
        return forward, _consistency(forward, backward), backward


def _consistency(displacement: Tensor, back: Tensor) -> Tensor:
    """Return the forward-backward consistency of flows (N, 2, H, W), shape (N, H, W)."""
    error = (displacement + sample(back, displacement)).square().sum(1)
    return torch.exp(-error / CONSISTENT**2)


def _fine(lines: int) -> FlowSettings:
    return FINE if lines <= FINE_LINES else FlowSettings(1, FINE.stride, FINE.iterations, FINE.smoothness)


def _grey(lightness: Tensor) -> Tensor:
    """Return L* (N, H, W) as the flow sees it: without grain, 0..255."""
    return (blur(lightness, GRAIN) * 2.55).clamp(0, 255)


def _residual(target: Tensor, reference: Tensor, displacements: Tensor) -> Tensor:
    """Return the smoothed difference along each of K displacements, (K, H, W); the pictures are (1, H, W)."""
    moved = sample(reference[None].expand(len(displacements), -1, -1, -1), displacements)[:, 0]
    return blur((target - moved).abs(), RESIDUAL_SIGMA)


def _inside(displacement: Tensor) -> Tensor:
    """Return 1 if x + displacement(x) is within the picture, falling to 0 at two pixels outside it."""
    height, width = displacement.shape[-2:]
    x, y = pixel_grid(height, width, displacement.device)
    x, y = x + displacement[0], y + displacement[1]
    outside = torch.stack([-x, x - (width - 1), -y, y - (height - 1)]).amax(0)
    return (1 - outside.clamp_min(0) / 2).clamp(0, 1)

"""One walk outward from a reference: what each frame on the way may take from it, and where its pixels were."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from stcolor_core.images.resizing import cell_means, resize
from stcolor_core.method.tracking import dense
from stcolor_core.method.tracking.flow import FlowLink, FlowTracker, sample
from stcolor_core.method.tracking.instance import (
    InstanceRestriction,
    Instances,
    InstanceState,
    advance,
    on_grid,
    restrict,
)
from stcolor_core.method.tracking.tracks import Tracks
from stcolor_core.shots.shot import Method

__all__ = ["CellCandidates", "CellTracker", "View", "Walk", "in_cells"]

# Cells around where the flow leads, from where it is lost to where it is sure: windows that need no hand-set R
# (docs/method.md, "Dense tracking").
_WIDEST, _NARROWEST = 4.0, 0.5


@dataclass(frozen=True)
class View:
    """One picture as the core sees it.

    lightness: (H, W) float32 L* at working size. grid_lightness: (h, w), averaged over the cells of the matching grid.
    matching_size: (height, width) that features are taken from, at most the working size.
    stride: its pixels to a side of a cell of the matching grid.
    describe: gives the features `target` and `reference`. It is called once, when they are first looked at: a frame
    that is only tracked along the flow never needs them.
    instances: masks at working size, None where there are none to go by.
    """

    lightness: np.ndarray
    grid_lightness: np.ndarray
    matching_size: tuple[int, int]
    stride: int
    describe: Callable[[], tuple[Tensor, Tensor]]
    instances: Instances | None = None

    @cached_property
    def features(self) -> tuple[Tensor, Tensor]:
        """(C, P) each, P = h * w: as a frame to be coloured, and as one to match against."""
        return self.describe()

    @property
    def target(self) -> Tensor:
        """(C, P) features as a frame to be coloured."""
        return self.features[0]

    @property
    def reference(self) -> Tensor:
        """(C, P) features as a frame to match against."""
        return self.features[1]

    @property
    def grid(self) -> tuple[int, int]:
        """(h, w) of the matching grid."""
        height, width = self.grid_lightness.shape
        return height, width


@dataclass(frozen=True)
class CellCandidates:
    """Where each cell of a frame may have been on the reference.

    Attributes:
        candidates: Positions on the reference's matching grid, shape (P, K), int32, -1 for "none", best first.
        support: How much of the way back to the reference was tracked rather than guessed, shape (P,), 0..1.
        fallback: Share of the cells, 0..1, that only kept their best guess.
    """

    candidates: Tensor
    support: Tensor
    fallback: float


class CellTracker(Protocol):
    """Dense tracking: follows the cells of the matching grid back to one reference (docs/develop/recipes.md)."""

    def advance(self, view: View, neighbour: View, link: FlowLink) -> CellCandidates:
        """Return the candidates of the next frame outward.

        Args:
            view: The frame.
            neighbour: The frame before it on the walk; the reference itself at first.
            link: Optical flow from the frame to the reference.
        """


class Walk:
    """Tracks to one reference, from its neighbour outwards, one frame at a time."""

    def __init__(
        self,
        reference: View,
        method: Method,
        *,
        radius: int | None,
        temperature: float,
        cell_tracker: Callable[[View], CellTracker] | None = None,
    ) -> None:
        """Start at a reference.

        Args:
            reference: The frame that the walk leads away from.
            method: What the shot asks for.
            radius: R of eq. 16 in grid cells. None follows the flow.
            temperature: Of eq. 3.
            cell_tracker: Starts a model's own dense tracking at the reference. None is windows that follow the flow.
        """
        self._neighbour = reference
        self._flow = FlowTracker(reference.lightness)
        self._dense: CellTracker | None = None
        if method.uses_dense:
            self._dense = (
                _MaskPropagation(reference, method, radius, temperature)
                if radius
                else (cell_tracker or _FlowWindows)(reference)
            )
        self._instances: _InstanceWalk | None = None
        if method.uses_instances and reference.instances is not None:
            self._instances = _InstanceWalk(reference, reference.instances, method)

    def advance(self, view: View) -> Tracks:
        """The tracks of the next frame outward."""
        link = self._flow.advance(view.lightness)
        track = self._dense.advance(view, self._neighbour, link) if self._dense else None
        restriction = self._instances.advance(view, link) if self._instances else None
        self._neighbour = view
        return Tracks(
            candidates=track.candidates if track else None,
            support=track.support if track else None,
            fallback=track.fallback if track else 0.0,
            instances=restriction,
            mattes=self._instances.mattes if self._instances else None,
            displacement=link.displacement,
            visibility=link.visibility,
            neighbour_flow=self._flow.latest,
        )


class _FlowWindows:
    """Candidates around where the flow leads on the reference itself: windows that need no hand-set radius."""

    def __init__(self, reference: View) -> None:
        self._device = reference.target.device

    def advance(self, view: View, neighbour: View, link: FlowLink) -> CellCandidates:  # noqa: ARG002
        centre = in_cells(link.displacement, view).to(self._device)
        visibility = cell_means(resize(link.visibility, view.matching_size), view.grid, stride=view.stride)
        support = torch.from_numpy(visibility.reshape(-1)).to(self._device)
        reach = _WIDEST + (_NARROWEST - _WIDEST) * support
        places = dense.neighbourhood(*view.grid, round(_WIDEST), centre=centre, reach=reach, device=self._device)
        return CellCandidates(places.positions.int(), support, 0.0)


class _MaskPropagation:
    """The paper's dense tracking with windows of fixed radius R: composed step by step, or exact (eqs. 14 to 17)."""

    def __init__(self, reference: View, method: Method, radius: int, temperature: float) -> None:
        self._method, self._radius, self._temperature = method, radius, temperature
        self._track = dense.DenseTrack.identity(reference.target.shape[1], device=reference.target.device)
        self._steps: list[Tensor] = []  # the exact form needs every step back to the reference

    def advance(self, view: View, neighbour: View, link: FlowLink) -> CellCandidates:  # noqa: ARG002
        """One step of eq. 15 from the neighbour, which was walked before."""
        target, reference, threshold = view.target, neighbour.reference, self._method.threshold
        if self._method.exact:
            window = dense.neighbourhood(*view.grid, self._radius, device=target.device)
            self._steps.insert(0, dense.window_affinity(target, reference, window, temperature=self._temperature))
            self._track = dense.exact(self._steps, [window] * len(self._steps), threshold=threshold)
        else:
            self._track = dense.advance(
                target,
                reference,
                self._track,
                grid=view.grid,
                radius=self._radius,
                temperature=self._temperature,
                threshold=threshold,
            )
        return CellCandidates(self._track.candidates, self._track.support, self._track.fallback)


class _InstanceWalk:
    """The reference's instances on every frame outward: matched where a frame has its own, else carried by the flow."""

    def __init__(self, reference: View, instances: Instances, method: Method) -> None:
        self._method, self._device = method, reference.target.device
        self._carried = instances
        self._masks = on_grid(instances.masks, reference.matching_size, stride=reference.stride)
        self._state, self._ids = advance(InstanceState(), instances, iou_threshold=method.iou_threshold)
        self.mattes = instances

    def advance(self, view: View, link: FlowLink) -> InstanceRestriction:
        """Eq. 13 between the next frame and the reference; `self.mattes` are then that frame's instances."""
        if view.instances is None:
            masks = [sample(mask, link.displacement) * link.visibility for mask in self._carried.masks]
            seen = Instances(
                np.stack(masks) if masks else self._carried.masks,
                self._carried.labels,
                self._carried.scores,
                self._carried.names,
            )
            ids = self._ids
        else:
            seen = view.instances
            self._state, ids = advance(self._state, seen, iou_threshold=self._method.iou_threshold)
        names = seen.names or tuple(f"instance{identity}" for identity in ids)
        self.mattes = Instances(seen.masks, seen.labels, seen.scores, names)
        return restrict(
            on_grid(seen.masks, view.matching_size, stride=view.stride),
            ids,
            self._masks,
            self._ids,
            threshold=self._method.matte_threshold,
            device=self._device,
        )


def in_cells(displacement: np.ndarray, view: View) -> Tensor:
    """A displacement (H, W, 2) in working pixels -> (P, 2) grid cells, averaged over each."""
    height, width = displacement.shape[:2]
    mean = cell_means(resize(displacement, view.matching_size), view.grid, stride=view.stride).reshape(-1, 2)
    scale = [view.matching_size[1] / width / view.stride, view.matching_size[0] / height / view.stride]
    return torch.from_numpy(mean * np.array(scale, np.float32))

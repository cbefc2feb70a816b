"""A walk outward from one reference: tracks each frame back to the reference, one after the other."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from stcolor_core.arrays import FlowField, Plane
from stcolor_core.images.resizing import cell_means, resize
from stcolor_core.lazy import lazy_property
from stcolor_core.method.tracking import dense
from stcolor_core.method.tracking.flow import FlowLink, FlowTracker, PictureFlow, sample
from stcolor_core.method.tracking.instance import (
    InstanceRestriction,
    Instances,
    InstanceState,
    advance_instances,
    average_on_grid,
    restrict,
)
from stcolor_core.method.tracking.objects import Objects, find_objects
from stcolor_core.method.tracking.tracks import Tracks
from stcolor_core.shots.settings import Method

__all__ = ["CellCandidates", "CellTracker", "View", "Walk", "to_grid_cells"]

# Search radius in grid cells around the flow target, at zero and at full visibility. It replaces the fixed R of eq. 16
# (docs/method.md, "Dense tracking").
WIDEST, NARROWEST = 4.0, 0.5


@dataclass(frozen=True)
class View:
    """One picture at working size, with its matching grid and features.

    Attributes:
        lightness: L* at working size, shape (H, W), 0..100.
        grid_lightness: Mean L* of each cell of the matching grid, shape (h, w).
        matching_size: (height, width) that features are computed at, at most the working size.
        stride: Pixels per side of a cell of the matching grid, at matching size.
        compute_features: Returns the features `target` and `reference`. Called once, on first use: a frame that is only
            tracked along the flow needs none.
        instances: Masks at working size; None if there are none.
    """

    lightness: Plane
    grid_lightness: Plane
    matching_size: tuple[int, int]
    stride: int
    compute_features: Callable[[], tuple[Tensor, Tensor]]
    instances: Instances | None = None

    @lazy_property
    def features(self) -> tuple[Tensor, Tensor]:
        """Return the features as a frame to colour and as a reference, shape (C, P) each, P = h * w."""
        return self.compute_features()

    @lazy_property
    def objects(self) -> Objects | None:
        """Return the objects of its mattes; None without mattes."""
        return find_objects(self.instances)

    @property
    def target(self) -> Tensor:
        """Return the features as a frame to colour, shape (C, P)."""
        return self.features[0]

    @property
    def reference(self) -> Tensor:
        """Return the features as a reference, shape (C, P)."""
        return self.features[1]

    @property
    def grid(self) -> tuple[int, int]:
        """Return the height and width (h, w) of the matching grid."""
        height, width = self.grid_lightness.shape
        return height, width


@dataclass(frozen=True)
class CellCandidates:
    """The positions on the reference that each cell of a frame may correspond to.

    Attributes:
        candidates: Positions on the reference's matching grid, shape (P, K), int32, best first, padded with -1.
        support: Share of the way back to the reference that was tracked rather than guessed, shape (P,), 0..1.
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
    """Tracks frames back to one reference, from its neighbour outwards."""

    def __init__(
        self,
        reference: View,
        method: Method,
        *,
        radius: int | None,
        temperature: float,
        cell_tracker: Callable[[View], CellTracker] | None = None,
        flow: PictureFlow | None = None,
        follows_light: bool = False,
    ) -> None:
        """Start at a reference.

        Args:
            reference: The frame that the walk leads away from.
            method: Which trackers to run, with their thresholds.
            radius: Window radius R of eq. 16 in grid cells; None for windows that follow the flow.
            temperature: Softmax temperature of the affinity, as in eq. 3.
            cell_tracker: Starts a model's own dense tracking at the reference; None for windows that follow the flow.
            flow: The optical flow; None for DIS.
            follows_light: Whether the flow looks for changes of light.
        """
        self._neighbour = reference
        self._flow = FlowTracker(reference.lightness, flow=flow, follows_light=follows_light)
        self._dense: CellTracker | None = None
        if method.uses_dense:
            self._dense = (
                _MaskPropagation(reference, method, radius, temperature)
                if radius
                else (cell_tracker or _FlowWindows)(reference)
            )
        self._instances: _InstanceWalk | None = None
        if method.uses_instances and reference.instances is not None and reference.objects is None:
            self._instances = _InstanceWalk(reference, reference.instances, method)

    def advance(self, view: View, backward: FlowField | None = None) -> Tracks:
        """Return the tracks of the next frame outward to the reference.

        Args:
            view: The next frame.
            backward: From `flow.align_back`, if it was computed ahead.
        """
        link = self._flow.advance(view.lightness, backward)
        track = self._dense.advance(view, self._neighbour, link) if self._dense else None
        restriction = self._instances.advance(view, link) if self._instances else None
        self._neighbour = view
        return Tracks(
            candidates=track.candidates if track else None,
            support=track.support if track else None,
            fallback=track.fallback if track else 0.0,
            instances=restriction,
            mattes=self._instances.mattes if self._instances else view.instances if view.objects else None,
            displacement=link.displacement,
            visibility=link.visibility,
            neighbour_flow=self._flow.neighbour_link,
            onward=self._flow.onward,
        )


class _FlowWindows:
    """Candidates within a window around the flow target on the reference; visibility sets the radius."""

    def __init__(self, reference: View) -> None:
        self._device = reference.target.device

    def advance(self, view: View, neighbour: View, link: FlowLink) -> CellCandidates:  # noqa: ARG002
        """Return the cells of the window around where the flow leads."""
        displacement = to_grid_cells(link.displacement, view).to(self._device)
        visibility = cell_means(resize(link.visibility, view.matching_size), view.grid, stride=view.stride)
        support = torch.from_numpy(visibility.reshape(-1)).to(self._device)
        window = dense.make_windows(
            *view.grid,
            round(WIDEST),
            displacement=displacement,
            radii=WIDEST + (NARROWEST - WIDEST) * support,
            device=self._device,
        )
        return CellCandidates(window.positions.int(), support, 0.0)


class _MaskPropagation:
    """The paper's dense tracking with windows of fixed radius R: composed link by link, or exact (eqs. 14 to 17)."""

    def __init__(self, reference: View, method: Method, radius: int, temperature: float) -> None:
        self._method, self._radius, self._temperature = method, radius, temperature
        self._track = dense.DenseTrack.identity(reference.target.shape[1], device=reference.target.device)
        self._affinities: list[Tensor] = []  # the exact form needs every link back to the reference

    def advance(self, view: View, neighbour: View, link: FlowLink) -> CellCandidates:  # noqa: ARG002
        """Extend the track by the link to the neighbour, the frame before on the walk (eq. 15)."""
        target, reference, threshold = view.target, neighbour.reference, self._method.threshold
        if self._method.exact:
            window = dense.make_windows(*view.grid, self._radius, device=target.device)
            affinity = dense.window_affinity(target, reference, window, temperature=self._temperature)
            self._affinities.insert(0, affinity)
            self._track = dense.propagate_exactly(
                self._affinities, [window] * len(self._affinities), threshold=threshold
            )
        else:
            self._track = dense.advance_track(
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
    """The reference's instances on every frame outward: matched if a frame has its own, else warped by the flow."""

    def __init__(self, reference: View, instances: Instances, method: Method) -> None:
        self._method, self._device = method, reference.target.device
        self._reference_instances = instances
        self._reference_masks = average_on_grid(instances.masks, reference.matching_size, stride=reference.stride)
        self._state, self._reference_ids = advance_instances(
            InstanceState(), instances, iou_threshold=method.iou_threshold
        )
        self.mattes = instances

    def advance(self, view: View, link: FlowLink) -> InstanceRestriction:
        """Return eq. 13 between the next frame and the reference; set `self.mattes` to that frame's instances."""
        if view.instances is None:
            instances = _warp_instances(self._reference_instances, link)
            ids = self._reference_ids
        else:
            instances = view.instances
            self._state, ids = advance_instances(self._state, instances, iou_threshold=self._method.iou_threshold)
        names = instances.names or tuple(f"instance{identity}" for identity in ids)
        self.mattes = Instances(instances.masks, instances.labels, instances.scores, names)
        return restrict(
            average_on_grid(instances.masks, view.matching_size, stride=view.stride),
            ids,
            self._reference_masks,
            self._reference_ids,
            threshold=self._method.matte_threshold,
            device=self._device,
        )


def _warp_instances(instances: Instances, link: FlowLink) -> Instances:
    """Return a reference's instances on another frame, faded with visibility."""
    masks = [sample(mask, link.displacement) * link.visibility for mask in instances.masks]
    warped = np.stack(masks) if masks else instances.masks
    return Instances(warped, instances.labels, instances.scores, instances.names)


def to_grid_cells(displacement: FlowField, view: View) -> Tensor:
    """Return a displacement in grid cells, averaged over each cell: shape (P, 2), (x, y).

    Args:
        displacement: Shape (H, W, 2), px (x, y) at working size.
        view: The picture it belongs to.
    """
    height, width = displacement.shape[:2]
    mean = cell_means(resize(displacement, view.matching_size), view.grid, stride=view.stride).reshape(-1, 2)
    scale = [view.matching_size[1] / width / view.stride, view.matching_size[0] / height / view.stride]
    return torch.from_numpy(mean * np.array(scale, np.float32))

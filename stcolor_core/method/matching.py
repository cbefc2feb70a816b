"""Matching of a frame with its references (Akimoto et al. 2020, eq. 1): features, attention and colour along the flow.

See docs/method.md, "Warping".
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from stcolor_core.arrays import Chroma, FlowField, Mask, Plane
from stcolor_core.images.nearest import nearest_in
from stcolor_core.images.resizing import cell_means, resize
from stcolor_core.method.grid_references import GridReference
from stcolor_core.method.light import SAME_LIGHT, LightChange, local_change, overall_change, relight, relight_lightness
from stcolor_core.method.light_limits import clipping_level
from stcolor_core.method.model import Model
from stcolor_core.method.object_attention import CellObjects, split_cells, warp_by_objects
from stcolor_core.method.references import Keyframe, PreparedReference, temporal_weights
from stcolor_core.method.refinement import Evidence, FlowColor, NeighbourFlow, ObjectLayer, flow_trust
from stcolor_core.method.tracking.flow import FlowLink, align_back, sample
from stcolor_core.method.tracking.instance import Instances
from stcolor_core.method.tracking.objects import agreement, keep_within_objects
from stcolor_core.method.tracking.reacquisition import feature_similarity, reacquire
from stcolor_core.method.tracking.tracks import Tracks
from stcolor_core.method.tracking.walk import View, Walk, to_grid_cells
from stcolor_core.method.upsampling import slopes
from stcolor_core.method.warping import warp
from stcolor_core.shots.settings import Method

__all__ = ["ALL_KNOWN", "RESIDUAL_SIGMA", "Matching"]

RESIDUAL_SIGMA = 2.0  # sigma in px at 216 lines that luminance differences are smoothed with
_MOSTLY_KNOWN = 0.75  # share of a cell's pixels that must be known, so that its mean is not made of filled-in colours
ALL_KNOWN = 0.99  # share of the four pixels that a flow vector interpolates between


class Matching:
    """Computes features with one model on one device and matches frames with references. Holds no state.

    Attributes:
        temperature: Softmax temperature of eqs. 3 and 10.
    """

    def __init__(self, model: Model, method: Method, *, device: torch.device) -> None:
        """Choose the settings: the shot's own, or the model's if the shot leaves them open.

        Args:
            model: Features and default settings.
            method: The shot's settings.
            device: Device of the features and of the attention.
        """
        self._model, self._method, self._device = model, method, device
        self.temperature = method.temperature or model.temperature
        self._radius = method.radius or model.radius
        # A recurrent refinement hands its own colours on, in the light that they were made in.
        self.follows_light = method.light == "auto" and not model.refinement.recurrent
        self._color_features = model.color_features if method.color_features is None else method.color_features

    def start_walk(self, reference: PreparedReference) -> Walk:
        """Return a walk that tracks back to a reference, from its neighbour outwards.

        Args:
            reference: The reference that the walk leads away from.
        """
        return Walk(
            reference.view,
            self._method,
            radius=self._radius,
            temperature=self.temperature,
            cell_tracker=self._model.cell_tracker,
            flow=None if self._model.flow is None else self._model.flow.between_arrays,
            follows_light=self.follows_light,
        )

    def align_back(self, view: View, neighbour: View) -> FlowField | None:
        """Return `flow.align_back` for a step of a walk; None if the walk has another flow. Safe in several threads.

        Args:
            view: A frame.
            neighbour: The frame before it on the walk.
        """
        return align_back(view.lightness, neighbour.lightness) if self._model.flow is None else None

    def prepare_reference(self, frame: int | None, keyframe: Keyframe) -> PreparedReference:
        """Return a reference with its features and grid colours computed.

        Args:
            frame: Its frame number; None for a still.
            keyframe: The picture.
        """
        view = self.make_view(keyframe.lightness, keyframe.instances)
        features = view.reference
        ab, known = _fill_unknown(keyframe.ab, keyframe.known), None
        if keyframe.known is not None:
            known_share = self._matching_size(keyframe.known.astype(np.float32))
            share = cell_means(known_share, view.grid, stride=view.stride).ravel()
            known = self._tensor(share >= min(_MOSTLY_KNOWN, share.max()))
        if self._color_features:
            lightness = self._tensor(self._matching_size(keyframe.lightness))
            features = self._model.features.reference(
                lightness, self._tensor(self._matching_size(ab)).permute(2, 0, 1)
            ).flatten(1)
        grid_ab, grid_slope = self._grid_color(view, ab)
        return PreparedReference(
            frame,
            view,
            features,
            ab,
            grid_ab,
            grid_slope,
            known=keyframe.known,
            grid_known=known,
            certainty=keyframe.certainty,
            approach=keyframe.approach,
            cells=self._split_cells(view, ab),
        )

    def make_view(self, lightness: Plane, instances: Instances | None) -> View:
        """Return a picture with its matching grid and features; the features are computed on first use.

        Args:
            lightness: L* at working size, shape (H, W), 0..100.
            instances: Its instances or mattes; None if there are none. They are ignored unless tracking uses them.
        """
        matching = self._matching_size(lightness)
        stride = self._model.features.stride
        grid = (-(-matching.shape[0] // stride), -(-matching.shape[1] // stride))
        grid_lightness = cell_means(matching, grid, stride=stride)

        def compute_features() -> tuple[Tensor, Tensor]:
            target, reference = self._model.features.both(self._tensor(matching))
            return target.flatten(1), reference.flatten(1)

        used = instances if self._method.uses_instances else None
        return View(lightness, grid_lightness, matching.shape[:2], stride, compute_features, used)

    @torch.no_grad()
    def collect_evidence(
        self, frame: int, view: View, references: Sequence[PreparedReference], tracks: Sequence[Tracks]
    ) -> Evidence:
        """Return the evidence for a frame's colour, by matching it with its references (eq. 1).

        Args:
            frame: Its frame number.
            view: The frame.
            references: All references; those of `tracks` come first, the others are matched by features alone.
            tracks: Tracks to the first references.
        """
        references = self._relight_references(view, references, tracks)
        by_blocks = self._model.shortlists and not self._method.exact
        on_grid = self._grid_references(view, references, tracks, by_blocks=by_blocks)
        along, reacquired = self._flow_colors(frame, view, references, tracks)
        follows = self._radius is None
        cells = self._split_cells(view, None) if _has_objects(references) else None
        layers: tuple[ObjectLayer, ...] = ()
        if cells is None:
            warped = warp(view.target, on_grid, temperature=self.temperature, grid=view.grid if by_blocks else None)
        else:
            own_cells = [reference.cells for reference in references]
            warped, layers = warp_by_objects(view.target, cells, on_grid, own_cells, temperature=self.temperature)
        return Evidence(
            lightness=view.lightness,
            grid_lightness=view.grid_lightness,
            stride=view.stride,
            warp=warped,
            layers=layers,
            restricted=any(reference.restricts for reference in on_grid[: len(tracks)]),
            flows=(*along, *reacquired) if self._method.flow else (),
            leading=tuple(along) if follows and all(track.candidates is not None for track in tracks) else (),
        )

    def _grid_references(
        self, view: View, references: Sequence[PreparedReference], tracks: Sequence[Tracks], *, by_blocks: bool
    ) -> list[GridReference]:
        """Return the references as attention takes them. If tracks restrict it, those without a track give nothing."""
        on_grid = [
            GridReference(
                reference.features,
                reference.grid_ab,
                slope=reference.grid_slope,
                grid=reference.view.grid,
                known=reference.grid_known,
                blocks=reference.blocks if by_blocks else None,
            )
            for reference in references
        ]
        tracked = [
            replace(reference, candidates=track.candidates, support=track.support, instances=track.instances)
            for reference, track in zip(on_grid, tracks, strict=False)
        ]
        restricted = any(reference.restricts for reference in tracked)
        no_candidates = (
            torch.full((view.target.shape[1], 1), -1, dtype=torch.int32, device=self._device) if restricted else None
        )
        return [*tracked, *(replace(reference, candidates=no_candidates) for reference in on_grid[len(tracks) :])]

    def _relight_references(
        self, view: View, references: Sequence[PreparedReference], tracks: Sequence[Tracks]
    ) -> list[PreparedReference]:
        """Return the references with each tracked one in the light of a frame, which may differ from one to another."""
        relit = list(references)
        if not self.follows_light:
            return relit
        for index, (reference, track) in enumerate(zip(references, tracks, strict=False)):
            along = sample(reference.view.lightness, track.displacement)
            change = overall_change(view.lightness, along, track.visibility)
            if not change.is_same:
                relit[index] = self._relight_reference(reference, change, clipping_level(view.lightness))
        return relit

    def _relight_reference(self, reference: PreparedReference, change: LightChange, most: float) -> PreparedReference:
        """Return a reference in changed light. Its features stay: they hardly depend on the light."""
        view = reference.view
        lightness, ab = relight(view.lightness, reference.ab, change, most=most)
        relit = replace(view, lightness=lightness, compute_features=lambda: view.features)
        grid_ab, grid_slope = self._grid_color(relit, ab)
        cells = self._split_cells(relit, ab)
        return replace(reference, view=relit, ab=ab, grid_ab=grid_ab, grid_slope=grid_slope, cells=cells)

    def _grid_color(self, view: View, ab: Chroma) -> tuple[Tensor, Tensor]:
        """Return the mean a* and b* of each cell of a picture and their change with L*, shape (2, P) each."""
        lightness, ab = self._matching_size(view.lightness), self._matching_size(ab)
        parts = (cell_means(part, view.grid, stride=view.stride) for part in (ab, slopes(lightness, ab)))
        grid_ab, grid_slope = (self._tensor(part).reshape(-1, 2).T for part in parts)
        return grid_ab, grid_slope

    def _flow_colors(
        self, frame: int, view: View, references: Sequence[PreparedReference], tracks: Sequence[Tracks]
    ) -> tuple[list[FlowColor], list[FlowColor]]:
        """Return the colours along the tracks, and those along flows reacquired by features."""
        follows = self._radius is None  # windows that follow the flow; the paper's fixed windows do not use it
        weights = temporal_weights(frame, references[: len(tracks)])
        known = frozenset(name for reference in references if reference.cells for name in reference.cells.objects.names)
        along, reacquired = [], []
        for index, (reference, track, weight) in enumerate(zip(references, tracks, weights, strict=False)):
            carry = partial(
                _carry_color,
                frame=frame,
                view=view,
                reference=reference,
                index=index,
                temporal_weight=weight,
                known_objects=known,
                follows_light=self.follows_light,
            )
            if self._method.flow or (follows and track.candidates is not None):
                along.append(carry(FlowLink(track.displacement, track.visibility), reacquired=False))
            if self._method.flow and follows:
                link = reacquire(view, reference.view, reference.features, track)
                reacquired.append(carry(link, reacquired=True))
        return along, reacquired

    def track_trust(self, view: View, reference: PreparedReference, track: Tracks) -> Plane:
        """Return the trust in a track, whether the colour that it leads to is known or not, shape (H, W), 0..1.

        Args:
            view: The frame.
            reference: The reference.
            track: The tracks to it.
        """
        lightness, _ = self._lightness_along(view, reference.view, FlowLink(track.displacement, track.visibility))
        return flow_trust(track.visibility, _residual(view.lightness, lightness))

    @torch.no_grad()
    def neighbour_flow(self, view: View, previous: View, link: FlowLink) -> NeighbourFlow:
        """Return the flow from a frame to the one before it on the walk, with how well the two agree along it.

        Args:
            view: The frame.
            previous: The frame before it on the walk.
            link: The flow between them.
        """
        lightness, change = self._lightness_along(view, previous, link)
        residual = _residual(view.lightness, lightness)
        cells = to_grid_cells(link.displacement, view)
        similarity = feature_similarity(view.target, previous.reference, cells, view.grid)
        allowed = None
        if view.objects and previous.objects:
            allowed = agreement(view.objects, previous.objects, link.displacement, known=view.objects.names)
        return NeighbourFlow(link.displacement, lightness, link.visibility, residual, similarity, allowed, change)

    def _lightness_along(self, view: View, other: View, link: FlowLink) -> tuple[Plane, LightChange]:
        """Return L* of another picture along the flow, in the light of the frame, and the change that it took."""
        lightness = sample(other.lightness, link.displacement)
        if not self.follows_light:
            return lightness, SAME_LIGHT
        change = overall_change(view.lightness, lightness, link.visibility)
        return (lightness if change.is_same else relight_lightness(lightness, change)), change

    def _split_cells(self, view: View, ab: Chroma | None) -> CellObjects | None:
        """Return the objects of a picture's mattes on its grid; None without mattes. ab: (H, W, 2) or None."""
        if view.objects is None:
            return None
        lightness, color = self._matching_size(view.lightness), None if ab is None else self._matching_size(ab)
        return split_cells(view.objects, lightness, color, grid=view.grid, stride=view.stride)

    def _matching_size(self, picture: NDArray[np.float32]) -> NDArray[np.float32]:
        """Resize a picture (H, W[, C]) to the size that features are computed at."""
        height, width = picture.shape[:2]
        lines = min(height, self._method.matching_height) if self._model.coarse_matching else height
        return resize(picture, (lines, max(1, round(width * lines / height))))

    def _tensor(self, array: NDArray[Any]) -> Tensor:
        return torch.from_numpy(np.ascontiguousarray(array)).to(self._device)


def _carry_color(
    link: FlowLink,
    *,
    frame: int,
    view: View,
    reference: PreparedReference,
    index: int,
    reacquired: bool,
    temporal_weight: float,
    known_objects: frozenset[str],
    follows_light: bool,
) -> FlowColor:
    """Sample a reference's colour along a flow, with the evidence for it. known_objects: those of any reference."""
    assert reference.frame is not None
    allowed = None
    if view.objects and reference.cells:
        link, allowed = keep_within_objects(link, view.objects, reference.cells.objects, known=known_objects)
    lightness, ab = (sample(picture, link.displacement) for picture in (reference.view.lightness, reference.ab))
    exposure = None
    if follows_light:
        change = local_change(view.lightness, lightness, link.visibility)
        exposure = change.exposure if (change.exposure != 1).any() else None
        if (change.gain != 1).any() or change.offset is not None:
            most = clipping_level(view.lightness)
            lightness, ab = relight(lightness, ab, change.gain, offset=change.offset, most=most)
    visibility, certainty = link.visibility, None
    if allowed is not None:
        visibility = visibility * allowed
    if reference.known is not None:  # an unknown colour counts as occluded
        visibility = visibility * (sample(reference.known.astype(np.float32), link.displacement) > ALL_KNOWN)
    if reference.certainty is not None:
        certainty = sample(reference.certainty, link.displacement)
    return FlowColor(
        reference=index,
        reacquired=reacquired,
        age=abs(frame - reference.frame),
        displacement=link.displacement,
        ab=ab,
        lightness=lightness,
        visibility=visibility,
        residual=_residual(view.lightness, lightness),
        feature_similarity=feature_similarity(
            view.target, reference.features, to_grid_cells(link.displacement, view), view.grid
        ),
        temporal_weight=temporal_weight,
        certainty=certainty,
        allowed=allowed,
        exposure=exposure,
    )


def _has_objects(references: Sequence[PreparedReference]) -> bool:
    """Return whether any reference has mattes."""
    return any(reference.cells is not None for reference in references)


def _fill_unknown(ab: Chroma, known: Mask | None) -> Chroma:
    """Return ab with the nearest known colour at unknown pixels, so that cell means have no holes."""
    if known is None or known.all():
        return ab
    return np.asarray(np.where(known[..., None], ab, ab.reshape(-1, 2)[nearest_in(known)]))


def _residual(lightness: Plane, carried: Plane) -> Plane:
    """Return the smoothed absolute difference of a picture's L* to that of another one along the flow."""
    sigma = RESIDUAL_SIGMA * max(1.0, lightness.shape[0] / 216)
    return np.asarray(cv2.GaussianBlur(np.abs(lightness - carried), (0, 0), sigma))

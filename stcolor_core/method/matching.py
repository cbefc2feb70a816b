"""What eq. 1 finds for a frame: pictures described, matched with the references, and compared along the flow."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

import cv2
import numpy as np
import torch
from torch import Tensor

from stcolor_core.images.resizing import cell_means, resize
from stcolor_core.method.model import Model
from stcolor_core.method.refinement import Evidence, FlowColor, NeighbourFlow, WalkState
from stcolor_core.method.tracking.flow import FlowLink, sample
from stcolor_core.method.tracking.instance import Instances
from stcolor_core.method.tracking.reacquisition import feature_similarity, reacquire
from stcolor_core.method.tracking.tracks import Tracks
from stcolor_core.method.tracking.walk import View, Walk, in_cells
from stcolor_core.method.upsampling import slopes
from stcolor_core.method.warping import GridReference, warp
from stcolor_core.shots.shot import Method

__all__ = ["Keyframe", "Matching", "Source", "temporal_weights"]

_RESIDUAL_SIGMA = 2.0  # px at 216 lines over which a difference in luminance is judged
_MOSTLY_KNOWN = 0.75  # share of a cell's pixels whose colour must be known, so that its mean is not made of guesses
_ALL_KNOWN = 0.99  # of the four pixels that a flow interpolates between


@dataclass(frozen=True)
class Keyframe:
    """A reference at working size.

    lightness: (H, W) L* 0..100. ab: (H, W, 2). instances: where tracking wants them.
    known: (H, W) bool, the pixels whose colour is known; None is all of them. The others lend no colour, whatever `ab`
    holds there; at least one must be known.
    """

    lightness: np.ndarray
    ab: np.ndarray
    instances: Instances | None = None
    known: np.ndarray | None = None


@dataclass(frozen=True)
class Source:
    """A reference ready to be matched.

    frame: None for a still. described: (C, P_r) features; ab (H, W, 2); grid_ab, grid_slope: (2, P_r), as in
    `GridReference`. known: (H, W) bool, and grid_known: (P_r,) bool, whose colour is the reference's own; None is all.
    certainty: (H, W) 0..1, how likely the colour is right, 1 where it is known; None is 1 everywhere.
    """

    frame: int | None
    view: View
    described: Tensor
    ab: np.ndarray
    grid_ab: Tensor
    grid_slope: Tensor
    known: np.ndarray | None = None
    grid_known: Tensor | None = None
    certainty: np.ndarray | None = None

    @property
    def state(self) -> WalkState:
        """What the first frame of a walk away from it is told of it."""
        lightness = self.view.lightness
        return WalkState(lightness, self.ab, np.ones_like(lightness) if self.certainty is None else self.certainty)


class Matching:
    """Describes pictures with one model on one device, and says what speaks for each colour. Holds no state."""

    def __init__(self, model: Model, method: Method, *, device: torch.device) -> None:
        self._model, self._method, self._device = model, method, device
        self._temperature = method.temperature or model.temperature
        self._radius = method.radius or model.radius
        self._color_features = model.color_features if method.color_features is None else method.color_features

    def walk(self, source: Source) -> Walk:
        """Tracks to a reference, from its neighbour outwards."""
        return Walk(
            source.view,
            self._method,
            radius=self._radius,
            temperature=self._temperature,
            cell_tracker=self._model.cell_tracker,
        )

    def source(self, frame: int | None, keyframe: Keyframe) -> Source:
        """A reference ready to be matched; frame is None for a still."""
        view = self.view(keyframe.lightness, keyframe.instances)
        described = view.reference
        whole, known = _without_gaps(keyframe.ab, keyframe.known), None
        if keyframe.known is not None:
            known_share = self._reduced(keyframe.known.astype(np.float32))
            share = cell_means(known_share, view.grid, stride=view.stride).ravel()
            known = self._tensor(share >= min(_MOSTLY_KNOWN, share.max()))
        lightness, ab = self._reduced(keyframe.lightness), self._reduced(whole)
        if self._color_features:
            described = self._model.features.reference(
                self._tensor(lightness), self._tensor(ab).permute(2, 0, 1)
            ).flatten(1)
        parts = (cell_means(part, view.grid, stride=view.stride) for part in (ab, slopes(lightness, ab)))
        grid_ab, grid_slope = (self._tensor(part).reshape(-1, 2).T for part in parts)
        return Source(frame, view, described, whole, grid_ab, grid_slope, known=keyframe.known, grid_known=known)

    def view(self, lightness: np.ndarray, instances: Instances | None) -> View:
        """A picture, (H, W) L* at working size, as tracking and matching see it."""
        matching = self._reduced(lightness)
        stride = self._model.features.stride
        grid = (-(-matching.shape[0] // stride), -(-matching.shape[1] // stride))
        grid_lightness = cell_means(matching, grid, stride=stride)

        def describe() -> tuple[Tensor, Tensor]:
            target, reference = self._model.features.both(self._tensor(matching))
            return target.flatten(1), reference.flatten(1)

        return View(lightness, grid_lightness, matching.shape[:2], stride, describe, instances)

    @torch.no_grad()
    def evidence(self, frame: int, view: View, sources: Sequence[Source], tracks: Sequence[Tracks]) -> Evidence:
        """What eq. 1 finds for a frame.

        tracks belong to the first sources; the others are matched by features alone.
        """
        matched = [
            GridReference(
                source.described,
                source.grid_ab,
                slope=source.grid_slope,
                grid=source.view.grid,
                known=source.grid_known,
            )
            for source in sources
        ]
        references = [
            replace(source, candidates=track.candidates, support=track.support, instances=track.instances)
            for source, track in zip(matched, tracks, strict=False)
        ]
        restricted = any(reference.restricts for reference in references)
        nowhere = (
            torch.full((view.target.shape[1], 1), -1, dtype=torch.int32, device=self._device) if restricted else None
        )
        references += [replace(source, candidates=nowhere) for source in matched[len(tracks) :]]
        follows = self._radius is None  # windows that follow the flow; the paper's fixed ones know nothing of it
        bounding = list(zip(sources, tracks, temporal_weights(frame, sources[: len(tracks)]), strict=False))
        along, found = [], []
        for index, (source, track, nearness) in enumerate(bounding):
            colored = partial(
                _flow_color, frame=frame, view=view, source=source, reference=index, temporal_weight=nearness
            )
            if self._method.flow or (follows and track.candidates is not None):
                along.append(colored(FlowLink(track.displacement, track.visibility), reacquired=False))
            if self._method.flow and follows:
                found.append(colored(reacquire(view, source.view, source.described, track), reacquired=True))
        return Evidence(
            lightness=view.lightness,
            grid_lightness=view.grid_lightness,
            stride=view.stride,
            warp=warp(
                view.target,
                references,
                temperature=self._temperature,
                grid=view.grid if self._model.shortlists and not self._method.exact else None,
            ),
            restricted=restricted,
            flows=(*along, *found) if self._method.flow else (),
            leading=tuple(along) if follows and all(track.candidates is not None for track in tracks) else (),
        )

    @torch.no_grad()
    def neighbour_flow(self, view: View, before: View, link: FlowLink) -> NeighbourFlow:
        """From a frame to the one before it on the walk."""
        there, residual = _compared(view, before, link)
        features = feature_similarity(view.target, before.reference, in_cells(link.displacement, view), view.grid)
        return NeighbourFlow(link.displacement, there, link.visibility, residual, features)

    def _reduced(self, picture: np.ndarray) -> np.ndarray:
        """A picture (H, W[, C]) at the size features are taken from."""
        height, width = picture.shape[:2]
        lines = min(height, self._method.matching_height) if self._model.coarse_matching else height
        return resize(picture, (lines, max(1, round(width * lines / height))))

    def _tensor(self, array: np.ndarray) -> Tensor:
        return torch.from_numpy(np.ascontiguousarray(array)).to(self._device)


def _flow_color(
    link: FlowLink, *, frame: int, view: View, source: Source, reference: int, reacquired: bool, temporal_weight: float
) -> FlowColor:
    assert source.frame is not None
    there, residual = _compared(view, source.view, link)
    visibility, certainty = link.visibility, None
    if source.known is not None:  # what is not known is as good as out of sight
        visibility = visibility * (sample(source.known.astype(np.float32), link.displacement) > _ALL_KNOWN)
    if source.certainty is not None:
        certainty = sample(source.certainty, link.displacement)
    return FlowColor(
        reference=reference,
        reacquired=reacquired,
        age=abs(frame - source.frame),
        ab=sample(source.ab, link.displacement),
        lightness=there,
        visibility=visibility,
        residual=residual,
        feature_similarity=feature_similarity(
            view.target, source.described, in_cells(link.displacement, view), view.grid
        ),
        temporal_weight=temporal_weight,
        certainty=certainty,
    )


def _without_gaps(ab: np.ndarray, known: np.ndarray | None) -> np.ndarray:
    """ab (H, W, 2) with the nearest known colour at pixels that are not known: only so that means have no holes."""
    if known is None or known.all():
        return ab
    _, label = cv2.distanceTransformWithLabels(
        np.asarray(~known, np.uint8), cv2.DIST_L2, cv2.DIST_MASK_5, labelType=cv2.DIST_LABEL_PIXEL
    )
    nearest = np.zeros((label.max() + 1, 2), np.float32)
    nearest[label[known]] = ab[known]
    return np.asarray(np.where(known[..., None], ab, nearest[label]))


def _compared(view: View, other: View, link: FlowLink) -> tuple[np.ndarray, np.ndarray]:
    """(H, W) L* of where a flow leads on another picture, and how far it is off, smoothed."""
    there = sample(other.lightness, link.displacement)
    sigma = _RESIDUAL_SIGMA * max(1.0, view.lightness.shape[0] / 216)
    return there, cv2.GaussianBlur(np.abs(view.lightness - there), (0, 0), sigma)


def temporal_weights(frame: int, sources: Sequence[Source]) -> list[float]:
    """How near each of one or two references is in time: 1 on itself, 0 on the other; sums to 1."""
    distance = [abs(frame - source.frame) for source in sources if source.frame is not None]
    return [1.0] if len(distance) == 1 else [1 - d / sum(distance) for d in distance]

"""Matching of a frame with its references, on tensors: the part of `method.matching` that every frame runs."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from stcolor_core.method.grid_references import GridReference
from stcolor_core.method.matching import ALL_KNOWN, RESIDUAL_SIGMA
from stcolor_core.method.on_device.evidence import (
    CarriedColor,
    TensorEvidence,
    TensorNeighbour,
    TensorReference,
    TensorView,
    Tracked,
)
from stcolor_core.method.on_device.light import (
    clipping_level,
    is_same,
    local_change,
    overall_change,
    relight,
    relight_by,
    relight_lightness_by,
)
from stcolor_core.method.on_device.tracker import TensorLink, align
from stcolor_core.method.on_device.transfers import Transfers
from stcolor_core.method.on_device.upsampling import slopes
from stcolor_core.method.references import PreparedReference, temporal_weights
from stcolor_core.method.tensor_pictures import blur, box_blur, cell_means, median, pixel_grid, resize, sample
from stcolor_core.method.tracking import dense
from stcolor_core.method.tracking.reacquisition import MEDIAN, POOL, TOLERANCE, feature_similarity, pool_features
from stcolor_core.method.tracking.walk import NARROWEST, WIDEST
from stcolor_core.method.warping import warp

__all__ = ["TensorMatching"]


class TensorMatching:
    """Matches frames with references on one device. Holds no state."""

    def __init__(
        self,
        transfers: Transfers,
        *,
        stride: int,
        lines: int,
        temperature: float,
        shortlists: bool,
        follows_light: bool,
    ) -> None:
        """Choose the settings, as `matching.Matching` resolves them.

        Args:
            transfers: Copies to the device.
            stride: Pixels per side of a cell of the matching grid.
            lines: Height that features are computed at, at most.
            temperature: Softmax temperature of eq. 3.
            shortlists: Whether attention compares with shortlists only.
            follows_light: Whether to look for changes of light.
        """
        self._transfers, self._stride, self._lines = transfers, stride, lines
        self._temperature, self._shortlists, self._follows_light = temperature, shortlists, follows_light

    def matching_size(self, height: int, width: int) -> tuple[int, int]:
        """Return the (height, width) that features of a picture are computed at.

        Args:
            height: Of the picture at working size.
            width: Of the picture.
        """
        lines = min(height, self._lines)
        return lines, max(1, round(width * lines / height))

    def make_view(self, lightness: Tensor, features: Tensor | None) -> TensorView:
        """Return a picture with its matching grid.

        Args:
            lightness: L* at working size, shape (H, W).
            features: Its features, shape (C, h, w) or (C, P); None if it is only tracked.
        """
        flat = None if features is None else features.flatten(1)
        return TensorView(lightness, self._on_grid(lightness), flat)

    def upload(self, prepared: PreparedReference) -> TensorReference:
        """Return a reference on the device.

        Args:
            prepared: The reference.
        """
        up = self._transfers.upload
        known = None if prepared.known is None or prepared.known.all() else up(prepared.known.astype("float32"))
        return TensorReference(
            prepared=prepared,
            lightness=up(prepared.view.lightness),
            ab=up(prepared.ab).permute(2, 0, 1).contiguous(),
            features=prepared.features,
            grid_ab=prepared.grid_ab,
            grid_slope=prepared.grid_slope,
            grid_known=prepared.grid_known,
            known=known,
            certainty=None if prepared.certainty is None else up(prepared.certainty),
        )

    def track(self, view: TensorView, references: Sequence[TensorReference], links: Sequence[TensorLink]) -> Tracked:
        """Return the tracked references in the light of a frame.

        Args:
            view: The frame.
            references: All references; those of `links` come first.
            links: Flow to the first references.
        """
        pairs = zip(references, links, strict=False)
        return Tracked(view, tuple(self._in_light_of(view, *pair) for pair in pairs), tuple(links))

    def reacquire(self, frames: Sequence[Tracked], *, fill: int) -> list[list[TensorLink]]:
        """Return for each frame flow to its references that starts from feature matches, as `reacquisition.reacquire`.

        Args:
            frames: The frames, all of one size and with the same number of references.
            fill: Frames that are computed at once; the last one is repeated if there are fewer.
        """
        if not frames[0].references:
            return [[] for _ in frames]
        filled = [*frames, *[frames[-1]] * (fill - len(frames))]
        pairs = [(tracked.view, reference) for tracked in filled for reference in tracked.references]
        height, width = frames[0].view.lightness.shape
        lines, columns = self.matching_size(height, width)
        matches = [_match_features(view.target, reference.features, view.grid) for view, reference in pairs]
        starts = resize(torch.stack([start for start, _ in matches]), (height, width))
        starts = torch.stack(
            [starts[:, 0] * (self._stride * width / columns), starts[:, 1] * (self._stride * height / lines)], dim=1
        )
        targets = torch.stack([view.lightness for view, _ in pairs])
        flows = align(targets, torch.stack([reference.lightness for _, reference in pairs]), starts)
        agreements = resize(torch.stack([agreement for _, agreement in matches]), (height, width))
        links = iter([TensorLink(*pair) for pair in zip(flows, agreements, strict=True)])
        return [[next(links) for _ in tracked.references] for tracked in frames]

    def collect_evidence(
        self,
        frame: int,
        tracked: Tracked,
        reacquired: Sequence[TensorLink],
        untracked: Sequence[TensorReference],
        neighbour: tuple[TensorView, TensorLink] | None,
    ) -> TensorEvidence:
        """Return the evidence for a frame's colour, by matching it with its references (eq. 1).

        Args:
            frame: Its frame number.
            tracked: The frame with its tracked references, from `track`.
            reacquired: From `reacquire`.
            untracked: The other references, which are matched by features alone.
            neighbour: The frame before on the walk, with the flow to it; None if there is none.
        """
        view = tracked.view
        along = self._carry(frame, view, tracked.references, tracked.links, reacquired=False)
        again = self._carry(frame, view, tracked.references, reacquired, reacquired=True)
        restricted = bool(tracked.references)
        on_grid = [self._window(view, *pair) for pair in zip(tracked.references, tracked.links, strict=True)]
        none = torch.full((view.target.shape[1], 1), -1, dtype=torch.int32, device=view.lightness.device)
        on_grid += [_grid(reference, candidates=none if restricted else None) for reference in untracked]
        return TensorEvidence(
            view=view,
            warp=warp(
                view.target, on_grid, temperature=self._temperature, grid=view.grid if self._shortlists else None
            ),
            restricted=restricted,
            flows=(*along, *again),
            leading=tuple(along),
            neighbour=None if neighbour is None else self._neighbour(view, *neighbour),
        )

    def _in_light_of(self, view: TensorView, reference: TensorReference, link: TensorLink) -> TensorReference:
        """Return a reference in the light of a frame; as it is where that is the same."""
        if not self._follows_light:
            return reference
        along = sample(reference.lightness[None], link.displacement)[0]
        change = overall_change(view.lightness, along, link.visibility)
        same = is_same(change)
        lightness, ab = relight_by(reference.lightness, reference.ab, change, most=clipping_level(view.lightness))
        small = self._at_matching_size(torch.cat([lightness[None], ab]))
        grid_ab = cell_means(small[1:], view.grid, stride=self._stride).flatten(1)
        grid_slope = cell_means(slopes(small[0], small[1:]), view.grid, stride=self._stride).flatten(1)
        return TensorReference(
            prepared=reference.prepared,
            lightness=lightness,
            ab=ab,
            features=reference.features,
            grid_ab=torch.where(same, reference.grid_ab, grid_ab),
            grid_slope=torch.where(same, reference.grid_slope, grid_slope),
            grid_known=reference.grid_known,
            known=reference.known,
            certainty=reference.certainty,
        )

    def _window(self, view: TensorView, reference: TensorReference, link: TensorLink) -> GridReference:
        """Return a reference on the grid, restricted to windows around the flow target, as `walk._FlowWindows`."""
        support = self._on_grid(link.visibility).flatten()
        window = dense.make_windows(
            *view.grid,
            round(WIDEST),
            displacement=self._in_cells(link.displacement, view.grid),
            radii=WIDEST + (NARROWEST - WIDEST) * support,
            device=support.device,
        )
        return _grid(reference, candidates=window.positions.int(), support=support)

    def _carry(
        self,
        frame: int,
        view: TensorView,
        references: Sequence[TensorReference],
        links: Sequence[TensorLink],
        *,
        reacquired: bool,
    ) -> list[CarriedColor]:
        """Return the references' colours along flows, with the evidence for them."""
        prepared = [reference.prepared for reference in references]
        weights = temporal_weights(frame, prepared) if references else []
        carried = []
        for index, (reference, link, weight) in enumerate(zip(references, links, weights, strict=True)):
            planes = [reference.lightness[None], reference.ab]
            planes += [plane[None] for plane in (reference.known, reference.certainty) if plane is not None]
            moved = sample(torch.cat(planes), link.displacement)
            lightness, ab, visibility = moved[0], moved[1:3], link.visibility
            exposure = None
            if self._follows_light:
                gain, offset, exposure = local_change(view.lightness, lightness, visibility)
                lit = relight(lightness, ab, gain, offset=offset, most=clipping_level(view.lightness))
                same = (gain == 1) & (offset == 0)
                lightness, ab = (torch.where(same, *pair) for pair in zip((lightness, ab), lit, strict=True))
            if reference.known is not None:
                visibility = visibility * (moved[3] > ALL_KNOWN)
            number = prepared[index].frame
            assert number is not None
            carried.append(
                CarriedColor(
                    reference=index,
                    reacquired=reacquired,
                    age=abs(frame - number),
                    displacement=link.displacement,
                    ab=ab,
                    lightness=lightness,
                    visibility=visibility,
                    residual=self._residual(view.lightness, lightness),
                    similarity=self._similarity(view, reference.features, link.displacement),
                    temporal_weight=weight,
                    certainty=None if reference.certainty is None else moved[-1],
                    exposure=exposure,
                )
            )
        return carried

    def _neighbour(self, view: TensorView, previous: TensorView, link: TensorLink) -> TensorNeighbour:
        lightness, change = sample(previous.lightness[None], link.displacement)[0], None
        if self._follows_light:
            change = overall_change(view.lightness, lightness, link.visibility)
            lightness = relight_lightness_by(lightness, change)
        return TensorNeighbour(
            displacement=link.displacement,
            lightness=lightness,
            visibility=link.visibility,
            residual=self._residual(view.lightness, lightness),
            similarity=self._similarity(view, previous.target, link.displacement),
            change=change,
        )

    def _similarity(self, view: TensorView, features: Tensor, displacement: Tensor) -> Tensor:
        return feature_similarity(view.target, features, self._in_cells(displacement, view.grid), view.grid)

    def _residual(self, lightness: Tensor, carried: Tensor) -> Tensor:
        sigma = RESIDUAL_SIGMA * max(1.0, lightness.shape[0] / 216)
        return blur((lightness - carried).abs()[None], sigma)[0]

    def _in_cells(self, displacement: Tensor, grid: tuple[int, int]) -> Tensor:
        """Return a displacement in grid cells, averaged over each cell: shape (P, 2), (x, y)."""
        height, width = displacement.shape[-2:]
        lines, columns = self.matching_size(height, width)
        mean = cell_means(self._at_matching_size(displacement), grid, stride=self._stride).flatten(1)
        return torch.stack([mean[0] * (columns / width / self._stride), mean[1] * (lines / height / self._stride)], 1)

    def _on_grid(self, plane: Tensor) -> Tensor:
        small = self._at_matching_size(plane)
        grid = (-(-small.shape[-2] // self._stride), -(-small.shape[-1] // self._stride))
        return cell_means(small, grid, stride=self._stride)

    def _at_matching_size(self, planes: Tensor) -> Tensor:
        return resize(planes, self.matching_size(planes.shape[-2], planes.shape[-1]))


def _grid(
    reference: TensorReference, *, candidates: Tensor | None = None, support: Tensor | None = None
) -> GridReference:
    return GridReference(
        reference.features,
        reference.grid_ab,
        slope=reference.grid_slope,
        grid=reference.prepared.view.grid,
        known=reference.grid_known,
        candidates=candidates,
        support=support,
    )


def _match_features(target: Tensor, reference: Tensor, grid: tuple[int, int]) -> tuple[Tensor, Tensor]:
    """Match each position with the most similar one on the reference, as `reacquisition.match_features`.

    Returns the displacement, shape (2, h, w), in cells, and the agreement, shape (h, w), 0..1.
    """
    (pooled, size), (other, _) = pool_features(target, grid), pool_features(reference, grid)
    correlation = pooled.T @ other
    forward, backward = correlation.argmax(1), correlation.argmax(0)
    x, y = pixel_grid(*size, target.device)
    positions = torch.stack([x.expand(size), y.expand(size)]).flatten(1)
    displacement = (positions[:, forward] - positions).reshape(2, *size)
    round_trip = (positions[:, backward[forward]] - positions).square().sum(0).reshape(size)
    smooth = median(displacement, MEDIAN)
    deviation = (displacement - smooth).square().sum(0)
    agreement = torch.exp(-(round_trip + deviation) / TOLERANCE**2)
    return POOL * resize(smooth, grid), resize(box_blur(agreement), grid)

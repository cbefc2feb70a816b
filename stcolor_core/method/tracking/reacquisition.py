"""A surface found again that flow has lost, behind something or by moving too far: by its features, without memory.

Matches of features anywhere on the reference, rid of strays, are where a flow starts that is then aligned to single
pixels (docs/method.md, "Reacquisition"): wrong more often than a track, and right where a track has slipped.
"""

from __future__ import annotations

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from stcolor_core.images.resizing import resize
from stcolor_core.method.tracking.flow import FlowLink, align
from stcolor_core.method.tracking.tracks import Tracks
from stcolor_core.method.tracking.walk import View

__all__ = ["feature_similarity", "matches", "reacquire"]

_POOL = 2  # cells to a side that are matched as one: a start for flow needs no more, and costs a sixteenth
_MEDIAN = 5  # pooled cells over which a lone match is outvoted
_NEAR = 2.0  # pooled cells that a match may be astray


def reacquire(view: View, reference: View, described: Tensor, track: Tracks) -> FlowLink:
    """The flow to a reference that starts at matches of features; its visibility is how far the matches agree.

    described: (C, P) features of the reference. Where instances or mattes forbid what was found, the track stands.
    """
    start, agreement = matches(view.target, described, view.grid)
    lines, columns = view.lightness.shape
    height, width = view.matching_size
    scale = view.stride * np.array([columns / width, lines / height], np.float32)
    displacement = align(view.lightness, reference.lightness, resize(start, view.lightness.shape) * scale)
    agreement = resize(agreement, view.lightness.shape)
    if track.instances is not None:
        allowed = _allowed(track, displacement, view)
        displacement = np.where(allowed[..., None], displacement, track.displacement)
        agreement = agreement * allowed
    return FlowLink(displacement, agreement)


def matches(target: Tensor, reference: Tensor, grid: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Where each place's best match on the reference lies, lone strays outvoted by their neighbours.

    target, reference: (C, P) unit features on the same grid (h, w).
    Returns the displacement (h, w, 2) in cells (x, y), and (h, w) 0..1: 1 where the match leads back here and its
    neighbours agree.
    """
    (here, size), (there, _) = _pooled(target, grid), _pooled(reference, grid)
    correlation = here.T @ there
    forward, backward = correlation.argmax(1), correlation.argmax(0)
    index = torch.arange(len(forward), device=target.device)
    places = torch.stack([index % size[1], index // size[1]], dim=1).float()
    moved = (places[forward] - places).reshape(*size, 2).cpu().numpy()
    there_and_back = (places[backward[forward]] - places).norm(dim=1).reshape(size).cpu().numpy()
    smooth = np.stack([cv2.medianBlur(np.ascontiguousarray(part), _MEDIAN) for part in np.moveaxis(moved, 2, 0)], -1)
    astray = np.linalg.norm(moved - smooth, axis=-1)
    agreement = np.exp(-((there_and_back / _NEAR) ** 2) - (astray / _NEAR) ** 2).astype(np.float32)
    return _POOL * resize(smooth, grid), resize(cv2.blur(agreement, (3, 3)), grid)


def feature_similarity(target: Tensor, reference: Tensor, displacement: Tensor, grid: tuple[int, int]) -> Tensor:
    """(P,) correlation, -1..1, of each place with the place on the reference that a displacement leads to.

    target, reference: (C, P) unit features on the same grid. displacement: (P, 2) cells (x, y).
    """
    height, width = grid
    index = torch.arange(height * width)
    places = torch.stack([index % width, index // width], dim=1) + displacement
    points = ((2 * places + 1) / torch.tensor([width, height]) - 1).to(reference)
    found = F.grid_sample(
        reference.reshape(1, -1, height, width), points[None, None], padding_mode="border", align_corners=False
    )
    values = found[0, :, 0]
    return torch.einsum("cp,cp->p", target, values) / values.square().sum(0).sqrt().clamp_min(1e-6)


def _pooled(features: Tensor, grid: tuple[int, int]) -> tuple[Tensor, tuple[int, int]]:
    """(C, P) -> (C, P / 4) unit features over cells of twice the size, and their grid."""
    pooled = F.avg_pool2d(features.reshape(1, -1, *grid), _POOL, ceil_mode=True, count_include_pad=False)[0]
    return F.normalize(pooled.flatten(1), dim=0, eps=1e-6), (pooled.shape[1], pooled.shape[2])


def _allowed(track: Tracks, displacement: np.ndarray, view: View) -> np.ndarray:
    """(H, W) bool: whether instances or mattes let a pixel take colour from where the displacement leads."""
    restriction = track.instances
    assert restriction is not None
    height, width = view.grid
    lines, columns = view.lightness.shape
    y, x = np.mgrid[:lines, :columns]
    to_cell = np.array([width / columns, height / lines])
    place = ((np.stack([x, y], -1) + 0.5 + displacement) * to_cell).astype(int).clip(0, [width - 1, height - 1])
    cell = (y * height // lines) * width + x * width // columns
    label = restriction.target_label.cpu().numpy()[cell]
    if not len(restriction.reference_allowed):
        return np.ones((lines, columns), bool)
    table = restriction.reference_allowed.cpu().numpy()
    return np.asarray((label < 0) | table[np.maximum(label, 0), place[..., 1] * width + place[..., 0]])

"""Reacquisition (re-detection) of surfaces lost by occlusion or fast motion: by features, without memory.

Feature matches anywhere on the reference, filtered for outliers, initialise a flow that is then refined to single
pixels (docs/method.md, "Reacquisition"). It is wrong more often than a track, but right if the track has slipped.
"""

from __future__ import annotations

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from stcolor_core.arrays import FlowField, Mask, Plane
from stcolor_core.images.resizing import resize
from stcolor_core.method.onednn import inner_products
from stcolor_core.method.tracking.flow import FlowLink, align
from stcolor_core.method.tracking.tracks import Tracks
from stcolor_core.method.tracking.walk import View

__all__ = ["best_columns", "best_rows", "feature_similarity", "match_features", "pool_features", "reacquire"]

POOL = 2  # cells per side that are matched as one: enough to initialise flow, at a sixteenth of the cost
MEDIAN = 5  # pooled cells of the median filter that removes outliers
_ROWS = 18  # rows of a group in the search for a column's largest value
TOLERANCE = 2.0  # pooled cells by which a match may deviate


def reacquire(view: View, reference: View, features: Tensor, track: Tracks) -> FlowLink:
    """Return the flow to a reference, initialised by feature matches; its visibility is how well the matches agree.

    Args:
        view: The frame to colour.
        reference: The reference.
        features: Features of the reference that targets are matched with, shape (C, P).
        track: The tracks to it; their displacement is kept if instances or mattes forbid the match.
    """
    start, agreement = match_features(view.target, features, view.grid)
    lines, columns = view.lightness.shape
    height, width = view.matching_size
    scale = view.stride * np.array([columns / width, lines / height], np.float32)
    displacement = align(view.lightness, reference.lightness, resize(start, view.lightness.shape) * scale)
    agreement = resize(agreement, view.lightness.shape)
    if track.instances is not None:
        allowed = _allowed_by_instances(track, displacement, view)
        displacement = np.where(allowed[..., None], displacement, track.displacement)
        agreement = agreement * allowed
    return FlowLink(displacement, agreement)


def match_features(target: Tensor, reference: Tensor, grid: tuple[int, int]) -> tuple[FlowField, Plane]:
    """Match each position with the most similar one on the reference and replace outliers by the local median.

    Args:
        target: Unit features, shape (C, P).
        reference: Unit features on the same grid, shape (C, P).
        grid: Height and width (h, w), P = h * w.

    Returns:
        The displacement, shape (h, w, 2), in cells (x, y); and the agreement, shape (h, w), 0..1: 1 if matching back
        leads to the same position and the neighbours agree.
    """
    (target_pooled, size), (reference_pooled, _) = pool_features(target, grid), pool_features(reference, grid)
    correlation = inner_products(target_pooled.T, reference_pooled.T.contiguous())
    forward, backward = best_columns(correlation), best_rows(correlation)
    index = torch.arange(len(forward), device=target.device)
    positions = torch.stack([index % size[1], index // size[1]], dim=1).float()
    displacement = (positions[forward] - positions).reshape(*size, 2).cpu().numpy()
    round_trip = (positions[backward[forward]] - positions).norm(dim=1).reshape(size).cpu().numpy()
    planes = np.moveaxis(displacement, 2, 0)
    smooth = np.stack([cv2.medianBlur(np.ascontiguousarray(plane), MEDIAN) for plane in planes], -1)
    deviation = np.linalg.norm(displacement - smooth, axis=-1)
    agreement = np.exp(-((round_trip / TOLERANCE) ** 2) - (deviation / TOLERANCE) ** 2).astype(np.float32)
    return POOL * resize(smooth, grid), resize(cv2.blur(agreement, (3, 3)), grid)


def best_columns(correlation: Tensor) -> Tensor:
    """Return the column of the largest value in each row, the first one if several are equal.

    The same as `correlation.argmax(1)`. On a CPU, NumPy takes a tenth of torch's time.

    Args:
        correlation: Shape (M, N).

    Returns:
        Shape (M,), int64.
    """
    if correlation.device.type != "cpu":
        return correlation.argmax(1)
    return torch.from_numpy(correlation.numpy().argmax(1))


def best_rows(correlation: Tensor) -> Tensor:
    """Return the row of the largest value in each column, the first one if several are equal.

    The same as `correlation.argmax(0)`. On a CPU it takes a seventh of the time, as it only looks for the row in the
    group of rows that holds the largest value.

    Args:
        correlation: Shape (M, N).

    Returns:
        Shape (N,), int64.
    """
    if correlation.device.type != "cpu":
        return correlation.argmax(0)
    count, columns = correlation.shape
    padding = -count % _ROWS
    padded = F.pad(correlation, (0, 0, 0, padding), value=float("-inf")) if padding else correlation
    groups = padded.reshape(-1, _ROWS, columns)
    group = best_columns(groups.amax(1).T.contiguous())
    return group * _ROWS + best_columns(groups[group, :, torch.arange(columns)])


def feature_similarity(target: Tensor, reference: Tensor, displacement: Tensor, grid: tuple[int, int]) -> Tensor:
    """Return the cosine similarity of each position with the one that a displacement leads to, shape (P,), -1..1.

    Args:
        target: Unit features, shape (C, P).
        reference: Unit features on the same grid, shape (C, P).
        displacement: From target to reference, shape (P, 2), in cells (x, y).
        grid: Height and width (h, w), P = h * w.
    """
    height, width = grid
    index = torch.arange(height * width, device=displacement.device)
    x = (index % width + displacement[:, 0]).clamp(0, width - 1)
    y = (index // width + displacement[:, 1]).clamp(0, height - 1)
    left, top = x.floor(), y.floor()
    right_share, lower_share = x - left, y - top
    columns = left.long(), (left.long() + 1).clamp_max(width - 1)
    rows = top.long(), (top.long() + 1).clamp_max(height - 1)
    places = torch.stack([row * width + column for row in rows for column in columns], dim=1)
    shares = [down * across for down in (1 - lower_share, lower_share) for across in (1 - right_share, right_share)]
    # Bilinear, whole rows of channels at a time: `F.grid_sample` takes ten times as long.
    values = F.embedding_bag(
        places, reference.T.contiguous(), mode="sum", per_sample_weights=torch.stack(shares, dim=1).to(reference)
    )
    lengths: Tensor = torch.linalg.vecdot(values, values).sqrt()
    products: Tensor = torch.linalg.vecdot(values, target.T)
    return products / lengths.clamp_min(1e-6)


def pool_features(features: Tensor, grid: tuple[int, int]) -> tuple[Tensor, tuple[int, int]]:
    """Average features over cells of twice the size.

    Args:
        features: Shape (C, P).
        grid: Height and width (h, w), P = h * w.

    Returns:
        Unit features, shape (C, about P / 4), and their grid.
    """
    # Channels last, as features are in memory: `features.reshape` would hide it from torch, which then copies them.
    cells = features.T.reshape(1, *grid, -1).permute(0, 3, 1, 2)
    pooled = F.avg_pool2d(cells, POOL, ceil_mode=True, count_include_pad=False)[0].contiguous()
    return F.normalize(pooled.flatten(1), dim=0, eps=1e-6), (pooled.shape[1], pooled.shape[2])


def _allowed_by_instances(track: Tracks, displacement: FlowField, view: View) -> Mask:
    """Return whether instances or mattes allow each pixel to take colour from the target of its displacement."""
    restriction = track.instances
    assert restriction is not None
    height, width = view.grid
    lines, columns = view.lightness.shape
    y, x = np.mgrid[:lines, :columns]
    cells_per_pixel = np.array([width / columns, height / lines])
    matched = np.stack([x, y], -1) + 0.5 + displacement
    position = (matched * cells_per_pixel).astype(int).clip(0, [width - 1, height - 1])
    cell = (y * height // lines) * width + x * width // columns
    label = restriction.target_label.cpu().numpy()[cell]
    if not len(restriction.reference_allowed):
        return np.ones((lines, columns), bool)
    table = restriction.reference_allowed.cpu().numpy()
    return np.asarray((label < 0) | table[np.maximum(label, 0), position[..., 1] * width + position[..., 0]])

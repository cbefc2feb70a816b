"""Instances followed from frame to frame, and what they restrict (Akimoto et al. 2020, eqs. 12 and 13)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from stcolor_core.images.resizing import cell_means, resize

__all__ = [
    "InstanceRestriction",
    "InstanceState",
    "Instances",
    "advance",
    "allowed",
    "label_of_pixel",
    "match",
    "on_grid",
    "resample",
    "restrict",
]

_INSIDE = 0.5  # a pixel counts for the overlap from here on, where Mask R-CNN draws the line too


@dataclass(frozen=True, eq=False)
class Instances:
    """The K instances seen in one frame; K may be 0.

    masks: (K, H, W) float32, 0..1. labels: (K,) int, class ids. scores: (K,) float32, 0..1.
    names: one a mask, each once, where mattes carry identity (Cryptomatte, ids, roto files); None for detections.
    Raises ValueError where shapes or ranges differ from this.
    """

    masks: NDArray[np.float32]
    labels: NDArray[np.integer]
    scores: NDArray[np.float32]
    names: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        if self.masks.ndim != 3 or self.masks.dtype != np.float32:
            raise ValueError(f"masks must be (K, H, W) float32, not {self.masks.shape} {self.masks.dtype}")
        count = (len(self.masks),)
        if self.labels.shape != count or not np.issubdtype(self.labels.dtype, np.integer) or self.scores.shape != count:
            raise ValueError(f"{count[0]} masks need as many integer labels and scores")
        for name, values in (("masks", self.masks), ("scores", self.scores)):
            if values.size and not (values.min() >= 0 and values.max() <= 1):  # written so that NaN fails
                raise ValueError(f"{name} must lie within 0..1")
        if self.names is not None and (len(self.names),) != count:
            raise ValueError(f"{count[0]} masks need as many names")
        if self.names is not None and len(set(self.names)) != len(self.names):
            raise ValueError("two instances share a name")


@dataclass(frozen=True, eq=False)
class InstanceState:
    """What a walk from frame to frame remembers: every instance that may still return. A new one begins a walk.

    regions: (N, H, W) bool, where each was seen last; None before the first. labels, ids, missing: (N,), the class,
    the persistent id and the number of frames since without it. named: id of every name met. count: ids given so far.
    """

    regions: NDArray[np.bool_] | None = None
    labels: NDArray[np.integer] = field(default_factory=lambda: np.empty(0, np.int32))
    ids: NDArray[np.int32] = field(default_factory=lambda: np.empty(0, np.int32))
    missing: NDArray[np.int32] = field(default_factory=lambda: np.empty(0, np.int32))
    named: Mapping[str, int] = field(default_factory=dict)
    count: int = 0


@dataclass(frozen=True, eq=False)
class InstanceRestriction:
    """M^I of eq. 13 between one target frame and one reference, as two small tables in place of a P x P matrix.

    target_label: (P,) int32, the target instance that each position belongs to; -1 in none, which restricts nothing.
    reference_allowed: (K, P_r) bool, where instance k is on the reference; all False where the reference lacks it.
    """

    target_label: Tensor
    reference_allowed: Tensor


def match(previous: Instances, current: Instances, *, iou_threshold: float = 0.3) -> list[tuple[int, int]]:
    """Pairs (index before, index now) of the same instance in two neighbouring frames (T of eq. 12).

    Where both carry names, these decide. Otherwise pairs of one class are taken greedily by the IoU of their masks at
    0.5, the largest first, down to iou_threshold, above 0; of equal ones, the lower index first.
    Raises ValueError where the frames differ in size.
    """
    if previous.names is not None and current.names is not None:
        position = {name: index for index, name in enumerate(current.names)}
        return [(index, position[name]) for index, name in enumerate(previous.names) if name in position]
    iou = _iou(previous.masks >= _INSIDE, previous.labels, current.masks >= _INSIDE, current.labels)
    return _greedy(iou, iou_threshold)


def advance(
    state: InstanceState, instances: Instances, *, iou_threshold: float = 0.3, patience: int = 5
) -> tuple[InstanceState, NDArray[np.int32]]:
    """One step of a walk: the state after this frame, and the persistent id of each of its instances, (K,) int32.

    A walk has names or it has none. Names keep their id for good. Unnamed instances are matched as in `match`: those of
    the neighbouring frame first, then those missed for 1 frame, 2, and so on up to `patience` frames; whoever is left
    gets a new id. Masks of one walk are all of one size.
    """
    if instances.names is not None:
        named, count = dict(state.named), state.count
        for name in instances.names:
            if name not in named:
                named[name], count = count, count + 1
        ids = np.array([named[name] for name in instances.names], np.int32)
        return replace(state, named=named, count=count), ids

    regions = instances.masks >= _INSIDE
    before = regions[:0] if state.regions is None else state.regions
    ids = np.full(len(regions), -1, np.int32)
    iou = _iou(before, state.labels, regions, instances.labels)
    for missing in range(patience + 1):
        for row, column in _greedy(np.where((state.missing == missing)[:, None] & (ids < 0), iou, 0.0), iou_threshold):
            ids[column] = state.ids[row]
    new = np.flatnonzero(ids < 0)
    ids[new] = state.count + np.arange(len(new))

    kept = (state.missing < patience) & ~np.isin(state.ids, ids)
    after = InstanceState(
        regions=np.concatenate([regions, before[kept]]),
        labels=np.concatenate([instances.labels, state.labels[kept]]),
        ids=np.concatenate([ids, state.ids[kept]]),
        missing=np.concatenate([np.zeros(len(ids), np.int32), state.missing[kept] + 1]),
        named=state.named,
        count=state.count + len(new),
    )
    return after, ids


def resample(mask: NDArray[np.float32], size: tuple[int, int]) -> NDArray[np.float32]:
    """One mask (H, W) at another (height, width), as `resize` does it and within 0..1 to the last bit."""
    return mask if mask.shape == size else np.clip(resize(mask, size), 0.0, 1.0)


def on_grid(masks: NDArray[np.float32], size: tuple[int, int], *, stride: int) -> NDArray[np.float32]:
    """Masks (K, H, W) averaged over the cells of the matching grid: (K, ceil(height / stride), ceil(width / stride)).

    size: (height, width) of the picture that features are taken from. stride: of these features, in its pixels.
    """
    grid = (-(-size[0] // stride), -(-size[1] // stride))
    averages = [np.clip(cell_means(resample(mask, size), grid, stride=stride), 0.0, 1.0) for mask in masks]
    return np.stack(averages) if averages else np.empty((0, *grid), np.float32)


def allowed(reference_masks: NDArray[np.float32], *, threshold: float = 0.5) -> NDArray[np.bool_]:
    """Where each instance is on the reference (eq. 13): (K, h, w) masks on the grid -> (K, P_r) bool, >= threshold."""
    count, height, width = reference_masks.shape
    return (reference_masks >= threshold).reshape(count, height * width)


def label_of_pixel(target_masks: NDArray[np.float32], *, threshold: float = 0.5) -> NDArray[np.int32]:
    """Phi of eq. 13: the instance that each target position belongs to, (K, h, w) masks on the grid -> (P,) int32.

    The largest mask that reaches threshold wins, of equal ones the first; -1 where none does.
    """
    count, *grid = target_masks.shape
    if not count:
        return np.full(grid[0] * grid[1], -1, np.int32)
    flat = target_masks.reshape(count, -1)
    best = flat.argmax(axis=0)
    return np.where(flat.max(axis=0) >= threshold, best, -1).astype(np.int32)


def restrict(
    target_masks: NDArray[np.float32],
    target_ids: NDArray[np.int32],
    reference_masks: NDArray[np.float32],
    reference_ids: NDArray[np.int32],
    *,
    threshold: float = 0.5,
    device: torch.device | str = "cpu",
) -> InstanceRestriction:
    """Eq. 13 between a target frame and one reference. With several references, one restriction each.

    target_masks: (K, h, w), reference_masks: (K_r, h_r, w_r), both on their grids, 0..1; ids as `advance` gave them
    along the walk from that reference. The labels are the target's indices 0..K-1, so they agree across references.
    A target instance that the reference lacks keeps its label with an empty row: the warp counts it as a fallback.
    """
    on_reference = allowed(reference_masks, threshold=threshold)
    row_of = {int(identity): row for identity, row in zip(reference_ids, on_reference, strict=True)}
    rows = np.zeros((len(target_masks), on_reference.shape[1]), np.bool_)
    for index, identity in enumerate(target_ids):
        rows[index] = row_of.get(int(identity), False)
    return InstanceRestriction(
        target_label=torch.from_numpy(label_of_pixel(target_masks, threshold=threshold)).to(device),
        reference_allowed=torch.from_numpy(rows).to(device),
    )


def _iou(
    before: NDArray[np.bool_],
    labels_before: NDArray[np.integer],
    now: NDArray[np.bool_],
    labels_now: NDArray[np.integer],
) -> NDArray[np.float64]:
    """Intersection over union of (N, H, W) and (K, H, W) regions: (N, K), 0 between classes and for empty regions."""
    if len(before) and len(now) and before.shape[1:] != now.shape[1:]:
        raise ValueError(f"masks of {before.shape[1:]} cannot be matched with masks of {now.shape[1:]}")
    if not len(before) or not len(now):
        return np.zeros((len(before), len(now)))
    # float32 holds these counts exactly up to 2^24 pixels, twice a 4096 x 2160 plate
    rows, columns = (regions.reshape(len(regions), -1).astype(np.float32) for regions in (before, now))
    shared = (rows @ columns.T).astype(np.float64)
    union = rows.sum(1, dtype=np.float64)[:, None] + columns.sum(1, dtype=np.float64)[None] - shared
    return np.where(labels_before[:, None] == labels_now[None], shared / np.maximum(union, 1.0), 0.0)


def _greedy(score: NDArray[np.float64], threshold: float) -> list[tuple[int, int]]:
    """Pairs (row, column) of a score matrix, the best first, each row and column at most once, down to threshold."""
    pairs: list[tuple[int, int]] = []
    order = np.argsort(-score, axis=None, kind="stable")
    for row, column in zip(*np.unravel_index(order, score.shape), strict=True):
        if score[row, column] < threshold:
            break
        if all(row != taken and column != gone for taken, gone in pairs):
            pairs.append((int(row), int(column)))
    return pairs

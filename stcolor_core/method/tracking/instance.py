"""Instance tracking and its restriction of the correspondence (Akimoto et al. 2020, section 3.3, eqs. 12 and 13).

See docs/method.md, "Instance tracking".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from stcolor_core.arrays import Masks, Plane, Vector
from stcolor_core.images.resizing import cell_means, resize

__all__ = [
    "InstanceRestriction",
    "InstanceState",
    "Instances",
    "advance_instances",
    "average_on_grid",
    "instance_positions",
    "label_positions",
    "match_instances",
    "resample",
    "restrict",
]

_INSIDE = 0.5  # least value of a mask for a pixel to count for the overlap, the same as in Mask R-CNN


@dataclass(frozen=True, eq=False)
class Instances:
    """The K instances in one frame; K may be 0.

    Attributes:
        masks: Shape (K, H, W), float32, 0..1.
        labels: Class ids, shape (K,), int.
        scores: Shape (K,), float32, 0..1.
        names: One unique name per mask if mattes carry identity (Cryptomatte, ids, roto files); None for detections.
        certainty: Probability that the masks are right at each pixel, shape (H, W), 0..1; None for 1.

    Raises:
        ValueError: If shapes or ranges differ from these, or a name is not unique.
    """

    masks: Masks
    labels: NDArray[np.integer]
    scores: Vector
    names: tuple[str, ...] | None = None
    certainty: Plane | None = None

    def __post_init__(self) -> None:
        if self.masks.ndim != 3 or self.masks.dtype != np.float32:
            raise ValueError(f"masks must be (K, H, W) float32, not {self.masks.shape} {self.masks.dtype}")
        count = (len(self.masks),)
        if self.labels.shape != count or not np.issubdtype(self.labels.dtype, np.integer) or self.scores.shape != count:
            raise ValueError(f"{count[0]} masks need as many integer labels and scores")
        for name, values in (("masks", self.masks), ("scores", self.scores)):
            if values.size and not (values.min() >= 0 and values.max() <= 1):  # written so that NaN fails
                raise ValueError(f"{name} must lie within 0..1")
        if self.certainty is not None and self.certainty.shape != self.masks.shape[1:]:
            raise ValueError(f"certainty must be {self.masks.shape[1:]}, as a mask, not {self.certainty.shape}")
        if self.names is not None and (len(self.names),) != count:
            raise ValueError(f"{count[0]} masks need as many names")
        if self.names is not None and len(set(self.names)) != len(self.names):
            raise ValueError("two instances share a name")


@dataclass(frozen=True, eq=False)
class InstanceState:
    """The memory of a walk: every instance that may still return. `InstanceState()` starts a walk.

    Attributes:
        regions: Last known region of each of N instances, shape (N, H, W), bool; None before the first frame.
        labels: Their class ids, shape (N,), int.
        ids: Their persistent ids, shape (N,), int32.
        missing: Number of frames since each was last detected, shape (N,), int32.
        ids_by_name: The persistent id of every name so far, if instances have names.
        count: How many ids have been given so far.
    """

    regions: NDArray[np.bool_] | None = None
    labels: NDArray[np.integer] = field(default_factory=lambda: np.empty(0, np.int32))
    ids: NDArray[np.int32] = field(default_factory=lambda: np.empty(0, np.int32))
    missing: NDArray[np.int32] = field(default_factory=lambda: np.empty(0, np.int32))
    ids_by_name: Mapping[str, int] = field(default_factory=dict)
    count: int = 0


@dataclass(frozen=True, eq=False)
class InstanceRestriction:
    """M^I of eq. 13 between one target frame and one reference, as two small tables instead of a P x P matrix.

    Attributes:
        target_label: The target instance that each position belongs to, shape (P,), int32; -1 for none, which restricts
            nothing.
        reference_allowed: The positions of each instance on the reference, shape (K, P_r), bool; all False if the
            reference lacks the instance.
    """

    target_label: Tensor
    reference_allowed: Tensor


def match_instances(previous: Instances, current: Instances, *, iou_threshold: float = 0.3) -> list[tuple[int, int]]:
    """Match the instances of two neighbouring frames (T of eq. 12).

    Instances with names are matched by name. Otherwise pairs of the same class are chosen greedily by the IoU of their
    masks at 0.5, the largest first; ties go to the lower index.

    Args:
        previous: Instances of the frame before.
        current: Instances of this frame, of the same size.
        iou_threshold: Least IoU of a pair, greater than 0.

    Returns:
        Pairs (index in previous, index in current).

    Raises:
        ValueError: If the frames differ in size.
    """
    if previous.names is not None and current.names is not None:
        position = {name: index for index, name in enumerate(current.names)}
        return [(index, position[name]) for index, name in enumerate(previous.names) if name in position]
    iou = _iou(previous.masks >= _INSIDE, previous.labels, current.masks >= _INSIDE, current.labels)
    return _match_greedily(iou, iou_threshold)


def advance_instances(
    state: InstanceState, instances: Instances, *, iou_threshold: float = 0.3, patience: int = 5
) -> tuple[InstanceState, NDArray[np.int32]]:
    """Match the next frame of a walk with the instances so far; return the new state and the persistent ids.

    Either all frames of a walk have names or none has. A name keeps its id for good. Unnamed instances are matched as
    in `match_instances`: with those of the neighbouring frame first, then with those missing for 1 frame, for 2 and so
    on. The rest get new ids.

    Args:
        state: State after the frame before.
        instances: Instances of this frame; all masks of a walk have the same size.
        iou_threshold: Least IoU of a match, greater than 0.
        patience: How many frames an unnamed instance may be missing before it is forgotten.

    Returns:
        The state after this frame, and the persistent id of each of its instances, shape (K,), int32.
    """
    if instances.names is not None:
        ids_by_name, count = dict(state.ids_by_name), state.count
        for name in instances.names:
            if name not in ids_by_name:
                ids_by_name[name], count = count, count + 1
        ids = np.array([ids_by_name[name] for name in instances.names], np.int32)
        return replace(state, ids_by_name=ids_by_name, count=count), ids

    regions = instances.masks >= _INSIDE
    previous = regions[:0] if state.regions is None else state.regions
    ids = np.full(len(regions), -1, np.int32)
    iou = _iou(previous, state.labels, regions, instances.labels)
    for missing in range(patience + 1):
        candidates = np.where((state.missing == missing)[:, None] & (ids < 0), iou, 0.0)
        for row, column in _match_greedily(candidates, iou_threshold):
            ids[column] = state.ids[row]
    new = np.flatnonzero(ids < 0)
    ids[new] = state.count + np.arange(len(new))

    kept = (state.missing < patience) & ~np.isin(state.ids, ids)
    after = InstanceState(
        regions=np.concatenate([regions, previous[kept]]),
        labels=np.concatenate([instances.labels, state.labels[kept]]),
        ids=np.concatenate([ids, state.ids[kept]]),
        missing=np.concatenate([np.zeros(len(ids), np.int32), state.missing[kept] + 1]),
        ids_by_name=state.ids_by_name,
        count=state.count + len(new),
    )
    return after, ids


def resample(mask: Plane, size: tuple[int, int]) -> Plane:
    """Return a mask at another size, as `resize` does, clipped to exactly 0..1.

    Args:
        mask: Shape (H, W), 0..1.
        size: (height, width).
    """
    return mask if mask.shape == size else np.clip(resize(mask, size), 0.0, 1.0)


def average_on_grid(masks: Masks, size: tuple[int, int], *, stride: int) -> Masks:
    """Return masks averaged over the cells of the matching grid.

    Args:
        masks: Shape (K, H, W), 0..1.
        size: (height, width) of the picture that features are computed from.
        stride: Pixels per side of a cell in that picture.

    Returns:
        Shape (K, ceil(height / stride), ceil(width / stride)), 0..1.
    """
    grid = (-(-size[0] // stride), -(-size[1] // stride))
    averages = [np.clip(cell_means(resample(mask, size), grid, stride=stride), 0.0, 1.0) for mask in masks]
    return np.stack(averages) if averages else np.empty((0, *grid), np.float32)


def instance_positions(reference_masks: Masks, *, threshold: float = 0.5) -> NDArray[np.bool_]:
    """Return the positions of each instance on the reference (eq. 13), shape (K, P_r), bool.

    Args:
        reference_masks: Masks on the matching grid, shape (K, h, w), 0..1.
        threshold: Least value of a mask for a position to belong to the instance.
    """
    count, height, width = reference_masks.shape
    return (reference_masks >= threshold).reshape(count, height * width)


def label_positions(target_masks: Masks, *, threshold: float = 0.5) -> NDArray[np.int32]:
    """Return the instance that each target position belongs to (Phi of eq. 13), shape (P,), int32.

    The largest mask that reaches the threshold wins, the first one in a tie; -1 if none does.

    Args:
        target_masks: Masks on the matching grid, shape (K, h, w), 0..1.
        threshold: Least value of a mask for a position to belong to the instance.
    """
    count, *grid = target_masks.shape
    if not count:
        return np.full(grid[0] * grid[1], -1, np.int32)
    flat = target_masks.reshape(count, -1)
    best = flat.argmax(axis=0)
    return np.where(flat.max(axis=0) >= threshold, best, -1).astype(np.int32)


def restrict(
    target_masks: Masks,
    target_ids: NDArray[np.int32],
    reference_masks: Masks,
    reference_ids: NDArray[np.int32],
    *,
    threshold: float = 0.5,
    device: torch.device | str = "cpu",
) -> InstanceRestriction:
    """Return the restriction of eq. 13 between a target frame and one reference.

    The labels are the target's indices 0..K-1, so they agree across references. A target instance that the reference
    lacks keeps its label with an empty row, which the warp counts as a fallback.

    Args:
        target_masks: Masks on the target's grid, shape (K, h, w), 0..1.
        target_ids: Their persistent ids from `advance_instances` on the walk from that reference, shape (K,).
        reference_masks: Masks on the reference's grid, shape (K_r, h_r, w_r), 0..1.
        reference_ids: Their persistent ids, shape (K_r,).
        threshold: Least value of a mask for a position to belong to the instance.
        device: Device of the result.
    """
    on_reference = instance_positions(reference_masks, threshold=threshold)
    row_by_id = {int(identity): row for identity, row in zip(reference_ids, on_reference, strict=True)}
    rows = np.zeros((len(target_masks), on_reference.shape[1]), np.bool_)
    for index, identity in enumerate(target_ids):
        rows[index] = row_by_id.get(int(identity), False)
    return InstanceRestriction(
        target_label=torch.from_numpy(label_positions(target_masks, threshold=threshold)).to(device),
        reference_allowed=torch.from_numpy(rows).to(device),
    )


def _iou(
    previous: NDArray[np.bool_],
    previous_labels: NDArray[np.integer],
    current: NDArray[np.bool_],
    current_labels: NDArray[np.integer],
) -> NDArray[np.float64]:
    """Return the IoU of (N, H, W) and (K, H, W) regions, shape (N, K): 0 across classes and for empty regions."""
    if len(previous) and len(current) and previous.shape[1:] != current.shape[1:]:
        raise ValueError(f"masks of {previous.shape[1:]} cannot be matched with masks of {current.shape[1:]}")
    if not len(previous) or not len(current):
        return np.zeros((len(previous), len(current)))
    # float32 holds these counts exactly up to 2^24 pixels, twice a 4096 x 2160 plate
    rows, columns = (regions.reshape(len(regions), -1).astype(np.float32) for regions in (previous, current))
    shared = (rows @ columns.T).astype(np.float64)
    union = rows.sum(1, dtype=np.float64)[:, None] + columns.sum(1, dtype=np.float64)[None] - shared
    return np.where(previous_labels[:, None] == current_labels[None], shared / np.maximum(union, 1.0), 0.0)


def _match_greedily(score: NDArray[np.float64], threshold: float) -> list[tuple[int, int]]:
    """Return pairs (row, column), the best score first, each row and column at most once, down to the threshold."""
    pairs: list[tuple[int, int]] = []
    order = np.argsort(-score, axis=None, kind="stable")
    for row, column in zip(*np.unravel_index(order, score.shape), strict=True):
        if score[row, column] < threshold:
            break
        if all(row != used_row and column != used_column for used_row, used_column in pairs):
            pairs.append((int(row), int(column)))
    return pairs

"""How much scenes look alike, by the standard model's features of their luminance, and groups of scenes that do.

The likeness of two frames is the mean cosine similarity of each position of either one to the most similar position of
the other. It is independent of where things are in the picture, so another camera angle on the same set is alike.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stcolor_core.arrays import Plane
from stcolor_core.shots.cuts import Describe, shrink

__all__ = [
    "ALIKE",
    "SAMPLES",
    "SceneLook",
    "describe_look",
    "frame_likeness",
    "group_scenes",
    "likeness_table",
    "sample_frames",
]

ALIKE = 0.62  # likeness of two scenes from which they belong to one group: benchmarks/film.py choose, 159 scenes
SAMPLES = 3  # frames of a scene that are compared
_GRID = (18, 32)  # positions of the features of a thumbnail
_UNLIKE = 0.42  # likeness of middle frames below which no other frames are compared; 9 of 10 unlike scenes are below
_NEAREST = 64  # scenes that are compared in full with one scene of a long film
_COMPARE_ALL = 200  # scenes up to which all are compared in full


@dataclass(frozen=True)
class SceneLook:
    """Features of a few frames of a scene.

    Attributes:
        frames: Their numbers, in ascending order.
        features: One array for each, unit vectors of shape (C, P).
    """

    frames: tuple[int, ...]
    features: tuple[NDArray[np.float32], ...]


def sample_frames(frames: Sequence[int]) -> tuple[int, ...]:
    """Return the frames of a scene that stand for it: the middle ones of its thirds.

    Args:
        frames: The scene's frames, in ascending order.
    """
    return tuple(sorted({frames[len(frames) * (2 * part + 1) // (2 * SAMPLES)] for part in range(SAMPLES)}))


def describe_look(lightness: Plane, describe: Describe) -> NDArray[np.float32]:
    """Return the features of a frame that its likeness is measured by, unit vectors of shape (C, P).

    Args:
        lightness: L*, shape (H, W), 0..100.
        describe: Returns the features of a thumbnail.
    """
    features = describe(shrink(lightness))
    rows, columns = _GRID
    cells = features.reshape(len(features), rows // 2, 2, columns // 2, 2).mean((2, 4)).reshape(len(features), -1)
    return np.asarray(cells / np.maximum(np.linalg.norm(cells, axis=0), 1e-6), np.float32)


def frame_likeness(a: NDArray[np.float32], b: NDArray[np.float32]) -> float:
    """Return the likeness of two frames, about 0.3 for nothing in common, 1 for the same picture.

    Args:
        a: The features of one, of `describe_look`.
        b: The features of the other.
    """
    similarity = a.T @ b
    return float(similarity.max(axis=0).mean() + similarity.max(axis=1).mean()) / 2


def likeness_table(looks: Sequence[SceneLook]) -> NDArray[np.float32]:
    """Return the likeness of every pair of scenes, shape (N, N): that of their most similar frames.

    In a film of more than 200 scenes each scene is compared with the 64 whose mean features are nearest to its own; the
    others count as unlike.

    Args:
        looks: The scenes.
    """
    count = len(looks)
    table = np.eye(count, dtype=np.float32)
    near = _nearest(looks) if count > _COMPARE_ALL else None
    for i, first in enumerate(looks):
        others = range(i + 1, count) if near is None else (j for j in near[i] if j != i)
        for j in others:
            if table[i, j] == 0:
                table[i, j] = table[j, i] = _scene_likeness(first, looks[j])
    return table


def group_scenes(table: NDArray[np.float32], *, alike: float = ALIKE) -> list[int]:
    """Return the group of each scene, numbered in the order of the film, by clustering with average linkage.

    Args:
        table: The likeness of every pair of scenes, shape (N, N).
        alike: Mean likeness of two groups from which they are joined.
    """
    linkage = np.array(table, np.float64)
    np.fill_diagonal(linkage, -1)
    sizes, members = np.ones(len(table)), {index: [index] for index in range(len(table))}
    while len(members) > 1:
        a, b = (int(index) for index in np.unravel_index(np.argmax(linkage), linkage.shape))
        if linkage[a, b] < alike:
            break
        merged = (sizes[a] * linkage[a] + sizes[b] * linkage[b]) / (sizes[a] + sizes[b])
        merged[[a, b]] = -1
        linkage[a], linkage[:, a] = merged, merged
        linkage[b], linkage[:, b] = -1, -1
        for gone in range(len(table)):
            if gone not in members or gone == b:
                linkage[a, gone] = linkage[gone, a] = -1
        sizes[a] += sizes[b]
        members[a] += members.pop(b)
    first = {min(scenes): scenes for scenes in members.values()}
    groups = [0] * len(table)
    for number, (_, scenes) in enumerate(sorted(first.items())):
        for scene in scenes:
            groups[scene] = number
    return groups


def _scene_likeness(a: SceneLook, b: SceneLook) -> float:
    """Return the likeness of two scenes: that of their middle frames if it is low, else of their most similar ones."""
    middle = frame_likeness(a.features[len(a.features) // 2], b.features[len(b.features) // 2])
    if middle < _UNLIKE:
        return middle
    return max(frame_likeness(x, y) for x in a.features for y in b.features)


def _nearest(looks: Sequence[SceneLook]) -> NDArray[np.int_]:
    """Return for each scene the indices of those whose means and spreads of features are nearest, shape (N, K)."""
    means = np.stack([np.concatenate([np.stack(look.features).std((0, 2))]) for look in looks])
    means -= means.mean(axis=0)
    means /= np.maximum(np.linalg.norm(means, axis=1, keepdims=True), 1e-6)
    return np.argsort(-(means @ means.T), axis=1, kind="stable")[:, : _NEAREST + 1]

"""How much scenes look alike, by the standard model's features of their luminance, and groups of scenes that do.

The likeness of two frames is the mean cosine similarity of each position of either one to the most similar position of
the other, and the share of positions whose matches agree on how far the picture has moved. The first is independent of
where things are in the picture, so another camera angle on the same set is alike; the second tells the same wall from
one like it. benchmarks/measured/films.md has the measures that this one was chosen from.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from stcolor_core.arrays import Plane
from stcolor_core.shots.thumbnails import Describe, shrink

__all__ = [
    "ALIKE",
    "SceneLook",
    "describe_looks",
    "frame_likeness",
    "group_scenes",
    "likeness_table",
    "sample_frames",
]

ALIKE = 0.44  # likeness of two scenes from which they belong to one group: benchmarks/film.py choose, 159 scenes
_PLACES = (0.1, 0.5, 0.9)  # of the frames of a scene that are compared, as shares of its length
_GRID = (18, 32)  # positions of the features of a thumbnail
_AGREEMENT = 0.8  # weight of the matches that agree on a shift, relative to the similarity of features
_UNLIKE = 0.46  # similarity of middle frames below which scenes are unlike: 98 % of those of two sets, 1 % of one set
_NEAREST = 64  # scenes that are compared in full with one scene of a long film
_AT_A_TIME = 128  # scenes whose middle frames are compared at a time, which takes 10 MB
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
    """Return the frames of a scene that stand for it: the middle one, and one near either end, where it shows most.

    Args:
        frames: The scene's frames, in ascending order.
    """
    last = len(frames) - 1
    return tuple(sorted({frames[round(last * place)] for place in _PLACES}))


def describe_looks(pictures: Sequence[Plane], describe: Describe) -> list[NDArray[np.float32]]:
    """Return the features of frames that their likeness is measured by, unit vectors of shape (C, P) each.

    Args:
        pictures: L* of each frame, shape (H, W), 0..100.
        describe: Returns the features of thumbnails.
    """
    rows, columns = _GRID
    features = describe(np.stack([shrink(lightness) for lightness in pictures]))
    cells = features.reshape(*features.shape[:2], rows // 2, 2, columns // 2, 2).mean((3, 5))
    cells = cells.reshape(*features.shape[:2], -1)
    return list(np.asarray(cells / np.maximum(np.linalg.norm(cells, axis=1, keepdims=True), 1e-6), np.float32))


def frame_likeness(a: NDArray[np.float32], b: NDArray[np.float32]) -> float:
    """Return the likeness of two frames, about 0.3 for nothing in common, 1 for the same picture.

    Args:
        a: The features of one, of `describe_looks`.
        b: The features of the other.
    """
    return _likest_frames((a,), (b,))


def likeness_table(looks: Sequence[SceneLook]) -> NDArray[np.float32]:
    """Return the likeness of every pair of scenes, shape (N, N): that of their most similar frames.

    It is 0 for scenes whose middle frames have nothing in common. In a film of more than 200 scenes, each scene is
    compared with the 64 whose features are spread most like its own; the others count as unlike.

    Args:
        looks: The scenes.
    """
    count = len(looks)
    table = np.eye(count, dtype=np.float32)
    near = _nearest(looks) if count > _COMPARE_ALL else None
    for i, first in enumerate(looks):
        others = range(i + 1, count) if near is None else [j for j in near[i].tolist() if j != i and not table[i, j]]
        for j in _alike_in_the_middle(looks, i, others):
            table[i, j] = table[j, i] = _likest_frames(first.features, looks[j].features)
    return table


def group_scenes(table: NDArray[np.float32], *, alike: float = ALIKE) -> list[int]:
    """Return the group of each scene, numbered in the order of the film, by agglomerative clustering.

    The likeness of two groups is the mean of the better half of that of their scenes: a camera that moves on has scenes
    with little in common at the two ends of its way, while one alike pair alone does not join two groups.

    Args:
        table: The likeness of every pair of scenes, shape (N, N).
        alike: Likeness of two groups from which they are joined.
    """
    linkage = np.array(table, np.float64)
    np.fill_diagonal(linkage, -1)
    members = {index: [index] for index in range(len(table))}
    while len(members) > 1:
        a, b = sorted(int(index) for index in np.unravel_index(np.argmax(linkage), linkage.shape))
        if linkage[a, b] < alike:
            break
        members[a] += members.pop(b)
        linkage[b] = linkage[:, b] = -1
        for other, scenes in members.items():
            if other != a:
                linkage[a, other] = linkage[other, a] = _better_half(table[np.ix_(members[a], scenes)])
    groups = [0] * len(table)
    for number, scenes in enumerate(members[first] for first in sorted(members)):
        for scene in scenes:
            groups[scene] = number
    return groups


def _likest_frames(some: Sequence[NDArray[np.float32]], others: Sequence[NDArray[np.float32]]) -> float:
    """Return the likeness of the two frames, one of each sequence, whose features are most similar."""
    cells = some[0].shape[1]
    similarity = np.concatenate(some, axis=1).T @ np.concatenate(others, axis=1)
    blocks = similarity.reshape(len(some), cells, len(others), cells)
    alike = (blocks.max(axis=3).mean(axis=1) + blocks.max(axis=1).mean(axis=2)) / 2
    i, j = np.unravel_index(int(alike.argmax()), alike.shape)
    return (float(alike[i, j]) + _AGREEMENT * _agreement(blocks[i, :, j])) / (1 + _AGREEMENT)


def _agreement(similarity: NDArray[np.float32]) -> float:
    """Return the share of positions that match mutually and agree on a shift, to within one cell.

    Args:
        similarity: Of the positions of one frame to those of another, shape (P, P).
    """
    rows, columns = _GRID[0] // 2, _GRID[1] // 2
    there, back = similarity.argmax(axis=1), similarity.argmax(axis=0)
    here = np.flatnonzero(back[there] == np.arange(len(there)))
    there = there[here]
    votes = np.zeros((2 * rows + 1, 2 * columns + 1), np.float32)
    np.add.at(votes, (there // columns - here // columns + rows, there % columns - here % columns + columns), 1)
    around = cv2.boxFilter(votes, -1, (3, 3), normalize=False, borderType=cv2.BORDER_CONSTANT)
    return float(around.max()) / len(similarity)


def _alike_in_the_middle(looks: Sequence[SceneLook], scene: int, others: Sequence[int]) -> list[int]:
    """Return those of some scenes whose middle frame has something in common with that of a scene."""
    middles = [look.features[len(look.features) // 2] for look in looks]
    alike: list[int] = []
    for start in range(0, len(others), _AT_A_TIME):
        part = others[start : start + _AT_A_TIME]
        similarity = middles[scene].T @ np.concatenate([middles[other] for other in part], axis=1)
        cells = similarity.reshape(len(similarity), len(part), -1)
        means = (cells.max(axis=2).mean(axis=0) + cells.max(axis=0).mean(axis=1)) / 2
        alike += [other for other, mean in zip(part, means.tolist(), strict=True) if mean >= _UNLIKE]
    return alike


def _better_half(values: NDArray[np.float32]) -> float:
    """Return the mean of the greater half of some values."""
    count = -(-values.size // 2)
    return float(np.partition(values.ravel(), -count)[-count:].mean())


def _nearest(looks: Sequence[SceneLook]) -> NDArray[np.int_]:
    """Return for each scene the indices of those whose features are spread most like its own, shape (N, K)."""
    spreads = np.stack([np.stack(look.features).std((0, 2)) for look in looks])
    spreads -= spreads.mean(axis=0)
    spreads /= np.maximum(np.linalg.norm(spreads, axis=1, keepdims=True), 1e-6)
    return np.argsort(-(spreads @ spreads.T), axis=1, kind="stable")[:, : _NEAREST + 1]

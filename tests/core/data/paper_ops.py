"""Compute the paper's equations by brute force, in numpy on a tiny grid, and write paper_ops.npz for the tests.

It is written from the paper alone (Akimoto et al. 2020, arXiv:2011.12528) and shares no code with the product. If the
paper is unclear, the choice is marked CHOICE; docs/method.md, "What the paper leaves open", gives the reasons.
Run from anywhere:
    python tests/core/data/paper_ops.py
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

VECTORS = Path(__file__).with_name("paper_ops.npz")
HEIGHT, WIDTH, CHANNELS, FRAMES = 6, 8, 16, 5
RADIUS, THRESHOLD, TEMPERATURE = 2, 0.2, 0.1
TARGET = 2
SEED = 21

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]


def unit(features: Array) -> Array:
    """Return features of shape (P, C), centred over positions and of unit length (the two sides of eq. 4)."""
    centred = features - features.mean(0, keepdims=True)
    return centred / (np.linalg.norm(centred, axis=1, keepdims=True) + np.finfo(float).eps)


def softmax(values: Array, axis: int) -> Array:
    """Return the softmax along one axis."""
    weights = np.exp(values - values.max(axis=axis, keepdims=True))
    return weights / weights.sum(axis=axis, keepdims=True)


def affinity(target: Array, reference: Array) -> Array:
    """Return eq. 3, shape (P targets, P references).

    CHOICE: the softmax runs over reference positions j. The paper prints i; its eq. 10 has (r, j).
    """
    return softmax(unit(target) @ unit(reference).T / TEMPERATURE, axis=1)


def window() -> Mask:
    """Return the neighbourhood of eq. 16, shape (P, P). CHOICE: |dy| <= R and |dx| <= R."""
    y, x = (axis.ravel() for axis in np.mgrid[0:HEIGHT, 0:WIDTH])
    return (abs(y[:, None] - y) <= RADIUS) & (abs(x[:, None] - x) <= RADIUS)


def dense_mask(features: Sequence[Array], target: int, reference: int) -> Mask:
    """Return the dense tracking mask of eqs. 14 to 17, shape (P targets, P references)."""
    mask = np.eye(HEIGHT * WIDTH, dtype=bool)  # eq. 14: row i0 holds the candidates of i0
    direction = 1 if reference >= target else -1
    near = window()
    for frame in range(target, reference, direction):
        weights = affinity(features[frame], features[frame + direction]) * near
        weights = weights / np.maximum(weights.sum(1, keepdims=True), 1e-12)
        mask = (mask.astype(float) @ weights) > THRESHOLD  # CHOICE: strictly greater
    return mask


def warp(
    target: Array, references: Sequence[Array], colors: Sequence[Array], masks: Sequence[Mask]
) -> tuple[Array, Mask, Array, Array]:
    """Return eqs. 8 to 11: one softmax over the positions of all references, masked, renormalised per target pixel.

    CHOICE: a pixel without a candidate takes the unmasked affinity.

    Returns:
        The colour (P, 2), whether a pixel had no candidate (P,), and its largest correlation anywhere and among its
        candidates (P,) each.
    """
    correlation = np.concatenate([unit(target) @ unit(reference).T for reference in references], 1)
    free = softmax(correlation / TEMPERATURE, axis=1)
    mask = np.concatenate(masks, 1)
    weights = free * mask
    dead = weights.sum(1) <= 0
    weights[dead] = free[dead]
    weights = weights / weights.sum(1, keepdims=True)
    color = weights @ np.concatenate(colors, 0)
    return color, dead, correlation.max(1), np.where(mask, correlation, -1).max(1)


def vectors() -> dict[str, NDArray[np.generic]]:
    """Return everything that paper_ops.npz holds: inputs whose content slides by one cell a frame, and the results."""
    random = np.random.RandomState(SEED)  # its stream is the same in every version of numpy
    base = random.standard_normal((HEIGHT, WIDTH, CHANNELS))
    features = []
    for frame in range(FRAMES):
        noisy = np.roll(base, frame, axis=1) + 0.35 * random.standard_normal((HEIGHT, WIDTH, CHANNELS))
        features.append(noisy.reshape(-1, CHANNELS).astype(np.float32).astype(np.float64))
    first, last = (random.uniform(-60, 60, (HEIGHT * WIDTH, 2)).astype(np.float32).astype(np.float64) for _ in range(2))
    to_first, to_last = dense_mask(features, TARGET, 0), dense_mask(features, TARGET, FRAMES - 1)
    target, ends = features[TARGET], [features[0], features[-1]]
    single, dead_single, free_confidence, confidence = warp(target, ends[:1], [first], [to_first])
    free, *_ = warp(target, ends[:1], [first], [np.ones_like(to_first)])
    both, dead_both, *_ = warp(target, ends, [first, last], [to_first, to_last])
    return {
        "feats": np.stack(features),
        "ab_ref0": first,
        "ab_ref4": last,
        "params": np.array([HEIGHT, WIDTH, CHANNELS, FRAMES, RADIUS, THRESHOLD, TEMPERATURE, TARGET]),
        "mask_ref0": to_first,
        "mask_ref4": to_last,
        "affinity_t_ref0": affinity(target, features[0]),
        "warped_single_masked": single,
        "warped_single_unmasked": free,
        "warped_two_refs": both,
        "dead_single": dead_single,
        "dead_two": dead_both,
        "conf_unmasked": free_confidence,
        "conf_masked": confidence,
    }


if __name__ == "__main__":
    np.savez_compressed(VECTORS, **vectors())  # type: ignore[arg-type]

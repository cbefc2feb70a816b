"""Faded colour: what is left of a plate's own colour is evidence beside the colour of the keyframes.

Dyes of a film fade unevenly: one frame's a* and b* become an affine function of what they were. Where the keyframes'
colour is sure, both are known, so the fit of one to the other undoes the fading. The restored colour then counts with a
fixed weight beside the keyframes' confidence: it decides where these are unsure.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from stcolor_core.arrays import Chroma, Plane

__all__ = ["keep_chroma", "restore_fading"]

_RIDGE = 1e-4  # share of the largest variance that keeps the fit from inventing colour where the plate has none
_LEAST_SPREAD = 0.5  # standard deviation of the plate's a* and b*, in units of these, below which it is grey
_LEAST_CONFIDENCE = 1e-3
_LEAST_RESIDUAL = 1.0  # in units of a* and b*: what a keyframe's colour differs by where it is right
_MOST_SAMPLES = 60_000
_ROUNDS = 8  # of the robust fit


def keep_chroma(ab: Chroma, confidence: Plane, own: Chroma, *, weight: float) -> Chroma:
    """Return the colour of the keyframes mixed with the plate's own, restored colour.

    Args:
        ab: a* and b* from the keyframes, shape (H, W, 2).
        confidence: Their confidence, shape (H, W), 0..1.
        own: a* and b* of the plate itself, shape (H, W, 2).
        weight: Weight of the plate's colour, 0..1, beside the confidence.

    Returns:
        a* and b*, shape (H, W, 2); `ab` itself if the weight is 0 or the plate is grey.

    Raises:
        ValueError: If the shapes differ or the weight does not lie between 0 and 1.
    """
    if ab.shape != own.shape or ab.shape[:2] != confidence.shape:
        raise ValueError(f"Shapes differ: {ab.shape}, {own.shape} and {confidence.shape}.")
    if not 0 <= weight <= 1:
        raise ValueError(f"The weight must lie between 0 and 1, not {weight}.")
    restored = restore_fading(ab, confidence, own) if weight else None
    if restored is None:
        return ab
    share = weight / (weight + np.maximum(confidence, _LEAST_CONFIDENCE))[..., None]
    return np.asarray(ab + share * (restored - ab), np.float32)


def restore_fading(ab: Chroma, confidence: Plane, own: Chroma) -> Chroma | None:
    """Return the plate's own colour with its fading undone: the affine map that fits it to sure colour.

    Args:
        ab: a* and b* from the keyframes, shape (H, W, 2).
        confidence: Their confidence, shape (H, W), 0..1; its square weights the robust fit.
        own: a* and b* of the plate itself, shape (H, W, 2).

    Returns:
        a* and b*, shape (H, W, 2); None if the plate has no colour or the keyframes are unsure everywhere.
    """
    step = max(1, confidence.size // _MOST_SAMPLES)
    source, target = (np.asarray(each.reshape(-1, 2)[::step], np.float64) for each in (own, ab))
    sure: NDArray[np.float64] = np.square(np.asarray(confidence.reshape(-1)[::step], np.float64))
    if sure.max(initial=0) < _LEAST_CONFIDENCE:
        return None
    trust = sure
    for _ in range(_ROUNDS):
        mean_source, mean_target = (np.average(each, axis=0, weights=trust) for each in (source, target))
        x, y = source - mean_source, target - mean_target
        covariance = (x * trust[:, None]).T @ x / trust.sum()
        spread = np.trace(covariance)
        if np.sqrt(spread) < _LEAST_SPREAD:
            return None
        cross = (x * trust[:, None]).T @ y / trust.sum()
        matrix = np.linalg.solve(covariance + _RIDGE * spread * np.eye(2), cross)
        # colour that the keyframes have wrong must not bend the fit: Cauchy's weights
        residual = np.linalg.norm(x @ matrix - y, axis=1)
        scale = max(_LEAST_RESIDUAL, float(np.median(residual)))
        trust = sure / (1 + np.square(residual / scale))
    return np.asarray((own - mean_source) @ matrix + mean_target, np.float32)

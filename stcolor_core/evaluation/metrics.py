"""Measures of how close a coloured picture comes to the truth (docs/method.md, Measuring).

Every figure describes one frame. A table takes the mean over a sequence's frames, then over the sequences. It leaves
out the reference frames, and frames whose figure is NaN because the mask has no pixel in them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from stcolor_core.arrays import Chroma, FlowField, Image, Mask, Pixels, Plane
from stcolor_core.method.tracking.flow import sample

__all__ = [
    "Reliability",
    "eight_bit",
    "flicker",
    "flicker_along",
    "mean_chroma_ratio",
    "outlier_curve",
    "outliers",
    "psnr",
    "within_threshold",
]

_CONSISTENT = 0.5  # px, the largest forward-backward error of flow that counts


def psnr(truth: Pixels, picture: Pixels, mask: Mask | None = None) -> float:
    """Return the peak signal-to-noise ratio in dB: 10 log10(1 / mean((x - y)^2)) over R, G, B.

    Both pictures are clipped to 0..1 and rounded to 8 bits first.

    Args:
        truth: Display RGB, (H, W, 3), 0..1.
        picture: The result, like `truth`.
        mask: The pixels to count, (H, W) bool: the paper's Inner; its inverse is Outer. None counts all: Full.

    Returns:
        PSNR in dB; inf if the two are equal after rounding, NaN if the mask is empty.

    Raises:
        ValueError: If the shapes differ or a pixel is NaN or infinite.
    """
    error = _errors(truth, picture, mask)
    if error.size == 0:
        return float("nan")
    squared = float(np.mean((error / 255) ** 2))
    return float("inf") if squared == 0 else float(-10 * np.log10(squared))


def outliers(truth: Image, picture: Image, threshold: float = 16, mask: Mask | None = None) -> float:
    """Return the share of pixels whose RGB is farther than a threshold from the truth (Akimoto et al. 2020, Tab. 4, 5).

    Args:
        truth: Display RGB, (H, W, 3), 0..1.
        picture: The result, like `truth`.
        threshold: Euclidean RGB distance in levels of 255.
        mask: The pixels to count, (H, W) bool; None counts all.

    Returns:
        The share, 0..1; NaN if the mask is empty.

    Raises:
        ValueError: If the shapes differ or a pixel is NaN or infinite.
    """
    return float(outlier_curve(truth, picture, (threshold,), mask)[0])


def outlier_curve(
    truth: Image,
    picture: Image,
    thresholds: Sequence[float] = range(1, 33),
    mask: Mask | None = None,
) -> NDArray[np.float64]:
    """Return `outliers` for each threshold (Akimoto et al. 2020, Figs. 11 to 13).

    Args:
        truth: Display RGB, (H, W, 3), 0..1.
        picture: The result, like `truth`.
        thresholds: T Euclidean RGB distances in levels of 255.
        mask: The pixels to count, (H, W) bool; None counts all.

    Returns:
        Shares of shape (T,), 0..1; NaN if the mask is empty.

    Raises:
        ValueError: If the shapes differ or a pixel is NaN or infinite.
    """
    squared = np.sort(np.sum(_errors(truth, picture, mask) ** 2, axis=1))
    if squared.size == 0:
        return np.full(len(thresholds), np.nan)
    # Squares of whole numbers are exact, so a distance equal to the threshold never counts as greater.
    inliers = np.searchsorted(squared, np.square(np.asarray(thresholds, np.float64)), side="right")
    return 1 - inliers / squared.size


def within_threshold(truth: Image, picture: Image, threshold: float = 16) -> Mask:
    """Return the pixels whose Euclidean RGB distance from the truth is at most a threshold, (H, W) bool.

    Args:
        truth: Display RGB, (H, W, 3), 0..1.
        picture: The result, like `truth`.
        threshold: Distance in levels of 255.

    Raises:
        ValueError: If the shapes differ or a pixel is NaN or infinite.
    """
    distance = np.sum(_errors(truth, picture, None) ** 2, axis=1)
    return np.asarray(distance <= threshold**2).reshape(truth.shape[:2])


class Reliability:
    """A reliability diagram in 100 bins: how often pixels of each confidence are correct, over many frames.

    Confidence is calibrated if 80 % of the pixels with confidence 0.8 are correct, and so on for every value.

    Attributes:
        count: Number of pixels in each bin, (100,).
        confidence: Sum of the confidence of the pixels in each bin, (100,).
        correct: Number of correct pixels in each bin, (100,).
    """

    _BINS = 100

    def __init__(self) -> None:
        self.count, self.confidence, self.correct = (np.zeros(self._BINS) for _ in range(3))

    def add(self, confidence: Plane, correct: Mask) -> None:
        """Add the pixels of a frame.

        Args:
            confidence: Confidence of each pixel, 0..1.
            correct: Whether each pixel is correct, bool, same shape.
        """
        bins = np.clip((confidence * self._BINS).astype(int), 0, self._BINS - 1).ravel()
        for total, values in ((self.count, None), (self.confidence, confidence), (self.correct, correct)):
            weights = None if values is None else values.ravel().astype(float)
            total += np.bincount(bins, weights, self._BINS)

    def error(self, bins: int = 20) -> float:
        """Return the expected calibration error, 0..1: the mean over pixels of |confidence - accuracy| of their bin.

        Args:
            bins: Number of bins of equal width; must divide 100.
        """
        confidence, correct = (part.reshape(bins, -1).sum(1) for part in (self.confidence, self.correct))
        return float(np.abs(confidence - correct).sum() / self.count.sum())

    def outliers(self, *, dropped: float) -> float:
        """Return the share of all pixels, 0..1, that are wrong and stay when the least confident ones are dropped.

        Args:
            dropped: Share of the pixels to drop, 0..1.
        """
        wrong = (self.count - self.correct)[::-1]
        seen = np.cumsum(self.count[::-1])
        share = np.clip((1 - dropped) * seen[-1] - (seen - self.count[::-1]), 0, self.count[::-1])
        return float((wrong * share / np.maximum(self.count[::-1], 1)).sum() / seen[-1])


def mean_chroma_ratio(truth_ab: Chroma, ab: Chroma) -> float:
    """Return the mean chroma divided by the truth's.

    Below 1 the colour is washed out, as averaged colours are. A ratio of 1 does not mean that the colour is correct.

    Args:
        truth_ab: True a* and b*, (H, W, 2).
        ab: a* and b* of the result, (H, W, 2).

    Returns:
        The ratio; NaN if the truth is grey throughout.

    Raises:
        ValueError: If the shapes differ.
    """
    if truth_ab.shape != ab.shape:
        raise ValueError(f"The shapes differ: {truth_ab.shape} and {ab.shape}.")
    of_truth, of_result = (float(np.mean(np.hypot(x[..., 0], x[..., 1], dtype=np.float64))) for x in (truth_ab, ab))
    return of_result / of_truth if of_truth > 0 else float("nan")


def flicker(lightness: Plane, following: Plane, *pairs: tuple[Chroma, Chroma]) -> tuple[float, ...]:
    """Return `flicker_along` DIS flow, over the pixels whose flow passes the forward-backward check.

    Args:
        lightness: L* of a frame, (H, W).
        following: L* of its neighbour, (H, W).
        *pairs: a* and b* (H, W, 2) of the frame and of its neighbour, one pair for each method.
    """
    flow: Any = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    before, now = (np.clip(np.rint(light * 2.55), 0, 255).astype(np.uint8) for light in (lightness, following))
    back, forth = flow.calc(now, before, None), flow.calc(before, now, None)
    consistent = np.linalg.norm(back + sample(forth, back), axis=-1) < _CONSISTENT
    return flicker_along(back, consistent, *pairs)


def flicker_along(displacement: FlowField, visible: Mask, *pairs: tuple[Chroma, Chroma]) -> tuple[float, ...]:
    """Return the mean change of colour along the motion from a frame to its neighbour.

    Args:
        displacement: From each pixel of the neighbour to its place on the frame, (H, W, 2), px (x, y).
        visible: The pixels of the neighbour that count, (H, W) bool.
        *pairs: a* and b* (H, W, 2) of the frame and of its neighbour, one pair for each method.

    Returns:
        The mean over pixels of `|a* - a*'| + |b* - b*'|` for each pair; 0 if nothing is visible.
    """
    changes = (np.abs(ab - sample(earlier, displacement)).sum(-1) for earlier, ab in pairs)
    return tuple(float((change * visible).sum() / max(1, visible.sum())) for change in changes)


def eight_bit(picture: Pixels) -> NDArray[np.float64]:
    """Return a picture as it is stored in 8 bits: clipped to 0..1 and rounded to whole levels of 0..255, in float64.

    Args:
        picture: Display code values, 0..1, any shape.

    Raises:
        ValueError: If a pixel is NaN or infinite.
    """
    if not np.isfinite(picture).all():
        raise ValueError("The picture has NaN or infinite pixels, which cannot be measured.")
    return np.asarray(np.rint(np.clip(picture.astype(np.float64), 0, 1) * 255))


def _errors(truth: Pixels, picture: Pixels, mask: Mask | None) -> NDArray[np.float64]:
    """Return the differences of the pixels that count, (N, 3), in levels of 255."""
    if truth.shape != picture.shape or truth.ndim != 3 or truth.shape[2] != 3:
        raise ValueError(f"The pictures must both be (H, W, 3), not {truth.shape} and {picture.shape}.")
    if mask is not None and (mask.shape != truth.shape[:2] or mask.dtype != bool):
        raise ValueError(f"The mask must be bool of shape {truth.shape[:2]}, not {mask.dtype} of shape {mask.shape}.")
    error = eight_bit(truth) - eight_bit(picture)
    return np.asarray(error.reshape(-1, 3) if mask is None else error[mask])

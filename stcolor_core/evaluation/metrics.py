"""How close a coloured picture comes to the truth (docs/method.md, "Measuring").

Every figure is of one frame. A table takes the mean over a sequence's frames, then over the sequences, and leaves out
the reference frames, and the frames whose figure is nan because the mask holds no pixel of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np

from stcolor_core.method.tracking.flow import sample

__all__ = [
    "Reliability",
    "flicker",
    "flicker_along",
    "mean_chroma_ratio",
    "outlier_curve",
    "outliers",
    "psnr",
    "within",
]


_CONSISTENT = 0.5  # px between a place and where flow there and back leads


def psnr(truth: np.ndarray, picture: np.ndarray, mask: np.ndarray | None = None) -> float:
    """Peak signal-to-noise ratio in dB: 10 log10(1 / mean((x - y)^2)) over R, G, B, both rounded to 8 bits first.

    truth, picture: (H, W, 3) display RGB, 0..1; what lies outside is clipped.
    mask: (H, W) bool, the pixels to count (Inner; its inverse is Outer); None counts all (Full).
    Returns inf where the two are equal after rounding, nan where the mask is empty.
    Raises ValueError on shapes that differ and on nan or inf pixels.
    """
    error = _errors(truth, picture, mask)
    if error.size == 0:
        return float("nan")
    squared = float(np.mean((error / 255) ** 2))
    return float("inf") if squared == 0 else float(-10 * np.log10(squared))


def outliers(truth: np.ndarray, picture: np.ndarray, threshold: float = 16, mask: np.ndarray | None = None) -> float:
    """Share of pixels, 0..1, whose Euclidean RGB distance from the truth exceeds `threshold` of 255 (Akimoto et al.
    2020, Tables 4 and 5).

    Arguments and errors as in `psnr`.
    """
    return float(outlier_curve(truth, picture, (threshold,), mask)[0])


def outlier_curve(
    truth: np.ndarray,
    picture: np.ndarray,
    thresholds: Sequence[float] = range(1, 33),
    mask: np.ndarray | None = None,
) -> np.ndarray:
    """`outliers` for each threshold (Akimoto et al. 2020, Figs. 11 to 13): (len(thresholds),) float64."""
    squared = np.sort(np.sum(_errors(truth, picture, mask) ** 2, axis=1))
    if squared.size == 0:
        return np.full(len(thresholds), np.nan)
    # Squares of whole numbers are exact, so a distance equal to the threshold is never taken for a greater one.
    within = np.searchsorted(squared, np.square(np.asarray(thresholds, np.float64)), side="right")
    return 1 - within / squared.size


def within(truth: np.ndarray, picture: np.ndarray, threshold: float = 16) -> np.ndarray:
    """(H, W) bool, where the Euclidean RGB distance from the truth is at most `threshold` of 255; else as `psnr`."""
    distance = np.sum(_errors(truth, picture, None) ** 2, axis=1)
    return np.asarray(distance <= threshold**2).reshape(truth.shape[:2])


class Reliability:
    """How often pixels of each confidence are right, over many frames (a reliability diagram in 100 bins).

    Confidence is calibrated where, of the pixels that say 0.8, 80 % are right.
    """

    _BINS = 100

    def __init__(self) -> None:
        self.count, self.sure, self.right = (np.zeros(self._BINS) for _ in range(3))

    def add(self, confidence: np.ndarray, right: np.ndarray) -> None:
        """Pixels of a frame. confidence: 0..1. right: bool, of the same shape."""
        place = np.clip((confidence * self._BINS).astype(int), 0, self._BINS - 1).ravel()
        for total, values in ((self.count, None), (self.sure, confidence), (self.right, right)):
            weights = None if values is None else values.ravel().astype(float)
            total += np.bincount(place, weights, self._BINS)

    def error(self, bins: int = 20) -> float:
        """Expected calibration error, 0..1: mean over pixels of how far their bin's confidence is from its truth."""
        sure, right = (part.reshape(bins, -1).sum(1) for part in (self.sure, self.right))
        return float(np.abs(sure - right).sum() / self.count.sum())

    def outliers(self, *, dropped: float) -> float:
        """Share of all pixels, 0..1, that are wrong among those that stay when the least sure share is dropped."""
        wrong = (self.count - self.right)[::-1]
        seen = np.cumsum(self.count[::-1])
        share = np.clip((1 - dropped) * seen[-1] - (seen - self.count[::-1]), 0, self.count[::-1])
        return float((wrong * share / np.maximum(self.count[::-1], 1)).sum() / seen[-1])


def mean_chroma_ratio(truth_ab: np.ndarray, ab: np.ndarray) -> float:
    """Mean chroma over the truth's: below 1 the colour is washed out, as averaged colours are; 1 does not say it is
    right.

    truth_ab, ab: (H, W, 2) a*, b*. Returns nan where the truth is grey throughout. Raises ValueError on shapes that
    differ.
    """
    if truth_ab.shape != ab.shape:
        raise ValueError(f"The shapes differ: {truth_ab.shape} and {ab.shape}.")
    of_truth, of_result = (float(np.mean(np.hypot(x[..., 0], x[..., 1], dtype=np.float64))) for x in (truth_ab, ab))
    return of_result / of_truth if of_truth > 0 else float("nan")


def flicker(lightness: np.ndarray, following: np.ndarray, *pairs: tuple[np.ndarray, np.ndarray]) -> tuple[float, ...]:
    """`flicker_along` the flow that DIS finds from one frame to its neighbour, where the flow is sure of itself.

    lightness, following: (H, W) L* of both. pairs: as there.
    """
    flow: Any = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    before, now = (np.clip(np.rint(light * 2.55), 0, 255).astype(np.uint8) for light in (lightness, following))
    back, forth = flow.calc(now, before, None), flow.calc(before, now, None)
    sure = np.linalg.norm(back + sample(forth, back), axis=-1) < _CONSISTENT
    return flicker_along(back, sure, *pairs)


def flicker_along(
    displacement: np.ndarray, visible: np.ndarray, *pairs: tuple[np.ndarray, np.ndarray]
) -> tuple[float, ...]:
    """Mean change of colour along the motion from one frame to its neighbour.

    displacement: (H, W, 2) px (x, y), from each pixel of the neighbour to its place on the frame. visible: (H, W) bool,
    the pixels of the neighbour that count. pairs: colours (H, W, 2) of the frame and of its neighbour, by as many
    methods as there are.
    Returns the mean over pixels of |a* - a*'| + |b* - b*'| of each pair; 0 where nothing is visible.
    """
    changes = (np.abs(ab - sample(earlier, displacement)).sum(-1) for earlier, ab in pairs)
    return tuple(float((change * visible).sum() / max(1, visible.sum())) for change in changes)


def _errors(truth: np.ndarray, picture: np.ndarray, mask: np.ndarray | None) -> np.ndarray:
    """(N, 3) float64 differences in steps of 255, of the pixels that count."""
    if truth.shape != picture.shape or truth.ndim != 3 or truth.shape[2] != 3:
        raise ValueError(f"The pictures must both be (H, W, 3), not {truth.shape} and {picture.shape}.")
    if mask is not None and (mask.shape != truth.shape[:2] or mask.dtype != bool):
        raise ValueError(f"The mask must be {truth.shape[:2]} of bool, not {mask.shape} of {mask.dtype}.")
    error = _eight_bit(truth) - _eight_bit(picture)
    return np.asarray(error.reshape(-1, 3) if mask is None else error[mask])


def _eight_bit(picture: np.ndarray) -> np.ndarray:
    if not np.isfinite(picture).all():
        raise ValueError("The picture holds nan or inf pixels, which cannot be measured.")
    return np.asarray(np.rint(np.clip(picture.astype(np.float64), 0, 1) * 255))

"""Find scene cuts from luminance alone, so that no colour is carried from one shot into another.

Two frames belong to one scene if their thumbnails look alike after compensation by optical flow. A new scene begins if
no frame before the boundary looks like any frame after it within a distance of three frames. A flash or one or two bad
frames therefore do not count as a cut, while a shot of a single frame between two others is found.

A slow dissolve is not found: its first frame must be given by hand. Neither is a cut-away of one or two frames, which
looks like a flash. benchmarks/README.md compares this detector with others.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import cv2
import numpy as np

from stcolor_core.arrays import ByteImage, FlowField, Plane

__all__ = ["CutDetector"]

_WIDTH, _HEIGHT = 64, 36  # pixels of a thumbnail, for plates of any aspect
_REACH = 3  # largest distance in frames between two frames that are compared
_WINDOW = 9  # side in thumbnail pixels of the windows that are correlated
_NOISE = 1.0  # variance of L* that counts as noise rather than structure
_TEXTURE = 16.0  # variance of L* at which a window has half its full weight
_BLACK = 3.0  # upper bound of L* in the bars of a letterbox


class CutDetector:
    """Finds the cuts of a shot that arrives one frame at a time. It holds at most six thumbnails.

    Args:
        threshold: Largest difference between two frames of one scene, 0 (equal) to 1.
    """

    def __init__(self, *, threshold: float = 0.26) -> None:
        self._threshold = threshold
        self._recent: list[tuple[int, Plane]] = []
        self._before = 1  # how many of the recent frames lie before the next boundary to test

    def add(self, frame: int, lightness: Plane) -> list[int]:
        """Take the next frame, and return the first frame of a new scene once it is certain, which is two frames later.

        Args:
            frame: Number of the frame.
            lightness: L*, shape (H, W) of any size. Values outside 0..100 are clipped; NaN counts as black.

        Returns:
            A list with that frame, or an empty list.

        Raises:
            ValueError: If the picture is empty or does not have the shape (H, W).
        """
        if lightness.ndim != 2 or lightness.size == 0:
            raise ValueError(f"Lightness must be (H, W), not {lightness.shape}.")
        self._recent.append((frame, _thumbnail(lightness)))
        return self._test_boundary() if len(self._recent) - self._before == _REACH else []

    def finish(self) -> list[int]:
        """Return the cuts among the last two frames, which were waiting for frames after them."""
        cuts: list[int] = []
        while self._before < len(self._recent):
            cuts += self._test_boundary()
        return cuts

    def _test_boundary(self) -> list[int]:
        """Return the frame after the boundary if it begins a new scene, and move the boundary on by one frame."""
        thumbnails = [thumbnail for _, thumbnail in self._recent]
        before, after = thumbnails[: self._before][::-1], thumbnails[self._before :]
        bridged = any(
            difference <= self._threshold
            for i, a in enumerate(before)
            for b in after[: _REACH - i]
            for difference in _differences(a, b)
        )
        frame = self._recent[self._before][0]
        if self._before < _REACH:
            self._before += 1
        else:
            del self._recent[0]
        return [] if bridged else [frame]


def _thumbnail(lightness: Plane) -> Plane:
    finite = np.nan_to_num(np.clip(lightness, 0, 100), copy=False).astype(np.float32, copy=False)
    return np.asarray(cv2.resize(finite, (_WIDTH, _HEIGHT), interpolation=cv2.INTER_AREA))


def _differences(a: Plane, b: Plane) -> Iterator[float]:
    """Yield the difference of two thumbnails after optical flow, 0..1; then again with flow that starts from a shift.

    The shift is that of the whole picture. It catches whip pans, which are too fast for flow alone.
    """
    dis: Any = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_FAST)
    x, y = (np.clip(128 + 50 * (t - t.mean()) / max(t.std(), 1), 0, 255).astype(np.uint8) for t in (a, b))
    yield _difference(a, b, dis.calc(x, y, None))
    hann = cv2.createHanningWindow((_WIDTH, _HEIGHT), cv2.CV_32F)
    shift, _ = cv2.phaseCorrelate(x.astype(np.float32), y.astype(np.float32), hann)
    yield _difference(a, b, dis.calc(x, y, np.full((*a.shape, 2), shift, np.float32)))


def _difference(a: Plane, b: Plane, flow: FlowField) -> float:
    """Return 1 minus the correlation of a with b warped along the flow, in small windows weighted by their texture.

    Correlation in windows is independent of exposure, even if a flash lights only one side.
    """
    columns, rows = np.meshgrid(np.arange(_WIDTH, dtype=np.float32), np.arange(_HEIGHT, dtype=np.float32))
    x, y = columns + flow[..., 0], rows + flow[..., 1]
    inside = (x > -1) & (x < _WIDTH) & (y > -1) & (y < _HEIGHT)
    if inside.mean() < 0.5:  # too little overlap for a comparison
        return 1.0
    warped = np.asarray(cv2.remap(b, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE), np.float32)
    mean_a, mean_b = _window_mean(a), _window_mean(warped)
    variance_a = np.maximum(_window_mean(a * a) - mean_a**2, 0)
    variance_b = np.maximum(_window_mean(warped * warped) - mean_b**2, 0)
    covariance = _window_mean(a * warped) - mean_a * mean_b
    correlation = (covariance + _NOISE) / np.sqrt((variance_a + _NOISE) * (variance_b + _NOISE))
    texture = np.maximum(variance_a, variance_b)
    weight = (texture / (texture + _TEXTURE) + 1e-3) * inside * _letterbox_weight(np.maximum(a, b)) + 1e-6
    return 1 - float(np.average(correlation, weights=weight))


def _letterbox_weight(brighter: Plane) -> ByteImage:
    """Return 1 for windows without a black row or column, else 0.

    The bars of a letterbox look alike in all scenes, so they must not count.
    """
    lit = brighter > _BLACK
    picture = np.asarray(lit.any(axis=1, keepdims=True) & lit.any(axis=0), np.uint8)
    window = np.ones((_WINDOW, _WINDOW), np.uint8)
    return np.asarray(cv2.erode(picture, window, borderType=cv2.BORDER_CONSTANT, borderValue=1))


def _window_mean(picture: Plane) -> Plane:
    return np.asarray(cv2.blur(picture, (_WINDOW, _WINDOW), borderType=cv2.BORDER_REPLICATE))

"""Optical flow chained to the reference and re-aligned against it: where each working pixel was.

See docs/method.md, "Optical flow".

DIS flow (Kroeger et al. 2016) carries a pixel from frame to frame; the links are composed to the reference, so that
colour is sampled once and never re-sampled. Since links drift, every step is also aligned directly against the
reference, starting from the chain, and kept where it explains the reference's luminance better.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np

__all__ = ["FlowLink", "FlowTracker", "align", "sample"]

_FINE_LINES = 324  # pictures up to this size are aligned at their own pixels, larger ones at half of them
_GRAIN = 0.7  # px sigma that takes the edge off grain before flow sees it
_SMALLEST = 16  # DIS needs some room for its coarsest patch; smaller pictures are taken as standing still


@dataclass(frozen=True)
class FlowLink:
    """From one frame to the reference: displacement (H, W, 2) float32 px (x, y), visibility (H, W) float32 0..1."""

    displacement: np.ndarray
    visibility: np.ndarray

    @classmethod
    def identity(cls, height: int, width: int) -> FlowLink:
        """The reference to itself."""
        return cls(np.zeros((height, width, 2), np.float32), np.ones((height, width), np.float32))


def sample(picture: np.ndarray, displacement: np.ndarray) -> np.ndarray:
    """picture (H, W) or (H, W, C) float32 at x + displacement(x), bilinear, the border held. Returns the same shape."""
    height, width = displacement.shape[:2]
    x, y = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
    sampled = cv2.remap(
        picture, x + displacement[..., 0], y + displacement[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    return np.asarray(sampled, np.float32)


def align(target: np.ndarray, reference: np.ndarray, start: np.ndarray) -> np.ndarray:
    """Displacement (H, W, 2) px from a target to a reference, both (H, W) L*, found from a first guess of it."""
    if min(target.shape) < _SMALLEST:
        return start
    flow = _fine_flow(target.shape[0])
    return np.asarray(flow.calc(_eight_bit(target), _eight_bit(reference), np.ascontiguousarray(start, np.float32)))


class FlowTracker:
    """Walks away from one reference, one frame at a time.

    reference: (H, W) float32 L*, 0..100, of the reference frame at working size.
    """

    def __init__(self, reference: np.ndarray) -> None:
        self._flow = _fine_flow(reference.shape[0])
        self._check: Any = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
        self._reference = _eight_bit(reference)
        self._neighbour = self._reference
        self.link = self.latest = FlowLink.identity(*reference.shape)

    def advance(self, target: np.ndarray) -> FlowLink:
        """The link of the next frame on the walk; target is its (H, W) L*.

        It stays in `self.link`, and that from this frame to the one before it in `self.latest`.
        """
        now = _eight_bit(target)
        if min(now.shape) < _SMALLEST:
            return self.link
        forward = self._flow.calc(now, self._neighbour, None)
        backward = self._check.calc(self._neighbour, now, None)
        error = np.linalg.norm(forward + sample(backward, forward), axis=-1)
        chain = forward + sample(self.link.displacement, forward)
        unbroken = np.exp(-((error / 2) ** 2))
        self.latest = FlowLink(forward, (unbroken * _inside(forward)).astype(np.float32))
        visibility = unbroken * sample(self.link.visibility, forward) * _inside(chain)
        direct = self._flow.calc(now, self._reference, chain.copy())
        closer = _residual(now, self._reference, direct) < _residual(now, self._reference, chain)
        self.link = FlowLink(np.where(closer[..., None], direct, chain), visibility.astype(np.float32))
        self._neighbour = now
        return self.link


def _fine_flow(lines: int) -> Any:
    """DIS down to single pixels, bound less to smoothness than its presets: half a decibel of flow alone on davis."""
    flow = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    flow.setFinestScale(0 if lines <= _FINE_LINES else 1)
    flow.setVariationalRefinementAlpha(5.0)
    flow.setPatchStride(4)
    flow.setGradientDescentIterations(12)
    return flow


def _eight_bit(lightness: np.ndarray) -> np.ndarray:
    smooth = cv2.GaussianBlur(lightness, (0, 0), _GRAIN)
    return np.asarray(np.clip(np.rint(smooth * 2.55), 0, 255), np.uint8)


def _residual(now: np.ndarray, reference: np.ndarray, displacement: np.ndarray) -> np.ndarray:
    difference = np.abs(now.astype(np.float32) - sample(reference.astype(np.float32), displacement))
    return np.asarray(cv2.GaussianBlur(difference, (0, 0), 2.0))


def _inside(displacement: np.ndarray) -> np.ndarray:
    """1 where x + displacement(x) lies in the picture, falling to 0 over two pixels outside it."""
    height, width = displacement.shape[:2]
    x = np.arange(width, dtype=np.float32) + displacement[..., 0]
    y = np.arange(height, dtype=np.float32)[:, None] + displacement[..., 1]
    outside = np.maximum.reduce([-x, x - (width - 1), -y, y - (height - 1), np.zeros_like(x)])
    return np.asarray(np.clip(1 - outside / 2, 0, 1))

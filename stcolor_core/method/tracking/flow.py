"""Optical flow chained to the reference and re-aligned against it (docs/method.md, "Optical flow").

DIS flow (Kroeger et al. 2016) links each frame to its neighbour. The links are chained back to the reference, so that
colour is sampled once and never resampled. As chains drift, every frame is also aligned directly against the reference,
starting from the chain; a pixel keeps the direct flow if it matches the reference's luminance better.

If the light changes, both pictures of a link are brought to the same light before they are aligned.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from stcolor_core.arrays import ByteImage, FlowField, Plane
from stcolor_core.method.light import overall_change, to_same_light

__all__ = ["FlowLink", "FlowTracker", "PictureFlow", "align", "align_back", "sample", "turn_link"]

PictureFlow: TypeAlias = Callable[[ByteImage, ByteImage, FlowField | None], FlowField]
"""Returns the displacement from a picture to another, in px, from a start if one is given. Pictures are (H, W)."""

FINE_LINES = 324  # pictures of up to this height are aligned at full resolution, larger ones at half
GRAIN = 0.7  # px, sigma of the blur that reduces grain before flow is computed
CONSISTENT = 2.0  # px, forward-backward error at which the consistency falls to 1/e
RESIDUAL_SIGMA = 2.0  # px
_SMALLEST = 16  # DIS needs room for its coarsest patch; smaller pictures count as static


@dataclass(frozen=True)
class FlowLink:
    """Flow from one frame to another one or to the reference.

    Attributes:
        displacement: Shape (H, W, 2), px (x, y).
        visibility: Shape (H, W), 0..1.
    """

    displacement: FlowField
    visibility: Plane

    @classmethod
    def identity(cls, height: int, width: int) -> FlowLink:
        """Return the flow from the reference to itself: no displacement, fully visible.

        Args:
            height: In pixels.
            width: In pixels.
        """
        return cls(np.zeros((height, width, 2), np.float32), np.ones((height, width), np.float32))


def sample(picture: NDArray[np.float32], displacement: FlowField) -> NDArray[np.float32]:
    """Return a picture sampled at x + displacement(x), bilinearly, the border repeated.

    Args:
        picture: Shape (H, W) or (H, W, C), float32.
        displacement: Shape (H, W, 2), px (x, y).
    """
    height, width = displacement.shape[:2]
    places = displacement + _pixels(height, width)
    no_second_map: Any = None
    sampled = cv2.remap(picture, places, no_second_map, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(sampled, np.float32)


@lru_cache(maxsize=2)
def _pixels(height: int, width: int) -> NDArray[np.float32]:
    """Return the places (x, y) of the pixels of a picture, shape (H, W, 2); not to be changed."""
    places = np.dstack(np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32)))
    places.setflags(write=False)
    return places


def align(target: Plane, reference: Plane, start: FlowField) -> FlowField:
    """Return the displacement from a target to a reference, refined from an initial one.

    Args:
        target: L*, shape (H, W), 0..100.
        reference: L*, shape (H, W), 0..100.
        start: Initial displacement, shape (H, W, 2), px (x, y).
    """
    if min(target.shape) < _SMALLEST:
        return start
    flow = _create_fine_flow(target.shape[0])
    return flow(_to_bytes(target), _to_bytes(reference), np.ascontiguousarray(start, np.float32))


def align_back(target: Plane, neighbour: Plane) -> FlowField | None:
    """Return the flow to a frame from the one before it on a walk, which needs no other frame.

    It tells whether the flow the other way is right. Safe to call from several threads.

    Args:
        target: L* of the frame, shape (H, W), 0..100.
        neighbour: L* of the frame before it on the walk, shape (H, W), 0..100.

    Returns:
        Shape (H, W, 2), px (x, y); None if the pictures are too small for the flow and count as static.
    """
    if min(target.shape) < _SMALLEST:
        return None
    return _flow_back(_to_bytes(neighbour), _to_bytes(target), None)


def turn_link(displacement: FlowField, back: FlowField) -> FlowLink:
    """Return the flow the other way between two frames, with how consistent both ways are.

    Args:
        displacement: From the one frame to the other, shape (H, W, 2), px (x, y).
        back: From the other to the one, shape (H, W, 2), px (x, y).
    """
    return FlowLink(back, (_consistency(back, displacement) * _inside(back)).astype(np.float32))


class FlowTracker:
    """Tracks the flow back to one reference, frame by frame away from it.

    Attributes:
        link: From the latest frame to the reference.
        neighbour_link: From the latest frame to the one before it on the walk.
        onward: Displacement the other way, from the frame before to the latest one, shape (H, W, 2), px (x, y).
    """

    def __init__(
        self,
        reference: Plane,
        *,
        flow: PictureFlow | None = None,
        follows_light: bool = False,
        fine_onward: bool = False,
    ) -> None:
        """Start at a reference.

        Args:
            reference: L* of the reference at working size, shape (H, W), 0..100.
            flow: The optical flow; None for DIS.
            follows_light: Whether to look for changes of light, and to align pictures in the same light.
            fine_onward: Whether `onward` is as fine as the flow back, from which it is then found (DIS only).
        """
        self._flow, self._flow_back = flow or _create_fine_flow(reference.shape[0]), flow or _flow_back
        self._flow_onward = _create_fine_flow(reference.shape[0]) if fine_onward and flow is None else None
        self._follows_light = follows_light
        self._reference = self._neighbour = reference
        self._reference_bytes = self._neighbour_bytes = _to_bytes(reference)
        self.link = self.neighbour_link = FlowLink.identity(*reference.shape)
        self.onward: FlowField = self.link.displacement

    def advance(self, target: Plane, backward: FlowField | None = None) -> FlowLink:
        """Return the link of the next frame of the walk to the reference.

        Visibility is the forward-backward consistency of every link so far, times whether the pixel is in the picture.

        Args:
            target: L* of the next frame, shape (H, W), 0..100.
            backward: From `align_back`, if it was computed ahead (DIS only).
        """
        if min(target.shape) < _SMALLEST:
            return self.link
        current = _to_bytes(target)
        forward, consistency, self.onward = self._align_neighbour(target, current, backward)
        chain = forward + sample(self.link.displacement, forward)
        self.neighbour_link = FlowLink(forward, (consistency * _inside(forward)).astype(np.float32))
        visibility = consistency * sample(self.link.visibility, forward) * _inside(chain)
        pictures = current, self._reference_bytes
        lit, reference = self._relight(target, self._reference, chain, visibility) or pictures
        direct = self._flow(lit, reference, chain.copy())
        closer = _residual(lit, reference, direct) < _residual(lit, reference, chain)
        chosen = cv2.copyTo(direct, closer.view(np.uint8), chain)
        self.link = FlowLink(np.asarray(chosen, np.float32), visibility.astype(np.float32))
        self._neighbour, self._neighbour_bytes = target, current
        return self.link

    def _align_neighbour(
        self, target: Plane, current: ByteImage, backward: FlowField | None
    ) -> tuple[FlowField, Plane, FlowField]:
        """Return the flow to the frame before, the forward-backward consistency, and the flow the other way.

        current: `target` in bytes.
        """
        pictures = current, self._neighbour_bytes
        aligned = self._align(*pictures, backward=backward)
        relit = self._relight(target, self._neighbour, *aligned[:2])
        if relit is None or all(map(np.array_equal, relit, pictures)):
            return aligned
        return self._align(*relit, backward=None)

    def _align(
        self, current: ByteImage, neighbour: ByteImage, *, backward: FlowField | None
    ) -> tuple[FlowField, Plane, FlowField]:
        # OpenCV's flow keeps the last start that it was given, the chain of the frame before, as a candidate for every
        # patch: worth 0.05 dB on car-roundabout. So this flow cannot be computed ahead, unlike the one back.
        forward = self._flow(current, neighbour, None)
        if self._flow_onward is not None:
            backward = self._flow_onward(neighbour, current, np.ascontiguousarray(-forward))
        elif backward is None:
            backward = self._flow_back(neighbour, current, None)
        return forward, _consistency(forward, backward), backward

    def _relight(
        self, target: Plane, other: Plane, displacement: FlowField, visibility: Plane
    ) -> tuple[ByteImage, ByteImage] | None:
        """Return the target and another picture as the flow sees them in the same light; None if they are in it."""
        if not self._follows_light:
            return None
        change = overall_change(target, sample(other, displacement), visibility)
        if change.is_same:
            return None
        target, other = to_same_light(target, other, change)
        return _to_bytes(target), _to_bytes(other)


def _flow_back(current: ByteImage, other: ByteImage, start: FlowField | None) -> FlowField:
    """Return DIS flow as its preset "medium" has it, in a state of its own: for several threads."""
    return _calculate(cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM), current, other, start)


def _calculate(flow: Any, current: ByteImage, other: ByteImage, start: FlowField | None) -> FlowField:
    """Return DIS flow. Where nothing fits it runs away, by thousands of pixels; it is held just out of the picture."""
    displacement = np.asarray(flow.calc(current, other, start), np.float32)
    farthest = float(sum(current.shape))
    return np.clip(displacement, -farthest, farthest, out=displacement)


def _create_fine_flow(lines: int) -> PictureFlow:
    """Create DIS flow down to single pixels, with less smoothing than its presets: 0.5 dB better alone on davis."""
    flow = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    flow.setFinestScale(0 if lines <= FINE_LINES else 1)
    flow.setVariationalRefinementAlpha(5.0)
    flow.setPatchStride(4)
    flow.setGradientDescentIterations(12)
    return partial(_calculate, flow)


def _to_bytes(lightness: Plane) -> ByteImage:
    smooth = cv2.GaussianBlur(lightness, (0, 0), GRAIN)
    return np.asarray(np.clip(np.rint(smooth * 2.55), 0, 255), np.uint8)


def _residual(target: ByteImage, reference: ByteImage, displacement: FlowField) -> Plane:
    difference = np.abs(target.astype(np.float32) - sample(reference.astype(np.float32), displacement))
    return np.asarray(cv2.GaussianBlur(difference, (0, 0), RESIDUAL_SIGMA))


def _consistency(flow: FlowField, back: FlowField) -> Plane:
    """Return the forward-backward consistency of a flow, shape (H, W), 0..1."""
    x, y = np.moveaxis(flow + sample(back, flow), -1, 0)
    return np.asarray(np.exp((x * x + y * y) / np.float32(-(CONSISTENT**2))))


def _inside(displacement: FlowField) -> Plane:
    """Return 1 if x + displacement(x) is within the picture, falling to 0 at two pixels outside it."""
    height, width = displacement.shape[:2]
    x, y = np.moveaxis(displacement + _pixels(height, width), -1, 0)
    outside = np.maximum(np.maximum(-x, x - (width - 1)), np.maximum(-y, y - (height - 1)))
    return np.asarray(np.clip(1 - outside / 2, 0, 1))

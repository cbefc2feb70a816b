"""An object as a layer of the picture that moves by itself (Wang and Adelson 1994), for `tracking.carrying`."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from stcolor_core.arrays import FlowField, Mask, Plane
from stcolor_core.method.tracking.flow import sample
from stcolor_core.method.tracking.objects import around, extend

__all__ = ["Layer"]

_MARGIN = 0.15  # of the height: the most that an object moves between two frames
_IN_VIEW = 0.15  # share of an object's shape that must be seen moving for its motion to be measured
_INNER = 4
_INVERSIONS = 4  # fixed-point iterations
# Area of a pixel on the frame before, over that of the object's median pixel: up to the first value the object was torn
# open there by parts that move apart, such as legs; from the second it is whole. Chosen with davis in sight
# (benchmarks/measured/speed.md, "Gaps that open"). Then the factor on its shape where it is torn, and the least median.
_TORN, _WHOLE, _LEAST_FILLED = 0.4, 0.8, 0.2
_LEAST_AREA = 0.25


@dataclass(frozen=True, eq=False)
class Layer:
    """One object as a layer of the picture.

    Attributes:
        shape: Its coverage if nothing hid it, shape (H, W), 0..1.
        lightness: L* that it was last seen with, shape (H, W).
        known: Where it has been seen, shape (H, W), 0..1.
        velocity: Of its last measured motion, px (x, y) a frame.
    """

    shape: Plane
    lightness: Plane
    known: Plane
    velocity: NDArray[np.float64]

    def move(self, onward: FlowField, seen: Plane, steady: Plane, *, outline: float) -> Layer:
        """Return the layer on the next frame.

        Args:
            onward: Flow to the next frame, shape (H, W, 2), px (x, y).
            seen: Coverage of the object on this frame, shape (H, W), 0..1.
            steady: Trust in the flow, shape (H, W), 0..1.
            outline: Distance from an outline, in px, within which flow is mixed with that beyond it.
        """
        inside = self.shape > 0.02
        if not inside.any():
            return self
        box = around(inside, margin=round(_MARGIN * len(inside)))
        whole = _distance(self.shape[box])
        reach = max(min(outline, float(whole.max())), 1.0)
        full, weight = (np.minimum(distance / reach, 1) ** _INNER for distance in (whole, _distance(seen[box])))
        weight = np.asarray(weight * steady[box], np.float32)
        velocity = self.velocity
        if weight.sum() >= _IN_VIEW * full.sum():
            motion = extend(onward[box], weight, lines=len(inside))
            velocity = np.average(onward[box].reshape(-1, 2), axis=0, weights=weight.ravel() + 1e-9)
        else:
            motion = np.broadcast_to(velocity.astype(np.float32), (*weight.shape, 2))
        back = -motion
        for _ in range(_INVERSIONS):
            back = -sample(np.ascontiguousarray(motion), back)
        moved = []
        for plane in (self.shape, self.lightness, self.known):
            whole = np.zeros_like(plane)
            whole[box] = sample(np.ascontiguousarray(plane[box]), back)
            moved.append(whole)
        moved[0][box] *= _filled(back, moved[0][box])
        return Layer(moved[0], moved[1], moved[2], velocity)

    def see(self, coverage: Plane, hidden: Mask, lightness: Plane) -> Layer:
        """Return the layer after a frame that shows it like this.

        Args:
            coverage: What the frame shows of it, shape (H, W), 0..1.
            hidden: Where another object is in front of it or may be, shape (H, W), bool.
            lightness: L* of the frame, shape (H, W).
        """
        seen = coverage > 0.5
        return Layer(
            np.where(hidden, self.shape, coverage),
            np.where(seen, lightness, self.lightness),
            np.maximum(self.known, seen.astype(np.float32)),
            self.velocity,
        )


def _filled(back: FlowField, shape: Plane) -> Plane:
    """Return how far a shape that moves has filled each pixel, shape (H, W), 0..1: less where it is torn open.

    Motion that is continued beyond an object's outline is smooth, so that it stretches the object over a gap that opens
    between two of its parts. An object that comes nearer is not torn: all of it is stretched.

    Args:
        back: Displacement to the frame before, shape (H, W, 2), px (x, y).
        shape: The shape as it moved, shape (H, W), 0..1.
    """
    inside = shape > 0.5
    if min(shape.shape) < 2 or not inside.any():
        return np.ones_like(shape)
    (x_down, x_across), (y_down, y_across) = (np.gradient(back[..., axis]) for axis in (0, 1))
    area = np.asarray((1 + x_across) * (1 + y_down) - x_down * y_across, np.float32)
    relative = area / max(float(np.median(area[inside])), _LEAST_AREA)
    share = np.clip((relative - _TORN) / (_WHOLE - _TORN), 0, 1)
    return np.asarray(_LEAST_FILLED + (1 - _LEAST_FILLED) * share, np.float32)


def _distance(coverage: Plane) -> Plane:
    """Return the distance of each pixel from the outline that it lies in, in px; 0 outside, shape (H, W)."""
    inside = np.pad((coverage > 0.5).astype(np.uint8), 1)
    return np.asarray(cv2.distanceTransform(inside, cv2.DIST_L2, cv2.DIST_MASK_5)[1:-1, 1:-1], np.float32)

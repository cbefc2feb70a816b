"""Clips made of still pictures, with exactly known motion and occlusion.

Layers move over each other: a background under a slow camera, and objects cut out of other pictures. The objects swing,
turn and bend, hide each other, leave the picture and come back. Every frame samples the pictures once, so that it is as
sharp as they are. All random numbers come from a generator, so that the same seed gives the same clip.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from stcolor_core.arrays import FlowField, Image, LabelMap, Mask, Masks, Plane
from stcolor_core.evaluation.clip import Clip

__all__ = ["BACKGROUND_SCALE", "SyntheticClip", "make_synthetic_clip"]

BACKGROUND_SCALE = 1.25  # size of a background over the frame's, so that the camera has room to move
_VIEW = (0.78, 0.98)  # share of the background that the camera sees
_CAMERA_ROTATION = 3.0  # degrees at most
_RADIUS = (0.1, 0.28)  # of an object, over the frame's shorter side
_WAVES = np.arange(2, 6)  # waves around the outline of an object
_EDGE = 1.5  # px, width of the soft edge of an outline
_PERIOD = (20.0, 60.0)  # frames of a swing
# Largest amplitude of an object's swing: position in frame widths, rotation in degrees, logarithm of the size. And of
# its control points, in widths of the object: small enough that the picture does not fold.
_REACH, _ROTATION, _SCALE, _BEND = 0.3, 25.0, 0.15, 0.06
_CONTROLS = 3  # control points along each side of an object
_INVERSIONS = 10  # fixed-point iterations; each at least halves the error


@dataclass(frozen=True)
class SyntheticClip:
    """A synthetic clip and its true motion.

    Attributes:
        clip: Its frames.
        backward: Item i is the flow from each pixel of frame i + 1 to its surface on frame i, (H, W, 2), px (x, y),
            even if the surface is hidden there.
        visible: Item i says whether that surface is visible on both frames, (H, W) bool: not hidden, not outside the
            picture, and not on the soft edge of an object.
    """

    clip: Clip
    backward: list[FlowField]
    visible: list[Mask]


def make_synthetic_clip(
    pictures: Sequence[Image],
    *,
    size: tuple[int, int],
    count: int,
    objects: int,
    generator: np.random.Generator,
    grain: float = 0.0,
) -> SyntheticClip:
    """Return a clip with the first picture as the background and objects cut out of the other pictures in turn.

    Args:
        pictures: sRGB pictures of any sizes, (H, W, 3), 0..1. The background is best `BACKGROUND_SCALE` times as
            large as the frame, the others as large as the frame: larger ones are reduced, smaller ones get soft.
        size: (width, height) of the frames in pixels.
        count: Number of frames.
        objects: Number of objects.
        generator: The random numbers; the same state gives the same clip.
        grain: Standard deviation of the noise of each frame, in units of 0..1.

    Raises:
        ValueError: If there is no picture for the background, or none to cut the objects from.
    """
    if len(pictures) < 1 + bool(objects):
        raise ValueError(f"{objects} objects on a background cannot be made of {len(pictures)} pictures.")
    layers = [_make_background(pictures[0], size, count, generator)]
    for index in range(objects):
        layers.append(_make_object(pictures[1 + index % (len(pictures) - 1)], size, count, generator))
    views = [_render(layers, frame, size) for frame in range(count)]
    motion = [_flow(layers, frame, views[frame], views[frame + 1]) for frame in range(count - 1)]
    rgb = [view.rgb + grain * generator.standard_normal(view.rgb.shape, np.float32) for view in views]
    clip = Clip.from_rgb([np.clip(picture, 0, 1) for picture in rgb])
    return SyntheticClip(clip, [backward for backward, _ in motion], [visible for _, visible in motion])


@dataclass(frozen=True)
class _Layer:
    """A picture and the position of its points on every frame: pose(point + bend(point)).

    Attributes:
        picture: sRGB, (h, w, 3).
        matte: Opacity, (h, w), 0..1.
        poses: Affine map from the picture to each frame, (count, 2, 3).
        bends: Displacement of the points in px of the picture, (count, h, w, 2), or (count, 1, 1, 2) if it is rigid.
    """

    picture: Image
    matte: Plane
    poses: NDArray[np.float64]
    bends: NDArray[np.float32]

    def to_picture(self, frame: int, positions: FlowField) -> FlowField:
        """Return the points (H, W, 2) of the picture at these positions of a frame."""
        rigid = cv2.transform(positions, cv2.invertAffineTransform(self.poses[frame])).astype(np.float32)
        points = rigid
        for _ in range(_INVERSIONS):
            points = rigid - _sample(self.bends[frame], points)
        return np.asarray(points)

    def to_frame(self, frame: int, points: FlowField) -> FlowField:
        """Return the positions (H, W, 2) on a frame of these points of the picture."""
        return np.asarray(cv2.transform(points + _sample(self.bends[frame], points), self.poses[frame]), np.float32)


@dataclass(frozen=True)
class _View:
    """A rendered frame.

    Attributes:
        rgb: sRGB, (H, W, 3).
        top: Index of the top layer, (H, W).
        pure: Whether the top layer is not mixed with another, (H, W) bool.
        points: The visible point of the top layer's picture, (H, W, 2), px (x, y).
    """

    rgb: Image
    top: LabelMap
    pure: Mask
    points: FlowField


def _render(layers: Sequence[_Layer], frame: int, size: tuple[int, int]) -> _View:
    grid = _grid(size)
    rgb, top = np.zeros((*grid.shape[:2], 3), np.float32), np.zeros(grid.shape[:2], int)
    pure, top_points = np.ones(top.shape, bool), np.zeros_like(grid)
    for index, layer in enumerate(layers):
        points = layer.to_picture(frame, grid)
        # Cubic would ring at the matte's edges.
        matte, color = _sample(layer.matte, points)[..., None], _sample(layer.picture, points, cv2.INTER_CUBIC)
        rgb = matte * np.clip(color, 0, 1) + (1 - matte) * rgb
        pure = (matte[..., 0] == 1) | (pure & (matte[..., 0] == 0))
        top = np.where(matte[..., 0] >= 0.5, index, top)
        top_points = np.where(matte >= 0.5, points, top_points)
    return _View(rgb, top, pure, top_points)


def _flow(layers: Sequence[_Layer], frame: int, before: _View, now: _View) -> tuple[FlowField, Mask]:
    """Return the flow from the frame after `frame` to it, and the pixels whose surface is visible on both."""
    grid = _grid(now.top.shape[::-1])
    backward, visible = np.zeros_like(grid), np.zeros(now.top.shape, bool)
    for index, layer in enumerate(layers):
        own = now.top == index
        positions = layer.to_frame(frame, now.points)
        visible_before = (before.pure & (before.top == index)).astype(np.float32)
        # Bilinear, as colours along the flow are sampled: all four pixels around the position must be this layer's.
        seen = _sample(visible_before, positions, border=cv2.BORDER_CONSTANT) == 1
        backward[own] = (positions - grid)[own]
        visible |= own & now.pure & seen
    return backward, visible


def _make_background(picture: Image, size: tuple[int, int], count: int, generator: np.random.Generator) -> _Layer:
    """Return a rigid layer under a camera that moves steadily between two views inside the picture."""
    picture = _reduce(picture, BACKGROUND_SCALE * max(size[0] / picture.shape[1], size[1] / picture.shape[0]))
    start, end = (_camera(picture, size, generator) for _ in range(2))
    poses = [cv2.invertAffineTransform(start + (end - start) * share) for share in np.linspace(0, 1, count)]
    matte, rigid = np.ones(picture.shape[:2], np.float32), np.zeros((count, 1, 1, 2), np.float32)
    return _Layer(picture, matte, np.array(poses), rigid)


def _camera(picture: Image, size: tuple[int, int], generator: np.random.Generator) -> NDArray[np.float64]:
    """Return the affine map (2, 3) from a frame to the part of the picture that it shows."""
    rotation = _rotation(generator.uniform(-_CAMERA_ROTATION, _CAMERA_ROTATION))
    middle, half = _center(picture.shape[1::-1]), np.abs(rotation) @ _center(size)
    scale = generator.uniform(*_VIEW) * (middle / half).min()
    target = middle + generator.uniform(-1, 1, 2) * (middle - scale * half)
    return _affine(scale * rotation, target, _center(size))


def _make_object(picture: Image, size: tuple[int, int], count: int, generator: np.random.Generator) -> _Layer:
    """Return a layer of a piece of the picture that swings around a position of the frame."""
    picture = _reduce(picture, max(size[0] / picture.shape[1], size[1] / picture.shape[0]))
    cut, matte = _cut_out(picture, generator.uniform(*_RADIUS) * min(size), generator)
    width = len(cut)

    def swing(max_amplitude: float, *shape: int) -> NDArray[np.float64]:
        """Return sine waves (count, *shape), each with a random amplitude, period and phase."""
        amplitude, period = generator.uniform(0, max_amplitude, shape), generator.uniform(*_PERIOD, shape)
        time = np.arange(count).reshape(-1, *[1] * len(shape))
        return np.asarray(amplitude * np.sin(2 * np.pi * (time / period + generator.uniform(0, 1, shape))))

    centers = generator.uniform(0, 1, 2) * size + swing(_REACH * size[0], 2)
    linear = [scale * _rotation(angle) for scale, angle in zip(np.exp(swing(_SCALE)), swing(_ROTATION), strict=True)]
    poses = [_affine(*maps, _center((width, width))) for maps in zip(linear, centers, strict=True)]
    bends = np.einsum("tkc,khw->thwc", swing(_BEND * width, _CONTROLS**2, 2), _thin_plates(width))
    return _Layer(cut, matte, np.array(poses), bends.astype(np.float32))


def _cut_out(picture: Image, radius: float, generator: np.random.Generator) -> tuple[Image, Plane]:
    """Return a random square (w, w, 3) of the picture, and the matte (w, w) of a closed shape of about that radius."""
    waves = generator.uniform(0, 0.25, len(_WAVES)) / _WAVES
    phases = generator.uniform(0, 2 * np.pi, len(_WAVES))
    max_outline = 1 + waves.sum()
    half = min(int(radius * max_outline + _EDGE) + 1, (min(picture.shape[:2]) - 1) // 2)
    radius = min(radius, (half - _EDGE) / max_outline)
    width = 2 * half + 1
    top, left = (int(generator.integers(0, side - width + 1)) for side in picture.shape[:2])
    y, x = np.mgrid[-half : half + 1, -half : half + 1]
    angle = np.arctan2(y, x)[..., None]
    outline = radius * (1 + (waves * np.cos(_WAVES * angle + phases)).sum(-1))
    matte = np.clip((outline - np.hypot(x, y)) / _EDGE + 0.5, 0, 1)
    return picture[top : top + width, left : left + width], matte.astype(np.float32)


def _thin_plates(width: int) -> Masks:
    """Return the thin-plate spline of each control point of a square, (K, w, w): 1 at its point and 0 at all others.

    Duchon 1977; Bookstein 1989, "Principal warps". Coordinates are in units of the square's width.
    """
    knots = np.stack(np.meshgrid(*[np.linspace(0, 1, _CONTROLS)] * 2), -1).reshape(-1, 2)
    positions = np.stack(np.meshgrid(*[np.linspace(0, 1, width)] * 2), -1).reshape(-1, 2)

    def rows(at: NDArray[np.float64]) -> NDArray[np.float64]:
        square = np.square(at[:, None] - knots).sum(-1)
        return np.hstack([square * np.log(np.maximum(square, 1e-12)), np.ones((len(at), 1)), at])

    system = np.zeros((len(knots) + 3,) * 2)
    system[: len(knots)] = rows(knots)
    system[len(knots) :, : len(knots)] = system[: len(knots), len(knots) :].T
    weights = np.linalg.solve(system, np.eye(len(system), len(knots)))
    return np.asarray((rows(positions) @ weights).T.reshape(-1, width, width))


def _rotation(degrees: float) -> NDArray[np.float64]:
    """Return the rotation matrix (2, 2)."""
    cosine, sine = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    return np.array([[cosine, -sine], [sine, cosine]])


def _affine(
    linear: NDArray[np.float64], target: NDArray[np.float64], origin: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return the affine map (2, 3) with this linear part (2, 2) that maps origin to target."""
    return np.column_stack([linear, target - linear @ origin])


def _center(size: Sequence[int]) -> NDArray[np.float64]:
    """Return the centre (x, y) in px of a picture of (width, height)."""
    return (np.array(size) - 1) / 2


def _grid(size: Sequence[int]) -> FlowField:
    """Return the position (x, y) of each pixel, (H, W, 2)."""
    return np.stack(np.meshgrid(*(np.arange(side, dtype=np.float32) for side in size)), -1)


def _sample(
    picture: Plane | Image,
    points: FlowField,
    interpolation: int = cv2.INTER_LINEAR,
    border: int = cv2.BORDER_REPLICATE,
) -> Plane | Image:
    """Return a picture (h, w) or (h, w, C) at points (H, W, 2); 0 outside of it with cv2.BORDER_CONSTANT."""
    return np.asarray(cv2.remap(picture, points[..., 0], points[..., 1], interpolation, borderMode=border))


def _reduce(picture: Image, scale: float) -> Image:
    """Return the picture at a scale below 1, and unchanged at any other."""
    if scale >= 1:
        return picture
    return np.asarray(cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA))

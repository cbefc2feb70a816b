"""Clips made of still pictures, whose motion and occlusion are known exactly.

Layers move over each other: a background under a slow camera, and objects cut out of other pictures that swing, turn
and bend across it, hide each other, leave the picture and come back. Every frame samples the pictures once, so that it
is as sharp as they are. Everything is drawn from a generator, so that the same seed gives the same clip.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from stcolor_core.evaluation.clip import Clip

__all__ = ["SPARE", "Layered", "layered"]

SPARE = 1.25  # a background's size over the frame's, which leaves the camera room to move
_VIEW = (0.78, 0.98)  # share of the background that the camera sees
_TURN = 3.0  # degrees, of the camera
_RADIUS = (0.1, 0.28)  # of an object, over the frame's shorter side
_WAVES = np.arange(2, 6)  # around an object's outline
_EDGE = 1.5  # px over which an outline is soft
_PERIOD = (20.0, 60.0)  # frames
# How far objects swing at most, either way: in the frame's widths, degrees, and the size's logarithm; and their control
# points, in the object's own widths, not so far that the picture would fold.
_REACH, _ROTATION, _SCALE, _BEND = 0.3, 25.0, 0.15, 0.06
_CONTROLS = 3  # control points along each side of an object
_INVERSIONS = 10  # steps of a fixed point that at least halves its error in each


@dataclass(frozen=True)
class Layered:
    """A synthetic clip and its true motion.

    clip: its frames. backward[i]: (H, W, 2) float32 px (x, y), from each pixel of frame i + 1 to where its surface is
    on frame i, also where it cannot be seen there. visible[i]: (H, W) bool, whether that surface is in sight on both:
    not hidden, not outside the picture, and on no object's soft edge.
    """

    clip: Clip
    backward: list[np.ndarray]
    visible: list[np.ndarray]


def layered(
    pictures: Sequence[np.ndarray],
    *,
    size: tuple[int, int],
    count: int,
    objects: int,
    generator: np.random.Generator,
    grain: float = 0.0,
) -> Layered:
    """A clip of `count` frames: the first picture as the background, and objects cut out of the others in turn.

    pictures: (H, W, 3) float32 sRGB 0..1 of any sizes. The background is best `SPARE` times the frame's size, the
    others as large as the frame: larger ones are reduced, smaller ones get soft. size: (width, height) of the frames.
    grain: sigma in 0..1 of the noise that every frame has of its own.
    Raises ValueError where there is nothing to cut the objects from.
    """
    if len(pictures) < 1 + bool(objects):
        raise ValueError(f"{objects} objects on a background cannot be made of {len(pictures)} pictures.")
    layers = [_background(pictures[0], size, count, generator)]
    for index in range(objects):
        layers.append(_object(pictures[1 + index % (len(pictures) - 1)], size, count, generator))
    views = [_view(layers, frame, size) for frame in range(count)]
    motion = [_motion(layers, frame, views[frame], views[frame + 1]) for frame in range(count - 1)]
    rgb = [view.rgb + grain * generator.standard_normal(view.rgb.shape, np.float32) for view in views]
    clip = Clip.of([np.clip(picture, 0, 1) for picture in rgb])
    return Layered(clip, [backward for backward, _ in motion], [visible for _, visible in motion])


@dataclass(frozen=True)
class _Layer:
    """A picture, and where each of its points is on every frame: pose(point + bend(point)).

    picture: (h, w, 3) float32 sRGB. matte: (h, w) float32, 0..1. poses: (count, 2, 3), from the picture to each frame.
    bends: (count, h, w, 2) px of the picture, or (count, 1, 1, 2) where it is rigid.
    """

    picture: np.ndarray
    matte: np.ndarray
    poses: np.ndarray
    bends: np.ndarray

    def on_picture(self, frame: int, places: np.ndarray) -> np.ndarray:
        """The points (H, W, 2) of the picture that are at these places of a frame."""
        rigid = cv2.transform(places, cv2.invertAffineTransform(self.poses[frame])).astype(np.float32)
        points = rigid
        for _ in range(_INVERSIONS):
            points = rigid - _at(self.bends[frame], points)
        return np.asarray(points)

    def on_frame(self, frame: int, points: np.ndarray) -> np.ndarray:
        """The places (H, W, 2) of a frame at which these points of the picture are."""
        return np.asarray(cv2.transform(points + _at(self.bends[frame], points), self.poses[frame]), np.float32)


@dataclass(frozen=True)
class _View:
    """A frame: rgb (H, W, 3); which layer is on top (H, W), and that it is not mixed with another (H, W) bool;
    points (H, W, 2), what is seen of that layer's picture."""

    rgb: np.ndarray
    top: np.ndarray
    pure: np.ndarray
    points: np.ndarray


def _view(layers: Sequence[_Layer], frame: int, size: tuple[int, int]) -> _View:
    grid = _grid(size)
    rgb, top = np.zeros((*grid.shape[:2], 3), np.float32), np.zeros(grid.shape[:2], int)
    pure, seen = np.ones(top.shape, bool), np.zeros_like(grid)
    for index, layer in enumerate(layers):
        points = layer.on_picture(frame, grid)
        # Cubic would ring at the matte's edges.
        matte, colour = _at(layer.matte, points)[..., None], _at(layer.picture, points, cv2.INTER_CUBIC)
        rgb = matte * np.clip(colour, 0, 1) + (1 - matte) * rgb
        pure = (matte[..., 0] == 1) | (pure & (matte[..., 0] == 0))
        top = np.where(matte[..., 0] >= 0.5, index, top)
        seen = np.where(matte >= 0.5, points, seen)
    return _View(rgb, top, pure, seen)


def _motion(layers: Sequence[_Layer], frame: int, before: _View, now: _View) -> tuple[np.ndarray, np.ndarray]:
    """Displacement (H, W, 2) from the frame after `frame` to it, and (H, W) bool where both see the same surface."""
    grid = _grid(now.top.shape[::-1])
    backward, visible = np.zeros_like(grid), np.zeros(now.top.shape, bool)
    for index, layer in enumerate(layers):
        own = now.top == index
        places = layer.on_frame(frame, now.points)
        there = (before.pure & (before.top == index)).astype(np.float32)
        # Bilinear, as what is measured along the flow will be: all four pixels around the place must be this layer's.
        seen = _at(there, places, border=cv2.BORDER_CONSTANT) == 1
        backward[own] = (places - grid)[own]
        visible |= own & now.pure & seen
    return backward, visible


def _background(picture: np.ndarray, size: tuple[int, int], count: int, generator: np.random.Generator) -> _Layer:
    """Under a camera that moves steadily between two views; as both lie inside the picture, so do all."""
    picture = _reduced(picture, SPARE * max(size[0] / picture.shape[1], size[1] / picture.shape[0]))
    start, end = (_camera(picture, size, generator) for _ in range(2))
    poses = [cv2.invertAffineTransform(start + (end - start) * share) for share in np.linspace(0, 1, count)]
    matte, rigid = np.ones(picture.shape[:2], np.float32), np.zeros((count, 1, 1, 2), np.float32)
    return _Layer(picture, matte, np.array(poses), rigid)


def _camera(picture: np.ndarray, size: tuple[int, int], generator: np.random.Generator) -> np.ndarray:
    """(2, 3), from a frame to the part of the picture that it shows."""
    turn = _turn(generator.uniform(-_TURN, _TURN))
    middle, half = _middle(picture.shape[1::-1]), np.abs(turn) @ _middle(size)
    scale = generator.uniform(*_VIEW) * (middle / half).min()
    centre = middle + generator.uniform(-1, 1, 2) * (middle - scale * half)
    return _pose(scale * turn, centre, _middle(size))


def _object(picture: np.ndarray, size: tuple[int, int], count: int, generator: np.random.Generator) -> _Layer:
    """A piece of the picture that swings around a place of the frame."""
    picture = _reduced(picture, max(size[0] / picture.shape[1], size[1] / picture.shape[0]))
    cut, matte = _cut_out(picture, generator.uniform(*_RADIUS) * min(size), generator)
    width = len(cut)

    def swing(most: float, *shape: int) -> np.ndarray:
        """(count, *shape): swings of their own amplitude, period and phase."""
        amplitude, period = generator.uniform(0, most, shape), generator.uniform(*_PERIOD, shape)
        time = np.arange(count).reshape(-1, *[1] * len(shape))
        return np.asarray(amplitude * np.sin(2 * np.pi * (time / period + generator.uniform(0, 1, shape))))

    centres = generator.uniform(0, 1, 2) * size + swing(_REACH * size[0], 2)
    linear = [scale * _turn(angle) for scale, angle in zip(np.exp(swing(_SCALE)), swing(_ROTATION), strict=True)]
    poses = [_pose(*each, _middle((width, width))) for each in zip(linear, centres, strict=True)]
    bends = np.einsum("tkc,khw->thwc", swing(_BEND * width, _CONTROLS**2, 2), _thin_plates(width))
    return _Layer(cut, matte, np.array(poses), bends.astype(np.float32))


def _cut_out(picture: np.ndarray, radius: float, generator: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """A square (w, w, 3) somewhere in the picture, and the matte (w, w) of a closed shape of about that radius."""
    waves = generator.uniform(0, 0.25, len(_WAVES)) / _WAVES
    phases = generator.uniform(0, 2 * np.pi, len(_WAVES))
    most = 1 + waves.sum()
    half = min(int(radius * most + _EDGE) + 1, (min(picture.shape[:2]) - 1) // 2)
    radius = min(radius, (half - _EDGE) / most)
    width = 2 * half + 1
    top, left = (int(generator.integers(0, there - width + 1)) for there in picture.shape[:2])
    y, x = np.mgrid[-half : half + 1, -half : half + 1]
    angle = np.arctan2(y, x)[..., None]
    outline = radius * (1 + (waves * np.cos(_WAVES * angle + phases)).sum(-1))
    matte = np.clip((outline - np.hypot(x, y)) / _EDGE + 0.5, 0, 1)
    return picture[top : top + width, left : left + width], matte.astype(np.float32)


def _thin_plates(width: int) -> np.ndarray:
    """(K, w, w): for each control point of a square, the thin plate that is 1 there and 0 at all others.

    Duchon 1977; Bookstein 1989, "Principal warps". The points are in units of the square's width.
    """
    knots = np.stack(np.meshgrid(*[np.linspace(0, 1, _CONTROLS)] * 2), -1).reshape(-1, 2)
    places = np.stack(np.meshgrid(*[np.linspace(0, 1, width)] * 2), -1).reshape(-1, 2)

    def rows(at: np.ndarray) -> np.ndarray:
        square = np.square(at[:, None] - knots).sum(-1)
        return np.hstack([square * np.log(np.maximum(square, 1e-12)), np.ones((len(at), 1)), at])

    system = np.zeros((len(knots) + 3,) * 2)
    system[: len(knots)] = rows(knots)
    system[len(knots) :, : len(knots)] = system[: len(knots), len(knots) :].T
    weights = np.linalg.solve(system, np.eye(len(system), len(knots)))
    return np.asarray((rows(places) @ weights).T.reshape(-1, width, width))


def _turn(degrees: float) -> np.ndarray:
    """(2, 2)"""
    cosine, sine = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    return np.array([[cosine, -sine], [sine, cosine]])


def _pose(linear: np.ndarray, target: np.ndarray, origin: np.ndarray) -> np.ndarray:
    """(2, 3) of the affine map with that linear part (2, 2) which brings origin to target."""
    return np.column_stack([linear, target - linear @ origin])


def _middle(size: Sequence[int]) -> np.ndarray:
    """(x, y) px of the centre of a picture of (width, height)."""
    return (np.array(size) - 1) / 2


def _grid(size: Sequence[int]) -> np.ndarray:
    """(H, W, 2) float32, each pixel's own place (x, y)."""
    return np.stack(np.meshgrid(*(np.arange(side, dtype=np.float32) for side in size)), -1)


def _at(
    picture: np.ndarray,
    points: np.ndarray,
    interpolation: int = cv2.INTER_LINEAR,
    border: int = cv2.BORDER_REPLICATE,
) -> np.ndarray:
    """picture (h, w) or (h, w, C) at points (H, W, 2); 0 beyond it with cv2.BORDER_CONSTANT."""
    return np.asarray(cv2.remap(picture, points[..., 0], points[..., 1], interpolation, borderMode=border))


def _reduced(picture: np.ndarray, scale: float) -> np.ndarray:
    """The picture at a scale below 1; as it is at any other."""
    if scale >= 1:
        return picture
    return np.asarray(cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA))

"""Move the camera fast over a clip, or something large past it: shots without a cut that are hard to tell from one."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np

from stcolor_core.arrays import Plane

Frames = list[Plane]  # linear light, 0..1
SIZE = (426, 240)


def whip_pan(frames: Frames, speed: float) -> Frames:
    """Return a quarter-size view that stands, pans right, and stands again. Half of each move is motion blur.

    Args:
        frames: The clip, of `SIZE`; the pan ends at its last frame at the latest.
        speed: Share of the view's width that it moves in a frame, greater than 0.
    """
    width, height = SIZE[0] // 2, SIZE[1] // 2
    step = speed * width
    blurred = [cv2.blur(f, (max(1, int(step / 2)), 1)) for f in frames[: int(width / step) + 1]]
    pan = [f[height // 2 :][:height, int(i * step) :][:, :width] for i, f in enumerate(blurred)]
    return [pan[0]] * 3 + pan + [pan[-1]] * 3


def _view(frame: Plane, center: tuple[float, float], scale: float, angle: float) -> Plane:
    """Return half of the frame's width around a place, enlarged by `scale` and turned; beyond its edges it is mirrored.

    center: x and y as shares of the frame's width and height, of any size.
    """
    width, height = SIZE[0] // 2, SIZE[1] // 2
    turn = cv2.getRotationMatrix2D((0, 0), angle, 1)[:, :2] / scale
    middle = np.array(center) * (frame.shape[1], frame.shape[0])
    matrix = np.column_stack([turn, middle - turn @ (width / 2, height / 2)])
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return cv2.warpAffine(frame, matrix, (width, height), flags=flags, borderMode=cv2.BORDER_REFLECT)


def _shoot(frames: Frames, path: Callable[[float], tuple[float, float, float, float]], shutter: float) -> Frames:
    """Return what a camera sees on its path (time in frames -> x, y, scale, angle), with motion blur.

    shutter: share of the frame's time that the shutter is open.
    """
    shot = []
    for index, frame in enumerate(frames):
        views = [_view(frame, path(t)[:2], *path(t)[2:]) for t in index + shutter * np.linspace(-0.5, 0.5, 9)]
        shot.append(np.mean(views, axis=0, dtype=np.float32))
    return shot


def _accelerate(t: float, length: int) -> float:
    """Return the way at a time, 0 to `length`, at a speed that rises from 0 to 1 and falls to 0 within 1.5 frames."""
    ramp = 1.5
    up, down = min(t, ramp), max(0.0, t - (length - ramp))
    return up**2 / (2 * ramp) + max(0.0, min(t, length - ramp) - ramp) + down - down**2 / (2 * ramp)


def whip(frames: Frames, rng: np.random.Generator) -> Frames:
    """Return whip pans: the camera stands, moves by up to 0.45 of the view's width a frame, and stands again.

    Args:
        frames: The clip, of `SIZE`; the view is half as wide and half as high.
        rng: Draws direction, speed and length of the pans, and the shutter.
    """
    stop, length = 0.5, int(rng.integers(3, 9))
    speed, turn = rng.uniform(0.15, 0.45), rng.uniform(0, 2 * np.pi)
    x, y = np.cos(turn) * speed / 2, np.sin(turn) * speed / 2

    def path(t: float) -> tuple[float, float, float, float]:
        starts = range(4, len(frames), 2 * length + 6)
        moved = sum(_accelerate(np.clip(t - start, 0, length), length) for start in starts)
        return stop + x * moved, stop + y * moved, 1.0, 0.0

    return _shoot(frames, path, rng.uniform(0.4, 1.0))


def crash_zoom(frames: Frames, rng: np.random.Generator) -> Frames:
    """Return crash zooms in and out, by a factor of 2 to 4 within 4 to 8 frames.

    Args:
        frames: The clip, of `SIZE`; the view is half as wide and half as high.
        rng: Draws length and factor of the zooms, and the shutter.
    """
    length, factor = int(rng.integers(4, 9)), rng.uniform(2, 4)

    def path(t: float) -> tuple[float, float, float, float]:
        phase = (t - 4) / length
        share = np.clip(abs((phase + 2) % 4 - 2) - 0.5, 0, 1)  # stays at either end for a while
        return 0.5, 0.5, 0.8 * factor**share, 0.0

    return _shoot(frames, path, rng.uniform(0.4, 1.0))


def shake(frames: Frames, rng: np.random.Generator) -> Frames:
    """Return a camera that is carried at a run: it jolts by up to 0.2 of the view and turns by up to 15 degrees.

    Args:
        frames: The clip, of `SIZE`; the view is half as wide and half as high.
        rng: Draws the camera's path and the shutter.
    """
    count = len(frames) + 4
    marks = np.cumsum(rng.normal(0, 1, (count, 4)), axis=0)
    marks -= cv2.blur(marks, (1, 9))
    size = rng.uniform(0.04, 0.1)

    def path(t: float) -> tuple[float, float, float, float]:
        x, y, zoom, turn = (np.interp(t + 1, np.arange(count), marks[:, i]) for i in range(4))
        return 0.5 + size * x / 2, 0.5 + size * y, float(1.2 * np.exp(size * zoom)), float(6 * turn)

    return _shoot(frames, path, rng.uniform(0.4, 1.0))


def passers(frames: Frames, others: Frames, rng: np.random.Generator) -> Frames:
    """Return the frames with something large that passes close to the camera, blurred, again and again.

    Args:
        frames: The clip, of `SIZE`.
        others: A clip of `SIZE` that gives the thing its texture; repeated if it is shorter.
        rng: Draws shape, size, height and speed of the thing, and the shutter.
    """
    width, height = SIZE
    out = []
    rows, columns = np.mgrid[:height, :width].astype(np.float32)
    size = np.array([rng.uniform(0.25, 0.55) * width, rng.uniform(0.5, 0.9) * height], np.float32)
    speed, level, shutter = rng.uniform(0.15, 0.4) * width, rng.uniform(0.3, 0.7) * height, rng.uniform(0.4, 1.0)
    lumps = cv2.GaussianBlur(rng.normal(size=(height, width)).astype(np.float32), (0, 0), 25)
    lumps /= np.abs(lumps).max()
    travel = width + 2 * size[0]
    for index, frame in enumerate(frames):
        seen = np.zeros_like(frame)
        thing = others[index % len(others)]
        for t in index + shutter * np.linspace(-0.5, 0.5, 9):
            x = (t * speed) % (1.5 * travel) - size[0]
            shift = np.array([[1, 0, x - width / 2], [0, 1, level - height / 2]])
            texture = cv2.warpAffine(thing, shift, SIZE, borderMode=cv2.BORDER_REFLECT)
            bumps = cv2.warpAffine(lumps, shift, SIZE, borderMode=cv2.BORDER_REFLECT)
            inside = ((columns - x) / (size[0] / 2)) ** 2 + ((rows - level) / (size[1] / 2)) ** 2 + 0.6 * bumps < 1
            seen += np.where(inside, texture, frame) / 9
        out.append(seen)
    return out

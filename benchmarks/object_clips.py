"""Clips of two objects of like texture that cross, and of one that leaves the picture, with what each covers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from stcolor_core.arrays import Image, Masks, Plane
from stcolor_core.evaluation import dataset
from stcolor_core.evaluation.clip import Clip
from stcolor_core.images.color import lab_to_srgb, linear_to_lab, srgb_decode
from stcolor_core.method.references import Keyframe
from stcolor_core.method.tracking.instance import Instances

SIZE = (426, 240)
COLOURS = ((38.0, 24.0), (4.0, -36.0))  # a*, b* of the two objects
NAMES = ("first", "second")
_WINDOW = 200  # px, width of the window that moves away from an object
_LATER = 7  # frames by which the second copy of a cut-out object runs behind


@dataclass(frozen=True)
class ObjectsClip:
    """A clip with two objects; the `Footage` that propagation reads.

    Attributes:
        clip: Its pictures.
        coverage: True coverage of the one or two objects on each frame, (K, H, W), 0..1.
        with_mattes: The frames whose mattes the method may see.
        first_measured: The first frame that counts for the figures.
    """

    clip: Clip
    coverage: list[Masks]
    with_mattes: frozenset[int] = frozenset()
    first_measured: int = 0

    @property
    def stills(self) -> Sequence[Keyframe]:
        """Return no stills."""
        return ()

    def lightness(self, frame: int) -> Plane:
        """Return L* of a frame.

        Args:
            frame: Frame index, from 0.
        """
        return self.clip.lightnesses[frame]

    def has_matte(self, frame: int) -> bool:
        """Return whether the method may see the mattes of a frame.

        Args:
            frame: Frame index, from 0.
        """
        return frame in self.with_mattes

    def instances(self, frame: int) -> Instances | None:
        """Return the mattes of a frame, if the method may see them.

        Args:
            frame: Frame index, from 0.
        """
        if frame not in self.with_mattes:
            return None
        masks = self.coverage[frame]
        return Instances(masks, np.zeros(len(masks), np.int32), np.ones(len(masks), np.float32), NAMES[: len(masks)])

    def keyframe(self, frame: int) -> Keyframe:
        """Return a frame with its true colour.

        Args:
            frame: Frame index, from 0.
        """
        return Keyframe(self.clip.lightnesses[frame], self.clip.ab[frame], self.instances(frame))


def _compose(
    behind: Image, objects: Sequence[tuple[Plane, Plane]], generator: np.random.Generator
) -> tuple[Image, Masks]:
    """Return a frame of two objects before a wall, sRGB with noise of one level, and what each covers of it.

    Args:
        behind: The wall in CIELAB, shape (H, W, 3).
        objects: Matte, 0..1, and L* of each object, shape (H, W), the nearer one last. They have `COLOURS`.
        generator: The random numbers of the noise.
    """
    lab, mattes = behind, []
    for (matte, light), color in zip(objects, COLOURS, strict=True):
        own = np.dstack([light, *(np.full_like(light, value) for value in color)])
        lab = matte[..., None] * own + (1 - matte[..., None]) * lab
        mattes = [(1 - matte) * other for other in mattes] + [matte]
    noise = generator.standard_normal(behind.shape) / 255
    frame = np.clip(lab_to_srgb(lab) + noise, 0, 1).astype(np.float32)
    return frame, np.stack(mattes).astype(np.float32)


def discs(count: int) -> ObjectsClip:
    """Return the clip of two discs of one texture that pass each other.

    Args:
        count: Number of frames.
    """
    generator = np.random.default_rng(5)
    width, height = SIZE
    wall = _noise((height, width), generator, sigma=3.0, mean=55, deviation=9)
    wall_ab = np.dstack(
        [10 * _noise(wall.shape, generator, sigma=20, mean=0, deviation=1) + shift for shift in (-6, 14)]
    )
    skin = _noise((height, width), generator, sigma=2.0, mean=52, deviation=10)
    behind = np.dstack([wall, wall_ab]).astype(np.float32)
    columns, rows = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
    frames, coverage = [], []
    for t in range(count):
        objects = []
        for direction in (1, -1):
            x = width / 2 + direction * (t / (count - 1) - 0.5) * 0.5 * width
            y = height / 2 - 12 * direction
            matte = np.clip(42 - np.hypot(columns - np.float32(x), rows - np.float32(y)) + 0.5, 0, 1)
            shift = np.array([[1, 0, x - width / 2], [0, 1, y - height / 2]], np.float32)
            light = cv2.warpAffine(skin, shift, SIZE, flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT)
            objects.append((matte, light))
        frame, mattes = _compose(behind, objects, generator)
        frames.append(frame)
        coverage.append(mattes)
    return ObjectsClip(Clip.from_rgb(frames), coverage)


def walkers(count: int) -> ObjectsClip:
    """Return the clip of two drawn figures that walk past each other.

    Args:
        count: Number of frames.
    """
    generator = np.random.default_rng(3)
    width, height = SIZE
    wall = _noise((height, width + count), generator, sigma=4.0, mean=58, deviation=9)
    wall_ab = np.dstack([12 * _noise(wall.shape, generator, sigma=25, mean=0, deviation=1) + shift for shift in (0, 8)])
    cloth = _noise((height, 260), generator, sigma=1.6, mean=50, deviation=10)
    frames, coverage = [], []
    for t in range(count):
        behind = np.dstack([wall[:, t : t + width], wall_ab[:, t : t + width]]).astype(np.float32)
        objects = []
        for index, direction in enumerate((1, -1)):
            x = width / 2 + direction * (t / (count - 1) - 0.5) * 0.4 * width
            matte, points = _figure(x, phase=t / 25 + 0.3 * index)
            light = cv2.remap(cloth, points[..., 0], points[..., 1], cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT)
            objects.append((matte, light))
        frame, mattes = _compose(behind, objects, generator)
        frames.append(frame)
        coverage.append(mattes)
    return ObjectsClip(Clip.from_rgb(frames), coverage)


def _noise(
    shape: tuple[int, ...], generator: np.random.Generator, *, sigma: float, mean: float, deviation: float
) -> Plane:
    noise = cv2.GaussianBlur(generator.standard_normal(shape).astype(np.float32), (0, 0), sigma)
    return np.asarray(mean + deviation * (noise - noise.mean()) / noise.std(), np.float32)


def _figure(x: float, *, phase: float) -> tuple[Plane, Image]:
    """Return the matte (H, W) of a walking figure around x, and the point of its cloth at each pixel, (H, W, 2)."""
    width, height = SIZE
    columns, rows = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
    matte, points = np.zeros((height, width), np.float32), np.zeros((height, width, 2), np.float32)

    def limb(joint: tuple[float, float], angle: float, length: float, thickness: float, piece: int) -> None:
        """Draw a capsule that hangs from a joint, turned by an angle, with a piece of cloth of its own.

        Args:
            joint: Its upper end, px (x, y).
            angle: In radians, from straight down.
            length: In px.
            thickness: In px.
            piece: The number of the piece of cloth.
        """
        right, down = columns - np.float32(joint[0]), rows - np.float32(joint[1])
        sine, cosine = np.float32(np.sin(angle)), np.float32(np.cos(angle))
        across, along = cosine * right - sine * down, sine * right + cosine * down
        distance = np.hypot(across, along - np.clip(along, 0, length))
        cover = np.clip(thickness / 2 - distance + 0.5, 0, 1)
        points[cover > 0.5] = np.dstack([across + 20 + 40 * piece, along + 30])[cover > 0.5]
        np.maximum(matte, cover, out=matte)

    swing = 0.35 * np.sin(2 * np.pi * phase)
    for piece, side in enumerate((1, -1)):
        limb((x, 140), side * swing, 65, 17, piece)
        limb((x, 85), -0.8 * side * swing, 48, 11, 2 + piece)
    limb((x, 82), 0, 58, 36, 4)
    limb((x, 50), 0, 0.1, 34, 5)
    return matte, points


def pasted(moving: dataset.DatasetSequence, behind: dataset.DatasetSequence, count: int) -> ObjectsClip:
    """Return the clip of an object of one sequence, pasted twice over another sequence.

    Args:
        moving: The sequence with the object.
        behind: The sequence behind it.
        count: Number of frames.
    """
    width, height = SIZE
    frames, coverage = [], []
    for t in range(count):
        picture, mattes = behind.rgb(t), []
        for index, direction in enumerate((1, -1)):
            source = min(t + _LATER * index, len(moving) - 1)
            rgb, matte = moving.rgb(source), moving.mask(source).astype(np.float32)
            if index:
                rgb, matte = rgb[:, ::-1], matte[:, ::-1]
            matte = cv2.GaussianBlur(matte, (0, 0), 0.7)
            rows, columns = np.nonzero(matte > 0.5)
            x = width / 2 + direction * (t / (count - 1) - 0.5) * 0.4 * width
            shift = np.array([[1, 0, x - columns.mean()], [0, 1, height / 2 - rows.mean()]], np.float32)
            lab = linear_to_lab(srgb_decode(np.ascontiguousarray(rgb)))
            lab[..., 1:] = 0.6 * lab[..., 1:] + COLOURS[index]
            own = lab_to_srgb(lab).astype(np.float32)
            own, matte = (cv2.warpAffine(np.ascontiguousarray(each), shift, SIZE) for each in (own, matte))
            picture = matte[..., None] * own + (1 - matte[..., None]) * picture
            mattes = [(1 - matte) * other for other in mattes] + [matte]
        frames.append(np.clip(picture, 0, 1).astype(np.float32))
        coverage.append(np.stack(mattes).astype(np.float32))
    return ObjectsClip(Clip.from_rgb(frames), coverage)


def returning(sequence: dataset.DatasetSequence, count: int) -> ObjectsClip:
    """Return a window of a sequence that moves away from the object, as far as the picture reaches, and comes back.

    Args:
        sequence: The sequence with the object.
        count: Number of frames.
    """
    places = [float(np.nonzero(sequence.mask(t))[1].mean()) for t in range(count)]
    most = SIZE[0] - _WINDOW
    away = 0 if np.mean(places) > SIZE[0] / 2 else most
    frames, coverage = [], []
    for t, place in enumerate(places):
        near = np.clip(place - _WINDOW / 2, 0, most)
        far = float(np.clip(min(t / count - 0.2, 0.8 - t / count) / 0.18, 0, 1))
        far *= far * (3 - 2 * far)
        x = round((1 - far) * near + far * away)
        frames.append(np.ascontiguousarray(sequence.rgb(t)[:, x : x + _WINDOW]))
        matte = cv2.GaussianBlur(sequence.mask(t).astype(np.float32), (0, 0), 0.7)
        coverage.append(np.ascontiguousarray(matte[None, :, x : x + _WINDOW]))
    return ObjectsClip(Clip.from_rgb(frames), coverage, first_measured=count // 2 + 1)

"""Measure how well mattes keep two objects of like texture apart that cross and hide each other.

    PYTHONPATH=. python benchmarks/objects.py --dataset DIR [--clips walkers dance-twirl parkour] [--output FOLDER]

Clips, 426 x 240, of two objects of the same luminance and texture in two colours that cross, the second in front:
  walkers    two drawn figures with swinging legs over a moving camera's noise;
  discs      two discs of one texture over another one that stands still;
  NAME       the object of a sequence of the dataset, cut out by its masks and pasted twice over the next sequence, the
             second time mirrored and some frames later;
  NAME-returns  a window of the sequence that moves away from its object and comes back, so that the object leaves the
             picture and returns; the figures are those of the frames after that.
Each is coloured from its first frame, and from its first and last, with mattes on no frame, on the first, on the
keyframes, on the middle one and on all frames. Prints the PSNR in dB over the frames that are not keyframes
  objects    of the pixels of the two objects;
  rim        of the pixels within 4 px of their outlines;
  inside     of the objects' pixels up to 12 px from the outline of both together;
  outside    of the other pixels up to 12 px from it: what belongs to the background beside the objects;
  picture    of all pixels;
  exchanged  in percent of the objects' pixels: nearer to the colour of the other object than to their own;
  matte      intersection over union of the two tracked mattes with the true ones, in percent.
With --output the pictures of the middle frame are written, and the true one beside them.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
import torch

from stcolor_core.arrays import Chroma, Image, Mask, Masks, Plane
from stcolor_core.evaluation import dataset
from stcolor_core.evaluation.clip import Clip
from stcolor_core.evaluation.metrics import psnr
from stcolor_core.files.scratch import Scratch
from stcolor_core.images.color import lab_to_srgb, linear_to_lab, srgb_decode
from stcolor_core.method.propagation import ColoredFrame, Propagator
from stcolor_core.method.references import Keyframe
from stcolor_core.method.tracking.instance import Instances
from stcolor_core.models import registry
from stcolor_core.shots.settings import Method
from stcolor_core.shots.spans import plan

SIZE = (426, 240)
COLOURS = ((38.0, 24.0), (4.0, -36.0))  # a*, b* of the two objects
NAMES = ("first", "second")
COLUMNS = ("objects", "rim", "inside", "outside", "picture", "exchanged %", "matte %")
_RIM = 4  # px
_RING = 12  # px
_LEAST_SEEN = 300  # px of objects that a frame must show to count
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


def color(footage: ObjectsClip, references: Collection[int]) -> list[ColoredFrame]:
    """Return the frames that are not references, coloured by the standard model.

    Args:
        footage: The clip.
        references: Frames that take their true colour.
    """
    device = torch.device("cpu")
    propagator = Propagator(registry.build("standard", device=device), Method(tracking="instance+dense"), device=device)
    done = []
    for span in plan(range(len(footage.clip.rgb)), references, []):
        with Scratch() as scratch:
            done += list(propagator.color(span, footage, scratch))
    return done


def to_rgb(lightness: Plane, ab: Chroma) -> Image:
    """Return sRGB, (H, W, 3), 0..1.

    Args:
        lightness: L*, shape (H, W), 0..100.
        ab: a* and b*, shape (H, W, 2).
    """
    return np.asarray(lab_to_srgb(np.dstack([lightness, ab])), np.float32)


def measure(footage: ObjectsClip, done: Sequence[ColoredFrame]) -> np.ndarray:
    """Return the figures of `COLUMNS`: means over the frames.

    Args:
        footage: The clip.
        done: The coloured frames.
    """
    rows = []
    for colored in done:
        truth, coverage = footage.clip.rgb[colored.frame], footage.coverage[colored.frame]
        picture = to_rgb(colored.lightness, colored.ab)
        inside = coverage.sum(0) > 0.5
        if colored.frame < footage.first_measured or inside.sum() < _LEAST_SEEN:
            continue
        sure = coverage > 0.9
        box = np.ones((2 * _RIM + 1,) * 2, np.uint8)
        rims = [cv2.dilate(part, box) != cv2.erode(part, box) for part in (coverage > 0.5).astype(np.uint8)]
        own, other = (np.linalg.norm(colored.ab - COLOURS[index], axis=-1) for index in (0, 1))
        exchanged = np.nan
        if len(coverage) == 2:
            exchanged = (sure[0] & (other < own)).sum() + (sure[1] & (own < other)).sum()
        overlap = np.nan
        if colored.mattes is not None and len(colored.mattes.masks):
            tracked = dict(zip(colored.mattes.names or (), colored.mattes.masks > 0.5, strict=True))
            empty = np.zeros(inside.shape, bool)
            shares = [
                ((tracked.get(name, empty)) & (part > 0.5)).sum()
                / max(1, ((tracked.get(name, empty)) | (part > 0.5)).sum())
                for name, part in zip(NAMES, coverage, strict=False)
            ]
            overlap = 100 * float(np.mean(shares))
        rows.append(
            (
                psnr(truth, picture, inside),
                psnr(truth, picture, np.logical_or.reduce(rims)),
                psnr(truth, picture, inside & (_distance(~inside) <= _RING)),
                psnr(truth, picture, ~inside & (_distance(inside) <= _RING)),
                psnr(truth, picture),
                100 * exchanged / max(1, sure.sum()),
                overlap,
            )
        )
    return np.asarray(np.mean(rows, axis=0))


def _distance(mask: Mask) -> Plane:
    """Return the distance of each pixel from a mask, in px; 0 in it, shape (H, W)."""
    return np.asarray(cv2.distanceTransform(np.asarray(~mask, np.uint8), cv2.DIST_L2, cv2.DIST_MASK_5))


def main() -> None:
    """Run the measurement, and print a Markdown table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--dataset", type=Path, help="a folder of sequences with masks beside it, as DAVIS")
    parser.add_argument("--clips", nargs="+", default=["walkers"])
    parser.add_argument("--mattes", nargs="+", default=["none", "first", "keyframes", "middle", "all"])
    parser.add_argument("--keys", nargs="+", default=["first", "both"])
    parser.add_argument("--frames", type=int, default=25)
    parser.add_argument("--output", type=Path)
    options = parser.parse_args()
    torch.set_num_threads(1)
    width, height = SIZE
    real = dataset.read_dataset(options.dataset, width=width, height=height) if options.dataset else []
    last, middle = options.frames - 1, options.frames // 2
    makers: dict[str, Callable[[], ObjectsClip]] = {
        "walkers": lambda: walkers(options.frames),
        "discs": lambda: discs(options.frames),
    }
    for index, sequence in enumerate(real):
        makers[sequence.name] = lambda index=index: pasted(real[index], real[index - 1], options.frames)  # type: ignore[misc]
        makers[f"{sequence.name}-returns"] = lambda index=index: returning(real[index], options.frames)  # type: ignore[misc]
    print(f"| clip, keyframes, mattes on | {' | '.join(COLUMNS)} |\n|---|{'---|' * len(COLUMNS)}")
    for name in options.clips:
        clip = makers[name]()
        for keys in options.keys:
            references = {"first": (0,), "both": (0, last)}[keys]
            frames = {
                "none": (),
                "first": (0,),
                "keyframes": references,
                "middle": (middle,),
                "all": range(options.frames),
            }
            for mattes in options.mattes:
                if keys == "first" and mattes == "keyframes":
                    continue
                footage = replace(clip, with_mattes=frozenset(frames[mattes]))
                done = color(footage, references)
                figures = " | ".join(f"{value:.1f}" for value in measure(footage, done))
                print(f"| {name}, {keys}, {mattes} | {figures} |", flush=True)
                if options.output:
                    _write(options.output / f"{name}-{keys}-{mattes}.png", footage, done, frames=(middle, last - 4))


def _write(path: Path, footage: ObjectsClip, done: Sequence[ColoredFrame], *, frames: Sequence[int]) -> None:
    """Write the truth, the result and the mattes of some frames, below each other."""
    path.parent.mkdir(parents=True, exist_ok=True)
    rows = []
    for colored in done:
        if colored.frame in frames:
            mattes = np.zeros_like(footage.clip.rgb[0])
            if colored.mattes is not None:
                for mask, channel in zip(colored.mattes.masks, (0, 2), strict=False):
                    mattes[..., channel] = mask
            rows.append(np.hstack([footage.clip.rgb[colored.frame], to_rgb(colored.lightness, colored.ab), mattes]))
    cv2.imwrite(str(path), np.rint(255 * np.clip(np.vstack(rows), 0, 1))[..., ::-1].astype(np.uint8))


if __name__ == "__main__":
    main()

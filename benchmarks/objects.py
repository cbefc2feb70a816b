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
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import torch
from object_clips import COLOURS, NAMES, SIZE, ObjectsClip, discs, pasted, returning, walkers

from stcolor_core.arrays import Chroma, Image, Mask, Plane
from stcolor_core.evaluation import dataset
from stcolor_core.evaluation.metrics import psnr
from stcolor_core.files.scratch import Scratch
from stcolor_core.images.color import lab_to_srgb
from stcolor_core.method.propagation import ColoredFrame, Propagator
from stcolor_core.models import registry
from stcolor_core.shots.settings import Method
from stcolor_core.shots.spans import plan

COLUMNS = ("objects", "rim", "inside", "outside", "picture", "exchanged %", "matte %")
_RIM = 4  # px
_RING = 12  # px
_LEAST_SEEN = 300  # px of objects that a frame must show to count


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
    if unknown := [name for name in options.clips if name not in makers]:
        parser.error(f"no clip is called {unknown[0]}. Give one of {', '.join(makers)}, and --dataset for more.")
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

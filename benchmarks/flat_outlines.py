"""Measure which patches of flat paint are moved by their outline: those beside their object, and no others.

    PYTHONPATH=. python benchmarks/flat_outlines.py --dataset DIR [--clips NAME ...] [--every 8]

The objects are those of the data set's masks, on every so many frames at 216 lines: as they are, softened, too large or
too small by 2 and 4 px, rough, a half of them; and moved by 2 to 8 px. Of clips without masks, and with them, ellipses,
boxes and blobs are drawn that follow nothing. Prints for each kind how many are moved, and to within 1 px.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
from keyframe_damage import WEIGHTS

from stcolor_core.arrays import Plane
from stcolor_core.evaluation.dataset import DatasetSequence, read_dataset
from stcolor_core.images.color import lightness, srgb_decode
from stcolor_core.method.registration.outline import find_outline_shift
from stcolor_core.method.registration.patches import MOST_PATCH_SHIFT

LINES = 216  # height of the frames in px
LEAST = 0.003  # share of the frame that a patch covers
Placed = tuple[str, Plane, tuple[float, float]]  # kind, cover, and by how many px it was moved to the right and down


def draw_shapes(generator: np.random.Generator, size: tuple[int, int]) -> Iterator[Placed]:
    """Yield shapes that follow nothing in the picture.

    Args:
        generator: Draws them.
        size: Height and width of the picture.
    """
    height, width = size
    across, down = generator.uniform(0.15, 0.85, 2) * (width, height)
    middle = int(across), int(down)
    half = [int(extent) for extent in generator.uniform(0.05, 0.25, 2) * (width, height)]
    ellipse, box = np.zeros(size, np.float32), np.zeros(size, np.float32)
    cv2.ellipse(ellipse, middle, half, generator.uniform(0, 180), 0, 360, 1, -1, cv2.LINE_AA)
    cv2.rectangle(box, (middle[0] - half[0], middle[1] - half[1]), (middle[0] + half[0], middle[1] + half[1]), 1, -1)
    noise = cv2.GaussianBlur(generator.normal(size=size).astype(np.float32), (0, 0), 18)
    blob = (noise > np.quantile(noise, 0.9)).astype(np.float32)
    for kind, cover in (("an ellipse", ellipse), ("a box", box), ("a blob", blob)):
        yield kind, cover, (0, 0)
    yield "an ellipse, softened by 3 px", _softened(ellipse, 3), (0, 0)


def vary(mask: Plane, generator: np.random.Generator) -> Iterator[Placed]:
    """Yield an object's cover as artists may have painted it, on its place and beside it.

    Args:
        mask: The object, shape (H, W), 0..1.
        generator: Draws the direction in which it is moved.
    """
    yield "on its object", mask, (0, 0)
    yield "softened by 2 px", _softened(mask, 2), (0, 0)
    for by in (2, 4):
        kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * by + 1, 2 * by + 1))
        yield f"too large by {by} px", np.asarray(cv2.dilate(mask, kernel), np.float32), (0, 0)
        yield f"too small by {by} px", np.asarray(cv2.erode(mask, kernel), np.float32), (0, 0)
    yield "rough", _softened((_softened(mask, 6) > 0.5).astype(np.float32), 0.7), (0, 0)
    lower = mask.copy()
    lower[: int(np.median(np.nonzero(mask > 0.5)[0]))] = 0
    yield "its lower half", lower, (0, 0)
    angle = generator.uniform(0, 2 * np.pi)
    for by in (2, 3, 4, 6, 8):
        shift = float(round(by * np.cos(angle))), float(round(by * np.sin(angle)))
        matrix = np.array([[1, 0, shift[0]], [0, 1, shift[1]]], np.float64)
        moved = np.asarray(cv2.warpAffine(mask, matrix, mask.shape[::-1]), np.float32)
        yield f"moved by {by} px", moved, shift


def _softened(cover: Plane, sigma: float) -> Plane:
    return np.asarray(cv2.GaussianBlur(cover, (0, 0), sigma), np.float32)


def place(sequence: DatasetSequence, index: int, generator: np.random.Generator) -> tuple[Plane, list[Placed]]:
    """Return L* of a frame of 216 lines, and the patches on it.

    Args:
        sequence: The clip.
        index: The frame.
        generator: Draws what is random.
    """
    width, height = sequence.native_size
    sized = replace(sequence, size=(round(LINES * width / height / 2) * 2, LINES))
    plate = np.asarray(lightness(srgb_decode(sized.rgb(index)) @ WEIGHTS), np.float32)
    placed = list(draw_shapes(generator, plate.shape))
    if sequence.masks is not None and (mask := sized.mask(index).astype(np.float32)).mean() >= LEAST:
        placed += vary(_softened(mask, 0.7), generator)
    return plate, placed


def main() -> None:
    """Run the measurement and print a line for each kind."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dataset", type=Path, required=True, help="a folder of clips, laid out as DAVIS is")
    parser.add_argument("--clips", nargs="*")
    parser.add_argument("--every", type=int, default=8, help="of so many frames one is looked at (8)")
    options = parser.parse_args()
    errors = defaultdict[str, list[float | None]](list)
    for number, sequence in enumerate(read_dataset(options.dataset, names=options.clips)):
        generator = np.random.default_rng(number)
        for index in range(0, len(sequence), options.every):
            plate, placed = place(sequence, index, generator)
            for kind, cover, shift in placed:
                if cover.mean() >= LEAST:
                    found = find_outline_shift(cover, plate, reach=MOST_PATCH_SHIFT)
                    errors[kind].append(None if found is None else float(np.hypot(*(found.matrix[:, 2] - shift))))
    print("| patch | moved | to within 1 px |")
    print("|---" * 3 + "|")
    for kind, each in errors.items():
        moved = [error for error in each if error is not None]
        print(f"| {kind} | {len(moved)} of {len(each)} | {sum(error <= 1 for error in moved)} |")


if __name__ == "__main__":
    main()

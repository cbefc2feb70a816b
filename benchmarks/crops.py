"""Measure how often the place of a keyframe is found that shows a part of its frame without saying which.

    PYTHONPATH=. python benchmarks/crops.py --dataset DIR [--count 480] [--seed 0] [--clips NAME ...]

Pictures are cut at random from frames of the clips: crops of 0.4 to 0.95 of the frame's height and small ones of 0.2 to
0.4, in several shapes; whole frames, squeezed into a square or with black margins; and crops and whole frames of
another clip, which have no place. A fifth of each is clean, compressed (JPEG of quality 70), darkened (gamma 1.6),
enlarged 2.3 times, or brighter on one side. Prints how many places were found, how many of them are wrong (an edge more
than 4 px off at 216 lines), and the median error of the others' edges.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
from keyframe_damage import WEIGHTS, jpeg, relight

from stcolor_core.arrays import Image, Plane
from stcolor_core.evaluation.dataset import DatasetSequence, read_dataset
from stcolor_core.images.color import lightness, srgb_decode
from stcolor_core.method.registration.crop import Place, find_place

KINDS = ("crop", "small crop", "margins", "squeezed", "other clip's crop", "other clip")
CHANGES = ("none", "jpeg", "gamma", "enlarged", "relit")
LINES, WRONG = 216, 4.0


@dataclass
class Count:
    """What was found for one kind of picture.

    Attributes:
        made: How many were made.
        errors: By how much the edges are off of those that were found, px at 216 lines.
    """

    made: int = 0
    errors: list[float] = field(default_factory=list)


def light(picture: Image) -> Plane:
    """Return L* of a picture.

    Args:
        picture: Display RGB, (H, W, 3), 0..1.
    """
    return np.asarray(lightness(srgb_decode(picture) @ WEIGHTS), np.float32)


def random_box(shape: tuple[int, int], shares: tuple[float, float], random: np.random.Generator) -> tuple[int, ...]:
    """Return left, top, width and height of a crop, px.

    Args:
        shape: Height and width of the frame.
        shares: Least and greatest height in parts of the frame's.
        random: Draws the size, the shape and the place.
    """
    height, width = shape
    rows = random.uniform(*shares) * height
    columns = rows * random.choice([width / height, 1, 4 / 3, 9 / 16, random.uniform(0.5, 2)])
    if columns > 0.98 * width:
        shrink = 0.98 * width * random.uniform(0.6, 1) / columns
        rows, columns = rows * shrink, columns * shrink
    rows, columns = max(16, int(rows)), max(16, int(columns))
    return int(random.integers(width - columns + 1)), int(random.integers(height - rows + 1)), columns, rows


def make(frame: Image, other: Image, kind: str, random: np.random.Generator) -> tuple[Image, Place]:
    """Return a picture of a kind, and its place on the frame.

    Args:
        frame: The frame: display RGB, (H, W, 3), 0..1.
        other: A frame of another clip.
        kind: One of `KINDS`.
        random: Draws what the kind leaves open.
    """
    height, width = frame.shape[:2]
    if kind == "squeezed":
        return cv2.resize(frame, (320, 320), interpolation=cv2.INTER_AREA), Place(0, 0, 1, 1)
    if kind == "margins":
        rows = int(random.uniform(0.05, 0.6) * height)
        columns = int(random.choice([0, rows]))
        with_bars = cv2.copyMakeBorder(frame, rows, rows, columns, columns, cv2.BORDER_CONSTANT)
        x, y = columns / width, rows / height
        return np.asarray(with_bars), Place(-x, -y, 1 + 2 * x, 1 + 2 * y)
    if kind == "other clip":
        return other, Place(0, 0, 0, 0)
    shares = (0.2, 0.4) if kind == "small crop" else (0.4, 0.95)
    left, top, columns, rows = random_box(frame.shape[:2], shares, random)
    source = other if kind.startswith("other") else frame
    return source[top : top + rows, left : left + columns], Place(
        left / width, top / height, columns / width, rows / height
    )


def changed(picture: Image, change: str) -> Image:
    """Return a picture after a change.

    Args:
        picture: Display RGB, (H, W, 3), 0..1.
        change: One of `CHANGES`.
    """
    if change == "jpeg":
        return jpeg(picture, 70)
    if change == "gamma":
        return np.asarray(picture ** np.float32(1.6))
    if change == "enlarged":
        return np.clip(cv2.resize(picture, None, fx=2.3, fy=2.3, interpolation=cv2.INTER_CUBIC), 0, 1)
    return relight(picture, 0.5) if change == "relit" else picture


def edge_error(found: Place, true: Place, shape: tuple[int, int]) -> float:
    """Return how far the edges of a place are off, px at 216 lines.

    Args:
        found: The place that was found.
        true: The true one.
        shape: Height and width of the frame.
    """
    across = LINES * shape[1] / shape[0]
    return max(
        abs(found.left - true.left) * across,
        abs(found.top - true.top) * LINES,
        abs(found.left + found.width - true.left - true.width) * across,
        abs(found.top + found.height - true.top - true.height) * LINES,
    )


def random_frame(clip: DatasetSequence, random: np.random.Generator) -> Image:
    """Return a frame of a clip at 240 lines: display RGB, (H, W, 3), 0..1.

    Args:
        clip: The clip.
        random: Draws the frame.
    """
    return clip.with_lines(240).rgb(int(random.integers(len(clip))))


def main() -> None:
    """Run the measurement, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dataset", type=Path, required=True)
    parser.add_argument("--clips", nargs="+")
    parser.add_argument("--count", type=int, default=480)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    random = np.random.default_rng(arguments.seed)
    clips = [clip for clip in read_dataset(arguments.dataset) if not arguments.clips or clip.name in arguments.clips]
    counts: dict[str, Count] = defaultdict(Count)
    for index in range(arguments.count):
        first, second = random.choice(len(clips), 2, replace=False)
        frame, other = (random_frame(clips[i], random) for i in (first, second))
        kind = KINDS[index % len(KINDS)]
        picture, true = make(frame, other, kind, random)
        found = find_place(light(frame), light(changed(picture, str(random.choice(CHANGES)))))
        counts[kind].made += 1
        if found is not None:
            counts[kind].errors.append(edge_error(found, true, frame.shape[:2]))
    print(f"{'':20}made  found  wrong  median error, px")
    for kind, count in counts.items():
        right = [error for error in count.errors if error <= WRONG]
        error = f"{np.median(right):.2f}" if right else "-"
        print(f"{kind:20}{count.made:4}{len(count.errors):7}{len(count.errors) - len(right):7}  {error}")


if __name__ == "__main__":
    main()

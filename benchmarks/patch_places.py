"""Measure how patches are fitted to the plate: which are moved, how far off they lie then, and which are cleaned.

    PYTHONPATH=. python benchmarks/patch_places.py --dataset DIR [--clips NAME ...] [--half 0|1] [--per-size N]

From one frame of each clip, rectangles of 1.5 to 20 % of the frame are cut as patches in many places: exact, with
grain, as JPEG, moved by 2 and 4 px, scaled by 2 % about their centre, and moved ones with grain or as JPEG. Each is
fitted as a run fits it. Prints by kind and size how many are moved, and how many cleaned; and how far off the map is at
the patch's corners, in px at 216 lines: the mean, and of the worst tenth.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
from keyframe_damage import WEIGHTS, grain, jpeg

from stcolor_core.arrays import Image, Mask, Plane
from stcolor_core.evaluation.dataset import read_dataset
from stcolor_core.images.color import lightness, linear_to_lab, srgb_decode
from stcolor_core.method.registration import find_patch_damage, find_patch_paint, find_patch_place

LINES = 216  # height of the frames in px
SHARES = (0.015, 0.03, 0.08, 0.2)
Matrix = np.ndarray


def relit(picture: Image) -> Image:
    """Return the picture brighter by a gamma, as an artist may want a patch.

    Args:
        picture: Display RGB, (H, W, 3), 0..1.
    """
    return np.asarray(picture**0.8, np.float32)


@dataclass(frozen=True)
class Kind:
    """One way in which a patch may come.

    Attributes:
        spoil: Changes the picture before it is cut; None for nothing.
        shift: px by which it is moved, in a direction that is drawn for each patch.
        scale: By which it is enlarged about its centre.
        damaged: Whether it has grain or compression.
    """

    spoil: Callable[[Image], Image] | None = None
    shift: float = 0.0
    scale: float = 1.0
    damaged: bool = False


KINDS = {
    "exact": Kind(),
    "8 bits": Kind(lambda picture: np.rint(picture * 255) / np.float32(255)),
    "relit": Kind(relit),
    "grain of 2 levels": Kind(lambda picture: grain(picture, 2), damaged=True),
    "grain of 5 levels": Kind(lambda picture: grain(picture, 5), damaged=True),
    "JPEG 90": Kind(lambda picture: jpeg(picture, 90), damaged=True),
    "JPEG 75": Kind(lambda picture: jpeg(picture, 75), damaged=True),
    "JPEG 60, relit": Kind(lambda picture: jpeg(relit(picture), 60), damaged=True),
    "moved 2 px": Kind(shift=2),
    "moved 4 px": Kind(shift=4),
    "scaled 2 %": Kind(scale=1.02),
    "moved 4 px, scaled 2 %": Kind(shift=4, scale=1.02),
    "moved 2 px, JPEG 75": Kind(lambda picture: jpeg(picture, 75), shift=2, damaged=True),
    "moved 4 px, grain of 5": Kind(lambda picture: grain(picture, 5), shift=4, damaged=True),
}


@dataclass
class Result:
    """What became of one patch.

    Attributes:
        moved: Whether it was moved.
        cleaned: Whether it was cleaned of grain or compression.
        error: How far off its corners lie then, px.
    """

    moved: bool
    cleaned: bool
    error: float


def corner_error(found: Matrix, truth: Matrix, covered: Mask) -> float:
    """Return the mean distance at the corners of what is covered between two maps from the plate to the patch.

    Args:
        found: 2 x 3.
        truth: 2 x 3.
        covered: What the patch covers of the plate, (H, W).
    """
    x, y, width, height = cv2.boundingRect(covered.astype(np.uint8))
    corners = np.array([[a, b, 1.0] for a in (x, x + width - 1) for b in (y, y + height - 1)])
    return float(np.linalg.norm(corners @ (found - truth).T, axis=1).mean())


def cut_patch(picture: Image, covered: Mask, kind: Kind, angle: float) -> tuple[Image, Mask, Matrix]:
    """Return a patch in display RGB, where it covers the plate, and the map from the plate to it.

    Args:
        picture: The frame in display RGB, (H, W, 3), 0..1.
        covered: What the patch shows of the plate, (H, W).
        kind: How it comes.
        angle: The direction in which it is moved, in radians.
    """
    x, y, width, height = cv2.boundingRect(covered.astype(np.uint8))
    centre = np.array([x + (width - 1) / 2, y + (height - 1) / 2])
    linear = np.eye(2) * kind.scale
    offset = centre + kind.shift * np.array([np.cos(angle), np.sin(angle)]) - linear @ centre
    matrix = np.column_stack([linear, offset])
    if kind.shift == 0 and kind.scale == 1:
        moved, mask = picture, covered
    else:
        size = picture.shape[1::-1]
        moved = np.clip(cv2.warpAffine(picture, matrix, size, flags=cv2.INTER_CUBIC), 0, 1)
        mask = cv2.warpAffine(covered.astype(np.float32), matrix, size) > 0.98
    return (moved if kind.spoil is None else kind.spoil(moved)), mask, matrix


def fit(picture: Image, covered: Mask, plate: Plane, truth: Matrix) -> Result:
    """Fit a patch to the plate as a run does, and compare the map found with the true one.

    Args:
        picture: The patch in display RGB, (H, W, 3), 0..1.
        covered: Where it covers the plate, (H, W).
        plate: L* of the plate, (H, W), 0..100.
        truth: The map from the plate to the patch.

    Returns:
        What became of it.
    """
    lab = linear_to_lab(srgb_decode(np.asarray(picture, np.float32)))
    paint = find_patch_paint(lab, covered, plate)
    if paint is not None:
        lab = paint.apply(lab)
    own = np.where(covered, lab[..., 0], np.float32(0))
    found = find_patch_place(own, covered, plate).alignment if paint is None else None
    if found is None:
        error = corner_error(np.eye(2, 3), truth, covered)
    else:
        error = corner_error(found.matrix, truth, covered)
        own, covered = found.sample(own), found.sample_inner_mask(covered)
    cleaned = bool(covered.any()) and find_patch_damage(own, covered, plate, moved=found is not None) is not None
    return Result(found is not None, cleaned, error)


def draw_box(generator: np.random.Generator, size: tuple[int, int], share: float) -> Mask:
    """Return a rectangle somewhere in a picture, of a random aspect between 2:3 and 3:2.

    Args:
        generator: Draws it.
        size: Height and width of the picture.
        share: Of the picture.
    """
    rows, columns = size
    area, aspect = share * rows * columns, generator.uniform(2 / 3, 3 / 2)
    height = min(rows, round(float(np.sqrt(area / aspect))))
    width = min(columns, round(area / height))
    top, left = generator.integers(0, rows - height + 1), generator.integers(0, columns - width + 1)
    mask = np.zeros(size, bool)
    mask[top : top + height, left : left + width] = True
    return mask


def main() -> None:
    """Run the measurement and print a line for each kind and size."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dataset", type=Path, required=True, help="a folder of clips, laid out as DAVIS is")
    parser.add_argument("--clips", nargs="*")
    parser.add_argument("--half", type=int, choices=(0, 1), help="every second clip, from the first or the second on")
    parser.add_argument("--per-size", type=int, default=8, help="patches of each size from each clip (8)")
    parser.add_argument("--kinds", nargs="*", default=list(KINDS))
    options = parser.parse_args()
    results = defaultdict[tuple[str, float], list[Result]](list)
    sequences = read_dataset(options.dataset, names=options.clips)
    for number, sequence in enumerate(sequences):
        if options.half is not None and number % 2 != options.half:
            continue
        width, height = sequence.native_size
        sized = replace(sequence, masks=None, size=(round(LINES * width / height / 2) * 2, LINES))
        picture = sized.rgb(len(sized) // 2)
        plate = lightness(srgb_decode(picture) @ WEIGHTS)
        generator = np.random.default_rng(number)
        for share in SHARES:
            for _ in range(options.per_size):
                box, angle = draw_box(generator, plate.shape, share), generator.uniform(0, 2 * np.pi)
                for name in options.kinds:
                    patch, covered, truth = cut_patch(picture, box, KINDS[name], angle)
                    results[name, share].append(fit(patch, covered, plate, truth))
    print("| patch | share of the frame | moved | off, mean px | worst tenth | cleaned |")
    print("|---" * 6 + "|")
    for name in options.kinds:
        for share in SHARES:
            found = results[name, share]
            moved, cleaned = (100 * np.mean([getattr(each, key) for each in found]) for key in ("moved", "cleaned"))
            errors = np.sort([each.error for each in found])
            worst = errors[-max(1, len(errors) // 10) :].mean()
            off = f"{errors.mean():.2f} | {worst:.2f}"
            print(f"| {name} | {100 * share:.1f} % | {moved:.0f} % | {off} | {cleaned:.0f} % |")


if __name__ == "__main__":
    main()

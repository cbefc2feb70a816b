"""Measure patches of flat paint on the frames that follow: specks beside the object, and gaps between two patches.

    PYTHONPATH=. python benchmarks/painted_patches.py specks --dataset DIR [--clips dog] [--frames 20]
    PYTHONPATH=. python benchmarks/painted_patches.py alone --dataset DIR [--clips dance-twirl breakdance bmx-trees]
        [--frames 14]
    PYTHONPATH=. python benchmarks/painted_patches.py gaps --dataset DIR [--clips horsejump-high breakdance]
        [--frames 9] [--each 3 5 7 9]

The objects are those of the data set's masks; frames have 216 lines.

`specks`: the first frame is a true keyframe, and each further one but the last has a patch: by turns the object in
violet, and a box in green in the corner that the object covers least. Prints how many pixels are violet that are more
than 3 and more than 10 px off the object, over all frames.
`alone`: the first frame has a patch of the object in violet, and there is no keyframe. Prints the same of the frames
that follow, and which share of the object is violet.
`gaps`: the first frame has two patches and no keyframe, the object in red and all around it in blue. Prints how many of
the pixels within 7 px of the object's edge are grey on the frames that follow; of `--each` frame (the first is 1) too.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from paint_shots import (
    Result,
    color,
    hue_error,
    parse_color,
    read_frames,
    read_masks,
    write_paint,
    write_picture,
    write_plate,
)

from stcolor_core.arrays import Image, Mask, Plane
from stcolor_core.evaluation.dataset import read_dataset
from stcolor_core.images.color import linear_to_lab, srgb_decode

CLIPS = {
    "specks": ["dog"],
    "alone": ["dance-twirl", "breakdance", "bmx-trees"],
    "gaps": ["horsejump-high", "breakdance"],
}
FRAMES = {"specks": 20, "alone": 14, "gaps": 9}
VIOLET, GREEN, RED, BLUE = (parse_color(text) for text in ("#8020d0", "#20a040", "#c02020", "#2040c0"))
OFF = (3, 10)  # px
_EDGE = 7  # px on either side of an object's edge
_CHROMA, _HUE = 10.0, 20.0  # least C*, and most degrees from the paint's hue, of a pixel that has its colour
_GREY = 2.0  # C* below which a pixel is grey


def find_painted(ab: Image, paint: Image) -> Mask:
    """Return which pixels have the hue of a paint, (H, W), bool.

    Args:
        ab: a* and b*, (H, W, 2).
        paint: Display RGB, (3,), 0..1.
    """
    return np.asarray((np.hypot(ab[..., 0], ab[..., 1]) >= _CHROMA) & (hue_error(ab, paint) <= _HUE))


def distance_to(mask: Mask) -> Plane:
    """Return how far each pixel is from a mask, px, (H, W); without limit if the mask is empty.

    Args:
        mask: (H, W), bool.
    """
    if not mask.any():
        return np.full(mask.shape, np.inf, np.float32)
    return np.asarray(cv2.distanceTransform((~mask).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE))


def count_specks(result: Result, mask: Mask, truth: Image) -> list[int]:
    """Return how many pixels are violet more than each of `OFF` px off an object, without those that truly are.

    Args:
        result: The coloured frame.
        mask: Where the object is, (H, W), bool.
        truth: Display RGB of the frame, (H, W, 3), 0..1.
    """
    own = find_painted(linear_to_lab(srgb_decode(truth))[..., 1:], VIOLET)
    violet, away = find_painted(result.ab, VIOLET) & ~own, distance_to(mask)
    return [int((violet & (away > off)).sum()) for off in OFF]


def find_free_box(masks: Sequence[Mask]) -> Mask:
    """Return a box in the corner of the picture that an object covers least, (H, W), bool.

    Args:
        masks: Where the object is on each frame, (H, W), bool.
    """
    height, width = masks[0].shape
    box = np.zeros((height, width), bool)
    box[height // 20 : height // 4, width // 20 : width // 5] = True
    corners = [box, box[:, ::-1], box[::-1], box[::-1, ::-1]]
    return min(corners, key=lambda corner: sum(int(mask[corner].sum()) for mask in masks))


def measure_specks(folder: Path, frames: Sequence[Image], masks: Sequence[Mask]) -> list[int]:
    """Return how many pixels are violet more than each of `OFF` px off the object, in a shot with many patches.

    Args:
        folder: An empty folder.
        frames: Display RGB of each frame, (H, W, 3), 0..1.
        masks: Where the object is on each, (H, W), bool.
    """
    write_plate(folder, frames)
    write_picture(folder / "key.png", frames[0])
    references = {0: [folder / "key.png"]}
    box = find_free_box(masks)
    for index in range(1, len(frames) - 1):
        path = folder / f"patch.{index}.png"
        paint, cover = (VIOLET, masks[index]) if index % 2 else (GREEN, box)
        if cover.any():
            write_paint(path, paint, cover)
            references[index] = [path]
    counts = [count_specks(each, masks[each.index], frames[each.index]) for each in color(folder, references)]
    return [int(total) for total in np.sum(counts, axis=0)]


def measure_alone(folder: Path, frames: Sequence[Image], masks: Sequence[Mask]) -> tuple[list[int], float]:
    """Return how many pixels one patch makes violet more than each of `OFF` px off the object, and its share of that.

    Args:
        folder: An empty folder.
        frames: Display RGB of each frame, (H, W, 3), 0..1.
        masks: Where the object is on each, (H, W), bool.
    """
    write_plate(folder, frames)
    write_paint(folder / "patch.png", VIOLET, masks[0])
    counts, painted, object_size = [], 0, 0
    for each in color(folder, {0: [folder / "patch.png"]}, only=range(1, len(frames))):
        counts.append(count_specks(each, masks[each.index], frames[each.index]))
        painted += int((find_painted(each.ab, VIOLET) & masks[each.index]).sum())
        object_size += int(masks[each.index].sum())
    return [int(total) for total in np.sum(counts, axis=0)], painted / max(1, object_size)


def measure_gaps(folder: Path, frames: Sequence[Image], masks: Sequence[Mask]) -> dict[int, tuple[int, int]]:
    """Return for each frame but the first how many pixels at the object's edge are grey, and how many there are.

    Args:
        folder: An empty folder.
        frames: Display RGB of each frame, (H, W, 3), 0..1.
        masks: Where the object is on each, (H, W), bool.
    """
    write_plate(folder, frames)
    write_paint(folder / "around.png", BLUE, ~masks[0])
    write_paint(folder / "object.png", RED, masks[0])
    counts = {}
    for each in color(folder, {0: [folder / "around.png", folder / "object.png"]}, only=range(1, len(frames))):
        mask = masks[each.index]
        near = np.maximum(distance_to(mask), distance_to(~mask)) <= _EDGE
        counts[each.index] = int((near & (np.hypot(*np.moveaxis(each.ab, -1, 0)) < _GREY)).sum()), int(near.sum())
    return counts


def main() -> None:
    """Run a measurement, and print a Markdown table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=list(CLIPS))
    parser.add_argument(
        "--dataset", type=Path, required=True, help="a folder of clips with masks, laid out as DAVIS is"
    )
    parser.add_argument("--clips", nargs="*", help="the clips; those of docs/benchmarks if it is left out")
    parser.add_argument("--frames", type=int, help="how many frames of each (20, 14 and 9)")
    parser.add_argument("--lines", type=int, default=216, help="height of the frames in px (216)")
    parser.add_argument("--each", type=int, nargs="*", default=[], help="frames that gaps prints by themselves, from 1")
    options = parser.parse_args()
    headings = {
        "specks": [f"violet, more than {off} px off" for off in OFF],
        "alone": [*(f"violet, more than {off} px off" for off in OFF), "of the object, violet"],
        "gaps": ["grey at the edge", "of pixels", *(f"frame {frame}" for frame in options.each)],
    }[options.what]
    print(f"| clip | {' | '.join(headings)} |\n{'|---' * (len(headings) + 1)}|")
    for sequence in read_dataset(options.dataset, names=options.clips or CLIPS[options.what]):
        sized, count = sequence.with_lines(options.lines), options.frames or FRAMES[options.what]
        frames, masks = read_frames(sized, count), read_masks(sized, count)
        with tempfile.TemporaryDirectory() as folder:
            print(f"| {sequence.name} | {' | '.join(measure(options, Path(folder), frames, masks))} |", flush=True)


def measure(options: argparse.Namespace, folder: Path, frames: Sequence[Image], masks: Sequence[Mask]) -> list[str]:
    """Return the cells of a clip.

    Args:
        options: Of the command line.
        folder: An empty folder.
        frames: Display RGB of each frame, (H, W, 3), 0..1.
        masks: Where the object is on each, (H, W), bool.
    """
    if options.what == "specks":
        return [str(count) for count in measure_specks(folder, frames, masks)]
    if options.what == "alone":
        specks, share = measure_alone(folder, frames, masks)
        return [*map(str, specks), f"{100 * share:.1f} %"]
    gaps = measure_gaps(folder, frames, masks)
    grey, counted = (sum(each) for each in zip(*gaps.values(), strict=True))
    return [str(grey), str(counted), *(str(gaps[frame - 1][0]) for frame in options.each)]


if __name__ == "__main__":
    main()

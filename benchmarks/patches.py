"""Measure what a patch gains: a second keyframe of which one half is covered by its alpha, beside a whole one.

    PYTHONPATH=. python benchmarks/patches.py --dataset DIR [--clips NAME ...]

Each clip is coloured three times through the whole pipeline: from its first frame, from the first and the right half of
the last, and from both as whole keyframes. Prints the mean PSNR in dB inside of what the patch changes and outside of
it, and the share of the whole keyframe's gain inside that the patch has. Outside, nothing may change.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from keyframes import FIRST, FRAMES, read_clips, write_clip, write_color

from stcolor_core.arrays import Image
from stcolor_core.evaluation.metrics import psnr
from stcolor_core.images import plates
from stcolor_core.images.color import srgb_encode
from stcolor_core.images.frame_files import write_frame
from stcolor_core.pipeline.run import colorize
from stcolor_core.shots.output import Output
from stcolor_core.shots.pictures import Plate, Reference
from stcolor_core.shots.settings import Method
from stcolor_core.shots.shot import Shot

LAST = FIRST + FRAMES - 1


def color(folder: Path, second: str | None) -> dict[int, Image]:
    """Return the frames between the keyframes, coloured from the first and, if one is named, a second picture.

    Args:
        folder: The folder of the plate and of the keyframes.
        second: Name of the picture at the last frame; None for none.
    """
    references = [Reference(path=str(folder / "first.exr"), frame=FIRST)]
    if second is not None:
        references.append(Reference(path=str(folder / second), frame=LAST))
    shot = Shot(
        plate=Plate(path=str(folder / "plate.####.exr")),
        output=Output(path=str(folder / "out.####.exr")),
        references=tuple(references),
        method=Method(cuts="none"),
    )
    pictures = {}
    for result in colorize(shot, device="cpu", force=True):
        picture = plates.read(result.path)
        rgb = picture.pixels[..., [picture.channels.index(name) for name in "RGB"]].astype(np.float32)
        pictures[result.frame] = np.clip(srgb_encode(rgb), 0, 1)
    return {frame: picture for frame, picture in pictures.items() if FIRST < frame < LAST}


def measure(folder: Path, frames: Sequence[Image]) -> tuple[list[float], list[float]]:
    """Return the mean PSNR inside and outside of what the patch changes, each for no, half and a whole second keyframe.

    Args:
        folder: An empty folder.
        frames: The clip in colour.
    """
    write_clip(folder, frames)
    write_color(folder / "first.exr", frames[0])
    write_color(folder / "whole.exr", frames[-1])
    whole = plates.read(folder / "whole.exr")
    alpha = np.zeros(whole.pixels.shape[:2], np.float32)
    alpha[:, alpha.shape[1] // 2 :] = 1
    half = {name: (whole.pixels[..., whole.channels.index(name)] * alpha, "half") for name in "RGB"}
    write_frame(folder / "half.exr", {**half, "A": (alpha, "half")})
    one, patched, two = (color(folder, second) for second in (None, "half.exr", "whole.exr"))
    inside, outside = [], []
    for frame, picture in patched.items():
        changed = (picture != one[frame]).any(axis=-1)
        truth = frames[frame - FIRST]
        for scores, region in ((inside, changed), (outside, ~changed)):
            scores.append([psnr(truth[region][None], result[frame][region][None]) for result in (one, patched, two)])
    return [float(score) for score in np.mean(inside, axis=0)], [float(score) for score in np.mean(outside, axis=0)]


def main() -> None:
    """Run the measurement and print a line for each clip."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dataset", type=Path, required=True, help="a folder of clips, laid out as DAVIS is")
    parser.add_argument("--clips", nargs="*")
    options = parser.parse_args()
    print("| clip | inside: none | half | whole | share of the gain | outside: none | half | whole |")
    print("|---" * 8 + "|")
    for name, frames in read_clips(options.dataset, options.clips).items():
        with tempfile.TemporaryDirectory() as folder:
            inside, outside = measure(Path(folder), frames)
        share = (inside[1] - inside[0]) / (inside[2] - inside[0])
        cells = [*(f"{score:.2f}" for score in inside), f"{100 * share:.0f} %", *(f"{score:.2f}" for score in outside)]
        print(f"| {name} | " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    main()

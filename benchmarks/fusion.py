"""Compare the standard model's colours with and without fusion over time.

    PYTHONPATH=. python benchmarks/fusion.py --dataset DIR [--clips NAME ...] [--keys tenth] [--frames 30] [--every 6]

All colours come from the same walk. Prints for each clip the PSNR in dB of each frame coloured by itself and, relative
to it, fused with so many frames on either side. Then, by itself and as shipped: the expected calibration error, and the
outliers in percent that are left if the least certain fifth of the pixels is dropped.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from stcolor_core.evaluation.clip import Clip
from stcolor_core.evaluation.dataset import read_dataset
from stcolor_core.evaluation.metrics import Reliability, psnr, within_threshold
from stcolor_core.files.scratch import Scratch
from stcolor_core.images.color import lab_to_srgb
from stcolor_core.method import propagation
from stcolor_core.method.colored_frame import ColoredFrame
from stcolor_core.method.fusion import Unfused, fuse
from stcolor_core.method.propagation import Propagator
from stcolor_core.method.refinement.learned import REACH, LearnedRefinement, load_learned_refinement
from stcolor_core.models import registry
from stcolor_core.shots.settings import Method
from stcolor_core.shots.spans import plan

REACHES = (0, 1, 2, 3)
KEYS = ("first", "tenth", "first+last")


class Wide(LearnedRefinement):
    """The shipped refinement, whose frames are fused with as many neighbours as any setting needs."""

    reach = max(REACHES)


class Comparison:
    """Takes the place of `fusion.fuse`, and measures what each reach gives.

    Args:
        clip: The clip with its true colour.

    Attributes:
        figures: A row for each measured frame: PSNR in dB with each of `REACHES`.
        reliability: The confidence's reliability for each frame by itself, and as shipped.
    """

    def __init__(self, clip: Clip) -> None:
        self._clip = clip
        self.figures: list[list[float]] = []
        self.reliability = Reliability(), Reliability()

    def __call__(self, own: Unfused, before: Sequence[Unfused], after: Sequence[Unfused]) -> ColoredFrame:
        truth = self._clip.rgb[own.colored.frame]
        row = []
        for reach in REACHES:
            colored = fuse(own, before[:reach], after[:reach]) if reach else own.colored
            lab = np.dstack([colored.lightness, colored.ab])
            picture = lab_to_srgb(lab)
            row.append(psnr(picture, truth))
            if reach in (0, REACH):
                self.reliability[reach > 0].add(colored.confidence, within_threshold(truth, picture))
        self.figures.append(row)
        return own.colored


def compare(clip: Clip, keys: Sequence[int], every: int) -> Comparison:
    """Colour every n-th frame of a clip, and measure what each reach gives.

    Args:
        clip: The clip with its true colour.
        keys: Indices of the frames that are keyframes, one or two.
        every: Distance in frames from one measured frame to the next. The first is `every // 2`; keyframes are skipped.

    Returns:
        The figures of the measured frames.
    """
    shipped = load_learned_refinement()
    wide = Wide(shipped.network, confidence_head=shipped.confidence_head)
    propagator = Propagator(
        registry.build("standard", device="cpu", refinement=wide), Method(tracking="dense"), device=torch.device("cpu")
    )
    chosen = {frame for frame in range(every // 2, len(clip.rgb), every) if frame not in keys}
    comparison, own = Comparison(clip), propagation.fuse
    propagation.fuse = comparison
    try:
        for span in plan(range(len(clip.rgb)), keys, []):
            with Scratch() as scratch:
                for _ in propagator.color(span, clip, scratch, wanted=chosen.intersection(span.frames)):
                    pass
    finally:
        propagation.fuse = own
    return comparison


def main() -> None:
    """Run the measurement, and print a Markdown table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--dataset", type=Path, required=True, help="a DAVIS-like folder")
    parser.add_argument("--clips", nargs="+", help="these clips only")
    parser.add_argument("--keys", choices=KEYS, default="tenth", help="where the keyframes are")
    parser.add_argument("--frames", type=int, default=30, help="first frames of each clip")
    parser.add_argument("--every", type=int, default=6, help="measure every n-th frame")
    options = parser.parse_args()
    torch.set_num_threads(1)
    columns = ["by itself", *(f"{reach} on either side" for reach in REACHES[1:])]
    columns += ["calibration error", "outliers among the surest, %"]
    print(f"| clip | {' | '.join(columns)} |\n|{'---|' * (len(columns) + 1)}")
    rows, total = [], (Reliability(), Reliability())
    for sequence in read_dataset(options.dataset, names=options.clips):
        width, height = sequence.native_size
        size = (round(width * 216 / height), 216)
        clip = Clip.load(replace(sequence, size=size, masks=None), options.frames)
        last = len(clip.rgb) - 1
        keys = {"first": [0], "tenth": [min(9, last)], "first+last": [0, last]}[options.keys]
        found = compare(clip, keys, options.every)
        rows.append(np.mean(found.figures, axis=0))
        for whole, part in zip(total, found.reliability, strict=True):
            for name in ("count", "confidence", "correct"):
                setattr(whole, name, getattr(whole, name) + getattr(part, name))
        _print_row(sequence.name, rows[-1], found.reliability)
    _print_row("mean", np.mean(rows, axis=0), total)


def _print_row(name: str, figures: np.ndarray, reliability: tuple[Reliability, Reliability]) -> None:
    gains = " | ".join(f"{figure - figures[0]:+.3f}" for figure in figures[1:])
    errors = " to ".join(f"{each.error():.3f}" for each in reliability)
    outliers = " to ".join(f"{100 * each.outliers(dropped=0.2):.2f}" for each in reliability)
    print(f"| {name} | {figures[0]:.2f} | {gains} | {errors} | {outliers} |", flush=True)


if __name__ == "__main__":
    main()

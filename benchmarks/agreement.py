"""Compare the standard model's colours with and without the mean of the candidates that agree.

    PYTHONPATH=. python benchmarks/agreement.py --dataset DIR [--clips NAME ...] [--keys tenth] [--lines N] [--every N]

Both colours come from the same walk. Prints the PSNR in dB of each clip without that mean and, relative to it, with it,
with other tolerances, and with other kinds of candidates.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from losses import Recorder

from stcolor_core.arrays import Chroma
from stcolor_core.evaluation.clip import Clip
from stcolor_core.evaluation.dataset import read_dataset
from stcolor_core.evaluation.metrics import psnr
from stcolor_core.files.scratch import Scratch
from stcolor_core.images.color import lab_to_srgb
from stcolor_core.method.propagation import Propagator
from stcolor_core.method.refinement import Evidence
from stcolor_core.method.refinement.agreement import INDEPENDENT, TOLERANCE, average_agreeing
from stcolor_core.method.refinement.candidates import Candidates, collect_candidates
from stcolor_core.method.refinement.fixed_rule import FixedRuleRefinement
from stcolor_core.method.refinement.learned import load_learned_refinement
from stcolor_core.models import registry
from stcolor_core.shots.settings import Method
from stcolor_core.shots.spans import plan

FRAMES = 30
KEYS = {"first": [0], "tenth": [9], "first+last": [0, FRAMES - 1]}
KINDS = {
    "anywhere": ("anywhere",),
    "flow, anywhere": ("flow", "anywhere"),
    "every kind": ("flow", "reacquired", "tracked", "anywhere", "previous"),
}
TOLERANCES = (2.0, 4.0, 5.0)


def walk(clip: Clip, keys: list[int], every: int) -> Iterator[tuple[int, Evidence, Candidates]]:
    """Yield every n-th frame with its evidence and candidates.

    Args:
        clip: The clip.
        keys: Frames that are keyframes, one or two.
        every: How many frames lie between two that are yielded.
    """
    recorder = Recorder(FixedRuleRefinement())
    model = registry.build("standard", device="cpu", refinement=recorder)
    propagator = Propagator(model, Method(tracking="dense"), device=torch.device("cpu"))
    chosen = {frame for frame in range(every // 3, len(clip.rgb), every) if frame not in keys}
    for span in plan(range(len(clip.rgb)), keys, []):
        with Scratch() as scratch:
            for colored in propagator.color(span, clip, scratch, wanted=chosen.intersection(span.frames)):
                evidence, previous = recorder.last_inputs
                yield colored.frame, evidence, collect_candidates(evidence, previous)


def colors(decided: Chroma, candidates: Candidates) -> Iterator[Chroma]:
    """Yield the colour decided on, the shipped mean, and the means with other settings.

    Args:
        decided: What the network decided on, shape (H, W, 2).
        candidates: The candidates that it decided between.
    """
    yield decided
    yield average_agreeing(decided, candidates)
    for tolerance in TOLERANCES:
        yield average_agreeing(decided, candidates, tolerance=tolerance)
    for kinds in KINDS.values():
        yield average_agreeing(decided, candidates, kinds=kinds)


def compare(clip: Clip, keys: list[int], every: int) -> np.ndarray:
    """Return the PSNR of each of `colors`, mean over the frames.

    Args:
        clip: The clip.
        keys: Frames that are keyframes, one or two.
        every: How many frames lie between two that are measured.
    """
    refinement = load_learned_refinement()
    rows = []
    for frame, evidence, candidates in walk(clip, keys, every):
        none_agrees = replace(candidates, facts=np.zeros_like(candidates.facts))
        decided = refinement.decide(evidence.lightness, candidates).color(none_agrees)
        pictures = (lab_to_srgb(np.dstack([evidence.lightness, ab])) for ab in colors(decided, candidates))
        rows.append([psnr(picture, clip.rgb[frame]) for picture in pictures])
    return np.asarray(np.mean(rows, axis=0))


def main() -> None:
    """Run the measurement, and print a Markdown table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--dataset", type=Path, required=True, help="a DAVIS-like folder")
    parser.add_argument("--clips", nargs="+", help="these clips only")
    parser.add_argument("--keys", choices=KEYS, default="tenth", help="where the keyframes are")
    parser.add_argument("--lines", type=int, default=216, help="height of the pictures")
    parser.add_argument("--every", type=int, default=6, help="measure every n-th frame")
    options = parser.parse_args()
    torch.set_num_threads(1)
    names = [
        f"{', '.join(INDEPENDENT)}, {TOLERANCE:g}",
        *(f"the same, {tolerance:g}" for tolerance in TOLERANCES),
        *KINDS,
    ]
    print(f"| clip | decided | {' | '.join(names)} |\n|{'---|' * (len(names) + 2)}")
    rows = []
    for sequence in read_dataset(options.dataset, names=options.clips):
        width, height = sequence.native_size
        sized = replace(sequence, size=(round(width * options.lines / height), options.lines), masks=None)
        rows.append(compare(Clip.load(sized, FRAMES), KEYS[options.keys], options.every))
        _print_row(sequence.name, rows[-1])
    _print_row("mean", np.mean(rows, axis=0))


def _print_row(name: str, figures: np.ndarray) -> None:
    gains = " | ".join(f"{figure - figures[0]:+.3f}" for figure in figures[1:])
    print(f"| {name} | {figures[0]:.2f} | {gains} |", flush=True)


if __name__ == "__main__":
    main()

"""Divide the squared error of the standard model by cause, with the true colours known.

    PYTHONPATH=. python benchmarks/losses.py --dataset DIR [--every 3]

The tenth frame is the reference, with 30 frames a sequence, as in `stcolor evaluate --protocol tenth`. A pixel is
  right       if it is within 16 of 255 levels of the truth;
  choice      if it is wrong, but one of its candidates is right: the refinement chose the wrong one;
  fast        if all candidates are wrong, it is visible, and it has moved by more than a twentieth of the height;
  in sight    if all candidates are wrong, it is visible, and it has moved less: its light or its look has changed;
  hidden      if all candidates are wrong, and it was not visible all the way: occluded, or new.
Prints each cause's share of the pixels and of the squared error in percent, the PSNR in dB, and the PSNR of the best
candidate of every pixel.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch

from stcolor_core.arrays import Chroma, FlowField, Image, Plane
from stcolor_core.evaluation.clip import Clip
from stcolor_core.evaluation.dataset import DatasetSequence, read_dataset
from stcolor_core.files.scratch import Scratch
from stcolor_core.images.color import lab_to_linear, srgb_encode
from stcolor_core.method.propagation import Propagator
from stcolor_core.method.refinement import Evidence, Refined, Refinement, WalkState
from stcolor_core.method.refinement.candidates import collect_candidates
from stcolor_core.models import registry
from stcolor_core.shots.shot import Method
from stcolor_core.shots.spans import plan

CAUSES = ("right", "choice", "fast", "in sight", "hidden")
FRAMES, REFERENCE = 30, 9
WITHIN = 16 / 255
FAST = 1 / 20  # of the height
IN_SIGHT = 0.5


class Recorder:
    """The model's own refinement, which stores its last inputs."""

    recurrent, reach = False, 0

    def __init__(self, own: Refinement) -> None:
        self._own = own

    def refine(self, evidence: Evidence, previous: WalkState | None) -> Refined:
        self.last_inputs = evidence, previous
        return self._own.refine(evidence, previous)


def losses(clip: Clip, *, every: int) -> np.ndarray:
    """Return (frames, 12): shares of pixels and of squared error by cause, PSNR, PSNR of the best candidates.

    Args:
        clip: The clip.
        every: Look at every so many frames.
    """
    model = registry.build("standard", device="cpu")
    recorder = Recorder(model.refinement)
    model = registry.build("standard", device="cpu", refinement=recorder)
    propagator = Propagator(model, Method(tracking="dense"), device=torch.device("cpu"))
    rows = []
    for span in plan(range(len(clip.rgb)), [REFERENCE], []):
        with Scratch() as scratch:
            chosen = [frame for frame in span.frames if frame % every == 0]
            for colored in propagator.color(span, clip, scratch, wanted=chosen):
                rows.append(_row(clip, colored.frame, colored.ab, colored.displacement, *recorder.last_inputs))
    return np.array(rows)


def sequence_losses(sequence: DatasetSequence, every: int) -> list[float]:
    """Return the means over a sequence's frames; a process of its own may run this (docs/make_quality.py).

    Args:
        sequence: The sequence.
        every: Look at every so many frames.
    """
    torch.set_num_threads(1)
    return [float(value) for value in losses(Clip.load(sequence, FRAMES), every=every).mean(axis=0)]


def _row(
    clip: Clip,
    frame: int,
    ab: Chroma,
    displacement: FlowField | None,
    evidence: Evidence,
    previous: WalkState | None,
) -> list[float]:
    assert displacement is not None
    lightness, truth = clip.lightnesses[frame], clip.rgb[frame]
    own = _error(lightness, ab, truth)
    best = np.minimum.reduce(
        [_error(lightness, candidate, truth) for candidate in collect_candidates(evidence, previous).ab]
    )
    wrong, lost = own > WITHIN**2, best > WITHIN**2
    seen = evidence.flows[0].visibility > IN_SIGHT
    far = np.linalg.norm(displacement, axis=-1) > FAST * len(lightness)
    causes = (~wrong, wrong & ~lost, wrong & lost & seen & far, wrong & lost & seen & ~far, wrong & lost & ~seen)
    pixels = [100 * float(cause.mean()) for cause in causes]
    squares = [100 * float(own[cause].sum() / own.sum()) for cause in causes]
    return [*pixels, *squares, _psnr(own), _psnr(best)]


def _error(lightness: Plane, ab: Chroma, truth: Image) -> Plane:
    """Return the squared distance in RGB of 0..1, shape (H, W)."""
    picture = srgb_encode(np.clip(lab_to_linear(np.dstack([lightness, ab])), 0, 1))
    return np.asarray(np.square(picture - truth).sum(-1))


def _psnr(error: Plane) -> float:
    return float(-10 * np.log10(error.mean() / 3))


def main() -> None:
    """Run the measurement, and print a Markdown table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--dataset", type=Path, required=True, help="a DAVIS-like folder")
    parser.add_argument("--every", type=int, default=3, help="take every n-th frame")
    options = parser.parse_args()
    columns = [*(f"{cause}, pixels %" for cause in CAUSES), *(f"{cause}, error %" for cause in CAUSES), "dB", "best dB"]
    print(f"| sequence | {' | '.join(columns)} |\n|---|{'---|' * len(columns)}")
    means = []
    for sequence in read_dataset(options.dataset):
        means.append(sequence_losses(sequence, options.every))
        print(f"| {sequence.name} | {' | '.join(f'{value:.1f}' for value in means[-1])} |", flush=True)
    print(f"| mean | {' | '.join(f'{value:.1f}' for value in np.mean(means, axis=0))} |")


if __name__ == "__main__":
    main()

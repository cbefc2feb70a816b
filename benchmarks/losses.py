"""Divide the squared error of the standard model by cause, with the true colours known.

    PYTHONPATH=. python benchmarks/losses.py --dataset DIR [--every 3] [--references 0 -1] [--frames 50] [--clips ...]

By default the tenth frame is the reference, with 30 frames a sequence, as in `stcolor evaluate --protocol tenth`;
`--references 0 --frames 50` are those of `first-whole`, `--references 0 -1 --frames 50` of `first+last`. A pixel is
  right       if it is within 16 of 255 levels of the truth;
  choice      if it is wrong, but one of its candidates is right: the refinement chose the wrong one;
  fast        if all candidates are wrong, it is visible on the way from a reference, and has moved by more than a
              twentieth of the height;
  in sight    if all candidates are wrong, it is visible, and it has moved less: its light or its look has changed;
  hidden      if all candidates are wrong, and it was not visible all the way from any: occluded, or new.
Prints each cause's share of the pixels and of the squared error in percent, the PSNR in dB, the PSNR of the best
candidate of every pixel, and how much is left neutral: has a chroma below 3 where the truth's is above 8. `--kinds`
adds how much of the squared error of the wrong pixels each kind of candidate has right, and splits each sequence by the
distance to the nearest reference.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from stcolor_core.arrays import Chroma, Image, Plane
from stcolor_core.evaluation.clip import Clip
from stcolor_core.evaluation.dataset import DatasetSequence, read_dataset
from stcolor_core.files.scratch import Scratch
from stcolor_core.images.color import lab_to_srgb
from stcolor_core.method.propagation import Propagator
from stcolor_core.method.refinement import Evidence, Refined, Refinement, WalkState
from stcolor_core.method.refinement.candidates import FACTS, collect_candidates
from stcolor_core.models import registry
from stcolor_core.shots.settings import Method
from stcolor_core.shots.spans import plan

CAUSES = ("right", "choice", "fast", "in sight", "hidden")
KINDS = ("flow", "reacquired", "tracked", "anywhere", "previous")
GAPS = (1, 10, 20, 30, 50)  # frames: limits of the classes of distance to the reference
FRAMES, REFERENCE = 30, 9
WITHIN = 16 / 255
FAST = 1 / 20  # of the height
IN_SIGHT = 0.5
NEUTRAL, COLORFUL = 3, 8  # chroma of a pixel that is left neutral, and the least of its true colour


class Recorder:
    """The model's own refinement, which stores its last inputs.

    Args:
        own: The model's refinement.

    Attributes:
        recurrent: False, as in `Refinement`.
        reach: 0, as in `Refinement`: frames are not fused with their neighbours.
        last_inputs: Evidence and walk state of the last call of `refine`.
    """

    recurrent, reach = False, 0

    def __init__(self, own: Refinement) -> None:
        self._own = own

    def refine(self, evidence: Evidence, previous: WalkState | None) -> Refined:
        """Store the inputs, and refine as the model itself does.

        Args:
            evidence: The evidence for the frame's colour.
            previous: State of the frame before on the walk; None if there is none.

        Returns:
            The frame's colour, at working size.
        """
        self.last_inputs = evidence, previous
        return self._own.refine(evidence, previous)


def losses(clip: Clip, *, every: int, references: Sequence[int] = (REFERENCE,)) -> dict[int, list[float]]:
    """Return 19 values of each frame: shares of pixels and of squared error by cause, PSNR, PSNR of the best colours.

    Two follow for what is left neutral, its shares of pixels and of squared error. The last five are the shares of the
    squared error that lie in wrong pixels which a candidate of each kind has right.

    Args:
        clip: The clip.
        every: Look at every so many frames.
        references: Indices of the frames that are the keyframes.
    """
    model = registry.build("standard", device="cpu")
    recorder = Recorder(model.refinement)
    model = registry.build("standard", device="cpu", refinement=recorder)
    propagator = Propagator(model, Method(tracking="dense"), device=torch.device("cpu"))
    rows = {}
    for span in plan(range(len(clip.rgb)), references, []):
        with Scratch() as scratch:
            chosen = [frame for frame in span.frames if frame % every == 0 and frame not in references]
            for colored in propagator.color(span, clip, scratch, wanted=chosen):
                row = _row(clip, colored.frame, colored.ab, *recorder.last_inputs)
                rows[colored.frame] = row
    return rows


def sequence_losses(
    sequence: DatasetSequence, every: int, references: Sequence[int] = (REFERENCE,), frames: int = FRAMES
) -> list[float]:
    """Return the means of the first 14 values over a sequence's frames; docs/make_quality.py runs this in processes.

    Args:
        sequence: The sequence.
        every: Look at every so many frames.
        references: Indices of the frames that are the keyframes; negative ones count from the end.
        frames: How many frames of the sequence are used.
    """
    torch.set_num_threads(1)
    clip = Clip.load(sequence, frames)
    keys = sorted({reference % len(clip.rgb) for reference in references})
    rows = list(losses(clip, every=every, references=keys).values())
    return [float(value) for value in np.mean(rows, axis=0)[: -len(KINDS)]]


def _row(
    clip: Clip,
    frame: int,
    ab: Chroma,
    evidence: Evidence,
    previous: WalkState | None,
) -> list[float]:
    lightness, truth = clip.lightnesses[frame], clip.rgb[frame]
    own = _error(lightness, ab, truth)
    candidates = collect_candidates(evidence, previous)
    errors = np.stack([_error(lightness, candidate, truth) for candidate in candidates.ab])
    best = errors.min(0)
    wrong, lost = own > WITHIN**2, best > WITHIN**2
    tracked = [flow for flow in evidence.flows if not flow.reacquired]
    visibility = np.stack([flow.visibility for flow in tracked])
    moved = np.stack([np.linalg.norm(flow.displacement, axis=-1) for flow in tracked])
    seen = visibility.max(0) > IN_SIGHT
    far = np.take_along_axis(moved, visibility.argmax(0)[None], axis=0)[0] > FAST * len(lightness)
    causes = (~wrong, wrong & ~lost, wrong & lost & seen & far, wrong & lost & seen & ~far, wrong & lost & ~seen)
    pixels = [100 * float(cause.mean()) for cause in causes]
    squares = [100 * float(own[cause].sum() / own.sum()) for cause in causes]
    neutral = (np.hypot(*np.moveaxis(ab, 2, 0)) < NEUTRAL) & (np.hypot(*np.moveaxis(clip.ab[frame], 2, 0)) > COLORFUL)
    left = [100 * float(neutral.mean()), 100 * float(own[neutral].sum() / own.sum())]
    of_kind = [candidates.facts[:, FACTS.index(kind)] > 0 for kind in KINDS]
    right = [wrong & (errors[kind] <= WITHIN**2).any(0) for kind in of_kind]
    return [
        *pixels,
        *squares,
        _psnr(own),
        _psnr(best),
        *left,
        *(100 * float(own[kind].sum() / own.sum()) for kind in right),
    ]


def _error(lightness: Plane, ab: Chroma, truth: Image) -> Plane:
    """Return the squared distance in RGB of 0..1, shape (H, W)."""
    picture = lab_to_srgb(np.dstack([lightness, ab]))
    return np.asarray(np.square(picture - truth).sum(-1))


def _psnr(error: Plane) -> float:
    return float(-10 * np.log10(error.mean() / 3))


def _print_row(name: str, values: np.ndarray) -> None:
    print(f"| {name} | {' | '.join(f'{value:.1f}' for value in values)} |", flush=True)


def main() -> None:
    """Run the measurement, and print a Markdown table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--dataset", type=Path, required=True, help="a DAVIS-like folder")
    parser.add_argument("--clips", nargs="+", help="these clips only")
    parser.add_argument("--every", type=int, default=3, help="take every n-th frame")
    parser.add_argument(
        "--references", type=int, nargs="+", default=[REFERENCE], help="indices of the keyframes; negative from the end"
    )
    parser.add_argument("--frames", type=int, default=FRAMES, help="take so many frames of each clip")
    parser.add_argument("--kinds", action="store_true", help="show which kinds of candidates are right, and distances")
    options = parser.parse_args()
    if any(not -options.frames <= reference < options.frames for reference in options.references):
        parser.error(f"--references {options.references} are not all among the first --frames {options.frames}")
    torch.set_num_threads(1)
    columns = [*(f"{cause}, pixels %" for cause in CAUSES), *(f"{cause}, error %" for cause in CAUSES), "dB", "best dB"]
    columns += ["left neutral, pixels %", "left neutral, error %"]
    columns += [f"{kind} right, error %" for kind in KINDS] if options.kinds else []
    print(f"| sequence | {' | '.join(columns)} |\n|---|{'---|' * len(columns)}")
    means = []
    for sequence in read_dataset(options.dataset, names=options.clips):
        clip = Clip.load(sequence, options.frames)
        references = sorted({reference % len(clip.rgb) for reference in options.references})
        rows = {
            frame: row[: len(columns)]
            for frame, row in losses(clip, every=options.every, references=references).items()
        }
        if not rows:
            parser.error(f"no frame of {sequence.name} is left to measure: give a smaller --every or more --frames")
        means.append(np.mean(list(rows.values()), axis=0))
        _print_row(sequence.name, means[-1])
        for low, high in zip(GAPS, GAPS[1:], strict=False) if options.kinds else ():
            part = [row for frame, row in rows.items() if low <= min(abs(frame - key) for key in references) < high]
            if part:
                _print_row(f"{low} to {high - 1} frames away", np.mean(part, axis=0))
    _print_row("mean", np.mean(means, axis=0))


if __name__ == "__main__":
    main()

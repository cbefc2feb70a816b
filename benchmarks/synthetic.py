"""Measure the standard model on clips with known motion and occlusion: error, and flicker along the true motion.

    PYTHONPATH=. python benchmarks/synthetic.py --footage DIR [--clips 6] [--frames 24] [--seed 1]

Each clip has a picture of the footage as its background and one to four objects from other pictures
(`evaluation/synthetic.py`), 384 x 216, and is coloured from its first frame. Prints for each clip
  PSNR       in dB: of all pixels; of pixels whose surface was visible in all frames since the first; of pixels whose
             surface was hidden, came in from outside, or lies on an object's soft edge;
  outliers   in percent: pixels farther than 16 of 255 levels from the truth;
  flicker    mean change of a* and b* along the true motion of visible pixels: of the truth, which has grain like a
             camera's, of the result, and their ratio (the goal is at most 1.1); then the ratio for surfaces that were
             visible in all frames since the first, and for the others.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import torch

from stcolor_core.arrays import Mask
from stcolor_core.evaluation import dataset
from stcolor_core.evaluation.metrics import flicker_along, outliers, psnr
from stcolor_core.evaluation.synthetic import BACKGROUND_SCALE, SyntheticClip, make_synthetic_clip
from stcolor_core.evaluation.variants import color_clip
from stcolor_core.images.color import lab_to_srgb
from stcolor_core.method.tracking.flow import sample

SIZE = (384, 216)
MOST_OBJECTS = 4
COLUMNS = (
    *("dB", "in sight, dB", "hidden or new, dB", "outliers %"),
    *("flicker of the truth", "of the result", "ratio", "in sight", "hidden or new"),
)


def make_clip(
    footage: Sequence[dataset.DatasetSequence], *, frames: int, grain: float, generator: np.random.Generator
) -> SyntheticClip:
    """Return a clip of pictures from different sequences, with the first one as its background.

    Args:
        footage: The sequences, of which some are drawn.
        frames: Length of the clip.
        grain: Standard deviation of the grain, in L*.
        generator: Draws sequences, pictures and motion.
    """
    chosen = [
        footage[index] for index in generator.permutation(len(footage))[: 1 + generator.integers(1, MOST_OBJECTS + 1)]
    ]
    pictures = [sequence.rgb(int(generator.integers(0, len(sequence)))) for sequence in chosen]
    return make_synthetic_clip(
        pictures, size=SIZE, count=frames, objects=len(pictures) - 1, generator=generator, grain=grain
    )


def measure(synthetic: SyntheticClip) -> np.ndarray:
    """Return the figures of `COLUMNS`, as means over the clip's frames without the first.

    Args:
        synthetic: The clip with its true motion.
    """
    clip = synthetic.clip
    colours = {0: clip.ab[0]}
    colours.update((frame, ab) for frame, ab, _ in color_clip(clip, (0,), "standard", device=torch.device("cpu")))
    rows = []
    for frame, seen in enumerate(_visible_since_first(synthetic), start=1):
        truth, visible = clip.rgb[frame], synthetic.visible[frame - 1]
        picture = lab_to_srgb(np.dstack([clip.lightnesses[frame], colours[frame]]))
        errors = [psnr(truth, picture, mask) for mask in (None, seen, ~seen)]
        pairs = [(source[frame - 1], source[frame]) for source in (clip.ab, colours)]
        masks = (visible, visible & seen, visible & ~seen)
        changes = [flicker_along(synthetic.backward[frame - 1], mask, *pairs) for mask in masks]
        rows.append((*errors, 100 * outliers(truth, picture), *np.ravel(changes)))
    means = np.nanmean(rows, axis=0)
    return np.concatenate([means[:6], means[5::2] / means[4::2]])


def _visible_since_first(synthetic: SyntheticClip) -> Iterator[Mask]:
    """Yield (H, W) bool for each frame after the first: visible in all frames since the first."""
    seen = np.ones_like(synthetic.visible[0])
    for backward, visible in zip(synthetic.backward, synthetic.visible, strict=True):
        seen = visible & (sample(seen.astype(np.float32), backward) > 0.5)
        yield seen


def main() -> None:
    """Run the measurement, and print a Markdown table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument(
        "--footage", type=Path, required=True, help="a folder of clips, each a folder of pictures or a movie"
    )
    parser.add_argument("--clips", type=int, default=6)
    parser.add_argument("--frames", type=int, default=24)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--grain", type=float, default=1.0, help="sigma of each frame's noise, of 255 (%(default)s)")
    options = parser.parse_args()
    width, height = (round(BACKGROUND_SCALE * side) for side in SIZE)
    footage = dataset.read_dataset(options.footage, width=width, height=height)
    print(f"| clip | {' | '.join(COLUMNS)} |\n|---|{'---|' * len(COLUMNS)}")
    rows = []
    for number in range(options.clips):
        generator = np.random.default_rng([options.seed, number])
        rows.append(measure(make_clip(footage, frames=options.frames, grain=options.grain / 255, generator=generator)))
        print(f"| {number + 1} | {' | '.join(f'{value:.2f}' for value in rows[-1])} |", flush=True)
    print(f"| mean | {' | '.join(f'{value:.2f}' for value in np.mean(rows, axis=0))} |")


if __name__ == "__main__":
    main()

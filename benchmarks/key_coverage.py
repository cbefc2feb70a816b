"""Fit the regression of method/key_coverage.py to shots of known colour, and hold each shot out once.

    PYTHONPATH=. python benchmarks/key_coverage.py --dataset DIR --clips NAME:KEY ... [--frames 36]

Each clip is coloured from the frame KEY alone (from 0). Prints, for each clip, the share of its pixels that is right,
the share that a regression on the other clips expects, and how the two correlate over the cells; then the coefficients,
in the order of MEASURES, and the intercept.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from stcolor_core.evaluation.clip import Clip
from stcolor_core.evaluation.dataset import DatasetSequence, read_dataset
from stcolor_core.evaluation.metrics import within_threshold
from stcolor_core.evaluation.variants import color_clip
from stcolor_core.images.color import lab_to_srgb
from stcolor_core.method.key_coverage import GRID, MEASURES, measure_views, shrink

_STEPS = 30  # of Newton's method
_RIDGE = 1e-3

Samples = tuple[NDArray[np.float64], NDArray[np.float64]]
"""Measures of cells, (N, M), and the share of each cell's pixels that is right, (N,)."""


def sample(sequence: DatasetSequence, key: int, frames: int) -> Samples:
    """Return the cells of a clip that is coloured from one frame.

    Args:
        sequence: The clip, with its true colour.
        key: Index of the keyframe, below `frames`.
        frames: How many of the clip's first frames to use.

    Returns:
        The cells of all frames but the keyframe; M is the number of `MEASURES`.
    """
    clip = Clip.load(sequence, frames)
    pictures = [shrink(lightness) for lightness in clip.lightnesses]
    ((_, measures, _),) = measure_views(pictures, [key], np.arange(len(pictures)))
    cells, right = [], []
    for frame, ab, _ in color_clip(clip, (key,), "standard", device=torch.device("cpu")):
        picture = lab_to_srgb(np.dstack([clip.lightnesses[frame], ab]))
        correct = within_threshold(clip.rgb[frame], picture).astype(np.float32)
        right.append(cv2.resize(correct, GRID[::-1], interpolation=cv2.INTER_AREA).ravel())
        cells.append(measures[frame].reshape(-1, len(MEASURES)))
    return np.concatenate(cells).astype(float), np.concatenate(right).astype(float)


def fit(measures: NDArray[np.float64], right: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the coefficients and the intercept of a logistic regression, found by Newton's method.

    Args:
        measures: Measures of cells, shape (N, M).
        right: Share of each cell's pixels that is right, shape (N,), 0..1.

    Returns:
        The M coefficients, then the intercept, shape (M + 1,).
    """
    rows = np.c_[measures, np.ones(len(measures))]
    weights = np.zeros(rows.shape[1])
    for _ in range(_STEPS):
        expected = 1 / (1 + np.exp(-rows @ weights))
        curvature = (rows * (expected * (1 - expected))[:, None]).T @ rows + _RIDGE * np.eye(len(weights))
        weights += np.linalg.solve(curvature, rows.T @ (right - expected))
    return weights


def main() -> None:
    """Fit and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--dataset", type=Path, required=True, help="a DAVIS-like folder")
    parser.add_argument("--clips", nargs="+", required=True, metavar="NAME:KEY")
    parser.add_argument("--frames", type=int, default=36)
    options = parser.parse_args()
    torch.set_num_threads(1)
    samples: dict[str, Samples] = {}
    for text in options.clips:
        name, _, key = text.rpartition(":")
        (sequence,) = read_dataset(options.dataset, names=[name])
        samples[name] = sample(sequence, int(key), options.frames)
    for name, (measures, right) in samples.items():
        others = [each for other, each in samples.items() if other != name]
        if others:
            weights = fit(*(np.concatenate(part) for part in zip(*others, strict=True)))
            expected = 1 / (1 + np.exp(-(measures @ weights[:-1] + weights[-1])))
            correlation = np.corrcoef(expected, right)[0, 1]
            print(f"{name:<40} {right.mean():.3f} expected {expected.mean():.3f} correlation {correlation:.2f}")
    print(np.round(fit(*(np.concatenate(part) for part in zip(*samples.values(), strict=True))), 3).tolist())


if __name__ == "__main__":
    main()

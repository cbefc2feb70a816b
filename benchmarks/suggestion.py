"""Compare the keyframe that the panel suggests, by the frames' average confidence, with one in the middle of the shot.

    PYTHONPATH=. python benchmarks/suggestion.py --dataset DIR [--frames 50]

Each sequence is coloured from its first frame alone, then with the suggested frame as a second keyframe, and with the
middle frame as one. Prints PSNR in dB over the frames that are a keyframe in none of the three, the expected gain
(share of pixels corrected) and the actual one.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from stcolor_core.arrays import Image
from stcolor_core.evaluation.clip import Clip
from stcolor_core.evaluation.dataset import read_dataset
from stcolor_core.evaluation.metrics import psnr, within_threshold
from stcolor_core.evaluation.variants import color_clip
from stcolor_core.images.color import lab_to_srgb
from stcolor_core.shots.suggestion import suggest_keyframes

CPU = torch.device("cpu")


def colored(clip: Clip, keys: Sequence[int]) -> tuple[dict[int, Image], dict[int, float]]:
    """Return the sRGB picture and the mean confidence of every frame; a keyframe is its true picture.

    Args:
        clip: The clip with its true colour.
        keys: Indices of the keyframes.
    """
    pictures, confidences = {key: clip.rgb[key] for key in keys}, dict.fromkeys(keys, 1.0)
    for frame, ab, confidence in color_clip(clip, keys, "standard", device=CPU):
        pictures[frame] = lab_to_srgb(np.dstack([clip.lightnesses[frame], ab]))
        confidences[frame] = float(np.mean(confidence))
    return pictures, confidences


def quality(clip: Clip, pictures: dict[int, Image], frames: Sequence[int]) -> float:
    """Return the mean PSNR in dB over some frames.

    Args:
        clip: The clip with its true colour.
        pictures: The coloured clip: sRGB by frame, each (H, W, 3), 0..1.
        frames: Indices of the frames that count; all must be in `pictures`.
    """
    return float(np.mean([psnr(clip.rgb[frame], pictures[frame]) for frame in frames]))


def correct_share(clip: Clip, pictures: dict[int, Image]) -> float:
    """Return the share of pixels within 16 of 255 levels of the truth, 0..1: the mean over the frames in `pictures`.

    Args:
        clip: The clip with its true colour.
        pictures: The coloured clip: sRGB by frame, each (H, W, 3), 0..1; keyframes among them count as right.
    """
    return float(np.mean([within_threshold(clip.rgb[frame], picture).mean() for frame, picture in pictures.items()]))


def main() -> None:
    """Run the measurement, and print a line for each sequence."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--dataset", type=Path, required=True, help="a DAVIS-like folder")
    parser.add_argument("--frames", type=int, default=50)
    options = parser.parse_args()
    torch.set_num_threads(1)
    rows = []
    print(f"{'sequence':<16} frame   one key   middle  suggested  expected % actual %")
    for sequence in read_dataset(options.dataset):
        clip = Clip.load(sequence, options.frames)
        first, confidences = colored(clip, (0,))
        suggestions = suggest_keyframes(confidences, (0,), limit=1)
        if not suggestions:
            print(f"{sequence.name:<16} none")
            continue
        key, middle = suggestions[0].frame, len(clip.rgb) // 2
        results = {second: first if second == 0 else colored(clip, (0, second))[0] for second in {0, middle, key}}
        frames = [frame for frame in range(len(clip.rgb)) if frame not in (0, middle, key)]
        scores = [quality(clip, results[second], frames) for second in (0, middle, key)]
        actual = correct_share(clip, results[key]) - correct_share(clip, first)
        rows.append((*scores, 100 * suggestions[0].gain, 100 * actual))
        print(f"{sequence.name:<16} {key:5} " + " ".join(f"{value:9.2f}" for value in rows[-1]), flush=True)
    print(f"{'mean':<22} " + " ".join(f"{value:9.2f}" for value in np.mean(rows, axis=0)))


if __name__ == "__main__":
    main()

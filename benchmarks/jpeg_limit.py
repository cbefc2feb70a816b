"""Measure what a JPEG takes from a keyframe, and how much of it the plate's L* could give back at best.

    PYTHONPATH=. python benchmarks/jpeg_limit.py --dataset DIR [--clips NAME ...] [--quality 60] [--lines 216]

Prints for the first frame of each clip, recomposed with the plate's L*, the PSNR in dB as it comes, once cleaned, and
with the detail of L* added by the slope of chroma on L* that the truth has around each pixel. No cleaning that takes
chroma to follow L* linearly around a pixel (chroma from luma, guided filters) can do better than the last.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import cv2
import numpy as np

from stcolor_core.arrays import Chroma, Image, Plane
from stcolor_core.evaluation.dataset import read_dataset
from stcolor_core.images.color import lab_to_linear, linear_to_lab, srgb_decode, srgb_encode
from stcolor_core.method.registration.cleaning import clean_chroma
from stcolor_core.training.key_damage import compress_jpeg

_DETAIL, _AROUND = 4.0, 8.0  # px: sigma above which L* is no detail, and of the window of the slope
_LEAST = 1e-3  # L*^2, the regularisation of the slope


def main() -> None:
    """Run the measurement, and print a Markdown table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--dataset", type=Path, required=True, help="a folder of clips, laid out as DAVIS is")
    parser.add_argument("--clips", nargs="*", default=["blackswan", "car-roundabout", "dance-twirl", "dog"])
    parser.add_argument("--quality", type=int, default=60, help="of JPEG, with chroma at half size (60)")
    parser.add_argument("--lines", type=int, default=216, help="height of the pictures in px (216)")
    options = parser.parse_args()
    print("| clip | as it comes | cleaned | with the truth's own slopes |\n|---|---|---|---|")
    for clip in read_dataset(options.dataset, names=options.clips):
        picture = np.asarray(clip.with_lines(options.lines).rgb(0), np.float32)
        truth, key = (_to_lab(each) for each in (picture, compress_jpeg(picture, options.quality)))
        lightness, ab = np.ascontiguousarray(truth[..., 0]), truth[..., 1:]
        cleaned = clean_chroma(key, lightness)
        best = _with_true_slopes(cleaned, ab, lightness)
        figures = [_psnr(lightness, each, ab) for each in (key[..., 1:], cleaned, best)]
        print(f"| {clip.name} | {' | '.join(f'{figure:.2f}' for figure in figures)} |")


def _to_lab(picture: Image) -> Image:
    return np.asarray(linear_to_lab(srgb_decode(picture).astype(np.float32)), np.float32)


def _with_true_slopes(cleaned: Chroma, truth: Chroma, lightness: Plane) -> Chroma:
    """Return chroma with the detail of L* added, by least squares of what is missing around each pixel."""
    detail = lightness - cv2.GaussianBlur(lightness, (0, 0), _DETAIL)
    missing = (truth - cleaned) * detail[..., None]
    slope = cv2.GaussianBlur(missing, (0, 0), _AROUND)
    slope /= cv2.GaussianBlur(detail * detail, (0, 0), _AROUND)[..., None] + _LEAST
    return np.asarray(cleaned + slope * detail[..., None], np.float32)


def _psnr(lightness: Plane, ab: Chroma, truth: Chroma) -> float:
    own, true = (srgb_encode(np.clip(lab_to_linear(np.dstack([lightness, chroma])), 0, 1)) for chroma in (ab, truth))
    return float(-10 * np.log10(np.square(own - true).mean()))


if __name__ == "__main__":
    main()

"""Measure one method on one clip: colour its frames, and compare them with the truth."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray

from stcolor_core.arrays import Chroma, Image, Plane
from stcolor_core.evaluation import color_metrics, perceptual
from stcolor_core.evaluation.clip import Clip
from stcolor_core.evaluation.metrics import (
    Reliability,
    flicker,
    mean_chroma_ratio,
    outlier_curve,
    psnr,
    within_threshold,
)
from stcolor_core.evaluation.variants import color_clip
from stcolor_core.images.color import lab_to_srgb

__all__ = [
    "THRESHOLDS",
    "ColoredPicture",
    "Measurement",
    "Score",
    "color_pictures",
    "measure_pictures",
    "nanmean",
]

THRESHOLDS = tuple(range(1, 33))
"""Distances from the truth, in levels of 255, at which outliers are counted (Akimoto et al. 2020, Fig. 11)."""

_OUTLIER = THRESHOLDS.index(16)
_DROPPED = 0.2  # share of the pixels: those of least confidence

ColoredPicture: TypeAlias = tuple[int, Image, Chroma, Plane | None]
"""Frame index, display RGB (H, W, 3) 0..1, a* and b* (H, W, 2), and confidence (H, W) or None."""


@dataclass(frozen=True)
class Score:
    """Means over the frames of a clip that are not references. NaN if a figure is not known.

    Attributes:
        full: PSNR in dB over all pixels.
        inner: PSNR in dB inside the mask; NaN without masks.
        outer: PSNR in dB outside the mask; NaN without masks.
        outliers: Pixels that are more than 16 of 255 levels off, in %.
        kept: Outliers among the 80 % of the pixels with the highest confidence, in % of all; NaN without confidence.
        calibration: Expected calibration error of the confidence, 0..1; NaN without confidence.
        chroma: Mean chroma divided by the truth's.
        flicker: Change of colour along the motion, divided by the truth's.
        seconds: Time for a frame, in s.
        ciede2000: Mean CIEDE2000; NaN without scikit-image, as the next two.
        ciede2000_p90: Its 90th percentile over a frame's pixels.
        ssim: Structural similarity, -1..1.
        ab_psnr: PSNR in dB of a* and b* alone.
        colorfulness: Colourfulness of Hasler and Suesstrunk.
        true_colorfulness: The same of the truth.
        cdc: Colour distribution consistency over all frames of the clip, its references among them.
        true_cdc: The same of the truth.
        lpips: Perceptual distance LPIPS, 0 for equal; NaN without its weights.
        wrapped_uint8_psnr: What scripts print that compute PSNR in unsigned bytes; no PSNR.
    """

    full: float
    inner: float
    outer: float
    outliers: float
    kept: float
    calibration: float
    chroma: float
    flicker: float
    seconds: float
    ciede2000: float
    ciede2000_p90: float
    ssim: float
    ab_psnr: float
    colorfulness: float
    true_colorfulness: float
    cdc: float
    true_cdc: float
    lpips: float
    wrapped_uint8_psnr: float


@dataclass(frozen=True, eq=False)
class Measurement:
    """All that is measured of a method on a clip.

    Attributes:
        score: The figures.
        curve: Share of outliers at each of `THRESHOLDS`, the mean over frames, (32,), 0..1.
        reliability: How often pixels of each confidence are correct; empty if the method has no confidence.
        frames: How many frames were measured.
        features: Features of the true and of the coloured frames for the FID, (2, N, 2048); None without its weights.
    """

    score: Score
    curve: NDArray[np.float64]
    reliability: Reliability
    frames: int
    features: NDArray[np.float32] | None = None


def color_pictures(
    clip: Clip, references: Sequence[int], variant: str, *, device: torch.device
) -> Iterator[ColoredPicture]:
    """Yield every frame that is not a reference as a picture, in any order.

    Args:
        clip: The clip with its true colour.
        references: Frame indices that take their true colour.
        variant: See `variants`.
        device: Device that a model runs on.

    Raises:
        BadRequest: If the variant is unknown, or blends without two references.
    """
    for index, ab, confidence in color_clip(clip, references, variant, device=device):
        picture = lab_to_srgb(np.dstack([clip.lightnesses[index], ab]))
        yield index, picture, ab, confidence


def measure_pictures(
    clip: Clip, references: Sequence[int], pictures: Iterable[ColoredPicture], *, device: torch.device
) -> Measurement:
    """Return how close the coloured frames of a clip are to the truth.

    Args:
        clip: The clip with its true colour.
        references: Frame indices that took their true colour.
        pictures: The other frames, in any order. The time that each takes to arrive is part of the score.
        device: Device of the networks of LPIPS and FID, if they were added.
    """
    rows, curve, changes, reliability = [], [], [], Reliability()
    colors: dict[int, Chroma] = {}
    histograms = {index: color_metrics.color_histograms(clip.rgb[index]) for index in references}
    features: list[list[NDArray[np.float32]]] = []
    seconds, start = 0.0, time.perf_counter()
    for index, picture, ab, confidence in pictures:
        seconds += time.perf_counter() - start
        truth = clip.rgb[index]
        curve.append(outlier_curve(truth, picture, THRESHOLDS))
        rows.append(_frame_figures(clip, index, picture, ab, device=device))
        if perceptual.has_weights("fid"):
            features.append([perceptual.inception_features(rgb, device=device) for rgb in (truth, picture)])
        colors[index], histograms[index] = ab, color_metrics.color_histograms(picture)
        for before in {index - 1, index + 1}.intersection(colors):
            pair = (clip.ab[before], clip.ab[index]), (colors[before], ab)
            changes.append(flicker(clip.lightnesses[before], clip.lightnesses[index], *pair))
        if confidence is not None:
            reliability.add(confidence, within_threshold(truth, picture))
        start = time.perf_counter()
    means = {name: nanmean([row[name] for row in rows]) for name in rows[0]}
    has_confidence = bool(reliability.count.any())
    true_change, own_change = np.sum(changes, axis=0) if changes else (0.0, 0.0)
    score = Score(
        **means,
        outliers=100 * float(np.mean(curve, axis=0)[_OUTLIER]),
        kept=100 * reliability.outliers(dropped=_DROPPED) if has_confidence else np.nan,
        calibration=reliability.error() if has_confidence else np.nan,
        flicker=own_change / true_change if true_change else np.nan,
        seconds=seconds / len(rows),
        cdc=color_metrics.color_distribution_consistency([histograms[index] for index in sorted(histograms)]),
        true_cdc=color_metrics.color_distribution_consistency([*map(color_metrics.color_histograms, clip.rgb)]),
    )
    return Measurement(
        score, np.mean(curve, axis=0), reliability, len(rows), np.array(features).swapaxes(0, 1) if features else None
    )


def nanmean(values: Sequence[float]) -> float:
    """Return the mean of the values that are not NaN; NaN if there are none.

    Args:
        values: Any numbers.
    """
    known = [value for value in values if not np.isnan(value)]
    return float(np.mean(known)) if known else float("nan")


def _frame_figures(clip: Clip, index: int, picture: Image, ab: Chroma, *, device: torch.device) -> dict[str, float]:
    """Return the figures of `Score` that describe one frame."""
    truth, mask = clip.rgb[index], None if clip.masks is None else clip.masks[index]
    difference = (np.nan,) * 3
    if color_metrics.has_scikit_image():
        difference = (*color_metrics.ciede2000(truth, picture), color_metrics.ssim(truth, picture))
    return {
        "full": psnr(truth, picture),
        "inner": np.nan if mask is None else psnr(truth, picture, mask),
        "outer": np.nan if mask is None else psnr(truth, picture, ~mask),
        "chroma": mean_chroma_ratio(clip.ab[index], ab),
        "ciede2000": difference[0],
        "ciede2000_p90": difference[1],
        "ssim": difference[2],
        "ab_psnr": color_metrics.ab_psnr(clip.ab[index], ab),
        "colorfulness": color_metrics.colorfulness(picture),
        "true_colorfulness": color_metrics.colorfulness(truth),
        "lpips": perceptual.lpips(truth, picture, device=device) if perceptual.has_weights("lpips") else np.nan,
        "wrapped_uint8_psnr": color_metrics.wrapped_uint8_psnr(truth, picture),
    }

"""Measures that other papers print: colour difference, structure, colourfulness and steadiness of a picture's colours.

Each describes one frame, or one clip where its docstring says so. `metrics` has the measures of Akimoto et al. 2020.
CIEDE2000 and SSIM come from scikit-image (`pip install "stcolor[evaluation]"`).
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec

import numpy as np
from numpy.typing import NDArray

from stcolor_core.arrays import ByteImage, Chroma, Image
from stcolor_core.evaluation.metrics import eight_bit
from stcolor_core.images.color import linear_to_lab, srgb_decode

__all__ = [
    "CDC_LAGS",
    "ab_psnr",
    "ciede2000",
    "color_distribution_consistency",
    "color_histograms",
    "colorfulness",
    "has_scikit_image",
    "ssim",
    "wrapped_uint8_psnr",
]

CDC_LAGS = (1, 2, 4)
"""Distances in frames between the histograms that `color_distribution_consistency` compares."""

_PEAK_AB = 255.0  # a* and b* as 8-bit codes span -128..127


def has_scikit_image() -> bool:
    """Return whether scikit-image is installed, which `ciede2000` and `ssim` need."""
    return find_spec("skimage") is not None


def ciede2000(truth: Image, picture: Image) -> tuple[float, float]:
    """Return the mean and the 90th percentile over pixels of the colour difference CIEDE2000 (CIE 142:2001).

    Both pictures are rounded to 8 bits and converted to CIELAB under D65. About 1 is just noticeable. The formula is
    that of Sharma, Wu and Dalal 2005, "The CIEDE2000 Color-Difference Formula", with all weights 1.

    Args:
        truth: Display RGB, (H, W, 3), 0..1.
        picture: The result, like `truth`.
    """
    from skimage.color import deltaE_ciede2000

    labs = (linear_to_lab(srgb_decode((eight_bit(rgb) / 255).astype(np.float32))) for rgb in (truth, picture))
    difference = np.asarray(deltaE_ciede2000(*labs))
    return float(difference.mean()), float(np.percentile(difference, 90))


def ssim(truth: Image, picture: Image) -> float:
    """Return the structural similarity, the mean over R, G and B (Wang et al. 2004, "Image Quality Assessment").

    Windows of 7 x 7 px of equal weight with unbiased variances on 8-bit pictures, as the public evaluation of ColorMNet
    (Yang et al. 2024) takes it. The plate's own lightness alone makes it high: compare it with that of `grey`.

    Args:
        truth: Display RGB, (H, W, 3), 0..1; at least 7 px high and wide.
        picture: The result, like `truth`.

    Returns:
        -1..1, 1 for equal pictures.
    """
    from skimage.metrics import structural_similarity

    pair = (eight_bit(rgb) for rgb in (truth, picture))
    return float(structural_similarity(*pair, channel_axis=2, data_range=255))


def colorfulness(picture: Image) -> float:
    """Return the colourfulness of a picture (Hasler and Suesstrunk 2003, "Measuring colourfulness in natural images").

    M = hypot(std rg, std yb) + 0.3 hypot(mean rg, mean yb), with rg = R - G and yb = (R + G) / 2 - B in levels of 255.
    Public scripts take the absolute values of rg and yb first, which the paper does not.

    Args:
        picture: Display RGB, (H, W, 3), 0..1.

    Returns:
        0 for grey, about 15 for slightly and 109 for extremely colourful pictures.
    """
    red, green, blue = np.moveaxis(eight_bit(picture), 2, 0)
    opponents = np.stack([red - green, (red + green) / 2 - blue]).reshape(2, -1)
    return float(np.hypot(*opponents.std(axis=1)) + 0.3 * np.hypot(*opponents.mean(axis=1)))


def color_histograms(picture: Image) -> NDArray[np.float64]:
    """Return the share of a picture's pixels at each of 256 levels of R, G and B, (3, 256).

    Args:
        picture: Display RGB, (H, W, 3), 0..1.
    """
    levels = eight_bit(picture).astype(np.uint8).reshape(-1, 3)
    return np.stack([np.bincount(channel, minlength=256) for channel in levels.T]) / len(levels)


def color_distribution_consistency(histograms: Sequence[NDArray[np.float64]], lags: Sequence[int] = CDC_LAGS) -> float:
    """Return the colour distribution consistency of a clip; the lower, the steadier (CDC).

    The Jensen-Shannon divergence, in nats, of the histograms of R, G and B between frames that are `lag` apart: the
    mean over pairs and channels for each lag, then over the lags (Liu et al. 2021, "Temporally Consistent Video
    Colorization", arXiv 2110.04562; NTIRE 2023 Video Colorization Challenge). It knows nothing of motion, and a clip
    that stays grey is steady: compare it with that of the truth.

    Args:
        histograms: `color_histograms` of each frame of the clip, in order.
        lags: Distances between two frames, at least one, each above 0.

    Returns:
        0..ln 2; NaN if the clip has no pair of frames at one of the lags.
    """
    if len(histograms) <= max(lags):
        return float("nan")
    frames = np.asarray(histograms)
    return float(np.mean([_divergence(frames[:-lag], frames[lag:]).mean() for lag in lags]))


def ab_psnr(truth_ab: Chroma, ab: Chroma) -> float:
    """Return the PSNR of a* and b* alone in dB: 10 log10(255^2 / mean((x - y)^2)), without any rounding.

    Unlike the PSNR of RGB it does not depend on how bright a place is. The peak is the span of 8-bit a* and b*.

    Args:
        truth_ab: True a* and b*, (H, W, 2).
        ab: a* and b* of the result, like `truth_ab`.

    Returns:
        PSNR in dB; inf if the two are equal.

    Raises:
        ValueError: If the shapes differ.
    """
    if truth_ab.shape != ab.shape:
        raise ValueError(f"The shapes differ: {truth_ab.shape} and {ab.shape}.")
    squared = float(np.mean(np.square(truth_ab.astype(np.float64) - ab)))
    return float("inf") if squared == 0 else float(10 * np.log10(_PEAK_AB**2 / squared))


def wrapped_uint8_psnr(truth: Image, picture: Image) -> float:
    """Return the figure that scripts print which compute PSNR in unsigned bytes. It is not a PSNR.

    They take `(x - y)**2` of two uint8 arrays, so that the difference and its square wrap at 256: an error of 16 levels
    counts as none. A grey picture has about 31 dB. The public evaluation of ColorMNet (Yang et al. 2024) does so; use
    the figure for nothing but comparing with papers that were measured that way.

    Args:
        truth: Display RGB, (H, W, 3), 0..1.
        picture: The result, like `truth`.

    Returns:
        The figure in dB; inf if every error is a multiple of 16 levels.
    """
    x, y = (eight_bit(rgb).astype(np.uint8) for rgb in (truth, picture))
    wrapped: ByteImage = (x - y) ** 2
    mean = float(wrapped.mean())
    return float("inf") if mean == 0 else float(20 * np.log10(255 / np.sqrt(mean)))


def _divergence(p: NDArray[np.float64], q: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the Jensen-Shannon divergence over the last axis, in nats."""
    middle = (p + q) / 2
    return np.asarray((_relative_entropy(p, middle) + _relative_entropy(q, middle)) / 2)


def _relative_entropy(p: NDArray[np.float64], q: NDArray[np.float64]) -> NDArray[np.float64]:
    ratio = np.divide(p, q, out=np.ones_like(p), where=p > 0)
    return np.asarray((p * np.log(ratio)).sum(axis=-1))

"""The measures of other papers against published values and computations that share nothing with them."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pytest
from scipy.spatial.distance import jensenshannon
from skimage.color import rgb2lab

from stcolor_core.evaluation.color_metrics import (
    ab_psnr,
    ciede2000,
    color_distribution_consistency,
    color_histograms,
    colorfulness,
    ssim,
    wrapped_uint8_psnr,
)

rng = np.random.default_rng(0)
TRUTH = rng.random((13, 17, 3)).astype(np.float32)
PICTURE = np.clip(TRUTH + rng.normal(0, 0.05, TRUTH.shape), 0, 1).astype(np.float32)
# L*, a*, b* of two colours and their difference: test data of Sharma, Wu and Dalal 2005.
SHARMA = [
    ((50, 2.5, 0), (50, 0, -2.5), 4.3065),
    ((50, 2.5, 0), (61, -5, 29), 22.8977),
    ((50, 2.5, 0), (56, -27, -3), 31.9030),
    ((50, 2.5, 0), (58, 24, 15), 19.4535),
    ((60.2574, -34.0099, 36.2677), (60.4626, -34.1751, 39.4387), 1.2644),
    ((63.0109, -31.0961, -5.8663), (62.8187, -29.7946, -4.0864), 1.2630),
    ((22.7233, 20.0904, -46.6940), (23.0331, 14.9730, -42.5619), 2.0373),
    ((90.8027, -2.0831, 1.4410), (91.1528, -1.6435, 0.0447), 1.4441),
]


def levels(picture: np.ndarray) -> list[list[int]]:
    return np.rint(picture.astype(np.float64) * 255).astype(int).reshape(-1, 3).tolist()


def difference(one: Sequence[float], other: Sequence[float]) -> float:
    """CIEDE2000 of two colours, step by step as Sharma, Wu and Dalal 2005 write it (eqs. 2 to 22)."""
    (l1, a1, b1), (l2, a2, b2) = one, other
    c = (math.hypot(a1, b1) + math.hypot(a2, b2)) / 2
    g = 0.5 * (1 - math.sqrt(c**7 / (c**7 + 25**7)))
    a1, a2 = a1 * (1 + g), a2 * (1 + g)
    c1, c2 = math.hypot(a1, b1), math.hypot(a2, b2)
    h1, h2 = math.degrees(math.atan2(b1, a1)) % 360, math.degrees(math.atan2(b2, a2)) % 360
    dh, total = h2 - h1, h1 + h2
    if c1 * c2 == 0:
        dh, mean_h = 0.0, total
    elif abs(dh) <= 180:
        mean_h = total / 2
    else:
        mean_h = (total + (360 if total < 360 else -360)) / 2
        dh += -360 if dh > 180 else 360
    d_hue = 2 * math.sqrt(c1 * c2) * math.sin(math.radians(dh / 2))
    mean_l, mean_c = (l1 + l2) / 2, (c1 + c2) / 2
    cos = [math.cos(math.radians(k * mean_h + shift)) for k, shift in ((1, -30), (2, 0), (3, 6), (4, -63))]
    t = 1 - 0.17 * cos[0] + 0.24 * cos[1] + 0.32 * cos[2] - 0.2 * cos[3]
    turn = 60 * math.exp(-(((mean_h - 275) / 25) ** 2))
    rc = 2 * math.sqrt(mean_c**7 / (mean_c**7 + 25**7))
    sl = 1 + 0.015 * (mean_l - 50) ** 2 / math.sqrt(20 + (mean_l - 50) ** 2)
    sc, sh = 1 + 0.045 * mean_c, 1 + 0.015 * mean_c * t
    terms = (l2 - l1) / sl, (c2 - c1) / sc, d_hue / sh
    return math.sqrt(sum(x * x for x in terms) - math.sin(math.radians(turn)) * rc * terms[1] * terms[2])


@pytest.mark.parametrize(("one", "other", "expected"), SHARMA)
def test_the_oracle_of_ciede2000_has_the_published_values(one: tuple, other: tuple, expected: float) -> None:
    assert difference(one, other) == pytest.approx(expected, abs=5e-5)


def test_ciede2000_is_the_mean_and_the_90th_percentile_over_pixels() -> None:
    labs = (rgb2lab(np.rint(picture.astype(float) * 255) / 255).reshape(-1, 3) for picture in (TRUTH, PICTURE))
    pixels = [difference(one, other) for one, other in zip(*labs, strict=True)]
    assert ciede2000(TRUTH, PICTURE) == pytest.approx((np.mean(pixels), np.percentile(pixels, 90)), rel=1e-3)
    assert ciede2000(TRUTH, TRUTH) == (0, 0)


def test_ssim_is_its_definition_window_by_window() -> None:
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    values = []
    for channel in range(3):
        x, y = (np.rint(picture[..., channel].astype(np.float64) * 255) for picture in (TRUTH, PICTURE))
        for top in range(13 - 6):
            for left in range(17 - 6):
                a, b = (picture[top : top + 7, left : left + 7].ravel() for picture in (x, y))
                (va, cov), (_, vb) = np.cov(a, b)
                luminance = (2 * a.mean() * b.mean() + c1) / (a.mean() ** 2 + b.mean() ** 2 + c1)
                values.append(luminance * (2 * cov + c2) / (va + vb + c2))
    assert ssim(TRUTH, PICTURE) == pytest.approx(np.mean(values), abs=1e-9)
    assert ssim(TRUTH, TRUTH) == pytest.approx(1)


def test_colourfulness_is_its_definition_pixel_by_pixel() -> None:
    pixels = levels(PICTURE)
    rg, yb = [r - g for r, g, _ in pixels], [(r + g) / 2 - b for r, g, b in pixels]
    means = [sum(values) / len(values) for values in (rg, yb)]
    squares = [sum((v - m) ** 2 for v in values) / len(values) for values, m in zip((rg, yb), means, strict=True)]
    expected = math.sqrt(sum(squares)) + 0.3 * math.sqrt(sum(mean**2 for mean in means))
    assert colorfulness(PICTURE) == pytest.approx(expected)
    assert colorfulness(np.full((4, 4, 3), 0.3)) == 0


def test_colourfulness_keeps_the_signs_of_the_opponents() -> None:
    halves = np.zeros((2, 2, 3))
    halves[0, :, 0], halves[1, :, 1] = 1, 1  # red and green: with absolute values rg would not vary
    assert colorfulness(halves) == pytest.approx(255 + 0.3 * 127.5)


def test_cdc_is_the_mean_divergence_over_channels_pairs_and_lags() -> None:
    clip = [np.clip(TRUTH * (1 + 0.1 * i), 0, 1) for i in range(6)]
    by_lag = []
    for lag in (1, 2, 4):
        pairs = []
        for before, after in zip(clip, clip[lag:], strict=False):
            for channel in range(3):
                one, other = (
                    np.bincount(np.array(levels(picture))[:, channel], minlength=256) for picture in (before, after)
                )
                pairs.append(jensenshannon(one, other) ** 2)  # scipy gives the root, in nats
        by_lag.append(np.mean(pairs))
    measured = color_distribution_consistency([color_histograms(picture) for picture in clip])
    assert measured == pytest.approx(np.mean(by_lag))
    assert measured > 0


def test_cdc_of_a_still_clip_is_zero_and_of_a_short_one_unknown() -> None:
    still = [color_histograms(TRUTH)] * 5
    assert color_distribution_consistency(still) == 0
    assert math.isnan(color_distribution_consistency(still[:4]))


def test_histograms_count_every_pixel_of_each_channel() -> None:
    histograms = color_histograms(np.array([[[0, 0.5, 1], [0, 0.5, 0]]]))
    np.testing.assert_allclose(histograms.sum(axis=1), 1)
    assert histograms[0, 0] == histograms[1, 128] == 1
    assert histograms[2, 0] == histograms[2, 255] == 0.5


def test_psnr_of_ab_counts_both_channels_on_a_peak_of_255() -> None:
    truth, result = np.zeros((3, 4, 2), np.float32), np.zeros((3, 4, 2), np.float32)
    result[..., 0] = 3
    assert ab_psnr(truth, result) == pytest.approx(10 * math.log10(255**2 / 4.5))
    assert ab_psnr(truth, truth) == math.inf
    with pytest.raises(ValueError, match="shapes differ"):
        ab_psnr(truth, result[:2])


def test_the_wrapped_figure_is_that_of_arithmetic_modulo_256() -> None:
    pairs = zip(*(np.ravel(levels(picture)).tolist() for picture in (TRUTH, 1 - PICTURE)), strict=True)
    mean = np.mean([((x - y) % 256) ** 2 % 256 for x, y in pairs])
    assert wrapped_uint8_psnr(TRUTH, 1 - PICTURE) == pytest.approx(20 * math.log10(255 / math.sqrt(mean)))


def test_the_wrapped_figure_hides_an_error_of_16_levels() -> None:
    truth = np.full((2, 2, 3), 100 / 255)
    assert wrapped_uint8_psnr(truth, truth + 16 / 255) == math.inf

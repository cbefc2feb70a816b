"""The metrics against scikit-image and against their definitions, pixel by pixel."""

from __future__ import annotations

import math

import cv2
import numpy as np
import pytest
from skimage.metrics import peak_signal_noise_ratio

from stcolor_core.evaluation.metrics import (
    Reliability,
    flicker,
    flicker_along,
    mean_chroma_ratio,
    outlier_curve,
    outliers,
    psnr,
    within_threshold,
)

rng = np.random.default_rng(0)
TRUTH = rng.random((13, 17, 3)).astype(np.float32)
PICTURE = np.clip(TRUTH + rng.normal(0, 0.05, TRUTH.shape), 0, 1).astype(np.float32)
MASK = rng.random(TRUTH.shape[:2]) < 0.3


def eight_bit(picture: np.ndarray) -> np.ndarray:
    return np.rint(picture.astype(np.float64) * 255).astype(np.uint8)


def distances() -> list[float]:
    """Euclidean distance of each pixel of the two 8-bit pictures, one by one."""
    pairs = zip(eight_bit(TRUTH).reshape(-1, 3).tolist(), eight_bit(PICTURE).reshape(-1, 3).tolist(), strict=True)
    return [math.dist(a, b) for a, b in pairs]


def test_psnr_agrees_with_scikit_image_on_the_8_bit_pictures() -> None:
    assert psnr(TRUTH, PICTURE) == pytest.approx(
        peak_signal_noise_ratio(eight_bit(TRUTH), eight_bit(PICTURE)), abs=1e-9
    )


def test_psnr_inside_a_mask_counts_those_pixels_only() -> None:
    expected = peak_signal_noise_ratio(eight_bit(TRUTH)[MASK], eight_bit(PICTURE)[MASK])
    assert psnr(TRUTH, PICTURE, MASK) == pytest.approx(expected, abs=1e-9)


def test_inner_and_outer_errors_add_up_to_the_full_error() -> None:
    inner, outer, full = (10 ** (-psnr(TRUTH, PICTURE, mask) / 10) for mask in (MASK, ~MASK, None))
    assert MASK.mean() * inner + (1 - MASK.mean()) * outer == pytest.approx(full)


def test_errors_do_not_wrap_around_as_unsigned_bytes_would() -> None:
    assert psnr(np.zeros((2, 2, 3)), np.ones((2, 2, 3))) == 0.0
    assert psnr(np.full((2, 2, 3), 0.2), np.full((2, 2, 3), 0.6)) == pytest.approx(-20 * math.log10(0.4))


def test_pictures_that_are_equal_in_8_bits_have_no_error() -> None:
    assert psnr(TRUTH, TRUTH) == math.inf
    assert psnr(np.full((2, 2, 3), 0.5), np.full((2, 2, 3), 0.5005)) == math.inf


def test_values_outside_the_display_range_are_clipped() -> None:
    assert psnr(np.ones((2, 2, 3)), np.full((2, 2, 3), 7.0)) == math.inf


def test_an_empty_mask_gives_nan() -> None:
    nothing = np.zeros_like(MASK)
    assert math.isnan(psnr(TRUTH, PICTURE, nothing))
    assert math.isnan(outliers(TRUTH, PICTURE, mask=nothing))


@pytest.mark.parametrize("threshold", [1, 16, 30])
def test_outliers_are_the_pixels_whose_error_exceeds_the_threshold(threshold: float) -> None:
    far = [distance > threshold for distance in distances()]
    assert outliers(TRUTH, PICTURE, threshold) == pytest.approx(np.mean(far))
    assert outliers(TRUTH, PICTURE, threshold, MASK) == pytest.approx(np.mean(np.array(far)[MASK.ravel()]))


def test_a_distance_equal_to_the_threshold_is_not_an_outlier() -> None:
    truth, picture = np.zeros((1, 1, 3)), np.array([[[16.0, 0.0, 0.0]]]) / 255
    assert outliers(truth, picture, 16) == 0.0
    assert outliers(truth, picture, 15.99) == 1.0


def test_the_curve_holds_the_share_of_outliers_at_each_threshold() -> None:
    curve = outlier_curve(TRUTH, PICTURE)
    assert curve.tolist() == [outliers(TRUTH, PICTURE, threshold) for threshold in range(1, 33)]
    assert 1 >= curve[0] > curve[15] > curve[-1] > 0


def test_chroma_halved_has_the_ratio_one_half_and_a_grey_truth_none() -> None:
    ab = rng.normal(0, 20, (5, 6, 2)).astype(np.float32)
    assert mean_chroma_ratio(ab, ab / 2) == pytest.approx(0.5)
    assert mean_chroma_ratio(ab, np.zeros_like(ab)) == 0.0
    assert math.isnan(mean_chroma_ratio(np.zeros_like(ab), ab))


@pytest.mark.parametrize(
    ("picture", "mask", "message"),
    [
        pytest.param(PICTURE[:5], None, "must both be", id="another size"),
        pytest.param(PICTURE, MASK[:5], "mask must be", id="mask of another size"),
        pytest.param(PICTURE, MASK.astype(np.uint8), "mask must be", id="mask of numbers"),
        pytest.param(np.full_like(PICTURE, np.nan), None, "NaN", id="nan"),
    ],
)
def test_pictures_that_cannot_be_compared_are_refused(
    picture: np.ndarray, mask: np.ndarray | None, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        psnr(TRUTH, picture, mask)


def test_ab_of_different_shapes_is_refused() -> None:
    with pytest.raises(ValueError, match="shapes differ"):
        mean_chroma_ratio(np.zeros((2, 2, 2)), np.zeros((3, 2, 2)))


def test_a_pixel_counts_as_right_up_to_the_threshold_and_not_above_it() -> None:
    truth = np.zeros((1, 3, 3))
    picture = np.array([[[16, 0, 0], [17, 0, 0], [10, 10, 10]]]) / 255
    np.testing.assert_array_equal(within_threshold(truth, picture, 16), [[True, False, False]])
    assert within_threshold(truth, picture, 18).all()


def test_confidence_equal_to_the_share_of_right_pixels_is_calibrated() -> None:
    random = np.random.default_rng(0)
    honest, boastful = Reliability(), Reliability()
    for _ in range(5):
        chance = random.random((200, 200))
        right = random.random((200, 200)) < chance
        honest.add(chance, right)
        boastful.add(np.minimum(chance + 0.2, 1), right)
    assert honest.error() < 0.01
    assert 0.16 < boastful.error() < 0.2


def test_the_remaining_error_is_measured_when_the_least_confident_pixels_are_dropped() -> None:
    reliability = Reliability()
    confidence = np.repeat([0.05, 0.45, 0.95], [20, 30, 50])
    right = np.concatenate([np.zeros(20), np.repeat([0, 1], [10, 20]), np.repeat([0, 1], [5, 45])]).astype(bool)
    reliability.add(confidence, right)
    assert reliability.outliers(dropped=0) == pytest.approx(0.35)
    assert reliability.outliers(dropped=0.2) == pytest.approx(0.15)
    assert reliability.outliers(dropped=0.35) == pytest.approx(0.10), "half of those in the middle, and of their errors"
    assert reliability.outliers(dropped=0.5) == pytest.approx(0.05)


def test_flicker_is_the_change_of_colour_that_motion_does_not_explain() -> None:
    noise = cv2.GaussianBlur(rng.random((96, 140), np.float32), (0, 0), 2.5)
    scene = 100 * (noise - noise.min()) / np.ptp(noise)
    before, following = scene[:, :128].copy(), scene[:, 3:131].copy()
    ab = np.dstack([scene, -scene])
    carried, half_a_step = ab[:, 3:131], ab[:, 3:131] + 2
    still, flickering = flicker(before, following, (ab[:, :128], carried), (ab[:, :128], half_a_step))
    assert still < 0.5
    assert flickering == pytest.approx(4, abs=0.5)


def test_flicker_along_a_known_motion_counts_visible_pixels_only() -> None:
    ab = rng.uniform(-40, 40, (30, 50, 2)).astype(np.float32)
    before, following = ab[:, :40], ab[:, 3:43]
    motion = np.full((30, 40, 2), (3, 0), np.float32)
    visible = np.arange(40) < 37
    shifted = following + np.where(visible, 2, 50)[:, None].astype(np.float32)
    whole = np.broadcast_to(visible, (30, 40))
    assert flicker_along(motion, whole, (before, following), (before, shifted)) == pytest.approx((0, 4), abs=1e-4)
    assert flicker_along(motion, np.zeros_like(whole), (before, shifted)) == (0,)

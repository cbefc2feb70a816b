"""Keyframes painted over the lightness of HSL, HSV or HSI, made as editors make them, against the true colour."""

from __future__ import annotations

import colorsys

import cv2
import numpy as np
import pytest
from scenes import painted

from stcolor_core.images.color import lab_to_linear, lab_to_srgb, linear_to_lab, srgb_decode, srgb_encode
from stcolor_core.method.registration import find_registration
from stcolor_core.method.registration.painted import PaintedLightness, find_painted_lightness

HEIGHT, WIDTH = 108, 192
ALL = np.ones((HEIGHT, WIDTH), bool)
WEIGHTS = np.array([0.2126, 0.7152, 0.0722])


def lab_of(codes: np.ndarray) -> np.ndarray:
    return np.asarray(linear_to_lab(srgb_decode(np.clip(codes, 0, 1))), np.float32)


def pale(picture: np.ndarray) -> np.ndarray:
    """A picture whose keyframes stay within the code values, so that nothing of them is lost."""
    return 0.15 + 0.5 * picture


PICTURE = pale(cv2.GaussianBlur(painted(HEIGHT, WIDTH, seed=4), (0, 0), 1.2))
TRUE = lab_of(PICTURE)
LIGHTNESS = np.ascontiguousarray(TRUE[..., 0])
GREY = srgb_encode(srgb_decode(PICTURE) @ WEIGHTS)


def over_hsl(grey: np.ndarray) -> np.ndarray:
    """Hue and saturation of the picture, lightness of the plate, by Python's own HLS."""
    hls = [colorsys.rgb_to_hls(*map(float, pixel)) for pixel in PICTURE.reshape(-1, 3)]
    pixels = [colorsys.hls_to_rgb(h, float(g), s) for (h, _, s), g in zip(hls, grey.ravel(), strict=True)]
    return np.array(pixels).reshape(PICTURE.shape)


def over_hsv(grey: np.ndarray) -> np.ndarray:
    """Hue and saturation of the picture, value of the plate, by Python's own HSV."""
    hsv = [colorsys.rgb_to_hsv(*map(float, pixel)) for pixel in PICTURE.reshape(-1, 3)]
    pixels = [colorsys.hsv_to_rgb(h, s, float(g)) for (h, s, _), g in zip(hsv, grey.ravel(), strict=True)]
    return np.array(pixels).reshape(PICTURE.shape)


def over_hsi(grey: np.ndarray) -> np.ndarray:
    """The picture scaled to the mean of the plate: hue and HSI saturation depend on ratios of the channels alone."""
    return PICTURE * (grey / PICTURE.mean(-1))[..., None]


PAINTED = {"HSL": over_hsl(GREY), "HSV": over_hsv(GREY), "HSI": over_hsi(GREY)}


def as_8_bits(codes: np.ndarray) -> np.ndarray:
    return lab_of(np.rint(codes * 255) / 255)


def color_error(lab: np.ndarray) -> float:
    return float(np.linalg.norm(lab[..., 1:] - TRUE[..., 1:], axis=-1).mean())


@pytest.mark.parametrize("kept", PAINTED)
def test_the_kept_lightness_is_told_and_the_true_colour_found(kept: str) -> None:
    lab = lab_of(PAINTED[kept])
    found = find_registration(lab, None, frame=5, others=[], lightness_of=lambda _: LIGHTNESS)
    assert found.describe(5, lines=HEIGHT) == f"painted over {kept} lightness and put on the plate's own"
    registered, known = found.apply(lab, None, LIGHTNESS)
    assert known is None
    assert color_error(registered) < 0.15 * color_error(lab)
    assert np.abs(registered[..., 0] - LIGHTNESS).mean() < 0.3
    assert found.certainty is None or found.certainty.min() > 0.99


@pytest.mark.parametrize("kept", PAINTED)
def test_files_of_8_bits_tell_it_too(kept: str) -> None:
    assert find_painted_lightness(as_8_bits(PAINTED[kept]), LIGHTNESS, ALL) == PaintedLightness(kept)


@pytest.mark.parametrize("kept", PAINTED)
def test_hue_and_saturation_are_kept_by_the_editors_own_model(kept: str) -> None:
    mended = PaintedLightness(kept).apply(lab_of(PAINTED[kept]))
    codes = lab_to_srgb(mended)
    to_model = colorsys.rgb_to_hls if kept == "HSL" else colorsys.rgb_to_hsv
    for y, x in ((10, 10), (50, 90), (100, 170)):
        before = to_model(*map(float, PAINTED[kept][y, x]))
        after = to_model(*map(float, codes[y, x]))
        assert after[0] == pytest.approx(before[0], abs=0.01)
        saturation = 2 if kept == "HSL" else 1
        assert after[saturation] == pytest.approx(before[saturation], abs=0.03)


def test_the_models_meet_at_every_size() -> None:
    """Rows are computed in bands; a picture of more rows than one band is the same picture."""
    lab = lab_of(PAINTED["HSL"])
    tall = np.concatenate([lab] * 4)
    mended = PaintedLightness("HSL").apply(tall)
    np.testing.assert_array_equal(mended, np.concatenate([PaintedLightness("HSL").apply(lab)] * 4))


def brighter_than_white() -> np.ndarray:
    lab = lab_of(PAINTED["HSL"])
    lab[:20] = linear_to_lab(np.full((20, WIDTH, 3), 4.0, np.float32))
    return lab


@pytest.mark.parametrize("kept", PAINTED)
def test_black_white_and_light_beyond_it_stay_finite_and_neutral(kept: str) -> None:
    lab = np.stack([linear_to_lab(np.full((8, 3), value, np.float32)) for value in (-0.1, 0.0, 1.0, 4.0)])
    mended = PaintedLightness(kept).apply(lab)
    assert np.isfinite(mended).all() and np.abs(mended[..., 1:]).max() < 0.1
    np.testing.assert_allclose(mended[1:, :, 0], lab[1:, :, 0], atol=0.3)
    assert np.isfinite(PaintedLightness(kept).apply(brighter_than_white())).all()


def test_a_pure_blue_keeps_its_hue_and_no_channel_leaves_the_gamut() -> None:
    blue = lab_of(np.tile(np.array([0.0, 0.0, 0.6]), (4, 4, 1)))
    mended = PaintedLightness("HSV").apply(blue)
    codes = srgb_encode(lab_to_linear(mended))
    assert codes.max() < 1.01 and codes.min() > -0.01
    assert codes[0, 0, 2] > 0.9 > 0.1 > codes[0, 0, 0]


def gamma(codes: np.ndarray) -> np.ndarray:
    return codes**1.8


def relit(codes: np.ndarray) -> np.ndarray:
    x = np.linspace(0.6, 1.1, WIDTH)[None, :, None]
    return srgb_encode(srgb_decode(codes) * x)


def keeps_luma(codes: np.ndarray) -> np.ndarray:
    return codes + (GREY - codes @ (0.299, 0.587, 0.114))[..., None]


@pytest.mark.parametrize("change", [gamma, relit, keeps_luma, lambda codes: codes, lambda codes: 1 - codes])
def test_other_changes_of_light_are_not_taken_for_it(change) -> None:
    assert find_painted_lightness(lab_of(change(PICTURE)), LIGHTNESS, ALL) is None


def test_unknown_pixels_do_not_count() -> None:
    known = ALL.copy()
    known[:, :60] = False
    spoiled = np.where(known[..., None], as_8_bits(PAINTED["HSL"]), 0).astype(np.float32)
    assert find_painted_lightness(spoiled, LIGHTNESS, known) == PaintedLightness("HSL")

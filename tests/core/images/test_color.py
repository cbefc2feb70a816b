"""Lightness, CIELAB and sRGB against scikit-image and OpenColorIO."""

from __future__ import annotations

from typing import Any

import numpy as np
import PyOpenColorIO as ocio
import pytest
from numpy.typing import NDArray
from skimage import color as skcolor

from stcolor_core.images import color
from stcolor_core.images.ocio import BUILTIN_CONFIG


@pytest.fixture(autouse=True)
def no_config_of_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OCIO", raising=False)


def random_rgb(*shape: int, low: float = 0, high: float = 1) -> NDArray[np.float32]:
    return np.random.default_rng(5).uniform(low, high, (*shape, 3)).astype(np.float32)


def test_lab_agrees_with_scikit_image_within_its_rounded_matrix() -> None:
    encoded = random_rgb(50, 50).astype(np.float64)
    lab = color.linear_to_lab(color.srgb_decode(encoded))
    np.testing.assert_allclose(lab, skcolor.rgb2lab(encoded), atol=0.02)
    np.testing.assert_allclose(color.srgb_encode(color.lab_to_linear(lab)), skcolor.lab2rgb(lab), atol=2e-3)


def test_lab_on_a_screen_is_clipped_in_each_channel_and_else_agrees_with_scikit_image() -> None:
    rgb = random_rgb(50, 50, low=-0.2, high=1.3).astype(np.float64)
    shown = color.lab_to_srgb(color.linear_to_lab(rgb))
    assert (shown[rgb < 0] == 0).all()
    np.testing.assert_allclose(shown[rgb > 1], 1)
    bright = np.maximum(rgb, 0)  # scikit-image clips X, Y, Z below 0 before it mixes them
    np.testing.assert_allclose(
        color.lab_to_srgb(color.linear_to_lab(bright)), skcolor.lab2rgb(color.linear_to_lab(bright)), atol=3e-3
    )


@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float32, 2e-6), (np.float64, 1e-13)])
def test_lab_survives_a_round_trip_from_far_below_black_to_far_above_white(dtype: type[Any], tolerance: float) -> None:
    for low, high in ((-2, 0), (0, 0.01), (0, 1), (0, 5000)):
        rgb = random_rgb(40, 40, low=low, high=high).astype(dtype)
        back = color.lab_to_linear(color.linear_to_lab(rgb))
        assert back.dtype == dtype
        np.testing.assert_allclose(back, rgb, atol=tolerance * max(abs(low), high) * 10)


def test_lightness_is_the_first_channel_of_lab_and_survives_a_round_trip() -> None:
    luminance = np.linspace(-1, 20, 1000)
    grey = np.repeat(luminance[:, None], 3, axis=1)
    np.testing.assert_allclose(color.lightness(luminance), color.linear_to_lab(grey)[:, 0], atol=1e-10)
    np.testing.assert_allclose(color.luminance_of(color.lightness(luminance)), luminance, atol=1e-12)
    np.testing.assert_allclose(color.lightness(np.array([0, 0.18, 1])), [0, 49.496, 100], atol=1e-3)
    assert np.all(np.diff(color.lightness(luminance)) > 0)


def test_grey_has_no_chroma() -> None:
    grey = np.repeat(np.linspace(-1, 100, 500)[:, None], 3, axis=1)
    np.testing.assert_allclose(color.linear_to_lab(grey)[:, 1:], 0, atol=1e-10)


def test_srgb_agrees_with_opencolorio_and_is_mirrored_below_zero() -> None:
    config = ocio.Config.CreateFromFile(BUILTIN_CONFIG)
    decode = config.getProcessor("sRGB - Texture", "lin_rec709").getOptimizedCPUProcessor(ocio.OPTIMIZATION_LOSSLESS)
    encoded = np.linspace(0, 4, 3000, dtype=np.float32).reshape(-1, 3)
    expected = encoded.copy()
    decode.applyRGB(expected)
    np.testing.assert_allclose(color.srgb_decode(encoded), expected, rtol=2e-6, atol=1e-6)
    np.testing.assert_allclose(color.srgb_encode(expected), encoded, rtol=2e-6, atol=1e-5)
    np.testing.assert_array_equal(color.srgb_decode(-encoded), -color.srgb_decode(encoded))
    np.testing.assert_array_equal(color.srgb_encode(-encoded), -color.srgb_encode(encoded))


def test_roll_off_leaves_the_picture_alone_and_bends_highlights_under_100() -> None:
    seen = np.linspace(0, 95, 500)
    np.testing.assert_array_equal(color.roll_off(seen), seen)
    np.testing.assert_array_equal(color.roll_off(np.array([-50.0, -1e-9])), 0)
    part = np.linspace(-20, 94, 20000, dtype=np.float32).reshape(100, 200)  # of a picture with a highlight, and alone
    with_highlight = color.roll_off(np.vstack([part, np.full((1, 200), 120, np.float32)]))
    np.testing.assert_array_equal(color.roll_off(part), with_highlight[:-1])
    bright = color.roll_off(np.linspace(90, 2000, 20000))
    assert np.all(np.diff(bright) > 0) and bright[-1] < 100
    slopes = np.diff(color.roll_off(np.array([94.9, 94.95, 95, 95.05, 95.1])))
    np.testing.assert_allclose(slopes, 0.05, rtol=0.05)


def test_the_lab_matrix_equals_that_of_opencolorio() -> None:
    config = ocio.Config.CreateFromFile(BUILTIN_CONFIG)
    rgb = np.eye(3, dtype=np.float32)
    config.getProcessor("lin_rec709", "cie_xyz_d65_interchange").getDefaultCPUProcessor().applyRGB(rgb)
    f = (color.linear_to_lab(np.eye(3))[:, 0] + 16) / 116
    luminance = np.where(f > 6 / 29, f**3, 3 * (6 / 29) ** 2 * (f - 4 / 29))
    np.testing.assert_allclose(luminance, rgb[:, 1], atol=1e-6)

"""A swatch colours a surface as paint does: hue and saturation stay while the light changes."""

from __future__ import annotations

import numpy as np
import pytest

from stcolor_core.images.color import lab_to_linear, linear_to_lab, roll_off, srgb_decode
from stcolor_core.images.surfaces import is_in_gamut, within_gamut
from stcolor_core.images.swatches import color_of_surface

BROWN = "#8a3324"


def linear(color: str) -> np.ndarray:
    return np.asarray(srgb_decode(np.array([int(color[i : i + 2], 16) for i in (1, 3, 5)]) / 255))


def lightness_of(rgb: np.ndarray) -> float:
    return float(linear_to_lab(rgb)[0])


@pytest.mark.parametrize("light", [0.05, 0.3, 1.0, 2.5])
def test_more_or_less_light_on_one_paint_multiplies_its_linear_rgb(light: float) -> None:
    expected = light * linear(BROWN)
    lightness = np.full((1, 1), lightness_of(expected), np.float32)
    rgb = lab_to_linear(np.dstack([lightness, color_of_surface(lightness, [BROWN])]))[0, 0]
    np.testing.assert_allclose(rgb, expected, rtol=0.01, atol=2e-3)


def test_between_two_swatches_colour_is_interpolated_and_beyond_them_it_follows_the_light() -> None:
    dark, bright = "#203050", "#c0a080"
    ends = [linear_to_lab(linear(color)) for color in (dark, bright)]
    middle = (ends[0] + ends[1]) / 2
    lightness = np.array([[ends[0][0], middle[0], ends[1][0], lightness_of(0.5 * linear(dark))]], np.float32)
    for colors in ([dark, bright], [bright, dark]):
        ab = color_of_surface(lightness, colors)[0]
        np.testing.assert_allclose(ab[:3], [ends[0][1:], middle[1:], ends[1][1:]], atol=0.05)
        np.testing.assert_allclose(ab[3], linear_to_lab(0.5 * linear(dark))[1:], atol=0.3)


def test_chroma_stays_within_the_gamut_and_keeps_its_hue() -> None:
    lightness = np.linspace(0, 100, 60, dtype=np.float32)[None]
    ab = color_of_surface(np.asarray(roll_off(lightness), np.float32), ["#ff2000"])  # as the plate gives it
    rgb = lab_to_linear(np.dstack([lightness, ab]))
    assert rgb.min() > -1e-3 and rgb.max() < 1 + 1e-3
    assert np.linalg.norm(ab[0, -1]) < 1  # a white highlight
    hue = np.arctan2(ab[0, 10:-1, 1], ab[0, 10:-1, 0])
    assert np.ptp(hue) < 0.01


def test_light_above_white_is_kept_where_it_may_be() -> None:
    lightness = np.array([[60, 60, 99, 50]], np.float32)
    ab = np.array([[[95, 60], [5, 5], [3, 3], [0, 0]]], np.float32)  # pink, faint, a tinted highlight, grey
    limits = within_gamut(lightness, ab), within_gamut(lightness, ab, brighter=True)
    np.testing.assert_array_equal(is_in_gamut(lightness, ab), [[False, True, False, True]])
    assert is_in_gamut(lightness, limits[0]).all()
    for limited in limits:
        np.testing.assert_array_equal(limited[0, [1, 3]], ab[0, [1, 3]])
    assert np.linalg.norm(limits[0][0, 2]) < 1
    np.testing.assert_array_equal(limits[1][0, 2], ab[0, 2])
    assert lab_to_linear(np.array([60, *limits[1][0, 0]])).min() > -1e-3

"""Flat paint follows the plate's lightness without a shift of hue; a picture of the plate stays as it is."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from stcolor_core.images.color import lab_to_linear, linear_to_lab, srgb_decode, srgb_encode
from stcolor_core.images.flat_paint import put_flat_paint_on, reduce_chroma
from stcolor_core.images.surfaces import within_gamut

COLORS = ["#f0d020", "#c02020", "#2040c0", "#20a040"]


def lab_of(color: str) -> np.ndarray:
    return np.asarray(linear_to_lab(srgb_decode(np.array([int(color[i : i + 2], 16) for i in (1, 3, 5)]) / 255)))


def plate() -> np.ndarray:
    """Return L* of an object that is dark on the left and bright on the right, with grain."""
    grain = np.random.default_rng(3).normal(0, 2, (80, 120))
    return np.asarray(np.clip(np.linspace(5, 90, 120) + grain, 0, 94), np.float32)


def flat(color: str) -> np.ndarray:
    return np.broadcast_to(lab_of(color).astype(np.float32), (80, 120, 3)).copy()


def box() -> np.ndarray:
    weight = np.zeros((80, 120), np.float32)
    weight[10:70, 10:110] = 1
    weight[9, 10:110] = 0.3
    return weight


@pytest.mark.parametrize("color", COLORS)
def test_flat_paint_stays_within_the_gamut_and_keeps_its_hue(color: str) -> None:
    weight, lightness = box(), plate()
    paint = put_flat_paint_on(flat(color), weight, lightness)
    assert paint is not None
    found = paint.lab
    inside = weight > 0
    np.testing.assert_array_equal(found[inside, 0], lightness[inside])
    rgb = lab_to_linear(found[inside])
    assert rgb.min() > -1e-4 and rgb.max() < 1 + 1e-4
    hue, wanted = (np.arctan2(lab[..., 2], lab[..., 1]) for lab in (found[inside], lab_of(color)))
    assert np.abs(np.angle(np.exp(1j * (hue - wanted)))).max() < np.radians(0.5)
    np.testing.assert_array_equal(found[~inside], flat(color)[~inside])


def test_flat_paint_in_less_light_is_its_linear_rgb_times_less() -> None:
    lightness = plate()
    paint = put_flat_paint_on(flat("#c08060"), box(), lightness)
    assert paint is not None
    found = paint.lab
    rgb, own = lab_to_linear(found), lab_to_linear(lab_of("#c08060"))
    darker = (lightness < lab_of("#c08060")[0] - 2) & (lightness > 20) & (box() == 1)
    ratio = rgb[darker] / own
    np.testing.assert_allclose(ratio, ratio.mean(axis=-1, keepdims=True).repeat(3, -1), rtol=0.03, atol=0.01)


def test_objects_painted_over_a_keyframe_leave_the_rest_as_it_is() -> None:
    lightness = plate()
    lab = np.dstack([lightness, np.full(lightness.shape, 90.0), np.full(lightness.shape, -90.0)]).astype(np.float32)
    lab[20:60, 30:90] = lab_of("#f0d020")
    paint = put_flat_paint_on(lab, None, lightness)
    assert paint is not None
    found = paint.lab
    np.testing.assert_array_equal(found[:15], lab[:15])
    np.testing.assert_array_equal(found[:, 95:], lab[:, 95:])
    assert (found[25:55, 35:85, 0] == lightness[25:55, 35:85]).all()


@pytest.mark.parametrize("offset", [0.0, 15.0], ids=["the plate's lightness", "a brighter one"])
def test_a_picture_of_the_plate_is_no_flat_paint(offset: float) -> None:
    lightness = plate()
    ab = np.broadcast_to(np.float32([30, 40]), (80, 120, 2))
    assert put_flat_paint_on(np.dstack([lightness + offset, ab]), None, lightness) is None


def test_one_colour_all_over_and_few_levels_are_no_flat_paint() -> None:
    lightness = plate()
    assert put_flat_paint_on(flat("#f0d020"), None, lightness) is None
    few = np.dstack([12 * np.rint(lightness / 12), np.full((80, 120, 2), 20.0)]).astype(np.float32)
    assert put_flat_paint_on(few, None, lightness) is None


def cel(grain: float) -> np.ndarray:
    """Return L* of a drawing: a background and two filled shapes, with grain."""
    lightness = np.full((80, 120), 40.0)
    lightness[10:50, 10:50], lightness[30:70, 60:110] = 70, 25
    return np.asarray(np.clip(lightness + np.random.default_rng(4).normal(0, grain, (80, 120)), 0, 94), np.float32)


@pytest.mark.parametrize("grain", [0.0, 2.0, 5.0])
@pytest.mark.parametrize("power", [0.7, 1.0, 1.5])
def test_a_clean_picture_of_a_grained_drawing_is_no_flat_paint(power: float, grain: float) -> None:
    clean = 100 * (cel(0) / 100) ** power
    lab = np.dstack([clean, np.where(clean > 50, 30, -20), np.where(clean > 35, 25, -30)]).astype(np.float32)
    assert put_flat_paint_on(lab, None, cel(grain)) is None


@pytest.mark.parametrize("grain", [2.0, 5.0])
def test_grain_alone_reduces_no_chroma(grain: float) -> None:
    lab = np.dstack([cel(0), np.full((80, 120), 60), np.full((80, 120), 50)]).astype(np.float32)
    assert reduce_chroma(lab, None, cel(grain)) is None


def test_a_tone_curve_that_makes_light_shades_even_leaves_no_flat_paint() -> None:
    y, x = np.mgrid[:80, :120]
    lightness = (78 + 1.8 * np.sin(x / 9) * np.cos(y / 7)).astype(np.float32)
    lightness[:, 100:] = 20
    key = 100 * (lightness / 100) ** 0.6
    lab = np.dstack([key, np.full(key.shape, -40), np.full(key.shape, 30)]).astype(np.float32)
    assert lab[:, :90, 0].std() < 0.75 < lightness[:, :90].std()
    assert put_flat_paint_on(lab, None, lightness) is None


def test_colours_that_a_file_cut_off_in_every_channel_are_no_flat_paint() -> None:
    picture = flat("#ff00ff")
    picture[:, 60:] = np.dstack([plate(), np.full((80, 120, 2), 20.0)])[:, 60:]
    assert put_flat_paint_on(picture, box(), plate()) is None


def test_a_patch_of_one_pure_colour_is_flat_paint() -> None:
    paint = put_flat_paint_on(flat("#00ff00"), box(), plate())
    assert paint is not None
    rgb = lab_to_linear(paint.lab[box() > 0])
    assert rgb.min() > -1e-4 and rgb.max() < 1 + 1e-4


def test_chroma_is_reduced_only_where_lightness_is_another_and_cannot_show_it() -> None:
    lightness = plate()
    wide = np.broadcast_to(np.float32([-120, 90]), (80, 120, 2))  # outside of the gamut at any lightness
    assert reduce_chroma(np.dstack([lightness, wide]), None, lightness) is None
    painted = np.dstack([np.full(lightness.shape, 86.0), np.full(lightness.shape, -2), np.full(lightness.shape, 80)])
    painted = (painted + np.random.default_rng(1).normal(0, 1, painted.shape)).astype(np.float32)
    found = reduce_chroma(painted, None, lightness)
    assert found is not None
    apart = np.broadcast_to(np.abs(86 - np.linspace(5, 90, 120)), lightness.shape)  # without the grain
    shown = lab_to_linear(np.dstack([lightness, found[..., 1:]]))
    assert shown[apart >= 7].min() > -1e-4
    np.testing.assert_array_equal(found[apart < 1.5], painted[apart < 1.5])
    assert reduce_chroma(painted, np.zeros(lightness.shape, bool), lightness) is None


@pytest.mark.parametrize("color", ["#fdf7e5", "#f2cc33", "#0d1459"], ids=["nearly white", "yellow", "dark blue"])
def test_compressed_paint_follows_the_plate_up_to_the_edge_of_its_object(color: str) -> None:
    """Blocks that hold an edge were taken for a picture of the plate, with the chroma of another lightness."""
    y, x = np.mgrid[:144, :192]
    lightness = (40 + 12 * np.sin(x / 7) * np.cos(y / 5)).astype(np.float32)
    shape = np.zeros((144, 192), np.uint8)
    cv2.ellipse(shape, (90, 70), (60, 45), 20, 0, 360, 255, -1)
    cv2.line(shape, (120, 60), (180, 20), 255, 9)  # as a neck, narrower than a block
    rgb = srgb_encode(lab_to_linear(np.dstack([lightness, 0 * lightness - 4, 0 * lightness + 9])))
    own = np.array([int(color[i : i + 2], 16) for i in (5, 3, 1)])
    picture = np.where(shape[..., None] > 0, own, np.rint(255 * rgb[..., ::-1])).astype(np.uint8)
    coded = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, 75])[1]
    read = cv2.imdecode(coded, cv2.IMREAD_COLOR)[..., ::-1].astype(np.float32) / 255
    lab = np.asarray(linear_to_lab(srgb_decode(read)), np.float32)
    paint = put_flat_paint_on(lab, None, lightness)
    assert paint is not None
    inside = cv2.erode(shape, np.ones((5, 5), np.uint8)) > 0
    assert (paint.lab[inside, 0] == lightness[inside]).mean() > 0.97
    outside = cv2.dilate(shape, np.ones((9, 9), np.uint8)) == 0
    np.testing.assert_array_equal(paint.lab[outside], lab[outside])
    ab = np.where(paint.held[..., None], within_gamut(lightness, paint.lab[..., 1:]), paint.lab[..., 1:])
    assert lab_to_linear(np.dstack([lightness, ab])).min() > -2e-3


def test_a_soft_edge_of_flat_paint_is_held_in_the_gamut_and_what_is_exact_is_not() -> None:
    lightness, soft = plate(), cv2.GaussianBlur(box(), (0, 0), 3)[..., None]
    rest = srgb_encode(lab_to_linear(np.dstack([lightness, np.full((80, 120, 2), (3, 6))])))
    coded = soft * np.array([1, 0, 0.8]) + (1 - soft) * rest
    lab = np.asarray(linear_to_lab(srgb_decode(np.rint(255 * coded) / 255)), np.float32)
    paint = put_flat_paint_on(lab, None, lightness)
    assert paint is not None
    shown = lab_to_linear(np.dstack([lightness, paint.lab[..., 1:]])).min(axis=-1)
    assert shown.min() < -0.01 and shown[~paint.held].min() > -5e-3
    assert not paint.held[(soft[..., 0] == 0) & (lightness > 1)].any()

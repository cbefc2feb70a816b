"""Colour edges follow the edges of the plate and appear nowhere else."""

from __future__ import annotations

import tracemalloc

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from real_footage import footage

from stcolor_core.method.upsampling import slopes, upsample

Plane = NDArray[np.float32]
RED = np.array([60, 40], np.float32)
BLUE = np.array([10, -50], np.float32)
CONTRAST = float(np.linalg.norm(RED - BLUE))
METHODS = ("cubic", "linear")


def area(picture: Plane, height: int, width: int) -> Plane:
    return cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA)


def two_sides(inside: NDArray[np.bool_], light: tuple[float, float]) -> tuple[Plane, Plane]:
    """(ab, L*) of a plate that is RED and light[0] inside, BLUE and light[1] outside."""
    ab = np.where(inside[..., None], RED, BLUE)
    return ab, np.where(inside, np.float32(light[0]), np.float32(light[1]))


def from_a_quarter(ab: Plane, guide: Plane, **options: str) -> Plane:
    height, width = (max(1, side // 4) for side in guide.shape)
    return upsample(area(ab, height, width), area(guide, height, width), guide, **options)


def bilinear_from_a_quarter(ab: Plane) -> Plane:
    height, width = ab.shape[:2]
    return cv2.resize(area(ab, height // 4, width // 4), (width, height), interpolation=cv2.INTER_LINEAR)


def distance(one: Plane, other: Plane) -> Plane:
    return np.linalg.norm(one - other, axis=2)


def half_plane(offset: float, degrees: float) -> NDArray[np.bool_]:
    rows, columns = np.mgrid[:96, :128]
    turn = np.deg2rad(degrees)
    return (columns - 64) * np.cos(turn) + (rows - 48) * np.sin(turn) < offset


@pytest.mark.parametrize("interpolation", METHODS)
@pytest.mark.parametrize(
    ("offset", "degrees"),
    [
        pytest.param(-0.5, 0, id="upright, between two low pixels"),
        pytest.param(0.5, 0, id="upright, a quarter into a low pixel"),
        pytest.param(1.5, 90, id="level, half into a low pixel"),
        pytest.param(2.5, 90, id="level, three quarters into a low pixel"),
        pytest.param(0.3, 30, id="oblique"),
        pytest.param(0.3, -57, id="oblique the other way"),
    ],
)
def test_a_colour_edge_that_the_plate_shows_is_sharp_and_has_no_halo(
    offset: float, degrees: float, interpolation: str
) -> None:
    inside = half_plane(offset, degrees)
    ab, guide = two_sides(inside, (35, 65))
    result = from_a_quarter(ab, guide, interpolation=interpolation)
    error = distance(result, ab) / CONTRAST
    plain = distance(bilinear_from_a_quarter(ab), ab) / CONTRAST
    assert np.all(result >= np.minimum(RED, BLUE)) and np.all(result <= np.maximum(RED, BLUE))
    assert error.max() < 0.015 and plain.max() > 0.35  # measured 0.003 to 0.012 and 0.38 to 0.63
    assert error.mean() < plain.mean() / 40  # measured 1/44 to 1/135
    side = np.uint8(inside)
    two_away = cv2.erode(side, np.ones((5, 5), np.uint8)) | (1 - cv2.dilate(side, np.ones((5, 5), np.uint8)))
    assert error[two_away > 0].max() < 0.012  # measured 0.000 to 0.012; bilinear 0.13 to 0.19


def test_a_disc_of_a_few_low_resolution_pixels_keeps_its_outline() -> None:
    rows, columns = np.mgrid[:96, :128]
    ab, guide = two_sides((rows - 47.2) ** 2 + (columns - 65.7) ** 2 < 12**2, (70, 40))
    error = distance(from_a_quarter(ab, guide), ab)
    plain = distance(bilinear_from_a_quarter(ab), ab)
    assert error.mean() < plain.mean() / 20


def test_an_edge_of_only_ten_levels_of_lightness_still_helps() -> None:
    ab, guide = two_sides(half_plane(1.5, 20), (50, 60))
    assert distance(from_a_quarter(ab, guide), ab).mean() < distance(bilinear_from_a_quarter(ab), ab).mean() / 5


@pytest.mark.parametrize("interpolation", METHODS)
def test_an_edge_in_lightness_alone_leaves_the_colour_untouched(interpolation: str) -> None:
    guide = np.where(half_plane(1.5, 20), np.float32(20), np.float32(80))
    ab = np.broadcast_to(RED, (*guide.shape, 2)).copy()
    np.testing.assert_array_equal(from_a_quarter(ab, guide, interpolation=interpolation), ab)


def test_lightness_edges_within_a_colour_gradient_do_not_show_in_the_colour() -> None:
    """The colour runs along x, the stripes of lightness along y: neither explains the other."""
    rows, columns = np.mgrid[:96, :128].astype(np.float32)
    guide = np.where(rows // 6 % 2 == 0, np.float32(30), np.float32(70))
    ab = np.dstack([columns / 4, -columns / 8])
    inner = (slice(16, -16), slice(16, -16))
    assert distance(from_a_quarter(ab, guide), ab)[inner].max() < 0.05


@pytest.mark.parametrize("interpolation", METHODS)
def test_a_colour_edge_that_the_plate_does_not_show_is_interpolated_smoothly(interpolation: str) -> None:
    ab, _ = two_sides(half_plane(1.5, 20), (50, 50))
    guide = np.full(ab.shape[:2], 50, np.float32)
    result = from_a_quarter(ab, guide, interpolation=interpolation)
    low = area(ab, 24, 32)
    method = cv2.INTER_LINEAR if interpolation == "linear" else cv2.INTER_CUBIC
    plain = np.clip(cv2.resize(low, (128, 96), interpolation=method), low.min(axis=(0, 1)), low.max(axis=(0, 1)))
    assert np.isfinite(result).all()
    np.testing.assert_allclose(result, plain, atol=1e-3)


def test_the_slope_is_that_of_colour_as_a_line_over_lightness() -> None:
    light = np.random.default_rng(2).uniform(20, 80, (40, 60)).astype(np.float32)
    ab = np.dstack([0.5 * light + 3, 20 - 0.25 * light])
    found = slopes(light, ab)
    np.testing.assert_allclose(found[..., 0], 0.5, rtol=0.1)  # a little less, for the least variance
    np.testing.assert_allclose(found[..., 1], -0.25, rtol=0.1)
    assert not slopes(np.full_like(light, 50), ab).any()


def test_a_known_slope_restores_detail_finer_than_the_low_resolution_pixels() -> None:
    guide = cv2.GaussianBlur(np.random.default_rng(3).uniform(0, 100, (48, 64)).astype(np.float32), (0, 0), 1)
    ab = np.dstack([0.4 * guide, -0.3 * guide]).astype(np.float32)
    low, guide_low = area(ab, 12, 16), area(guide, 12, 16)
    slope = np.broadcast_to(np.float32([0.4, -0.3]), low.shape)
    plain = distance(bilinear_from_a_quarter(ab), ab).mean()
    found = upsample(low, guide_low, guide, slope=slope, interpolation="linear")
    assert distance(found, ab).mean() < 0.5 * plain
    nearby = [cv2.dilate(low, np.ones((5, 5))).max(), cv2.erode(low, np.ones((5, 5))).min()]
    assert found.max() <= nearby[0] and found.min() >= nearby[1]


def test_grain_in_lightness_alone_does_not_reach_the_colour() -> None:
    random = np.random.default_rng(3)
    ab, clean = two_sides(half_plane(1.5, 20), (35, 65))
    guide = clean + random.normal(0, 3, clean.shape).astype(np.float32)
    error = distance(from_a_quarter(ab, guide), ab)
    assert error.mean() < distance(bilinear_from_a_quarter(ab), ab).mean() / 3
    far = half_plane(-12, 20) | ~half_plane(14, 20)
    assert error[far].max() < 0.01 * CONTRAST


sides = st.integers(1, 40)


@settings(max_examples=60)
@given(
    low=st.tuples(sides, sides),
    ratio=st.tuples(st.floats(1, 7), st.floats(1, 7)),
    seed=st.integers(0, 2**32 - 1),
    interpolation=st.sampled_from(METHODS),
)
def test_any_sizes_stay_finite_and_within_the_range_of_the_input(
    low: tuple[int, int], ratio: tuple[float, float], seed: int, interpolation: str
) -> None:
    random = np.random.default_rng(seed)
    shape = (round(low[0] * ratio[0]), round(low[1] * ratio[1]))
    guide = (random.random(shape) * 100).astype(np.float32)
    ab = random.normal(0, 40, (*low, 2)).astype(np.float32)
    result = upsample(ab, area(guide, *low), guide, interpolation=interpolation)
    assert result.shape == (*shape, 2) and result.dtype == np.float32
    assert result.flags.c_contiguous
    for channel in range(2):
        assert result[..., channel].min() >= ab[..., channel].min()
        assert result[..., channel].max() <= ab[..., channel].max()


@pytest.mark.parametrize(
    ("low", "high"),
    [
        pytest.param((1, 1), (1, 1), id="1x1 to itself"),
        pytest.param((1, 1), (7, 5), id="1x1 to more"),
        pytest.param((1, 9), (4, 33), id="a row"),
        pytest.param((33, 1), (100, 3), id="a column"),
        pytest.param((10, 8), (10, 20), id="wider only"),
        pytest.param((54, 96), (216, 384), id="matching grid to working size"),
        pytest.param((43, 24), (137, 77), id="portrait, no whole ratio"),
        pytest.param((9, 8), (5, 6), id="smaller"),
    ],
)
def test_one_colour_stays_exactly_that_colour(low: tuple[int, int], high: tuple[int, int]) -> None:
    guide = np.random.default_rng(5).random(high, np.float32) * 100
    ab = np.broadcast_to(np.array([-37.123, 81.7], np.float32), (*low, 2))
    result = upsample(ab, area(guide, *low), guide)
    np.testing.assert_array_equal(result, np.broadcast_to(ab[0, 0], (*high, 2)))


def test_equal_sizes_return_a_bit_for_bit_copy_of_the_input() -> None:
    random = np.random.default_rng(6)
    ab, guide = random.normal(0, 30, (20, 31, 2)).astype(np.float32), random.random((20, 31), np.float32)
    result = upsample(ab, guide, guide)
    assert result.tobytes() == ab.tobytes()
    assert not np.shares_memory(result, ab)


def test_confidence_is_a_separate_plane_and_stays_between_0_and_1() -> None:
    inside = half_plane(1.5, 20)
    confidence, guide = np.float32(inside), np.where(inside, np.float32(30), np.float32(60))
    low = area(confidence, 24, 32)
    result = upsample(low, area(guide, 24, 32), guide)
    assert result.shape == guide.shape
    assert result.min() >= 0 and result.max() <= 1
    assert np.abs(result - confidence).max() < 0.02
    np.testing.assert_array_equal(upsample(low[..., None], area(guide, 24, 32), guide)[..., 0], result)


def test_a_rotated_or_mirrored_picture_gives_the_rotated_or_mirrored_result() -> None:
    random = np.random.default_rng(7)
    guide = cv2.GaussianBlur(random.random((60, 84), np.float32) * 100, (0, 0), 2)
    ab, guide_low = random.normal(0, 30, (15, 21, 2)).astype(np.float32), area(guide, 15, 21)
    result = upsample(ab, guide_low, guide)
    for turn in (lambda x: x[::-1], lambda x: x[:, ::-1], lambda x: x.swapaxes(0, 1)):
        turned = upsample(turn(ab), turn(guide_low), turn(guide))
        np.testing.assert_allclose(turned, turn(result), atol=1e-3)


def test_two_runs_give_the_same_bits() -> None:
    random = np.random.default_rng(8)
    guide, ab = random.random((301, 533), np.float32) * 100, random.normal(0, 30, (77, 133, 2)).astype(np.float32)
    guide_low = area(guide, 77, 133)
    assert upsample(ab, guide_low, guide).tobytes() == upsample(ab, guide_low, guide).tobytes()


def test_memory_stays_within_a_few_planes_of_the_plate() -> None:
    guide = np.random.default_rng(9).random((1080, 1920), np.float32) * 100
    ab, guide_low = np.zeros((216, 384, 2), np.float32), area(guide, 216, 384)
    tracemalloc.start()
    try:
        result = upsample(ab, guide_low, guide)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert result.nbytes < peak < result.nbytes + 5 * guide.nbytes


@pytest.mark.parametrize(
    ("values", "guide_low", "guide"),
    [
        pytest.param((4, 5, 2), (5, 4), (8, 10), id="guide_low of another size"),
        pytest.param((4, 5, 2), (4, 5), (8, 10, 1), id="guide of three axes"),
        pytest.param((4,), (4,), (8, 10), id="values of one axis"),
    ],
)
def test_shapes_that_do_not_match_are_refused(
    values: tuple[int, ...], guide_low: tuple[int, ...], guide: tuple[int, ...]
) -> None:
    with pytest.raises(ValueError, match="guide_low"):
        upsample(*(np.zeros(shape, np.float32) for shape in (values, guide_low, guide)))


def test_real_colour_at_a_quarter_is_restored_more_closely_than_by_bilinear() -> None:
    gains = []
    for path in sorted(footage("davis").glob("*/00010.jpg")):
        bgr = cv2.resize(cv2.imread(str(path)), (384, 216), interpolation=cv2.INTER_AREA)
        lab = cv2.cvtColor(bgr.astype(np.float32) / 255, cv2.COLOR_BGR2LAB)
        ab, guide = lab[..., 1:].copy(), lab[..., 0].copy()
        errors = [np.square(one - ab).mean() for one in (bilinear_from_a_quarter(ab), from_a_quarter(ab, guide))]
        gains.append(10 * np.log10(errors[0] / errors[1]))
    assert np.mean(gains) > 1.5  # dB of ab


def test_slopes_with_a_weight_see_nothing_of_what_has_none() -> None:
    light = np.random.default_rng(1).uniform(20, 80, (24, 32)).astype(np.float32)
    weight = np.zeros_like(light)
    weight[:, :16] = 1
    ab = np.where(weight[..., None] > 0, light[..., None] * (0.5, -0.25), 90.0).astype(np.float32)
    inside = slopes(light, ab, weight=weight)[4:-4, 4:16]
    np.testing.assert_allclose(inside, np.broadcast_to((0.5, -0.25), inside.shape), atol=0.03)
    np.testing.assert_allclose(slopes(light, ab, weight=np.ones_like(light)), slopes(light, ab), atol=2e-3)

"""Colour in light that changes, against scenes whose light is changed by a known factor."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import cv2
import numpy as np
import pytest
import torch
from scenes import Scene, pan, texture

from stcolor_core.files.scratch import Scratch
from stcolor_core.images.color import lab_to_linear, linear_to_lab, luminance_of, roll_off
from stcolor_core.images.color import lightness as lightness_of
from stcolor_core.method.light import (
    SAME_LIGHT,
    LightChange,
    _order_statistics,
    local_change,
    overall_change,
    overall_exposure,
    relight,
    relight_lightness,
)
from stcolor_core.method.light_limits import blacken, clipping_level, is_clipped, settle
from stcolor_core.method.propagation import ColoredFrame, Propagator
from stcolor_core.method.refinement.fixed_rule import FixedRuleRefinement
from stcolor_core.method.tracking.flow import FlowTracker
from stcolor_core.models import registry
from stcolor_core.shots.settings import Light, Method
from stcolor_core.shots.spans import plan

CPU = torch.device("cpu")
VISIBLE = np.ones((96, 128), np.float32)
Gain = Callable[[int], float | np.ndarray]


def lit(scene: Scene, gain: Gain) -> Scene:
    """Return a scene with its linear light times a gain for each frame, one or of shape (H, W)."""
    labs = [
        linear_to_lab(
            lab_to_linear(np.dstack([light, ab])) * np.broadcast_to(np.float32(gain(index)), light.shape)[..., None]
        )
        for index, (light, ab) in enumerate(zip(scene.lightnesses, scene.ab, strict=True))
    ]
    return replace(
        scene,
        lightnesses=[np.ascontiguousarray(lab[..., 0]) for lab in labs],
        ab=[np.ascontiguousarray(lab[..., 1:]) for lab in labs],
    )


def color(
    scene: Scene, references: Sequence[int], light: Light, wanted: Sequence[int] | None = None
) -> dict[int, ColoredFrame]:
    model = registry.build("standard", device=CPU)
    propagator, result = Propagator(model, Method(tracking="dense", light=light), device=CPU), {}
    for span in plan(range(len(scene.lightnesses)), references, []):
        with Scratch() as scratch:
            frames = None if wanted is None else set(wanted).intersection(span.frames)
            result.update({each.frame: each for each in propagator.color(span, scene, scratch, wanted=frames)})
    return result


def error(scene: Scene, colored: ColoredFrame, columns: slice = slice(None)) -> float:
    """Mean distance in ab."""
    return float(np.linalg.norm(colored.ab - scene.ab[colored.frame], axis=-1)[:, columns].mean())


@pytest.mark.parametrize("exposure", [0.02, 0.3, 1.0, 2.5])
def test_relit_colour_is_that_of_the_scaled_linear_light(exposure: float) -> None:
    lab = np.array([[[60, 20, -30], [15, 10, 8], [4, -3, 3]]], np.float32)
    expected = linear_to_lab(exposure * lab_to_linear(lab.astype(np.float64)))
    lightness, ab = relight(lab[..., 0], lab[..., 1:], exposure)
    np.testing.assert_allclose(ab, expected[..., 1:], atol=2e-3)
    np.testing.assert_allclose(lightness, expected[..., 0], atol=2e-3)
    np.testing.assert_allclose(relight_lightness(lab[..., 0], exposure), expected[..., 0], atol=2e-3)


@pytest.mark.parametrize("white", [1.0, 6.0])
def test_a_clipped_picture_says_where_its_light_ends(white: float) -> None:
    luminance = luminance_of(texture(96, 128, seed=3, mean=50)) * 4 * white
    assert (luminance > white).mean() > 0.05
    clipped = roll_off(lightness_of(np.minimum(luminance, np.float32(white))))
    assert clipping_level(clipped) == pytest.approx(white, rel=2e-3)
    assert clipping_level(roll_off(lightness_of(luminance))) == np.inf
    assert clipping_level(clipped * np.float32(0.5)) == np.inf  # a flat grey is not a limit
    assert clipping_level(np.full_like(clipped, 100)) == np.inf


def test_a_colour_that_is_clipped_loses_its_saturation_as_the_camera_would_have_it() -> None:
    lab = np.array([[[60, 40, 30], [80, -20, 30], [20, 10, -5]]], np.float32)
    expected = linear_to_lab(np.minimum(5 * lab_to_linear(lab.astype(np.float64)), 1))
    assert np.abs(expected[0, 1, 1:]).max() < 1  # white
    np.testing.assert_array_equal(is_clipped(expected[..., 0], expected[..., 1:], 1.0), [[True, True, False]])
    assert not is_clipped(lab[..., 0], lab[..., 1:], np.inf).any()
    lightness, ab = relight(lab[..., 0], lab[..., 1:], 5.0, most=1.0)
    np.testing.assert_allclose(ab, expected[..., 1:], atol=2e-3)
    np.testing.assert_allclose(lightness, roll_off(expected[..., 0]), atol=2e-3)


@pytest.mark.parametrize("exposure", [0.05, 0.5, 0.9, 1.3])
def test_the_exposure_of_a_whole_picture_is_measured(exposure: float) -> None:
    picture = texture(96, 128, seed=3, mean=50)
    assert overall_exposure(relight_lightness(picture, exposure), picture, VISIBLE) == pytest.approx(exposure, rel=0.01)


def test_only_visible_surfaces_count() -> None:
    picture = texture(96, 128, seed=3, mean=50)
    target, visibility = relight_lightness(picture, 0.5), VISIBLE.copy()
    target[:, :80], visibility[:, :80] = 90, 0
    assert overall_exposure(target, picture, visibility) == pytest.approx(0.5, rel=0.01)


def test_steady_light_is_left_alone_whatever_moves() -> None:
    picture = texture(96, 128, seed=3, mean=50)
    assert overall_exposure(np.roll(picture, 2, 1), picture, VISIBLE) == 1
    assert (local_change(np.roll(picture, 1, 1), picture, VISIBLE).exposure == 1).mean() > 0.97
    assert overall_exposure(picture, picture, 0 * VISIBLE) == 1


def test_black_and_white_pictures_have_a_finite_exposure() -> None:
    picture = texture(96, 128, seed=3, mean=50)
    for flat in (0, 100):
        for exposure in (
            overall_exposure(np.full_like(picture, flat), picture, VISIBLE),
            overall_exposure(picture, np.full_like(picture, flat), VISIBLE),
        ):
            assert 1e-4 < exposure < 1e4
        assert np.isfinite(local_change(np.full_like(picture, flat), picture, VISIBLE).exposure).all()


@pytest.mark.parametrize("scale", [1, 3])
def test_a_shadow_is_measured_where_it_is(scale: int) -> None:
    picture = cv2.resize(texture(96, 128, seed=3, mean=50), None, fx=scale, fy=scale)
    shade = np.ones_like(picture)
    shade[:, : 60 * scale] = 0.4
    exposure = local_change(relight_lightness(picture, shade), picture, np.ones_like(picture)).exposure
    np.testing.assert_allclose(exposure[:, : 40 * scale], 0.4, rtol=0.1)
    np.testing.assert_allclose(exposure[:, 80 * scale :], 1, rtol=0.02)


def test_flow_holds_in_a_fade() -> None:
    scene = pan(12)
    errors = []
    for follows_light in (False, True):
        tracker = FlowTracker(scene.lightnesses[0], follows_light=follows_light)
        for frame in range(1, 12):
            link = tracker.advance(relight_lightness(scene.lightnesses[frame], 0.6**frame))
        errors.append(np.linalg.norm(link.displacement - [33, 0], axis=-1)[12:-12, 12:80].mean())
    assert errors[1] < 0.6 * errors[0]
    assert errors[1] < 1


class TestAFade:
    @pytest.fixture(scope="class")
    @classmethod
    def scene(cls) -> Scene:
        return lit(pan(8), lambda frame: 1 - 0.13 * frame)

    def test_keeps_hue_and_saturation(self, scene: Scene) -> None:
        off, auto = (color(scene, [0], light, wanted=[7])[7] for light in ("off", "auto"))
        assert error(scene, auto) < 0.35 * error(scene, off)

    def test_has_the_same_colour_wherever_its_span_is_cut(self, scene: Scene) -> None:
        whole, alone = color(scene, [0], "auto"), color(scene, [0], "auto", wanted=[5])[5]
        np.testing.assert_array_equal(whole[5].ab, alone.ab)
        np.testing.assert_array_equal(whole[5].confidence, alone.confidence)

    def test_takes_each_keyframe_in_its_own_light(self, scene: Scene) -> None:
        off, auto = (color(scene, [0, 7], light, wanted=[4])[4] for light in ("off", "auto"))
        assert error(scene, auto) < 0.5 * error(scene, off)


class TestAFlash:
    """The plate clips red, green and blue at white, so that bright surfaces lose their colour for a frame."""

    @pytest.fixture(scope="class")
    @classmethod
    def scene(cls) -> Scene:
        labs = [np.dstack([light, ab]) for light, ab in zip(pan(4).lightnesses, pan(4).ab, strict=True)]
        linear = [lab_to_linear(lab) * np.float32(4 if frame == 2 else 1) for frame, lab in enumerate(labs)]
        labs = [linear_to_lab(np.minimum(light, np.float32(1))) for light in linear]
        return replace(
            pan(4),
            lightnesses=[roll_off(np.ascontiguousarray(lab[..., 0])) for lab in labs],
            ab=[np.ascontiguousarray(lab[..., 1:]) for lab in labs],
        )

    def test_takes_the_colour_that_clipping_leaves(self, scene: Scene) -> None:
        seen = slice(0, 110)  # the rest was not yet in the keyframe
        white = (scene.lightnesses[2] > 97.4)[:, seen]
        assert 0.05 < white.mean() < 0.9
        flash = color(scene, [0], "auto", wanted=[2])[2]
        assert np.linalg.norm(flash.ab, axis=-1)[:, seen][white].mean() < 3
        assert error(scene, flash, seen) < 6  # 24 if nothing is clipped

    def test_leaves_no_mark_behind(self, scene: Scene) -> None:
        steady, after = (color(each, [0], "auto", wanted=[3])[3] for each in (pan(4), scene))
        assert error(scene, after) < error(pan(4), steady) + 1


def test_a_shadow_keeps_hue_and_saturation() -> None:
    def shade(frame: int) -> np.ndarray:
        gain = np.ones((96, 128), np.float32)
        gain[:, : 12 * frame] = 0.35
        return cv2.GaussianBlur(gain, (0, 0), 3)

    scene, columns = lit(pan(5, step=1), shade), slice(4, 40)
    off, auto = (color(scene, [0], light, wanted=[4])[4] for light in ("off", "auto"))
    assert error(scene, auto, columns) < 0.6 * error(scene, off, columns)


def test_steady_light_gives_the_same_pixels_as_without_looking_for_changes() -> None:
    off, auto = (color(pan(4), [0], light, wanted=[3])[3].ab for light in ("off", "auto"))
    np.testing.assert_allclose(auto[:, :110], off[:, :110], atol=1e-3)  # the rest was not yet in the picture


def test_a_refinement_that_hands_its_colours_on_is_not_relit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(FixedRuleRefinement, "recurrent", True)
    scene, results = lit(pan(3), lambda frame: 0.5**frame), []
    for light in ("off", "auto"):
        model = registry.build("standard", device=CPU, refinement=FixedRuleRefinement())
        (span,) = plan(range(3), [0], [])
        with Scratch() as scratch:
            propagator = Propagator(model, Method(tracking="dense", light=light), device=CPU)
            results.append([each.ab for each in propagator.color(span, scene, scratch)])
    np.testing.assert_array_equal(*results)


def test_black_has_no_colour_and_the_rest_keeps_its_own() -> None:
    lightness = np.array([[0, 0.25, 1, 50]], np.float32)
    ab = np.full((1, 4, 2), 40, np.float32)
    np.testing.assert_allclose(blacken(ab, lightness)[0, :, 0], [0, 10, 40, 40])
    assert blacken(ab, lightness[:, 2:].repeat(2, 1)) is ab  # nothing to do: no copy


def test_relit_luminance_is_scaled() -> None:
    picture = texture(96, 128, seed=3, mean=50)
    np.testing.assert_allclose(luminance_of(relight_lightness(picture, 0.3)), 0.3 * luminance_of(picture), rtol=1e-4)


VEILS = [
    pytest.param(LightChange(0.4, 0.5), id="a fade to white in linear light"),
    pytest.param(LightChange(0.7, 0.15), id="fog"),
    pytest.param(LightChange(0.5, 48.0, coded=True), id="a fade to white in code values"),
    pytest.param(LightChange(0.85, 14.0, coded=True), id="lifted blacks"),
]


@pytest.mark.parametrize("veil", VEILS)
def test_added_light_is_told_from_a_gain(veil: LightChange) -> None:
    picture = texture(96, 128, seed=3, mean=45)
    found = overall_change(relight_lightness(picture, veil), picture, VISIBLE)
    assert found.coded == veil.coded
    assert (found.gain, found.offset) == pytest.approx((veil.gain, veil.offset), rel=0.05)
    cleared = overall_change(picture, relight_lightness(picture, veil), VISIBLE)
    assert cleared.gain == pytest.approx(1 / veil.gain, rel=0.1), "and back"


@pytest.mark.parametrize("veil", VEILS[:3])
def test_added_light_is_told_although_the_flow_is_some_pixels_off(veil: LightChange) -> None:
    picture = texture(96, 128, seed=3, mean=45)
    found = overall_change(np.roll(relight_lightness(picture, veil), 1, 1), picture, VISIBLE)
    assert 0.8 * veil.gain < found.gain < 1.15 * veil.gain


@pytest.mark.parametrize("exposure", [0.05, 0.5, 0.9, 1.3])
def test_a_gain_alone_gets_no_offset(exposure: float) -> None:
    picture = texture(96, 128, seed=3, mean=45)
    expected = overall_exposure(target := relight_lightness(picture, exposure), picture, VISIBLE)
    assert overall_change(target, picture, VISIBLE) == LightChange(expected)


def test_steady_light_gets_no_offset_whatever_moves() -> None:
    picture = texture(96, 128, seed=3, mean=50)
    assert overall_change(np.roll(picture, 2, 1), picture, VISIBLE) == SAME_LIGHT
    assert overall_change(picture, picture, 0 * VISIBLE) == SAME_LIGHT


@pytest.mark.parametrize("flat", [0, 50, 100])
def test_a_flat_picture_gets_no_more_chroma(flat: float) -> None:
    picture = texture(96, 128, seed=3, mean=50)
    assert overall_change(np.full_like(picture, flat), picture, VISIBLE).gain <= 1
    brighter, darker = np.full_like(picture, 70), np.full_like(picture, 40)
    assert overall_change(brighter, darker, VISIBLE).gain == pytest.approx(1, abs=0.01)


def test_added_light_dilutes_the_colour() -> None:
    rgb = np.array([[[0.6, 0.1, 0.05], [0.1, 0.3, 0.5]]], np.float32)
    lab, expected = linear_to_lab(rgb), linear_to_lab(0.5 * rgb + np.float32(0.4))
    lightness, ab = relight(lab[..., 0], lab[..., 1:], LightChange(0.5, 0.4))
    np.testing.assert_allclose(np.dstack([lightness, ab]), expected, atol=2e-2)
    lightness, ab = relight(lab[..., 0], lab[..., 1:], LightChange(0.5, 48, coded=True))
    np.testing.assert_allclose(ab, 0.5 * lab[..., 1:], rtol=1e-5)
    np.testing.assert_allclose(lightness, 0.5 * lab[..., 0] + 48, rtol=1e-5)


@pytest.mark.parametrize("veil", VEILS)
def test_a_change_and_its_inverse_cancel_out(veil: LightChange) -> None:
    assert (both := veil.then(veil.inverse)).gain == pytest.approx(1) and both.offset == pytest.approx(0, abs=1e-6)
    assert veil.then(SAME_LIGHT) == veil == SAME_LIGHT.then(veil)


def test_changes_of_both_kinds_follow_each_other() -> None:
    picture = np.linspace(30, 70, 96 * 128, dtype=np.float32).reshape(96, 128)
    first, second = LightChange(0.8, 0.1), LightChange(0.7, 25, coded=True)
    expected = relight_lightness(relight_lightness(picture, first), second)
    np.testing.assert_allclose(relight_lightness(picture, first.then(second)), expected, atol=2)


def test_a_flare_adds_light_where_it_is() -> None:
    picture = texture(96, 128, seed=3, mean=40)
    flare = np.zeros_like(picture)
    flare[:, :60] = 0.3
    change = local_change(relight(picture, np.zeros((96, 128, 2), np.float32), 1.0, offset=flare)[0], picture, VISIBLE)
    assert change.offset is not None
    np.testing.assert_allclose(change.offset[8:-8, 8:40], 0.3, atol=0.12)
    assert np.median(change.gain[:, :40]) < 1.2, "0.3 on a luminance of 0.11 looks like a gain of 4"
    assert change.exposure[:, :40].max() < 1, "so that chroma falls"
    np.testing.assert_allclose(change.offset[:, 80:], 0, atol=0.01)


@pytest.mark.parametrize("veil", VEILS)
def test_a_veil_that_grows_over_a_shot_takes_colour_out_of_it(veil: LightChange) -> None:
    scene = pan(6)
    pairs = [
        relight(light, ab, LightChange(1 - (1 - veil.gain) * frame / 5, veil.offset * frame / 5, veil.coded))
        for frame, (light, ab) in enumerate(zip(scene.lightnesses, scene.ab, strict=True))
    ]
    veiled = replace(scene, lightnesses=[light for light, _ in pairs], ab=[ab for _, ab in pairs])
    off, auto = (color(veiled, [0], light, wanted=[5])[5] for light in ("off", "auto"))
    assert error(veiled, auto) < 0.5 * error(veiled, off)


class TestWhatTheLightLeavesNoChroma:
    def test_is_grey_and_certain(self) -> None:
        lightness = np.full((20, 20), 50, np.float32)
        lightness[:4], lightness[4:8] = 0, 97.5  # black, and clipped white
        ab, confidence = settle(lightness, np.full((20, 20, 2), 30, np.float32), np.full((20, 20), 0.2, np.float32))
        assert not ab[:8].any() and (ab[8:] == 30).all()
        np.testing.assert_array_equal(confidence[:8], 1)
        np.testing.assert_array_equal(confidence[8:], np.float32(0.2))

    def test_is_not_a_bright_yellow_that_fills_its_channels(self) -> None:
        lightness = np.full((20, 20), 50, np.float32)
        lightness[:8] = roll_off(linear_to_lab(np.array([[[1, 1, 0]]], np.float32))[..., 0])
        ab = np.full((20, 20, 2), 90, np.float32)
        assert settle(lightness, ab, lightness)[0] is ab

    def test_makes_a_black_frame_certain(self) -> None:
        scene = pan(4)
        scene.lightnesses[2] = 0 * scene.lightnesses[2]
        auto, off = (color(scene, [0], light, wanted=[2])[2] for light in ("auto", "off"))
        assert auto.confidence.min() == 1 and not auto.ab.any()
        assert off.confidence.mean() < 0.9


@pytest.mark.parametrize("kind", ["spread", "flat", "two values"])
def test_quantiles_are_those_of_the_sorted_picture(kind: str) -> None:
    generator = np.random.default_rng(3)
    values = {
        "spread": generator.uniform(2.1, 97.1, 5000),
        "flat": np.full(5000, 60.0),
        "two values": generator.choice([30.0, 30.01], 5000),
    }[kind].astype(np.float32)
    places = [round(quantile * (len(values) - 1)) for quantile in (0, 0.1, 0.5, 0.9, 1)]
    np.testing.assert_array_equal(_order_statistics(values, places), np.sort(values)[places])

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
    blacken,
    clipping_level,
    is_clipped,
    local_exposure,
    overall_exposure,
    relight,
    relight_lightness,
)
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
    assert (local_exposure(np.roll(picture, 1, 1), picture, VISIBLE) == 1).mean() > 0.97
    assert overall_exposure(picture, picture, 0 * VISIBLE) == 1


def test_black_and_white_pictures_have_a_finite_exposure() -> None:
    picture = texture(96, 128, seed=3, mean=50)
    for flat in (0, 100):
        for exposure in (
            overall_exposure(np.full_like(picture, flat), picture, VISIBLE),
            overall_exposure(picture, np.full_like(picture, flat), VISIBLE),
        ):
            assert 1e-4 < exposure < 1e4
        assert np.isfinite(local_exposure(np.full_like(picture, flat), picture, VISIBLE)).all()


@pytest.mark.parametrize("scale", [1, 3])
def test_a_shadow_is_measured_where_it_is(scale: int) -> None:
    picture = cv2.resize(texture(96, 128, seed=3, mean=50), None, fx=scale, fy=scale)
    shade = np.ones_like(picture)
    shade[:, : 60 * scale] = 0.4
    exposure = local_exposure(relight_lightness(picture, shade), picture, np.ones_like(picture))
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

"""Changes of light on tensors against those on arrays."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scenes import texture

from stcolor_core.images.color import roll_off
from stcolor_core.method import light, light_limits
from stcolor_core.method.on_device import light as tensor_light


@pytest.fixture
def lightness() -> np.ndarray:
    return texture(80, 120, seed=1, mean=50)


@pytest.fixture
def ab() -> np.ndarray:
    return np.random.RandomState(2).uniform(-40, 40, (80, 120, 2)).astype(np.float32)


def tensor(picture: np.ndarray | float) -> torch.Tensor:
    array = np.asarray(picture, np.float32)
    return torch.from_numpy(np.ascontiguousarray(np.moveaxis(array, 2, 0) if array.ndim == 3 else array))


@pytest.mark.parametrize("exposure", [1.0, 0.98, 0.5, 3.0, 0.01])
def test_the_overall_exposure_is_that_of_arrays(lightness: np.ndarray, exposure: float) -> None:
    other, visibility = light.relight_lightness(lightness, exposure), np.ones_like(lightness)
    expected = light.overall_exposure(lightness, other, visibility)
    found = tensor_light.overall_exposure(*map(tensor, (lightness, other, visibility)))
    assert found.shape == ()
    assert float(found) == pytest.approx(expected, rel=1e-4)
    assert (expected == 1) == (float(found) == 1)


def test_hidden_and_unlike_pictures_have_no_exposure(lightness: np.ndarray) -> None:
    noise = texture(80, 120, seed=7, mean=50)
    for other, visibility in ((noise, np.ones_like(noise)), (lightness * 0.5, np.zeros_like(noise))):
        assert light.overall_exposure(lightness, other, visibility) == 1
        assert float(tensor_light.overall_exposure(*map(tensor, (lightness, other, visibility)))) == 1


def test_the_local_exposure_is_that_of_arrays(lightness: np.ndarray) -> None:
    lamp = np.ones_like(lightness)
    lamp[20:60, 30:80] = 0.4
    other, visibility = light.relight_lightness(lightness, lamp), np.ones_like(lightness)
    for pair in ((lightness, other), (other, lightness)):  # brighter, and darker
        expected = light.local_change(*pair, visibility)
        gain, offset, exposure = tensor_light.local_change(*map(tensor, (*pair, visibility)))
        assert (expected.offset is None) == (not offset.any())
        np.testing.assert_allclose(gain.numpy(), expected.gain, rtol=2e-3)
        np.testing.assert_allclose(exposure.numpy(), expected.exposure, rtol=5e-3)
        np.testing.assert_allclose(offset.numpy(), 0 if expected.offset is None else expected.offset, atol=1e-3)


@pytest.mark.parametrize("exposure", [0.3, 2.5])
def test_a_relit_colour_is_that_of_arrays(lightness: np.ndarray, ab: np.ndarray, exposure: float) -> None:
    expected, expected_ab = light.relight(lightness, ab, exposure)
    found, found_ab = tensor_light.relight(tensor(lightness), tensor(ab), tensor(exposure), most=tensor(np.inf))
    np.testing.assert_allclose(found.numpy(), expected, atol=2e-3)
    np.testing.assert_allclose(np.moveaxis(found_ab.numpy(), 0, 2), expected_ab, atol=5e-3)
    np.testing.assert_allclose(
        tensor_light.relight_lightness(tensor(lightness), tensor(exposure)).numpy(),
        light.relight_lightness(lightness, exposure),
        atol=2e-3,
    )


@pytest.mark.parametrize("share", [0.0, 0.001, 0.1])
def test_a_clipped_picture_is_that_of_arrays(lightness: np.ndarray, ab: np.ndarray, share: float) -> None:
    bright = roll_off(lightness * np.float32(1.9))
    clipped = np.minimum(bright, np.float32(max(95.5, np.quantile(bright, 1 - share))))
    expected = light_limits.clipping_level(clipped)
    found = tensor_light.clipping_level(tensor(clipped))
    assert found.shape == ()
    assert float(found) == pytest.approx(expected, rel=1e-4)
    for most in (expected, 0.5):
        clipped_parts = tensor_light.is_clipped(tensor(clipped), tensor(ab), tensor(most)).numpy()
        assert (clipped_parts == light_limits.is_clipped(clipped, ab, most)).mean() > 0.999
        expected_lightness, expected_ab = light.relight(lightness, ab, 2.5, most=most)
        relit, relit_ab = tensor_light.relight(tensor(lightness), tensor(ab), tensor(2.5), most=tensor(most))
        np.testing.assert_allclose(relit.numpy(), expected_lightness, atol=5e-3)
        np.testing.assert_allclose(np.moveaxis(relit_ab.numpy(), 0, 2), expected_ab, atol=2e-2)


@pytest.mark.parametrize("exposure", [0.5, 1.0, 2.0])
def test_two_pictures_are_brought_to_the_brighter_light(lightness: np.ndarray, exposure: float) -> None:
    other = light.relight_lightness(lightness, 1 / exposure)
    expected = light.to_same_light(lightness, other, light.LightChange(exposure))
    found = tensor_light.to_same_light(tensor(lightness), tensor(other), tensor(np.array([exposure, 0, 0])))
    for ours, theirs in zip(found, expected, strict=True):
        np.testing.assert_allclose(ours.numpy(), theirs, atol=2e-3)


def test_black_loses_its_colour_and_highlights_are_rolled_off(ab: np.ndarray) -> None:
    dark = np.linspace(-1, 3, 80 * 120, dtype=np.float32).reshape(80, 120)
    found = tensor_light.blacken(tensor(ab), tensor(dark))
    np.testing.assert_allclose(np.moveaxis(found.numpy(), 0, 2), light_limits.blacken(ab, dark), atol=1e-5)
    bright = np.linspace(-20, 300, 200, dtype=np.float32)
    np.testing.assert_allclose(tensor_light.roll_off(torch.from_numpy(bright)).numpy(), roll_off(bright), rtol=1e-5)


CHANGES = [
    light.SAME_LIGHT,
    light.LightChange(0.4),
    light.LightChange(0.4, 0.5),
    light.LightChange(1.6, -0.05),
    light.LightChange(0.5, 48.0, coded=True),
    light.LightChange(1.2, -15.0, coded=True),
]


def as_tensor(change: light.LightChange) -> torch.Tensor:
    return torch.tensor([change.gain, change.offset, change.coded], dtype=torch.float32)


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("most", [np.inf, 1.0])
def test_a_changed_light_is_that_of_arrays(
    lightness: np.ndarray, ab: np.ndarray, change: light.LightChange, most: float
) -> None:
    found, found_ab = tensor_light.relight_by(tensor(lightness), tensor(ab), as_tensor(change), most=tensor(most))
    if change.is_same:
        np.testing.assert_array_equal(found.numpy(), lightness)
        return
    expected, expected_ab = light.relight(lightness, ab, change, most=most)
    np.testing.assert_allclose(found.numpy(), expected, atol=0.02)
    np.testing.assert_allclose(np.moveaxis(found_ab.numpy(), 0, 2), expected_ab, atol=0.05)
    found = tensor_light.relight_lightness_by(tensor(lightness)[None], as_tensor(change)[None])[0]
    np.testing.assert_allclose(found.numpy(), light.relight_lightness(lightness, change), atol=0.02)


@pytest.mark.parametrize("change", CHANGES)
def test_the_overall_change_is_that_of_arrays(lightness: np.ndarray, change: light.LightChange) -> None:
    other, visibility = light.relight_lightness(lightness, change), np.ones_like(lightness)
    for pair in ((lightness, other), (other, lightness), (np.roll(other, 1, 1), lightness)):
        expected = light.overall_change(*pair, visibility)
        found = tensor_light.overall_change(*map(tensor, (*pair, visibility)))
        np.testing.assert_allclose(found.numpy(), as_tensor(expected).numpy(), rtol=2e-3, atol=2e-4)
        assert bool(tensor_light.is_same(found)) == expected.is_same


@pytest.mark.parametrize("first", CHANGES)
@pytest.mark.parametrize("second", CHANGES)
def test_changes_follow_each_other_as_on_arrays(first: light.LightChange, second: light.LightChange) -> None:
    found = tensor_light.follow(as_tensor(first), as_tensor(second))
    np.testing.assert_allclose(found.numpy(), as_tensor(first.then(second)).numpy(), rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(
        tensor_light.invert(as_tensor(first)).numpy(), as_tensor(first.inverse).numpy(), rtol=1e-5
    )


def test_what_the_light_leaves_is_that_of_arrays(lightness: np.ndarray, ab: np.ndarray) -> None:
    lightness[:10], lightness[10:20] = 0.4, 97.5
    confidence = np.full_like(lightness, 0.3)
    expected_ab, expected = light_limits.settle(lightness, ab, confidence)
    found_ab, found = tensor_light.settle(tensor(lightness), tensor(ab), tensor(confidence))
    np.testing.assert_allclose(np.moveaxis(found_ab.numpy(), 0, 2), expected_ab, atol=1e-4)
    np.testing.assert_allclose(found.numpy(), expected, atol=1e-5)
    assert (expected[:20] > 0.5).all() and (expected[20:] == np.float32(0.3)).mean() > 0.9

"""Changes of light on tensors against those on arrays."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scenes import texture

from stcolor_core.images.color import roll_off
from stcolor_core.method import light
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
    expected = light.local_exposure(lightness, other, visibility)
    assert expected.max() > 1.5
    found = tensor_light.local_exposure(*map(tensor, (lightness, other, visibility)))
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-3)


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
    expected = light.clipping_level(clipped)
    found = tensor_light.clipping_level(tensor(clipped))
    assert found.shape == ()
    assert float(found) == pytest.approx(expected, rel=1e-4)
    for most in (expected, 0.5):
        clipped_parts = tensor_light.is_clipped(tensor(clipped), tensor(ab), tensor(most)).numpy()
        assert (clipped_parts == light.is_clipped(clipped, ab, most)).mean() > 0.999
        expected_lightness, expected_ab = light.relight(lightness, ab, 2.5, most=most)
        relit, relit_ab = tensor_light.relight(tensor(lightness), tensor(ab), tensor(2.5), most=tensor(most))
        np.testing.assert_allclose(relit.numpy(), expected_lightness, atol=5e-3)
        np.testing.assert_allclose(np.moveaxis(relit_ab.numpy(), 0, 2), expected_ab, atol=2e-2)


@pytest.mark.parametrize("exposure", [0.5, 1.0, 2.0])
def test_two_pictures_are_brought_to_the_brighter_light(lightness: np.ndarray, exposure: float) -> None:
    other = light.relight_lightness(lightness, 1 / exposure)
    expected = light.to_same_light(lightness, other, exposure)
    found = tensor_light.to_same_light(tensor(lightness), tensor(other), tensor(exposure))
    for ours, theirs in zip(found, expected, strict=True):
        np.testing.assert_allclose(ours.numpy(), theirs, atol=2e-3)


def test_black_loses_its_colour_and_highlights_are_rolled_off(ab: np.ndarray) -> None:
    dark = np.linspace(-1, 3, 80 * 120, dtype=np.float32).reshape(80, 120)
    found = tensor_light.blacken(tensor(ab), tensor(dark))
    np.testing.assert_allclose(np.moveaxis(found.numpy(), 0, 2), light.blacken(ab, dark), atol=1e-5)
    bright = np.linspace(-20, 300, 200, dtype=np.float32)
    np.testing.assert_allclose(tensor_light.roll_off(torch.from_numpy(bright)).numpy(), roll_off(bright), rtol=1e-5)

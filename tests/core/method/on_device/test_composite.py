"""The composite on tensors is that on arrays."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from stcolor_core.images.color import roll_off
from stcolor_core.images.color_pipe import ColorPipe
from stcolor_core.method.on_device.composite import composite, plate_lightness, to_half

SIZE = (40, 61)
PIPES = {
    "linear": ColorPipe.open(None, file_format="exr"),
    "linear, two stops up": ColorPipe.open(None, file_format="exr", exposure=2),
    "sRGB": ColorPipe.open(None, file_format="png", pixel_type="uint8"),
    "sRGB, a stop down": ColorPipe.open(None, file_format="png", pixel_type="uint8", exposure=-1),
}


def picture(channels: int) -> NDArray[np.float32]:
    """Return grey pixels from below black to far above white, with both zeros."""
    rng = np.random.RandomState(1)
    plane = np.concatenate([rng.uniform(-0.3, 1.2, SIZE[0] * SIZE[1] - 4), [0, -0.0, 30, 3000]]).astype(np.float32)
    return np.repeat(plane.reshape(*SIZE, 1), channels, axis=-1)


def on_tensors(pipe: ColorPipe, pixels: NDArray[np.float32], ab: NDArray[np.float32]) -> NDArray[Any]:
    grey = pipe.grey_picture(pixels)
    assert grey is not None
    planes = torch.from_numpy(np.moveaxis(ab, 2, 0).copy())
    rgb = composite(torch.from_numpy(grey.plane), planes, grey.encoding, gain=grey.gain)
    return np.asarray(np.moveaxis(rgb.numpy(), 0, 2))


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("name", PIPES)
def test_both_compositions_agree(name: str, channels: int) -> None:
    pixels = picture(channels)
    ab = np.random.RandomState(2).uniform(-90, 90, (*SIZE, 2)).astype(np.float32)
    expected = PIPES[name].composite(pixels, ab)
    # of the size of the pixel's light, whose difference is taken: a half float has steps of 5e-4 of it
    scale = np.maximum(np.abs(expected), np.abs(pixels)).max(axis=-1, keepdims=True) + 0.1
    assert (np.abs(on_tensors(PIPES[name], pixels, ab) - expected) / scale).max() < 2e-5


@pytest.mark.parametrize("name", PIPES)
def test_a_pixel_without_chroma_keeps_its_value_bit_for_bit(name: str) -> None:
    pixels = picture(1)
    found = on_tensors(PIPES[name], pixels, np.zeros((*SIZE, 2), np.float32))
    np.testing.assert_array_equal(found.view(np.uint32), np.repeat(pixels, 3, axis=-1).view(np.uint32))


@pytest.mark.parametrize("name", PIPES)
def test_luminance_stays_in_linear_light(name: str) -> None:
    pipe, pixels = PIPES[name], picture(1)
    ab = np.random.RandomState(2).uniform(-30, 30, (*SIZE, 2)).astype(np.float32)
    light = pipe.luminance(pixels)
    error = np.abs(pipe.luminance(on_tensors(pipe, pixels, ab)) - light)
    assert (error / (np.abs(light) + 0.1)).max() < 3e-5


@pytest.mark.parametrize("name", PIPES)
def test_the_lightness_is_that_of_the_models(name: str) -> None:
    pipe, pixels = PIPES[name], picture(1)
    grey = pipe.grey_picture(pixels)
    assert grey is not None
    found = plate_lightness(torch.from_numpy(grey.plane), grey.encoding, gain=grey.gain).numpy()
    np.testing.assert_allclose(found, roll_off(pipe.lightness(pixels)), atol=2e-4)


def test_a_picture_in_colour_or_of_a_config_is_not_grey() -> None:
    colored = picture(3)
    colored[3, 4, 1] += 0.25
    assert PIPES["linear"].grey_picture(colored) is None
    assert PIPES["sRGB"].grey_picture(colored) is None
    for space in ("ACEScg", "sRGB - Texture"):
        assert ColorPipe.open(space, file_format="exr").grey_picture(picture(1)) is None


def test_half_precision_is_limited_to_its_range() -> None:
    values = torch.tensor([70000.0, -70000.0, 65504.0, 0.1])
    assert to_half(values).tolist() == [65504, -65504, 65504, float(np.float16(0.1))]

"""Guided upsampling on tensors against that on arrays."""

from __future__ import annotations

from typing import Literal

import cv2
import numpy as np
import pytest
import torch
from scenes import texture

from stcolor_core.method import upsampling
from stcolor_core.method.on_device.upsampling import slopes, upsample


@pytest.fixture
def plate() -> np.ndarray:
    return texture(150, 203, seed=1, mean=50, contrast=45)


@pytest.fixture
def color(plate: np.ndarray) -> np.ndarray:
    """Colour with edges where the plate has some, and with others."""
    small = cv2.resize(plate, (64, 48), interpolation=cv2.INTER_AREA)
    noise = np.random.RandomState(4).standard_normal((48, 64)).astype(np.float32)
    return np.dstack([0.8 * (small - 50), cv2.GaussianBlur(30 * noise, (0, 0), 2)])


def planes(picture: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(np.ascontiguousarray(np.moveaxis(picture, 2, 0)))


@pytest.mark.parametrize("interpolation", ["cubic", "linear"])
@pytest.mark.parametrize("known", [False, True])
def test_colour_is_enlarged_as_on_arrays(
    plate: np.ndarray, color: np.ndarray, interpolation: Literal["cubic", "linear"], known: bool
) -> None:
    low = cv2.resize(plate, (64, 48), interpolation=cv2.INTER_AREA)
    slope = np.full_like(color, 0.3) if known else None
    expected = upsampling.upsample(color, low, plate, slope=slope, interpolation=interpolation)
    found = upsample(
        planes(color),
        torch.from_numpy(low),
        torch.from_numpy(plate),
        slope=None if slope is None else planes(slope),
        interpolation=interpolation,
    )
    np.testing.assert_allclose(np.moveaxis(found.numpy(), 0, 2), expected, atol=5e-3)


def test_colour_of_the_plates_size_stays_as_it_is(plate: np.ndarray) -> None:
    values = torch.randn(2, 150, 203)
    guide = torch.from_numpy(plate)
    assert upsample(values, guide, guide) is values


def test_slopes_are_those_of_arrays(plate: np.ndarray) -> None:
    ab = np.dstack([0.5 * plate, 60 - plate])
    found = slopes(torch.from_numpy(plate), planes(ab))
    np.testing.assert_allclose(np.moveaxis(found.numpy(), 0, 2), upsampling.slopes(plate, ab), atol=2e-3)

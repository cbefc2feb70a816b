"""Local descriptors: orientations on a known ramp, a brute-force histogram, and their invariances."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from stcolor_core.method.features import gradients


def orientation_magnitudes(picture: Tensor) -> Tensor:
    return gradients.orientation_magnitudes(picture[None])[0]


def gradient_descriptors(picture: Tensor) -> Tensor:
    return gradients.gradient_descriptors(picture[None])[0]


def luminance_samples(picture: Tensor) -> Tensor:
    return gradients.luminance_samples(picture[None])[0]


@pytest.mark.parametrize("degrees", [0, 30, 45, 100, 180, 270])
def test_a_ramp_counts_in_the_bins_of_its_orientation(degrees: float) -> None:
    slope, angle = 0.5, math.radians(degrees)
    y, x = torch.meshgrid(torch.arange(20.0), torch.arange(24.0), indexing="ij")
    bins = orientation_magnitudes(50 + slope * (x * math.cos(angle) + y * math.sin(angle)))
    expected = [slope * max(0.0, math.cos(angle - k * math.pi / 4)) ** 4 for k in range(8)]
    torch.testing.assert_close(bins[:, 10, 12], torch.tensor(expected), atol=1e-4, rtol=0)


def test_descriptor_of_a_cell_agrees_with_brute_force() -> None:
    picture = texture(64, 80)
    magnitudes = orientation_magnitudes(picture).numpy()
    row, column = 8, 9
    expected = []
    for size, weight in ((4, 1.0), (8, 1.0), (16, 0.8)):
        histogram = []
        for dy in (-1, 0, 1):
            for dx in (-1, 0, 1):
                top = row * 4 + 2 - size // 2 + dy * size
                left = column * 4 + 2 - size // 2 + dx * size
                histogram.append(magnitudes[:, top : top + size, left : left + size].mean(axis=(1, 2)))
        root = np.sqrt(np.concatenate(histogram))
        expected.append(weight * root / (np.linalg.norm(root) + 0.05))
    actual = gradient_descriptors(picture)[:, row, column].numpy()
    np.testing.assert_allclose(actual, np.concatenate(expected), atol=1e-5)


def test_brightness_and_contrast_hardly_change_the_descriptors() -> None:
    picture = texture(64, 96)
    change = gradient_descriptors(0.5 * picture + 30) - gradient_descriptors(picture)
    assert change.norm(dim=0).max() < 0.02


def test_descriptors_shift_with_the_picture() -> None:
    picture = texture(96, 128)
    moved = torch.roll(picture, (16, -8), dims=(0, 1))
    inside = (slice(None), slice(10, -10), slice(10, -10))
    for describe in (gradient_descriptors, luminance_samples):
        expected = torch.roll(describe(picture), (4, -2), dims=(1, 2))
        torch.testing.assert_close(describe(moved)[inside], expected[inside], atol=1e-5, rtol=0)


def test_samples_are_the_lightness_of_the_surrounding_cells() -> None:
    picture = texture(40, 48)
    cells = F.avg_pool2d(picture[None], 4)[0] / 100
    expected = [cells[5 + dy * pitch, 6 + dx * pitch] for pitch in (1, 3) for dy in (-1, 0, 1) for dx in (-1, 0, 1)]
    torch.testing.assert_close(luminance_samples(picture)[:, 5, 6], torch.stack(expected))


def test_a_flat_picture_has_no_gradients() -> None:
    assert not gradient_descriptors(torch.full((16, 16), 40.0)).any()


def texture(height: int, width: int) -> Tensor:
    """Smooth seeded noise, 10..90."""
    noise = torch.rand(1, 1, height // 4, width // 4, generator=torch.Generator().manual_seed(3))
    return 10 + 80 * F.interpolate(noise, (height, width), mode="bicubic").clamp(0, 1)[0, 0]

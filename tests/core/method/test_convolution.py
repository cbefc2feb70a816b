"""Convolutions by rows and of upsampled maps, against torch's result for the whole."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from stcolor_core.method import convolution

RANDOM = torch.Generator().manual_seed(4)


def noise(*shape: int) -> Tensor:
    return torch.randn(shape, generator=RANDOM)


@pytest.fixture(params=[1, 700, 1500, 1 << 21], ids=["row by row", "few rows", "more rows", "whole"])
def strips(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(convolution, "_ELEMENTS", request.param)


@pytest.mark.usefixtures("strips")
def test_maps_of_several_sizes_go_through_by_rows_together() -> None:
    def joined(coarse: Tensor, fine: Tensor) -> Tensor:
        return F.max_pool2d(F.avg_pool2d(F.interpolate(coarse, scale_factor=4) + fine, 5, 1, 2), 2)

    coarse, fine = noise(1, 6, 9, 8), noise(1, 6, 36, 32)
    found = convolution.apply_by_rows(joined, coarse, fine, units=9, halo=1, channels=6)
    torch.testing.assert_close(found, joined(coarse, fine))


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_a_doubled_map_is_convolved_without_allocating_it(layout: torch.memory_format) -> None:
    conv = nn.Conv2d(5, 7, 3, padding=1).requires_grad_(False).to(memory_format=layout)
    x = noise(2, 5, 6, 9)
    found = convolution.convolve_upsampled(conv, x)
    assert found.is_contiguous(memory_format=layout)
    torch.testing.assert_close(found, conv(F.interpolate(x, scale_factor=2)), rtol=0, atol=1e-5)


def test_some_rows_of_a_doubled_map_are_those_of_the_whole() -> None:
    conv, x = nn.Conv2d(5, 7, 3, padding=1).requires_grad_(False), noise(1, 5, 6, 9)
    whole = convolution.convolve_upsampled(conv, x)
    for rows in ((0, 4), (4, 10), (8, 12)):
        found = convolution.convolve_upsampled(conv, x, rows)
        torch.testing.assert_close(found, whole[:, :, slice(*rows)], rtol=0, atol=1e-5)


def test_the_in_place_norm_equals_the_norm() -> None:
    x = 3 * noise(2, 4, 30, 40) + 10
    expected = F.instance_norm(x)
    found = convolution.instance_norm_(x)
    assert found.data_ptr() == x.data_ptr()
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-5)

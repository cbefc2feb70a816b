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
@pytest.mark.parametrize("dilation", [1, 2])
def test_a_convolution_by_rows_equals_that_of_the_whole_map(dilation: int) -> None:
    conv = nn.Conv2d(5, 7, 3, padding=dilation, dilation=dilation).requires_grad_(False)
    x = noise(1, 5, 19, 11)
    torch.testing.assert_close(convolution.convolve(conv, x), conv(x), rtol=0, atol=1e-5)


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


def test_the_in_place_norm_equals_the_norm() -> None:
    x = 3 * noise(2, 4, 30, 40) + 10
    expected = F.instance_norm(x)
    found = convolution.instance_norm_(x)
    assert found.data_ptr() == x.data_ptr()
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize("activation", ["none", "relu", "relu6"])
@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize(
    ("kernel", "stride", "groups"),
    [
        pytest.param(1, 1, 1, id="projection"),
        pytest.param(3, 2, 6, id="depthwise"),
        pytest.param(5, 1, 1, id="5 x 5"),
    ],
)
def test_a_fused_convolution_equals_torchs_with_the_activation_after_it(
    kernel: int, stride: int, groups: int, layout: torch.memory_format, activation: convolution.Activation
) -> None:
    x = 5 * noise(2, 6, 17, 10).to(memory_format=layout)
    weight, bias, padding = noise(12, 6 // groups, kernel, kernel), noise(12), (kernel // 2, 1 + kernel // 2)
    plain = F.conv2d(x, weight, bias, stride, padding, 1, groups)
    expected = {"none": plain, "relu": plain.relu(), "relu6": plain.clamp(0, 6)}[activation]

    def convolved() -> Tensor:
        return convolution.conv2d(x, weight, bias, stride=stride, padding=padding, groups=groups, activation=activation)

    with torch.no_grad():
        torch.testing.assert_close(convolved(), expected, rtol=0, atol=2e-5)
    x.requires_grad_()
    trained = convolved()
    torch.testing.assert_close(trained, expected, rtol=0, atol=2e-5)
    trained.sum().backward()
    assert x.grad is not None


def test_convolutions_do_without_onednn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(convolution, "_has_onednn", lambda: False)
    x, weight = noise(1, 3, 5, 5), noise(4, 3, 1, 1)
    with torch.no_grad():
        assert torch.equal(convolution.conv2d(x, weight, activation="relu"), F.conv2d(x, weight).relu())

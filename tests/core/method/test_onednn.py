"""What oneDNN computes, against torch's own result."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from stcolor_core.method import onednn

RANDOM = torch.Generator().manual_seed(4)


def noise(*shape: int) -> Tensor:
    return torch.randn(shape, generator=RANDOM)


@pytest.mark.parametrize("activation", ["none", "relu", "relu6"])
@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize(
    ("kernel", "stride", "dilation", "groups"),
    [
        pytest.param(1, 1, 1, 1, id="projection"),
        pytest.param(3, 2, 1, 6, id="depthwise"),
        pytest.param(5, 1, 1, 1, id="5 x 5"),
        pytest.param(3, 1, 2, 1, id="dilated"),
    ],
)
def test_a_fused_convolution_equals_torchs_with_the_activation_after_it(
    kernel: int, stride: int, dilation: int, groups: int, layout: torch.memory_format, activation: onednn.Activation
) -> None:
    x = 5 * noise(2, 6, 17, 10).to(memory_format=layout)
    weight, bias, padding = noise(12, 6 // groups, kernel, kernel), noise(12), (kernel // 2, 1 + kernel // 2)
    plain = F.conv2d(x, weight, bias, stride, padding, dilation, groups)
    expected = {"none": plain, "relu": plain.relu(), "relu6": plain.clamp(0, 6)}[activation]

    def convolved() -> Tensor:
        return onednn.conv2d(
            x, weight, bias, stride=stride, padding=padding, dilation=dilation, groups=groups, activation=activation
        )

    with torch.no_grad():
        torch.testing.assert_close(convolved(), expected, rtol=0, atol=2e-5)
    x.requires_grad_()
    trained = convolved()
    torch.testing.assert_close(trained, expected, rtol=0, atol=2e-5)
    trained.sum().backward()
    assert x.grad is not None


def test_convolutions_do_without_onednn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(onednn, "_has_onednn", lambda: False)
    x, weight = noise(1, 3, 5, 5), noise(4, 3, 1, 1)
    with torch.no_grad():
        assert torch.equal(onednn.conv2d(x, weight, activation="relu"), F.conv2d(x, weight).relu())
        assert torch.equal(onednn.inner_products(x[0, 0], x[0, 1]), x[0, 0] @ x[0, 1].T)


@pytest.mark.parametrize("dense", [True, False])
def test_inner_products_equal_torchs(dense: bool) -> None:
    rows, others = noise(70, 33), noise(50, 33)
    rows = rows if dense else rows.T.contiguous().T
    with torch.no_grad():
        torch.testing.assert_close(onednn.inner_products(rows, others), rows @ others.T, rtol=0, atol=1e-4)
    rows.requires_grad_()
    onednn.inner_products(rows, others).sum().backward()
    assert rows.grad is not None

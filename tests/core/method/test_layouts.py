"""Channels last: the same maps as torch has them."""

import pytest
import torch

from stcolor_core.method.layouts import to_channels_last

LAST = torch.channels_last


@pytest.mark.parametrize("shape", [(1, 1, 3, 5), (1, 3, 1, 1), (2, 5, 7, 4), (5, 16, 14, 24), (0, 4, 2, 2)])
@pytest.mark.parametrize("kind", ["plain", "double", "a part", "channels last"])
def test_the_values_stay_and_the_channels_are_last(shape: tuple[int, ...], kind: str) -> None:
    torch.manual_seed(0)
    x = torch.rand(shape[0], shape[1], shape[2] + 2, shape[3])[:, :, 1:-1]
    if kind != "a part":
        x = x.contiguous()
    if kind == "double":
        x = x.double()
    if kind == "channels last":
        x = x.contiguous(memory_format=LAST)
    result = to_channels_last(x)
    assert torch.equal(result, x)
    assert result.dtype == x.dtype
    assert result.is_contiguous(memory_format=LAST)


def test_nothing_shares_memory_with_planes_that_were_transposed() -> None:
    x = torch.rand(1, 4, 3, 5)
    before = x.clone()
    to_channels_last(x).zero_()
    assert torch.equal(x, before)


def test_gradients_pass() -> None:
    x = torch.rand(1, 4, 3, 5, requires_grad=True)
    to_channels_last(x).square().sum().backward()  # type: ignore[no-untyped-call]
    assert x.grad is not None
    torch.testing.assert_close(x.grad, 2 * x.detach())

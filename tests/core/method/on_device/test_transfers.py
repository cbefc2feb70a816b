"""Copies to a device and back; a GPU, if there is one, has a stream of its own for them."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from stcolor_core.method.on_device.transfers import Transfers


@pytest.mark.parametrize(
    "name",
    [
        "cpu",
        pytest.param(
            "cuda",
            marks=[
                pytest.mark.gpu,
                pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device"),
            ],
        ),
    ],
)
def test_what_goes_up_comes_back_in_its_shapes(name: str) -> None:
    transfers = Transfers(torch.device(name))
    picture = np.arange(24, dtype=np.float32).reshape(4, 6)[:, ::2]  # not contiguous
    there = transfers.upload(picture)
    assert there.device.type == name
    short = there[:, :1].half()  # of an odd number of bytes, were it not last
    odd, whole, part, number = transfers.download([short[:3], there * 2, there[1:3], there.sum()]).wait()
    np.testing.assert_array_equal(odd, picture[:3, :1].astype(np.float16))
    assert odd.dtype == np.float16
    np.testing.assert_array_equal(whole, 2 * picture)
    np.testing.assert_array_equal(part, picture[1:3])
    assert number.shape == ()
    assert number == picture.sum()

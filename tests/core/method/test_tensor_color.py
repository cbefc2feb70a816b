"""Colour on tensors: the curves of `stcolor_core.images.color`."""

from __future__ import annotations

import numpy as np
import torch

from stcolor_core.images.color import lab_to_linear, lightness, linear_to_lab, srgb_decode, srgb_encode
from stcolor_core.method import tensor_color

RGB = np.random.default_rng(0).uniform(0, 1, (9, 11, 3)) ** 2


def test_transfer_curves_equal_those_of_the_pipeline() -> None:
    values = torch.from_numpy(RGB)
    np.testing.assert_allclose(tensor_color.srgb_decode(values), srgb_decode(RGB), atol=1e-6)
    np.testing.assert_allclose(tensor_color.lightness(values), lightness(RGB), atol=1e-6)


def test_lab_conversions_equal_those_of_the_pipeline() -> None:
    lab = linear_to_lab(RGB)
    found = tensor_color.linear_to_lab(torch.from_numpy(RGB).permute(2, 0, 1))
    np.testing.assert_allclose(found.permute(1, 2, 0), lab, atol=1e-4)
    batch = torch.from_numpy(lab).permute(2, 0, 1)[None]
    np.testing.assert_allclose(
        tensor_color.lab_to_srgb(batch[:, 0], batch[:, 1:])[0].permute(1, 2, 0),
        srgb_encode(lab_to_linear(lab)),
        atol=1e-5,
    )

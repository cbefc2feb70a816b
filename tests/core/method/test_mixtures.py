"""Mixtures of colours and their chroma."""

from __future__ import annotations

import numpy as np
import pytest

from stcolor_core.method.mixtures import chroma, mix_colors


@pytest.mark.parametrize("size", [(1, 1), (7, 5), (54, 96)])
def test_a_mixture_has_the_bits_of_the_plain_sum(size: tuple[int, int]) -> None:
    random = np.random.default_rng(1)
    weights = random.random((5, *size), np.float32)
    colors = (random.standard_normal((5, *size, 2)) * 20).astype(np.float32)
    expected = weights[0][..., None] * colors[0]
    for weight, color in zip(weights[1:], colors[1:], strict=True):
        expected = expected + weight[..., None] * color
    assert (mix_colors(weights, colors) == expected).all()
    assert (mix_colors(weights, list(colors)) == expected).all()
    np.testing.assert_allclose(expected, np.einsum("khw,khwc->hwc", weights, colors), rtol=1e-5, atol=1e-5)


def test_a_mixture_leaves_the_colors_as_they_are() -> None:
    colors = np.ones((2, 3, 3, 2), np.float32)
    mix_colors(np.full((2, 3, 3), 0.5, np.float32), colors)
    assert (colors == 1).all()


def test_chroma_is_the_length_of_a_and_b() -> None:
    ab = np.array([[[3, -4], [0, 0]], [[-5, 12], [1e-3, 0]]], np.float32)
    np.testing.assert_allclose(chroma(ab), [[5, 0], [13, 1e-3]], rtol=1e-6)


def test_neither_depends_on_the_place_in_memory() -> None:
    random = np.random.default_rng(2)
    weights = random.random((3, 13, 11), np.float32)
    colors = (random.standard_normal((3, 13, 11, 2)) * 20).astype(np.float32)
    expected = mix_colors(weights, colors), chroma(colors[0])
    for offset in range(1, 17):
        moved = np.empty(colors.size + offset, np.float32)[offset:].reshape(colors.shape)
        moved[...] = colors
        assert (mix_colors(weights, moved) == expected[0]).all()
        assert (chroma(moved[0]) == expected[1]).all()
        pair = np.dstack([colors[0], colors[0]])[offset % 13 :]
        assert (chroma(pair[..., :2]) == expected[1][offset % 13 :]).all()

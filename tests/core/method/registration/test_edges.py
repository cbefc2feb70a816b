"""Edges of pictures by direction: what fits, and the map from one picture's edges to another's."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from scenes import painted

from stcolor_core.method.registration.edges import (
    REACH,
    color_edges,
    correlate,
    correlations,
    find_similarity,
    lightness_edges,
)

HEIGHT, WIDTH = 144, 256
PICTURE = 100 * cv2.GaussianBlur(painted(HEIGHT, WIDTH, seed=4, chroma=60), (0, 0), 1.0)
LIGHTNESS, AB = np.ascontiguousarray(PICTURE[..., 0]), np.ascontiguousarray(PICTURE[..., 1:])
ALL = np.ones((HEIGHT, WIDTH), bool)


def test_the_sign_of_a_slope_does_not_count_but_its_direction_does() -> None:
    edges = lightness_edges(LIGHTNESS)
    assert correlate(edges, lightness_edges(100 - LIGHTNESS)) == pytest.approx(1, abs=1e-3)
    y, x = np.mgrid[:HEIGHT, :WIDTH].astype(np.float32)
    across, down = (lightness_edges(50 + 20 * np.sin(along / 4)) for along in (x, y))
    assert correlate(across, down) < -0.9


def test_what_lies_at_the_border_of_what_is_known_is_no_edge() -> None:
    known = ALL.copy()
    known[:, :100] = False
    ab = np.where(known[..., None], np.float32(40), np.float32(0)).repeat(2, axis=-1)
    assert not color_edges(ab, known).any()
    assert color_edges(ab, ALL).any()


def test_a_flat_picture_correlates_with_nothing() -> None:
    flat = lightness_edges(np.full((HEIGHT, WIDTH), 50, np.float32))
    assert correlate(flat, lightness_edges(LIGHTNESS)) == 0


def test_correlations_have_their_maximum_at_the_shift() -> None:
    edges = lightness_edges(LIGHTNESS)
    found = correlations(np.roll(edges, (3, -7), axis=(0, 1)), edges)
    assert np.unravel_index(found.argmax(), found.shape) == (REACH + 3, REACH - 7)


@pytest.mark.parametrize(
    ("shift", "turn", "scale"), [((0, 0), 0, 1), ((3, -2), 0, 1), ((0.5, 4.25), 0, 1), ((2, 1), 1.0, 0.985)]
)
def test_a_map_is_found_from_the_edges_of_lightness_to_those_of_colour(
    shift: tuple[float, float], turn: float, scale: float
) -> None:
    matrix = cv2.getRotationMatrix2D(((WIDTH - 1) / 2, (HEIGHT - 1) / 2), turn, scale)
    matrix[:, 2] += shift
    moved = cv2.warpAffine(PICTURE, matrix, (WIDTH, HEIGHT), borderMode=cv2.BORDER_REPLICATE)
    maps, gain = find_similarity(lightness_edges(LIGHTNESS), lightness_edges(np.ascontiguousarray(moved[..., 0])), 8)
    corners = np.array([[0, 0, 1], [WIDTH - 1, 0, 1], [0, HEIGHT - 1, 1], [WIDTH - 1, HEIGHT - 1, 1]], np.float64)
    errors = [np.linalg.norm(corners @ (found.matrix - matrix).T, axis=1).max() for found in maps]
    assert min(errors) < 0.75
    assert errors[0] < 0.3 or (turn, scale) != (0, 1)
    assert (gain > 0.05) == (shift != (0, 0))


def test_no_map_moves_a_corner_further_than_asked() -> None:
    edges = lightness_edges(LIGHTNESS)
    for target, source in ((edges, np.roll(edges, 20, axis=1)), (edges, edges[::-1].copy())):
        maps, _ = find_similarity(target, source, 6)
        assert all(found.largest_shift <= 6 + 1 for found in maps)


@pytest.mark.parametrize("size", [(16, 16), (20, 300), (300, 20)])
def test_small_pictures_have_a_map_too(size: tuple[int, int]) -> None:
    edges = lightness_edges(np.ascontiguousarray(cv2.resize(LIGHTNESS, size[::-1])))
    maps, _ = find_similarity(edges, edges, 0.05 * size[0])
    assert all(found.largest_shift < 1 for found in maps)

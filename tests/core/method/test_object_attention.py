"""Attention between the objects of mattes, in cells that two of them share."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from stcolor_core.method.grid_references import GridReference
from stcolor_core.method.object_attention import split_cells, warp_by_objects
from stcolor_core.method.tracking.instance import Instances
from stcolor_core.method.tracking.objects import Objects, find_objects

RED, BLUE, GREEN = (60.0, 30.0), (5.0, -50.0), (-40.0, 30.0)
HEIGHT, WIDTH, STRIDE = 8, 24, 4
GRID = (2, 6)


def scene(first: tuple[int, int], second: tuple[int, int]) -> tuple[Objects, np.ndarray]:
    """Return the objects of two bars of these columns, and ab."""
    masks, ab = np.zeros((2, HEIGHT, WIDTH), np.float32), np.full((HEIGHT, WIDTH, 2), GREEN, np.float32)
    for mask, (left, right), color in zip(masks, (first, second), (RED, BLUE), strict=True):
        mask[:, left:right] = 1
        ab[:, left:right] = color
    found = find_objects(Instances(masks, np.zeros(2, np.int32), np.ones(2, np.float32), ("first", "second")))
    assert found is not None
    return found, ab


@pytest.mark.parametrize("tracked", [False, True])
def test_cells_that_two_objects_share_have_the_colour_of_each(tracked: bool) -> None:
    reference_objects, ab = scene((2, 10), (14, 22))
    target_objects, _ = scene((6, 13), (13, 21))  # one column of cells holds the edge between the two
    light = np.full((HEIGHT, WIDTH), 50, np.float32)
    features = F.normalize(torch.from_numpy(np.random.default_rng(1).standard_normal((8, 12), np.float32)), dim=0)
    candidates = torch.arange(12, dtype=torch.int32)[:, None] if tracked else None
    mixed = torch.zeros(2, 12)  # the plain means of the cells, which must not be used
    reference = GridReference(features, mixed, candidates=candidates, support=torch.ones(12) if tracked else None)
    _, layers = warp_by_objects(
        features,
        split_cells(target_objects, light, None, grid=GRID, stride=STRIDE),
        [reference],
        [split_cells(reference_objects, light, ab, grid=GRID, stride=STRIDE)],
        temperature=0.1,
    )
    assert len(layers) == 3
    for layer, color in zip(layers, (RED, BLUE, GREEN), strict=True):
        for values in (layer.ab, layer.free_ab):
            np.testing.assert_allclose(values.T.numpy(), np.broadcast_to(color, (12, 2)), atol=1e-3)
        np.testing.assert_allclose(layer.grid_lightness, 50, atol=1e-3)
    np.testing.assert_allclose(sum(layer.coverage for layer in layers), 1)


def test_an_object_that_no_reference_has_takes_colour_from_anywhere() -> None:
    reference_objects, ab = scene((2, 10), (14, 22))
    masks = np.zeros((1, HEIGHT, WIDTH), np.float32)
    masks[0, :, 8:12] = 1
    new = find_objects(Instances(masks, np.zeros(1, np.int32), np.ones(1, np.float32), ("new",)))
    assert new is not None
    light = np.full((HEIGHT, WIDTH), 50, np.float32)
    features = F.normalize(torch.from_numpy(np.random.default_rng(1).standard_normal((8, 12), np.float32)), dim=0)
    own = torch.arange(24, dtype=torch.float32).reshape(2, 12)
    warped, layers = warp_by_objects(
        features,
        split_cells(new, light, None, grid=GRID, stride=STRIDE),
        [GridReference(features, own)],
        [split_cells(reference_objects, light, ab, grid=GRID, stride=STRIDE)],
        temperature=0.001,
    )
    np.testing.assert_allclose(layers[0].ab[:, 2].numpy(), own[:, 2].numpy(), atol=1e-3)  # the cell most like it
    assert warped.source.eq(0).all()


def test_a_reference_without_the_object_lends_it_nothing() -> None:
    both, ab = scene((2, 10), (14, 22))
    light = np.full((HEIGHT, WIDTH), 50, np.float32)
    only_second = Objects(("second", ""), np.stack([both.coverage[1], 1 - both.coverage[1]]))
    features = F.normalize(torch.from_numpy(np.random.default_rng(1).standard_normal((8, 12), np.float32)), dim=0)
    cells = split_cells(both, light, None, grid=GRID, stride=STRIDE)
    warped, layers = warp_by_objects(
        features,
        cells,
        [GridReference(features, torch.zeros(2, 12)), GridReference(features, torch.zeros(2, 12))],
        [
            split_cells(only_second, light, np.zeros_like(ab), grid=GRID, stride=STRIDE),
            split_cells(both, light, ab, grid=GRID, stride=STRIDE),
        ],
        temperature=0.1,
    )
    np.testing.assert_allclose(layers[0].ab.T.numpy(), np.broadcast_to(RED, (12, 2)), atol=1e-3)
    assert warped.source[1] == 1  # the cell is of the first object, which only the second reference shows


def test_the_background_of_a_carried_matte_takes_no_colour_of_an_object_that_looks_like_it() -> None:
    reference_objects, ab = scene((2, 10), (14, 22))
    masks = np.zeros((1, HEIGHT, WIDTH), np.float32)
    masks[0, :, 16:20] = 1
    certainty = np.ones((HEIGHT, WIDTH), np.float32)
    certainty[:, 12:16] = 0.5  # the fourth column of cells may be anything
    names, zeros, ones = ("second",), np.zeros(1, np.int32), np.ones(1, np.float32)
    carried = find_objects(Instances(masks, zeros, ones, names, certainty))
    assert carried is not None
    light = np.full((HEIGHT, WIDTH), 50, np.float32)
    features = F.normalize(torch.from_numpy(np.random.default_rng(1).standard_normal((8, 12), np.float32)), dim=0)
    alike = features[:, [1]].repeat(1, 12)  # every cell looks like one of the first object
    plain = torch.from_numpy(np.ascontiguousarray(ab[::4, 2::4].reshape(-1, 2).T))
    warped, _ = warp_by_objects(
        alike,
        split_cells(carried, light, None, grid=GRID, stride=STRIDE),
        [GridReference(features, plain)],
        [split_cells(reference_objects, light, ab, grid=GRID, stride=STRIDE)],
        temperature=0.001,
    )
    np.testing.assert_allclose(warped.ab[:, 0].numpy(), GREEN, atol=1e-3)  # background
    np.testing.assert_allclose(warped.ab[:, 3].numpy(), RED, atol=1e-3)  # unknown
    np.testing.assert_allclose(warped.ab[:, 4].numpy(), BLUE, atol=1e-3)  # the second object

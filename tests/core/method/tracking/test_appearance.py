"""Which object a place looks like, from features that are known."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from stcolor_core.method.tracking.appearance import AppearanceMemory, Likeness
from stcolor_core.method.tracking.instance import Instances
from stcolor_core.method.tracking.walk import View

GRID = (8, 12)


def view(features: torch.Tensor, grid: tuple[int, int] = GRID) -> View:
    size = (4 * grid[0], 4 * grid[1])
    return View(np.zeros(size, np.float32), np.zeros(grid, np.float32), size, 4, lambda: (features, features))


def features(grid: tuple[int, int] = GRID, *, seed: int = 0) -> torch.Tensor:
    """Unit features (64, P), each cell unlike all others."""
    return F.normalize(torch.randn(64, grid[0] * grid[1], generator=torch.Generator().manual_seed(seed)), dim=0)


def mattes(grid: tuple[int, int] = GRID, **columns: slice) -> Instances:
    """Return objects that fill some columns of cells."""
    masks = np.zeros((len(columns), 4 * grid[0], 4 * grid[1]), np.float32)
    for mask, part in zip(masks, columns.values(), strict=True):
        mask[:, 4 * part.start : 4 * part.stop] = 1
    return Instances(masks, np.zeros(len(masks), np.int32), np.ones(len(masks), np.float32), tuple(columns))


def test_a_place_takes_the_object_that_it_looks_like_wherever_that_is() -> None:
    own = features()
    memory = AppearanceMemory([(view(own), mattes(hat=slice(0, 3), scarf=slice(5, 7)))], temperature=0.035)
    assert memory.names == ("hat", "scarf", "")
    order = torch.randperm(own.shape[1], generator=torch.Generator().manual_seed(1))
    shares = memory.compare(view(own[:, order])).shares.reshape(3, -1)
    column = order.numpy() % GRID[1]
    truth = np.where(column < 3, 0, np.where((column >= 5) & (column < 7), 1, 2))
    np.testing.assert_array_equal(shares.argmax(0), truth)
    assert shares.max(0).min() > 0.9
    np.testing.assert_allclose(shares.sum(0), 1, atol=1e-5)


def test_every_frame_is_remembered_with_objects_of_its_own() -> None:
    first, second = features(seed=1), features(seed=2)
    memory = AppearanceMemory(
        [(view(first), mattes(hat=slice(0, 4))), (view(second), mattes(scarf=slice(4, 12)))], temperature=0.035
    )
    assert memory.names == ("hat", "scarf", "")
    labels = [memory.compare(view(each)).shares.argmax(0) for each in (first, second)]
    assert (labels[0][:, :4] == 0).all() and (labels[0][:, 4:] == 2).all()
    assert (labels[1][:, :4] == 2).all() and (labels[1][:, 4:] == 1).all()


def test_a_frame_whose_mattes_are_empty_shows_background_alone() -> None:
    memory = AppearanceMemory([(view(features()), mattes())], temperature=0.035)
    assert memory.names == ("",)
    np.testing.assert_allclose(memory.compare(view(features(seed=3))).shares, 1, atol=1e-6)


def test_large_pictures_are_averaged_so_that_memory_and_time_are_bounded() -> None:
    grid = (120, 160)
    memory = AppearanceMemory([(view(features(grid), grid), mattes(grid, hat=slice(0, 80)))], temperature=0.035)
    blocks = F.interpolate(features((15, 20), seed=4).reshape(1, -1, 15, 20), scale_factor=8)[0].flatten(1)
    assert np.prod(memory.compare(view(blocks, grid)).shares.shape[1:]) <= 6000
    memory = AppearanceMemory([(view(blocks, grid), mattes(grid, hat=slice(0, 80)))], temperature=0.035)
    over = memory.compare(view(blocks, grid)).over(memory.names, (120, 160))
    assert over[0, :, :76].min() > 0.9 and over[0, :, 84:].max() < 0.1


def test_a_place_unlike_all_that_is_remembered_counts_as_background() -> None:
    memory = AppearanceMemory([(view(features(seed=1)), mattes(hat=slice(0, 12)))], temperature=0.035)
    likeness = memory.compare(view(features(seed=2)))
    assert likeness.similarity.max() < 0.5
    assert likeness.shares[1].mean() > 0.7
    likeness = memory.compare(view(features(seed=1)))
    np.testing.assert_allclose(likeness.similarity, 1, atol=1e-3)
    assert likeness.shares[0].min() > 0.9


@pytest.mark.parametrize("size", [(1, 1), (5, 40)])
def test_objects_that_are_not_asked_for_count_as_background(size: tuple[int, int]) -> None:
    shares = np.stack([np.full(GRID, share, np.float32) for share in (0.5, 0.2, 0.3)])
    over = Likeness(("hat", "scarf", ""), shares, np.ones(GRID, np.float32)).over(("scarf", "shoe", ""), size)
    assert over.shape == (3, *size)
    for part, share in zip(over, (0.2, 0, 0.8), strict=True):
        np.testing.assert_allclose(part, share, atol=1e-6)

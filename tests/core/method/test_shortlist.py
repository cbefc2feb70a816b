"""Attention over shortlists against attention over every position."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from scenes import texture
from torch.nn import functional as F

from stcolor_core.method.grid_references import GridReference
from stcolor_core.method.matching import Matching
from stcolor_core.method.references import Keyframe
from stcolor_core.method.shortlist import block_positions, top_blocks
from stcolor_core.method.tracking.instance import InstanceRestriction
from stcolor_core.method.warping import warp
from stcolor_core.models.registry import build
from stcolor_core.shots.settings import Method

GRID = (42, 50)  # in neither direction whole blocks: 11 x 13 of them
COUNT = GRID[0] * GRID[1]


def features(grid: tuple[int, int], *, seed: int) -> torch.Tensor:
    """(C, P) unit features that change slowly over the picture, as those of surfaces do."""
    noise = torch.randn(1, 16, 8, 9, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    smooth = F.interpolate(noise, grid, mode="bicubic")[0].flatten(1)
    return F.normalize(smooth - smooth.mean(1, keepdim=True), dim=0)


@pytest.fixture
def target() -> torch.Tensor:
    return features(GRID, seed=1)


@pytest.fixture
def reference(target: torch.Tensor) -> GridReference:
    """The target's own surfaces moved by half a picture, a little changed."""
    moved = target.reshape(-1, *GRID).roll((20, 27), (1, 2)).flatten(1)
    ab = torch.from_numpy(np.random.RandomState(2).uniform(-60, 60, (2, COUNT)))
    return GridReference(F.normalize(moved + 0.1 * features(GRID, seed=3), dim=0), ab, slope=ab / 10, grid=GRID)


@pytest.mark.parametrize("grid", [(1, 1), (4, 4), (5, 9), (8, 12)])
def test_every_position_is_in_exactly_one_block(grid: tuple[int, int]) -> None:
    places = block_positions(grid, torch.device("cpu"))
    assert places.shape[1] == 16
    assert sorted(places[places >= 0].tolist()) == list(range(grid[0] * grid[1]))
    y, x = places // grid[1], places % grid[1]
    for rows, columns, inside in zip(y, x, places >= 0, strict=True):
        assert rows[inside].max() - rows[inside].min() < 4
        assert columns[inside].max() - columns[inside].min() < 4


def test_a_small_grid_needs_no_shortlist() -> None:
    few = torch.rand(32, 8)
    assert top_blocks(few, few, torch.zeros(32, 32, dtype=torch.bool), references=1) is None


def test_tracked_positions_are_always_candidates() -> None:
    places = torch.rand(100, 8)
    tracked = torch.zeros(100, 100, dtype=torch.bool)
    tracked[torch.arange(100), (torch.arange(100) * 7) % 100] = True
    chosen = top_blocks(places, places, tracked, references=1)
    assert chosen is not None
    assert all(block * 7 % 100 in row for block, row in enumerate(chosen.tolist()))
    assert all(len(set(row)) == 32 for row in chosen.tolist())


def test_the_top_blocks_have_nearly_all_of_the_weight(target: torch.Tensor, reference: GridReference) -> None:
    whole = warp(target, [reference], temperature=0.035)
    short = warp(target, [reference], temperature=0.035, grid=GRID)
    assert (short.free_ab - whole.free_ab).norm(dim=0).mean() < 1
    assert (short.position == whole.position).double().mean() > 0.99
    assert not torch.equal(short.free_ab, whole.free_ab)  # something was left out
    torch.testing.assert_close(short.free_slope, short.free_ab / 10)


@pytest.mark.parametrize("second", [False, True])
def test_tracked_positions_are_the_same_as_without_a_shortlist(
    target: torch.Tensor, reference: GridReference, *, second: bool
) -> None:
    near = (torch.arange(COUNT)[:, None] + torch.tensor([0, 1, GRID[1], -1])).clamp(-1, COUNT - 1).int()
    references = [replace(reference, candidates=near, support=torch.full((COUNT,), 0.5))]
    if second:
        other = features((12, 30), seed=4)
        references.append(GridReference(other, torch.ones(2, 360, dtype=torch.float64), near % 360, grid=(12, 30)))
    whole, short = (warp(target, references, temperature=0.035, grid=grid) for grid in (None, GRID))
    for field in ("ab", "slope", "spread", "similarity", "support", "source", "position", "fallback"):
        torch.testing.assert_close(getattr(short, field), getattr(whole, field))


def test_positions_that_an_instance_forbids_are_not_used(target: torch.Tensor, reference: GridReference) -> None:
    allowed = torch.zeros(1, COUNT, dtype=torch.bool)
    allowed[0, COUNT // 2 :] = True
    label = torch.zeros(COUNT, dtype=torch.int32)
    restricted = replace(reference, instances=InstanceRestriction(label, allowed))
    ab = torch.zeros(2, COUNT, dtype=torch.float64)
    ab[0, COUNT // 2 :] = 40
    result = warp(target, [replace(restricted, ab=ab)], temperature=0.035, grid=GRID)
    taken = ~result.fallback
    assert taken.any()
    torch.testing.assert_close(result.ab[0, taken], torch.full_like(result.ab[0, taken], 40))
    assert (result.position[taken] >= COUNT // 2).all()


def test_the_exact_method_uses_every_position() -> None:
    lightness = texture(120, 160, seed=1, mean=50)
    ab = np.dstack([0.3 * lightness, 20 - 0.2 * lightness]).astype(np.float32)
    model = build("standard", device="cpu")

    def anywhere(*, exact: bool) -> torch.Tensor:
        matching = Matching(model, Method(exact=exact), device=torch.device("cpu"))
        reference = matching.prepare_reference(0, Keyframe(lightness, ab))
        view = matching.make_view(np.roll(lightness, 12, axis=1), None)
        found = matching.collect_evidence(1, view, [reference], []).warp
        whole = warp(view.target, [GridReference(reference.features, reference.grid_ab)], temperature=model.temperature)
        return (found.free_ab - whole.free_ab).abs().max()

    assert anywhere(exact=True) == 0
    assert 0 < anywhere(exact=False) < 5

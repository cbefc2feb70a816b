"""Re-detection of surfaces by their features, at known places."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
import pytest
import torch
from torch.nn import functional as F

from stcolor_core.method.tracking.flow import FlowLink
from stcolor_core.method.tracking.instance import InstanceRestriction
from stcolor_core.method.tracking.reacquisition import (
    best_columns,
    best_rows,
    feature_similarity,
    match_features,
    pool_features,
    reacquire,
)
from stcolor_core.method.tracking.tracks import Tracks
from stcolor_core.method.tracking.walk import View

GRID = (16, 24)


def features(seed: int = 0) -> torch.Tensor:
    """(32, P) unit features, smooth enough that neighbours resemble each other."""
    noise = torch.randn(1, 32, *GRID, generator=torch.Generator().manual_seed(seed))
    return F.normalize(F.avg_pool2d(noise, 3, 1, 1)[0].flatten(1), dim=0)


def shifted(values: torch.Tensor, x: int, y: int) -> torch.Tensor:
    """Return `values` moved so that each position shows the one (x, y) cells further on."""
    return values.reshape(-1, *GRID).roll((-y, -x), (1, 2)).flatten(1)


def test_a_jump_is_matched_whatever_its_length() -> None:
    reference = features()
    displacement, agreement = match_features(shifted(reference, 8, 4), reference, GRID)
    np.testing.assert_allclose(displacement[2:10, 2:14], np.broadcast_to((8, 4), (8, 12, 2)), atol=1e-5)
    assert agreement[3:9, 3:13].min() > 0.9


@pytest.mark.parametrize("shape", [(1, 1), (17, 5), (18, 40), (37, 36), (100, 101)])
def test_the_best_match_is_the_first_of_the_largest_values(shape: tuple[int, int]) -> None:
    values = torch.randint(0, 9, shape, generator=torch.Generator().manual_seed(0)).float()  # many are equal
    assert [int(row.tolist().index(row.max())) for row in values] == best_columns(values).tolist()
    assert [int(column.tolist().index(column.max())) for column in values.T] == best_rows(values).tolist()


def test_features_unlike_the_reference_do_not_agree() -> None:
    _, agreement = match_features(features(1), features(2), GRID)
    assert agreement.mean() < 0.3


def test_feature_similarity_is_that_of_the_position_the_displacement_leads_to() -> None:
    reference = features()
    target = shifted(reference, 3, 0)
    right, wrong = (
        feature_similarity(target, reference, torch.tensor(step).float().expand(GRID[0] * GRID[1], 2), GRID).reshape(
            GRID
        )[:, :20]
        for step in ((3, 0), (0, 0))
    )
    torch.testing.assert_close(right, torch.ones_like(right))
    assert wrong.mean() < 0.5


def test_between_positions_and_beyond_the_border_the_features_are_interpolated() -> None:
    target, reference = features(3), features(4)
    displacement = 6 * torch.randn(GRID[0] * GRID[1], 2, generator=torch.Generator().manual_seed(5))
    y, x = torch.meshgrid(torch.arange(GRID[0]), torch.arange(GRID[1]), indexing="ij")
    places = torch.stack([x, y], -1) + displacement.reshape(*GRID, 2)
    points = (2 * places + 1) / torch.tensor([GRID[1], GRID[0]]) - 1
    picture = reference.reshape(1, -1, *GRID)
    sampled = F.grid_sample(picture, points[None], padding_mode="border", align_corners=False)[0].flatten(1)
    expected = F.cosine_similarity(target, sampled, dim=0)
    found = feature_similarity(target, reference, displacement, GRID)
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-5)


@pytest.fixture
def scene() -> tuple[np.ndarray, np.ndarray]:
    """A textured picture, and itself moved 24 pixels to the left: four cells of 4 pixels, and a half."""
    noise = np.random.RandomState(0).uniform(0, 1, (64, 136)).astype(np.float32)
    smooth = cv2.GaussianBlur(noise, (0, 0), 2.0)
    wide = 100 * (smooth - smooth.min()) / np.ptp(smooth)
    return np.ascontiguousarray(wide[:, :96]), np.ascontiguousarray(wide[:, 24:120])


@pytest.fixture
def view() -> Callable[[np.ndarray, torch.Tensor], View]:
    def make(lightness: np.ndarray, described: torch.Tensor) -> View:
        return View(lightness, np.zeros(GRID, np.float32), (64, 96), 4, lambda: (described, described))

    return make


def tracks(instances: InstanceRestriction | None = None) -> Tracks:
    still = np.zeros((64, 96, 2), np.float32)
    return Tracks(None, None, 0.0, instances, None, still, np.ones((64, 96), np.float32), FlowLink.identity(64, 96))


def test_flow_starts_at_the_matches_and_is_refined_to_the_pixel(
    scene: tuple[np.ndarray, np.ndarray], view: Callable[[np.ndarray, torch.Tensor], View]
) -> None:
    described = features()
    link = reacquire(view(scene[1], shifted(described, 6, 0)), view(scene[0], described), described, tracks())
    inside = link.displacement[8:-8, 8:60]
    assert np.percentile(np.linalg.norm(inside - [24, 0], axis=-1), 90) < 0.5
    assert link.visibility[8:-8, 8:60].mean() > 0.8


def test_matches_that_a_matte_forbids_are_excluded(
    scene: tuple[np.ndarray, np.ndarray], view: Callable[[np.ndarray, torch.Tensor], View]
) -> None:
    described = features()
    upper = torch.arange(GRID[0] * GRID[1]) < GRID[0] * GRID[1] // 2
    nowhere = InstanceRestriction(
        target_label=torch.where(upper, 0, -1), reference_allowed=torch.zeros(1, len(upper)) > 0
    )
    link = reacquire(view(scene[1], shifted(described, 6, 0)), view(scene[0], described), described, tracks(nowhere))
    assert np.all(link.displacement[:32] == 0)
    assert np.all(link.visibility[:32] == 0)
    assert np.median(link.displacement[40:56, 8:60, 0]) == pytest.approx(24, abs=0.5)


@pytest.mark.parametrize("grid", [(54, 96), (7, 5)])
def test_pooled_features_do_not_depend_on_the_layout_of_the_features(grid: tuple[int, int]) -> None:
    features = torch.randn((128, grid[0] * grid[1]), generator=torch.Generator().manual_seed(2))
    pooled, size = pool_features(features, grid)
    last, _ = pool_features(features.T.contiguous().T, grid)
    assert torch.equal(pooled, last)
    assert pooled.is_contiguous()
    assert size == (-(-grid[0] // 2), -(-grid[1] // 2))
    first = features.reshape(-1, *grid)[:, :2, :2].mean((1, 2))
    torch.testing.assert_close(pooled[:, 0], first / first.norm())

"""Learning the standard model's projection: the discriminant by its definition, and a run on made footage."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import torch
from torch import Tensor

from stcolor_core.evaluation.dataset import read_dataset
from stcolor_core.features.standard import RAW_CHANNELS
from stcolor_core.training.projection import Scatter, discriminant, learn


def test_change_along_tracks_is_white_under_the_projection() -> None:
    total, within = moments(1), 0.1 * moments(2)
    projection = discriminant(total, within, channels=5)
    regularised = within + torch.eye(12, dtype=torch.float64) * within.diagonal().mean()
    inside = projection @ regularised @ projection.T
    torch.testing.assert_close(inside / inside[0, 0], torch.eye(5, dtype=torch.float64))
    telling = (projection @ total @ projection.T).diagonal()
    assert (telling.diff() <= 0).all()


def test_a_channel_that_changes_along_tracks_is_damped() -> None:
    total = torch.ones(4, dtype=torch.float64).diag()
    within = torch.tensor([0.01, 0.9, 0.01, 0.9], dtype=torch.float64).diag()
    weight = discriminant(total, within, channels=4).norm(dim=0)
    assert weight[[0, 2]].min() > 1.5 * weight[[1, 3]].max()
    assert discriminant(total, within, channels=2)[:, [1, 3]].abs().max() < 1e-6


def test_moments_are_those_of_the_tracked_differences() -> None:
    generator = torch.Generator().manual_seed(4)
    target, reference = torch.randn(2, 3, 6, 8, generator=generator)
    cells, places = torch.tensor([9, 20]), torch.tensor([[2.0, 1.0], [3.5, 2.0]])  # the second lies between two cells
    scatter = Scatter(3)
    scatter.add(target, reference, cells, places)
    steps = [target[:, 1, 1] - reference[:, 1, 2], target[:, 2, 4] - (reference[:, 2, 3] + reference[:, 2, 4]) / 2]
    within = sum((torch.outer(step, step) for step in steps), start=torch.zeros(3, 3)) / 4
    total = target.flatten(1) @ target.flatten(1).T / 48
    expected = discriminant(total.double(), within.double(), channels=3)
    actual = scatter.projection(3)
    torch.testing.assert_close(actual.T @ actual, expected.T @ expected, atol=1e-4, rtol=1e-4)


def test_learning_from_a_moving_picture_gives_the_same_projection_again(tmp_path: Path) -> None:
    folder = tmp_path / "clip"
    folder.mkdir()
    noise = np.random.default_rng(0).integers(0, 256, (30, 40, 3), np.uint8)
    picture = cv2.resize(noise, (320, 240), interpolation=cv2.INTER_CUBIC)
    for frame in range(4):
        cv2.imwrite(str(folder / f"{frame:05d}.png"), picture[:176, 2 * frame : 2 * frame + 240])
    clips = read_dataset(tmp_path, width=160, height=120)
    first, again = learn(clips, seed=1), learn(clips, seed=1)
    assert first.shape == (192, RAW_CHANNELS)
    assert first.isfinite().all()
    assert torch.equal(first, again)


def moments(seed: int) -> Tensor:
    values = torch.randn(12, 60, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
    return values @ values.T / 60

"""Damage of keyframes, and a training that learns to clean it and resumes after a stop, on synthetic footage."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from scenes import painted, two_clips

from stcolor_core.cli import main
from stcolor_core.errors import BadRequest
from stcolor_core.images.color import lab_to_linear
from stcolor_core.method.registration.cleaning import CleaningNet
from stcolor_core.method.trained_weights import load_trained
from stcolor_core.training import cleaning
from stcolor_core.training.cleaning import Batch, Settings, cleaning_loss, draw_piece, train
from stcolor_core.training.key_damage import compress_jpeg, compress_webp, damage, keep_luma

CPU = torch.device("cpu")
PICTURE = painted(64, 96, seed=2)


@pytest.fixture(scope="module")
def footage(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two clips of 8 frames."""
    return two_clips(tmp_path_factory.mktemp("footage"), frames=8)


def test_damage_is_drawn_by_seed_keeps_shape_and_range_and_leaves_some_keyframes_as_they_were() -> None:
    drawn = [damage(PICTURE, np.random.default_rng([1, seed])) for seed in range(150)]
    again = damage(PICTURE, np.random.default_rng([1, 7]))
    np.testing.assert_array_equal(drawn[7], again)
    assert all(key.shape == PICTURE.shape and key.dtype == np.float32 for key in drawn)
    assert all(key.min() >= 0 and key.max() <= 1 for key in drawn)
    apart = np.array([np.abs(key - PICTURE).mean() for key in drawn])
    assert 0 < (apart == 0).mean() < 0.2
    assert (apart > 0.005).mean() > 0.5
    assert apart.max() < 0.15  # every one is still this picture


@pytest.mark.parametrize("compress", [compress_jpeg, compress_webp])
def test_less_quality_is_more_damage(compress) -> None:
    errors = [np.square(compress(PICTURE, quality) - PICTURE).mean() for quality in (95, 60, 20)]
    assert errors == sorted(errors) and errors[0] < 0.5 * errors[2]


def test_paint_over_a_luma_changes_all_channels_alike() -> None:
    inner = np.clip(PICTURE, 0.2, 0.7)
    change = keep_luma(inner) - inner
    np.testing.assert_allclose(change - change[..., :1], 0, atol=1e-6)
    assert np.abs(change).max() > 0.005


def test_a_piece_has_its_own_hues_and_the_plates_light() -> None:
    frame = np.rint(255 * np.clip(painted(240, 320, seed=8), 0, 1)).astype(np.uint8)
    pieces = [draw_piece(frame, np.random.default_rng([2, seed])) for seed in range(12)]
    assert all(true.shape == key.shape == (80, 80, 3) for true, key in pieces)
    hues = [np.arctan2(true[..., 2].mean(), true[..., 1].mean()) for true, _ in pieces]
    assert np.ptp(hues) > 2
    linear = np.stack([lab_to_linear(true) for true, _ in pieces])
    assert linear.min() > -0.01 and linear.max() < 1.01


def test_the_loss_is_less_for_less_error() -> None:
    lightness, truth = torch.full((2, 8, 8), 50.0), torch.zeros(2, 2, 8, 8)
    batch = Batch(lightness, lightness, truth + 6, truth)
    losses = [float(cleaning_loss(truth + offset, batch)) for offset in (0.0, 1.0, 6.0)]
    assert losses == sorted(losses)


@pytest.mark.slow
def test_training_learns_and_a_stopped_run_resumes_to_the_same_result(
    footage: Path, tmp_path: Path, stop_at_the_first_checkpoint: Callable[[Callable[[], object]], None]
) -> None:
    torch.set_num_threads(1)
    settings = Settings(steps=4, batch=2, every=2, held_out=("slow",))
    train(footage, tmp_path / "whole.safetensors", settings, device=CPU)
    stop_at_the_first_checkpoint(lambda: train(footage, tmp_path / "parts.safetensors", settings, device=CPU))
    train(footage, tmp_path / "parts.safetensors", settings, device=CPU)
    whole, parts = (load_file(tmp_path / f"{name}.safetensors") for name in ("whole", "parts"))
    torch.testing.assert_close(parts, whole, atol=1e-3, rtol=1e-2)
    with (tmp_path / "parts.curve.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["step"] for row in rows] == ["2", "4"]
    assert all(float(row["jpeg60"]) > 20 for row in rows)
    load_trained(CleaningNet(), tmp_path / "whole.safetensors")


@pytest.mark.slow
def test_thirty_steps_learn_to_remove_what_is_always_the_same(
    footage: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A keyframe whose colour is too strong wherever its lightness is rough: an error that a network can only learn."""

    def wrong(picture: np.ndarray, generator: np.random.Generator) -> np.ndarray:
        noise = generator.normal(0, 0.03, picture.shape[:2])[..., None]
        tint = np.array([0.04, 0.0, -0.04])
        return np.clip(picture + noise + tint, 0, 1).astype(np.float32)

    torch.set_num_threads(1)
    monkeypatch.setattr(cleaning, "damage", wrong)
    network = train(footage, tmp_path / "w.safetensors", Settings(steps=30, batch=4, every=30), device=CPU)
    frame = np.rint(255 * np.clip(painted(240, 320, seed=8), 0, 1)).astype(np.uint8)
    pieces = [draw_piece(frame, np.random.default_rng([9, seed])) for seed in range(4)]
    batch = cleaning._to_batch(pieces, CPU)
    with torch.no_grad():
        after = float(cleaning_loss(network(batch.lightness, batch.own, batch.ab), batch))
    assert after < float(cleaning_loss(batch.ab, batch)) - 0.05


def test_nothing_to_train_on_is_reported_in_one_line(footage: Path, tmp_path: Path) -> None:
    with pytest.raises(BadRequest, match=r"Every clip in .* is held out"):
        train(footage, tmp_path / "w.safetensors", Settings(steps=1, held_out=("slow", "fast")), device=CPU)


@pytest.mark.slow
def test_the_command_writes_the_weights(footage: Path, tmp_path: Path) -> None:
    output = tmp_path / "weights.safetensors"
    options = ["--footage", str(footage), "--output", str(output), "--steps", "1", "--device", "cpu"]
    assert main(["train", "cleaning", *options]) == 0
    load_trained(CleaningNet(), output)

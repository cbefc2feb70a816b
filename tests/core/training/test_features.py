"""Training of the matching features on made footage: it learns, and goes on where it was stopped."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from scenes import two_clips

from stcolor_core.evaluation.dataset import read_dataset
from stcolor_core.features.standard import RAW_CHANNELS
from stcolor_core.training.features import Matcher, Settings, condensed, make, train
from stcolor_core.training.pictures import Picture
from stcolor_core.training.runs import Run

CPU = torch.device("cpu")
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def footage(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two clips of 8 frames."""
    return two_clips(tmp_path_factory.mktemp("footage"), frames=8)


@pytest.fixture
def start() -> torch.Tensor:
    """A projection that knows nothing yet."""
    return torch.randn(24, RAW_CHANNELS, generator=torch.Generator().manual_seed(0)) / RAW_CHANNELS**0.5


def test_it_learns_and_a_run_that_is_stopped_comes_to_the_same(
    footage: Path, start: torch.Tensor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch.set_num_threads(1)
    clips, settings = read_dataset(footage, width=96, height=72), Settings(steps=12, every=6, held_out=("slow",))
    whole = train(clips, start, tmp_path / "whole.safetensors", settings, device=CPU)
    keep = Run.keep

    def stop(self: object, *arguments: object, **named: object) -> None:
        keep(self, *arguments, **named)  # type: ignore[arg-type]
        raise KeyboardInterrupt

    monkeypatch.setattr(Run, "keep", stop)
    with pytest.raises(KeyboardInterrupt):
        train(clips, start, tmp_path / "parts.safetensors", settings, device=CPU)
    monkeypatch.undo()
    parts = train(clips, start, tmp_path / "parts.safetensors", settings, device=CPU)
    torch.testing.assert_close(parts.projection, whole.projection, atol=1e-5, rtol=1e-4)
    with (tmp_path / "parts.curve.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["step"] for row in rows] == ["6", "12"]
    assert float(rows[1]["psnr"]) > float(rows[0]["psnr"])


def test_the_start_is_kept_beside_the_weights_and_taken_from_there(
    footage: Path, start: torch.Tensor, tmp_path: Path
) -> None:
    output = tmp_path / "projection.safetensors"
    save_file({"projection": start}, tmp_path / "projection.start.safetensors")
    make(footage, output, Settings(steps=1, held_out=("slow",)), device=CPU)
    (projection,) = load_file(output).values()
    assert projection.shape == start.shape
    turned = projection.float().T @ projection.float()
    torch.testing.assert_close(turned, start.T @ start, atol=2e-3, rtol=0.1)  # one step from the start, and a rotation


def test_fewer_channels_keep_what_tells_places_apart() -> None:
    generator = torch.Generator().manual_seed(0)
    few = torch.randn(3, 8, generator=generator)
    matcher = Matcher(torch.cat([few, 1e-3 * torch.randn(5, 8, generator=generator)]))
    raw = torch.randn(8, 6, 7, generator=generator)
    picture = Picture(raw, torch.zeros(6, 7), torch.zeros(2, 6, 7))
    projection = condensed(matcher, [picture], channels=3)
    assert projection.shape == (3, 8)
    whole, kept = matcher(raw), Matcher(projection)(raw)
    torch.testing.assert_close(kept.T @ kept, whole.T @ whole, atol=1e-3, rtol=0)

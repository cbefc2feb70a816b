"""Training of the matching features on synthetic footage: it learns, and resumes after a stop."""

from __future__ import annotations

import csv
import math
from collections.abc import Callable
from pathlib import Path
from typing import cast

import pytest
import torch
from safetensors.torch import load_file
from scenes import two_clips

from stcolor_core.errors import BadRequest
from stcolor_core.evaluation.dataset import read_dataset
from stcolor_core.method.features import standard
from stcolor_core.method.features.standard import CHANNELS, RAW_CHANNELS, StandardFeatures, backbone, raw_features
from stcolor_core.training.features import Settings, make, matching_loss, principal_components, validate
from stcolor_core.training.pictures import PictureBatch, draw_batch, load_clips
from stcolor_core.training.runs import LEAST_ERROR

CPU = torch.device("cpu")
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def footage(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two clips of 8 frames."""
    return two_clips(tmp_path_factory.mktemp("footage"), frames=8)


def test_training_learns_and_a_stopped_run_resumes_to_the_same_result(
    footage: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    stop_at_the_first_checkpoint: Callable[[Callable[[], object]], None],
) -> None:
    torch.set_num_threads(1)
    monkeypatch.setattr("stcolor_core.training.features._VALIDATED", 2)
    settings = Settings(steps=4, batch=2, every=2, held_out=("slow",))
    make(footage, tmp_path / "whole.safetensors", settings, device=CPU)
    stop_at_the_first_checkpoint(lambda: make(footage, tmp_path / "parts.safetensors", settings, device=CPU))
    make(footage, tmp_path / "parts.safetensors", settings, device=CPU)
    whole, parts = (load_file(tmp_path / f"{name}.safetensors") for name in ("whole", "parts"))
    torch.testing.assert_close(parts, whole, atol=1e-3, rtol=1e-2)
    with (tmp_path / "parts.curve.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["step"] for row in rows] == ["2", "4"]
    assert float(rows[1]["psnr"]) > float(rows[0]["psnr"])
    monkeypatch.setattr(standard, "WEIGHTS", tmp_path / "whole.safetensors")
    assert StandardFeatures("cpu").target(torch.rand(24, 32) * 100).shape == (CHANNELS, 6, 8)


def test_nothing_to_train_on_is_reported_in_one_line(footage: Path, tmp_path: Path) -> None:
    with pytest.raises(BadRequest, match=r"^Every clip in .* is held out\. Leave one to train on") as caught:
        make(footage, tmp_path / "none.safetensors", Settings(steps=1, held_out=("slow", "fast")), device=CPU)
    assert "\n" not in str(caught.value) and not list(tmp_path.iterdir())


def test_training_starts_from_the_principal_components(footage: Path) -> None:
    clips, network = load_clips(read_dataset(footage), CPU), backbone("cpu")
    projection = principal_components(network, clips, 1)
    assert projection.shape == (CHANNELS, RAW_CHANNELS)
    torch.testing.assert_close(projection @ projection.T, torch.eye(CHANNELS), atol=1e-4, rtol=0)
    raw = raw_features(network, draw_batch(clips, 2, [9]).seen[:, 0]).transpose(0, 1).flatten(1)
    kept = (projection @ raw).square().sum() / raw.square().sum()
    generator = torch.Generator().manual_seed(0)
    some = torch.linalg.qr(torch.randn(RAW_CHANNELS, CHANNELS, generator=generator))[0].T
    assert kept > 0.8 > 2 * (some @ raw).square().sum() / raw.square().sum()


class Places(torch.nn.Module):
    """A network to which every place is unlike any other, and like the same place of any other picture."""

    def forward(self, lightness: torch.Tensor) -> torch.Tensor:
        return torch.eye(12).reshape(1, 12, 3, 4).expand(len(lightness), -1, -1, -1)


def of_ab(*values: float) -> PictureBatch:
    """References of one a* and b* each, and a target that looks like its own."""
    ab = torch.tensor(values).reshape(-1, 1, 1, 1, 1).expand(-1, 2, 2, 3, 4).clone()
    return PictureBatch(torch.zeros(len(values), 2, 12, 16), torch.full((len(values), 2, 3, 4), 50.0), ab)


def test_a_validation_is_the_psnr_of_colours_by_attention() -> None:
    """A target that is its reference takes its own colours; one of other colours is as wrong as these differ."""
    pictures, network = of_ab(0.0), cast(standard.MatchingNet, Places())
    assert validate(network, [pictures])["psnr"] > 80
    pictures.ab[:, 1] = 40.0
    assert 10 < validate(network, [pictures])["psnr"] < 20


def test_colour_taken_from_other_clips_counts_as_wrong() -> None:
    network, random = cast(standard.MatchingNet, Places()), torch.Generator()
    alone = float(matching_loss(network, of_ab(30.0), random))
    assert alone == pytest.approx(math.log(LEAST_ERROR), abs=0.1), "a reference alone has no strangers"
    assert float(matching_loss(network, of_ab(30.0, 30.0), random)) == pytest.approx(alone, abs=0.1)
    assert float(matching_loss(network, of_ab(30.0, -30.0), random)) > alone + 3

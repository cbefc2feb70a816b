"""Training samples made by the pipeline itself, and a training that learns from them, on synthetic footage."""

from __future__ import annotations

import csv
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from scenes import two_clips

from stcolor_core.cli import main
from stcolor_core.errors import BadRequest
from stcolor_core.evaluation.clip import Clip
from stcolor_core.evaluation.dataset import DatasetSequence, read_dataset
from stcolor_core.method.refinement.candidates import EVIDENCE_PLANES, FACTS
from stcolor_core.method.refinement.learned import WEIGHTS, load_mixing_net
from stcolor_core.training import refinement
from stcolor_core.training import samples as samples_module
from stcolor_core.training.refinement import Batch, Settings, mixing_loss, train
from stcolor_core.training.samples import make_samples, read_sample, walk_candidates

CPU = torch.device("cpu")
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def footage(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two clips of 14 frames."""
    return two_clips(tmp_path_factory.mktemp("footage"), frames=14)


@pytest.fixture(scope="module")
def samples(footage: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    return make_samples(footage, tmp_path_factory.mktemp("cache"), walks_per_clip=1, seed=1, processes=1)


def test_samples_hold_the_input_of_the_network_and_the_truth(samples: list[Path]) -> None:
    assert len(samples) >= 12
    for path in samples:
        lightness, truth, ab, facts, evidence = read_sample(path)
        assert truth.shape == (*lightness.shape, 2)
        assert ab.shape == (len(ab), *truth.shape)
        assert facts.shape == (len(ab), len(FACTS))
        assert facts[:, FACTS.index("previous")].sum() == 1
        assert evidence.shape == (len(ab), len(EVIDENCE_PLANES), *lightness.shape)
        mixed = np.einsum("khw,khwc->hwc", evidence[:, EVIDENCE_PLANES.index("prior")].astype(float), ab)
        assert np.abs(mixed - truth).mean() < 15, "the rule is not far off on footage as easy as this"


def test_synthetic_clips_are_drawn_by_seed_and_become_samples(footage: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clips = read_dataset(footage)
    monkeypatch.setattr(samples_module, "_SYNTHETIC", 1.0)
    monkeypatch.setattr(samples_module, "_AGED", 0.0)
    (first, references), (second, _) = (
        samples_module._draw_walk(clips[0], clips, np.random.default_rng(7)) for _ in range(2)
    )
    np.testing.assert_array_equal(np.stack(first.ab), np.stack(second.ab))
    assert set(references) <= {0, len(first.rgb) - 1}
    ((frame, found),) = walk_candidates(first, references, frames={4})
    assert frame == 4
    assert found.ab.shape == (len(found.ab), *first.ab[4].shape)
    mixed = np.einsum("khw,khwc->hwc", found.prior, found.ab)
    assert np.abs(mixed - first.ab[4]).mean() < np.abs(first.ab[4]).mean(), "nearer than grey"


def test_three_in_ten_walks_are_synthetic(footage: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clips = read_dataset(footage)
    monkeypatch.setattr(samples_module, "_draw_synthetic", lambda *_: ("synthetic", ()))
    monkeypatch.setattr(samples_module, "_draw_real", lambda *_: ("filmed", ()))
    monkeypatch.setattr(samples_module, "_AGED", 0.0)
    drawn = [samples_module._draw_walk(clips[0], clips, np.random.default_rng([1, seed]))[0] for seed in range(400)]
    assert drawn.count("synthetic") == pytest.approx(120, abs=30)


def test_no_picture_of_a_held_out_clip_is_in_a_walk_through_another(
    footage: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = read_dataset(footage)
    third = replace(first, name="third")
    drawn: dict[str, set[str]] = {}

    def draw_walk(clip: DatasetSequence, clips: list[DatasetSequence], _: object) -> tuple[Clip, tuple[int, ...]]:
        drawn[clip.name] = {each.name for each in clips}
        return Clip.load(clip, 4), (0,)

    monkeypatch.setattr(samples_module, "_draw_walk", draw_walk)
    monkeypatch.setattr(samples_module, "walk_candidates", lambda *_, **__: iter(()))
    clips = [first, second, third]
    for each in clips:
        samples_module._make_walk(
            each, 0, clips=clips, cache=tmp_path, features=None, held_out={second.name}, seed=1, misled=False
        )
    others = {first.name, third.name}
    assert drawn == {first.name: others, second.name: {second.name}, third.name: others}


def test_unseen_footage_is_matched_with_the_models_own_features(
    footage: Path, samples: list[Path], tmp_path: Path
) -> None:
    unseen = make_samples(footage, tmp_path, walks_per_clip=1, seed=1, processes=1, unseen=True)
    assert not (tmp_path / "features.safetensors").exists()
    assert [path.relative_to(tmp_path) for path in unseen] == [
        path.relative_to(samples[0].parents[1]) for path in samples
    ]
    own, untrained = read_sample(unseen[0]), read_sample(samples[0])
    np.testing.assert_array_equal(own.truth, untrained.truth)
    similarity = EVIDENCE_PLANES.index("similarity")
    assert np.abs(own.evidence[:, similarity] - untrained.evidence[:, similarity]).max() > 0.05


def test_tuned_weights_are_the_mean_of_those_before_and_after(samples: list[Path], tmp_path: Path) -> None:
    torch.set_num_threads(1)
    settings = Settings(steps=3, every=3, crop=(64, 64), batch=2, held_out=("slow",), start=WEIGHTS, rate=1e-2)
    tuned = train(samples, tmp_path / "tuned.safetensors", settings, device=CPU).state_dict()
    before = load_mixing_net(WEIGHTS).state_dict()
    after = load_file(tmp_path / "tuned.state.safetensors")
    changed = 0.0
    for name, value in tuned.items():
        torch.testing.assert_close(value, (before[name] + after[f"mean.{name}"]) / 2)
        changed = max(changed, float((value - before[name]).abs().max()))
    assert changed > 1e-5
    written = load_mixing_net(tmp_path / "tuned.safetensors").state_dict()
    torch.testing.assert_close(written["judge.weight"], tuned["judge.weight"], atol=2e-3, rtol=2e-3)


def test_the_weights_to_start_from_are_not_written_over(samples: list[Path], tmp_path: Path) -> None:
    start = tmp_path / "start.safetensors"
    start.write_bytes(WEIGHTS.read_bytes())
    with pytest.raises(BadRequest, match=r"start\.safetensors.*--output"):
        train(samples, tmp_path / "other" / ".." / start.name, Settings(steps=1, start=start), device=CPU)
    assert start.read_bytes() == WEIGHTS.read_bytes()


@pytest.mark.parametrize(("start", "code"), [("none-such.safetensors", 1), ("new.safetensors", 2)])
def test_unfit_weights_to_start_from_are_named_before_samples_are_made(
    start: str, code: int, footage: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cache, output = tmp_path / "cache", tmp_path / "new.safetensors"
    arguments = ["--footage", str(footage), "--cache", str(cache), "--output", str(output)]
    assert main(["train", "refinement", *arguments, "--start", str(tmp_path / start)]) == code
    (line,) = capsys.readouterr().err.strip().splitlines()[-1:]
    assert start in line
    assert not cache.exists()
    assert not output.exists()


def test_samples_on_disk_are_not_made_again(samples: list[Path], footage: Path) -> None:
    cache = samples[0].parents[1]
    before = {path: path.stat().st_mtime_ns for path in samples}
    again = make_samples(footage, cache, walks_per_clip=1, seed=1, processes=1)
    assert {path: path.stat().st_mtime_ns for path in again} == before


def test_a_stopped_training_resumes_to_the_same_weights(
    samples: list[Path], tmp_path: Path, stop_at_the_first_checkpoint: Callable[[Callable[[], object]], None]
) -> None:
    torch.set_num_threads(1)

    def settings(steps: int = 12) -> Settings:
        return Settings(steps=steps, every=6, crop=(64, 64), batch=2, held_out=("slow",))

    whole = train(samples, tmp_path / "whole.safetensors", settings(), device=CPU)
    stop_at_the_first_checkpoint(lambda: train(samples, tmp_path / "parts.safetensors", settings(), device=CPU))
    parts = train(samples, tmp_path / "parts.safetensors", settings(), device=CPU)
    for name, value in whole.state_dict().items():
        torch.testing.assert_close(parts.state_dict()[name], value, atol=1e-5, rtol=1e-4)
    with (tmp_path / "parts.curve.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["step"] for row in rows] == ["6", "12"]
    assert {"psnr", "rule", "chroma", "calibration"} <= set(rows[0])


def test_the_network_learns_which_candidate_to_trust_when_the_rule_is_wrong() -> None:
    """One candidate is right where its `difference` is negative; the rule trusts the other."""
    torch.manual_seed(0)
    place = {name: index for index, name in enumerate(EVIDENCE_PLANES)}
    network = refinement.MixingNet()
    optimiser = torch.optim.Adam(network.parameters(), lr=3e-3)

    def batch() -> Batch:
        truth = 40 * torch.randn(4, 2, 1, 1).expand(-1, -1, 32, 32)
        right = torch.rand(4, 1, 4, 4).repeat_interleave(8, 2).repeat_interleave(8, 3) > 0.5
        wrong = 40 * torch.randn(4, 2, 1, 1).expand(-1, -1, 32, 32)
        ab = torch.stack([torch.where(right, truth, wrong), torch.where(right, wrong, truth)], dim=1)
        evidence = torch.zeros(4, 2, len(EVIDENCE_PLANES), 32, 32)
        evidence[:, 0, place["prior"]] = 1
        evidence[:, 0, place["difference"]] = 1 - 2 * right[:, 0].float()
        facts = torch.zeros(4, 2, len(FACTS))
        facts[:, 0, FACTS.index("flow")] = facts[:, 1, FACTS.index("anywhere")] = 1
        return Batch(torch.full((4, 32, 32), 60.0), truth, ab, facts, evidence)

    def loss(given: Batch) -> torch.Tensor:
        return mixing_loss(network(given.lightness, given.ab, given.facts, given.evidence), given)

    before = float(loss(batch()).detach())
    for _ in range(150):
        optimiser.zero_grad()
        loss(batch()).backward()
        optimiser.step()
    given = batch()
    mixed = network(given.lightness, given.ab, given.facts, given.evidence)
    assert float(loss(given).detach()) < before - 2
    chosen = mixed.weights.argmax(1, keepdim=True) == (given.evidence[:, :1, place["difference"]] > 0)
    assert chosen.float().mean() > 0.95


def test_the_command_makes_weights_that_the_model_loads(footage: Path, samples: list[Path], tmp_path: Path) -> None:
    output = tmp_path / "weights.safetensors"
    arguments = ["--footage", str(footage), "--cache", str(samples[0].parents[1]), "--output", str(output)]
    options = ["--walks", "1", "--steps", "2", "--processes", "1", "--held-out", "slow", "--device", "cpu"]
    assert main(["train", "refinement", *arguments, *options]) == 0
    load_mixing_net(output)
    assert output.stat().st_size < 8 * 2**20

"""Walks whose references mislead, and a confidence head that learns from them, on synthetic footage."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from scenes import two_clips

from stcolor_core.cli import main
from stcolor_core.evaluation.dataset import DatasetSequence, read_dataset
from stcolor_core.method.refinement.confidence import PLANES, ConfidenceHead, summarize
from stcolor_core.method.refinement.learned import load_confidence_head
from stcolor_core.training.confidence import Picture, Settings, fit, validate
from stcolor_core.training.misled import KINDS, ORDINARY, draw_misled, kind_of

CPU = torch.device("cpu")
LINES = 72


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> list[DatasetSequence]:
    """Two clips of 14 frames."""
    return read_dataset(two_clips(tmp_path_factory.mktemp("footage"), frames=14))


@pytest.mark.parametrize("kind", KINDS)
def test_a_walk_is_drawn_by_its_seed_and_has_a_frame_to_colour(kind: str, clips: list[DatasetSequence]) -> None:
    for seed in range(4):
        one, other = (draw_misled(kind, clips[0], clips, LINES, np.random.default_rng(seed)) for _ in range(2))
        assert one[1] == other[1]
        for name in ("rgb", "ab", "lightnesses"):
            np.testing.assert_array_equal(getattr(one[0], name), getattr(other[0], name))
        assert len(one[0].rgb) > len(one[1])


@pytest.mark.parametrize(("kind", "stills"), [("foreign", True), ("own", True), ("dissolve", False)])
def test_stills_have_no_place_in_time_and_dissolves_start_at_a_true_keyframe(
    kind: str, stills: bool, clips: list[DatasetSequence]
) -> None:
    walk, references = draw_misled(kind, clips[0], clips, LINES, np.random.default_rng(1))
    assert references == (() if stills else (0,))
    assert bool(walk.stills) == stills


def test_a_dissolve_ends_in_another_clip(clips: list[DatasetSequence]) -> None:
    ends = []
    for seed in range(8):
        walk, _ = draw_misled("dissolve", clips[0], clips, LINES, np.random.default_rng(seed))
        ends.append(np.abs(walk.rgb[-1] - walk.rgb[0]).mean())
    assert np.median(ends) > 0.03


def test_a_misplaced_keyframe_has_a_wrong_colour_and_nothing_else_has(clips: list[DatasetSequence]) -> None:
    for seed in range(6):
        walk, references = draw_misled("misplaced", clips[1], clips, LINES, np.random.default_rng(seed))
        true = type(walk).from_rgb(walk.rgb)
        for frame in range(len(walk.rgb)):
            wrong = np.abs(walk.ab[frame] - true.ab[frame]).max()
            assert (wrong > 0.5) == (frame in references)


def test_one_walk_in_six_is_an_ordinary_one() -> None:
    kinds = [kind_of(number) for number in range(12)]
    assert kinds[:6] == kinds[6:]
    assert sorted(kinds[:6]) == sorted([*KINDS, ORDINARY])


def test_a_fast_walk_moves_more_and_keeps_its_true_colour(clips: list[DatasetSequence]) -> None:
    changes: dict[str, list[float]] = {"fast": [], "misplaced": []}
    for seed in range(8):
        for kind, found in changes.items():
            walk, references = draw_misled(kind, clips[0], clips, LINES, np.random.default_rng(seed))
            light = walk.lightnesses
            found.append(float(np.mean([np.abs(a - b).mean() for a, b in zip(light, light[1:], strict=False)])))
            if kind == "fast":
                true = type(walk).from_rgb(walk.rgb)
                assert all(np.array_equal(walk.ab[frame], true.ab[frame]) for frame in references)
    assert np.median(changes["fast"]) > 1.1 * np.median(changes["misplaced"])


def picture(kind: str, *, correct: bool, seed: int) -> Picture:
    """A picture whose own confidence is 0.82 everywhere; only the similarity tells whether it is right."""
    torch.manual_seed(seed)
    planes = torch.rand(len(PLANES), 48, 56)
    planes[PLANES.index("own")] = 0.5
    planes[PLANES.index("similarity")] = float(correct) + 0.3 * torch.rand(48, 56)
    return Picture(kind, planes.half(), summarize(planes[None])[0], torch.full((48, 56), correct))


def test_the_head_learns_from_the_whole_picture(tmp_path: Path) -> None:
    pictures = [picture("foreign", correct=False, seed=0), picture(ORDINARY, correct=True, seed=1)]
    others = [picture("foreign", correct=False, seed=2), picture(ORDINARY, correct=True, seed=3)]
    before = validate(ConfidenceHead(), others)
    head = fit(pictures, others, tmp_path / "head.safetensors", Settings(steps=300, batch=2, every=300), device=CPU)
    after = validate(head, others)
    assert before["foreign"] > 0.7
    assert after["foreign"] < 0.25
    assert after[ORDINARY] < 0.25
    load_confidence_head(tmp_path / "head.safetensors")


@pytest.mark.slow
def test_the_command_makes_weights_that_the_model_loads(tmp_path: Path) -> None:
    footage, output = two_clips(tmp_path, frames=8), tmp_path / "out" / "head.safetensors"
    options = ["--cache", str(tmp_path / "cache"), "--walks", "2", "--processes", "1", "--steps", "2"]
    assert main(["train", "confidence", "--footage", str(footage), "--output", str(output), *options]) == 0
    load_confidence_head(output)

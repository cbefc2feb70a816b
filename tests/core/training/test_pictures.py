"""The pictures of a clip that the training of matching features uses."""

from __future__ import annotations

import pytest
import torch
from scenes import two_clips
from torch.nn import functional as F

from stcolor_core.evaluation.dataset import read_dataset
from stcolor_core.training.pictures import TARGETS, draw_batch, load_clips


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> list[torch.Tensor]:
    return load_clips(read_dataset(two_clips(tmp_path_factory.mktemp("footage"), frames=6)), torch.device("cpu"))


def test_clips_are_loaded_completely(clips: list[torch.Tensor]) -> None:
    assert [clip.dtype for clip in clips] == [torch.uint8] * 2
    assert [(len(clip), clip.shape[1], min(clip.shape[2:])) for clip in clips] == [(6, 3, 240)] * 2


def test_the_same_seed_draws_the_same_pictures_and_another_seed_draws_others(clips: list[torch.Tensor]) -> None:
    first, again, other = (draw_batch(clips, 3, seed) for seed in ([1, 2], [1, 2], [1, 3]))
    assert torch.equal(first.seen, again.seen) and torch.equal(first.ab, again.ab)
    assert not torch.equal(first.seen, other.seen)


def test_the_lightness_and_the_true_colour_are_moved_together(
    clips: list[torch.Tensor], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Gamma and exposure change the lightness; bright pixels stay bright and in their place."""
    monkeypatch.setattr("stcolor_core.training.pictures._OTHER_FILM", 0.0)
    pictures = draw_batch(clips, 8, [4])
    assert pictures.seen.shape == (8, 1 + TARGETS, 192, 256)
    assert pictures.lightness.shape == (8, 1 + TARGETS, 48, 64)
    assert pictures.ab.shape == (8, 1 + TARGETS, 2, 48, 64)
    assert pictures.seen.min() >= 0 and pictures.seen.max() <= 100.01
    seen = F.avg_pool2d(pictures.seen, 4).flatten(2)
    alike = [
        float(torch.corrcoef(torch.stack(pair))[0, 1])
        for pair in zip(seen.flatten(0, 1), pictures.lightness.flatten(2).flatten(0, 1), strict=True)
    ]
    assert min(alike) > 0.9


def test_targets_differ_from_their_reference_in_lightness_but_not_in_hue(clips: list[torch.Tensor]) -> None:
    pictures = draw_batch(clips, 8, [5])
    reference, targets = pictures.seen[:, :1], pictures.seen[:, 1:]
    assert (targets - reference).abs().mean() > 2
    chroma = pictures.ab.norm(dim=2).mean(dim=(2, 3))
    assert ((chroma[:, 1:] / chroma[:, :1]).log().abs() < 0.4).all()

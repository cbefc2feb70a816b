"""The mixing network, before and after training."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from refinement_evidence import CARRIED, evidence, flow
from safetensors.torch import save_file

from stcolor_core.errors import ModelError
from stcolor_core.method.refinement.candidates import EVIDENCE_PLANES, FACTS
from stcolor_core.method.refinement.fixed_rule import FixedRuleRefinement
from stcolor_core.method.refinement.learned import WEIGHTS, LearnedRefinement, load_mixing_net
from stcolor_core.method.refinement.mixing import MixingNet, _double, _lightness_channels


def scrambled() -> MixingNet:
    """A network whose last layers are not zero."""
    torch.manual_seed(0)
    network = MixingNet().eval()
    for layer in (network.weigh, network.fade):
        torch.nn.init.normal_(layer.weight, std=0.3)
    return network


def inputs(count: int, height: int = 30, width: int = 44) -> tuple[torch.Tensor, ...]:
    generator = torch.Generator().manual_seed(1)
    given = torch.rand(1, count, len(EVIDENCE_PLANES), height, width, generator=generator)
    given[:, :, EVIDENCE_PLANES.index("prior")] /= given[:, :, EVIDENCE_PLANES.index("prior")].sum(1, keepdim=True)
    light = 100 * torch.rand(1, height, width, generator=generator)
    ab = 40 * torch.randn(1, count, 2, height, width, generator=generator)
    return light, ab, torch.rand(1, count, len(FACTS), generator=generator), given


def test_the_network_has_fewer_than_two_million_parameters() -> None:
    assert sum(parameter.numel() for parameter in MixingNet().parameters()) < 2_000_000


def test_the_untrained_network_equals_the_fixed_rule_but_for_chroma_lost_in_mixing_and_what_agrees() -> None:
    for given in (evidence(), evidence(flows=(flow(visibility=0.6), flow(temporal_weight=0.4, residual=4)))):
        learned = LearnedRefinement(MixingNet()).refine(given, None)
        ruled = FixedRuleRefinement().refine(given, None)
        given_back = np.linalg.norm(learned.ab, axis=-1, keepdims=True) / np.linalg.norm(
            ruled.ab, axis=-1, keepdims=True
        )
        assert 0.99 < given_back.min() <= given_back.max() < 1.11
        np.testing.assert_allclose(learned.ab / given_back, ruled.ab, atol=0.3)
        np.testing.assert_allclose(learned.tracked, ruled.tracked, atol=0.01)
        np.testing.assert_array_equal(learned.flow_source, ruled.flow_source)


@pytest.mark.parametrize("count", [2, 3, 4, 6])
@torch.no_grad()
def test_any_number_of_candidates_is_mixed_in_any_order(count: int) -> None:
    network, (light, ab, facts, given) = scrambled(), inputs(count)
    mixed = network(light, ab, facts, given)
    assert mixed.weights.shape == (1, count, 30, 44)
    torch.testing.assert_close(mixed.weights.sum(1), torch.ones(1, 30, 44))
    order = torch.randperm(count)
    other = network(light, ab[:, order], facts[:, order], given[:, order])
    torch.testing.assert_close(other.weights, mixed.weights[:, order], atol=1e-4, rtol=1e-3)
    torch.testing.assert_close(other.confidence_logit, mixed.confidence_logit, atol=1e-4, rtol=1e-3)


@torch.no_grad()
def test_every_colour_lies_between_the_candidates_and_grey() -> None:
    mixed = scrambled()(*inputs(3))
    assert mixed.gain.min() >= 0 and mixed.gain.max() <= 1.2
    assert mixed.weights.min() >= 0


@pytest.mark.parametrize("size", [(1, 1), (7, 5), (16, 16), (33, 130)])
@torch.no_grad()
def test_any_size_is_accepted(size: tuple[int, int]) -> None:
    assert scrambled()(*inputs(3, *size)).gain.shape == (1, 1, *size)


def test_the_shipped_weights_fit_this_network() -> None:
    network = load_mixing_net(WEIGHTS)
    assert WEIGHTS.stat().st_size < 8 * 2**20
    assert all(bool(torch.isfinite(parameter).all()) for parameter in network.parameters())


def test_weights_that_are_missing_or_of_another_network_are_named(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"none\.safetensors are missing"):
        load_mixing_net(tmp_path / "none.safetensors")
    save_file({"weight": torch.zeros(3)}, tmp_path / "other.safetensors")
    with pytest.raises(ModelError, match=r"other\.safetensors are missing or damaged"):
        load_mixing_net(tmp_path / "other.safetensors")


def test_differing_hues_keep_most_of_their_chroma_and_equal_ones_all_of_it() -> None:
    def chroma(color: tuple[float, float]) -> float:
        given = evidence(flows=(flow(temporal_weight=0.5), flow(temporal_weight=0.5, color=color)))
        return float(np.linalg.norm(LearnedRefinement(MixingNet()).refine(given, None).ab, axis=-1).mean())

    own = float(np.linalg.norm(CARRIED))
    assert chroma(CARRIED) == pytest.approx(own, rel=0.01)
    halfway = np.array([-CARRIED[1], CARRIED[0]])  # as colourful, of another hue: their mean has 0.71 of the chroma
    assert chroma((float(halfway[0]), float(halfway[1]))) == pytest.approx(1.1 * own / np.sqrt(2), rel=0.02)


@pytest.mark.parametrize("size", [(216, 384), (37, 51), (9, 4), (1, 3)])
def test_local_contrast_is_bit_for_bit_that_of_average_pooling(size: tuple[int, int]) -> None:
    lightness = 100 * torch.rand((2, *size), generator=torch.Generator().manual_seed(1))
    light, contrast = _lightness_channels(lightness)
    mean = light
    for window, padding in (((9, 1), (4, 0)), ((1, 9), (0, 4))):
        mean = torch.nn.functional.avg_pool2d(mean, window, 1, padding, count_include_pad=False)
    assert torch.equal(contrast, 5 * (light - mean))


@pytest.mark.parametrize("shape", [(5, 4, 108, 192), (2, 4, 3, 1), (1, 4, 1, 1)])
def test_maps_are_doubled_as_by_pixel_shuffle(shape: tuple[int, ...]) -> None:
    maps = torch.rand(shape, generator=torch.Generator().manual_seed(1))
    for layout in (torch.contiguous_format, torch.channels_last):
        x = maps.contiguous(memory_format=layout)
        assert torch.equal(_double(x), torch.nn.functional.pixel_shuffle(maps, 2))
        assert torch.equal(_double(x.clone().requires_grad_()), torch.nn.functional.pixel_shuffle(maps, 2))


@torch.no_grad()
def test_the_network_changes_none_of_its_inputs() -> None:
    given = inputs(3)
    before = [values.clone() for values in given]
    scrambled()(*given)
    assert all(map(torch.equal, given, before))

"""The confidence head: it estimates the confidence, and changes nothing else."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from refinement_evidence import evidence, flow, neighbour_flow, previous

from stcolor_core.errors import ModelError
from stcolor_core.images.color import lab_to_linear, srgb_encode
from stcolor_core.method.refinement.candidates import EVIDENCE_PLANES, FACTS
from stcolor_core.method.refinement.confidence import PLANES, ConfidenceHead, MixingInput, describe_decision, summarize
from stcolor_core.method.refinement.learned import (
    CONFIDENCE_WEIGHTS,
    WEIGHTS,
    LearnedRefinement,
    load_confidence_head,
    load_learned_refinement,
    load_mixing_net,
)
from stcolor_core.method.refinement.mixing import MixingOutput


def scrambled() -> ConfidenceHead:
    """A head whose last layer is not zero, and which doubts."""
    torch.manual_seed(0)
    head = ConfidenceHead()
    torch.nn.init.normal_(head.judge.weight, std=0.5)
    torch.nn.init.constant_(head.judge.bias, -2.0)
    return head


def test_the_untrained_head_returns_the_networks_own_confidence() -> None:
    given = evidence(flows=(flow(visibility=0.6),))
    own, corrected = (
        LearnedRefinement(load_mixing_net(WEIGHTS), confidence_head=head).refine(given, None)
        for head in (None, ConfidenceHead())
    )
    np.testing.assert_array_equal(corrected.confidence, own.confidence)


@pytest.mark.parametrize("similarity", [0.1, 0.5, 0.9])  # the first ones fade what no reference shows
def test_no_head_changes_a_colour(similarity: float) -> None:
    given = evidence(similarity=similarity, flows=(flow(visibility=0.4, residual=5),))
    own, corrected = (
        LearnedRefinement(load_mixing_net(WEIGHTS), confidence_head=head).refine(given, None)
        for head in (None, scrambled())
    )
    for name in ("ab", "tracked", "flow_source"):
        np.testing.assert_array_equal(getattr(corrected, name), getattr(own, name), err_msg=name)
    np.testing.assert_array_equal(corrected.state.ab, own.state.ab)
    assert np.abs(own.confidence - corrected.confidence).max() > 0.01
    assert (corrected.confidence <= own.confidence).all()  # with a tracked reference, it is only lowered


def test_the_confidence_depends_on_no_frame_but_the_one_before() -> None:
    refinement = LearnedRefinement(load_mixing_net(WEIGHTS), confidence_head=scrambled())
    given = evidence(flows=(flow(),))
    first = refinement.refine(given, previous((0.0, 0.0))).state
    other = refinement.refine(given, previous((60.0, 0.0), confidence=0.1)).state
    np.testing.assert_array_equal(first.confidence, other.confidence)
    assert neighbour_flow().change.is_same


@pytest.mark.parametrize("size", [(1, 1), (7, 5), (33, 130)])
@torch.no_grad()
def test_any_size_is_accepted(size: tuple[int, int]) -> None:
    planes = torch.randn(1, len(PLANES), *size)
    assert scrambled().eval()(planes, summarize(planes)).shape == (1, *size)


@torch.no_grad()
def test_the_evidence_for_a_decision_is_that_of_its_candidates() -> None:
    """Two candidates of 0.75 and 0.25: a vivid tracked flow and the frame before."""
    facts = torch.zeros(1, 2, len(FACTS))
    facts[0, 0, FACTS.index("flow")] = facts[0, 1, FACTS.index("previous")] = 1
    evidence = torch.zeros(1, 2, len(EVIDENCE_PLANES), 2, 3)
    for candidate, values in enumerate(({"visibility": 0.5, "residual": 0.8, "similarity": 0.2}, {"similarity": 0.9})):
        for name, value in values.items():
            evidence[0, candidate, EVIDENCE_PLANES.index(name)] = value
    ab = torch.zeros(1, 2, 2, 2, 3)
    ab[0, 0, 0], ab[0, 1, 0] = 40, 0
    weights = torch.tensor([0.75, 0.25])[None, :, None, None].expand(1, 2, 2, 3)
    output = MixingOutput(weights, torch.ones(1, 1, 2, 3), torch.full((1, 1, 2, 3), 1.5))
    given = MixingInput(torch.full((1, 2, 3), 50.0), ab, facts, evidence)
    planes = describe_decision(given, output, torch.full((1, 2, 3), 0.5), ["flow", "previous"])
    got = {name: float(planes[0, index].unique()) for index, name in enumerate(PLANES)}
    red = lab_to_rgb(50, 15) - lab_to_rgb(50, 0)  # 0.75 of 40, faded to half
    assert got["vividness"] == pytest.approx(float(np.log1p(np.linalg.norm(red) * 255 / 16)), rel=1e-3)
    assert got["chroma"] == pytest.approx(15 / 20)
    assert got["disagreement"] == pytest.approx(np.sqrt(0.75 * 10**2 + 0.25 * 30**2) / 10)
    expected = {"own": 0.5, "lightness": 0, "similarity": 0.2, "similarity_flow": 0.2, "visibility": 0.5}
    expected |= {"residual": 0.6, "flow": 0.75, "previous": 0.25, "anywhere": 0, "similarity_anywhere": 0}
    # 0.75 of 40 is 10 from the flow's colour and 30 from the frame before's, where 3 is the standard deviation
    expected |= {"like_flow": np.exp(-(10**2) / 18), "like_previous": np.exp(-(30**2) / 18), "like_anywhere": 0}
    assert {name: got[name] for name in expected} == pytest.approx(expected)


@torch.no_grad()
def test_of_several_candidates_of_a_kind_the_best_counts_and_others_count_as_nothing() -> None:
    similarity = {"flow": (-0.3, -0.1), "anywhere": (0.5,), "previous": (0.9,)}
    kinds = [kind for kind, values in similarity.items() for _ in values]
    evidence = torch.zeros(1, len(kinds), len(EVIDENCE_PLANES), 2, 3)
    values = [value for each in similarity.values() for value in each]
    evidence[0, :, EVIDENCE_PLANES.index("similarity")] = torch.tensor(values)[:, None, None]
    ab = torch.tensor([0.0, 6.0, 3.0, 3.0])[None, :, None, None, None].expand(1, 4, 2, 2, 3)
    weights = torch.full((1, 4, 2, 3), 0.25)
    output = MixingOutput(weights, torch.ones(1, 1, 2, 3), torch.zeros(1, 1, 2, 3))
    given = MixingInput(torch.full((1, 2, 3), 50.0), ab, torch.zeros(1, 4, len(FACTS)), evidence)
    planes = describe_decision(given, output, torch.ones(1, 2, 3), kinds)
    got = {name: float(planes[0, index].unique()) for index, name in enumerate(PLANES)}
    expected = {"similarity": 0.5, "similarity_flow": 0, "similarity_tracked": 0, "similarity_anywhere": 0.5}
    expected |= {"flow": 0.5, "anywhere": 0.25, "previous": 0.25, "tracked": 0}
    expected |= {"like_flow": np.exp(-(3**2 + 3**2) / 18), "like_anywhere": 1, "like_previous": 1}
    assert {name: got[name] for name in expected} == pytest.approx(expected)


def lab_to_rgb(lightness: float, a: float) -> np.ndarray:
    return np.asarray(srgb_encode(lab_to_linear(np.array([lightness, a, 0.0]))))


@torch.no_grad()
def test_a_still_that_resembles_nothing_is_judged_by_its_colour() -> None:
    """Where no correspondence is likely, a vivid colour is right less often than a pale one."""

    def confidence(color: tuple[float, float]) -> float:
        given = evidence(similarity=0.5, flows=())
        ab = torch.tensor(color)[:, None].expand_as(given.warp.ab)
        warp = replace(given.warp, ab=ab, free_ab=ab, free_similarity=given.warp.similarity)
        return float(load_learned_refinement().refine(replace(given, warp=warp), None).confidence.mean())

    assert confidence((45.0, 30.0)) < confidence((3.0, 2.0)) - 0.1


def test_a_picture_without_a_match_lowers_the_shipped_confidence() -> None:
    def confidence(similarity: float) -> float:
        refinement = LearnedRefinement(
            load_mixing_net(WEIGHTS), confidence_head=load_confidence_head(CONFIDENCE_WEIGHTS)
        )
        return float(refinement.refine(evidence(similarity=similarity, flows=()), None).confidence.mean())

    assert confidence(0.2) < confidence(0.9)


def test_the_shipped_weights_fit_this_head() -> None:
    head = load_confidence_head(CONFIDENCE_WEIGHTS)
    assert CONFIDENCE_WEIGHTS.stat().st_size < 2**20
    assert all(bool(torch.isfinite(parameter).all()) for parameter in head.parameters())


def test_missing_weights_are_named(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"none\.safetensors are missing"):
        load_confidence_head(tmp_path / "none.safetensors")

"""The confidence head: it corrects the mixing network's confidence, and nothing else."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from refinement_evidence import evidence, flow, neighbour_flow, previous

from stcolor_core.errors import ModelError
from stcolor_core.method.refinement.confidence import ConfidenceHead, summarize
from stcolor_core.method.refinement.learned import (
    CONFIDENCE_WEIGHTS,
    WEIGHTS,
    LearnedRefinement,
    load_confidence_head,
    load_mixing_net,
)
from stcolor_core.method.refinement.mixing import FEATURES


def scrambled() -> ConfidenceHead:
    """A head whose last layer is not zero."""
    torch.manual_seed(0)
    head = ConfidenceHead()
    torch.nn.init.normal_(head.judge.weight, std=0.5)
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
    assert (own.confidence - corrected.confidence).max() > 0.01
    assert (corrected.confidence <= own.confidence).all()  # it never raises it


def test_the_confidence_depends_on_no_frame_but_the_one_before() -> None:
    refinement = LearnedRefinement(load_mixing_net(WEIGHTS), confidence_head=scrambled())
    given = evidence(flows=(flow(),))
    first = refinement.refine(given, previous((0.0, 0.0))).state
    other = refinement.refine(given, previous((60.0, 0.0), confidence=0.1)).state
    np.testing.assert_array_equal(first.confidence, other.confidence)
    assert neighbour_flow().exposure == 1


@pytest.mark.parametrize("size", [(1, 1), (7, 5), (33, 130)])
@torch.no_grad()
def test_any_size_is_accepted(size: tuple[int, int]) -> None:
    height, width = (-(-side // 16) * 8 for side in size)
    features = torch.randn(1, FEATURES, height, width)
    assert scrambled().eval()(features, torch.zeros(1, 1, *size), summarize(features)).shape == (1, 1, *size)


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

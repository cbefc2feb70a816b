"""Whom the standard model trusts: flow in sight, then tracked places, then places anywhere."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from stcolor_core.refinement import Evidence, FlowColor, Refined
from stcolor_core.refinement.standard import StandardRefinement
from stcolor_core.warping import GridWarp

GRID, SIZE = (4, 6), (16, 24)
FREE, TRACKED, CARRIED = (-40.0, 10.0), (30.0, 30.0), (5.0, -50.0)


def plane(color: tuple[float, float]) -> np.ndarray:
    return np.broadcast_to(np.float32(color), (*SIZE, 2)).copy()


def grid(color: tuple[float, float]) -> torch.Tensor:
    return torch.tensor(color)[:, None].expand(2, 24).contiguous()


def evidence(*, similarity: float = 0.9, restricted: bool = True, flows: tuple[FlowColor, ...] = ()) -> Evidence:
    ones, zeros = torch.ones(24), torch.zeros(24, dtype=torch.int64)
    warp = GridWarp(
        ab=grid(TRACKED),
        free_ab=grid(FREE),
        similarity=ones * similarity,
        free_similarity=ones * 0.9,
        support=ones,
        source=zeros,
        free_source=zeros,
        position=zeros,
        fallback=zeros.bool(),
    )
    return Evidence(np.full(SIZE, 50, np.float32), np.full(GRID, 50, np.float32), warp, restricted, flows)


def flow(
    *, visibility: float = 1.0, residual: float = 0.0, closeness: float = 1.0, color: tuple[float, float] = CARRIED
) -> FlowColor:
    whole = np.ones(SIZE, np.float32)
    return FlowColor(plane(color), visibility * whole, residual * whole, closeness)


def refine(given: Evidence) -> Refined:
    return StandardRefinement().refine(given, None)


@pytest.mark.parametrize(
    ("given", "color"),
    [
        pytest.param(evidence(flows=(flow(),)), CARRIED, id="flow in sight"),
        pytest.param(evidence(flows=(flow(visibility=0),)), TRACKED, id="hidden: a tracked place"),
        pytest.param(evidence(flows=(flow(residual=60),)), TRACKED, id="flow that leads to another luminance"),
        pytest.param(evidence(), TRACKED, id="no flow"),
        pytest.param(evidence(similarity=0.1), FREE, id="a lost track is found again anywhere"),
        pytest.param(
            evidence(similarity=0.1, restricted=False), TRACKED, id="nothing was restricted, nothing can be lost"
        ),
    ],
)
def test_the_colour_is_that_of_who_is_trusted(given: Evidence, color: tuple[float, float]) -> None:
    np.testing.assert_allclose(refine(given).ab, plane(color), atol=1.5)  # the gate is soft


def test_confidence_and_tracked_share_follow() -> None:
    assert refine(evidence(flows=(flow(),))).confidence.min() > 0.99
    found = refine(evidence(similarity=0.1))
    assert found.tracked.max() < 0.01
    np.testing.assert_allclose(found.confidence, 0.9, atol=0.02)


def test_two_flows_mix_by_nearness_and_the_hidden_one_gives_way() -> None:
    first, last = flow(closeness=0.75), flow(closeness=0.25, color=(45.0, 10.0))
    both = refine(evidence(flows=(first, last)))
    np.testing.assert_allclose(both.ab, 0.75 * plane(CARRIED) + 0.25 * plane((45.0, 10.0)), atol=0.01)
    assert (both.flow_source == 0).all()
    hidden = refine(evidence(flows=(flow(closeness=0.75, visibility=0), last)))
    np.testing.assert_allclose(hidden.ab, plane((45.0, 10.0)), atol=0.01)
    assert (hidden.flow_source == 1).all()

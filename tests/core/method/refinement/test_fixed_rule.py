"""The fixed rule of the standard model: visible flow first, then tracked positions, then positions anywhere."""

from __future__ import annotations

import numpy as np
import pytest
from refinement_evidence import CARRIED, FREE, TRACKED, evidence, flow, plane

from stcolor_core.method.refinement import Evidence, Refined
from stcolor_core.method.refinement.fixed_rule import FixedRuleRefinement


def refine(given: Evidence) -> Refined:
    return FixedRuleRefinement().refine(given, None)


@pytest.mark.parametrize(
    ("given", "color"),
    [
        pytest.param(evidence(flows=(flow(),)), CARRIED, id="flow in sight"),
        pytest.param(evidence(flows=(flow(visibility=0),)), TRACKED, id="occluded: a tracked position"),
        pytest.param(evidence(flows=(flow(residual=60),)), TRACKED, id="flow that leads to another luminance"),
        pytest.param(evidence(), TRACKED, id="no flow"),
        pytest.param(evidence(similarity=0.1), FREE, id="a lost track is reacquired anywhere"),
        pytest.param(
            evidence(similarity=0.1, restricted=False), TRACKED, id="nothing was restricted, nothing can be lost"
        ),
    ],
)
def test_the_colour_is_that_of_the_trusted_candidate(given: Evidence, color: tuple[float, float]) -> None:
    np.testing.assert_allclose(refine(given).ab, plane(color), atol=1.5)  # the gate is soft


def test_confidence_and_tracked_share_follow_the_trusted_candidate() -> None:
    assert refine(evidence(flows=(flow(),))).confidence.min() > 0.99
    found = refine(evidence(similarity=0.1))
    assert found.tracked.max() < 0.01
    np.testing.assert_allclose(found.confidence, 0.9, atol=0.02)


def test_two_flows_are_mixed_by_temporal_weight_and_an_occluded_one_has_none() -> None:
    first, last = flow(temporal_weight=0.75), flow(temporal_weight=0.25, color=(45.0, 10.0))
    both = refine(evidence(flows=(first, last)))
    np.testing.assert_allclose(both.ab, 0.75 * plane(CARRIED) + 0.25 * plane((45.0, 10.0)), atol=0.01)
    assert (both.flow_source == 0).all()
    hidden = refine(evidence(flows=(flow(temporal_weight=0.75, visibility=0), last)))
    np.testing.assert_allclose(hidden.ab, plane((45.0, 10.0)), atol=0.01)
    assert (hidden.flow_source == 1).all()

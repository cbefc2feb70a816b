"""Colour candidates of a frame and their weights by the fixed rule."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from refinement_evidence import CARRIED, FREE, SIZE, TRACKED, evidence, flow, neighbour_flow, plane, previous

from stcolor_core.method.refinement import Evidence, ObjectLayer
from stcolor_core.method.refinement.candidates import EVIDENCE_PLANES, FACTS, collect_candidates, mix_candidates


@pytest.mark.parametrize("count", [0, 1, 2, 3])
def test_flows_come_first_then_tracked_places_then_any(count: int) -> None:
    found = collect_candidates(evidence(flows=tuple(flow(temporal_weight=1 / count) for _ in range(count))))
    assert found.ab.shape == (count + 2, *SIZE, 2)
    assert found.evidence.shape == (count + 2, len(EVIDENCE_PLANES), *SIZE)
    for colour, expected in zip(found.ab, [CARRIED] * count + [TRACKED, FREE], strict=True):
        np.testing.assert_allclose(colour, plane(expected), atol=1e-4)
    kinds = found.facts[:, :4]
    np.testing.assert_array_equal(kinds, [[1, 0, 0, 0]] * count + [[0, 0, 1, 0], [0, 0, 0, 1]])


def test_the_rules_weights_sum_to_one_whatever_is_known() -> None:
    random = np.random.default_rng(0)
    for _ in range(20):
        flows = tuple(
            flow(
                visibility=random.random(),
                residual=20 * random.random(),
                temporal_weight=random.random(),
                reacquired=reacquired,
            )
            for reacquired in [False] * int(random.integers(0, 3)) + [True] * int(random.integers(0, 3))
        )
        found = collect_candidates(evidence(similarity=random.random(), flows=flows))
        np.testing.assert_allclose(found.prior.sum(0), 1, atol=1e-5)
        assert found.prior.min() >= -1e-6
        np.testing.assert_array_equal(found.evidence[:, EVIDENCE_PLANES.index("prior")], found.prior)


def test_smaller_evidence_is_the_mean_of_the_pixels_and_all_else_is_the_same() -> None:
    random = np.random.default_rng(1)
    known = flow(visibility=random.random(SIZE), residual=9 * random.random(SIZE))  # type: ignore[arg-type]
    given = replace(evidence(similarity=0.7, flows=(known,)), neighbour_flow=neighbour_flow(visibility=0.8))
    state = previous((9.0, 9.0), confidence=0.5)
    whole, small = collect_candidates(given, state), collect_candidates(given, state, size=(SIZE[0] // 2, SIZE[1] // 2))
    halves = whole.evidence.reshape(*whole.evidence.shape[:2], SIZE[0] // 2, 2, SIZE[1] // 2, 2)
    np.testing.assert_allclose(small.evidence, halves.mean((3, 5)), atol=1e-6)
    mixed = [mix_candidates(given, each, each.prior, confidence=each.confidence) for each in (whole, small)]
    for name in ("ab", "tracked", "confidence"):
        np.testing.assert_array_equal(getattr(mixed[0], name), getattr(mixed[1], name))


def test_what_is_tracked_is_what_flow_carries_and_what_supports_the_other_candidates() -> None:
    given = replace(evidence(flows=(flow(),)), neighbour_flow=neighbour_flow(visibility=0.8))
    given = replace(given, warp=replace(given.warp, support=torch.full((24,), 0.6)))
    found = collect_candidates(given, previous((9.0, 9.0), confidence=0.5))
    weights = np.broadcast_to(np.reshape([0.1, 0.2, 0.3, 0.4], (4, 1, 1)), found.prior.shape)
    tracked = mix_candidates(given, found, weights, confidence=found.confidence).tracked
    np.testing.assert_allclose(tracked, 0.1 + 0.2 * 0.6 + 0.4 * 0.8 * 0.5, atol=1e-6)


def test_each_kind_of_candidate_carries_its_evidence() -> None:
    found = collect_candidates(evidence(similarity=0.4, flows=(flow(visibility=0.5, residual=3, temporal_weight=0.7),)))
    place = {name: index for index, name in enumerate(EVIDENCE_PLANES)}
    carried, tracked, anywhere = found.evidence[..., 0, 0]
    assert found.facts[0, FACTS.index("temporal_weight")] == pytest.approx(0.7)
    assert found.facts[0, FACTS.index("age")] == pytest.approx(1 - np.exp(-0.5))
    assert carried[place["visibility"]] == 0.5
    assert carried[place["residual"]] == pytest.approx(0.3)
    assert carried[place["difference"]] == 0
    assert carried[place["similarity"]] == pytest.approx(0.8)
    assert (tracked[place["spread"]], anywhere[place["spread"]]) == pytest.approx((0.2, 0.5))
    assert tracked[place["similarity"]] == pytest.approx(0.4)
    assert anywhere[place["similarity"]] == pytest.approx(0.9)
    assert (tracked[place["visibility"]], anywhere[place["visibility"]]) == (1, 0)


def test_reacquired_colour_is_used_only_for_lost_tracks() -> None:
    lost, held = (
        collect_candidates(evidence(flows=(flow(visibility=sight), flow(reacquired=True, color=(70.0, 0.0)))))
        .prior[:2]
        .mean((1, 2))
        for sight in (0.0, 1.0)
    )
    np.testing.assert_allclose(lost, [0, 1], atol=1e-6)
    np.testing.assert_allclose(held, [1, 0], atol=1e-6)


def test_a_colour_that_mattes_forbid_has_no_weight_whatever_the_refinement_says() -> None:
    forbidden = replace(flow(), allowed=np.zeros(SIZE, np.float32))
    facts = layered(replace(evidence(flows=(forbidden, flow(color=(60.0, 0.0)))), leading=()))
    candidates = collect_candidates(facts)
    equal = np.full((len(candidates.ab), *SIZE), 1 / len(candidates.ab), np.float32)
    refined = mix_candidates(facts, candidates, equal, confidence=np.ones(SIZE, np.float32))
    allowed = candidates.ab[1:]
    np.testing.assert_allclose(refined.ab, allowed.mean(0), rtol=1e-5)


def test_attention_mixes_the_colours_of_objects_by_their_coverage() -> None:
    candidates = collect_candidates(layered(evidence()))
    for kind in ("tracked", "anywhere"):
        (index,) = np.flatnonzero(candidates.facts[:, FACTS.index(kind)])
        np.testing.assert_allclose(candidates.ab[index][:, 0], np.broadcast_to((10.0, 20.0), (16, 2)), atol=1e-4)
        np.testing.assert_allclose(candidates.ab[index][:, -1], np.broadcast_to((-50.0, 0.0), (16, 2)), atol=1e-4)
        np.testing.assert_allclose(candidates.ab[index][:, 12], np.broadcast_to((-20.0, 10.0), (16, 2)), atol=1e-4)


def layered(facts: Evidence) -> Evidence:
    """Return evidence with two objects, the second of which covers the right half; half of column 12 is the first's."""
    right = np.zeros(SIZE, np.float32)
    right[:, 12:], right[:, 12] = 1, 0.5
    zeros = torch.zeros(2, 24)
    layers = (
        ObjectLayer(share, facts.grid_lightness, color, color, zeros, zeros)
        for share, color in (
            (1 - right, torch.tensor((10.0, 20.0))[:, None].expand(2, 24)),
            (right, torch.tensor((-50.0, 0.0))[:, None].expand(2, 24)),
        )
    )
    return replace(facts, layers=tuple(layers))


def test_the_previous_frame_is_an_additional_candidate_that_the_rule_ignores() -> None:
    given = replace(evidence(flows=(flow(visibility=0.5),)), neighbour_flow=neighbour_flow(visibility=0.8))
    found, without = collect_candidates(given, previous((9.0, 9.0), confidence=0.5)), collect_candidates(given)
    assert len(found.ab) == len(without.ab) + 1
    np.testing.assert_array_equal(found.ab[-1], plane((9.0, 9.0)))
    np.testing.assert_array_equal(found.prior[-1], 0)
    np.testing.assert_array_equal(found.prior[:-1], without.prior)
    assert found.evidence[-1, EVIDENCE_PLANES.index("visibility"), 0, 0] == pytest.approx(0.4)
    assert found.facts[-1, FACTS.index("previous")] == 1
    states = [mix_candidates(given, each, each.prior, confidence=each.confidence).state for each in (found, without)]
    np.testing.assert_array_equal(states[0].ab, states[1].ab)
    np.testing.assert_array_equal(states[0].confidence, states[1].confidence)


def test_tracked_positions_take_the_detail_within_their_cells_from_the_flow_to_them() -> None:
    striped = plane((0.0, 0.0))
    striped[:, ::2] = (20.0, -10.0)
    led = flow(color=(0.0, 0.0))
    given = replace(evidence(), leading=(replace(led, ab=striped),))
    tracked = collect_candidates(given).ab[0]
    np.testing.assert_allclose(tracked, striped - striped.mean((0, 1)) + TRACKED, atol=1e-4)
    lost = collect_candidates(
        replace(given, leading=(replace(led, ab=striped, visibility=np.zeros(SIZE, np.float32)),))
    ).ab[0]
    np.testing.assert_allclose(lost, plane(TRACKED), atol=1e-4)


def test_colour_by_attention_is_no_more_certain_than_the_references_that_it_comes_from() -> None:
    unsure = replace(flow(visibility=0.0), certainty=np.full(SIZE, 0.25, np.float32))
    given = evidence(flows=(unsure,))
    candidates = collect_candidates(given)
    by_attention = np.zeros_like(candidates.prior)
    by_attention[1] = 1
    refined = mix_candidates(given, candidates, by_attention, confidence=np.full(SIZE, 0.8, np.float32))
    np.testing.assert_allclose(refined.confidence, 0.2, rtol=1e-4)
    sure = evidence(flows=(flow(visibility=0.0),))
    refined = mix_candidates(sure, candidates, by_attention, confidence=np.full(SIZE, 0.8, np.float32))
    np.testing.assert_allclose(refined.confidence, 0.8)


@pytest.mark.parametrize("share", [0.0, 0.3, 0.7, 1.0])
def test_a_colour_is_as_certain_as_its_reference_however_it_is_mixed(share: float) -> None:
    unsure = replace(flow(visibility=0.5), certainty=np.full(SIZE, 0.25, np.float32))
    given = evidence(flows=(unsure,))
    candidates = collect_candidates(given)
    weights = np.zeros_like(candidates.prior)
    weights[0], weights[1] = share, 1 - share
    refined = mix_candidates(given, candidates, weights, confidence=np.full(SIZE, 0.8, np.float32))
    np.testing.assert_allclose(refined.confidence, 0.2, rtol=1e-4)

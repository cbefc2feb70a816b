"""Averaging of the candidates that agree."""

from __future__ import annotations

import numpy as np
import pytest

from stcolor_core.method.refinement.agreement import TOLERANCE, average_agreeing
from stcolor_core.method.refinement.candidates import EVIDENCE_PLANES, FACTS, Candidates
from stcolor_core.method.refinement.learned import WEIGHTS, LearnedRefinement, load_mixing_net

SIZE = (24, 40)


def candidates(*kinds: str, ab: np.ndarray, allowed: np.ndarray | None = None) -> Candidates:
    """Candidates of these kinds with these colours, (K, 2) or (K, H, W, 2)."""
    count = len(kinds)
    facts = np.array([[name == kind for name in FACTS] for kind in kinds], np.float32)
    colors = np.asarray(ab, np.float32).reshape(count, *(ab.shape[1:] if ab.ndim == 4 else (1, 1, 2)))
    colors = np.broadcast_to(colors, (count, *SIZE, 2)).copy()
    prior = np.full((count, *SIZE), 1 / count, np.float32)
    evidence = np.zeros((count, len(EVIDENCE_PLANES), *SIZE), np.float32)
    return Candidates(colors, prior, facts, evidence, prior[0], allowed)


def plane(color: tuple[float, float]) -> np.ndarray:
    return np.broadcast_to(np.float32(color), (*SIZE, 2)).copy()


def test_a_candidate_nearby_draws_the_colour_by_its_gaussian_weight() -> None:
    found = average_agreeing(plane((10, 0)), candidates("flow", ab=np.array([[13.0, 4.0]])))
    weight = np.exp(-25 / (2 * TOLERANCE**2))
    expected = (np.array([10, 0]) + weight * np.array([13, 4])) / (1 + weight)
    np.testing.assert_allclose(found, plane(tuple(expected)), rtol=1e-5)


def test_a_candidate_far_away_changes_nothing() -> None:
    chosen = plane((10, 0))
    far = candidates("flow", "anywhere", ab=np.array([[10 + 6 * TOLERANCE, 0], [-30.0, 20.0]]))
    np.testing.assert_allclose(average_agreeing(chosen, far), chosen, atol=1e-5)


@pytest.mark.parametrize("kind", ["tracked", "reacquired"])
def test_paths_that_repeat_the_error_of_another_do_not_count(kind: str) -> None:
    chosen = plane((10, 0))
    np.testing.assert_array_equal(average_agreeing(chosen, candidates(kind, ab=np.array([[11.0, 1.0]]))), chosen)


def test_a_candidate_that_mattes_forbid_does_not_count() -> None:
    allowed = np.ones((1, *SIZE), np.float32)
    allowed[:, :, 20:] = 0
    chosen = plane((10, 0))
    found = average_agreeing(chosen, candidates("flow", ab=np.array([[12.0, 0.0]]), allowed=allowed))
    np.testing.assert_array_equal(found[:, 20:], chosen[:, 20:])
    assert (found[:, :20, 0] > 10.5).all()


def test_independent_noise_averages_out_and_every_colour_stays_between_those_given() -> None:
    noise = np.random.default_rng(0).normal(0, 1.5, (4, *SIZE, 2)).astype(np.float32)
    truth = np.float32([20, -15])
    others = candidates("flow", "flow", "previous", ab=truth + noise[1:])
    found = average_agreeing(truth + noise[0], others)
    assert np.square(found - truth).mean() < 0.45 * np.square(noise[0]).mean()
    colors = truth + noise
    assert (found >= colors.min(0) - 1e-4).all() and (found <= colors.max(0) + 1e-4).all()


def test_the_refinement_averages_what_agrees() -> None:
    """Two paths lead to nearly the same colour: the decision lies between them, however the network weighs them."""
    given = candidates("flow", "anywhere", ab=np.array([[20.0, 10.0], [23.0, 10.0]]))
    given.evidence[:, EVIDENCE_PLANES.index("prior")] = np.reshape([0.999, 0.001], (2, 1, 1))
    given.evidence[:, EVIDENCE_PLANES.index("visibility")] = 1
    given.evidence[:, EVIDENCE_PLANES.index("similarity")] = 0.95
    decision = LearnedRefinement(load_mixing_net(WEIGHTS)).decide(np.full(SIZE, 50, np.float32), given)
    mix = np.einsum("khw,khwc->hwc", decision.weights, given.ab)
    color = decision.color(given)
    nearer = np.abs(color[..., 0] - 21.5) < np.abs(mix[..., 0] - 21.5)
    assert nearer.mean() > 0.95


def test_what_stays_neutral_takes_no_colour_from_candidates_that_agree_with_grey() -> None:
    given = candidates("flow", "anywhere", ab=np.array([[2.0, 1.0], [1.0, 2.0]]))
    decision = LearnedRefinement(load_mixing_net(WEIGHTS)).decide(np.full(SIZE, 50, np.float32), given)
    decision.fade[:] = 0
    np.testing.assert_array_equal(decision.color(given), 0)

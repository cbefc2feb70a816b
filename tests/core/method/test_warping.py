"""Warping against a brute-force implementation of eqs. 3 to 11."""

from __future__ import annotations

import runpy
from pathlib import Path

import numpy as np
import pytest
import torch

from stcolor_core.method import comparison
from stcolor_core.method.grid_references import GridReference
from stcolor_core.method.onednn import inner_products
from stcolor_core.method.tracking import dense
from stcolor_core.method.tracking.instance import InstanceRestriction
from stcolor_core.method.warping import restricted_affinity, warp

PAPER = runpy.run_path(str(Path(__file__).parents[1] / "data" / "paper_ops.py"))


def unit(features: np.ndarray) -> torch.Tensor:
    """(P, C) raw features -> (C, P) centred, of unit length, float64."""
    centred = features - features.mean(0, keepdims=True)
    return torch.from_numpy((centred / np.linalg.norm(centred, axis=1, keepdims=True)).T.copy())


def lists(mask: np.ndarray) -> torch.Tensor:
    """A (P, P) bool mask as candidate lists."""
    width = max(1, int(mask.sum(1).max()))
    rows = [[*np.flatnonzero(row), *[-1] * (width - int(row.sum()))] for row in mask]
    return torch.tensor(rows, dtype=torch.int32)


@pytest.fixture
def picture() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    random = np.random.RandomState(3)
    return (
        unit(random.standard_normal((30, 8))),
        unit(random.standard_normal((30, 8))),
        torch.from_numpy(random.uniform(-60, 60, (2, 30))),
    )


class TestGolden:
    @pytest.fixture
    def golden(self) -> dict[str, np.ndarray]:
        return dict(np.load(PAPER["VECTORS"]))

    def test_the_committed_vectors_equal_those_their_program_computes(self, golden: dict[str, np.ndarray]) -> None:
        computed = PAPER["vectors"]()
        assert computed.keys() == golden.keys()
        for name, values in computed.items():
            np.testing.assert_allclose(values, golden[name], atol=1e-9)

    def references(
        self, golden: dict[str, np.ndarray], names: tuple[int, ...], *, masked: bool = True
    ) -> list[GridReference]:
        return [
            GridReference(
                unit(golden["feats"][frame]),
                torch.from_numpy(golden[f"ab_ref{frame}"].T.copy()),
                lists(golden[f"mask_ref{frame}"]) if masked else None,
            )
            for frame in names
        ]

    def test_one_restricted_reference_agrees_with_the_recorded_values(self, golden: dict[str, np.ndarray]) -> None:
        result = warp(unit(golden["feats"][2]), self.references(golden, (0,)), temperature=0.1)
        np.testing.assert_allclose(result.ab.T.numpy(), golden["warped_single_masked"], atol=1e-9)
        np.testing.assert_allclose(result.free_ab.T.numpy(), golden["warped_single_unmasked"], atol=1e-9)
        np.testing.assert_array_equal(result.fallback.numpy(), golden["dead_single"])
        np.testing.assert_allclose(result.free_similarity.numpy(), golden["conf_unmasked"], atol=1e-12)

    def test_two_references_share_one_softmax(self, golden: dict[str, np.ndarray]) -> None:
        result = warp(unit(golden["feats"][2]), self.references(golden, (0, 4)), temperature=0.1)
        np.testing.assert_allclose(result.ab.T.numpy(), golden["warped_two_refs"], atol=1e-9)
        np.testing.assert_array_equal(result.fallback.numpy(), golden["dead_two"])

    def test_the_exact_masks_agree_with_the_recorded_values(self, golden: dict[str, np.ndarray]) -> None:
        features = [unit(frame) for frame in golden["feats"]]
        window = dense.make_windows(6, 8, 2, device=torch.device("cpu"))
        for reference, path in ((0, (2, 1, 0)), (4, (2, 3, 4))):
            steps = [
                dense.window_affinity(features[a], features[b], window, temperature=0.1)
                for a, b in zip(path, path[1:], strict=False)
            ]
            track = dense.propagate_exactly(steps, [window] * len(steps), threshold=0.2, keep_best=False)
            mask = np.zeros((48, 49), bool)
            np.put_along_axis(mask, track.candidates.numpy().astype(np.int64), True, axis=1)
            np.testing.assert_array_equal(mask[:, :48], golden[f"mask_ref{reference}"])


def test_weights_of_a_row_sum_to_one_and_an_empty_row_to_zero() -> None:
    correlation = torch.rand(4, 6)
    allowed = torch.rand(4, 6) > 0.3
    allowed[0], allowed[1] = False, True
    weights = restricted_affinity(correlation, allowed, temperature=0.05)
    np.testing.assert_allclose(weights.sum(1).numpy(), [0, 1, 1, 1], atol=1e-6)
    assert (weights[~allowed] == 0).all()


@pytest.mark.parametrize("temperature", [0.0, -1.0])
def test_a_temperature_that_is_not_positive_is_refused(temperature: float) -> None:
    with pytest.raises(ValueError, match="temperature"):
        restricted_affinity(torch.zeros(1, 1), torch.ones(1, 1, dtype=torch.bool), temperature=temperature)


def test_instances_and_candidates_are_combined_in_the_restriction(picture: tuple[torch.Tensor, ...]) -> None:
    target, reference, ab = picture
    candidates = torch.tensor([[3, 7, -1]] * 30, dtype=torch.int32)
    allowed = torch.zeros(2, 30, dtype=torch.bool)
    allowed[0, 7] = True
    label = torch.full((30,), -1, dtype=torch.int32)
    label[4], label[5] = 0, 1
    result = warp(
        target, [GridReference(reference, ab, candidates, None, InstanceRestriction(label, allowed))], temperature=0.01
    )
    np.testing.assert_allclose(
        result.ab[:, 4].numpy(), ab[:, 7].numpy()
    )  # its instance leaves one of the two candidates
    assert result.fallback.nonzero().flatten().tolist() == [5]  # its instance is nowhere on the reference
    assert set(result.position[6:].tolist()) <= {3, 7}


def test_chunks_do_not_change_the_result(picture: tuple[torch.Tensor, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    target, reference, ab = picture
    whole = warp(target, [GridReference(reference, ab), GridReference(target, ab)], temperature=0.05)
    monkeypatch.setattr(comparison, "_CPU_ELEMENTS", 60 * 7)
    parts = warp(target, [GridReference(reference, ab), GridReference(target, ab)], temperature=0.05)
    np.testing.assert_allclose(parts.ab.numpy(), whole.ab.numpy(), atol=1e-12)
    np.testing.assert_array_equal(parts.source.numpy(), whole.source.numpy())
    assert (whole.position[whole.source == 1] == torch.arange(30)[whole.source == 1]).all()


@pytest.mark.parametrize("count", [40, 64, 130, 192])
def test_the_best_match_is_the_first_maximum_on_grids_of_any_size(count: int) -> None:
    random = np.random.RandomState(count)
    target, places = unit(random.standard_normal((50, 8))), unit(random.standard_normal((count, 8)))
    places = torch.cat([places[:, : count // 2], places[:, : count - count // 2]], dim=1)  # each twice
    result = warp(target, [GridReference(places, torch.zeros(2, count, dtype=torch.float64))], temperature=0.1)
    largest, place = inner_products(target.T, places.T.contiguous()).max(dim=1)
    assert torch.equal(result.similarity, largest)
    assert torch.equal(result.position, place)


def test_the_spread_is_the_standard_deviation_of_the_mixed_colours(
    picture: tuple[torch.Tensor, torch.Tensor, torch.Tensor],
) -> None:
    target, reference, ab = picture
    near = torch.stack([torch.arange(30), (torch.arange(30) + 1) % 30], dim=1).int()
    result = warp(target, [GridReference(reference, ab, near, torch.ones(30))], temperature=0.1)
    for places, mixed, spread in (
        (near.long(), result.ab, result.spread),
        (torch.arange(30).expand(30, 30), result.free_ab, result.free_spread),
    ):
        weights = torch.softmax((target.T @ reference).gather(1, places) / 0.1, dim=1)
        distance = (ab.T[places] - mixed.T[:, None]).square().sum(2)
        torch.testing.assert_close(spread, (weights * distance).sum(1).sqrt())


def test_one_colour_has_no_spread(picture: tuple[torch.Tensor, torch.Tensor, torch.Tensor]) -> None:
    target, reference, _ = picture
    result = warp(target, [GridReference(reference, torch.full((2, 30), 20.0, dtype=torch.float64))], temperature=0.1)
    assert result.free_spread.max() < 1e-5


@pytest.mark.parametrize("kind", ["anywhere", "candidates", "instances", "both references"])
def test_positions_of_unknown_colour_are_ignored(
    picture: tuple[torch.Tensor, torch.Tensor, torch.Tensor], kind: str
) -> None:
    target, reference, ab = picture
    known = torch.arange(30) % 3 != 0
    poisoned = torch.where(known, ab, torch.full_like(ab, 1e6))
    left = known.nonzero().flatten()
    number = torch.full((30,), -1)
    number[left] = torch.arange(len(left))
    with_gaps, without = {"known": known}, {}
    if kind == "candidates":
        near = torch.stack([torch.arange(30), (torch.arange(30) + 1) % 30], dim=1)
        with_gaps["candidates"], without["candidates"] = near.int(), number[near].int()
    if kind == "instances":
        label = (torch.arange(30) % 2).int()
        allowed = torch.stack([torch.arange(30) < 15, torch.arange(30) >= 15])
        with_gaps["instances"] = InstanceRestriction(label, allowed)
        without["instances"] = InstanceRestriction(label, allowed[:, left])
    others = [GridReference(target, -ab)] if kind == "both references" else []
    found = warp(target, [GridReference(reference, poisoned, **with_gaps), *others], temperature=0.05)
    expected = warp(target, [GridReference(reference[:, left], ab[:, left], **without), *others], temperature=0.05)
    for name in ("ab", "free_ab", "spread", "similarity", "free_similarity", "source", "fallback"):
        torch.testing.assert_close(getattr(found, name), getattr(expected, name), msg=name)
    assert found.ab.abs().max() < 100


def test_shortlists_hold_no_position_of_unknown_colour() -> None:
    random = np.random.RandomState(7)
    grid = (48, 64)
    target, reference = (unit(random.standard_normal((48 * 64, 8))).float() for _ in range(2))
    known = torch.from_numpy(random.uniform(size=48 * 64) < 0.6)
    known[: 64 * 8] = False  # whole blocks too
    ab = torch.where(known, torch.full((2, 48 * 64), 7.0), torch.full((2, 48 * 64), 1e6))
    result = warp(target, [GridReference(reference, ab, known=known, grid=grid)], temperature=0.05, grid=grid)
    torch.testing.assert_close(result.free_ab, torch.full_like(result.free_ab, 7.0))
    assert known[result.position].all()

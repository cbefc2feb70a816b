"""Dense tracking against its definition: the exact form is eq. 15, and the composed form stays within it."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from stcolor_core.method.tracking import dense

CPU = torch.device("cpu")


def moving_features(frames: int, height: int = 6, width: int = 8, noise: float = 0.35) -> list[torch.Tensor]:
    """Content that slides one cell to the right a frame: (C, P) unit features."""
    random = np.random.RandomState(21)
    base = random.standard_normal((height, width, 16))
    out = []
    for t in range(frames):
        frame = (np.roll(base, t, axis=1) + noise * random.standard_normal(base.shape)).reshape(-1, 16)
        frame = frame - frame.mean(0)
        out.append(torch.from_numpy((frame / np.linalg.norm(frame, axis=1, keepdims=True)).T.copy()).float())
    return out


def brute_force(features: list[torch.Tensor], height: int, width: int, radius: int, temperature: float) -> np.ndarray:
    """Eqs. 14 to 17 with P x P matrices, as printed."""
    y, x = np.mgrid[:height, :width].reshape(2, -1)
    near = (abs(y[:, None] - y) <= radius) & (abs(x[:, None] - x) <= radius)
    mask = np.eye(height * width, dtype=bool)
    for here, there in zip(features, features[1:], strict=False):
        affinity = np.exp((here.T @ there).double().numpy() / temperature) * near
        affinity /= affinity.sum(1, keepdims=True)
        mask = (mask.astype(float) @ affinity) > 0.2
    return mask


def as_mask(track: dense.DenseTrack, count: int) -> np.ndarray:
    mask = np.zeros((count, count + 1), bool)
    np.put_along_axis(mask, track.candidates.numpy().astype(np.int64), True, axis=1)
    return mask[:, :count]


def walk(features: list[torch.Tensor], radius: int, temperature: float) -> dense.DenseTrack:
    """The composed form from the last frame, which is the reference, outwards to the first."""
    window = dense.make_windows(6, 8, radius, device=CPU)
    track = dense.DenseTrack.identity(48, device=CPU)
    for here, there in reversed(list(zip(features, features[1:], strict=False))):
        affinity = dense.window_affinity(here, there, window, temperature=temperature)
        track = dense.compose(*dense.select_neighbours(affinity, window, threshold=0.2), track)
    return track


@pytest.mark.parametrize("count", [2, 3, 5])
@pytest.mark.parametrize("temperature", [0.05, 0.1])
def test_the_exact_form_is_equation_15(count: int, temperature: float) -> None:
    features = moving_features(count)
    window = dense.make_windows(6, 8, 2, device=CPU)
    steps = [
        dense.window_affinity(a, b, window, temperature=temperature)
        for a, b in zip(features, features[1:], strict=False)
    ]
    track = dense.propagate_exactly(steps, [window] * len(steps), threshold=0.2, keep_best=False)
    np.testing.assert_array_equal(as_mask(track, 48), brute_force(features, 6, 8, 2, temperature))


def test_the_composed_form_is_a_nearly_complete_subset() -> None:
    features = moving_features(5)
    composed, printed = as_mask(walk(features, 2, 0.1), 48), brute_force(features, 6, 8, 2, 0.1)
    tracked = printed.any(axis=1)
    assert not (composed & ~printed)[tracked].any()
    assert (printed & ~composed).sum() <= 0.05 * printed.sum()


def test_candidates_follow_the_motion() -> None:
    track = walk(moving_features(4, noise=0.0), 2, 0.02)
    places = np.arange(48).reshape(6, 8)
    np.testing.assert_array_equal(track.candidates[:, 0].numpy().reshape(6, 8)[:, :5], places[:, 3:])
    inner = track.support.reshape(6, 8)[:, :5]
    assert (inner == 1).all()


def test_if_no_candidate_passes_the_best_neighbour_is_kept_and_support_falls() -> None:
    flat = torch.ones(4, 48) / 2
    window = dense.make_windows(6, 8, 2, device=CPU)
    affinity = dense.window_affinity(flat, flat, window, temperature=0.1)
    track = dense.compose(
        *dense.select_neighbours(affinity, window, threshold=0.2), dense.DenseTrack.identity(48, device=CPU)
    )
    assert (track.candidates[:, 0] >= 0).all()
    assert track.fallback == 1.0
    np.testing.assert_allclose(track.support.reshape(6, 8)[3, 4], (1 / 25) / 0.2, rtol=1e-5)


def test_windows_follow_the_flow_and_stay_on_the_grid() -> None:
    moved = torch.tensor([[2.0, -1.0]]).expand(48, 2)
    window = dense.make_windows(6, 8, 1, displacement=moved, device=CPU)
    at = window.positions[3 * 8 + 4]
    assert sorted(at.tolist()) == sorted(y * 8 + x for y in (1, 2, 3) for x in (5, 6, 7))
    corner = window.positions[7]  # leads out of the picture: held at its border
    assert set(corner.tolist()) == {-1, 6, 7, 14, 15}


def test_a_window_narrows_as_confidence_in_its_position_rises() -> None:
    reach = torch.full((35,), 0.5)
    reach[17], reach[18] = 2.0, 0.9
    window = dense.make_windows(5, 7, 2, radii=reach, device=CPU).positions
    assert (window >= 0).sum(1)[[16, 17, 18]].tolist() == [1, 25, 9]
    assert window[16][window[16] >= 0].tolist() == [16]


def test_candidate_lists_are_bounded_best_first_and_hold_each_position_once() -> None:
    window = dense.make_windows(6, 8, 2, device=CPU)
    track = dense.DenseTrack.identity(48, device=CPU)
    features = moving_features(12, noise=1.5)
    for here, there in zip(features, features[1:], strict=False):
        affinity = dense.window_affinity(here, there, window, temperature=0.3)
        track = dense.compose(*dense.select_neighbours(affinity, window, threshold=0.05), track, limit=5)
        assert track.candidates.shape[1] <= 5
    for row, score in zip(track.candidates.tolist(), track.score, strict=True):
        real = [place for place in row if place >= 0]
        assert len(real) == len(set(real)) >= 1
        assert (score[:-1] >= score[1:]).all()


def test_propagation_in_chunks_of_positions_equals_propagation_of_all(monkeypatch: pytest.MonkeyPatch) -> None:
    features = moving_features(5)
    track = dense.DenseTrack.identity(48, device=CPU)
    monkeypatch.setattr(dense, "_TARGETS", 7)
    for here, there in reversed(list(zip(features, features[1:], strict=False))):
        track = dense.advance_track(here, there, track, grid=(6, 8), radius=2, temperature=0.1, threshold=0.2)
    whole = walk(features, 2, 0.1)
    assert torch.equal(track.candidates, whole.candidates)
    torch.testing.assert_close(track.score, whole.score)
    torch.testing.assert_close(track.support, whole.support)
    assert track.fallback == pytest.approx(whole.fallback)

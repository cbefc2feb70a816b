"""The choice of keyframes by what each would colour."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from numpy.typing import NDArray

from stcolor_core.shots.key_choice import (
    allot_keys,
    best_key_sets,
    frame_worth,
    share_colored,
    shares_by_key,
    suggest_by_coverage,
)


def random_share(candidates: list[int], frames: int, *, seed: int = 0) -> NDArray[np.float32]:
    share = np.random.default_rng(seed).random((len(candidates), frames, 2, 3)).astype(np.float32)
    for number, index in enumerate(candidates):
        share[number, index] = 1
    return share


def seen_between(first: int, last: int, *, frames: int, candidates: list[int]) -> NDArray[np.float32]:
    """A second surface beside one that is always seen: only candidates from `first` to `last` show it, as do frames."""
    share = np.ones((len(candidates), frames, 1, 2), np.float32)
    for number, index in enumerate(candidates):
        if not first <= index <= last:
            share[number, first : last + 1, 0, 1] = 0
    return share


def worth(share: NDArray[np.float32]) -> float:
    return float(frame_worth(share.reshape(len(share), -1).mean(axis=1)).sum())


@pytest.mark.parametrize("size", [1, 2, 3, 4])
def test_the_best_set_is_the_best_of_all_sets(size: int) -> None:
    candidates = [0, 2, 3, 6, 8]
    share = random_share(candidates, 9, seed=size)
    (best,) = [each for each in best_key_sets(share, candidates, size) if len(each.keys) == size]
    colored = {keys: share_colored(share, candidates, keys) for keys in combinations(range(len(candidates)), size)}
    assert best.keys == max(colored, key=lambda keys: worth(colored[keys]))
    assert best.share == pytest.approx(colored[best.keys].mean())


def test_to_halve_what_is_wrong_is_worth_the_same_in_good_frames_and_in_bad_ones() -> None:
    """Of two frames to paint, one makes eight good frames better, the other a bad one by more in sum."""
    share = np.full((2, 10, 1, 1), 0.9, np.float32)
    share[:, 9] = 0.2
    share[0, :8], share[1, 9] = 0.97, 0.95
    assert share[1].mean() > share[0].mean()
    assert best_key_sets(share, [4, 5], 1)[0].keys == (0,)


def test_keyframes_that_are_there_belong_to_every_set() -> None:
    candidates = [0, 2, 3, 6, 8]
    share = random_share(candidates, 9)
    sets = best_key_sets(share, candidates, 4, fixed=[1, 3])
    assert [len(each.keys) for each in sets] == [2, 3, 4]
    assert all({1, 3} <= set(each.keys) for each in sets)
    others = [keys for keys in combinations(range(5), 3) if {1, 3} <= set(keys)]
    assert sets[1].keys == max(others, key=lambda keys: worth(share_colored(share, candidates, keys)))


def test_a_single_frame_is_its_own_keyframe() -> None:
    (only,) = best_key_sets(np.ones((1, 1, 2, 2), np.float32), [0], 5)
    assert only.keys == (0,) and only.share == pytest.approx(1)


def test_a_surface_that_is_seen_for_a_while_is_shown_by_a_keyframe() -> None:
    candidates = list(range(20))
    best = best_key_sets(seen_between(13, 16, frames=20, candidates=candidates), candidates, 1)[0]
    assert 13 <= best.keys[0] <= 16 and best.share == pytest.approx(1)


def test_a_frame_is_coloured_from_its_neighbouring_keyframes_alone() -> None:
    share = np.zeros((3, 5, 1, 1), np.float32)
    share[0, :, 0, 0] = 0.9  # the first would colour the last frame too, but the others stand between
    colored = share_colored(share, [0, 2, 3], [0, 1, 2])
    assert colored[1, 0, 0] == pytest.approx(0.9) and colored[4, 0, 0] == 0


def test_the_shares_of_the_keyframes_are_those_of_the_set() -> None:
    candidates = [0, 2, 3, 6, 8]
    share = random_share(candidates, 9)
    assert sum(shares_by_key(share, candidates, [0, 2, 4])) == pytest.approx(
        float(share_colored(share, candidates, [0, 2, 4]).mean())
    )


def test_the_scene_that_gains_most_gets_the_next_keyframe() -> None:
    shares = [[0.9, 0.95], [0.5, 0.9]]
    assert allot_keys(shares, [10, 10], existing=[0, 0], count=1) == [1, 0]
    assert allot_keys(shares, [10, 10], existing=[0, 0], count=3) == [1, 2]
    assert allot_keys(shares, [100, 10], existing=[0, 0], count=3) == [2, 1]


def test_every_scene_is_coloured_before_a_share_of_all_is_right() -> None:
    assert allot_keys([[0.99], [0.98, 0.99]], [50, 50], existing=[0, 0], share=0.95) == [1, 1]
    assert allot_keys([[0.99], [0.5, 0.99]], [50, 50], existing=[0, 0], share=0.95) == [1, 2]


def test_more_keyframes_than_there_are_places_for_are_not_planned() -> None:
    assert allot_keys([[0.5, 0.6], [0.9]], [5, 5], existing=[0, 0], count=100) == [2, 1]


def test_a_keyframe_that_only_pays_with_another_one_is_found() -> None:
    assert allot_keys([[0.5, 0.5, 0.9], [0.5, 0.51, 0.52]], [10, 10], existing=[1, 1], count=2) == [3, 1]


def test_the_next_keyframe_shows_what_is_unsure() -> None:
    candidates = list(range(30))
    share = seen_between(20, 23, frames=30, candidates=candidates)
    confidence = np.ones((30, 1, 2), np.float32)
    confidence[20:24, 0, 1] = 0.1
    ((number, gain), *_) = suggest_by_coverage(share, candidates, confidence, [4])
    assert 20 <= number <= 23
    assert gain == pytest.approx(4 * 0.9 / 60, rel=0.1)


def test_a_barred_frame_is_not_named() -> None:
    candidates = list(range(30))
    share = seen_between(20, 23, frames=30, candidates=candidates)
    confidence = np.ones((30, 1, 2), np.float32)
    confidence[20:24, 0, 1] = 0.1
    found = suggest_by_coverage(share, candidates, confidence, [4], barred={20, 21, 23}, limit=1)
    assert [number for number, _ in found] == [22]


def test_what_stays_hard_everywhere_gains_nothing() -> None:
    """Foam is unsure however near a keyframe is: that a keyframe should colour it is no reason for one."""
    candidates = list(range(0, 30, 3))
    share = np.full((len(candidates), 30, 1, 2), 0.97, np.float32)
    confidence = np.tile(np.array([0.97, 0.3], np.float32), (30, 1, 1))
    confidence[0] = 1
    assert all(gain < 0.04 for _, gain in suggest_by_coverage(share, candidates, confidence, [0], least_gain=0))


def test_the_gains_are_never_more_than_what_is_missing() -> None:
    random = np.random.default_rng(1)
    for seed in range(20):
        candidates = [0, 2, 3, 6, 8]
        confidence = random.random((9, 2, 3)).astype(np.float32)
        confidence[0] = 1
        found = suggest_by_coverage(random_share(candidates, 9, seed=seed), candidates, confidence, [0])
        assert 0 not in [number for number, _ in found]
        assert sum(gain for _, gain in found) <= 1 - confidence.mean() + 1e-6


def test_nothing_is_suggested_where_all_is_sure() -> None:
    candidates = [0, 2, 3, 6, 8]
    assert suggest_by_coverage(random_share(candidates, 9), candidates, np.ones((9, 2, 3), np.float32), [0]) == []

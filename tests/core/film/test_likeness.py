"""Scenes of one set form a group, whichever order they come in."""

from __future__ import annotations

import numpy as np
import pytest
from landscapes import describe, scene

from stcolor_core.film.likeness import (
    SceneLook,
    describe_looks,
    frame_likeness,
    group_scenes,
    likeness_table,
    sample_frames,
)


def look(frames: list[np.ndarray]) -> SceneLook:
    numbers = sample_frames(range(len(frames)))
    return SceneLook(numbers, tuple(describe_looks([frames[number] for number in numbers], describe)))


def test_samples_are_the_middle_and_near_the_ends_and_never_twice_the_same() -> None:
    assert sample_frames(range(10, 19)) == (11, 14, 17)
    assert sample_frames(range(1, 102)) == (11, 51, 91)
    assert sample_frames((5,)) == (5,)
    assert sample_frames((5, 7)) == (5, 7)


def test_scenes_of_one_set_are_grouped() -> None:
    sets = [scene(seed, 24) for seed in (1, 2, 4)]
    pieces = [sets[i][start : start + 8] for start in (0, 8, 16) for i in (0, 1, 2)]
    table = likeness_table([look(piece) for piece in pieces])
    assert np.allclose(table, table.T)
    assert group_scenes(table) == [0, 1, 2] * 3


def test_a_frame_is_fully_like_itself() -> None:
    (features,) = describe_looks([scene(1, 1)[0]], describe)
    assert frame_likeness(features, features) == pytest.approx(1, abs=1e-5)


def test_features_do_not_depend_on_which_frames_are_described_together() -> None:
    frames = [scene(seed, 1)[0] for seed in (1, 2, 3)]
    together = describe_looks(frames, describe)
    assert len(together) == 3
    for frame, features in zip(frames, together, strict=True):
        assert np.allclose(features, describe_looks([frame], describe)[0], atol=1e-4)


def test_the_same_things_elsewhere_are_less_alike_than_a_picture_that_has_moved() -> None:
    rng = np.random.default_rng(1)
    cells = rng.normal(size=(128, 9, 16))
    cells /= np.linalg.norm(cells, axis=0)
    flat = np.float32(cells.reshape(128, -1))
    moved = np.float32(np.roll(cells, (1, 3), axis=(1, 2)).reshape(128, -1))
    shuffled = flat[:, rng.permutation(flat.shape[1])]
    assert frame_likeness(flat, moved) > frame_likeness(flat, shuffled) + 0.2
    assert frame_likeness(flat, moved) == pytest.approx(frame_likeness(moved, flat), abs=1e-5)


def test_the_likeness_of_two_scenes_is_that_of_their_most_similar_frames() -> None:
    one, other = (describe_looks([scene(seed, 1)[0]], describe)[0] for seed in (1, 2))
    looks = [SceneLook((1, 2, 3), (one, other, other)), SceneLook((4, 5, 6), (other, other, one))]
    assert likeness_table(looks)[0, 1] == pytest.approx(1, abs=1e-4)


def test_in_a_film_of_more_scenes_than_are_all_compared_each_still_meets_those_of_its_set() -> None:
    rng = np.random.default_rng(1)
    sets = [rng.normal(size=(64, 144)) * rng.uniform(0.2, 2, (64, 1)) for _ in range(103)]
    frames = [each + 0.05 * rng.normal(size=each.shape) for _ in range(2) for each in sets]
    looks = [SceneLook((1,), (np.float32(each / np.linalg.norm(each, axis=0)),)) for each in frames]
    table = likeness_table(looks)
    assert np.allclose(table, table.T)
    for index in range(len(sets)):
        both = likeness_table([looks[index], looks[index + len(sets)]])
        assert both[0, 1] > 0.9
        assert table[index, index + len(sets)] == pytest.approx(both[0, 1])


def test_scenes_of_a_moving_camera_form_one_group() -> None:
    table = np.array([[1, 0.7, 0.1], [0.7, 1, 0.65], [0.1, 0.65, 1]], np.float32)
    assert group_scenes(table, alike=0.6) == [0, 0, 0]


def test_one_alike_pair_does_not_join_two_groups() -> None:
    table = np.full((4, 4), 0.1, np.float32)
    table[0, 1] = table[1, 0] = table[2, 3] = table[3, 2] = 0.9
    table[1, 2] = table[2, 1] = 0.7
    assert group_scenes(table, alike=0.6) == [0, 0, 1, 1]
    assert group_scenes(table, alike=0.3) == [0, 0, 0, 0]


def test_groups_are_numbered_in_the_order_of_the_film() -> None:
    table = np.eye(5, dtype=np.float32)
    table[1, 4] = table[4, 1] = 0.9
    table[0, 3] = table[3, 0] = 0.8
    assert group_scenes(table, alike=0.6) == [0, 1, 2, 0, 1]

"""Scenes of one set form a group, whichever order they come in."""

from __future__ import annotations

import numpy as np
import pytest
from landscapes import describe, scene

from stcolor_core.film.likeness import (
    SceneLook,
    describe_look,
    frame_likeness,
    group_scenes,
    likeness_table,
    sample_frames,
)


def look(frames: list[np.ndarray]) -> SceneLook:
    numbers = sample_frames(range(len(frames)))
    return SceneLook(numbers, tuple(describe_look(frames[number], describe) for number in numbers))


def test_samples_are_the_middles_of_thirds_and_never_twice_the_same() -> None:
    assert sample_frames(range(10, 19)) == (11, 14, 17)
    assert sample_frames((5,)) == (5,)
    assert sample_frames((5, 7)) == (5, 7)


def test_scenes_of_one_set_are_grouped() -> None:
    sets = [scene(seed, 24) for seed in (1, 2, 4)]
    pieces = [sets[i][start : start + 8] for start in (0, 8, 16) for i in (0, 1, 2)]
    table = likeness_table([look(piece) for piece in pieces])
    assert np.allclose(table, table.T)
    assert group_scenes(table) == [0, 1, 2] * 3


def test_a_frame_is_fully_like_itself() -> None:
    features = describe_look(scene(1, 1)[0], describe)
    assert frame_likeness(features, features) == pytest.approx(1, abs=1e-5)


def test_average_linkage_does_not_chain_unlike_scenes() -> None:
    table = np.array([[1, 0.7, 0.1], [0.7, 1, 0.65], [0.1, 0.65, 1]], np.float32)
    assert group_scenes(table, alike=0.6) == [0, 0, 1]
    assert group_scenes(table, alike=0.3) == [0, 0, 0]

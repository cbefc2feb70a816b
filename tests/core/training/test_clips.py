"""Footage as the training reads it."""

from __future__ import annotations

import numpy as np
import pytest

from stcolor_core.evaluation.clip import Clip
from stcolor_core.evaluation.film import FilmWear, apply_wear
from stcolor_core.training.clips import add_intruder, age_clip, move_camera

SIZE = (60, 84)


@pytest.fixture
def pictures() -> list[np.ndarray]:
    random = np.random.default_rng(0)
    ground = random.uniform(0.2, 0.8, (*SIZE, 3)).astype(np.float32)
    return [np.roll(ground, index, axis=1) for index in range(8)]


def test_an_intruder_stays_out_of_forbidden_areas_and_moves_elsewhere(pictures: list[np.ndarray]) -> None:
    other = np.zeros((*SIZE, 3), np.float32)
    found = add_intruder(pictures, other, absent={0, 7}, generator=np.random.default_rng(1))
    changed = [np.abs(a - b).max(axis=-1) > 0.05 for a, b in zip(found, pictures, strict=True)]
    assert [bool(each.any()) for each in changed] == [False, *[True] * 6, False]
    assert all(0.01 < each.mean() < 0.4 for each in changed[1:7])
    centres = [np.argwhere(each).mean(axis=0) for each in changed[1:7]]
    assert np.linalg.norm(centres[-1] - centres[0]) > 2
    np.testing.assert_array_equal(pictures[3], np.roll(pictures[0], 3, axis=1)), "the given pictures are not changed"


def test_an_old_print_has_different_lightness_and_the_same_colour(pictures: list[np.ndarray]) -> None:
    clip = Clip.from_rgb(pictures)
    old = age_clip(clip, np.random.default_rng(3))
    assert isinstance(old, Clip)
    for lightness, before in zip(old.lightnesses, clip.lightnesses, strict=True):
        assert lightness.min() >= 0 and lightness.max() <= 100
        assert 0.5 < np.abs(lightness - before).mean() < 40
    assert abs(np.mean(old.ab) - np.mean(clip.ab)) < 0.5


def test_the_same_seed_ages_a_clip_in_the_same_way(pictures: list[np.ndarray]) -> None:
    first, second = (age_clip(Clip.from_rgb(pictures), np.random.default_rng(4)) for _ in range(2))
    np.testing.assert_array_equal(np.stack(first.lightnesses), np.stack(second.lightnesses))


def test_a_lossy_transfer_loses_more_the_lower_its_quality(pictures: list[np.ndarray]) -> None:
    def transferred(quality: int | None) -> np.ndarray:
        wear = FilmWear(grain=0, flicker=0, weave=0, scratches=0, spots=0, quality=quality)
        return np.stack(apply_wear(Clip.from_rgb(pictures), wear, np.random.default_rng(5)).lightnesses)

    whole = transferred(None)
    np.testing.assert_allclose(whole, np.stack(Clip.from_rgb(pictures).lightnesses), atol=1e-3)
    lost = [np.abs(transferred(quality) - whole).mean() for quality in (95, 60, 20)]
    assert 0.05 < lost[0] < lost[1] < lost[2] < 15


@pytest.mark.parametrize("seed", range(6))
def test_a_moving_camera_shows_other_parts_of_the_same_picture(seed: int) -> None:
    picture = np.random.default_rng(0).uniform(0, 1, (48, 64, 3)).astype(np.float32)
    one, again = (move_camera([picture] * 6, np.random.default_rng(seed)) for _ in range(2))
    assert all(np.array_equal(*pair) for pair in zip(one, again, strict=True))
    assert all(frame.shape == picture.shape and frame.min() >= 0 and frame.max() <= 1 for frame in one)
    assert all(np.abs(a - b).mean() > 0.005 for a, b in zip(one, one[1:], strict=False))

"""How much colour a frame can hold."""

from __future__ import annotations

import numpy as np
import pytest

from stcolor_core.arrays import Plane
from stcolor_core.images.color import lightness, srgb_decode
from stcolor_core.images.color_room import any_can_hold_color, can_hold_color, color_room

CODES = np.linspace(0, 1, 4096, dtype=np.float32).reshape(64, 64)  # of a picture of every grey


def shown(codes: Plane) -> Plane:
    return np.asarray(lightness(srgb_decode(codes)), np.float32)


ROOM = color_room(shown(CODES))


@pytest.mark.parametrize(
    "codes",
    [
        pytest.param(0 * CODES, id="black"),
        pytest.param(0 * CODES + 1, id="white"),
        pytest.param(0.05 * CODES, id="almost black"),
        pytest.param(0.9 + 0.1 * CODES, id="almost white"),
        pytest.param(np.where(np.arange(64)[:, None] < 20, 0, 1) + 0 * CODES, id="white between black bars"),
    ],
)
def test_the_end_of_a_fade_can_hold_no_colour(codes: Plane) -> None:
    assert not can_hold_color(color_room(shown(codes)))


@pytest.mark.parametrize(
    "codes",
    [
        pytest.param(CODES, id="all greys"),
        pytest.param(0.3 * CODES, id="night"),
        pytest.param(0 * CODES + 0.5, id="one grey wall"),
        pytest.param(0.4 + 0.2 * CODES, id="haze"),
    ],
)
def test_a_dark_a_hazy_and_a_flat_picture_can(codes: Plane) -> None:
    assert can_hold_color(color_room(shown(codes)))


@pytest.mark.parametrize("share", [0.85, 0.9, 0.95])
def test_a_frame_far_into_a_fade_can_hold_little_beside_the_others_of_its_scene(share: float) -> None:
    assert not can_hold_color(color_room(shown(share + (1 - share) * CODES)), ROOM)
    assert not can_hold_color(color_room(shown(0.15 * (1 - share) * CODES)), ROOM)
    assert can_hold_color(color_room(shown(0.4 + 0.6 * CODES)), ROOM)


def test_what_is_no_number_counts_as_black() -> None:
    assert color_room(np.full((4, 4), np.nan, np.float32)) == 0


@pytest.mark.parametrize("length", [1, 2, 5, 64, 300])
def test_a_scene_can_hold_colour_if_a_part_of_it_can(length: int) -> None:
    frames = range(1001, 1001 + length)
    shows = set(frames[length // 3 : length // 3 + max(1, length // 20)])
    black, grey = shown(0 * CODES), shown(CODES)
    assert any_can_hold_color(frames, lambda frame: grey if frame in shows else black)
    assert not any_can_hold_color(frames, lambda _: black)

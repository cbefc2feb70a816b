"""The plan of the first keyframes, from the grey plate alone."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from stcolor_core.arrays import Plane
from stcolor_core.errors import Cancelled
from stcolor_core.method.key_coverage import GRID, estimate_coverage
from stcolor_core.method.key_plan import choose_keys, find_options


def texture(height: int, width: int, seed: int) -> Plane:
    noise = np.random.default_rng(seed).random((height, width)).astype(np.float32)
    smooth = cv2.GaussianBlur(noise, (0, 0), 3)
    return np.asarray(10 + 80 * (smooth - smooth.min()) / np.ptp(smooth), np.float32)


WALL, THING = texture(108, 600, 0), texture(108, 96, 1)


def pan(frame: int) -> Plane:
    """A camera that moves by 12 px a frame over a wall."""
    return WALL[:, 12 * frame : 12 * frame + 192]


def arrival(frame: int) -> Plane:
    """A wall, half of which a thing hides from frame 12 on."""
    picture = WALL[:, :192].copy()
    if frame >= 12:
        picture[:, :96] = THING
    return picture


def test_what_has_left_the_picture_is_not_covered() -> None:
    coverage = estimate_coverage(range(9), pan)
    first = coverage.share[coverage.candidates.index(0)]
    left, right = first[8][:, : GRID[1] // 2], first[8][:, GRID[1] // 2 :]  # the right half was out of sight
    assert first[1].mean() > first[8].mean()
    assert 1 - right.mean() > 2 * (1 - left.mean())


def test_a_pan_gets_its_keyframe_in_the_middle() -> None:
    (scene,) = choose_keys([find_options(range(17), lambda frame: WALL[:, 4 * frame : 4 * frame + 192])], count=1)
    assert 6 <= scene.keys[0].frame <= 10


def test_a_thing_that_arrives_gets_a_keyframe_of_its_own() -> None:
    (scene,) = choose_keys([find_options(range(24), arrival)], count=2)
    first, second = sorted(key.frame for key in scene.keys)
    assert first < 12 <= second


def test_a_still_camera_on_still_things_needs_one_keyframe() -> None:
    (scene,) = choose_keys([find_options(range(100, 112), lambda _: WALL[:, :192])], share=0.95)
    assert len(scene.keys) == 1 and scene.share > 0.95
    assert 100 <= scene.keys[0].frame <= 111


def test_keyframes_that_exist_are_kept_and_not_counted() -> None:
    options = find_options(range(24), arrival, existing=[3, 999])
    (scene,) = choose_keys([options], count=1)
    assert [key.frame for key in scene.keys if key.exists] == [3]
    (new,) = [key.frame for key in scene.keys if not key.exists]
    assert new >= 12


def test_a_scene_may_be_a_single_frame() -> None:
    (scene,) = choose_keys([find_options([7], pan)])
    assert [key.frame for key in scene.keys] == [7] and scene.share == pytest.approx(1)


def test_a_long_scene_is_looked_at_in_steps() -> None:
    read: list[int] = []
    coverage = estimate_coverage(range(1000), lambda _: WALL[:, :192], most_candidates=3, on_read=read.append)
    assert len(read) <= 64 and read[0] == 0 and read[-1] == 999
    assert coverage.frames == tuple(read) and len(coverage.candidates) == 3


@pytest.mark.parametrize("size", [(8, 6), (2, 300), (1, 1)])
def test_pictures_of_any_size_can_be_planned(size: tuple[int, int]) -> None:
    options = find_options(range(3), lambda frame: np.full(size, 10.0 * frame, np.float32))
    assert 1 <= len(options.sets) <= 3


def test_values_that_are_no_numbers_do_no_harm() -> None:
    picture = WALL[:, :192].copy()
    picture[:4] = np.nan
    assert np.isfinite(estimate_coverage(range(3), lambda _: picture).share).all()


@pytest.mark.parametrize("after", [0, 3, 6])
def test_planning_can_be_cancelled(after: int) -> None:
    asked = 0

    def cancelled() -> bool:
        nonlocal asked
        asked += 1
        return asked > after

    with pytest.raises(Cancelled):
        find_options(range(4), pan, cancelled=cancelled)


def fade(frame: int) -> Plane:
    """A wall behind which the light goes out, up to frame 12; then it is black."""
    return np.asarray(WALL[:, :192] * max(0.0, 1 - frame / 12), np.float32)


def test_no_keyframe_is_planned_on_a_frame_that_can_hold_no_colour() -> None:
    options = find_options(range(24), fade)
    assert {key.frame for keys in options.sets for key in keys} <= set(range(10))
    white = find_options(range(24), lambda frame: 100 - fade(frame) * 0.01 if frame < 20 else WALL[:, :192])
    assert {key.frame for keys in white.sets for key in keys} <= set(range(20, 24))


def test_a_black_scene_gets_no_keyframe_and_lacks_none() -> None:
    scenes = [find_options(range(5), lambda _: 0 * WALL[:, :192]), find_options(range(5, 24), arrival)]
    black, other = choose_keys(scenes, share=0.95)
    assert black.keys == () and black.share == 1
    assert other.keys == choose_keys(scenes[1:], share=0.95)[0].keys


def test_a_keyframe_on_a_black_frame_stays_one() -> None:
    options = find_options(range(24), fade, existing=[20])
    assert all(any(key.frame == 20 and key.exists for key in keys) for keys in options.sets)


@pytest.mark.parametrize("thickest", [0.8, 0.92])
@pytest.mark.parametrize("clears", [False, True])
def test_fog_over_a_scene_asks_for_no_more_keyframes(thickest: float, clears: bool) -> None:
    """A veil thins all colours out: what is wrong below it is nearly right."""

    def fogged(frame: int) -> Plane:
        veil = thickest * (16 - frame if clears else frame) / 16
        picture = WALL[:, 7 * frame : 7 * frame + 192]
        return np.asarray((1 - veil) * picture + veil * 85, np.float32)

    (scene,) = choose_keys([find_options(range(17), fogged)])
    assert len(scene.keys) == 1 and scene.share > 0.975
    assert abs(scene.keys[0].frame - (16 if clears else 0)) <= 8, "in the clearer half"


def test_a_black_scene_gets_no_keyframe_though_one_is_painted_there() -> None:
    options = find_options(range(9), lambda _: np.zeros((108, 192), np.float32), existing=[4])
    assert options.sets == ()
    (scene,) = choose_keys([options], share=1)
    assert not scene.keys and scene.share == 1


def test_light_that_goes_out_for_a_moment_changes_nothing_behind_it() -> None:
    def blink(frame: int) -> Plane:
        light = {7: 0.4, 8: 0.0, 9: 0.0, 10: 0.5}.get(frame, 1.0)
        return np.asarray(light * WALL[:, 2 * frame : 2 * frame + 192], np.float32)

    coverage = estimate_coverage(range(18), blink)
    assert coverage.share[0][17].mean() > 0.5
    assert not {8, 9}.intersection(coverage.frames[index] for index in coverage.candidates)

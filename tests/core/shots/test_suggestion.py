"""The suggestion of the next keyframe, from the confidence along a shot."""

from __future__ import annotations

import numpy as np
import pytest

from stcolor_core.shots.suggestion import suggest_keyframes


def along(frames: range, points: dict[int, float]) -> dict[int, float]:
    """Straight lines between points."""
    return {frame: float(np.interp(frame, list(points), list(points.values()))) for frame in frames}


def frames(confidence: dict[int, float], keyframes: list[int], *, limit: int = 3) -> list[int]:
    return [found.frame for found in suggest_keyframes(confidence, keyframes, limit=limit)]


def test_a_shot_with_one_keyframe_at_its_start_gets_the_next_at_two_thirds() -> None:
    confidence = along(range(1, 91), {1: 1, 90: 0.5})
    (found,) = suggest_keyframes(confidence, [1], limit=1)
    assert 52 <= found.frame <= 68
    assert 0.1 < found.gain < 0.2


def test_a_shot_with_one_keyframe_at_its_end_gets_the_mirrored_suggestion() -> None:
    forward, backward = along(range(1, 91), {1: 1, 90: 0.5}), along(range(1, 91), {1: 0.5, 90: 1})
    (first,), (last,) = frames(forward, [1], limit=1), frames(backward, [90], limit=1)
    assert abs(first - (91 - last)) <= 1


def test_the_suggestion_between_two_keyframes_is_the_middle() -> None:
    confidence = along(range(1, 42), {1: 1, 21: 0.7, 41: 1})
    assert abs(frames(confidence, [1, 41], limit=1)[0] - 21) <= 2


def test_a_new_object_gets_its_keyframe_on_a_frame_that_shows_it() -> None:
    confidence = along(range(1, 101), {1: 1, 100: 0.9})
    confidence |= {frame: confidence[frame] - 0.3 for frame in range(30, 41)}
    assert 30 <= frames(confidence, [1], limit=1)[0] <= 44


def test_each_suggestion_assumes_that_the_earlier_ones_are_keyframes() -> None:
    found = suggest_keyframes(along(range(1, 121), {1: 1, 120: 0.4}), [1])
    gains = [each.gain for each in found]
    assert len(found) == 3 and gains == sorted(gains, reverse=True)
    places = sorted([1, *(each.frame for each in found)])
    assert min(np.diff(places)) >= 15


def test_without_any_keyframe_a_frame_near_the_middle_of_the_shot_is_suggested() -> None:
    confidence = dict.fromkeys(range(1, 31), 0.2)
    assert 8 <= frames(confidence, [], limit=1)[0] <= 23


@pytest.mark.parametrize(
    ("confidence", "keyframes"),
    [
        pytest.param({}, [], id="nothing is known"),
        pytest.param(dict.fromkeys(range(1, 31), 1.0), [1], id="all is right"),
        pytest.param(along(range(1, 31), {1: 1, 30: 0.995}), [1], id="hardly anything is wrong"),
        pytest.param({1: 1.0, 2: 0.2}, [1, 2], id="every frame is a key"),
    ],
)
def test_no_keyframe_is_suggested_if_none_would_help(confidence: dict[int, float], keyframes: list[int]) -> None:
    assert suggest_keyframes(confidence, keyframes) == []


def test_a_frame_next_to_a_keyframe_is_not_suggested() -> None:
    confidence = along(range(1, 21), {1: 1, 8: 1, 10: 0.5, 12: 1, 20: 1})
    assert all(abs(frame - 10) >= 4 for frame in frames(confidence, [1, 10]))


def test_the_total_gain_is_never_more_than_the_missing_confidence() -> None:
    random = np.random.default_rng(0)
    for _ in range(50):
        confidence = {frame: float(value) for frame, value in enumerate(random.random(40), 1)}
        keys = sorted(int(key) for key in random.choice(range(1, 41), 3, replace=False))
        lacking = sum(1 - value for frame, value in confidence.items() if frame not in keys) / 40
        assert sum(each.gain for each in suggest_keyframes(confidence, keys)) <= lacking + 1e-9


def test_a_scene_without_a_keyframe_gets_one_of_its_own() -> None:
    confidence = along(range(1, 41), {1: 1, 20: 0.9, 40: 0.9}) | dict.fromkeys(range(21, 31), 0.0)
    first, *_ = suggest_keyframes(confidence, [1])
    assert 21 <= first.frame <= 30
    assert 0.15 < first.gain <= 0.25


def test_a_shot_of_thousands_of_frames_gets_a_suggestion() -> None:
    found = suggest_keyframes(along(range(1, 6001), {1: 1, 6000: 0.5}), [1], limit=1)
    assert 3400 <= found[0].frame <= 4600


def test_a_keyframe_gains_nothing_beyond_the_cuts_around_its_scene() -> None:
    """Four scenes of 25 frames, of which the first has a keyframe; the others took colour that looks alike."""
    confidence = {frame: 0.98 if frame <= 25 else 0.4 for frame in range(1, 101)}
    (blind,) = suggest_keyframes(confidence, [1], limit=1)
    found = suggest_keyframes(confidence, [1], scene_starts=(26, 51, 76))
    assert blind.gain > 0.25
    assert all(each.gain <= 0.15 for each in found)
    assert sorted((each.frame - 1) // 25 for each in found) == [1, 2, 3], "one for each scene that lacks one"


def test_no_keyframe_is_suggested_within_a_dissolve() -> None:
    confidence = {frame: 0.2 if 40 <= frame <= 52 else 0.9 for frame in range(1, 91)}
    assert 40 <= frames(confidence, [1, 90], limit=1)[0] <= 52
    found = suggest_keyframes(confidence, [1, 90], dissolves=[(40, 52)])
    assert not any(40 <= each.frame <= 52 for each in found)


def test_a_frame_that_can_hold_no_colour_is_not_suggested() -> None:
    confidence = along(range(1, 91), {1: 1, 60: 0.9, 61: 0.2, 90: 0.1})
    room = along(range(1, 91), {1: 15, 50: 15, 60: 0, 90: 0})
    without, found = (suggest_keyframes(confidence, [1], room=each) for each in (None, room))
    assert room[without[0].frame] == 0, "without knowing better, at the dark end of the fade"
    assert found and all(room[each.frame] > 3 for each in found)


def test_a_dark_scene_is_judged_by_itself() -> None:
    confidence = along(range(1, 61), {1: 1, 30: 0.6, 31: 0.6, 60: 0.2})
    room = {frame: 15.0 if frame < 31 else 1.0 for frame in range(1, 61)}
    found = suggest_keyframes(confidence, [1], scene_starts=[31], room=room)
    assert any(each.frame >= 31 for each in found)


def test_frames_of_unknown_room_may_be_suggested() -> None:
    confidence = along(range(1, 91), {1: 1, 90: 0.5})
    assert suggest_keyframes(confidence, [1], room={1: 15.0}) == suggest_keyframes(confidence, [1])

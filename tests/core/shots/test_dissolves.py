"""Dissolves and fades on luminance: synthetic shots with known ranges."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from landscapes import describe, scene
from real_footage import footage

from stcolor_core.images.color import lightness, luminance_of, srgb_decode
from stcolor_core.shots import dissolves as dissolves_module
from stcolor_core.shots.dissolves import TransitionDetector
from stcolor_core.shots.transitions import Transitions

PURE = 10  # frames of each scene alone


def find(frames: list[np.ndarray], *, first: int = 0) -> Transitions:
    finder = TransitionDetector(describe)
    for number, frame in enumerate(frames, first):
        finder.add(number, frame)
    return finder.finish()


def dissolve(count: int, *, speed: float = 0.5, linear: bool = True) -> list[np.ndarray]:
    """Two slow pans with a dissolve of `count` frames between them."""
    one, other = scene(1, PURE + count, speed=speed), scene(2, PURE + count, speed=speed)
    shares = (np.arange(count) + 1) / (count + 1)
    encode, decode = (luminance_of, lightness) if linear else (np.asarray, np.asarray)
    mixed = [decode((1 - k) * encode(a) + k * encode(b)) for a, b, k in zip(one[PURE:], other, shares, strict=False)]
    return [*one[:PURE], *mixed, *other[count:]]


def fade(out: int, black: int, into: int, *, seeds: tuple[int, int] = (1, 2)) -> list[np.ndarray]:
    """A fade to black and a fade from black, of linear light."""
    one, other = (scene(seed, PURE + count, speed=0.5) for seed, count in zip(seeds, (out, into), strict=True))
    down = [lightness(luminance_of(f) * (1 - (k + 1) / (out + 1))) for k, f in enumerate(one[PURE:])]
    up = [lightness(luminance_of(f) * ((k + 1) / (into + 1))) for k, f in enumerate(other[:into])]
    return [*one[:PURE], *down, *[np.zeros_like(one[0])] * black, *up, *other[into:]]


@pytest.mark.parametrize("count", [6, 12, 24, 40])
@pytest.mark.parametrize("linear", [True, False], ids=["linear light", "video levels"])
def test_a_dissolve_is_found_with_both_ends(count: int, linear: bool) -> None:
    found = find(dissolve(count, linear=linear), first=1001)
    (only,) = found.dissolves
    assert only.first == pytest.approx(1001 + PURE, abs=3)
    assert only.last == pytest.approx(1001 + PURE + count - 1, abs=3)
    assert 0.5 <= only.certainty <= 1
    assert found.cuts == ()


@pytest.mark.parametrize("most", [0.5, 0.75, 0.9])
@pytest.mark.parametrize("grows", [True, False], ids=["rising", "clearing"])
@pytest.mark.parametrize("even", [True, False], ids=["even", "thicker below"])
@pytest.mark.parametrize("length", [15, 36])
def test_fog_over_one_scene_is_no_dissolve(most: float, grows: bool, even: bool, length: int) -> None:
    frames = scene(1, length + 9, speed=0.5)
    height = frames[0].shape[0]
    depth = np.ones((height, 1)) if even else np.linspace(0.3, 1, height)[:, None]
    shares = most * np.clip((np.arange(length + 9) - 4) / length, 0, 1)
    fog = [depth * share for share in (shares if grows else shares[::-1])]
    found = find([lightness(luminance_of(f) * (1 - a) + 0.6 * a) for f, a in zip(frames, fog, strict=True)])
    assert found.dissolves == ()
    assert found.cuts == ()


def blink(one: list[np.ndarray], other: list[np.ndarray], ramp: int, hold: int, level: float) -> list[np.ndarray]:
    """Go from one scene to a blank picture of L* `level`, in so many steps of L*, and from there to the other scene."""
    steps = np.arange(1, ramp) / max(ramp, 1)
    shares = [*steps, *[1.0] * hold, *steps[::-1]]
    turn = PURE + max(ramp - 1, 0) + hold
    mixed = [
        (1 - k) * (one if place < turn else other)[place] + np.float32(level * k)
        for place, k in enumerate(shares, PURE)
    ]
    end = PURE + len(mixed)
    return [*one[:PURE], *mixed, *other[end : end + PURE]]


@pytest.mark.parametrize("level", [0, 100], ids=["black", "white"])
@pytest.mark.parametrize(("ramp", "hold"), [(0, 1), (0, 4), (1, 3), (2, 2), (3, 1), (3, 4), (4, 2), (6, 3)])
def test_a_blink_within_one_scene_is_neither_dissolve_nor_cut(ramp: int, hold: int, level: int) -> None:
    frames = scene(1, 40, speed=1.0)
    found = find(blink(frames, frames, ramp, hold, level))
    assert found.dissolves == ()
    assert found.cuts == ()


@pytest.mark.parametrize("level", [0, 100], ids=["black", "white"])
@pytest.mark.parametrize(("ramp", "hold"), [(0, 4), (1, 3), (2, 2), (3, 1), (4, 2), (6, 3)])
def test_the_same_blink_between_two_scenes_is_found(ramp: int, hold: int, level: int) -> None:
    found = find(blink(scene(1, 40, speed=1.0), scene(2, 40, speed=1.0), ramp, hold, level))
    places = [*found.cuts, *(frame for d in found.dissolves for frame in (d.first, d.last))]
    last = PURE + 2 * max(ramp - 1, 0) + hold - 1
    assert places
    assert all(PURE - 3 <= place <= last + 3 for place in places)


def test_strobes_and_flashes_that_clip_are_neither_dissolves_nor_cuts() -> None:
    light = [luminance_of(frame) for frame in scene(1, 40, speed=1.0)]
    gains = {8: 12.0, 9: 12.0, 10: 9.0, 11: 7.0, 12: 5.0, 13: 3.0, 20: 0.0, 23: 0.0, 24: 0.0, 28: 9.0, 32: 9.0, 33: 9.0}
    found = find([lightness(np.clip(f * gains.get(index, 1), 0, 1)) for index, f in enumerate(light)])
    assert found.dissolves == ()
    assert found.cuts == ()


@pytest.mark.parametrize("linear", [True, False], ids=["linear light", "video levels"])
def test_a_dissolve_between_short_scenes_is_found_with_both_ends(linear: bool) -> None:
    others = [scene(seed, 12, speed=0.5) for seed in (3, 4)]
    mixed = dissolve(8, linear=linear)
    found = find([*others[0], *mixed, *others[1]])
    (only,) = found.dissolves
    assert only.first == pytest.approx(12 + PURE, abs=3)
    assert only.last == pytest.approx(12 + PURE + 7, abs=3)
    assert found.cuts == (12, 12 + len(mixed))


@pytest.mark.parametrize(("out", "black", "into"), [(8, 4, 8), (12, 1, 6), (16, 0, 16)])
def test_a_fade_through_black_to_another_scene_is_found_with_both_ends(out: int, black: int, into: int) -> None:
    found = find(fade(out, black, into))
    (only,) = found.dissolves
    assert only.first == pytest.approx(PURE, abs=3)
    assert only.last == pytest.approx(PURE + out + black + into - 1, abs=3)
    assert found.cuts == ()


def test_a_fade_reaches_its_true_end_although_things_move_in_it() -> None:
    frames = fade(20, 4, 20)
    for bright in (16, 17):  # something dark passes where the fade has begun
        frames[bright] = frames[bright] * 0.94
    (only,) = find(frames).dissolves
    assert only.first == pytest.approx(PURE, abs=3)
    assert only.last == pytest.approx(PURE + 43, abs=3)


def test_a_fade_through_white_is_found_with_both_ends() -> None:
    inverse = [luminance_of(frame) for frame in fade(8, 3, 10)]
    (only,) = find([lightness(1 - plane) for plane in inverse]).dissolves
    assert only.first == pytest.approx(PURE, abs=3)
    assert only.last == pytest.approx(PURE + 20, abs=3)


def test_a_fade_through_black_to_the_same_scene_is_neither_dissolve_nor_cut() -> None:
    found = find(fade(10, 5, 10, seeds=(1, 1)))
    assert found.dissolves == ()
    assert found.cuts == ()


def test_a_fade_from_or_to_black_alone_is_neither_dissolve_nor_cut() -> None:
    frames = fade(12, 6, 12)
    for part in (frames[: PURE + 18], frames[PURE + 12 :]):
        assert find(part) == Transitions()


def test_a_cut_stays_a_cut() -> None:
    found = find([*scene(1, 20), *scene(2, 20)])
    assert found.cuts == (20,)
    assert found.dissolves == ()


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("mdn-flower", "mdn-greenscreen3"),
        ("udacity-highway2", "xmem2-chair"),
    ],
)
def test_a_cut_between_two_calm_shots_is_not_a_short_dissolve(first: str, second: str) -> None:
    pictures = [
        lightness(srgb_decode(cv2.resize(cv2.imread(str(path), 0), (426, 240), interpolation=cv2.INTER_AREA) / 255))
        for clip in (first, second)
        for path in sorted(footage("footage", clip).glob("*.jpg"))[:38]
    ]
    found = find(pictures)
    assert found.cuts == (38,)
    assert found.dissolves == ()


@pytest.mark.parametrize("speed", [0.0, 4.0, 16.0, 48.0], ids="{} px a frame".format)
def test_a_camera_move_is_not_a_dissolve(speed: float) -> None:
    assert find(scene(1, 40, speed=speed)).dissolves == ()


def test_a_long_shot_is_searched_in_chunks_with_the_same_result(monkeypatch: pytest.MonkeyPatch) -> None:
    frames = [*dissolve(12), *dissolve(20)[::-1], *fade(8, 2, 8), *scene(3, 330), *dissolve(16)]
    whole = find(frames)
    assert len(whole.dissolves) == 4
    monkeypatch.setattr(dissolves_module, "_CHUNK", 400)
    assert find(frames) == whole


@pytest.mark.parametrize("clip", ["jump", "drift"])
def test_fast_motion_is_not_a_dissolve(clip: str) -> None:
    paths = sorted(footage("fast_grey", clip).glob("*.png"))
    assert find([cv2.imread(str(path), cv2.IMREAD_GRAYSCALE) / 2.55 for path in paths]).dissolves == ()


@pytest.mark.parametrize("count", [0, 1, 2])
def test_a_shot_of_very_few_frames_has_no_transition(count: int) -> None:
    assert find(scene(1, count)) == Transitions()

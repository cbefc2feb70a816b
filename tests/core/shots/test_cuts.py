"""Scene cuts on luminance: synthetic shots with known cuts, and real ones if the footage is available."""

from __future__ import annotations

from collections.abc import Iterable

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from landscapes import HEIGHT, WIDTH, describe, scene
from real_footage import footage

from stcolor_core.images.color import lightness, srgb_decode
from stcolor_core.shots.cuts import CutDetector
from stcolor_core.shots.thumbnails import SAME_SCENE, Thumbnail, flow_difference, overlap_difference, shrink
from stcolor_core.shots.transitions import Boundary


def find_cuts(frames: Iterable[tuple[int, np.ndarray]]) -> list[int]:
    return [boundary.frame for boundary in find_boundaries(frames) if boundary.is_cut]


def find_boundaries(frames: Iterable[tuple[int, np.ndarray]]) -> list[Boundary]:
    finder = CutDetector(describe)
    found = [boundary for frame, lightness in frames for boundary in finder.add(frame, lightness)]
    return found + finder.finish()


def cuts_of(frames: Iterable[np.ndarray]) -> list[int]:
    return find_cuts(enumerate(frames))


def test_a_cut_is_reported_as_the_first_frame_of_the_new_scene() -> None:
    assert cuts_of(scene(1, 8) + scene(2, 8) + scene(3, 8)) == [8, 16]


def test_frames_keep_their_own_numbers() -> None:
    frames = scene(1, 5) + scene(2, 5)
    assert find_cuts(zip(range(1001, 1021, 2), frames, strict=True)) == [1011]


@settings(max_examples=25)
@given(st.lists(st.integers(2, 6), min_size=1, max_size=5))
def test_shots_of_any_length_are_separated(lengths: list[int]) -> None:
    frames = [frame for seed, length in enumerate(lengths) for frame in scene(seed, length)]
    assert cuts_of(frames) == np.cumsum(lengths)[:-1].tolist()


@pytest.mark.parametrize("speed", [0.0, 4.0, 16.0, 48.0], ids="{} px a frame".format)
def test_a_camera_move_is_not_a_cut(speed: float) -> None:
    assert cuts_of(scene(1, 12, speed=speed)) == []


def whip_past_a_face(seed: int) -> list[np.ndarray]:
    """Return a whip pan by 0.3 of the width a frame from a textured thing across a bare wall to a window, blurred.

    The last picture with the thing shows no more than the window's edge; the next one shows the window alone.
    """
    texture = cv2.GaussianBlur(np.random.default_rng(seed).normal(size=(120, 120)).astype(np.float32), (0, 0), 4)
    wide = np.full((120, 426), 60, np.float32)
    wide[:, :120] += 25 * texture / texture.std()
    wide[:50, 260:340] = 95
    wide[:, 340:] -= 20
    blurred = cv2.blur(wide, (32, 1))
    return [np.ascontiguousarray(blurred[:, place : place + 213]) for place in (0, 0, 0, 64, 128, 128, 128)]


@pytest.mark.parametrize("seed", [0, 1, 2, 3])
def test_a_whip_pan_that_loses_what_stands_out_is_not_a_cut(seed: int) -> None:
    before, after = (Thumbnail(index, shrink(whip_past_a_face(seed)[index]), describe) for index in (3, 4))
    assert overlap_difference(before, after) < 0.1 < SAME_SCENE < flow_difference(before, after)
    assert cuts_of(whip_past_a_face(seed)) == []
    assert cuts_of([*whip_past_a_face(seed), *scene(2, 4)]) == [7]


@pytest.mark.parametrize("length", [1, 2])
@pytest.mark.parametrize("start", [1, 5, 9])
@pytest.mark.parametrize(
    "spoil",
    [
        pytest.param(lambda frame: np.minimum(frame * 2 + 10, 100), id="flash"),
        pytest.param(np.zeros_like, id="black"),
        pytest.param(lambda frame: np.full_like(frame, 100), id="white"),
        pytest.param(lambda frame: np.roll(frame, frame.size // 3), id="torn"),
    ],
)
def test_a_flash_or_a_bad_frame_is_not_a_cut(spoil, start: int, length: int) -> None:  # type: ignore[no-untyped-def]
    frames = scene(1, 12)
    frames[start : start + length] = map(spoil, frames[start : start + length])
    assert cuts_of(frames) == []


def test_flicker_and_grain_are_not_cuts_and_hide_none() -> None:
    rng = np.random.default_rng(0)
    frames = [frame * rng.uniform(0.95, 1.05) + rng.normal(0, 4, frame.shape) for frame in scene(1, 12) + scene(2, 12)]
    assert cuts_of(frames) == [12]


def test_a_cut_is_found_between_the_bars_of_a_letterbox() -> None:
    frames = scene(1, 6) + scene(2, 6)
    for frame in frames:
        frame[:18] = frame[-18:] = 0
    assert cuts_of(frames) == [6]


def test_a_cut_is_found_between_two_dark_scenes() -> None:
    assert cuts_of([frame * 0.1 for frame in scene(1, 6) + scene(2, 6)]) == [6]


@pytest.mark.parametrize("shape", [(1, 1), (1, 400), (777, 123), (36, 64)], ids=str)
def test_any_size_is_accepted(shape: tuple[int, int]) -> None:
    assert cuts_of([np.full(shape, 50.0)] * 5) == []
    if min(shape) > 1:
        assert cuts_of([cv2.resize(frame, shape[::-1]) for frame in scene(1, 5) + scene(2, 5)]) == [5]


def test_pixels_that_are_not_numbers_do_no_harm() -> None:
    frames = scene(1, 6) + scene(2, 6)
    for frame in frames:
        frame[::7, ::5] = np.nan
        frame[1, 1], frame[2, 2] = np.inf, -np.inf
    assert cuts_of(frames) == [6]


@pytest.mark.parametrize("count", [0, 1, 2, 3])
def test_a_shot_of_very_few_frames_has_no_cut(count: int) -> None:
    assert cuts_of(scene(1, count)) == []


def test_blank_frames_are_one_scene_and_a_picture_after_them_is_another() -> None:
    assert cuts_of([np.zeros((HEIGHT, WIDTH))] * 6 + scene(1, 6)) == [6]


def test_a_cut_is_reported_two_frames_after_it() -> None:
    finder = CutDetector(describe)
    reported = [finder.add(number, frame) for number, frame in enumerate(scene(1, 6) + scene(2, 6))]
    assert [[boundary.frame for boundary in found] for found in reported] == [[]] * 8 + [[6]] + [[]] * 3
    assert finder.finish() == []


@pytest.mark.parametrize("shape", [(0, 10), (10, 10, 3)], ids=str)
def test_an_array_that_is_not_a_picture_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"must be \(H, W\)"):
        CutDetector(describe).add(1, np.zeros(shape))


def test_real_shots_of_fast_motion_are_cut_only_at_their_joins() -> None:
    names = ["bmx-trees", "parkour", "breakdance", "horsejump-high", "dance-twirl"]
    paths = [path for name in names for path in sorted(footage("davis", name).glob("*.jpg"))[::2][:15]]
    assert cuts_of(cv2.imread(str(path), cv2.IMREAD_REDUCED_GRAYSCALE_4) / 2.55 for path in paths) == [15, 30, 45, 60]


@pytest.mark.parametrize(("clip", "count"), [("jump", 21), ("drift", 14)])
def test_fast_pans_and_jumps_are_not_cut(clip: str, count: int) -> None:
    paths = sorted(footage("fast_grey", clip).glob("*.png"))
    assert len(paths) == count
    pictures = [lightness(srgb_decode(np.float32(cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)) / 255)) for path in paths]
    found = find_boundaries(enumerate(pictures))
    assert found, "optical flow alone finds nothing in common"
    assert max(boundary.certainty for boundary in found) < 0.1


def test_a_cut_says_how_certain_it_is() -> None:
    (boundary,) = find_boundaries(enumerate(scene(1, 6) + scene(2, 6)))
    assert 0.5 <= boundary.certainty <= 1


def test_a_real_shot_of_a_single_frame_between_two_others_is_found() -> None:
    pictures = [
        cv2.imread(str(path), cv2.IMREAD_REDUCED_GRAYSCALE_4) / 2.55
        for name, count in (("dog", 6), ("parkour", 1), ("blackswan", 6))
        for path in sorted(footage("davis", name).glob("*.jpg"))[:count]
    ]
    assert cuts_of(pictures) == [6, 7]


def test_features_are_computed_only_where_they_may_change_the_verdict() -> None:
    described: list[np.ndarray] = []

    def counting(picture: np.ndarray) -> np.ndarray:
        described.append(picture)
        return describe(picture)

    finder = CutDetector(counting)
    for number, frame in enumerate(scene(1, 12)):
        assert finder.add(number, frame) == []
    assert described == [], "a calm shot"
    moving = scene(1, 6) + scene(2, 6)
    finder = CutDetector(counting)
    found = [boundary for number, frame in enumerate(moving) for boundary in finder.add(number, frame)]
    assert [boundary.frame for boundary in found] == [6]
    assert len(described) <= 4, "two frames on either side of a cut"
    described.clear()
    still = [moving[0]] * 6 + [moving[-1]] * 6
    finder = CutDetector(counting)
    found = [boundary for number, frame in enumerate(still) for boundary in finder.add(number, frame)]
    assert [boundary.frame for boundary in found] == [6]
    assert found[0].certainty > 0.99
    assert described == [], "a sudden change between pictures that stand still is a cut in any case"

"""The pace of a film is that of its frames, without the pauses between them."""

from __future__ import annotations

import pytest

from stcolor_core.film.progress import SceneProgress, describe_duration, measure_pace

SECOND = 1_000_000_000


def progress(*seconds: float) -> SceneProgress:
    times = tuple(round(each * SECOND) for each in seconds)
    return SceneProgress("s001", tuple(range(len(times))), (), written=times)


def test_a_night_between_two_frames_does_not_count() -> None:
    pace = measure_pace([progress(0, 2, 4, 6), progress(30_000, 30_002, 30_004)])
    assert pace is not None
    assert (pace.per_frame, pace.seconds) == (2, 14)


def test_a_minute_between_two_runs_of_quick_frames_does_not_count_but_the_start_of_a_scene_does() -> None:
    runs = [progress(*(start + 0.1 * frame for frame in range(10))) for start in (0, 31, 82, 123)]
    pace = measure_pace(runs)
    assert pace is not None and pace.per_frame == pytest.approx(0.1)
    scenes = [progress(*(start + 0.1 * frame for frame in range(10))) for start in (0, 5, 10)]
    pace = measure_pace(scenes)
    assert pace is not None and pace.per_frame == pytest.approx((2.7 + 2 * 4.1) / 29)


def test_slow_frames_are_no_pause() -> None:
    pace = measure_pace([progress(0, 100, 200, 900)])
    assert pace is not None and pace.per_frame == 300


@pytest.mark.parametrize("seconds", [(), (1,), (1, 2)])
def test_too_few_frames_have_no_pace(seconds: tuple[float, ...]) -> None:
    assert measure_pace([progress(*seconds)]) is None


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.2, "1 s"), (59, "59 s"), (60, "1 min"), (3599, "1 h 0 min"), (4800, "1 h 20 min"), (280_000, "3 d 6 h")],
)
def test_a_time_is_told_as_people_say_it(seconds: float, words: str) -> None:
    assert describe_duration(seconds) == words

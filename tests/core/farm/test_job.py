"""The output of a job's tasks."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stcolor_core.errors import BadRequest
from stcolor_core.farm.job import Job, NukeRender, render_arguments, select_frames, split_evenly, split_tasks
from stcolor_core.shots.output import Output
from stcolor_core.shots.pictures import Plate
from stcolor_core.shots.shot import Shot
from stcolor_core.shots.spans import plan, split_span

SHOT = Shot(plate=Plate(path="/p/sh.####.exr"), output=Output(path="/o/sh.####.exr"))
JOB = Job(name="sh", shot=SHOT, tasks=((1, 2), (3,)), inputs=(Path("/p/sh.0001.exr"),), stcolor="stcolor")


def tasks_of(frames: range, references: list[int], cuts: list[int] = (), longest: int | None = None) -> list[tuple]:  # type: ignore[assignment]
    spans = plan(frames, references, cuts)
    return list(split_tasks([piece for span in spans for piece in split_span(span, longest)], frames))


@pytest.mark.parametrize(
    ("references", "cuts", "expected"),
    [
        pytest.param([1], [], [(1, 2, 3, 4, 5, 6)], id="one span, its reference with it"),
        pytest.param([3], [], [(1, 2), (3, 4, 5, 6)], id="a reference goes with the span after it"),
        pytest.param([6], [], [(1, 2, 3, 4, 5, 6)], id="one after the last span goes with that"),
        pytest.param([1, 2, 3], [], [(1, 2, 3, 4, 5, 6)], id="references side by side"),
        pytest.param([2, 5], [4], [(1,), (2, 3), (4,), (5, 6)], id="a cut parts tasks too"),
        pytest.param([1, 2, 3, 4, 5, 6], [], [(1, 2, 3, 4, 5, 6)], id="nothing but references"),
    ],
)
def test_a_task_is_a_span_and_the_references_before_it(
    references: list[int], cuts: list[int], expected: list[tuple[int, ...]]
) -> None:
    assert tasks_of(range(1, 7), references, cuts) == expected


@given(st.sets(st.integers(1, 40), min_size=1), st.sets(st.integers(1, 40)), st.none() | st.integers(1, 9))
def test_every_frame_is_written_by_exactly_one_task_and_tasks_are_in_time_order(
    references: set[int], cuts: set[int], longest: int | None
) -> None:
    tasks = tasks_of(range(1, 41), sorted(references), sorted(cuts), longest)
    assert [frame for task in tasks for frame in task] == list(range(1, 41))
    assert all(tasks)


def test_frames_that_are_not_requested_are_in_no_task() -> None:
    spans = plan(range(1, 21), [1, 10, 20], [])
    assert split_tasks([span.frames for span in spans], [10, 11, 15]) == ((10, 11, 15),)


def test_tasks_are_chosen_by_number_and_by_any_of_their_frames() -> None:
    tasks = [(1, 2, 3), (4, 5), (9,)]
    assert select_frames(tasks, numbers=[2, 0]) == [1, 2, 3, 9]
    assert select_frames(tasks, frames=[2, 4]) == [1, 2, 3, 4, 5]


def test_requested_frames_in_the_shot_are_chosen_wherever_spans_begin() -> None:
    assert select_frames([(1, 2, 3), (4, 5), (9,)], only=range(3, 10)) == [3, 4, 5, 9]


def test_a_task_that_does_not_exist_is_refused() -> None:
    with pytest.raises(BadRequest, match="has the tasks 0-1, not 2"):
        select_frames([(1,), (2,)], numbers=[2])
    for asked in ({"frames": [7]}, {"only": [7]}):
        with pytest.raises(BadRequest, match="No task writes frame 7"):
            select_frames([(1,), (2,)], **asked)


def test_runs_have_the_same_number_of_frames_and_the_last_has_the_rest() -> None:
    assert split_evenly([1, 2, 3, 7, 9], 2) == ((1, 2), (3, 7), (9,))


def test_a_job_states_its_frames() -> None:
    assert JOB.frames == "1-3"


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"name": " "}, "--name is empty"),
        ({"name": "a\nb"}, "--name is empty or not a plain line"),
        ({"name": "a" * 129}, "128 characters"),
        ({"chunk": 0}, "--chunk"),
        ({"priority": 101}, "--priority"),
        ({"gpus": -1}, "--gpus"),
        ({"nuke": NukeRender(script=Path("/s.nk"), writes=("W",), version="15.1", handles=-1)}, "--handles"),
    ],
)
def test_options_that_no_engine_accepts_are_refused(wrong: dict[str, object], message: str) -> None:
    with pytest.raises(BadRequest, match=message):
        replace(JOB, **wrong)  # type: ignore[arg-type]


def test_nuke_renders_frames_of_one_write_without_a_window() -> None:
    nuke = NukeRender(script=Path("/s.nk"), writes=("Write1",), version="15.1")
    arguments = render_arguments("s.nk", nuke, write="Write1", frames="1-10")
    assert arguments == ["-F", "1-10", "-X", "Write1", "-x", "s.nk"]

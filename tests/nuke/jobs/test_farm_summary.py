"""What the farm dialog says before Submit: the number of tasks against the core's own, and the farm's pools."""

from __future__ import annotations

import os
import subprocess
import threading
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from qt_app import wait_until
from refcolorize.jobs.farm import SubmitOptions
from refcolorize.jobs.farm_choices import FarmChoices
from refcolorize.jobs.farm_summary import FarmShot, count_tasks, summarize

from stcolor_core.farm.deadline import FRAMES_PER_TASK
from stcolor_core.farm.job import split_evenly, split_tasks
from stcolor_core.shots.spans import plan, split_span


@given(
    last=st.integers(1, 90),
    keys=st.sets(st.integers(1, 90), min_size=1, max_size=6),
    longest=st.none() | st.integers(1, 40),
    some=st.integers(1, 5),
)
def test_the_number_of_tasks_is_that_of_the_core(last: int, keys: set[int], longest: int | None, some: int) -> None:
    inside = tuple(sorted(key for key in keys if key <= last)) or (1,)
    frames = tuple(range(1, last + 1, some))
    pieces = [piece for span in plan(range(1, last + 1), inside, ()) for piece in split_span(span, longest)]
    shot = FarmShot(frames, inside, (1, last))
    options = SubmitOptions(engine="openjd", max_span=longest)
    assert count_tasks(shot, options) == len(split_tasks(pieces, frames))
    deadline = SubmitOptions(engine="deadline", max_span=longest)
    assert count_tasks(shot, deadline) == len(split_evenly(frames, longest or FRAMES_PER_TASK))


def test_the_summary_names_frames_tasks_writes_and_where_it_runs() -> None:
    options = SubmitOptions(engine="deadline", writes=("WriteComp",), pool="film", group="gpu")
    line = summarize(FarmShot(tuple(range(1001, 1101)), (1001, 1050), (1001, 1100)), options)
    for part in ("100 frames (1001-1100)", "2 keyframes", "about 2 tasks", "then WriteComp", "Deadline 10, pool film"):
        assert part in line
    assert "\n" not in line
    assert "not all of them" in summarize(FarmShot((1, 3), (1,), (1, 3)), SubmitOptions())
    assert "no frame" in summarize(FarmShot((), (), (1, 3)), SubmitOptions())


# The pools and groups


def test_pools_and_groups_are_asked_once_each_on_another_thread() -> None:
    asked: list[tuple[str, ...]] = []
    threads: set[str] = set()

    def ask(arguments: Sequence[str]) -> str:
        asked.append(tuple(arguments))
        threads.add(threading.current_thread().name)
        return "none\nfilm\n\nfilm\nnight\n" if arguments == ("-pools",) else "gpu\n"

    choices = FarmChoices("deadline", ask=ask).start()
    wait_until(lambda: choices.ended)
    assert choices.choices == {
        "pool": ["none", "film", "night"],
        "secondary_pool": ["none", "film", "night"],
        "group": ["gpu"],
    }
    assert asked == [("-pools",), ("-groups",)]
    assert threading.main_thread().name not in threads


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (FileNotFoundError(2, "there is no deadlinecommand in PATH"), "no deadlinecommand"),
        (subprocess.TimeoutExpired("deadlinecommand", 15), "did not answer"),
        (ValueError("deadlinecommand ended with 1"), "ended with 1"),
    ],
)
def test_a_farm_that_cannot_be_asked_leaves_the_names_to_be_typed(error: Exception, says: str) -> None:
    def ask(_: Sequence[str]) -> str:
        raise error

    choices = FarmChoices("deadline", ask=ask).start()
    wait_until(lambda: choices.ended)
    assert choices.choices == {}
    assert says in choices.problem and choices.problem.endswith("Type the names of pools and groups.")


def test_an_engine_without_pools_is_not_asked() -> None:
    choices = FarmChoices("openjd", ask=lambda _: pytest.fail("it was asked")).start()
    assert choices.ended and choices.choices == {}


def test_opencues_shows_and_facilities_are_asked_through_the_core() -> None:
    asked: list[tuple[str, ...]] = []

    def ask(arguments: Sequence[str]) -> str:
        asked.append(tuple(arguments))
        return '{"show": ["demo", "film", "film", "a\\nb"], "facility": []}'

    choices = FarmChoices("opencue", ask=ask).start()
    wait_until(lambda: choices.ended)
    assert choices.choices == {"show": ["demo", "film"], "facility": []}
    assert asked == [("farm", "choices", "opencue", "--json")]


@pytest.mark.parametrize("answer", ["", "[]", "{}", '{"show": 1, "facility": []}'])
def test_an_answer_that_cannot_be_read_leaves_the_names_to_be_typed(answer: str) -> None:
    choices = FarmChoices("opencue", ask=lambda _: answer).start()
    wait_until(lambda: choices.ended)
    assert choices.choices == {}
    assert choices.problem.endswith("Type the names of show and facility.")


@pytest.mark.skipif(os.name != "posix", reason="the stand-in for deadlinecommand is a shell script")
def test_the_program_is_taken_from_deadlines_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "deadlinecommand"
    program.write_text('#!/bin/sh\necho "$1 of deadline"\n')
    program.chmod(0o755)
    monkeypatch.setenv("DEADLINE_PATH", str(tmp_path))
    choices = FarmChoices("deadline").start()
    wait_until(lambda: choices.ended)
    assert choices.choices["group"] == ["-groups of deadline"]
    program.unlink()
    missing = FarmChoices("deadline").start()
    wait_until(lambda: missing.ended)
    assert tmp_path.as_posix() in missing.problem

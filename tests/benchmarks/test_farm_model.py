"""The farm model against known answers, and against the bounds of list scheduling."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

MODEL = runpy.run_path(str(Path(__file__).resolve().parents[2] / "benchmarks" / "farm_model.py"))
Task, Costs, simulate, colour_tasks = (MODEL[name] for name in ("Task", "Costs", "simulate", "colour_tasks"))
COSTS = Costs(startup=100, one_sided=10, between=20, passed=1, back=2, reference=5, check=7, verify=9)
MANY = 10**6

seconds = st.lists(st.floats(0.1, 100), min_size=1, max_size=30)


def tasks(*lengths: float, licensed: bool = False) -> list[object]:
    return [Task(length, licensed) for length in lengths]


@given(jobs=st.lists(st.lists(seconds, min_size=1, max_size=3), min_size=1, max_size=5))
def test_one_host_takes_the_sum_of_all_tasks(jobs: list[list[list[float]]]) -> None:
    total = sum(length for job in jobs for step in job for length in step)
    assert simulate([[tasks(*step) for step in job] for job in jobs], hosts=1) == pytest.approx(total)


@given(jobs=st.lists(st.lists(seconds, min_size=1, max_size=3), min_size=1, max_size=5))
def test_with_many_hosts_each_step_takes_as_long_as_its_longest_task(jobs: list[list[list[float]]]) -> None:
    longest = max(sum(max(step) for step in job) for job in jobs)
    assert simulate([[tasks(*step) for step in job] for job in jobs], hosts=MANY) == pytest.approx(longest)


@given(lengths=seconds, hosts=st.integers(1, 12))
def test_the_time_stays_within_the_bounds_of_list_scheduling(lengths: list[float], hosts: int) -> None:
    taken = simulate([[tasks(*lengths)]], hosts=hosts)
    assert max(sum(lengths) / hosts, max(lengths)) <= taken * (1 + 1e-9)
    assert taken <= (sum(lengths) / hosts + max(lengths) * (1 - 1 / hosts)) * (1 + 1e-9)  # Graham 1969


@pytest.mark.parametrize(("hosts", "licences", "taken"), [(10, 2, 15), (10, 5, 6), (2, 5, 15), (MANY, 30, 1)])
def test_licences_limit_how_many_tasks_run_at_once(hosts: int, licences: int, taken: int) -> None:
    assert simulate([[tasks(*[1] * 30, licensed=True)]], hosts=hosts, licences=licences) == taken


def test_a_task_that_waits_for_a_licence_lets_other_tasks_pass() -> None:
    jobs = [[tasks(5, 5, licensed=True)], [tasks(3, 3)]]
    assert simulate(jobs, hosts=2, licences=1) == 10
    assert simulate(jobs[::-1], hosts=2, licences=1) == 13  # both hosts take the tasks of the first job first


def test_a_step_waits_for_all_tasks_of_the_previous_step() -> None:
    assert simulate([[tasks(1), tasks(4, 2), tasks(1)]], hosts=2) == 6
    assert (
        simulate([[tasks(1), tasks(4, 2), tasks(1)], [tasks(2, 2)]], hosts=2) == 6
    )  # the second job fills the idle time of the second host


def test_the_cost_of_a_task_includes_the_frames_that_are_only_tracked() -> None:
    def costs(max_span: int | None, keyframes: list[int], run: int | None = None) -> list[float]:
        return [task.seconds for task in colour_tasks(10, keyframes, COSTS, max_span, run=run)]

    assert costs(None, [0]) == [100 + 5 + 9 * 10]
    assert costs(None, [0, 9]) == [100 + 2 * 5 + 8 * (2 + 20)]
    assert costs(3, [0]) == [100 + 5 + 3 * 10, 100 + 3 * 1 + 3 * 10, 100 + 6 * 1 + 3 * 10]
    assert costs(4, [0, 9]) == [100 + 5 + 8 * 2 + 4 * 20, 100 + 5 + 4 * 2 + 4 * 1 + 4 * 20]
    assert costs(None, [3]) == [100 + 3 * 10, 100 + 5 + 6 * 10]
    assert costs(None, [3], run=5) == [
        100 + 3 * 10 + 5 + 10,
        100 + 1 + 5 * 10,
    ]  # the second half tracks through the fifth frame


def test_a_feature_has_the_given_frames_and_shots_and_is_reproducible() -> None:
    shots = MODEL["feature"](150_000, 1200)
    assert shots == MODEL["feature"](150_000, 1200)
    assert len(shots) == 1200
    assert sum(length for length, _ in shots) == 150_000
    assert min(length for length, _ in shots) >= 8
    for length, keyframes in shots:
        assert keyframes
        assert keyframes == sorted(set(keyframes))
        assert keyframes[0] >= 0 and keyframes[-1] < length


def test_more_hosts_are_never_slower_and_licences_never_faster_over_a_feature() -> None:
    found = list(MODEL["curves"](MODEL["feature"](3000, 30), COSTS).values())
    for line in found:
        assert line == sorted(line, reverse=True)
    assert all(bound >= free for free, bound in zip(found[-2], found[-1], strict=True))

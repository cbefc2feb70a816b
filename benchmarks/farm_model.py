"""Estimate how long a feature film takes on a farm, by list scheduling of the tasks that the product makes.

    python benchmarks/farm_model.py [--frames 150000] [--shots 1200] [--plot docs/farm_scale.svg]

A seeded generator draws the shots, and the product's own functions cut them into spans, pieces and tasks. Every host
takes the first task that is ready. The cost of a task was measured by `farm_workers.py`, which also compares this model
with real workers. Needs no data.
"""

from __future__ import annotations

import argparse
import heapq
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from stcolor_core.farm.job import FRAMES_PER_RENDER, FRAMES_PER_TASK, split_evenly, split_tasks
from stcolor_core.shots.spans import plan, split_span

HOSTS = (1, 2, 5, 10, 20, 50, 100, 150, 200)
FEW_HOSTS = (1, 2, 5, 10, 20)
LONG_SHOT = 600, (0, 599)
MAX_SPAN = 40
LICENCES = 20


@dataclass(frozen=True)
class Costs:
    """The costs of tasks and frames, in seconds.

    Attributes:
        startup: Of a task that colours, without its frames.
        one_sided: Of a frame coloured from one reference.
        between: Of a frame coloured from two references.
        passed: Of a frame that is only tracked, on the walk from the earlier reference.
        back: Of a frame that is only tracked, on the walk back from the later reference.
        reference: Of a frame that keeps its own colour.
        check: Of the check step.
        verify: Of the verify step.
        nuke_startup: Of a Nuke render without its frames; assumed.
        nuke_frame: Of a frame that Nuke renders; assumed.
    """

    startup: float
    one_sided: float
    between: float
    passed: float
    back: float
    reference: float
    check: float
    verify: float
    nuke_startup: float = 10.0
    nuke_frame: float = 1.0


# 1920 x 1080 at working height 432, a host of one core: `farm_workers.py measure` of 2026-11-25
MEASURED = Costs(startup=5.4, one_sided=1.6, between=1.7, passed=0.15, back=0.17, reference=1.0, check=2.3, verify=2.3)


@dataclass(frozen=True)
class Task:
    """A task of a job.

    Attributes:
        seconds: How long it runs.
        licensed: Whether it holds one of the licences while it runs.
    """

    seconds: float
    licensed: bool = False


Job = Sequence[Sequence[Task]]
"""Steps; each begins when all tasks of the previous one are done."""


def feature(frames: int, shots: int, *, seed: int = 5) -> list[tuple[int, list[int]]]:
    """Return the length and the keyframes of each shot.

    Lengths vary by a factor of two around their mean and add up to `frames`. There is a keyframe about every 40 frames,
    and at least one in each shot.

    Args:
        frames: Frames of the film, all shots together.
        shots: Number of shots, 1 or more.
        seed: Seed of the random generator; the same seed draws the same film.

    Returns:
        For each shot, its number of frames and its keyframes in ascending order, counted from 0.
    """
    random = np.random.default_rng(seed)
    weights = np.clip(random.lognormal(0, 0.65, shots), 0.15, 8)
    ends = np.rint(np.cumsum(weights) / weights.sum() * frames).astype(int)
    drawn = []
    for length in np.diff(ends, prepend=0).tolist():
        keyframes, place = [], int(random.integers(0, max(1, min(length, 40))))
        while place < length:
            keyframes.append(place)
            place += max(1, round(40 * random.lognormal(0, 0.5)))
        drawn.append((length, keyframes))
    return drawn


def colour_tasks(
    length: int, keyframes: Sequence[int], costs: Costs, max_span: int | None = None, *, run: int | None = None
) -> list[Task]:
    """Return the tasks that colour a shot, cut by the product: into pieces of spans, or into runs of `run` frames.

    Args:
        length: Number of frames of the shot.
        keyframes: Frames with a coloured picture, from 0, below `length`.
        costs: The costs of tasks and frames.
        max_span: Maximum length of a piece of a span in frames; None for whole spans.
        run: Frames of a task, which then disregards spans and `max_span`; None to cut by spans.
    """
    spans = plan(range(length), keyframes, [])
    whole = range(length)
    cut = (
        split_tasks([piece for span in spans for piece in split_span(span, max_span)], whole)
        if run is None
        else split_evenly(whole, run)
    )
    tasks = []
    for frames in cut:
        seconds = costs.startup + costs.reference * len(set(frames).intersection(keyframes))
        for span in spans:
            chosen = set(frames).intersection(span.frames)
            back, outward = span.walks(chosen)
            seconds += costs.back * len(back) + costs.passed * (len(outward) - len(chosen))
            seconds += len(chosen) * (costs.between if span.between else costs.one_sided)
        tasks.append(Task(seconds))
    return tasks


def job(
    length: int, keyframes: Sequence[int], costs: Costs, max_span: int | None = None, *, run: int | None = None
) -> list[list[Task]]:
    """Return the steps of a shot's job: check, colour, verify.

    Args:
        length: Number of frames of the shot.
        keyframes: Frames with a coloured picture, from 0, below `length`.
        costs: The costs of tasks and frames.
        max_span: As in `colour_tasks`.
        run: As in `colour_tasks`.
    """
    return [[Task(costs.check)], colour_tasks(length, keyframes, costs, max_span, run=run), [Task(costs.verify)]]


def render_tasks(length: int, costs: Costs) -> list[Task]:
    """Return the tasks that render a shot's Write node.

    Args:
        length: Number of frames of the shot.
        costs: The costs of tasks and frames.
    """
    counts = (min(FRAMES_PER_RENDER, length - first) for first in range(0, length, FRAMES_PER_RENDER))
    return [Task(costs.nuke_startup + costs.nuke_frame * count, licensed=True) for count in counts]


def simulate(jobs: Sequence[Job], *, hosts: int, licences: float = math.inf) -> float:
    """Return the time until all jobs are done, if each free host takes the first ready task in the jobs' order.

    A licensed task waits for a licence; tasks that need none may overtake it.

    Args:
        jobs: The steps of each job; an earlier job has precedence.
        hosts: Number of hosts, each of which runs one task at a time; 1 or more.
        licences: Number of licensed tasks that may run at once; infinite for no limit.

    Returns:
        Seconds from the first task's start to the last one's end.
    """
    ready: dict[bool, list[tuple[int, int, Task]]] = {False: [], True: []}
    left = [0] * len(jobs)
    steps = [iter(job) for job in jobs]
    running: list[tuple[float, int, int, Task]] = []
    clock, started = 0.0, 0

    def begin_step(job: int) -> None:
        for step in steps[job]:
            if step:
                left[job] = len(step)
                for number, task in enumerate(step):
                    heapq.heappush(ready[task.licensed], (job, number, task))
                return

    for job in range(len(jobs)):
        begin_step(job)
    while True:
        while len(running) < hosts and (queue := _next(ready, licences)) is not None:
            job, _, task = heapq.heappop(queue)
            licences -= task.licensed
            started += 1
            heapq.heappush(running, (clock + task.seconds, started, job, task))
        if not running:
            return clock
        clock, _, job, task = heapq.heappop(running)
        licences += task.licensed
        left[job] -= 1
        if not left[job]:
            begin_step(job)


def _next(ready: Mapping[bool, list[tuple[int, int, Task]]], licences: float) -> list[tuple[int, int, Task]] | None:
    """Return the queue with the next task, or None; the licensed queue counts only if a licence is free."""
    open_queues = [queue for licensed, queue in ready.items() if queue and (licences >= 1 or not licensed)]
    return min(open_queues, key=lambda queue: queue[0][:2], default=None)


def curves(shots: Sequence[tuple[int, list[int]]], costs: Costs) -> dict[str, list[float]]:
    """Return the hours that the film takes on each number of `HOSTS`.

    Args:
        shots: The length and the keyframes of each shot, as `feature` returns them.
        costs: The costs of tasks and frames.

    Returns:
        For each way to cut the shots and to render them, by its title: hours, one value for each of `HOSTS`.
    """
    whole, cut = ([job(*shot, costs, max_span) for shot in shots] for max_span in (None, MAX_SPAN))
    in_runs = [job(*shot, costs, run=FRAMES_PER_TASK) for shot in shots]
    rendered = [[*steps, render_tasks(length, costs)] for steps, (length, _) in zip(whole, shots, strict=True)]

    def hours(jobs: Sequence[Job], licences: float = math.inf) -> list[float]:
        return [simulate(jobs, hosts=hosts, licences=licences) / 3600 for hosts in HOSTS]

    return {
        "colour, whole spans": hours(whole),
        f"colour, spans cut at {MAX_SPAN} frames": hours(cut),
        f"colour, runs of {FRAMES_PER_TASK} frames": hours(in_runs),
        "colour, then Nuke": hours(rendered),
        f"colour, then Nuke with {LICENCES} licences": hours(rendered, LICENCES),
    }


def long_shot(costs: Costs) -> dict[str, list[float]]:
    """Return the minutes on each number of `FEW_HOSTS` for one long shot alone, whole and in pieces.

    Args:
        costs: The costs of tasks and frames.

    Returns:
        For each way to cut the shot, by its title: minutes, one value for each of `FEW_HOSTS`.
    """

    def minutes(max_span: int | None = None, run: int | None = None) -> list[float]:
        steps = job(*LONG_SHOT, costs, max_span, run=run)
        return [simulate([steps], hosts=hosts) / 60 for hosts in FEW_HOSTS]

    cut = {f"pieces of at most {longest} frames": minutes(longest) for longest in (150, MAX_SPAN)}
    return {"one piece": minutes(), **cut, f"runs of {FRAMES_PER_TASK} frames": minutes(run=FRAMES_PER_TASK)}


def svg(lines: Mapping[str, Sequence[float]]) -> str:
    """Return a plot with logarithmic axes: hosts to the right, hours upward.

    Args:
        lines: Five curves by title, as `curves` returns them: hours above 0, one for each of `HOSTS`.
    """
    return "\n".join(_svg(lines)) + "\n"


def _svg(lines: Mapping[str, Sequence[float]]) -> Iterator[str]:
    width, height, left, bottom = 640, 400, 60, 350
    most, least = (f(math.log10(value) for line in lines.values() for value in line) for f in (max, min))
    low, high = math.floor(least), math.ceil(most)

    def x(hosts: float) -> float:
        return left + (width - left - 20) * math.log10(hosts) / math.log10(HOSTS[-1])

    def y(hours: float) -> float:
        return bottom - (bottom - 20) * (math.log10(hours) - low) / (high - low)

    yield f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="sans-serif">'
    yield f'<rect width="{width}" height="{height}" fill="white"/><g font-size="12" stroke="none" fill="#333">'
    for hours in (10.0**power for power in range(low, high + 1)):
        yield f'<path d="M{left} {y(hours):.0f}H{width - 20}" stroke="#ddd"/>'
        yield f'<text x="{left - 8}" y="{y(hours) + 4:.0f}" text-anchor="end">{hours:g} h</text>'
    for hosts in HOSTS:
        yield f'<path d="M{x(hosts):.0f} 20V{bottom}" stroke="#eee"/>'
        yield f'<text x="{x(hosts):.0f}" y="{bottom + 18}" text-anchor="middle">{hosts}</text>'
    yield f'<text x="{(left + width) / 2:.0f}" y="{height - 8}" text-anchor="middle">hosts</text></g>'
    for row, ((name, line), color) in enumerate(
        zip(lines.items(), ("#1f77b4", "#2ca02c", "#9467bd", "#ff7f0e", "#d62728"), strict=True)
    ):
        path = "L".join(f"{x(hosts):.1f} {y(hours):.1f}" for hosts, hours in zip(HOSTS, line, strict=True))
        yield f'<path d="M{path}" fill="none" stroke="{color}" stroke-width="2"/>'
        place = bottom - 88 + 18 * row
        yield f'<path d="M{left + 12} {place - 4}h20" stroke="{color}" stroke-width="2"/>'
        yield f'<text x="{left + 38}" y="{place}" font-size="12" fill="#333">{name}</text>'
    yield "</svg>"


def main() -> None:
    """Print the table, and plot it if --plot is given."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--frames", type=int, default=150_000)
    parser.add_argument("--shots", type=int, default=1200)
    parser.add_argument("--plot", type=Path)
    options = parser.parse_args()
    shots = feature(options.frames, options.shots)
    longest = max(length for length, _ in shots)
    keyframes = sum(len(keys) for _, keys in shots)
    print(f"{options.frames} frames in {len(shots)} shots of up to {longest}, {keyframes} keyframes; hours:")
    lines = curves(shots, MEASURED)
    _print(HOSTS, lines)
    print(f"one shot of {LONG_SHOT[0]} frames between two keyframes; minutes:")
    _print(FEW_HOSTS, long_shot(MEASURED))
    if options.plot is not None:
        options.plot.write_text(svg(lines), encoding="utf-8")


def _print(hosts: Sequence[int], lines: Mapping[str, Sequence[float]]) -> None:
    print(f"{'hosts':42}" + "".join(f"{count:8}" for count in hosts))
    for name, line in lines.items():
        print(f"{name:42}" + "".join(f"{value:8.2f}" for value in line))


if __name__ == "__main__":
    main()

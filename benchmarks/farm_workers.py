"""Measure the cost of a farm task on this machine, and compare the farm model with real workers.

    python benchmarks/farm_workers.py measure [--size 1920x1080] [--frames 24]
    python benchmarks/farm_workers.py compare [--size 384x216] [--frames 60] [--workers 1 2]

A host is one core here: each process is pinned to one core and computes in one thread. Times are CPU times of the
processes, so that other programs on the machine do not count. Needs no data; not for macOS, which cannot pin a process.
"""

from __future__ import annotations

import argparse
import json
import os
import queue
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil
from farm_model import Costs, colour_tasks, simulate
from speed import make_shot

from stcolor_core.farm.pinning import plan_tasks
from stcolor_core.shots.output import Output
from stcolor_core.shots.pictures import Plate, Reference
from stcolor_core.shots.settings import Method
from stcolor_core.shots.shot import Shot

MAX_SPAN = 8


@dataclass(frozen=True)
class Finished:
    """A process that has ended.

    Attributes:
        seconds: Its CPU time.
        events: The events it printed, each with the CPU time spent until then.
    """

    seconds: float
    events: list[tuple[float, dict[str, object]]]

    def times(self, kind: str) -> list[float]:
        """Return the CPU time at each event of a kind, in seconds since the process began, in ascending order.

        Args:
            kind: An event's `kind`, such as "frame" or "look".
        """
        return [spent for spent, event in self.events if event["kind"] == kind]


def run(*arguments: str, core: int = 0) -> Finished:
    """Run one `stcolor` process on one core and wait for it.

    Args:
        *arguments: Command line of `stcolor`, without the program.
        core: The core that the process is pinned to, from 0; it wraps round at the number of cores.

    Returns:
        Its CPU time and the JSON events of its standard output.

    Raises:
        SystemExit: If the process fails.
    """
    command = [sys.executable, "-m", "stcolor_core.cli", *arguments]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    events = []
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
        own = psutil.Process(process.pid)
        own.cpu_affinity([core % (psutil.cpu_count() or 1)])
        for line in process.stdout or ():
            if line.startswith("{"):
                events.append((_spent(own), json.loads(line)))
        seconds = _spent(own)
    if process.returncode:
        raise SystemExit(f"{' '.join(arguments)} ended with {process.returncode}.")
    return Finished(seconds, events)


def _spent(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


def write_shot(folder: Path, size: str, frames: int, keyframes: Sequence[int]) -> tuple[Shot, str]:
    """Write a shot's plate, keyframes and shot.json to disk.

    Args:
        folder: Where the files are written.
        size: Size of the plate in px, as "1920x1080".
        frames: Number of frames; the first is 1.
        keyframes: Frames with a coloured picture, from 1.

    Returns:
        The shot, and the path of its shot.json.
    """
    make_shot(folder, *map(int, size.split("x")), frames, keyframes=keyframes)
    shot = Shot(
        plate=Plate(path=str(folder / "plate.####.exr")),
        output=Output(path=str(folder / "out/shot.####.exr"), max_span=MAX_SPAN),
        references=tuple(Reference(path=str(folder / f"ref.{key:04d}.exr"), frame=key) for key in keyframes),
        method=Method(cuts="none"),
    )
    (folder / "shot.json").write_text(shot.to_json(), encoding="utf-8")
    return shot, str(folder / "shot.json")


def measure(size: str, frames: int) -> Costs:
    """Measure the costs of the tasks of a shot of that size, from a few runs.

    Args:
        size: Size of the plate in px, as "1920x1080".
        frames: Number of frames. The first and the middle one are keyframes.

    Returns:
        CPU seconds of one core; those of Nuke are assumed.
    """
    middle = frames // 2
    with tempfile.TemporaryDirectory() as folder:
        _, file = write_shot(Path(folder), size, frames, (1, middle))

        def color(only: str) -> Finished:
            return run("colorize", "--shot", file, "--only", only, "--json", "--force")

        alone = color(f"1,{middle}-{frames}")
        done = alone.times("frame")
        reference, one_sided = done[1] - done[0], _mean_interval(done[2:])
        passed = _mean_interval(color(f"{frames}").times("look")[2:])
        both = color(f"2-{middle - 1}")
        back, between = _mean_interval(both.times("look")[2:middle]), _mean_interval(both.times("frame"))
        check, verify = (run("farm", what, "--shot", file).seconds for what in ("check", "verify"))
    startup = alone.seconds - 2 * reference - (frames - middle) * one_sided
    return Costs(startup, one_sided, between, passed, back, reference, check, verify)


def _mean_interval(times: Sequence[float]) -> float:
    return (times[-1] - times[0]) / (len(times) - 1)


def work(file: str, tasks: int, workers: int) -> list[float]:
    """Colour a shot with several workers. A free worker takes the next task.

    Args:
        file: Path of the shot.json.
        tasks: Number of the shot's tasks.
        workers: Number of workers, each on a core of its own.

    Returns:
        CPU seconds of each worker.
    """
    due: queue.SimpleQueue[int] = queue.SimpleQueue()
    for number in range(tasks):
        due.put(number)
    spent = [0.0] * workers

    def take_tasks(core: int) -> None:
        while True:
            try:
                number = due.get_nowait()
            except queue.Empty:
                return
            spent[core] += run("farm", "span", "--shot", file, "--span", str(number), core=core).seconds

    threads = [threading.Thread(target=take_tasks, args=(core,)) for core in range(workers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return spent


def compare(size: str, frames: int, workers: Sequence[int]) -> None:
    """Print the predicted and the measured times of a small job.

    Args:
        size: Size of the plate in px, as "384x216".
        frames: Number of frames, 3 or more, with three keyframes: the first, and those after each third.
        workers: Numbers of workers to measure, one after another.
    """
    costs = measure(size, 24)
    print(costs)
    keyframes = [1 + frames * part // 3 for part in range(3)]
    for count in workers:
        with tempfile.TemporaryDirectory() as folder:
            shot, file = write_shot(Path(folder), size, frames, keyframes)
            tasks = len(plan_tasks(shot))
            start = time.perf_counter()
            taken = max(work(file, tasks, count))
            clock = time.perf_counter() - start
        colour = colour_tasks(frames, [key - 1 for key in keyframes], costs, MAX_SPAN)
        predicted = simulate([[colour]], hosts=count)
        print(
            f"{count} workers, {tasks} tasks: {predicted:.1f} s predicted, {taken:.1f} s measured ({clock:.0f} s by "
            f"the clock), measured / predicted {taken / predicted:.2f}"
        )


def main() -> None:
    """Run the measurement that the command line names, and print it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("measure", "compare"))
    parser.add_argument("--size")
    parser.add_argument("--frames", type=int)
    parser.add_argument("--workers", type=int, nargs="+", default=(1, 2))
    options = parser.parse_args()
    if options.what == "measure":
        print(measure(options.size or "1920x1080", options.frames or 24))
    else:
        compare(options.size or "384x216", options.frames or 60, options.workers)


if __name__ == "__main__":
    main()

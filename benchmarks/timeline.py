"""Show where the wall time of a run goes: which function of which stage runs on which thread when.

    python benchmarks/timeline.py [--size 384x216] [--frames 12] [--keys 1] [--model exemplar]

Colours the shot of speed.py, EXR to EXR, with all its threads. Prints for each call when it began and ended after the
references were written, its CPU time, the thread, and the function; then when the first frame was there, and the wall
and CPU time of a frame. Their ratio is how many cores were busy on average. Where others use the machine, a call ends
later than it would, but its CPU time hardly grows. Needs no data.
"""

from __future__ import annotations

import argparse
import tempfile
import threading
import time
from pathlib import Path

from speed import make_shot, shot_of
from stages import stage_times

import stcolor_core.method.features.exemplar
import stcolor_core.method.refinement.exemplar  # noqa: F401  (only modules that are imported already are timed)
from stcolor_core.pipeline import run
from stcolor_core.shots.shot import Shot
from stcolor_core.terminal import limit_threads


def main() -> None:
    """Colour the shot and print the calls in the order in which they began."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", default="384x216")
    parser.add_argument("--frames", type=int, default=12)
    parser.add_argument("--keys", type=int, choices=(1, 2), default=1)
    parser.add_argument("--model", default="standard")
    options = parser.parse_args()
    width, height = map(int, options.size.split("x"))
    limit_threads()
    calls: list[tuple[float, float, float, str, str]] = []

    def record(name: str, began: float, cpu: float) -> None:
        calls.append((began, time.perf_counter(), cpu, threading.current_thread().name, name))

    with tempfile.TemporaryDirectory() as folder:
        make_shot(Path(folder), width, height, options.frames, keyframes=(1, options.frames)[: options.keys])
        shot = Shot.from_json(shot_of(Path(folder), [f"method.model={options.model}"]))
        with stage_times("stcolor_core", on_call=record):
            frames = run.colorize(shot, force=True)
            for _ in range(options.keys):
                next(frames)
            start, busy, ends = time.perf_counter(), time.process_time(), []
            for _ in frames:
                ends.append(time.perf_counter() - start)
            busy = time.process_time() - busy
    for began, ended, cpu, thread, name in sorted(calls):
        if ended > start:
            begin, end = 1e3 * (began - start), 1e3 * (ended - start)
            print(f"{begin:8.0f} to {end:6.0f} ms, CPU {1e3 * cpu:6.1f} ms  {thread:32} {name}")
    wall, count = ends[-1], len(ends)
    print(f"first frame after {1e3 * ends[0]:.0f} ms, {busy / wall:.2f} cores busy")
    print(f"{1e3 * wall / count:.0f} ms of wall and {1e3 * busy / count:.0f} ms of CPU a frame")


if __name__ == "__main__":
    main()

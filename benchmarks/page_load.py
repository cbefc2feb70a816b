"""What the open, playing page costs a job: many short jobs of one core, in turns with and without the page (ABBA).

    python benchmarks/page_load.py [--size 640x360] [--frames 12] [--working-height 144] [--blocks 8]

The core runs in a thread of this process, so that the CPU time of each of its threads can be read. Three ratios are
printed, each the median over blocks of four jobs (without, with, with, without the page; then the other way round):

- "served": CPU seconds of the threads that answer requests, more than without the page, over those of the job. What
  the page takes away from a job if no core is idle. It hardly depends on what else the machine does.
- "job": CPU seconds of all other threads with the page over those without it: whether the page slows the job by
  locks and caches.
- "together": of the whole core, with the page over without it.

The browser is open all the time, on an empty page in the turns without; its own CPU is that of another program, and is
in the time by the clock alone. Linux only: other systems do not tell the CPU time of a thread. Needs chromium,
chromedriver and selenium. The footage is made here.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from page import WAIT, browser, make_shot, shown, size
from serving import Client, running_core, until

from stcolor_core.shots.shot import Shot

_SERVING = ("http", "AnyIO")  # names of the threads that answer requests begin so


@dataclass(frozen=True)
class Cost:
    """CPU seconds of one job.

    Attributes:
        served: Of the threads that answer requests.
        job: Of all other threads of the core.
        clock: Seconds by the clock.
        pictures: Pictures that the page asked for meanwhile.
    """

    served: float
    job: float
    clock: float
    pictures: int = 0


class Meter:
    """Reads the CPU time of this process by what its threads are for; ended threads count too."""

    def __init__(self) -> None:
        self._of_thread: dict[int, float] = {}

    def read(self) -> tuple[float, float]:
        """Return the CPU seconds of the threads that answer requests, and of all others but this one."""
        for thread in threading.enumerate():
            if thread.name.startswith(_SERVING) and thread.ident is not None:
                with suppress(OSError):  # it has ended
                    self._of_thread[thread.ident] = time.clock_gettime(time.pthread_getcpuclockid(thread.ident))
        served = sum(self._of_thread.values())
        return served, time.process_time() - served - time.thread_time()


def run_job(client: Client, shot: Shot, driver: Any, *, with_page: bool) -> Cost:
    """Colour a shot and measure what that costs. The page, if it is open, plays as soon as there is a picture.

    Args:
        client: Sends requests to the core, which must run in this process.
        shot: The shot; no frame of its output may exist yet.
        driver: The browser's.
        with_page: Whether the core's page is open.

    Returns:
        The cost from the job's submission to its end.
    """
    meter = Meter()
    if with_page:
        driver.get(client.request("POST", "/v1/ticket")[1]["url"])
        until(lambda: shown(driver), WAIT)
    (served, others), began = meter.read(), time.monotonic()
    job = client.submit(shot)
    if with_page:
        until(lambda: shown(driver).startswith(job), WAIT)
        driver.execute_script("document.querySelector('#play').click()")
    while client.get(f"/v1/jobs/{job}")["state"] not in ("done", "failed", "cancelled"):
        meter.read()
        time.sleep(0.2)
    seconds = time.monotonic() - began
    after = meter.read()
    pictures = 0
    if with_page:
        pictures = driver.execute_script(
            "return performance.getEntriesByType('resource').filter(({ name }) => name.includes('/picture')).length"
        )
        assert driver.execute_script("return document.querySelector('#play').textContent") == "Pause", "it stopped"
        driver.get("about:blank")
    assert client.get(f"/v1/jobs/{job}")["state"] == "done"
    return Cost(after[0] - served, after[1] - others, seconds, pictures)


def quartiles(values: list[float]) -> str:
    """Return the median, the middle half and the range of some ratios, as percentages in words.

    Args:
        values: One ratio for each block, such as 0.01 for 1 % more; 2 or more.
    """
    low, middle, high = statistics.quantiles(values, n=4)
    spread = f"half of the blocks {low:+.2%} to {high:+.2%}, all {min(values):+.2%} to {max(values):+.2%}"
    return f"median {middle:+.2%}, {spread}"


def main() -> None:
    """Run the jobs with and without the page, and print the ratios."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=size, default=(640, 360), help="of the plate, such as 1280x720")
    parser.add_argument("--frames", type=int, default=12)
    parser.add_argument("--working-height", type=int, default=144)
    parser.add_argument("--blocks", type=int, default=8, help="blocks of four jobs, 2 or more")
    options = parser.parse_args()
    with (
        tempfile.TemporaryDirectory(prefix="refcolorize-page-load-") as name,
        running_core(Path(name) / "state", device="cpu") as client,
        browser() as driver,
    ):
        shot = make_shot(Path(name) / "shot", options.size, options.frames, working_height=options.working_height)
        number = 0

        def run(with_page: bool) -> Cost:
            nonlocal number
            number += 1
            path = shot.output.path.replace("v001", f"v{number + 1:03}")
            return run_job(client, replace(shot, output=replace(shot.output, path=path)), driver, with_page=with_page)

        for with_page in (False, True):  # warm up
            run(with_page)
        served, job, together, clock = [], [], [], []
        for block in range(options.blocks):
            order = (False, True, True, False) if block % 2 == 0 else (True, False, False, True)
            costs: dict[bool, list[Cost]] = {False: [], True: []}
            for with_page in order:
                costs[with_page].append(run(with_page))
            sums = {
                key: tuple(sum(getattr(cost, field) for cost in each) for field in ("served", "job", "clock"))
                for key, each in costs.items()
            }
            (served_with, job_with, clock_with), (served_without, job_without, clock_without) = sums[True], sums[False]
            served.append((served_with - served_without) / job_without)
            job.append(job_with / job_without - 1)
            together.append((served_with + job_with) / (served_without + job_without) - 1)
            clock.append(clock_with / clock_without - 1)
            print(
                f"  block {block + 1}: job {job_without / 2:.2f} and {job_with / 2:.2f} CPU s without and with the "
                f"page, served {served_without / 2:.3f} and {served_with / 2:.3f}, "
                f"{sum(cost.pictures for cost in costs[True]) / 2:.0f} pictures shown",
                flush=True,
            )
    what = f"{options.size[0]} x {options.size[1]}, {options.frames} frames, {4 * options.blocks} jobs"
    print(f"{what}, CPU of the core that a job has more with the page open and playing:")
    for label, values in (("served", served), ("job", job), ("together", together), ("by the clock", clock)):
        print(f"  {label}: {quartiles(values)}")


if __name__ == "__main__":
    main()

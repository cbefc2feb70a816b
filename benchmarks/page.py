"""How fast the page of the core is, and what it costs a job: a real core, a real browser (headless Chromium).

    python benchmarks/page.py scrub [--size 4096x2160] [--frames 12]
    python benchmarks/page.py cancel [--size 4096x2160]

`scrub`: milliseconds from a pointer move on the time line to the right picture, in random order, with the previews that
were made when the frames were written, and without them. `cancel`: seconds from the press of Cancel to the answer,
while somebody scrubs a shot that has no previews. What the page costs a job: page_load.py.

Needs chromium, chromedriver and selenium. The footage is made here.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np

sys.path[:0] = [str(Path(__file__).resolve().parents[1]), str(Path(__file__).resolve().parents[1] / "tests" / "core")]

from serving import Client, until  # noqa: E402

from stcolor_core.images import frame_files  # noqa: E402
from stcolor_core.service.access import find  # noqa: E402
from stcolor_core.shots.output import Output  # noqa: E402
from stcolor_core.shots.pictures import Plate, Reference  # noqa: E402
from stcolor_core.shots.settings import Method  # noqa: E402
from stcolor_core.shots.shot import Shot  # noqa: E402

FIRST = 1001
WAIT = 600.0


@dataclass
class Core:
    """A core in a process of its own.

    Attributes:
        client: Sends requests to it.
        state: Its state folder.
    """

    client: Client
    state: Path

    def finish(self, job: str) -> None:
        """Wait until a job has ended, in whatever way.

        Args:
            job: Id of the job.
        """
        until(lambda: self.client.get(f"/v1/jobs/{job}")["state"] in ("done", "failed", "cancelled"), WAIT)


@contextmanager
def core(folder: Path) -> Iterator[Core]:
    """Yield a running core, on the CPU, and stop it at the end.

    Args:
        folder: Its state folder, which must not exist yet.
    """
    environment = {**os.environ, "STCOLOR_STATE_DIR": str(folder), "PYTHONPATH": sys.path[0]}
    folder.mkdir()
    command = [sys.executable, "-m", "stcolor_core.cli", "serve", "--device", "cpu"]
    with subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL) as process:
        try:
            yield Core(Client(until(lambda: find(folder))), folder)
        finally:
            process.terminate()


@contextmanager
def browser() -> Iterator[Any]:
    """Yield the driver of a headless Chromium with a window of 1600 x 1000, and close it at the end."""
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    options = webdriver.ChromeOptions()
    options.binary_location = str(shutil.which("chromium") or shutil.which("google-chrome"))
    for flag in ("headless=new", "no-sandbox", "disable-dev-shm-usage", "window-size=1600,1000"):
        options.add_argument(f"--{flag}")
    driver = webdriver.Chrome(options=options, service=Service(shutil.which("chromedriver")))
    driver.set_script_timeout(WAIT)
    try:
        yield driver
    finally:
        driver.quit()


def make_shot(folder: Path, size: tuple[int, int], frames: int, *, working_height: int) -> Shot:
    """Write a plate that pans over a painted texture, and its first frame in colour.

    Args:
        folder: Where plate, reference and output go; must not exist yet.
        size: Width and height of the plate, px.
        frames: Length of the plate.
        working_height: Lines at which colour is computed.

    Returns:
        The shot, from frame `FIRST`, with its first frame as the reference.
    """
    width, height = size
    folder.mkdir()
    rng = np.random.default_rng(0)
    small = rng.uniform(0.02, 0.9, (height // 8, width // 8 + 2 * frames, 3)).astype(np.float32)
    picture = cv2.resize(small, (width + 16 * frames, height), interpolation=cv2.INTER_CUBIC)
    picture += rng.normal(0, 0.01, picture.shape).astype(np.float32)  # grain, as a plate has
    for number in range(frames):
        rgb = picture[:, 8 * number : 8 * number + width]
        grey = rgb @ np.array([0.2126, 0.7152, 0.0722], np.float32)
        frame_files.write_frame(folder / f"plate.{FIRST + number}.exr", {"Y": (grey, "half")})
        if number == 0:
            channels = {name: (np.ascontiguousarray(rgb[..., place]), "half") for place, name in enumerate("RGB")}
            frame_files.write_frame(folder / f"ref.{FIRST}.exr", channels)  # type: ignore[arg-type]
    return Shot(
        plate=Plate(path=str(folder / "plate.####.exr")),
        output=Output(path=str(folder / "v001" / "shot_v001.####.exr")),
        references=(Reference(path=str(folder / "ref.####.exr")),),
        method=Method(working_height=working_height, cuts="none"),
    )


def open_page(driver: Any, running: Core, job: str) -> None:
    """Open the page of a core, and wait until it shows a picture of a job.

    Args:
        driver: The browser's.
        running: The core.
        job: Id of the job.
    """
    driver.get(running.client.request("POST", "/v1/ticket")[1]["url"])
    until(lambda: shown(driver).startswith(job), WAIT)


def shown(driver: Any) -> str:
    """Return the job and the frame that the page shows, as "JOB FRAME"; "" as long as it shows none.

    Args:
        driver: The browser's, with the page open.
    """
    return driver.execute_script("return document.querySelector('#screen')?.dataset.shown ?? ''")


# Moves the pointer to a frame on the time line and calls back when that frame's picture is drawn: [milliseconds].
SCRUB = """
const [job, frame, first, last, done] = arguments;
const host = document.querySelector("#plot");
const box = host.querySelector("svg").getBoundingClientRect();
const x = box.left + 40 + (frame - first) / (last - first) * (box.width - 62);
const screen = document.querySelector("#screen");
const began = performance.now();
const look = () => {
  if (screen.dataset.shown === `${job} ${frame}`) done(performance.now() - began);
  else requestAnimationFrame(look);
};
host.dispatchEvent(new PointerEvent("pointermove", { clientX: x, clientY: box.top + 60, buttons: 1, bubbles: true }));
look();
"""


def scrub(options: argparse.Namespace, folder: Path) -> None:
    """Print how long each frame takes to appear under the pointer, with previews and without.

    Args:
        options: As parsed by `main`.
        folder: Holds the shot and the core's state; must be empty.
    """
    shot = make_shot(folder / "shot", options.size, options.frames, working_height=64)
    frames = list(range(FIRST, FIRST + options.frames))
    with core(folder / "state") as running:
        job = running.client.submit(shot)
        running.finish(job)
        for kind in ("with previews", "without previews"):
            if kind == "without previews":
                shutil.rmtree(running.state / "pictures")
            with browser() as driver:
                open_page(driver, running, job)
                order = random.Random(1).sample(frames[:-1], len(frames) - 1)
                times = [driver.execute_async_script(SCRUB, job, frame, frames[0], frames[-1]) for frame in order]
            print(
                f"scrub {options.size[0]} x {options.size[1]}, {kind}: median {statistics.median(times):.0f} ms, "
                f"most {max(times):.0f} ms, of {len(times)} frames seen for the first time"
            )


def cancel(options: argparse.Namespace, folder: Path) -> None:
    """Print how long Cancel takes to be answered and to end the job while the time line is scrubbed.

    Args:
        options: As parsed by `main`.
        folder: Holds the shot and the core's state; must be empty.
    """
    shot = make_shot(folder / "shot", options.size, options.frames, working_height=64)
    with core(folder / "state") as running, browser() as driver:
        done = running.client.submit(shot)
        running.finish(done)
        shutil.rmtree(running.state / "pictures")
        longer = replace(shot, output=replace(shot.output, path=shot.output.path.replace("v001", "v002")))
        seconds = []
        for _ in range(options.pairs):
            job = running.client.submit(longer)
            until(lambda job=job: running.client.get(f"/v1/jobs/{job}")["done"] >= 2, WAIT)
            driver.get(running.client.request("POST", "/v1/ticket")[1]["url"])
            until(lambda job=job: shown(driver).startswith(job), WAIT)
            shutil.rmtree(running.state / "pictures", ignore_errors=True)
            driver.execute_script(
                """
                const host = document.querySelector("#plot");
                const box = host.querySelector("svg").getBoundingClientRect();
                let x = 0;
                window.scrubbing = setInterval(() => {
                  x = (x + 37) % (box.width - 62);
                  const at = { clientX: box.left + 40 + x, clientY: box.top + 60, buttons: 1, bubbles: true };
                  host.dispatchEvent(new PointerEvent("pointermove", at));
                }, 16);
                """
            )
            time.sleep(1)
            driver.execute_script("document.querySelector('#cancel').click()")
            began = time.monotonic()
            until(lambda: "Cancelling" in driver.find_element("id", "cancel").text, WAIT)
            events = running.client.events(job, until=lambda event: event["kind"] in ("cancelled", "done"))
            ended = time.monotonic() - began
            answered = driver.execute_script(
                "const sent = performance.getEntriesByType('resource');"
                "return sent.filter((entry) => entry.name.endsWith('/cancel')).at(-1).duration"
            )
            driver.execute_script("clearInterval(window.scrubbing)")
            kinds = {event["kind"] for event in events}
            seconds.append((answered / 1000, ended, "cancelled" if "cancelled" in kinds else "done"))
            for path in Path(longer.output.path).parent.glob("*.exr"):
                path.unlink()
        for answered, ended, kind in seconds:
            print(f"cancel while scrubbing: answered after {answered:.2f} s; the job was {kind} after {ended:.1f} s")


def size(text: str) -> tuple[int, int]:
    """Return the width and the height, px.

    Args:
        text: Both as on the command line, such as "4096x2160".
    """
    width, height = map(int, text.split("x"))
    return width, height


def main() -> None:
    """Run the measurement that the command line names, in a temporary folder."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["scrub", "cancel"])
    parser.add_argument("--size", type=size, help="of the plate, such as 4096x2160")
    parser.add_argument("--frames", type=int)
    parser.add_argument("--pairs", type=int, default=3, help="runs of cancel")
    options = parser.parse_args()
    options.size = options.size or (4096, 2160)
    options.frames = options.frames or 12
    work: dict[str, Callable[[argparse.Namespace, Path], None]] = {"scrub": scrub, "cancel": cancel}
    with tempfile.TemporaryDirectory(prefix="refcolorize-page-") as folder:
        work[options.what](options, Path(folder))


if __name__ == "__main__":
    main()

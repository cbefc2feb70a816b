"""Measure the memory of one core that colours shot after shot: each shot must free what it used.

    python benchmarks/service_memory.py [--small 200] [--large 5] [--frames 3]

Starts one `stcolor serve`, which colours small shots (96 x 54) and shots of 4096 x 2160, a few frames each, one job for
each shot. Prints the resident memory of that process after the first shot of each size, along the way, and at the end,
each divided by the memory after the first two shots. More than 1.10 is a leak. Needs no data, but 2 GB of temporary
disk.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
from speed import make_shot

from stcolor_core.service.access import Connection, find
from stcolor_core.shots.output import Output
from stcolor_core.shots.pictures import Plate, Reference
from stcolor_core.shots.settings import Method
from stcolor_core.shots.shot import Shot

_SMALL, _LARGE = (96, 54), (4096, 2160)
_LINES = 10  # printed on the way
_START_SECONDS = 120.0


@dataclass(frozen=True)
class Core:
    """A running core and the memory of its process.

    Attributes:
        connection: Its address, token and process id.
    """

    connection: Connection

    def color(self, shot: Shot) -> None:
        """Submit the shot and wait until it is done.

        Args:
            shot: The shot; its plate and references must exist.

        Raises:
            SystemExit: If the job fails.
        """
        job = self._request("/v1/jobs", json.loads(shot.to_json()))
        after = 0
        while job["state"] in ("queued", "running"):
            answer = self._request(f"/v1/jobs/{job['id']}/events?after={after}&wait=20")
            job, after = answer["job"], max([after, *(event["number"] for event in answer["events"])])
        if job["state"] != "done":
            raise SystemExit(f"{shot.output.path}: {job['error']}")

    def resident(self) -> float:
        """Return the resident memory in MiB."""
        return float(psutil.Process(self.connection.pid).memory_info().rss / 2**20)

    def _request(self, path: str, body: Any = None) -> Any:
        headers = {"Authorization": f"Bearer {self.connection.token}", "Content-Type": "application/json"}
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.connection.url + path, data, headers)
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=60) as answer:
            return json.load(answer)


@contextmanager
def running(folder: Path) -> Iterator[Core]:
    """Yield a running core with its own state folder, and stop it at the end.

    Args:
        folder: The state folder, which must not exist yet.

    Raises:
        SystemExit: If the core does not start.
    """
    folder.mkdir()
    command = [sys.executable, "-m", "stcolor_core.cli", "serve", "--device", "cpu"]
    environment = {**os.environ, "STCOLOR_STATE_DIR": str(folder)}
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + _START_SECONDS
        while (connection := find(folder)) is None:
            if process.poll() is not None or time.monotonic() > deadline:
                raise SystemExit(f"The core did not start. {folder / 'core.log'} may say why.")
            time.sleep(0.1)
        yield Core(connection)
    finally:
        process.terminate()
        process.wait()


def shots(folder: Path, size: tuple[int, int], frames: int, count: int) -> list[Shot]:
    """Return `count` shots of one plate, each with its own output.

    Args:
        folder: Where the plate is written and the outputs go; must not exist yet.
        size: Width and height of the plate, px.
        frames: Length of the plate; its first frame is the keyframe.
        count: Number of shots.
    """
    folder.mkdir()
    make_shot(folder, *size, frames, keyframes=(1,))
    return [
        Shot(
            plate=Plate(path=str(folder / "plate.####.exr")),
            output=Output(path=str(folder / "out" / f"{number:04d}.####.exr")),
            references=(Reference(path=str(folder / "ref.0001.exr"), frame=1),),
            method=Method(working_height=64 if size == _SMALL else 432),
        )
        for number in range(count)
    ]


def main() -> None:
    """Colour the shots, the first of each size before the others, and print the memory of the core."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--small", type=int, default=200)
    parser.add_argument("--large", type=int, default=5)
    parser.add_argument("--frames", type=int, default=3)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, running(Path(folder) / "state") as core:
        small = shots(Path(folder) / "small", _SMALL, options.frames, options.small)
        large = shots(Path(folder) / "large", _LARGE, options.frames, options.large)
        print(f"{core.resident():8.0f} MiB before any shot")
        for what, first in (("small", small[:1]), ("4K", large[:1])):
            for shot in first:
                core.color(shot)
                print(f"{core.resident():8.0f} MiB after the first {what} shot", flush=True)
        baseline = core.resident()
        rest = [*small[1:], *large[1:]]
        shown = {len(rest) * part // _LINES for part in range(1, _LINES + 1)} | set(range(len(small), len(rest) + 1))
        for done, shot in enumerate(rest, start=1):
            core.color(shot)
            for written in Path(shot.output.path).parent.iterdir():
                written.unlink()
            if done in shown:
                now = core.resident()
                print(f"{now:8.0f} MiB after {done + 2} shots: {now / baseline:.2f}", flush=True)


if __name__ == "__main__":
    main()

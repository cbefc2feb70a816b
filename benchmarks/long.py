"""Measure memory and cost along one long shot, EXR to EXR: neither may grow.

    python benchmarks/long.py [--frames 5000] [--size 96x54] [--working-height 64]

Colours a pan over a textured wall. Its keyframes are the first frame and the middle one, so that the first half lies
between two keyframes and the second half after one. After every tenth of the shot, prints the CPU seconds a frame since
the last line, and the resident memory. The first line includes the work before the first frame: planning, cut detection
and tracking back. Needs no data.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

import psutil
from speed import make_shot


def main() -> None:
    """Colour the shot and print its cost along the way."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--frames", type=int, default=5000)
    parser.add_argument("--size", default="96x54")
    parser.add_argument("--working-height", type=int, default=64)
    options = parser.parse_args()
    width, height = map(int, options.size.split("x"))
    keyframes = (1, options.frames // 2)
    with tempfile.TemporaryDirectory() as folder:
        make_shot(Path(folder), width, height, options.frames, keyframes=keyframes)
        measure(Path(folder), options.frames, keyframes, options.working_height)


def measure(folder: Path, frames: int, keyframes: tuple[int, ...], working_height: int) -> None:
    """Colour the shot in `folder`, and print a line after every tenth of it.

    Args:
        folder: Holds the plate and the keyframes of `speed.make_shot`; the output is written there too.
        frames: Number of frames of the shot.
        keyframes: Frames with a coloured picture, from 1.
        working_height: Height in px that colours are computed at.
    """
    from stcolor_core.pipeline import run
    from stcolor_core.shots.output import Output
    from stcolor_core.shots.pictures import Plate, Reference
    from stcolor_core.shots.settings import Method
    from stcolor_core.shots.shot import Shot
    from stcolor_core.terminal import limit_threads

    process, most = psutil.Process(), 0.0

    def record_memory(_: run.Event) -> None:
        nonlocal most
        most = max(most, process.memory_info().rss / 2**20)

    shot = Shot(
        plate=Plate(path=str(folder / "plate.####.exr")),
        output=Output(path=str(folder / "out/shot.####.exr")),
        references=tuple(Reference(path=str(folder / f"ref.{key:04d}.exr"), frame=key) for key in keyframes),
        method=Method(working_height=working_height),
    )
    limit_threads()
    tenth, since = max(1, frames // 10), time.process_time()
    for done, _ in enumerate(run.colorize(shot, report=record_memory), start=1):
        if done % tenth == 0:
            now = time.process_time()
            resident = process.memory_info().rss / 2**20
            print(
                f"{done:6} frames: {(now - since) / tenth:.4f} s of CPU a frame, "
                f"{resident:.0f} MiB resident, {most:.0f} at most",
                flush=True,
            )
            since, most = now, 0.0


if __name__ == "__main__":
    main()

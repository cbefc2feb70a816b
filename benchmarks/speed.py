"""Measure seconds a frame by stage, EXR to EXR, peak memory, and whether either grows with a shot's length.

    python benchmarks/speed.py speed  [--size 384x216 1920x1080] [--frames 12] [--keys 1] [--model standard]
    python benchmarks/speed.py memory [--size 384x216] [--lengths 60 240]
    python benchmarks/speed.py large  [--size 4096x2160] [--frames 3]

The shot is a pan over a textured wall with a reference at its first frame, and with --keys 2 another at its last. The
clock starts when the models are loaded and the cuts are detected. Stages are seconds of one core, run one after
another, without the work of OpenEXR's own threads. Every row runs in its own process. Machines are shared, so compare
wall times of one run only. Needs no data; not for Windows, which lacks `resource`.
"""

from __future__ import annotations

import argparse
import cProfile
import json
import pstats
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future
from pathlib import Path

import cv2
import numpy as np

STAGES = {
    "read": ("plates.py", "read_plate"),
    "lightness": ("color.py", "lightness"),
    "features": ("standard.py", "both"),
    "tracking": ("walk.py", "advance"),
    "of it flow": ("flow.py", "advance"),
    "matching": ("matching.py", "collect_evidence"),
    "of it warp": ("warping.py", "warp"),
    "refine": ("learned.py", "refine"),
    "upsample": ("upsampling.py", "upsample"),
    "layers": ("layers.py", "channels"),
    "composite": ("color.py", "composite"),
    "write": ("frame_files.py", "write_frame"),
    "resume check": ("plates.py", "is_complete"),
}


class InTurn:
    """An executor that runs each call at once, so that a profile of one thread covers all work."""

    def __init__(self, max_workers: int) -> None:
        pass

    def __enter__(self) -> InTurn:
        return self

    def __exit__(self, *exception: object) -> None:
        pass

    def submit(self, function: Callable[..., object], *arguments: object) -> Future[object]:
        """Call the function and return a finished future."""
        future: Future[object] = Future()
        future.set_result(function(*arguments))
        return future

    def map(self, function: Callable[..., object], items: Iterable[object]) -> Iterable[object]:
        """Yield the results one after another."""
        return map(function, items)


def make_shot(folder: Path, width: int, height: int, frames: int, *, keyframes: Sequence[int] = (1,)) -> None:
    """Write a pan of 2 px a frame that reverses every 120 px, so that a long shot needs no wide wall."""
    from stcolor_core.images import frame_files

    random = np.random.RandomState(0)
    noise = random.uniform(0, 1, (height // 4, (width + 240) // 4, 3)).astype(np.float32)
    wall = cv2.resize(cv2.GaussianBlur(noise, (0, 0), 2), (width + 240, height), interpolation=cv2.INTER_CUBIC)
    wall = np.clip(0.05 + 0.8 * (wall - wall.min()) / np.ptp(wall), 0, 1)
    for frame in range(1, frames + 1):
        left = abs((2 * frame) % 240 - 120)
        rgb = wall[:, left : left + width]
        frame_files.write_frame(
            folder / f"plate.{frame:04d}.exr", {"Y": (rgb @ np.float32([0.2126, 0.7152, 0.0722]), "half")}
        )
        if frame in keyframes:
            color = {name: (rgb[..., i], "half") for i, name in enumerate("RGB")}
            frame_files.write_frame(folder / f"ref.{frame:04d}.exr", color)


def child(folder: Path, model: str, *, profile: bool) -> None:
    """Colour the shot in `folder` and print the cost as one JSON object."""
    from stcolor_core.files import prefetch
    from stcolor_core.method import warping
    from stcolor_core.pipeline import run
    from stcolor_core.shots.shot import Method, Output, Plate, Reference, Shot
    from stcolor_core.terminal import limit_threads

    shot = Shot(
        plate=Plate(path=str(folder / "plate.####.exr")),
        output=Output(path=str(folder / "out/shot.####.exr")),
        references=(Reference(path=str(folder / "ref.####.exr")),),
        method=Method(model=model),
    )
    limit_threads()
    profiler = cProfile.Profile(time.thread_time)  # the time of other programs does not count
    if profile:
        for module in (prefetch, run, warping):
            module.ThreadPoolExecutor = InTurn  # type: ignore[attr-defined]
    frames = run.colorize(shot, force=True)
    for _ in folder.glob("ref.*.exr"):
        next(frames)  # the references; after them, loading, planning and cut detection are done
    start, busy = time.perf_counter(), time.process_time()
    if profile:
        profiler.enable()
    count = sum(1 for _ in frames)
    profiler.disable()
    seconds, busy = (time.perf_counter() - start) / count, (time.process_time() - busy) / count
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    stages = {}
    if profile:
        stats = pstats.Stats(profiler).stats  # type: ignore[attr-defined]
        for stage, (file, function) in STAGES.items():
            stages[stage] = (
                sum(row[3] for (path, _, name), row in stats.items() if name == function and path.endswith(file))
                / count
            )
    print(json.dumps({"seconds": seconds, "busy": busy, "peak_mib": peak, "stages": stages}))


def measure(size: str, frames: int, model: str, keys: int, *, profile: bool) -> dict[str, object]:
    """Measure one row in its own process."""
    width, height = map(int, size.split("x"))
    with tempfile.TemporaryDirectory() as folder:
        make_shot(Path(folder), width, height, frames, keyframes=(1, frames)[:keys])
        command = [sys.executable, __file__, "child", "--folder", folder, "--model", model]
        done = subprocess.run(command + ["--profile"] * profile, stdout=subprocess.PIPE, check=True, text=True)
    result: dict[str, object] = json.loads(done.stdout.splitlines()[-1])
    return result


def main() -> None:
    """Run the measurement that the command line names, and print it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("speed", "memory", "large", "child"))
    parser.add_argument("--size", nargs="+")
    parser.add_argument("--frames", type=int)
    parser.add_argument("--keys", type=int, choices=(1, 2), default=1)
    parser.add_argument("--lengths", nargs=2, type=int, default=(60, 240))
    parser.add_argument("--model", default="standard")
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--profile", action="store_true")
    options = parser.parse_args()
    if options.what == "child":
        child(options.folder, options.model, profile=options.profile)
    elif options.what == "speed":
        for size in options.size or ["384x216", "1920x1080"]:
            what = size, options.frames or 12, options.model, options.keys
            plain = measure(*what, profile=False)
            stages = measure(*what, profile=True)["stages"]
            wall, busy, peak = (plain[key] for key in ("seconds", "busy", "peak_mib"))
            print(f"{size}: {wall:.3f} s a frame ({busy:.3f} s of CPU), peak {peak:.0f} MiB")
            for stage, seconds in stages.items():  # type: ignore[attr-defined]
                print(f"    {stage:16} {seconds:.3f} s")
    elif options.what == "memory":
        for size in options.size or ["384x216"]:
            rows = [measure(size, length, options.model, options.keys, profile=False) for length in options.lengths]
            for length, row in zip(options.lengths, rows, strict=True):
                print(f"{size}, {length} frames: {row['busy']:.3f} s of CPU a frame, peak {row['peak_mib']:.0f} MiB")
            ratios = [rows[1][key] / rows[0][key] for key in ("busy", "peak_mib")]  # type: ignore[operator]
            print(f"ratio of the longer to the shorter: CPU a frame {ratios[0]:.3f}, peak memory {ratios[1]:.3f}")
    else:
        for size in options.size or ["4096x2160"]:
            row = measure(size, options.frames or 3, options.model, options.keys, profile=False)
            print(
                f"{size}: {row['seconds']:.2f} s a frame ({row['busy']:.2f} s of CPU), "
                f"peak {row['peak_mib'] / 1024:.2f} GiB"  # type: ignore[operator]
            )


if __name__ == "__main__":
    main()

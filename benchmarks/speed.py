"""Measure seconds a frame by stage, EXR to EXR, peak memory, and whether either grows with a shot's length.

    python benchmarks/speed.py speed  [--size 384x216 1920x1080] [--frames 12] [--keys 1] [--model standard]
    python benchmarks/speed.py memory [--size 384x216] [--lengths 60 240]
    python benchmarks/speed.py large  [--size 4096x2160] [--frames 3]
    python benchmarks/speed.py compare BASE [--size 384x216 1920x1080 4096x2160] [--frames 12] [--rounds 3]
                                            [--set method.model=exemplar] [--here output.compression=zip]

`compare` runs this checkout and the commit BASE in turns on the same plates and prints the ratio of each figure, here
to base, so that the noise of a shared machine cancels: the median over the rounds, and each round's in brackets. --set
changes the shot of both, --here only that of this checkout, for settings that BASE does not know. What a further frame
takes is what a shot takes more than one of 4 frames, both from the call to the last frame.

The shot is a pan over a textured wall with a reference at its first frame, and with --keys 2 another at its last. The
clock starts when the models are loaded and the cuts are detected. What was done of the next frames until then does not
count, so that a short shot makes a frame look cheaper than it is. Stages are seconds of one core, run one after
another, without the work of OpenEXR's own threads. Every row runs in its own process. Machines are shared, so compare
wall times of one run only. Needs no data; not for Windows, which lacks `resource`.
"""

from __future__ import annotations

import argparse
import importlib
import io
import json
import os
import resource
import statistics
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from stages import STAGES, stage_times

ROOT = Path(__file__).resolve().parents[1]
FIGURES = {
    "seconds": "s of wall a frame",
    "further": "s, a further frame",
    "busy": "s of CPU a frame",
    "peak_mib": "MiB at the peak",
}
SHORT = 4  # frames of the shot that a longer one is compared with
Row = dict[str, Any]


class InTurn:
    """An executor that runs each call at once, so that stages do not disturb each other."""

    def __init__(self, max_workers: int) -> None:
        pass

    def __enter__(self) -> InTurn:
        return self

    def __exit__(self, *exception: object) -> None:
        pass

    def submit(self, function: Callable[..., object], *arguments: object) -> Future[object]:
        """Call the function at once; its exception is raised here, not by the future.

        Args:
            function: What to call.
            arguments: Its arguments.

        Returns:
            A finished future with the result.
        """
        future: Future[object] = Future()
        future.set_result(function(*arguments))
        return future

    def map(self, function: Callable[..., object], items: Iterable[object]) -> Iterable[object]:
        """Yield the results one after another.

        Args:
            function: Called with each item.
            items: The items.
        """
        return map(function, items)


def make_shot(folder: Path, width: int, height: int, frames: int, *, keyframes: Sequence[int] = (1,)) -> None:
    """Write a pan of 2 px a frame that reverses every 120 px, so that a long shot needs no wide wall.

    Args:
        folder: Where plate.####.exr and ref.####.exr are written.
        width: Width of the plate, px.
        height: Height of the plate, px.
        frames: Length of the plate, from frame 1.
        keyframes: Frame numbers that are written in colour too.
    """
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


def shot_of(folder: Path, settings: Iterable[str]) -> str:
    """Return the shot in `folder` as JSON.

    Args:
        folder: As `make_shot` fills it.
        settings: Settings of the shot, like "method.model=exemplar", with a value in JSON or a bare word.
    """
    shot: Row = {
        "plate": {"path": str(folder / "plate.####.exr")},
        "output": {"path": str(folder / "out/shot.####.exr")},
        "references": [{"path": str(folder / "ref.####.exr")}],
        "method": {},
    }
    for setting in settings:
        name, _, text = setting.partition("=")
        part, _, key = name.partition(".")
        try:
            shot[part][key] = json.loads(text)
        except json.JSONDecodeError:  # a bare word
            shot[part][key] = text
    return json.dumps(shot)


def import_any(*names: str) -> Any:
    """Import the first of these modules of stcolor_core that exists: commits before November 28 have other names.

    Args:
        names: Names within stcolor_core, the newest first.

    Returns:
        The module.

    Raises:
        ModuleNotFoundError: If there is none of them.
    """
    for name in names:
        try:
            return importlib.import_module(f"stcolor_core.{name}")
        except ModuleNotFoundError:
            continue
    raise ModuleNotFoundError(f"none of {names}")


def child(shot_json: str, *, profile: bool) -> None:
    """Colour a shot with the stcolor_core that is imported, this checkout's or another commit's, and print the cost.

    Args:
        shot_json: The shot; its references must be ref.####.exr.
        profile: Whether to time the stages too. The work then runs in one thread, and takes longer by the clock.
    """
    run = import_any("pipeline.run", "pipeline")
    terminal = import_any("terminal")
    shot = import_any("shots.shot", "shot").Shot.from_json(shot_json)
    (getattr(terminal, "limit_threads", None) or terminal.share_the_machine)()
    if profile:
        for module in list(sys.modules.values()):
            if getattr(module, "__name__", "").startswith("stcolor_core") and hasattr(module, "ThreadPoolExecutor"):
                module.ThreadPoolExecutor = InTurn
    called = time.perf_counter()
    frames = run.colorize(shot, force=True)
    for _ in Path(shot.references[0].path).parent.glob("ref.*.exr"):
        next(frames)  # the references; after them, loading, planning and cut detection are done
    start, busy = time.perf_counter(), time.process_time()
    with stage_times("stcolor_core") if profile else nullcontext({}) as spent:
        count = sum(1 for _ in frames)
    now = time.perf_counter()
    whole, seconds, busy = now - called, (now - start) / count, (time.process_time() - busy) / count
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    stages = {stage: value / count for stage, value in spent.items()}
    print(json.dumps({"whole": whole, "seconds": seconds, "busy": busy, "peak_mib": peak, "stages": stages}))


def run_child(shot_json: str, code: Path = ROOT, *, profile: bool) -> Row:
    """Measure one row in its own process, with the stcolor_core in the folder `code`.

    Args:
        shot_json: The shot, as `shot_of` returns it.
        code: The folder that holds stcolor_core: a checkout, or what is unpacked of a commit.
        profile: Whether to time the stages too.

    Returns:
        The `FIGURES` by name but "further", under "whole" the seconds from the call to the last frame, and under
        "stages" the seconds a frame of each of `STAGES`; empty without `profile`.
    """
    command = [sys.executable, __file__, "child", "--shot", shot_json, *["--profile"] * profile]
    environment = {**os.environ, "PYTHONPATH": str(code)}
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True, env=environment)
    result: Row = json.loads(done.stdout.splitlines()[-1])
    return result


def compare(
    base: str, sizes: Sequence[str], frames: int, keys: int, rounds: int, settings: dict[str, list[str]]
) -> None:
    """Run the commit `base` and this checkout in turns on the same shot, and print the ratios.

    Args:
        base: The commit, by any name that git knows.
        sizes: Sizes of the plate, such as "1920x1080".
        frames: Length of the plate, above `SHORT`.
        keys: 1 for a keyframe at the first frame, 2 for another at the last.
        rounds: Runs of each side for a size, besides the one with stages.
        settings: Settings of the shot for "base" and for "here", see `shot_of`.
    """
    archive = subprocess.run(["git", "archive", base, "stcolor_core"], cwd=ROOT, stdout=subprocess.PIPE, check=True)
    with tempfile.TemporaryDirectory() as base_code:
        with tarfile.open(fileobj=io.BytesIO(archive.stdout)) as files:
            files.extractall(base_code, filter="data")
        code = {"base": Path(base_code), "here": ROOT}
        for size in sizes:
            width, height = map(int, size.split("x"))
            with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryDirectory() as short:
                shots = []
                for place, count in ((folder, frames), (short, SHORT)):
                    make_shot(Path(place), width, height, count, keyframes=(1, count)[:keys])
                    output = f"output.path={place}/{{}}/shot.####.exr"
                    shots += [{side: shot_of(Path(place), [output.format(side), *settings[side]]) for side in code}]
                rows: dict[str, list[Row]] = {side: [] for side in code}
                for turn in range(rounds):
                    for side in ("base", "here") if turn % 2 == 0 else ("here", "base"):
                        row, of_short = (run_child(shot[side], code[side], profile=False) for shot in shots)
                        further = (row["whole"] - of_short["whole"]) / (frames - SHORT)
                        rows[side].append({**row, "further": further})
                stages = {side: run_child(shots[0][side], code[side], profile=True)["stages"] for side in code}
                print(f"{size}, {frames} frames, {keys} keys, here against {base} in {rounds} rounds")
                print_ratios(rows, stages)
                print(f"    {largest_difference(Path(folder))}", flush=True)


def print_ratios(rows: dict[str, list[Row]], stages: dict[str, Row]) -> None:
    """Print base, here and their ratio for each figure and each stage.

    Args:
        rows: For "base" and for "here", a row of each round, as `run_child` returns it.
        stages: For each side, the seconds a frame of each stage.
    """
    for key, name in FIGURES.items():
        base, here = ([row[key] for row in rows[side]] for side in ("base", "here"))
        ratios = [b / a for a, b in zip(base, here, strict=True)]
        each = " ".join(f"{ratio:.2f}" for ratio in ratios)
        middle = statistics.median(ratios)
        print(f"    {name:20}{statistics.median(base):9.3f}{statistics.median(here):9.3f}{middle:7.2f}  ({each})")
    for stage in STAGES:
        base_time, time_here = stages["base"][stage], stages["here"][stage]
        if base_time or time_here:
            ratio = f"{time_here / base_time:7.2f}" if base_time else "      -"
            print(f"    {stage:20}{base_time:9.3f}{time_here:9.3f}{ratio}")


def largest_difference(folder: Path) -> str:
    """Return how far the pixels of the last frame of the two sides are apart, as a line.

    Args:
        folder: Holds the frames of the sides in base/ and here/.
    """
    from stcolor_core.images import plates

    last = max(path.name for path in (folder / "base").glob("*.exr"))
    base, here = (plates.read(folder / side / last) for side in ("base", "here"))
    channels = [
        name for name in ("R", "G", "B", "rc_ab.u", "rc_ab.v") if name in base.channels and name in here.channels
    ]
    gaps = {
        name: float(
            np.abs(base.pixels[..., base.channels.index(name)] - here.pixels[..., here.channels.index(name)]).max()
        )
        for name in channels
    }
    return "largest difference in the last frame: " + ", ".join(f"{name} {gap:.4g}" for name, gap in gaps.items())


def measure(size: str, frames: int, model: str, keys: int, *, profile: bool) -> Row:
    """Measure one row in its own process.

    Args:
        size: Size of the plate, such as "1920x1080".
        frames: Length of the plate.
        model: Name of the model.
        keys: 1 for a keyframe at the first frame, 2 for another at the last.
        profile: Whether to time the stages too.

    Returns:
        The row, as `run_child` returns it.
    """
    width, height = map(int, size.split("x"))
    with tempfile.TemporaryDirectory() as folder:
        make_shot(Path(folder), width, height, frames, keyframes=(1, frames)[:keys])
        return run_child(shot_of(Path(folder), [f"method.model={model}"]), profile=profile)


def main() -> None:
    """Run the measurement that the command line names, and print it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("speed", "memory", "large", "compare", "child"))
    parser.add_argument("base", nargs="?")
    parser.add_argument("--size", nargs="+")
    parser.add_argument("--frames", type=int)
    parser.add_argument("--keys", type=int, choices=(1, 2), default=1)
    parser.add_argument("--lengths", nargs=2, type=int, default=(60, 240))
    parser.add_argument("--model", default="standard")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--set", nargs="+", action="extend", default=[], metavar="PART.NAME=VALUE")
    parser.add_argument("--here", nargs="+", action="extend", default=[], metavar="PART.NAME=VALUE")
    parser.add_argument("--shot")
    parser.add_argument("--profile", action="store_true")
    options = parser.parse_args()
    if options.what == "child":
        child(options.shot, profile=options.profile)
    elif options.what == "compare":
        if options.base is None:
            parser.error("compare needs the commit to compare with")
        if options.frames is not None and options.frames <= SHORT:
            parser.error(f"compare needs more than {SHORT} frames")
        sizes = options.size or ["384x216", "1920x1080", "4096x2160"]
        both = [f"method.model={options.model}", *options.set]
        settings = {"base": both, "here": [*both, *options.here]}
        compare(options.base, sizes, options.frames or 12, options.keys, options.rounds, settings)
    elif options.what == "speed":
        for size in options.size or ["384x216", "1920x1080"]:
            what = size, options.frames or 12, options.model, options.keys
            plain = measure(*what, profile=False)
            stages = measure(*what, profile=True)["stages"]
            wall, busy, peak = (plain[key] for key in ("seconds", "busy", "peak_mib"))
            print(f"{size}: {wall:.3f} s a frame ({busy:.3f} s of CPU), peak {peak:.0f} MiB")
            for stage, seconds in stages.items():
                print(f"    {stage:16} {seconds:.3f} s")
    elif options.what == "memory":
        for size in options.size or ["384x216"]:
            rows = [measure(size, length, options.model, options.keys, profile=False) for length in options.lengths]
            for length, row in zip(options.lengths, rows, strict=True):
                print(f"{size}, {length} frames: {row['busy']:.3f} s of CPU a frame, peak {row['peak_mib']:.0f} MiB")
            ratios = [rows[1][key] / rows[0][key] for key in ("busy", "peak_mib")]
            print(f"ratio of the longer to the shorter: CPU a frame {ratios[0]:.3f}, peak memory {ratios[1]:.3f}")
    else:
        for size in options.size or ["4096x2160"]:
            row = measure(size, options.frames or 3, options.model, options.keys, profile=False)
            print(
                f"{size}: {row['seconds']:.2f} s a frame ({row['busy']:.2f} s of CPU), "
                f"peak {row['peak_mib'] / 1024:.2f} GiB"
            )


if __name__ == "__main__":
    main()

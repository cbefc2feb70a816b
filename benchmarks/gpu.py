"""Measure this machine's GPU against its own cores in one run: frames a second, stage times and memory.

    bash benchmarks/gpu.sh [--output DIR] [--seconds 230] [--device auto]
    bash benchmarks/gpu.sh --dry-run

The shot is a pan over a textured wall with one keyframe. Without files, L* at working size and at plate size come from
memory, and the colour at plate size and the plate with it go back there. With files, EXR plates are read and EXR
frames with all layers are written. Every row runs in its own process, which colours a short shot once to warm up. A
frame's time is what a longer shot takes more than that short one, so that neither the start nor frames that are worked
on ahead count. Stages are measured in a second pass that waits for the device after each, so that their sum is more
than a frame takes. Rows for which no time is left are skipped. Writes gpu.json and gpu.md. The dry run takes small
pictures and, in place of the GPU, its path on the CPU (STCOLOR_DEVICE_PATH=1): its figures say nothing about a GPU.
Needs no data; not for Windows.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import wraps
from pathlib import Path
from typing import Any

import numpy as np
import speed
from wall_shot import Wall

SIZES = {"384x216": (64, 32), "1920x1080": (40, 16), "4096x2160": (20, 10)}  # frames on the GPU and on the CPU
SMALL = {"192x108": (12, 12)}
SHORT = 4  # frames of the shot that a longer one is compared with
# The stages of both paths: module, class or None, function.
STAGES = {
    "features": [
        ("stcolor_core.method.features.standard", "StandardFeatures", "batch"),
        ("stcolor_core.method.features.standard", "StandardFeatures", "both"),
    ],
    "flow": [
        ("stcolor_core.method.on_device.tracker", "TensorTracker", "advance"),
        ("stcolor_core.method.tracking.flow", "FlowTracker", "advance"),
    ],
    "re-alignment by features": [
        ("stcolor_core.method.on_device.matching", "TensorMatching", "reacquire"),
        ("stcolor_core.method.matching", None, "reacquire"),
    ],
    "matching, with re-alignment on the CPU": [
        ("stcolor_core.method.on_device.matching", "TensorMatching", "collect_evidence"),
        ("stcolor_core.method.matching", "Matching", "collect_evidence"),
    ],
    "refinement": [
        ("stcolor_core.method.on_device.spans", None, "refine"),
        ("stcolor_core.method.refinement.learned", "LearnedRefinement", "refine"),
    ],
    "upsampling, composite and copies": [
        ("stcolor_core.method.on_device.frames", "DeviceFrame", "put_on"),
        (__name__, None, "enlarge_on_host"),
    ],
}


def enlarge_on_host(frame: Any, lightness: np.ndarray, pixels: np.ndarray, pipe: Any) -> None:
    """Bring a frame to plate size and put it on its plate as the pipeline does on the CPU, and drop the result.

    Args:
        frame: A `ColoredFrame` at working size.
        lightness: L* of its plate at plate size, shape (H, W), 0..100.
        pixels: The plate itself, shape (H, W, 1).
        pipe: The `ColorPipe` of the plate.
    """
    from stcolor_core.images.resizing import resize
    from stcolor_core.method.light_limits import blacken
    from stcolor_core.method.upsampling import upsample

    pipe.composite(pixels, blacken(upsample(frame.ab, frame.lightness, lightness), lightness))
    for plane in (frame.confidence, frame.tracked):
        resize(plane, lightness.shape)


def wait_for(device: Any) -> None:
    """Wait until a device has done its work.

    Args:
        device: A `torch.device`; there is nothing to wait for on the CPU.
    """
    import torch

    if device.type != "cpu":
        getattr(torch, device.type).synchronize()


def seconds_a_frame(color: Callable[[int], None], frames: int) -> float:
    """Return the wall-clock seconds that one more frame of a shot takes.

    Frames are worked on ahead: the clock of a shot's last frames alone would not count what was done of them before.

    Args:
        color: Colours the first so many frames of a shot, all of them done when it returns.
        frames: Frames of the longer one of two shots, above `SHORT`.
    """
    color(SHORT)  # kernels are chosen, memory is taken
    taken = []
    for count in (SHORT, frames):
        start = time.perf_counter()
        color(count)
        taken.append(time.perf_counter() - start)
    return (taken[1] - taken[0]) / (frames - SHORT)


def memory_to_memory(wall: Wall, device: Any) -> Callable[[int], None]:
    """Return a function that colours the first so many frames of a shot from memory to memory.

    Args:
        wall: The shot.
        device: The `torch.device` that colours it.
    """
    from stcolor_core.files.scratch import Scratch
    from stcolor_core.images.color_pipe import ColorPipe
    from stcolor_core.method.on_device.frames import DeviceFrame
    from stcolor_core.method.propagation import Propagator
    from stcolor_core.models import registry
    from stcolor_core.pipeline.devices import keeps_pictures
    from stcolor_core.shots.settings import Method
    from stcolor_core.shots.spans import plan

    model = registry.build("standard", device=device)
    tensors, pipe = keeps_pictures(device), ColorPipe.open(None, file_format="exr")
    propagator = Propagator(model, Method(tracking="dense"), device=device, tensors=tensors)

    def finish(frame: Any) -> None:
        plate, pixels = wall.plates[frame.frame], wall.pixels[frame.frame]
        if isinstance(frame, DeviceFrame):
            grey = pipe.grey_picture(pixels)
            assert grey is not None
            frame.put_on(grey, chroma=1.0, blackens=True, beauty=True)
        else:
            enlarge_on_host(frame, plate, pixels, pipe)

    def run(count: int) -> None:
        (span,) = [span for span in plan(range(count), [0], []) if len(span.frames) > 1]
        with Scratch() as scratch, ThreadPoolExecutor(2) as writers:
            colors = propagator.color_in_place(span, wall, scratch)  # type: ignore[arg-type]
            for done in [writers.submit(finish, frame) for frame in colors]:
                done.result()
        wait_for(device)

    return run


@contextmanager
def stage_times(device: Any) -> Iterator[dict[str, float]]:
    """Measure the seconds of each stage within the block, with a wait for the device before and after.

    Args:
        device: The `torch.device` that computes.

    Yields:
        Wall-clock seconds by the name of the stage, as in `STAGES`, added up while the block runs.
    """
    import importlib

    seconds: dict[str, float] = defaultdict(float)
    undo: list[Callable[[], None]] = []

    def timed(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """Return the function with its time, the device's included, added to a stage.

        Args:
            name: The stage.
            function: Any function.
        """

        @wraps(function)
        def call(*arguments: Any, **options: Any) -> Any:
            wait_for(device)
            start = time.perf_counter()
            result = function(*arguments, **options)
            wait_for(device)
            seconds[name] += time.perf_counter() - start
            return result

        return call

    for name, functions in STAGES.items():
        for module, owner, function in functions:
            place: Any = sys.modules[module] if module == __name__ else importlib.import_module(module)
            place = place if owner is None else getattr(place, owner)
            original = getattr(place, function)
            setattr(place, function, timed(name, original))
            undo.append(lambda place=place, function=function, original=original: setattr(place, function, original))
    try:
        yield seconds
    finally:
        for restore in undo:
            restore()


def child(options: argparse.Namespace) -> None:
    """Measure one row and print it as one JSON object.

    Args:
        options: As parsed by `main`.
    """
    import torch

    from stcolor_core.pipeline.devices import device_name, resolve_device
    from stcolor_core.terminal import limit_threads

    limit_threads()
    device = resolve_device(options.device)
    width, height = map(int, options.size.split("x"))
    row: dict[str, Any] = {"name": device_name(device)}
    if options.files:
        with files_to_files(width, height, options.frames, options.device) as color:
            row["seconds"] = seconds_a_frame(color, options.frames)
    else:
        color = memory_to_memory(Wall.make(width, height, options.frames), device)
        row["seconds"] = seconds_a_frame(color, options.frames)
        few = options.frames // 2
        with stage_times(device) as seconds:
            color(few)
        row["stages"] = {name: value / (few - 1) for name, value in seconds.items()}  # the keyframe is not tracked
    if device.type == "cuda":
        row["device_mib"] = torch.cuda.max_memory_allocated() / 2**20
    row["peak_mib"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**20 if sys.platform == "darwin" else 1024)
    print(json.dumps(row))


@contextmanager
def files_to_files(width: int, height: int, frames: int, device: str) -> Iterator[Callable[[int], None]]:
    """Write a shot, and remove it at the end.

    Args:
        width: Width of the plate in px.
        height: Height of the plate in px.
        frames: Number of frames.
        device: Name of the device, such as "cpu", "cuda" or "auto".

    Yields:
        A function that colours the first so many frames from EXR to EXR.
    """
    from stcolor_core.pipeline.run import colorize
    from stcolor_core.shots.output import Output
    from stcolor_core.shots.pictures import Plate, Reference
    from stcolor_core.shots.shot import Shot

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        speed.make_shot(folder, width, height, frames)

        def run(count: int) -> None:
            shot = Shot(
                plate=Plate(path=str(folder / "plate.####.exr"), frames=f"1-{count}"),
                output=Output(path=str(folder / "out/shot.####.exr")),
                references=(Reference(path=str(folder / "ref.####.exr")),),
            )
            written = sum(1 for _ in colorize(shot, device=device, force=True))
            assert written == count

        yield run


def measure(options: argparse.Namespace, limit: float) -> Iterator[dict[str, Any]]:
    """Yield a row for each size, device and kind; rows for which no time is left say so under "skipped".

    Args:
        options: As parsed by `main`, with the GPU's device type as `device`.
        limit: Seconds for all rows together.

    Yields:
        A row of gpu.json: what was measured ("size", "device", "files", "frames"), and either the figures of `child` or
        "skipped".
    """
    end = time.monotonic() + limit
    for size, (gpu_frames, cpu_frames) in (SMALL if options.dry_run else SIZES).items():
        for files in (False, True):
            for kind, frames in (("cpu", cpu_frames), ("gpu", gpu_frames)):
                own = "cpu" if kind == "cpu" or options.dry_run else options.device
                command = [sys.executable, __file__, "child", "--size", size, "--frames", str(frames), "--device", own]
                environment = {**os.environ, "STCOLOR_DEVICE_PATH": "1" if kind == "gpu" else "0"}
                row: dict[str, Any] = {"size": size, "device": kind, "files": files, "frames": frames}
                try:
                    done = subprocess.run(
                        command + ["--files"] * files,
                        stdout=subprocess.PIPE,
                        check=True,
                        text=True,
                        env=environment,
                        timeout=max(1.0, end - time.monotonic()),
                    )
                    row.update(json.loads(done.stdout.splitlines()[-1]))
                except subprocess.TimeoutExpired:
                    row["skipped"] = "no time was left"
                except subprocess.CalledProcessError as error:
                    row["skipped"] = f"failed with exit code {error.returncode}, see above"
                print(_line(row), file=sys.stderr, flush=True)
                yield row


def _line(row: dict[str, Any]) -> str:
    what = f"{row['size']} {row['device']} {'EXR to EXR' if row['files'] else 'in memory'}"
    return f"{what}: {row['skipped']}" if "skipped" in row else f"{what}: {row['seconds']:.3f} s a frame"


def to_markdown(machine: dict[str, Any], rows: list[dict[str, Any]]) -> str:
    """Return the results as Markdown tables.

    Args:
        machine: What identifies the machine, by title.
        rows: The rows of `measure`.
    """
    by_key = {(row["size"], row["files"], row["device"]): row for row in rows}
    sizes = list(dict.fromkeys(row["size"] for row in rows))
    lines = [f"{', '.join(f'{name}: {value}' for name, value in machine.items())}", ""]
    lines += ["| size | files | CPU, frames a second | GPU, frames a second | GPU / CPU |", "|---|---|---|---|---|"]
    for size in sizes:
        for files in (False, True):
            pair = [by_key.get((size, files, kind), {}).get("seconds") for kind in ("cpu", "gpu")]
            cells = [f"{1 / seconds:.2f}" if seconds else "-" for seconds in pair]
            ratio = f"{pair[0] / pair[1]:.2f}" if all(pair) else "-"
            lines.append(f"| {size} | {'EXR to EXR' if files else 'none'} | {cells[0]} | {cells[1]} | {ratio} |")
    lines += ["", "| stage, ms a frame | " + " | ".join(f"{size} CPU | {size} GPU" for size in sizes) + " |"]
    lines.append("|---|" + "---|---|" * len(sizes))
    for stage in STAGES:
        cells = []
        for size in sizes:
            for kind in ("cpu", "gpu"):
                seconds = by_key.get((size, False, kind), {}).get("stages", {}).get(stage)
                cells.append("-" if seconds is None else f"{1000 * seconds:.1f}")
        lines.append(f"| {stage} | {' | '.join(cells)} |")
    memory = [f"{_line(row)}, {row['device_mib']:.0f} MiB of GPU memory" for row in rows if "device_mib" in row]
    return "\n".join([*lines, "", *memory, ""])


def main() -> None:
    """Measure all rows and write the results."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", nargs="?", choices=("child",))
    parser.add_argument("--output", type=Path, default=Path("gpu-results"))
    parser.add_argument("--seconds", type=float, default=230)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--dry-run", action="store_true")
    parser.add_argument("--size")
    parser.add_argument("--frames", type=int)
    parser.add_argument("--files", action="store_true")
    options = parser.parse_args()
    if options.what == "child":
        child(options)
        return
    import torch

    from stcolor_core.pipeline.devices import device_name, resolve_device

    device = resolve_device(options.device)
    if device.type == "cpu" and not options.dry_run:
        sys.exit("There is no GPU that torch can use here. Try the script with --dry-run, or see `stcolor doctor`.")
    options.device = device.type
    machine = {
        "GPU": "none, dry run" if options.dry_run else device_name(device),
        "cores": os.cpu_count(),
        "system": platform.platform(),
        "torch": torch.__version__,
    }
    rows = list(measure(options, options.seconds))
    options.output.mkdir(parents=True, exist_ok=True)
    (options.output / "gpu.json").write_text(json.dumps({"machine": machine, "rows": rows}, indent=1), encoding="utf-8")
    text = to_markdown(machine, rows)
    (options.output / "gpu.md").write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()

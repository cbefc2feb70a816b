"""Measure this machine's GPU against its own cores in one run: frames a second, stage times and memory.

    bash benchmarks/gpu.sh [--output DIR] [--seconds 230] [--device auto]
    bash benchmarks/gpu.sh --dry-run

The shot is a pan over a textured wall with one keyframe. Without files, L* at working size and at plate size come from
memory, and the colour at plate size and the plate with it go back there. With files, EXR plates are read and EXR
frames with all layers are written. Every row runs in its own process, which computes two frames before its clock
starts. Stages are measured in a second pass that waits for the device after each, so that their sum is more than a
frame takes. Rows for which no time is left are skipped. Writes gpu.json and gpu.md. The dry run takes small pictures
and, in place of the GPU, its path on the CPU (STCOLOR_DEVICE_PATH=1): its figures say nothing about a GPU. Needs no
data; not for Windows.
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

SIZES = {"384x216": (48, 24), "1920x1080": (24, 8), "4096x2160": (12, 4)}  # frames on the GPU and on the CPU
SMALL = {"192x108": (4, 4)}
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


def color_without_files(wall: Wall, device: Any, *, frames: int) -> float:
    """Colour a shot from memory to memory, after two frames that are not timed.

    Args:
        wall: The shot.
        device: The `torch.device` that colours it.
        frames: How many of the shot's first frames to colour, with the keyframe; 3 or more.

    Returns:
        Wall-clock seconds a frame, the keyframe not counted.
    """
    from stcolor_core.files.scratch import Scratch
    from stcolor_core.images.color import ColorPipe
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

    run(3)  # two frames: kernels are chosen, memory is taken
    wait_for(device)
    start = time.perf_counter()
    run(frames)
    wait_for(device)
    return (time.perf_counter() - start) / (frames - 1)


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
        """Return the function with its time, the device's included, added to this stage."""

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
        row["seconds"] = color_with_files(width, height, options.frames, options.device)
    else:
        wall = Wall.make(width, height, options.frames)
        row["seconds"] = color_without_files(wall, device, frames=options.frames)
        few = max(4, options.frames // 2)
        with stage_times(device) as seconds:
            color_without_files(wall, device, frames=few)
        row["stages"] = {name: value / (few - 1 + 2) for name, value in seconds.items()}  # with the two first ones
    if device.type == "cuda":
        row["device_mib"] = torch.cuda.max_memory_allocated() / 2**20
    row["peak_mib"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**20 if sys.platform == "darwin" else 1024)
    print(json.dumps(row))


def color_with_files(width: int, height: int, frames: int, device: str) -> float:
    """Colour a shot from EXR to EXR, after the keyframe and two frames that are not timed.

    Args:
        width: Width of the plate in px.
        height: Height of the plate in px.
        frames: Number of frames, 2 or more; two more are written and coloured before the clock starts.
        device: Name of the device, such as "cpu", "cuda" or "auto".

    Returns:
        Wall-clock seconds a frame.
    """
    from stcolor_core.pipeline.run import colorize
    from stcolor_core.shots.output import Output
    from stcolor_core.shots.pictures import Plate, Reference
    from stcolor_core.shots.shot import Shot

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        speed.make_shot(folder, width, height, frames + 2)
        shot = Shot(
            plate=Plate(path=str(folder / "plate.####.exr")),
            output=Output(path=str(folder / "out/shot.####.exr")),
            references=(Reference(path=str(folder / "ref.####.exr")),),
        )
        results = colorize(shot, device=device, force=True)
        for _ in range(3):  # the keyframe and two frames
            next(results)
        start = time.perf_counter()
        count = sum(1 for _ in results)
        return (time.perf_counter() - start) / count


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

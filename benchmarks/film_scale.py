"""Measure a film of feature length: planning, memory, and whether it can be interrupted anywhere.

python benchmarks/film_scale.py make --dataset DIR --work DIR     write 20,000 small frames: 150 scenes, 60 keyframes
python benchmarks/film_scale.py plan --work DIR                   stcolor film plan: CPU, memory, size of the plan
python benchmarks/film_scale.py color --work DIR [--stops 6]      stcolor film color, killed and stopped, then resumed
python benchmarks/film_scale.py check --work DIR [--scenes 15]    random scenes coloured alone: equal pixels?
python benchmarks/film_scale.py again --work DIR                  report, storyboard and plan on the finished film

Each task runs the installed commands in processes of their own and samples their CPU time and memory from outside. The
scenes are windows that wander over clips of footage, which are played forwards and backwards until a scene is full.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
import psutil

from stcolor_core.film.plan_files import load_plan, save_plan
from stcolor_core.images.color import srgb_decode
from stcolor_core.images.frame_files import pixel_hash, write_frame
from stcolor_core.images.sequences import FramePattern

_SIZE = (96, 54)  # columns and rows
_LUMA = np.array([0.2126, 0.7152, 0.0722], np.float32)
_PERIOD = 1.0  # seconds between two samples
_TENTHS = 10


@dataclass(frozen=True)
class Sample:
    """A process at one moment.

    Attributes:
        seconds: Wall time since its start.
        cpu: CPU time so far, with that of its children, in seconds.
        memory: Resident memory, in MiB.
        files: Open files.
        frames: Result frames on disk.
    """

    seconds: float
    cpu: float
    memory: float
    files: int
    frames: int


def main() -> None:
    """Run the measurement that the command line names."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("task", choices=("make", "plan", "color", "check", "again"))
    parser.add_argument("--dataset", type=Path)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--frames", type=int, default=20_000)
    parser.add_argument("--scenes", type=int, help="of the film (150), or to check (15)")
    parser.add_argument("--keys", type=int, default=60)
    parser.add_argument("--stops", type=int, default=6)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    {"make": _make, "plan": _plan, "color": _color, "check": _check, "again": _again}[options.task](options)


def _make(options: argparse.Namespace) -> None:
    """Write the plate and the keyframes."""
    rng, scenes = np.random.default_rng(options.seed), options.scenes or 150
    folders = [each for each in sorted(options.dataset.iterdir()) if each.is_dir()]
    ends = np.linspace(0, options.frames, scenes + 1).round().astype(int)
    keyed = {int(scene): 1 for scene in range(min(scenes, options.keys))}
    for scene in range(max(0, options.keys - scenes)):
        keyed[scene % scenes] += 1
    for scene in range(scenes):
        clip = _read(folders[scene % len(folders)])
        first, last = int(ends[scene]) + 1, int(ends[scene + 1])
        path = _wander(rng, last - first + 1)
        count = keyed.get(scene, 0)
        keys = {first + round((last - first) * (number + 1) / (count + 1)) for number in range(count)}
        for step, frame in enumerate(range(first, last + 1)):
            picture = _window(clip[_bounce(step, len(clip))], path[step])
            _write(options.work / "plate", frame, picture, grey=True)
            if frame in keys:
                _write(options.work / "keys", frame, picture, grey=False)
    _say(f"{options.frames} frames, {scenes} scenes from {len(folders)} clips, {sum(keyed.values())} keyframes")
    (options.work / "truth.json").write_text(json.dumps([int(end) + 1 for end in ends[:-1]]), encoding="utf-8")


def _plan(options: argparse.Namespace) -> None:
    """Plan the film, and compare its scenes with those that were written."""
    work = options.work
    command = ["film", "plan", str(work / "film.yaml"), "--plate", str(work / "plate/film.#####.exr")]
    command += ["--keys", str(work / "keys/film.#####.exr"), "--output", str(work / "out/{scene}.#####.exr"), "--force"]
    samples = _watch(command, options, lambda: 0)[0]
    plan = load_plan(work / "film.yaml")
    starts = {plan.frames(name)[0] for name in plan.scenes}
    truth = set(json.loads((work / "truth.json").read_text(encoding="utf-8")))
    _say(f"planning: {_cost(samples)}; the plan has {(work / 'film.yaml').stat().st_size / 1024:.0f} KiB")
    _say(
        f"{len(plan.scenes)} scenes, {len(plan.dissolves)} dissolves, {len(plan.group_names)} groups; "
        f"of {len(truth)} beginnings {len(truth & starts)} found, {len(starts - truth)} others: "
        f"{sorted(starts - truth)[:20]}, missed {sorted(truth - starts)[:20]}"
    )


def _color(options: argparse.Namespace) -> None:
    """Colour the film; stop it at random places, by a kill and by Ctrl-C in turn, and start it again."""
    out, chance = options.work / "out", random.Random(options.seed)
    total = sum(len(load_plan(options.work / "film.yaml").frames(name)) for name in _names(options.work))
    places = sorted(chance.sample(range(total // 50, total), options.stops))
    spent, samples = 0.0, list[Sample]()
    for number, place in enumerate([*places, None]):
        sign = None if place is None else (signal.SIGKILL, signal.SIGINT)[number % 2]
        begun = _count(out)
        part, code = _watch(
            ["film", "color", str(options.work / "film.yaml"), "--json"],
            options,
            lambda: _count(out),
            stop=None if place is None else (place, sign, chance.uniform(0, 2)),
        )
        spent += part[-1].cpu
        samples += part
        new = next((each for each in part if each.frames > begun), part[-1])
        _say(
            f"run {number + 1}: {'to the end' if place is None else f'{sign!r} at frame {place}'}, exit {code}: "
            f"{_cost(part)}; {part[-1].frames - begun} new frames, the first after {new.cpu:.1f} s of CPU; "
            f"open files {max(each.files for each in part)}; left: {_left(out)}"
        )
    _say(f"colouring: {spent:.1f} s of CPU for {_count(out)} frames, {1000 * spent / max(1, _count(out)):.1f} ms each")
    for tenth in range(_TENTHS):
        low, high = (total * each // _TENTHS for each in (tenth, tenth + 1))
        inside = [each for each in samples if low <= each.frames < high]
        if inside:
            _say(f"tenth {tenth + 1}: at most {max(each.memory for each in inside):.0f} MiB")


def _check(options: argparse.Namespace) -> None:
    """Colour random scenes alone, in another folder, and compare the pixels with those of the interrupted film."""
    plan = load_plan(options.work / "film.yaml")
    names = random.Random(options.seed + 1).sample(list(plan.scenes), options.scenes or 15)
    save_plan(replace(plan, output=str(options.work / "alone/{scene}.#####.exr")), options.work / "alone.yaml")
    command = ["film", "color", str(options.work / "alone.yaml")]
    samples, _ = _watch([*command, *(part for name in names for part in ("--scene", name))], options, lambda: 0)
    equal = different = 0
    for name in names:
        alone, film = (
            FramePattern.parse(str(options.work / folder / f"{name}.#####.exr")) for folder in ("alone", "out")
        )
        for frame in alone.frames():
            same = pixel_hash(alone.path(frame)) == pixel_hash(film.path(frame))
            equal, different = equal + same, different + (not same)
    wanted = sum(len(plan.frames(name)) for name in names)
    _say(f"{len(names)} scenes alone: {equal} of {wanted} frames equal, {different} differ; {_cost(samples)}")


def _again(options: argparse.Namespace) -> None:
    """Run what is run again and again on a film that is finished."""
    plan = str(options.work / "film.yaml")
    for title, command in {
        "color again": ["film", "color", plan],
        "report": ["film", "report", plan],
        "storyboard": ["film", "plan", plan, "--storyboard", str(options.work / "board.html")],
        "storyboard again": ["film", "plan", plan, "--storyboard", str(options.work / "board.pdf")],
    }.items():
        samples, code = _watch(command, options, lambda: 0)
        _say(f"{title}: exit {code}: {_cost(samples)}")
    _plan(options)


def _watch(
    command: Sequence[str],
    options: argparse.Namespace,
    count: Callable[[], int],
    *,
    stop: tuple[int, signal.Signals | None, float] | None = None,
) -> tuple[list[Sample], int]:
    """Run a command of stcolor and sample it.

    Args:
        command: Its arguments.
        options: The program's.
        count: Returns the number of result frames.
        stop: The number of frames after which to stop it, by which signal, and how many seconds later.

    Returns:
        The samples, and the exit status.
    """
    environment = {**os.environ, "STCOLOR_CACHE_DIR": str(options.work / "cache"), "TMPDIR": str(options.work)}
    begun, samples = time.monotonic(), list[Sample]()
    with (options.work / "log.txt").open("a", encoding="utf-8") as log:
        log.write(" ".join(command) + "\n")
        log.flush()
        process = subprocess.Popen(
            [sys.executable, "-m", "stcolor_core.cli", *command], stdout=log, stderr=log, env=environment
        )
        watched = psutil.Process(process.pid)
        while process.poll() is None:
            frames = count()
            samples += _sample(watched, time.monotonic() - begun, frames)
            if stop is not None and frames >= stop[0]:
                time.sleep(stop[2])
                process.send_signal(stop[1] or signal.SIGTERM)
                process.wait()
                break
            time.sleep(_PERIOD)
    return samples, process.returncode


def _sample(process: psutil.Process, seconds: float, frames: int) -> Iterator[Sample]:
    try:
        family = [process, *process.children(recursive=True)]
        times = [each.cpu_times() for each in family]
        cpu = sum(each.user + each.system for each in times) + times[0].children_user + times[0].children_system
        memory = process.memory_info().rss / 2**20  # a child that was just forked shares all of it
        yield Sample(seconds, cpu, memory, len(process.open_files()), frames)
    except psutil.Error:  # it has just ended
        return


def _cost(samples: Sequence[Sample]) -> str:
    most = max(each.memory for each in samples)
    return f"{samples[-1].cpu:.1f} s of CPU, {samples[-1].seconds:.0f} s, at most {most:.0f} MiB"


def _names(work: Path) -> list[str]:
    return list(load_plan(work / "film.yaml").scenes)


def _count(folder: Path) -> int:
    return sum(each.suffix == ".exr" for each in folder.iterdir()) if folder.is_dir() else 0


def _left(folder: Path) -> list[str]:
    """Return the names of what a stopped run left in a folder beside whole frames."""
    names = (each.name for each in folder.iterdir())
    return [name for name in names if not name.endswith(".exr") or name.startswith(".")][:5]


def _read(folder: Path) -> list[np.ndarray]:
    """Return a clip in linear RGB, a little larger than the frames of the film."""
    files = sorted(each for each in folder.iterdir() if each.suffix in (".jpg", ".png"))
    size = (round(1.4 * _SIZE[0]), round(1.4 * _SIZE[1]))
    pictures = (cv2.resize(cv2.imread(str(file)), size, interpolation=cv2.INTER_AREA) for file in files)
    return [srgb_decode(picture[..., ::-1].astype(np.float32) / 255) for picture in pictures]


def _bounce(step: int, count: int) -> int:
    """Return the frame of a clip that is played forwards and backwards again and again."""
    place = step % max(1, 2 * count - 2)
    return min(place, 2 * count - 2 - place) if count > 1 else 0


def _wander(rng: np.random.Generator, count: int) -> np.ndarray:
    """Return the places of the window in each frame, as shares of the room that it has, shape (count, 2)."""
    start, speed = rng.uniform(0, 2 * np.pi, 2), rng.uniform(0.01, 0.03, 2)
    return np.asarray(0.5 + 0.5 * np.sin(start + speed * np.arange(count)[:, None]))


def _window(picture: np.ndarray, place: np.ndarray) -> np.ndarray:
    rows, columns = picture.shape[0] - _SIZE[1], picture.shape[1] - _SIZE[0]
    return cv2.getRectSubPix(
        picture, _SIZE, (float(place[0] * columns + (_SIZE[0] - 1) / 2), float(place[1] * rows + (_SIZE[1] - 1) / 2))
    )


def _write(folder: Path, frame: int, rgb: np.ndarray, *, grey: bool) -> None:
    planes = [rgb @ _LUMA] * 3 if grey else [rgb[..., channel] for channel in range(3)]
    channels = {
        name: (np.ascontiguousarray(each, np.float32), "half") for name, each in zip("RGB", planes, strict=True)
    }
    write_frame(folder / f"film.{frame:05d}.exr", channels)


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()

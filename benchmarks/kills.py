"""Kill `stcolor colorize` at random moments and restart it until all frames exist: none may be lost or differ.

    python benchmarks/kills.py --kills 200

A shot with two keyframes is coloured once undisturbed, then many times from scratch, and killed at random moments each
time (SIGKILL; on Windows TerminateProcess). Prints how many frames were compared, and fails if a claim file is left.
"""

from __future__ import annotations

import argparse
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from stcolor_core.images.color import lab_to_linear, luminance_of
from stcolor_core.images.frame_files import frame_state, pixel_hash, write_frame

FRAMES = range(1001, 1025)
KEYS = (1004, 1019)


def make_shot(folder: Path) -> None:
    """Write a camera pan over a coloured wall: `FRAMES` in grey, and `KEYS` in colour.

    Args:
        folder: Where the EXR files are written.
    """
    chance = np.random.default_rng(1)
    wall = np.kron(chance.uniform(20, 80, (12, 30)), np.ones((8, 8))).astype(np.float32)
    x = np.arange(wall.shape[1])
    color = np.stack([40 * np.sin(x / 17), 40 * np.cos(x / 23)], -1).astype(np.float32)
    for number, frame in enumerate(FRAMES):
        lightness, ab = wall[:, 4 * number : 4 * number + 128], color[4 * number : 4 * number + 128]
        write_frame(folder / f"plate.{frame}.exr", {"Y": (luminance_of(lightness), "half")})
        if frame in KEYS:
            rgb = lab_to_linear(np.dstack([lightness, np.broadcast_to(ab, (*lightness.shape, 2))]))
            write_frame(folder / f"ref.{frame}.exr", {name: (rgb[..., i], "half") for i, name in enumerate("RGB")})


def start(folder: Path, output: str) -> subprocess.Popen[bytes]:
    """Start to colour the shot of `make_shot` in a process of its own.

    Args:
        folder: Holds the shot.
        output: Name of the folder inside it that the frames are written to. Frames that are there are kept.

    Returns:
        The running process, whose standard error is a pipe.
    """
    command = [sys.executable, "-m", "stcolor_core.cli", "colorize", "--plate", str(folder / "plate.####.exr")]
    command += ["--reference", str(folder / "ref.####.exr"), "--output", str(folder / output / "shot.####.exr")]
    return subprocess.Popen([*command, "--working-height", "64"], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)


def finish(run: subprocess.Popen[bytes]) -> None:
    """Wait for a process to end well.

    Args:
        run: What `start` returned.

    Raises:
        SystemExit: If the process fails, with its standard error.
    """
    _, errors = run.communicate()
    if run.returncode:
        raise SystemExit(f"a run after a kill failed: {errors.decode(errors='replace')}")


def main() -> None:
    """Kill and restart runs, compare their frames, and print the counts."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=random.randrange(10**6))
    options = parser.parse_args()
    chance, killed, compared, rounds = random.Random(options.seed), 0, 0, 0
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make_shot(folder)
        begun = time.monotonic()
        finish(start(folder, "undisturbed"))
        took = time.monotonic() - begun
        truth = {frame: pixel_hash(folder / "undisturbed" / f"shot.{frame}.exr") for frame in FRAMES}
        out = folder / "out"
        while killed < options.kills:
            rounds += 1
            for path in out.glob("*") if out.exists() else ():
                path.unlink()
            for path in out.glob(".*") if out.exists() else ():
                path.unlink()
            for _ in range(min(10, options.kills - killed)):
                run, begun = start(folder, "out"), time.monotonic()
                try:
                    run.wait(chance.uniform(0.3, 0.95) * took)
                    took = max(0.5, time.monotonic() - begun)  # less was left to do, or the machine became faster
                except subprocess.TimeoutExpired:
                    run.kill()
                    killed += 1
                    took *= 1.02
                run.communicate()
                for path in out.glob("shot.*.exr") if out.exists() else ():
                    state = frame_state(path)
                    assert state.complete and state.unmodified, path
                    assert pixel_hash(path) == truth[int(path.name.split(".")[1])], path
            finish(start(folder, "out"))
            assert {path.name for path in out.glob("shot.*.exr")} == {f"shot.{frame}.exr" for frame in FRAMES}
            for frame in FRAMES:
                assert pixel_hash(out / f"shot.{frame}.exr") == truth[frame], frame
                compared += 1
            left = [path.name for path in out.glob(".*") if path.suffix == ".claim"]
            assert not left, left
            sys.stdout.write(f"{killed} kills in {rounds} rounds: {compared} frames are identical\n")
            sys.stdout.flush()
    sys.stdout.write(f"seed {options.seed}: {killed} kills, {compared} frames compared, none lost, none different\n")


if __name__ == "__main__":
    main()

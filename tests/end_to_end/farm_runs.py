"""A small shot for the farm, and how its jobs are written and run."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import FIRST, ShotOnDisk, frame_bytes
from scenes import pan

from stcolor_core.cli import main

__all__ = [
    "NUKE",
    "STCOLOR",
    "MakeShot",
    "colored",
    "farm",
    "frames_said",
    "host",
    "openjd",
    "run",
    "shot",
    "whole",
    "write_shot",
]

MakeShot = Callable[..., ShotOnDisk]
STCOLOR = str(Path(sys.executable).with_name("stcolor"))


# Stands in for Nuke: appends a line for each start, with its arguments and the coloured frames that exist.
NUKE = """
import json, sys
from pathlib import Path
script = Path(sys.argv[-1])
there = sorted(path.name for path in (script.parent / "out").glob("shot.*.exr"))
with (script.parent / "nuke.log").open("a") as log:
    log.write(json.dumps([sys.argv[1:], len(there)]) + "\\n")
"""


@pytest.fixture
def shot(make_shot: MakeShot) -> ShotOnDisk:
    """A shot of nine frames with three keyframes, and its shot file."""
    made = make_shot(pan(9, height=64, width=96, step=2), references=(FIRST, FIRST + 3, FIRST + 8))
    write_shot(made)
    return made


def write_shot(shot: ShotOnDisk) -> Path:
    assert shot.colorize("--write-shot", str(shot.folder / "shot.json")) == 0
    return shot.folder / "shot.json"


def farm(engine: str, shot: ShotOnDisk, *options: str) -> int:
    """Run `stcolor farm ENGINE` with a folder of the engine's name beside the plate as output."""
    return main(
        ["farm", engine, "--shot", str(shot.folder / "shot.json"), "--output", str(shot.folder / engine), *options]
    )


def host(command: str, shot: ShotOnDisk, *options: str, job: str = "openjd") -> int:
    return main(["farm", command, "--shot", str(shot.folder / job / "shot.json"), *options])


def whole(shot: ShotOnDisk) -> dict[str, bytes]:
    """Return the result of one local run of the whole shot: bytes by file name."""
    command = ["colorize", "--plate", str(shot.folder / "plate.####.exr"), "--working-height", "64"]
    command += ["--reference", str(shot.folder / "ref.####.exr"), "--output", str(shot.folder / "whole/shot.####.exr")]
    assert main(command) == 0
    return {path.name: frame_bytes(path) for path in (shot.folder / "whole").iterdir()}


def colored(shot: ShotOnDisk) -> dict[str, bytes]:
    return {path.name: frame_bytes(path) for path in shot.written() if path.suffix == ".exr"}


def openjd(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "openjd", *arguments], capture_output=True, text=True, check=False)


def run(shot: ShotOnDisk, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the bundle by `openjd run`, as one host does."""
    return openjd("run", str(shot.folder / "openjd" / "template.yaml"), *arguments)


def frames_said(text: str, how: str) -> list[int]:
    """Return the frames that a run reports with these words ("was there" or "is done"), each as often as reported."""
    return [int(frame) for frame in re.findall(rf"openjd_status: Frame (\d+) {how}", text)]

"""Core processes for tests of a whole core, with the shots and the files that these tests use."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from scenes import pan
from serving import Client, until

from stcolor_core.service.access import Connection, find
from stcolor_core.shots.output import Output
from stcolor_core.shots.pictures import Plate, Reference
from stcolor_core.shots.settings import Method
from stcolor_core.shots.shot import Shot

if TYPE_CHECKING:
    from conftest import ShotOnDisk

MakeShot = Callable[..., "ShotOnDisk"]
Start = Callable[..., "subprocess.Popen[str]"]


def asked_for(shot: ShotOnDisk, output: str = "out") -> Shot:
    return Shot(
        plate=Plate(path=str(shot.folder / "plate.####.exr")),
        output=Output(path=str(shot.folder / output / "shot.####.exr")),
        references=(Reference(path=str(shot.folder / "ref.####.exr")),),
        method=Method(working_height=64),
    )


def long_shot(make_shot: MakeShot, frames: int) -> ShotOnDisk:
    return make_shot(pan(frames, height=64, width=96, step=2))


def frames_of(events: list[dict[str, Any]], *, kept: bool | None = None) -> list[int]:
    return sorted(event["frame"] for event in events if event["kind"] == "frame" and kept in (None, event["kept"]))


def is_frame(event: dict[str, Any]) -> bool:
    return bool(event["kind"] == "frame")


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The state folder of this test's cores."""
    monkeypatch.setenv("STCOLOR_STATE_DIR", str(tmp_path / "state"))
    return tmp_path / "state"


@pytest.fixture
def start() -> Iterator[Start]:
    """Start `stcolor serve` as a separate process; those still running are killed at the end."""
    started: list[subprocess.Popen[str]] = []

    def start(*options: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "stcolor_core.cli", "serve", "--device", "cpu", *options]
        started.append(subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True))
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.communicate()


def client_of(process: subprocess.Popen[str], state: Path) -> Client:
    """Return a client of that process when it answers."""

    def connection() -> Connection | None:
        assert process.poll() is None
        found = find(state)
        return found if found is not None and found.pid == process.pid else None

    return Client(until(connection))

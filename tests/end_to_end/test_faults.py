"""Faults during a job: the core, the disk, a plate, the client, the clock. No frame is lost."""

from __future__ import annotations

import json
import os
import random
import shutil
import socket
import sqlite3
import struct
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import pytest
from conftest import FIRST, channels
from cores import MakeShot, Start, asked_for, client_of, frames_of, is_frame, long_shot
from scenes import pan
from serving import PATIENCE, running_core, until

from stcolor_core.images import plates
from stcolor_core.service import jobs
from stcolor_core.service.access import find

KILLS = 20
RESET = struct.pack("hh" if os.name == "nt" else "ii", 1, 0)  # close the connection with a reset


# The core is killed


def disturbed(state: Path, job: str) -> dict[str, Any]:
    """Return the state of a job from the store of a core that has ended."""
    base = sqlite3.connect(state / "jobs.sqlite")
    try:
        base.row_factory = sqlite3.Row
        return dict(base.execute("select state, done, looking from jobs where id = ?", (job,)).fetchone())
    finally:
        base.close()


def own_metadata(path: Path) -> dict[str, Any]:
    metadata = plates.read_header(path).metadata
    return {name: metadata[name] for name in metadata if name.startswith("stcolor/") and name != "stcolor/written"}


def same(found: Path, expected: Path) -> int:
    """Check that every channel and the metadata are as expected to the bit; return the number of channels compared."""
    left, right = channels(found), channels(expected)
    assert left.keys() == right.keys()
    for name in left:
        np.testing.assert_array_equal(left[name], right[name], err_msg=f"{found} {name}")
    assert own_metadata(found) == own_metadata(expected)
    assert "stcolor/settings" in own_metadata(found)
    return len(left)


@pytest.mark.slow
def test_a_core_killed_at_twenty_random_moments_loses_nothing(
    make_shot: MakeShot, state: Path, start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "temporary").mkdir()
    for name in ("TMPDIR", "TEMP", "TMP"):
        monkeypatch.setenv(name, str(tmp_path / "temporary"))
    shot = make_shot(pan(181, height=64, width=96, step=2), references=tuple(range(FIRST, FIRST + 181, 15)))
    begun = time.monotonic()
    core = start()
    client = client_of(core, state)
    ready = time.monotonic() - begun
    client.finish(client.submit(asked_for(shot, "undisturbed")))
    took = time.monotonic() - begun - ready
    seed = random.randrange(10**6)
    print(f"seed {seed}: the core starts in {ready:.1f} s and the job takes {took:.1f} s")  # noqa: T201
    chance = random.Random(seed)
    job = client.submit(asked_for(shot))
    slices = list(range(KILLS))
    chance.shuffle(slices)
    for number, part in enumerate(slices):
        # each kill has its own slice of time: half of them in the start, half in the job, unless it is nearly done
        moment = 2 * (part + chance.random()) / KILLS
        far = len(list((shot.folder / "out").glob("shot.*.exr"))) > 0.6 * len(shot.frames)
        delay = moment / 2 * ready if far else min(moment, 1) * ready + max(0, moment - 1) * took / 6
        if number == 0:  # the core must have started to take the job
            delay = moment / 2 * took / 6
        with pytest.raises(subprocess.TimeoutExpired):
            core.wait(delay)
        core.kill()
        core.wait()
        now = disturbed(state, job)
        whole = [path for path in shot.written() if path.suffix == ".exr"]
        print(f"kill {number + 1} after {delay:.2f} s: {now}, {len(whole)} frames on disk")  # noqa: T201
        assert now["state"] in ("queued", "running")
        assert all(map(plates.is_complete, whole))
        assert {path.suffix for path in shot.written()} <= {".exr", ".partial", ".claim"}
        core = start()
    events = client_of(core, state).finish(job)
    assert events[-1]["kind"] == "done"
    numbers = [event["number"] for event in events]  # of earlier runs only the events that still matter are kept
    assert numbers == sorted(set(numbers))
    assert set(frames_of(events)) == set(shot.frames)
    compared = [same(shot.output(frame), shot.folder / f"undisturbed/shot.{frame}.exr") for frame in shot.frames]
    print(f"{len(compared)} frames and {sum(compared)} channels are the same")  # noqa: T201
    assert not list((tmp_path / "temporary").glob("stcolor-*"))


# The disk is full


@dataclass
class Disk:
    """A small separate disk. room: fills it except for so many bytes; None empties it again."""

    folder: Path

    def leave(self, room: int | None) -> None:
        ballast = self.folder / "ballast"
        ballast.unlink(missing_ok=True)
        if room is not None:
            free = os.statvfs(self.folder)
            with suppress(OSError) if room == 0 else nullcontext():  # the core may have filled it meanwhile
                ballast.write_bytes(bytes(max(0, free.f_bavail * free.f_frsize - room)))


@pytest.fixture
def disk() -> Iterator[Callable[[Path], Disk]]:
    mounted: list[Path] = []

    def mount(folder: Path) -> Disk:
        folder.mkdir(parents=True, exist_ok=True)
        command = ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(folder)]
        if not shutil.which("mount") or subprocess.run(command, capture_output=True, check=False).returncode:
            pytest.skip("no disk can be mounted here: that takes Linux and root")
        mounted.append(folder)
        return Disk(folder)

    yield mount
    for folder in mounted:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def test_a_job_on_a_full_disk_fails_with_its_path_and_resumes_when_there_is_room(
    make_shot: MakeShot, state: Path, disk: Callable[[Path], Disk]
) -> None:
    shot = long_shot(make_shot, 12)
    output = disk(shot.folder / "out")
    output.leave(400_000)
    with running_core(state, device="cpu") as client:
        job = client.submit(asked_for(shot))
        events = client.finish(job)
        error = client.get(f"/v1/jobs/{job}")["error"]
        assert events[-1] == {**events[-1], "kind": "failed", "message": error}
        assert str(shot.folder / "out" / "shot.") in error and "space" in error and "\n" not in error
        finished = frames_of(events)
        assert 1 <= len(finished) < 12
        output.leave(None)
        assert shot.written() == [shot.output(frame) for frame in finished]
        assert all(map(plates.is_complete, shot.written()))
        assert client.submit(asked_for(shot)) == job
        again = client.finish(job, after=events[-1]["number"])
    assert again[-1]["kind"] == "done"
    assert frames_of(again, kept=True) == finished
    assert shot.written() == [shot.output(frame) for frame in shot.frames]


def test_a_full_state_disk_is_named_and_the_job_waits_for_room(
    make_shot: MakeShot, state: Path, disk: Callable[[Path], Disk], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs, "_STORE_RETRY_SECONDS", 0.05)
    shot = long_shot(make_shot, 40)
    kept = disk(state)
    with running_core(state, device="cpu") as client:
        job = client.submit(asked_for(shot))
        client.events(job, until=is_frame)
        kept.leave(0)
        waits = until(lambda: client.get(f"/v1/jobs/{job}")["error"])
        assert "jobs.sqlite" in waits and "Free space" in waits and "\n" not in waits
        status, refused = client.request("POST", "/v1/jobs", json.loads(asked_for(shot, "second").to_json()))
        assert status == 503
        assert "jobs.sqlite" in refused["detail"] and "Free space" in refused["detail"]
        assert all(map(plates.is_complete, shot.written()))
        kept.leave(None)
        events = client.finish(job)
        assert client.get(f"/v1/jobs/{job}")["error"] is None
        assert client.request("POST", f"/v1/jobs/{client.submit(asked_for(shot, 'second'))}/cancel")[0] == 200
    assert events[-1]["kind"] == "done"
    assert [event["number"] for event in events] == list(range(1, len(events) + 1))
    assert shot.written() == [shot.output(frame) for frame in shot.frames]


def test_a_core_started_on_a_full_disk_reports_it(state: Path, start: Start, disk: Callable[[Path], Disk]) -> None:
    disk(state).leave(0)
    core = start()
    _, errors = core.communicate(timeout=PATIENCE)
    assert core.returncode == 1
    assert str(state) in errors and "Free space" in errors
    assert len(errors.splitlines()) == 1, errors
    assert find(state) is None


# A plate vanishes, a client disconnects, the clock changes


def test_a_plate_that_vanishes_is_named_and_the_job_resumes_when_it_is_back(make_shot: MakeShot, state: Path) -> None:
    shot = make_shot(pan(40, height=64, width=96, step=2), references=(FIRST,))
    lost, aside = shot.plate(FIRST + 38), shot.folder / "aside.exr"
    with running_core(state, device="cpu") as client:
        job = client.submit(asked_for(shot))
        client.events(job, until=lambda event: is_frame(event) and event["done"] > 2)
        lost.rename(aside)
        events = client.finish(job)
        assert events[-1]["kind"] == "failed"
        assert events[-1]["message"].startswith(f"Frame {FIRST + 38} ({lost}) is missing.")
        whole = shot.written()  # including a frame that was written at the same time as the failing one
        assert {shot.output(frame) for frame in frames_of(events)} <= set(whole) < set(map(shot.output, shot.frames))
        assert all(map(plates.is_complete, whole))
        aside.rename(lost)
        client.submit(asked_for(shot))
        again = client.finish(job, after=events[-1]["number"])
    assert again[-1]["kind"] == "done"
    assert [shot.output(frame) for frame in frames_of(again, kept=True)] == whole
    assert frames_of(again) == list(shot.frames)


def test_a_client_that_disconnects_does_not_affect_the_job(make_shot: MakeShot, state: Path) -> None:
    shot = long_shot(make_shot, 20)
    with running_core(state, device="cpu") as client:
        job = client.submit(asked_for(shot))
        address = urlsplit(client.connection.url)
        for after in (0, 10**6):
            with socket.create_connection((address.hostname, address.port), PATIENCE) as line:
                line.sendall(
                    f"GET /v1/jobs/{job}/events?after={after} HTTP/1.1\r\nHost: {address.netloc}\r\n"
                    f"Authorization: Bearer {client.connection.token}\r\n\r\n".encode()
                )
                line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        events = client.finish(job)
    assert events[-1]["kind"] == "done"
    assert frames_of(events, kept=False) == list(shot.frames)


@pytest.mark.parametrize("hours", [5000, -5000])
def test_a_clock_change_during_a_job_has_no_effect(
    make_shot: MakeShot, state: Path, monkeypatch: pytest.MonkeyPatch, hours: int
) -> None:
    shot, true = long_shot(make_shot, 40), time.time
    with running_core(state, device="cpu", idle_minutes=60) as client:
        ticket = client.request("POST", "/v1/ticket")[1]["url"].rpartition("=")[2]
        job = client.submit(asked_for(shot))
        client.events(job, until=lambda event: is_frame(event) and event["done"] > 5)
        monkeypatch.setattr(time, "time", lambda: true() + 3600 * hours)
        empty = client.get(f"/v1/jobs/{job}/events?after=1000000&wait=0.01")
        assert empty["events"] == []
        assert empty["job"]["seconds_left"] is None or 0 <= empty["job"]["seconds_left"] < 3600
        status, page = client.request("POST", "/v1/session", headers={"Authorization": f"Bearer {ticket}"})
        assert status == 200
        assert client.request("GET", "/v1/jobs", headers={"Authorization": f"Bearer {page['token']}"})[0] == 200
        events = client.finish(job)
        assert client.get("/v1/jobs")[0]["state"] == "done"
    assert events[-1]["kind"] == "done"
    assert abs(events[-1]["time"] - events[0]["time"]) > 3600  # the clock was changed
    assert [event["number"] for event in events] == list(range(1, len(events) + 1))
    assert frames_of(events, kept=False) == list(shot.frames)

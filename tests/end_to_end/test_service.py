"""`stcolor serve | status | stop`, and real shots through the socket."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from conftest import FIRST
from cores import MakeShot, Start, asked_for, client_of, frames_of, is_frame, long_shot
from serving import PATIENCE, Client, running_core, until

from stcolor_core.cli import main
from stcolor_core.images import plates
from stcolor_core.service.access import Connection, CoreLock, connection_file, find
from stcolor_core.service.job import Job
from stcolor_core.service.jobs import Worker


def test_a_shot_is_coloured_and_each_frame_is_announced(make_shot: MakeShot, state: Path) -> None:
    shot = make_shot()
    with running_core(state, device="cpu") as client:
        job = client.submit(asked_for(shot))
        events = client.finish(job)
        assert [event["number"] for event in events] == list(range(1, len(events) + 1))
        assert [event["kind"] for event in events[:2]] == ["queued", "plan"]
        assert frames_of(events, kept=False) == list(shot.frames)
        assert {event["path"] for event in events if is_frame(event)} == {str(shot.output(f)) for f in shot.frames}
        status = client.get(f"/v1/jobs/{job}")
        assert (status["state"], status["done"], status["total"], status["error"]) == ("done", 5, 5, None)
        assert [path.name for path in shot.written()] == [f"shot.{frame}.exr" for frame in shot.frames]
        assert client.submit(asked_for(shot)) == job
        assert frames_of(client.finish(job, after=events[-1]["number"]), kept=True) == list(shot.frames)


def test_a_cancelled_job_stops_within_one_frame_and_resumes_when_submitted_again(
    make_shot: MakeShot, state: Path
) -> None:
    shot = long_shot(make_shot, 30)
    with running_core(state, device="cpu") as client:
        job = client.submit(asked_for(shot))
        client.events(job, until=is_frame)
        assert client.request("POST", f"/v1/jobs/{job}/cancel")[0] == 200
        events = client.finish(job)
        assert events[-1]["kind"] == "cancelled"
        written = shot.written()
        assert 1 <= len(written) < 30
        assert all(path.suffix == ".exr" for path in written)
        client.submit(asked_for(shot))
        again = client.finish(job, after=events[-1]["number"])
        assert again[-1]["kind"] == "done"
        assert set(frames_of(events)) <= set(frames_of(again, kept=True))
        assert frames_of(again) == list(shot.frames)


def test_a_preview_runs_ahead_of_the_queue_and_the_running_job_continues(make_shot: MakeShot, state: Path) -> None:
    shot = long_shot(make_shot, 30)
    with running_core(state, device="cpu") as client:
        running = client.submit(asked_for(shot))
        waiting = client.submit(asked_for(shot, "second"))
        client.events(running, until=is_frame)
        preview = client.submit(asked_for(shot, "preview"), frame=FIRST + 2)
        shown = client.finish(preview)
        assert frames_of(shown) == [FIRST + 2]
        assert [path.name for path in (shot.folder / "preview").iterdir()] == [f"shot.{FIRST + 2}.exr"]
        assert client.get(f"/v1/jobs/{running}")["state"] == "running"
        assert client.get(f"/v1/jobs/{waiting}")["state"] == "queued"
        assert frames_of(client.finish(running)) == list(shot.frames)
        assert client.finish(waiting)[-1]["kind"] == "done"


def test_any_host_but_this_machine_is_refused(state: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["serve", "--host", "0.0.0.0"]) == 2
    assert "127.0.0.1 only" in capsys.readouterr().err
    assert main(["serve", "--port", "99999"]) == 2
    assert not state.exists()


def test_a_core_in_the_background_is_found_and_stopped(
    make_shot: MakeShot, state: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def printed_by(*arguments: str, code: int = 0) -> str:
        assert main(list(arguments)) == code
        return capsys.readouterr().out

    assert json.loads(printed_by("status", "--json", code=1))["state"] == "stopped"
    try:
        printed = printed_by("serve", "--background", "--device", "cpu")
        status = json.loads(printed_by("status", "--json"))
        assert status["state"] == "running"
        assert status["token_file"] == str(connection_file(state))
        assert status["url"] in printed
        assert str(status["pid"]) in printed_by("serve", "--background")
        assert str(status["pid"]) in printed_by("serve")
        connection = Connection.read(state)
        assert connection is not None
        client = Client(connection)
        client.finish(client.submit(asked_for(make_shot())))
    finally:
        main(["stop"])
    assert not connection_file(state).exists()
    assert "No core runs" in printed_by("status", code=1)
    for log in state.glob("*.log"):
        assert connection.token not in log.read_text()
    assert connection.token not in printed + json.dumps(status)


def test_a_second_start_in_the_background_finds_the_core_and_starts_nothing(
    state: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with running_core(state, device="cpu") as client:
        assert main(["serve", "--background"]) == 0
        assert client.connection.url in capsys.readouterr().out
        assert not (state / "background.log").exists()  # the environment that a started process would have


def test_a_start_overtaken_by_another_leaves_no_spare_process(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    state.mkdir()
    spares: list[subprocess.Popen[bytes]] = []

    class Popen(subprocess.Popen[bytes]):
        def __init__(self, *arguments: Any, **options: Any) -> None:
            super().__init__(*arguments, **options)
            spares.append(self)

    monkeypatch.setattr(subprocess, "Popen", Popen)
    lock = CoreLock(state)
    assert lock.acquire()  # as the overtaking start does
    with ThreadPoolExecutor(1) as beside:
        returned = beside.submit(main, ["serve", "--background", "--device", "cpu"])
        until(lambda: spares)
        with running_core(state, device="cpu"):
            assert returned.result(PATIENCE) == 0
    lock.close()  # from now on a process that is still starting would become the core
    try:
        assert spares[0].wait(20) == 0
    finally:
        spares[0].kill()
    assert find(state) is None


@pytest.mark.slow
def test_of_two_simultaneous_background_starts_one_starts_the_core_and_the_other_finds_it(state: Path) -> None:
    command = [sys.executable, "-m", "stcolor_core.cli", "serve", "--background", "--device", "cpu"]
    both = [subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in range(2)]
    try:
        outputs = [process.communicate(timeout=PATIENCE) for process in both]
        assert outputs[0][0] == outputs[1][0]  # the start that finds a core writes its remark to standard error
        assert [process.returncode for process in both] == [0, 0], outputs
    finally:
        assert main(["stop"]) == 0
    assert (state / "core.log").read_text().count("listens at") == 1
    assert find(state) is None


def test_a_core_that_cannot_start_in_the_background_reports_the_reason(
    state: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    state.mkdir()
    (state / "jobs.sqlite").write_bytes(b"no database " * 100)
    assert main(["serve", "--background"]) == 1
    assert "jobs.sqlite cannot be used" in capsys.readouterr().err


@pytest.mark.slow
def test_of_two_simultaneous_starts_one_runs_and_the_other_names_its_address(state: Path, start: Start) -> None:
    state.mkdir()
    connection_file(state).write_text(json.dumps({"url": "http://127.0.0.1:9", "token": "stale", "pid": 1}))
    both = [start(), start()]
    loser = until(lambda: next((process for process in both if process.poll() is not None), None))
    winner = next(process for process in both if process is not loser)
    out, errors = loser.communicate()
    assert loser.returncode == 0, errors
    assert f"process {winner.pid}" in out
    assert client_of(winner, state).get("/v1/health")["device"] == "cpu"
    assert main(["stop"]) == 0
    assert winner.wait(60) == 0


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGTERM; `stcolor stop` is tested above")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=["SIGTERM", "Ctrl-C"])
def test_a_stopped_core_leaves_its_job_to_the_next_core(
    make_shot: MakeShot, state: Path, start: Start, number: signal.Signals
) -> None:
    shot = long_shot(make_shot, 30)
    core = start()
    client = client_of(core, state)
    job = client.submit(asked_for(shot))
    client.events(job, until=is_frame)
    core.send_signal(number)
    assert core.wait(60) == 0
    assert not connection_file(state).exists()
    assert number.name in (state / "core.log").read_text()
    with running_core(state, device="cpu") as client:
        events = client.finish(job)
    assert [event["kind"] for event in events].count("queued") == 2
    assert events[-1]["kind"] == "done"
    assert len(shot.written()) == 30


def test_a_shot_and_its_preview_on_the_same_output_agree(make_shot: MakeShot, state: Path) -> None:
    shot = make_shot()
    asked = asked_for(shot)
    with running_core(state, device="cpu") as client:
        client.finish(client.submit(asked, frame=FIRST + 1))
        events = client.finish(client.submit(asked))
    assert frames_of(events, kept=True) == [FIRST + 1]


def test_a_preview_of_the_frame_being_written_does_not_disturb_the_job(
    make_shot: MakeShot, state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shot = long_shot(make_shot, 8)
    writing, submitted, previewed = threading.Event(), threading.Event(), threading.Event()
    whole, must_stop = plates.is_complete, Worker._must_stop

    def held(path: Path) -> bool:  # the shot's frame, after it is written and before it is renamed
        if path.name.startswith(f".shot.{FIRST + 2}.exr") and not writing.is_set():
            writing.set()
            assert previewed.wait(PATIENCE)
        return whole(path)

    def after_submit(worker: Worker, job: Job) -> bool:
        if writing.is_set():
            assert submitted.wait(PATIENCE)
        return must_stop(worker, job)

    monkeypatch.setattr(plates, "is_complete", held)
    monkeypatch.setattr(Worker, "_must_stop", after_submit)
    with running_core(state, device="cpu") as client:
        job = client.submit(asked_for(shot))
        assert writing.wait(PATIENCE)
        preview = client.submit(asked_for(shot), frame=FIRST + 2)
        submitted.set()
        assert client.finish(preview)[-1]["kind"] == "done"
        assert whole(shot.output(FIRST + 2))
        previewed.set()
        assert client.finish(job)[-1]["kind"] == "done"
    assert shot.written() == [shot.output(frame) for frame in shot.frames]
    assert all(map(whole, shot.written()))

"""Two runs with one output folder: runs of the same shot may share it, a run of a changed shot is refused."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from conftest import FIRST, ShotOnDisk
from cores import asked_for, frames_of, is_frame, state
from scenes import pan
from serving import running_core

from stcolor_core.cli import main
from stcolor_core.images import plates
from stcolor_core.pipeline.claims import Claim
from stcolor_core.pipeline.run import colorize, plan_run
from stcolor_core.shots.pictures import Reference

__all__ = ["state"]

MakeShot = Callable[..., ShotOnDisk]


def settings(shot: ShotOnDisk) -> set[str]:
    """Return the digests of the existing frames."""
    return {plates.read_header(path).metadata["stcolor/settings"] for path in shot.written() if path.suffix == ".exr"}


def other(shot: ShotOnDisk) -> list[str]:
    """Return the command line that colours the shot from one keyframe only, with the same output folder."""
    keyed = ["--reference", f"{FIRST}={shot.reference(FIRST)}", "--working-height", "64", "--cuts", "none"]
    return ["colorize", *shot.pictures(), *keyed]


@pytest.fixture
def shot(make_shot: MakeShot) -> ShotOnDisk:
    return make_shot(pan(30, height=64, width=96, step=1))


def test_a_run_of_a_changed_shot_is_refused_while_another_run_writes(
    shot: ShotOnDisk, capsys: pytest.CaptureFixture[str]
) -> None:
    running = colorize(asked_for(shot), device="cpu")
    next(running)
    done = shot.written()
    assert main(other(shot)) == 1
    line = capsys.readouterr().err.splitlines()[-1]
    assert "shot.####.exr" in line and "process" in line and "--output" in line
    assert {path.name for path in done} <= {path.name for path in shot.written()}
    list(running)
    assert len(shot.written()) == 30
    before = settings(shot)
    assert main(other(shot)) == 0
    assert len(before & settings(shot)) == 1  # the keyframe that both shots have


def test_two_processes_with_different_shots_never_mix_their_frames(shot: ShotOnDisk) -> None:
    first = [sys.executable, "-m", "stcolor_core.cli", "colorize", *shot.pictures(), "--cuts", "none"]
    first += ["--reference", str(shot.folder / "ref.####.exr"), "--working-height", "64", "--json"]
    second = [sys.executable, "-m", "stcolor_core.cli", *other(shot), "--json"]
    runs = [
        subprocess.Popen(each, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for each in (first, second)
    ]
    ended = [(*run.communicate(), run.returncode) for run in runs]
    assert sorted(code for *_, code in ended) in (
        [0, 0],
        [0, 1],
    )  # either they ran one after the other, or one was refused
    assert [path.suffix for path in shot.written()] == [".exr"] * 30
    for _, err, code in ended:
        assert not code or ("is being written by process" in err and "Traceback" not in err)
    asked = replace(asked_for(shot), method=replace(asked_for(shot).method, cuts="none"))
    one_key = replace(asked, references=(Reference(frame=FIRST, path=str(shot.reference(FIRST))),))
    found = {f: plates.read_header(shot.output(f)).metadata["stcolor/settings"] for f in shot.frames}
    assert found in (dict(plan_run(asked).digests), dict(plan_run(one_key).digests))


def test_two_tasks_of_one_shot_share_the_folder(shot: ShotOnDisk) -> None:
    asked = asked_for(shot)
    one, two = (colorize(asked, device="cpu", only=part) for part in ("1001-1015", "1016-1030"))
    next(one)
    next(two)
    results = [*one, *two]
    assert {result.frame for result in results} >= set(range(1003, 1030)) - {1016}
    assert len(shot.written()) == 30


def test_a_frame_that_another_run_of_the_shot_has_written_meanwhile_is_not_written_again(shot: ShotOnDisk) -> None:
    asked = asked_for(shot)
    slow = colorize(asked, device="cpu")
    next(slow)  # a reference, which is written before any frame is begun
    quick = list(colorize(asked, device="cpu"))
    assert sum(not result.kept for result in quick) == 29
    before = {path.name: path.stat().st_mtime_ns for path in shot.written() if path.suffix == ".exr"}
    assert len(before) == 30
    rest = list(slow)
    assert [result.kept for result in rest] == [True] * 29
    assert {path.name: path.stat().st_mtime_ns for path in shot.written() if path.suffix == ".exr"} == before


def test_a_job_of_the_service_is_refused_while_a_local_run_writes_another_shot(shot: ShotOnDisk, state: Path) -> None:
    asked = asked_for(shot)
    changed = replace(asked, method=replace(asked.method, chroma=0.5))
    running = colorize(asked, device="cpu")
    next(running)
    with running_core(state, device="cpu") as client:
        job = client.submit(changed)
        events = client.finish(job)
        assert events[-1]["kind"] == "failed" and "is being written by process" in events[-1]["message"]
        list(running)
        client.submit(changed)
        again = client.finish(job, after=events[-1]["number"])
    assert again[-1]["kind"] == "done"
    assert frames_of(again) == list(shot.frames)


def test_a_preview_of_a_changed_shot_into_the_folder_of_a_job_fails_without_harming_it(
    shot: ShotOnDisk, state: Path
) -> None:
    asked = asked_for(shot)
    changed = replace(asked, method=replace(asked.method, chroma=0.5))
    with running_core(state, device="cpu") as client:
        job = client.submit(asked)
        client.events(job, until=is_frame)
        status, preview = client.request(
            "POST", "/v1/preview", {"shot": json.loads(changed.to_json()), "frame": FIRST + 20}
        )
        assert status == 200
        ended = client.finish(preview["id"])
        events = client.finish(job)
    assert events[-1]["kind"] == "done"
    assert ended[-1]["kind"] == "failed" and "is being written by process" in ended[-1]["message"]


def test_a_killed_run_does_not_block_other_runs(shot: ShotOnDisk) -> None:
    command = [sys.executable, "-m", "stcolor_core.cli", *other(shot), "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as killed:
        assert killed.stdout is not None
        threading.Thread(target=killed.wait, daemon=True).start()
        for line in killed.stdout:
            if '"kind": "frame"' in line:
                killed.kill()
                break
    assert [path for path in shot.written() if path.suffix == ".claim"]
    assert len(list(colorize(asked_for(shot), device="cpu"))) == 30
    assert [path.suffix for path in shot.written()] == [".exr"] * 30


def test_a_frame_that_another_run_overwrote_before_the_claim_is_written_again(
    shot: ShotOnDisk, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = asked_for(shot)
    changed = replace(asked, method=replace(asked.method, chroma=0.5))
    list(colorize(asked, device="cpu"))
    expected = dict(plan_run(asked).digests)
    shot.output(FIRST + 3).unlink()  # so that there is a frame to render
    take, entered = Claim.__enter__, []

    def overtaken(claim: Claim) -> Claim:
        if not entered:
            entered.append(claim)
            list(colorize(changed, device="cpu"))  # begins and ends between this run's check and its claim
        return take(claim)

    monkeypatch.setattr(Claim, "__enter__", overtaken)
    list(colorize(asked, device="cpu"))
    assert {f: plates.read_header(shot.output(f)).metadata["stcolor/settings"] for f in shot.frames} == expected

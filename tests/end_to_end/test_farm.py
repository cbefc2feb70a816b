"""A shot on a farm: the jobs that `stcolor farm` writes, run by openjd, and what the hosts check and report."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import psutil
import pytest
from conftest import FIRST, ShotOnDisk, write_reference
from farm_runs import NUKE, MakeShot, colored, farm, frames_said, host, openjd, run, shot, whole, write_shot
from programs import make_program
from scenes import pan
from serving import until

from stcolor_core.cli import main
from stcolor_core.images import frame_files, plates
from stcolor_core.images.color import luminance_of
from stcolor_core.shots.shot import Shot

__all__ = ["shot"]


# Open Job Description


@pytest.mark.slow
def test_openjd_renders_a_job_to_the_same_bytes_as_a_local_run(shot: ShotOnDisk) -> None:
    nuke = make_program(shot.folder / "bin", "nuke", NUKE)
    script = shot.folder / "comp.nk"
    script.write_text("#! nuke\nversion 15.1 v3\nRoot {\n}\n", encoding="utf-8")
    writes = ("--write", "Write1", "--write", "Group1.Write2")
    assert farm("openjd", shot, "--nuke-script", str(script), *writes, "--nuke", str(nuke), "--chunk", "2") == 0
    checked = openjd("check", str(shot.folder / "openjd/template.yaml"))
    assert (checked.returncode, "passes validation checks" in checked.stdout) == (0, True), checked.stdout
    done = run(shot, "--step", "Nuke", "--run-dependencies", "-p", f"NukeScript={script}")
    assert done.returncode == 0, done.stdout
    assert "Span(CHUNK[INT]) = 0-1" in done.stdout
    assert "openjd_progress: 100.0" in done.stdout
    assert "All 9 frames are there and up to date." in done.stdout
    assert colored(shot) == whole(shot)
    starts = [json.loads(line) for line in (shot.folder / "nuke.log").read_text(encoding="utf-8").splitlines()]
    asked = [["-F", "1001-1009", "-X", write, "-x", str(script)] for write in ("Write1", "Group1.Write2")]
    assert starts == [[arguments, 9] for arguments in asked]


@pytest.mark.slow
def test_a_killed_task_resumes_at_the_frame_that_it_had_reached(make_shot: MakeShot) -> None:
    shot = make_shot(pan(60, height=64, width=96, step=2), references=(FIRST,))
    write_shot(shot)
    assert farm("openjd", shot) == 0
    arguments = ["run", str(shot.folder / "openjd/template.yaml"), "--step", "Colour"]
    first = subprocess.Popen([sys.executable, "-m", "openjd", *arguments], stdout=subprocess.PIPE, text=True)
    until(lambda: len(colored(shot)) >= 15)
    [task] = [each for each in psutil.Process(first.pid).children(recursive=True) if "span" in each.cmdline()]
    task.kill()
    before, _ = first.communicate()
    assert first.returncode != 0
    there = {path: plates.is_complete(path) for path in shot.written() if path.suffix == ".exr"}
    assert all(there.values())
    again = run(shot, "--step", "Colour")
    assert again.returncode == 0, again.stdout
    kept, made = frames_said(again.stdout, "was there"), frames_said(again.stdout, "is done")
    assert len(kept) == len(there) < 60
    assert sorted(kept + made) == list(shot.frames)
    assert set(frames_said(before, "is done")) <= set(kept)
    assert colored(shot) == whole(shot)
    assert host("verify", shot) == 0


@pytest.mark.slow
def test_a_broken_frame_fails_only_its_task_with_one_line(shot: ShotOnDisk, capsys: pytest.CaptureFixture[str]) -> None:
    assert farm("openjd", shot) == 0
    broken = shot.plate(1006)
    broken.write_bytes(broken.read_bytes()[:-900])
    failed = run(shot, "--step", "Colour", "--task-param", "Span=1")
    assert failed.returncode != 0
    [why] = re.findall(r"openjd_fail: (.*)", failed.stdout)
    assert why.startswith(f"Frame 1006 ({broken}) is truncated or damaged")
    assert "Traceback" not in failed.stdout
    assert run(shot, "--step", "Colour", "--task-param", "Span=0").returncode == 0
    capsys.readouterr()
    assert host("verify", shot) == 1
    assert "frames 1005-1008 are missing or incomplete. Run the colour step again." in capsys.readouterr().err
    assert [int(name[5:9]) for name in sorted(colored(shot))] == [1001, 1002, 1003, 1004, 1009]
    assert not [path for path in shot.written() if path.suffix == ".partial"]


@pytest.mark.slow
def test_a_job_runs_on_a_host_with_other_paths(shot: ShotOnDisk, tmp_path_factory: pytest.TempPathFactory) -> None:
    assert farm("openjd", shot) == 0
    host = tmp_path_factory.mktemp("host")
    for path in list(shot.folder.iterdir()):
        path.rename(host / path.name)
    rule = {"source_path": str(shot.folder), "destination_path": str(host)}
    rule["source_path_format"] = "WINDOWS" if os.name == "nt" else "POSIX"
    rules = json.dumps({"version": "pathmapping-1.0", "path_mapping_rules": [rule]})
    template = str(host / "openjd/template.yaml")
    done = openjd("run", template, "--step", "Verify", "--run-dependencies", "--path-mapping-rules", rules)
    assert done.returncode == 0, done.stdout
    assert len(list((host / "out").glob("shot.*.exr"))) == 9
    assert not list(shot.folder.iterdir())


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="a test cannot press Ctrl-C for another console here")
def test_a_cancelled_job_finishes_its_frame_and_keeps_it(make_shot: MakeShot) -> None:
    shot = make_shot(pan(60, height=64, width=96, step=2), references=(FIRST,))
    write_shot(shot)
    assert farm("openjd", shot) == 0
    arguments = ["run", str(shot.folder / "openjd/template.yaml"), "--step", "Colour"]
    job = subprocess.Popen([sys.executable, "-m", "openjd", *arguments], stdout=subprocess.PIPE, text=True)
    until(lambda: len(colored(shot)) >= 5)
    job.send_signal(signal.SIGINT)
    printed, _ = job.communicate()
    [done] = re.findall(r"Cancelled after (\d+) of 60 frames", printed)
    assert 0 < int(done) < 60
    assert {path.suffix for path in shot.written()} == {".exr"}
    assert all(map(plates.is_complete, shot.written()))
    assert len(shot.written()) < 60


def test_cuts_are_detected_once_and_written_into_the_job(shot: ShotOnDisk, capsys: pytest.CaptureFixture[str]) -> None:
    for frame in (1006, 1007, 1008, 1009):  # another scene, which holds the last keyframe
        lightness = 100 - shot.scene.lightnesses[frame - FIRST][::-1]
        frame_files.write_frame(shot.plate(frame), {"Y": (luminance_of(lightness), "half")})
    write_reference(shot.reference(1009), lightness, shot.scene.ab[-1])
    assert farm("openjd", shot, "--json") == 0
    assert json.loads(capsys.readouterr().out)["tasks"] == 3
    assert Shot.load(shot.folder / "openjd/shot.json").method.cuts == "1006"
    assert host("span", shot, "--span", "1", "--progress", "openjd") == 0
    looked = re.findall(r"Looking at frame (\d+)", capsys.readouterr().out)
    assert set(map(int, looked)) == {1001, 1004, 1005}  # the frame, and the keyframes of its own scene
    assert [path.name for path in shot.written()] == ["shot.1004.exr", "shot.1005.exr"]


def test_tasks_in_any_order_give_the_same_bytes_as_a_whole_run(
    shot: ShotOnDisk, capsys: pytest.CaptureFixture[str]
) -> None:
    assert farm("openjd", shot, "--max-span", "2", "--json") == 0
    tasks = json.loads(capsys.readouterr().out)["tasks"]
    assert tasks == 3  # 1001-1003, 1004-1006, 1007-1009
    for number in reversed(range(tasks)):
        assert host("span", shot, "--span", str(number)) == 0
    assert colored(shot) == whole(shot)


def test_the_result_is_one_json_object(shot: ShotOnDisk, capsys: pytest.CaptureFixture[str]) -> None:
    assert farm("openjd", shot, "--json") == 0
    printed = json.loads(capsys.readouterr().out)
    message = printed.pop("message")
    assert printed == {
        "engine": "openjd",
        "path": str(shot.folder / "openjd"),
        "tasks": 2,
        "submitted": False,
        "job": "",
    }
    assert "2 tasks for the frames 1001-1009" in message


def test_a_bundle_is_submitted_by_the_program_of_deadline_cloud(
    shot: ShotOnDisk, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(shot.folder / "bin"))
    assert farm("openjd", shot, "--submit") == 1
    assert f"pip install deadline), or submit {shot.folder / 'openjd'} from a host" in capsys.readouterr().err
    job = "job-0123456789abcdef0123456789abcdef"
    code = (
        f"import sys\nprint('Submitting to Queue: Q\\n{job}')\nopen(__file__ + '.log', 'w').write(repr(sys.argv[1:]))"
    )
    make_program(shot.folder / "bin", "deadline", code)
    assert farm("openjd", shot, "--submit", "--json", "--name", "sh010 v3") == 0
    printed = json.loads(capsys.readouterr().out)
    assert (printed["submitted"], printed["job"]) == (True, job)
    asked = (shot.folder / "bin/deadline.py.log").read_text(encoding="utf-8")
    assert asked == repr(["bundle", "submit", "--yes", "--name", "sh010 v3", str(shot.folder / "openjd")])


# Before a submission


def test_keyframes_without_colour_are_listed_before_a_submission(
    shot: ShotOnDisk, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = ["farm", "references", "--shot", str(shot.folder / "shot.json")]
    assert main([*asked, "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"colorless": {}}
    black = np.zeros((64, 96), np.float32)
    frame_files.write_frame(shot.reference(FIRST + 3), dict.fromkeys("RGB", (black, "half")))
    assert main([*asked, "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"colorless": {str(FIRST + 3): "no_color"}}
    assert main(asked) == 0
    assert capsys.readouterr().out == f"Keyframe {FIRST + 3} has no colour.\n"


# On the hosts


def test_a_check_reports_its_findings(shot: ShotOnDisk, capsys: pytest.CaptureFixture[str]) -> None:
    assert farm("openjd", shot) == 0
    capsys.readouterr()
    assert host("check", shot) == 0
    assert capsys.readouterr().out == "The shot can be coloured: 9 frames, 3 references.\n"
    assert not shot.written()


@pytest.mark.parametrize(
    ("breaks", "expected"),
    [
        pytest.param(lambda shot: shot.plate(1005).unlink(), r"Frame 1005 of .* is missing", id="a plate frame gone"),
        pytest.param(lambda shot: shot.reference(1004).unlink(), r"ref\.1004\.exr", id="a reference gone"),
        pytest.param(
            lambda shot: shot.reference(1004).write_bytes(shot.reference(1004).read_bytes()[:-200]),
            r"ref\.1004\.exr.* is truncated",
            id="a reference cut off",
        ),
        pytest.param(lambda shot: (shot.folder / "out").touch(), "cannot be written to", id="no room for the output"),
    ],
)
def test_a_check_fails_before_the_colour_tasks_start(
    breaks: Callable[[ShotOnDisk], Any], expected: str, shot: ShotOnDisk, capsys: pytest.CaptureFixture[str]
) -> None:
    assert farm("openjd", shot) == 0
    breaks(shot)
    capsys.readouterr()
    assert host("check", shot, "--progress", "openjd") in (1, 2)
    printed = capsys.readouterr()
    [line] = printed.out.splitlines()
    assert line.startswith("openjd_fail: ")
    assert re.search(expected, line)
    assert printed.err == f"stcolor: {line.removeprefix('openjd_fail: ')}\n"


def test_a_host_without_the_weights_reports_them(
    shot: ShotOnDisk, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert farm("openjd", shot) == 0
    file = shot.folder / "openjd/shot.json"
    file.write_text(file.read_text(encoding="utf-8").replace('"model": "standard"', '"model": "exemplar"'))
    monkeypatch.setenv("STCOLOR_MODELS_DIR", str(shot.folder / "none"))
    assert host("check", shot) == 1
    assert "stcolor models add" in capsys.readouterr().err


def test_a_report_gives_the_state_of_the_shot(shot: ShotOnDisk, capsys: pytest.CaptureFixture[str]) -> None:
    assert farm("openjd", shot) == 0
    assert host("span", shot, "--span", "0-1") == 0
    assert host("verify", shot, "--report", str(shot.folder / "all.json")) == 0
    report = json.loads((shot.folder / "all.json").read_text(encoding="utf-8"))
    assert (report["frames"], report["missing"], report["stale"]) == (list(shot.frames), [], [])
    assert set(map(int, report["confidence"])) == set(shot.frames)
    surest = sorted(report["confidence"].values())
    assert [report["confidence"][str(frame)] for frame in report["weakest"]] == surest[:5]
    assert all(suggestion["frame"] in shot.frames for suggestion in report["suggestions"])
    shot.output(1002).unlink()
    shot.output(1003).write_bytes(shot.output(1003).read_bytes()[:-300])
    write_reference(shot.reference(1009), shot.scene.lightnesses[8], -shot.scene.ab[8])
    capsys.readouterr()
    assert host("verify", shot) == 1
    line = capsys.readouterr().err
    assert "frames 1002-1003 are missing or incomplete, and frames 1005-1009 are of an earlier state" in line
    report = json.loads((shot.folder / "out/shot.report.json").read_text(encoding="utf-8"))
    assert (report["missing"], report["stale"]) == ([1002, 1003], [1005, 1006, 1007, 1008, 1009])


def test_a_local_run_keeps_the_frames_of_the_farm(shot: ShotOnDisk, capsys: pytest.CaptureFixture[str]) -> None:
    assert farm("openjd", shot) == 0
    assert host("span", shot, "--span", "0-1") == 0
    capsys.readouterr()
    assert shot.colorize("--json") == 0
    events = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [event["kept"] for event in events if event["kind"] == "frame"] == [True] * 9


def test_a_plate_that_grows_during_the_job_does_not_change_it(
    shot: ShotOnDisk, capsys: pytest.CaptureFixture[str]
) -> None:
    assert farm("openjd", shot) == 0
    shutil.copy(shot.plate(1009), shot.plate(1010))
    shutil.copy(shot.reference(1009), shot.reference(1002))
    capsys.readouterr()
    assert host("check", shot) == 0
    assert "9 frames, 3 references" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (["--write", "Write1"], "--nuke-script"),
        (["--nuke-script", "none.nk"], "--write NAME"),
        (["--nuke-script", "none.nk", "--write", "Write1"], "cannot be read"),
        (["--chunk", "0"], "--chunk must be at least 1"),
        (["--name", ""], "--name is empty"),
    ],
)
def test_an_invalid_request_writes_no_bundle(
    options: list[str], expected: str, shot: ShotOnDisk, capsys: pytest.CaptureFixture[str]
) -> None:
    assert farm("openjd", shot, *options) == 2
    assert expected in capsys.readouterr().err
    assert not (shot.folder / "openjd").exists()

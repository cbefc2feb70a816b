"""A shot on a farm: the jobs that `stcolor farm` writes are run by openjd, and as the other engines would run them."""

from __future__ import annotations

import json
import os
import random
import re
import shlex
import shutil
import signal
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import psutil
import pytest
import yaml
from conftest import FIRST, ShotOnDisk, frame_bytes, write_reference
from deadline_keys import read_info
from programs import make_program
from scenes import pan
from serving import until

from stcolor_core.cli import main
from stcolor_core.images import frame_files, plates
from stcolor_core.images.color import luminance_of
from stcolor_core.images.frame_ranges import parse_frames
from stcolor_core.shots.shot import Shot

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

# Stands in for Deadline's program: takes two info files, copies them, and prints the job's name.
DEADLINECOMMAND = """
import shutil, sys
from pathlib import Path
info, plugin = map(Path, sys.argv[1:])
taken = Path(__file__).parent / "repository"
taken.mkdir(exist_ok=True)
number = len(list(taken.iterdir())) // 2
if "refused" in info.read_text():
    sys.exit("Error: the group does not exist.")
job = f"{number:024x}"
shutil.copy(info, taken / f"{job}.job_info")
shutil.copy(plugin, taken / f"{job}.plugin_info")
print("Deadline Command 10.4\\n\\nResult=Success\\nJobID=" + job + "\\n\\nThe job was submitted successfully.")
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
    assert "frame 1005-1008 is missing or incomplete. Run the colour step again." in capsys.readouterr().err
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


# Deadline 10


def as_tasks(info: dict[str, str]) -> list[tuple[int, ...]]:
    """Return the frames of each task that Deadline makes of a job."""
    frames, size = parse_frames(info["Frames"]), int(info["ChunkSize"])
    return [frames[place : place + size] for place in range(0, len(frames), size)]


def as_command_line(plugin: dict[str, str], start: int, end: int) -> list[str]:
    """Return the arguments of a task, as Deadline's CommandLine plug-in builds them."""
    text = plugin["Arguments"].replace("<STARTFRAME>", str(start)).replace("<ENDFRAME>", str(end))
    assert plugin["Executable"] == STCOLOR
    return shlex.split(text)


def test_deadline_gets_dependent_jobs_that_colour_the_shot(
    shot: ShotOnDisk, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    program = make_program(shot.folder / "bin", "deadlinecommand", DEADLINECOMMAND)
    monkeypatch.setenv("DEADLINE_PATH", str(program.parent))
    script = shot.folder / "comp.nk"
    script.write_text("version 15.1 v3\n", encoding="utf-8")
    nuke = ("--nuke-script", str(script), "--write", "Write1", "--handles", "1", "--views", "left", "--proxy")
    queue = ("--group", "gpu", "--comment", "for dailies", "--timeout", "90")
    assert farm("deadline", shot, "--submit", "--json", *queue, "--max-span", "2", *nuke) == 0
    printed = json.loads(capsys.readouterr().out)
    ids = printed["job"].split(",")
    assert (printed["engine"], printed["submitted"], printed["tasks"], len(ids)) == ("deadline", True, 5, 4)
    jobs = []
    for job in ids:
        files = (shot.folder / "bin/repository" / f"{job}.{kind}_info" for kind in ("job", "plugin"))
        jobs.append(tuple(read_info(path.read_text(encoding="utf-8")) for path in files))
    (_, check), (info, color), (_, verify), (render, nuke_info) = jobs
    assert {(job["Comment"], job["TaskTimeoutMinutes"]) for job, _ in jobs} == {("for dailies", "90")}
    assert (nuke_info["Views"], nuke_info["ProxyMode"], nuke_info["ContinueOnError"]) == ("left", "True", "False")
    assert [job.get("JobDependencies") for job, _ in jobs] == [None, ids[0], ids[1], ids[1]]
    assert [job["IsFrameDependent"] for job, _ in jobs] == ["false", "false", "false", "true"]
    assert (render["Frames"], render["FrameDependencyOffsetStart"], render["FrameDependencyOffsetEnd"]) == (
        "1001-1009",
        "-1",
        "1",
    )
    assert main(as_command_line(check, 0, 0)) == 0
    tasks = as_tasks(info)
    assert len(tasks) == printed["tasks"]
    random.Random(3).shuffle(tasks)
    done: list[int] = []
    for task in tasks:
        assert main(as_command_line(color, task[0], task[-1])) == 0
        done += task
        assert [int(name[5:9]) for name in sorted(colored(shot))] == sorted(done)  # so that a render can use the colour
    assert main(as_command_line(verify, 0, 0)) == 0
    assert "Progress: 100%" in capsys.readouterr().out
    assert colored(shot) == whole(shot)


@pytest.mark.parametrize("engine", ["openjd", "deadline", "opencue"])
@pytest.mark.parametrize(
    "more",
    [
        ("--views", "left"),
        ("--proxy",),
        ("--continue-on-error",),
        ("--timeout", "0"),
        ("--path-substitutions", "z:/show;/mnt/show"),
    ],
)
def test_an_option_that_no_engine_can_use_is_refused_by_name(
    shot: ShotOnDisk, capsys: pytest.CaptureFixture[str], engine: str, more: tuple[str, ...]
) -> None:
    assert farm(engine, shot, *more) == 2
    assert more[0].removeprefix("--").replace("path-sub", "path sub") in capsys.readouterr().err


def test_a_task_with_gaps_between_its_frames_writes_no_other_frames(shot: ShotOnDisk) -> None:
    file = shot.folder / "shot.json"
    asked = Shot.load(file)
    some = replace(asked, output=replace(asked.output, frames="1002-1004,1008-1009"))
    file.write_text(some.to_json(), encoding="utf-8")
    assert farm("deadline", shot, "--max-span", "2") == 0
    folder = shot.folder / "deadline"
    info, plugin = (read_info((folder / f"2_colour.{kind}_info").read_text("utf-8")) for kind in ("job", "plugin"))
    first, across, last = as_tasks(info)
    assert (first, across, last) == ((1002, 1003), (1004, 1008), (1009,))
    assert main(as_command_line(plugin, across[0], across[-1])) == 0
    assert sorted(colored(shot)) == ["shot.1004.exr", "shot.1008.exr"]


def test_a_refusal_by_deadline_names_the_jobs_accepted_before(
    shot: ShotOnDisk, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    program = make_program(shot.folder / "bin", "deadlinecommand", DEADLINECOMMAND)
    monkeypatch.setenv("DEADLINE_PATH", str(program.parent))
    assert farm("deadline", shot, "--submit", "--group", "refused") == 1
    line = capsys.readouterr().err
    assert "did not take the job (Error: the group does not exist.)" in line
    assert line.count("\n") == 1


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


# OpenCue


def test_opencue_gets_an_outline_that_colours_the_shot(shot: ShotOnDisk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(shot.folder / "home"))
    script = shot.folder / "my comp.nk"
    script.write_text("version 15.1 v3\n", encoding="utf-8")
    nuke = ("--nuke-script", str(script), "--write", "Group1.Write2", "--views", "left", "--proxy", "--timeout", "90")
    assert (
        farm(
            "opencue",
            shot,
            "--show",
            "demo",
            "--facility",
            "cloud",
            "--priority",
            "70",
            "--chunk",
            "2",
            *nuke,
            "--max-span",
            "2",
        )
        == 0
    )
    spec = ElementTree.parse(shot.folder / "opencue/job.xml").getroot()
    job = spec.find("job")
    assert job is not None
    assert spec.findtext("facility") == "cloud"
    assert (spec.findtext("show"), job.get("name"), job.findtext("priority")) == ("demo", "RefColorize_shot", "70")
    layers = {str(layer.get("name")): layer for layer in job.iter("layer")}
    assert list(layers) == ["check", "colour", "verify", "nuke_Group1.Write2"]
    waits = [(each.findtext("deplayer"), each.findtext("onlayer"), each.get("type")) for each in spec.iter("depend")]
    names = list(layers)
    assert waits == [(after, before, "LAYER_ON_LAYER") for before, after in zip(names, names[1:], strict=False)]
    assert (layers["colour"].findtext("gpus"), layers["check"].findtext("gpus")) == ("1", None)
    ranges = {name: (layer.findtext("range"), layer.findtext("chunk")) for name, layer in layers.items()}
    assert ranges == {
        "check": ("1", "1"),
        "colour": ("1001,1004,1007", "2"),
        "verify": ("1", "1"),
        "nuke_Group1.Write2": ("1001-1009", "10"),
    }
    rendered = shlex.split(layers["nuke_Group1.Write2"].findtext("cmd") or "")
    assert rendered[:4] == ["nuke", "--view", "left", "-p"]
    assert rendered[4:] == ["-F", "#FRAMESPEC#", "-X", "Group1.Write2", "-x", str(script)]
    assert {layer.findtext("timeout") for layer in layers.values()} == {"5400"}
    for name, spec_of_task in (("check", "1"), ("colour", "1001-1004x3"), ("colour", "1007"), ("verify", "1")):
        command = shlex.split((layers[name].findtext("cmd") or "").replace("#FRAMESPEC#", spec_of_task))
        assert command[0] == STCOLOR
        assert main(command[1:]) == 0
    assert colored(shot) == whole(shot)
    assert not (shot.folder / "home").exists()


def test_the_comment_goes_to_the_launched_opencue_job(shot: ShotOnDisk) -> None:
    """With a stand-in for the answer of cuebot, which is not here."""
    from stcolor_core.farm import opencue
    from stcolor_core.farm.job import Job

    comments: list[tuple[str, ...]] = []
    launched = SimpleNamespace(data=SimpleNamespace(name="demo-shot"), addComment=lambda *words: comments.append(words))
    launcher = SimpleNamespace(launch=lambda **_: [launched])
    asked = Shot.load(shot.folder / "shot.json")
    job = Job(name="x", shot=asked, tasks=((1001,),), inputs=(), stcolor="stcolor", comment="for dailies")
    assert opencue.submit(job, shot.folder, launcher).job == "demo-shot"
    assert comments == [("RefColorize", "for dailies")]


def test_nukes_path_substitutions_go_with_the_job_and_map_the_shot_on_a_host(
    shot: ShotOnDisk, monkeypatch: pytest.MonkeyPatch
) -> None:
    moved = shot.folder.with_name("on_the_host")
    rows = f"z:/show;{shot.folder.as_posix()};{moved.as_posix()};"
    assert farm("openjd", shot, "--path-substitutions", rows) == 0
    template = yaml.safe_load((shot.folder / "openjd/template.yaml").read_text("utf-8"))
    assert template["jobEnvironments"][0]["variables"]["STCOLOR_PATH_SUBSTITUTIONS"] == rows
    shot.folder.rename(moved)
    if sys.platform == "linux":
        monkeypatch.setenv("STCOLOR_PATH_SUBSTITUTIONS", rows)
        assert main(["farm", "check", "--shot", str(moved / "openjd/shot.json")]) == 0


def test_an_unreachable_cuebot_is_reported(
    shot: ShotOnDisk, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    import opencue

    monkeypatch.setattr(opencue.Cuebot, "Hosts", ["127.0.0.1:1"])
    assert farm("opencue", shot, "--submit") == 1
    assert f"The job is in {shot.folder / 'opencue/job.xml'}." in capfd.readouterr().err


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
    assert "frame 1002-1003 is missing or incomplete, and frame 1005-1009 is of an earlier state" in line
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

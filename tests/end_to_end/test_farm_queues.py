"""Jobs for Deadline 10 and OpenCue, run as these would run them."""

from __future__ import annotations

import json
import random
import shlex
import sys
import xml.etree.ElementTree as ElementTree
from dataclasses import replace
from types import SimpleNamespace

import pytest
import yaml
from conftest import ShotOnDisk
from deadline_keys import read_info
from farm_runs import STCOLOR, colored, farm, shot, whole
from programs import make_program

from stcolor_core.cli import main
from stcolor_core.images.frame_ranges import parse_frames
from stcolor_core.shots.shot import Shot

__all__ = ["shot"]

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

"""Info files for Deadline 10, held against what it documents."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from deadline_keys import PLUGIN_KEYS, read_info, unknown_job_keys

from stcolor_core.farm.deadline import Queue, Submission, submissions
from stcolor_core.farm.job import Job, NukeRender
from stcolor_core.shot import Output, Plate, Shot

FOLDER = Path("/jobs of/sh010")
NUKE = NukeRender(script=Path("/s/comp.nk"), writes=("Write1", "Group1.Write2"), version="15.1")
QUEUE = Queue(pool="comp", secondary_pool="all", group="gpu")
JOB = Job(
    name="RefColorize sh010",
    shot=Shot(plate=Plate(path="/p/sh010.####.exr"), output=Output(path="/o/sh010.%05d.exr")),
    tasks=((1001, 1002), (1003, 1004, 1007), (1009,)),
    inputs=(),
    stcolor="/opt/st color/stcolor",
    chunk=2,
    priority=70,
    nuke=NUKE,
    environment={"OCIO": "/c/config.ocio", "NUKE_PATH": "/n"},
)


def read(part: Submission) -> tuple[dict[str, str], dict[str, str]]:
    job, plugin = part.texts().values()
    return read_info(job), read_info(plugin)


def test_every_key_is_one_that_deadline_documents() -> None:
    for part in submissions(JOB, FOLDER, QUEUE):
        info, plugin = read(part)
        assert unknown_job_keys(info) == []
        assert set(plugin) <= PLUGIN_KEYS[info["Plugin"]]


def test_each_job_waits_for_the_one_before_it_and_renders_for_the_verified_shot() -> None:
    after = {part.name: part.after for part in submissions(JOB, FOLDER, QUEUE)}
    assert after == {
        "1_check": None,
        "2_colour": "1_check",
        "3_verify": "2_colour",
        "4_nuke": "3_verify",
        "5_nuke": "3_verify",
    }
    waiting = submissions(JOB, FOLDER, QUEUE)[1].texts("5f1e")["2_colour.job_info"]
    assert read_info(waiting)["JobDependencies"] == "5f1e"


def test_the_colour_job_has_a_task_for_every_span() -> None:
    info, plugin = read(submissions(JOB, FOLDER, QUEUE)[1])
    assert info == {
        "Plugin": "CommandLine",
        "Name": "RefColorize sh010 - colour",
        "BatchName": "RefColorize sh010",
        "Frames": "1001,1003,1009",
        "ChunkSize": "2",
        "IsFrameDependent": "false",
        "Pool": "comp",
        "SecondaryPool": "all",
        "Group": "gpu",
        "Priority": "70",
        "EnvironmentKeyValue0": "OCIO=/c/config.ocio",
        "EnvironmentKeyValue1": "NUKE_PATH=/n",
        "OutputDirectory0": str(Path("/o")),
        "OutputFilename0": "sh010.#####.exr",
    }
    assert plugin["Executable"] == "/opt/st color/stcolor"
    assert f'--shot "{FOLDER / "shot.json"}" --frames <STARTFRAME>-<ENDFRAME>' in plugin["Arguments"]


def test_a_write_node_is_rendered_by_the_nuke_that_wrote_the_script() -> None:
    info, plugin = read(submissions(JOB, FOLDER, QUEUE)[4])
    assert (info["Plugin"], info["Frames"], info["ChunkSize"]) == ("Nuke", "1001-1004,1007,1009", "10")
    assert "Group" not in info  # the hosts of stcolor need not have Nuke
    assert plugin == {
        "SceneFile": str(NUKE.script),
        "Version": "15.1",
        "WriteNode": "Group1.Write2",
        "BatchMode": "True",
        "ContinueOnError": "False",
    }


def test_what_is_not_asked_for_is_left_to_deadline() -> None:
    plain = replace(JOB, priority=None, environment={}, nuke=None)
    info, _ = read(submissions(plain, FOLDER, Queue())[0])
    assert info == {
        "Plugin": "CommandLine",
        "Name": "RefColorize sh010 - check",
        "BatchName": "RefColorize sh010",
        "Frames": "0",
        "IsFrameDependent": "false",
    }

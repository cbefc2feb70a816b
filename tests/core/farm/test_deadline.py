"""Info files for Deadline 10, compared with its documentation."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from deadline_keys import PLUGIN_KEYS, read_info, unknown_job_keys

from stcolor_core.farm.deadline import DeadlineJob, QueueOptions, make_jobs, with_even_tasks
from stcolor_core.farm.job import Job, NukeRender
from stcolor_core.shots.output import Output
from stcolor_core.shots.pictures import Plate
from stcolor_core.shots.settings import Method
from stcolor_core.shots.shot import Shot

FOLDER = Path("/jobs of/sh010")
NUKE = NukeRender(script=Path("/s/comp.nk"), writes=("Write1", "Group1.Write2"), version="15.1")
QUEUE = QueueOptions(pool="comp", secondary_pool="all", group="gpu")
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
RECURRENT = replace(JOB, shot=replace(JOB.shot, method=Method(model="exemplar")))


def read(part: DeadlineJob) -> tuple[dict[str, str], dict[str, str]]:
    job, plugin = part.texts().values()
    return read_info(job), read_info(plugin)


def named(job: Job) -> dict[str, DeadlineJob]:
    return {part.name: part for part in make_jobs(with_even_tasks(job), FOLDER, QUEUE)}


def with_handles(job: Job, handles: int) -> Job:
    return replace(job, nuke=replace(NUKE, handles=handles))


@pytest.mark.parametrize("job", [with_handles(JOB, 2), RECURRENT], ids=["standard", "recurrent"])
def test_every_key_is_one_that_deadline_documents(job: Job) -> None:
    for part in named(job).values():
        info, plugin = read(part)
        assert unknown_job_keys(info) == []
        assert set(plugin) <= PLUGIN_KEYS[info["Plugin"]]


@pytest.mark.parametrize(("job", "rendered_after"), [(JOB, "2_colour"), (RECURRENT, "3_verify")])
def test_each_job_waits_for_the_previous_one_and_renders_wait_by_frame_if_they_can(
    job: Job, rendered_after: str
) -> None:
    assert {name: part.after for name, part in named(job).items()} == {
        "1_check": (),
        "2_colour": ("1_check",),
        "3_verify": ("2_colour",),
        "4_nuke": (rendered_after,),
        "5_nuke": (rendered_after,),
    }
    waiting = named(job)["2_colour"].texts(["5f1e"])["2_colour.job_info"]
    assert read_info(waiting)["JobDependencies"] == "5f1e"


def test_only_renders_are_frame_dependent_and_only_on_runs_of_frames() -> None:
    def dependent(job: Job) -> list[str]:
        return [name for name, part in named(job).items() if part.info["IsFrameDependent"] == "true"]

    assert dependent(JOB) == ["4_nuke", "5_nuke"]
    assert dependent(RECURRENT) == []


@pytest.mark.parametrize(("handles", "offsets"), [(0, (None, None)), (2, ("-2", "2"))])
def test_a_render_waits_for_the_handles_around_its_frames_too(handles: int, offsets: tuple[str | None, ...]) -> None:
    for name, part in named(with_handles(JOB, handles)).items():
        found = tuple(part.info.get(f"FrameDependencyOffset{end}") for end in ("Start", "End"))
        assert found == (offsets if "nuke" in name else (None, None))
    for part in named(with_handles(RECURRENT, handles)).values():
        assert not [key for key in part.info if key.startswith("FrameDependency")]


@pytest.mark.parametrize(("max_span", "chunk", "size"), [(None, 1, "60"), (40, 1, "40"), (40, 3, "120")])
def test_the_colour_job_has_the_written_frames_in_runs(max_span: int | None, chunk: int, size: str) -> None:
    job = replace(JOB, chunk=chunk, shot=replace(JOB.shot, output=replace(JOB.shot.output, max_span=max_span)))
    info, plugin = read(named(job)["2_colour"])
    assert (info["Frames"], info["ChunkSize"]) == ("1001-1004,1007,1009", size)
    assert f'--shot "{FOLDER / "shot.json"}" --only <STARTFRAME>-<ENDFRAME>' in plugin["Arguments"]


def test_tasks_of_whole_spans_are_named_by_the_first_frame_they_write() -> None:
    info, plugin = read(named(RECURRENT)["2_colour"])
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
    info, plugin = read(named(JOB)["5_nuke"])
    assert (info["Plugin"], info["Frames"], info["ChunkSize"]) == ("Nuke", "1001-1004,1007,1009", "10")
    assert "Group" not in info  # the hosts of stcolor need not have Nuke
    assert plugin == {
        "SceneFile": str(NUKE.script),
        "Version": "15.1",
        "WriteNode": "Group1.Write2",
        "BatchMode": "True",
        "ContinueOnError": "False",
    }


def test_every_job_has_the_comment_and_timeout_and_only_renders_have_views_proxy_and_continue() -> None:
    nuke = replace(NUKE, views="left,right", proxy=True, continue_on_error=True)
    job = replace(JOB, comment="for dailies", timeout=90, nuke=nuke)
    for part in make_jobs(with_even_tasks(job), FOLDER, QueueOptions()):
        info, plugin = read(part)
        assert (info["Comment"], info["TaskTimeoutMinutes"], info["OnTaskTimeout"]) == ("for dailies", "90", "Error")
        assert unknown_job_keys(info) == []
        assert set(plugin) <= PLUGIN_KEYS[info["Plugin"]]
        if info["Plugin"] == "Nuke":
            rendered = {key: plugin[key] for key in ("Views", "RenderMode", "ProxyMode", "ContinueOnError")}
            assert rendered == {
                "Views": "left,right",
                "RenderMode": "Render using Proxies",
                "ProxyMode": "True",
                "ContinueOnError": "True",
            }


def test_settings_that_are_not_requested_are_left_to_deadline() -> None:
    plain = replace(JOB, priority=None, environment={}, nuke=None)
    info, _ = read(make_jobs(plain, FOLDER, QueueOptions())[0])
    assert info == {
        "Plugin": "CommandLine",
        "Name": "RefColorize sh010 - check",
        "BatchName": "RefColorize sh010",
        "Frames": "0",
        "IsFrameDependent": "false",
    }

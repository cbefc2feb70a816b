"""Job bundles, compared with Open Job Description's own model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from openjd.model import create_job, decode_job_template, preprocess_job_parameters

from stcolor_core.farm import openjd
from stcolor_core.farm.job import Job, NukeRender
from stcolor_core.shots.output import Output
from stcolor_core.shots.pictures import Plate
from stcolor_core.shots.shot import Shot

NUKE = NukeRender(script=Path("/s/comp.nk"), writes=("Write1", "Group1.Write2"), version="15.1", executable="nuke15.1")
JOB = Job(
    name="RefColorize sh010",
    shot=Shot(plate=Plate(path="/p/sh010.####.exr"), output=Output(path="/o/sh010.####.exr")),
    tasks=((1001, 1002), (1003, 1004, 1007), (1009,)),
    inputs=(Path("/p/sh010.1001.exr"), Path("/r/sh010.1001.exr")),
    stcolor="/opt/stcolor",
)


def job_of(template: Mapping[str, Any], folder: Path, **values: str) -> Any:
    """The job that a scheduler makes of a template, which the model has found good."""
    decoded = decode_job_template(template=dict(template), supported_extensions=["TASK_CHUNKING"])
    parameters = preprocess_job_parameters(
        job_template=decoded, job_parameter_values=values, job_template_dir=folder, current_working_dir=folder
    )
    return create_job(job_template=decoded, job_parameter_values=parameters)


def test_each_step_depends_on_the_previous_one(tmp_path: Path) -> None:
    job = job_of(openjd.make_template(replace(JOB, nuke=NUKE)), tmp_path, NukeScript="/s/comp.nk")
    after = {step.name: [each.dependsOn for each in step.dependencies or []] for step in job.steps}
    assert after == {"Check": [], "Colour": ["Check"], "Verify": ["Colour"], "Nuke": ["Verify"]}


def test_a_bundle_needs_no_extension_unless_tasks_may_be_joined(tmp_path: Path) -> None:
    template = openjd.make_template(JOB)
    assert "extensions" not in template
    span = job_of(template, tmp_path).steps[1].parameterSpace.taskParameterDefinitions["Span"]
    assert (span.type, str(span.range)) == ("INT", "0-2")


def test_tasks_that_may_be_joined_are_chunks_without_gaps(tmp_path: Path) -> None:
    template = openjd.make_template(replace(JOB, chunk=4))
    assert template["extensions"] == ["TASK_CHUNKING"]
    chunks = job_of(template, tmp_path).steps[1].parameterSpace.taskParameterDefinitions["Span"].chunks
    assert (chunks.defaultTaskCount, chunks.rangeConstraint) == (4, "CONTIGUOUS")


def test_nuke_renders_every_write_for_the_frames_of_the_shot(tmp_path: Path) -> None:
    step = job_of(openjd.make_template(replace(JOB, nuke=NUKE)), tmp_path, NukeScript="/s/comp.nk").steps[3]
    space = step.parameterSpace.taskParameterDefinitions
    assert list(space["Write"].range) == ["Write1", "Group1.Write2"]
    assert str(space["Frame"].range) == "1001-1004,1007,1009"
    action = step.script.actions.onRun
    assert [str(each) for each in action.args] == [
        *("-F", "{{Task.Param.Frame}}", "-X", "{{Task.Param.Write}}", "-x", "{{Param.NukeScript}}")
    ]


def test_a_gpu_is_required_unless_any_host_is_allowed(tmp_path: Path) -> None:
    needed = job_of(openjd.make_template(replace(JOB, gpus=2)), tmp_path).steps
    assert [(each.name, int(each.min)) for each in needed[1].hostRequirements.amounts] == [("amount.worker.gpu", 2)]
    assert [step.hostRequirements for step in (needed[0], needed[2])] == [None, None]
    assert job_of(openjd.make_template(replace(JOB, gpus=0)), tmp_path).steps[1].hostRequirements is None


def test_a_task_that_is_asked_to_stop_has_time_to_finish_its_frame(tmp_path: Path) -> None:
    for step in job_of(openjd.make_template(JOB), tmp_path).steps:
        cancelation = step.script.actions.onRun.cancelation
        assert cancelation.mode == "NOTIFY_THEN_TERMINATE"
        assert cancelation.notifyPeriodInSeconds == 120


def test_variables_of_the_submitter_reach_the_hosts(tmp_path: Path) -> None:
    template = openjd.make_template(replace(JOB, environment={"STCOLOR_MODELS_DIR": "/models"}))
    [environment] = job_of(template, tmp_path).jobEnvironments
    assert {name: str(value) for name, value in environment.variables.items()} == {"STCOLOR_MODELS_DIR": "/models"}
    assert job_of(openjd.make_template(JOB), tmp_path).jobEnvironments is None


def test_a_bundle_is_three_documents_and_the_shot(tmp_path: Path) -> None:
    job = replace(JOB, nuke=NUKE, priority=70)
    openjd.write(job, tmp_path / "bundle")
    documents = {path.name: path for path in (tmp_path / "bundle").iterdir()}
    assert sorted(documents) == ["asset_references.yaml", "parameter_values.yaml", "shot.json", "template.yaml"]
    assert yaml.safe_load(documents["template.yaml"].read_text(encoding="utf-8")) == openjd.make_template(job)
    assert Shot.load(documents["shot.json"]) == job.shot
    assert yaml.safe_load(documents["parameter_values.yaml"].read_text(encoding="utf-8")) == {
        "parameterValues": [
            {"name": "NukeScript", "value": str(NUKE.script)},
            {"name": "deadline:priority", "value": 70},
        ]
    }
    assert yaml.safe_load(documents["asset_references.yaml"].read_text(encoding="utf-8")) == {
        "assetReferences": {
            "inputs": {"filenames": [str(path) for path in JOB.inputs], "directories": []},
            "outputs": {"directories": [str(Path("/o"))]},
            "referencedPaths": [],
        }
    }


@pytest.mark.parametrize(("count", "numbers"), [(1, "0"), (2500, "0-2499")])
def test_any_number_of_tasks_gives_a_valid_job(count: int, numbers: str, tmp_path: Path) -> None:
    job = replace(JOB, tasks=tuple((frame,) for frame in range(1, 2 * count, 2)))
    space = job_of(openjd.make_template(job), tmp_path).steps[1].parameterSpace
    assert str(space.taskParameterDefinitions["Span"].range) == numbers


def test_every_step_has_the_timeout_and_only_nuke_has_views_proxy_and_continue(tmp_path: Path) -> None:
    nuke = replace(NUKE, views="left,right", proxy=True, continue_on_error=True)
    job = job_of(openjd.make_template(replace(JOB, timeout=90, nuke=nuke)), tmp_path, NukeScript="/s/comp.nk")
    assert [step.script.actions.onRun.timeout for step in job.steps] == [5400] * 4
    arguments = [[str(each) for each in step.script.actions.onRun.args] for step in job.steps]
    assert arguments[3][:5] == ["--view", "left,right", "-p", "--cont", "-F"]
    assert not {"--view", "-p", "--cont"} & {word for words in arguments[:3] for word in words}


def test_a_job_without_a_timeout_has_none(tmp_path: Path) -> None:
    assert [step.script.actions.onRun.timeout for step in job_of(openjd.make_template(JOB), tmp_path).steps] == [
        None
    ] * 3


def test_the_comment_is_the_first_line_of_the_description(tmp_path: Path) -> None:
    template = openjd.make_template(replace(JOB, comment="for dailies"))
    assert template["description"].splitlines()[0] == "for dailies"
    assert "Colours the frames" in template["description"]
    long = openjd.make_template(replace(JOB, comment="x" * 3000))
    assert len(long["description"]) == 2048
    job_of(long, tmp_path)

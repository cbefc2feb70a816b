"""A job as an Open Job Description bundle, for AWS Deadline Cloud and other schedulers that run OpenJD.

A bundle is a folder with the job template (specification 2023-09) and Deadline Cloud's parameter_values.yaml and
asset_references.yaml. The files are YAML because pipeline TDs read and change them.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import yaml

from stcolor_core.errors import StcolorError
from stcolor_core.farm import job as jobs
from stcolor_core.farm.engine import SHOT_FILE, Submission, find_program, job_file, run_program, write_all
from stcolor_core.farm.film_job import FILM_FILE, FilmJob
from stcolor_core.farm.job import FRAMES_PER_RENDER, Job
from stcolor_core.images.sequences import FramePattern
from stcolor_core.plurals import count_of
from stcolor_core.remedies import advise

__all__ = ["make_assets", "make_parameters", "make_template", "submit", "write"]

_NOTIFY_SECONDS = 120  # from the notice to the end: enough to finish a frame of a large plate on a CPU
_STCOLOR, _NUKE = "{{Param.Stcolor}}", "{{Param.Nuke}}"
_RULES_FILE = "{{Session.PathMappingRulesFile}}"
_HOST_OPTIONS = ("--path-mapping", _RULES_FILE, "--progress", "openjd")
_JOB_ID = re.compile(r"\bjob-[0-9a-f]{32}\b")


def write(job: Job | FilmJob, folder: Path) -> None:
    """Write the bundle.

    Args:
        job: The job.
        folder: The folder to write to.

    Raises:
        OutputError: If a file cannot be written.
    """
    documents = {
        "template": make_template(job),
        "parameter_values": make_parameters(job),
        "asset_references": make_assets(job),
    }
    texts = {
        f"{name}.yaml": yaml.safe_dump(document, sort_keys=False, allow_unicode=True, width=120)
        for name, document in documents.items()
    }
    write_all(folder, {**job_file(job), **texts})


def submit(job: Job | FilmJob, folder: Path) -> Submission:
    """Submit a bundle to Deadline Cloud with its own program.

    Args:
        job: The job.
        folder: The folder of the bundle.

    Returns:
        The submission.

    Raises:
        StcolorError: If the program is missing or fails.
    """
    program = find_program("deadline", package=advise("deadline_program"), job_folder=folder)
    command = [program, "bundle", "submit", "--yes", "--name", job.name, str(folder)]
    job_id = _JOB_ID.search(run_program(command, job_folder=folder))
    if job_id is None:
        raise StcolorError(f"deadline accepted {folder} but printed no job id. See `deadline job list`.")
    return Submission(
        engine="openjd",
        path=str(folder),
        tasks=len(job.tasks),
        submitted=True,
        job=job_id[0],
        message=f"Submitted to Deadline Cloud as {job_id[0]}: {count_of(len(job.tasks), 'task')}, from {folder}.",
    )


def make_template(job: Job | FilmJob) -> dict[str, Any]:
    """Return the job template. Its tasks are numbered from 0; the job's file decides which frames a task writes.

    Args:
        job: The job.
    """
    chunk = job.chunk if job.chunk > 1 else None
    seconds = None if job.timeout is None else 60 * job.timeout
    step = partial(_step, seconds=seconds)
    kind = "film" if isinstance(job, FilmJob) else "shot"
    file = "{{Param.Film}}" if isinstance(job, FilmJob) else "{{Param.Shot}}"
    color = jobs.color_arguments(file, "--span", "{{Task.Param.Span}}", *_HOST_OPTIONS, kind=kind)
    colored = _coloring(job)
    steps = [step("Check", _STCOLOR, jobs.check_arguments(file, *_HOST_OPTIONS, kind=kind))]
    for name, after, numbers in colored:
        spans = _number_parameter("Span", numbers, chunk=chunk)
        steps.append({**step(name, _STCOLOR, color, after=after, over=[spans]), **_host_requirements(job.gpus)})
    verify = jobs.verify_arguments(file, *_HOST_OPTIONS, kind=kind)
    steps.append(step("Verify", _STCOLOR, verify, after=[name for name, _, _ in colored]))
    if isinstance(job, Job) and job.nuke is not None:
        command = jobs.render_arguments(
            "{{Param.NukeScript}}", job.nuke, write="{{Task.Param.Write}}", frames="{{Task.Param.Frame}}"
        )
        writes = {"name": "Write", "type": "STRING", "range": list(job.nuke.writes)}
        frames = _number_parameter("Frame", job.frames, chunk=FRAMES_PER_RENDER)
        nuke = step("Nuke", _NUKE, command, after=["Verify"], over=[writes, frames])
        steps.append({**nuke, **_path_mapping_environment()})
    return {
        "specificationVersion": "jobtemplate-2023-09",
        **({"extensions": ["TASK_CHUNKING"]} if chunk or _renders(job) else {}),
        "name": job.name,
        "description": _description(job),
        "parameterDefinitions": _parameter_definitions(job),
        **_environments(job),
        "steps": steps,
    }


def make_parameters(job: Job | FilmJob) -> dict[str, Any]:
    """Return Deadline Cloud's parameter_values: parameters without a default in the template, and the priority.

    Args:
        job: The job.
    """
    values: list[dict[str, Any]] = []
    if isinstance(job, Job) and job.nuke is not None:
        values.append({"name": "NukeScript", "value": str(job.nuke.script)})
    if job.priority is not None:
        values.append({"name": "deadline:priority", "value": job.priority})
    return {"parameterValues": values}


def make_assets(job: Job | FilmJob) -> dict[str, Any]:
    """Return Deadline Cloud's asset_references: the files that its job attachments copy to the hosts and back.

    Args:
        job: The job.
    """
    folders = job.folders if isinstance(job, FilmJob) else (FramePattern.parse(job.shot.output.path).folder,)
    return {
        "assetReferences": {
            "inputs": {"filenames": [str(path) for path in job.inputs], "directories": []},
            "outputs": {"directories": [str(folder) for folder in folders]},
            "referencedPaths": [],
        }
    }


def _coloring(job: Job | FilmJob) -> list[tuple[str, Sequence[str], str]]:
    """Return the name of each step that colours, the steps that it waits for, and the numbers of its tasks."""
    if isinstance(job, Job):
        return [("Colour", ["Check"], f"0-{len(job.tasks) - 1}")]
    numbers = {name: f"{each.start}-{each.stop - 1}" for name, each in job.numbers.items()}
    return [(step.name, step.after or ["Check"], numbers[step.name]) for step in job.steps]


def _renders(job: Job | FilmJob) -> bool:
    return isinstance(job, Job) and job.nuke is not None


def _parameter_definitions(job: Job | FilmJob) -> list[dict[str, Any]]:
    file = {"type": "PATH", "objectType": "FILE", "dataFlow": "IN"}
    if isinstance(job, FilmJob):
        what = {"name": "Film", **file, "default": FILM_FILE, "description": "The scenes, as they were then."}
    else:
        what = {
            "name": "Shot",
            **file,
            "default": SHOT_FILE,
            "description": "The shot, as it was when the job was made.",
        }
    definitions: list[dict[str, Any]] = [
        what,
        {"name": "Stcolor", "type": "STRING", "default": job.stcolor, "description": "stcolor on the hosts."},
    ]
    if isinstance(job, Job) and job.nuke is not None:
        definitions += [
            {"name": "NukeScript", **file, "description": "The script whose Write nodes are rendered."},
            {"name": "Nuke", "type": "STRING", "default": job.nuke.executable, "description": "Nuke on the hosts."},
        ]
    return definitions


def _description(job: Job | FilmJob) -> str:
    """Return the comment, if there is one, and what the job does; the specification allows 2048 characters."""
    frames = job.summary if isinstance(job, FilmJob) else f"the frames {job.frames} of {job.shot.plate.path}"
    lines = [job.comment or "", f"Colours {frames}"]
    return "\n".join(line for line in lines if line)[:2048]


def _step(
    name: str,
    command: str,
    arguments: Sequence[str],
    *,
    seconds: int | None,
    after: Sequence[str] = (),
    over: Sequence[dict[str, Any]] = (),
) -> dict[str, Any]:
    """Return a step with one task per combination of the parameters in `over`; a cancelled task may end its frame."""
    action = {
        "command": command,
        "args": list(arguments),
        **({} if seconds is None else {"timeout": seconds}),
        "cancelation": {"mode": "NOTIFY_THEN_TERMINATE", "notifyPeriodInSeconds": _NOTIFY_SECONDS},
    }
    return {
        "name": name,
        **({"dependencies": [{"dependsOn": each} for each in after]} if after else {}),
        **({"parameterSpace": {"taskParameterDefinitions": list(over)}} if over else {}),
        "script": {"actions": {"onRun": action}},
    }


def _number_parameter(name: str, values: str, *, chunk: int | None) -> dict[str, Any]:
    """Return a task parameter of whole numbers, joined to chunks of `chunk` numbers unless that is None."""
    if chunk is None:
        return {"name": name, "type": "INT", "range": values}
    chunks = {"defaultTaskCount": chunk, "rangeConstraint": "CONTIGUOUS"}
    return {"name": name, "type": "CHUNK[INT]", "range": values, "chunks": chunks}


def _environments(job: Job | FilmJob) -> dict[str, Any]:
    if not job.environment:
        return {}
    return {"jobEnvironments": [{"name": "Submitter", "variables": dict(job.environment)}]}


def _path_mapping_environment() -> dict[str, Any]:
    """Return an environment that passes the session's path mapping rules on to a step's program.

    An action sets it, because "variables" cannot refer to the file of the rules.
    """
    enter = {"command": _STCOLOR, "args": ["farm", "session", "--path-mapping", _RULES_FILE]}
    return {"stepEnvironments": [{"name": "Paths", "script": {"actions": {"onEnter": enter}}}]}


def _host_requirements(gpus: int) -> dict[str, Any]:
    if not gpus:
        return {}
    return {"hostRequirements": {"amounts": [{"name": "amount.worker.gpu", "min": gpus}]}}

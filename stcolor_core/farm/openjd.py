"""A job as an Open Job Description bundle, for AWS Deadline Cloud and whatever else runs OpenJD.

A bundle is a folder: the template (specification 2023-09), and beside it Deadline Cloud's own parameter_values.yaml and
asset_references.yaml. YAML, since pipeline people read and change it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from stcolor_core.errors import StcolorError
from stcolor_core.farm import job as jobs
from stcolor_core.farm.engine import SHOT_FILE, Submission, call, find_program, write_all
from stcolor_core.farm.job import FRAMES_PER_RENDER, Job
from stcolor_core.images.sequences import FramePattern

__all__ = ["assets", "parameters", "submit", "template", "write"]

_NOTIFY_SECONDS = 120  # from the notice to the end: a frame of a large plate on a CPU, and more
_STCOLOR, _NUKE = "{{Param.Stcolor}}", "{{Param.Nuke}}"
_RULES_FILE = "{{Session.PathMappingRulesFile}}"
_HOST = ("--path-mapping", _RULES_FILE, "--progress", "openjd")
_JOB_ID = re.compile(r"\bjob-[0-9a-f]{32}\b")


def write(job: Job, folder: Path) -> None:
    """Write the bundle. Raises OutputError where the folder takes no files."""
    documents = {"template": template(job), "parameter_values": parameters(job), "asset_references": assets(job)}
    texts = {
        f"{name}.yaml": yaml.safe_dump(document, sort_keys=False, allow_unicode=True, width=120)
        for name, document in documents.items()
    }
    write_all(folder, {SHOT_FILE: job.shot.to_json() + "\n", **texts})


def submit(job: Job, folder: Path) -> Submission:
    """Hand a bundle to Deadline Cloud by its own program. Raises StcolorError where that is not there, or fails."""
    program = find_program("deadline", package="deadline (pip install deadline)", written=folder)
    said = call([program, "bundle", "submit", "--yes", "--name", job.name, str(folder)], written=folder)
    found = _JOB_ID.search(said)
    if found is None:
        raise StcolorError(f"deadline took {folder} and named no job. See `deadline job list`.")
    return Submission(
        engine="openjd",
        path=str(folder),
        tasks=len(job.tasks),
        submitted=True,
        job=found[0],
        message=f"Submitted to Deadline Cloud as {found[0]}: {len(job.tasks)} tasks, from {folder}.",
    )


def template(job: Job) -> dict[str, Any]:
    """The job template. Its tasks are numbered from 0; which frames a task writes, the shot says."""
    chunk = job.chunk if job.chunk > 1 else None
    spans = _numbers("Span", f"0-{len(job.tasks) - 1}", chunk=chunk)
    color = jobs.color("{{Param.Shot}}", "--span", "{{Task.Param.Span}}", *_HOST)
    steps = [
        _step("Check", _STCOLOR, jobs.check("{{Param.Shot}}", *_HOST)),
        {**_step("Colour", _STCOLOR, color, after="Check", over=[spans]), **_host_requirements(job.gpus)},
        _step("Verify", _STCOLOR, jobs.verify("{{Param.Shot}}", *_HOST), after="Colour"),
    ]
    if job.nuke is not None:
        command = jobs.render("{{Param.NukeScript}}", write="{{Task.Param.Write}}", frames="{{Task.Param.Frame}}")
        writes = {"name": "Write", "type": "STRING", "range": list(job.nuke.writes)}
        frames = _numbers("Frame", job.frames, chunk=FRAMES_PER_RENDER)
        steps.append({**_step("Nuke", _NUKE, command, after="Verify", over=[writes, frames]), **_told_of_paths()})
    return {
        "specificationVersion": "jobtemplate-2023-09",
        **({"extensions": ["TASK_CHUNKING"]} if chunk or job.nuke else {}),
        "name": job.name,
        "description": f"Colours the frames {job.frames} of {job.shot.plate.path}"[:2048],
        "parameterDefinitions": _parameter_definitions(job),
        **_environments(job),
        "steps": steps,
    }


def parameters(job: Job) -> dict[str, Any]:
    """Deadline Cloud's parameter_values: what has no default in the template, and the job's own properties."""
    values: list[dict[str, Any]] = []
    if job.nuke is not None:
        values.append({"name": "NukeScript", "value": str(job.nuke.script)})
    if job.priority is not None:
        values.append({"name": "deadline:priority", "value": job.priority})
    return {"parameterValues": values}


def assets(job: Job) -> dict[str, Any]:
    """Deadline Cloud's asset_references: what its job attachments carry to the hosts and back."""
    return {
        "assetReferences": {
            "inputs": {"filenames": [str(path) for path in job.inputs], "directories": []},
            "outputs": {"directories": [str(FramePattern.parse(job.shot.output.path).folder)]},
            "referencedPaths": [],
        }
    }


def _parameter_definitions(job: Job) -> list[dict[str, Any]]:
    files = {"type": "PATH", "objectType": "FILE", "dataFlow": "IN"}
    found: list[dict[str, Any]] = [
        {"name": "Shot", **files, "default": SHOT_FILE, "description": "The shot, as it was when the job was made."},
        {"name": "Stcolor", "type": "STRING", "default": job.stcolor, "description": "stcolor on the hosts."},
    ]
    if job.nuke is not None:
        found += [
            {"name": "NukeScript", **files, "description": "The script whose Write nodes are rendered."},
            {"name": "Nuke", "type": "STRING", "default": job.nuke.executable, "description": "Nuke on the hosts."},
        ]
    return found


def _step(
    name: str, command: str, arguments: Sequence[str], *, after: str | None = None, over: Sequence[dict[str, Any]] = ()
) -> dict[str, Any]:
    """A step, of one task for every combination of the parameters in `over`. Told to stop, it may end its frame."""
    action = {
        "command": command,
        "args": list(arguments),
        "cancelation": {"mode": "NOTIFY_THEN_TERMINATE", "notifyPeriodInSeconds": _NOTIFY_SECONDS},
    }
    return {
        "name": name,
        **({} if after is None else {"dependencies": [{"dependsOn": after}]}),
        **({"parameterSpace": {"taskParameterDefinitions": list(over)}} if over else {}),
        "script": {"actions": {"onRun": action}},
    }


def _numbers(name: str, values: str, *, chunk: int | None) -> dict[str, Any]:
    """A task parameter of whole numbers, which the scheduler may join to runs of `chunk` where that is not None."""
    if chunk is None:
        return {"name": name, "type": "INT", "range": values}
    chunks = {"defaultTaskCount": chunk, "rangeConstraint": "CONTIGUOUS"}
    return {"name": name, "type": "CHUNK[INT]", "range": values, "chunks": chunks}


def _environments(job: Job) -> dict[str, Any]:
    if not job.environment:
        return {}
    return {"jobEnvironments": [{"name": "Submitter", "variables": dict(job.environment)}]}


def _told_of_paths() -> dict[str, Any]:
    """For a step whose program looks for path mapping rules in its environment: "variables" cannot name them."""
    enter = {"command": _STCOLOR, "args": ["farm", "session", "--path-mapping", _RULES_FILE]}
    return {"stepEnvironments": [{"name": "Paths", "script": {"actions": {"onEnter": enter}}}]}


def _host_requirements(gpus: int) -> dict[str, Any]:
    if not gpus:
        return {}
    return {"hostRequirements": {"amounts": [{"name": "amount.worker.gpu", "min": gpus}]}}

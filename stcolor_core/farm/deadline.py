"""A job for Thinkbox Deadline 10: pairs of job and plug-in info files, each submitted once the one it waits for is.

The keys are those of "Manual Job Submission" in Deadline's manual, and of the plug-ins CommandLine and Nuke:
https://docs.thinkboxsoftware.com/products/deadline/10.4/1_User%20Manual/manual/manual-submission.html
"""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from stcolor_core.errors import StcolorError
from stcolor_core.farm import job as jobs
from stcolor_core.farm.engine import SHOT_FILE, Submission, call, find_program, write_all
from stcolor_core.farm.job import FRAMES_PER_RENDER, FRAMES_PER_RUN, Job, NukeRender, runs
from stcolor_core.images.sequences import FramePattern
from stcolor_core.models import registry

__all__ = ["DeadlineJob", "NukeOptions", "Queue", "deadline_jobs", "in_runs", "submit", "write"]

_JOB_ID = re.compile(r"^JobID=(\w+)\s*$", re.MULTILINE)
_HOST = ("--progress", "deadline")


@dataclass(frozen=True, kw_only=True)
class Queue:
    """Where the jobs go. None is Deadline's own default. group: of the hosts that have stcolor; not of Nuke's.

    comment: shown in the Monitor. timeout: minutes after which a task fails and is tried again.
    """

    pool: str | None = None
    secondary_pool: str | None = None
    group: str | None = None
    comment: str | None = None
    timeout: int | None = None


@dataclass(frozen=True, kw_only=True)
class NukeOptions:
    """How Deadline's Nuke renders the Write nodes.

    views: their names with commas between; None: as each Write says. proxy: at proxy size. continue_on_error: go on
    with the next frame after one that fails.
    """

    views: str | None = None
    proxy: bool = False
    continue_on_error: bool = False


@dataclass(frozen=True, kw_only=True)
class DeadlineJob:
    """One Deadline job. name: of its files. after: the name of the one that it waits for, whole or frame by frame."""

    name: str
    after: str | None
    info: Mapping[str, str]
    plugin: Mapping[str, str]

    def texts(self, dependency: str | None = None) -> dict[str, str]:
        """File name -> text, the job info first. dependency: the id of the job that it waits for."""
        info = {**self.info, **({} if dependency is None else {"JobDependencies": dependency})}
        return {f"{self.name}.job_info": _text(info), f"{self.name}.plugin_info": _text(self.plugin)}


def in_runs(job: Job) -> Job:
    """The job with the runs for tasks that Deadline makes of a list of frames, so that others may wait for each frame.

    As it is where the model hands colour from frame to frame: then a task is a span.
    """
    if registry.recurrent(job.shot.method.model):
        return job
    length = job.shot.output.max_span or FRAMES_PER_RUN
    return replace(job, tasks=runs((frame for task in job.tasks for frame in task), length), run=length)


def deadline_jobs(job: Job, folder: Path, queue: Queue, *, options: NukeOptions = NukeOptions()) -> list[DeadlineJob]:
    """The Deadline jobs of a job whose shot file lies in `folder`: check, colour, verify, and one a Write node.

    Where tasks are runs of frames, a Write node's tasks wait each for the colour of their own frames. Where they are
    spans, each is named by the first frame that it writes, and Write nodes wait for the verified shot.
    """
    shot = str(folder / SHOT_FILE)
    common = _common(job, queue)
    color = {**common.colored, **_cut(job)}
    named = "--frames" if job.run is None else "--only"
    found = [
        DeadlineJob(
            name="1_check",
            after=None,
            info={**common.hosted, "Name": f"{job.name} - check"},
            plugin=_command_line(job.stcolor, jobs.check(shot, *_HOST)),
        ),
        DeadlineJob(
            name="2_colour",
            after="1_check",
            info={**color, "Name": f"{job.name} - colour"},
            plugin=_command_line(job.stcolor, jobs.color(shot, named, "<STARTFRAME>-<ENDFRAME>", *_HOST)),
        ),
        DeadlineJob(
            name="3_verify",
            after="2_colour",
            info={**common.hosted, "Name": f"{job.name} - verify"},
            plugin=_command_line(job.stcolor, jobs.verify(shot, *_HOST)),
        ),
    ]
    if job.nuke is not None:
        rendered = {"Plugin": "Nuke", "Frames": job.frames, "ChunkSize": str(FRAMES_PER_RENDER), **common.queued}
        after = "3_verify"
        if job.run is not None:
            rendered, after = {**rendered, **_frame_by_frame(job.nuke)}, "2_colour"
        for number, write_node in enumerate(job.nuke.writes, start=4):
            plugin = {
                "SceneFile": str(job.nuke.script),
                "Version": job.nuke.version,
                "WriteNode": write_node,
                "BatchMode": "True",
                "ContinueOnError": str(options.continue_on_error),
                **({"Views": options.views} if options.views else {}),
                **({"RenderMode": "Render using Proxies", "ProxyMode": "True"} if options.proxy else {}),
            }
            info = {**rendered, "Name": f"{job.name} - {write_node}"}
            found.append(DeadlineJob(name=f"{number}_nuke", after=after, info=info, plugin=plugin))
    return found


def write(job: Job, folder: Path, parts: Sequence[DeadlineJob]) -> None:
    """Write the shot and all info files. Raises OutputError where the folder takes no files."""
    texts = {name: text for part in parts for name, text in part.texts().items()}
    write_all(folder, {SHOT_FILE: job.shot.to_json() + "\n", **texts})


def submit(job: Job, folder: Path, parts: Sequence[DeadlineJob]) -> Submission:
    """Submit them in turn, each with the id of the one that it waits for; these come to stand in the files too.

    Raises StcolorError where deadlinecommand is not there, or refuses one; it names those that are submitted by then.
    """
    program = find_program(
        "deadlinecommand", package="Deadline's client", written=folder, folder=os.environ.get("DEADLINE_PATH")
    )
    ids: dict[str, str] = {}
    for part in parts:
        texts = part.texts(None if part.after is None else ids[part.after])
        write_all(folder, texts)
        try:
            said = call([program, *(str(folder / name) for name in texts)], written=folder)
        except StcolorError as error:
            done = f" Submitted before it: {', '.join(ids.values())}." if ids else ""
            raise StcolorError(f"{error}{done}") from None
        found = _JOB_ID.search(said)
        if found is None:
            raise StcolorError(f"deadlinecommand took {folder / part.name}.job_info and named no job. See the Monitor.")
        ids[part.name] = found[1]
    return Submission(
        engine="deadline",
        path=str(folder),
        tasks=len(job.tasks),
        submitted=True,
        job=",".join(ids.values()),
        message=f"Submitted to Deadline as {', '.join(ids.values())}: {len(job.tasks)} tasks to colour, from {folder}.",
    )


@dataclass(frozen=True, kw_only=True)
class _Common:
    """Job info that several jobs share. queued: of all. hosted: of one task with stcolor. colored: with the output."""

    queued: Mapping[str, str]
    hosted: Mapping[str, str] = field(default_factory=dict)
    colored: Mapping[str, str] = field(default_factory=dict)


def _common(job: Job, queue: Queue) -> _Common:
    maybe = {
        "Pool": queue.pool,
        "SecondaryPool": queue.secondary_pool,
        "Priority": None if job.priority is None else str(job.priority),
        "Comment": queue.comment,
        "TaskTimeoutMinutes": None if queue.timeout is None else str(queue.timeout),
        "OnTaskTimeout": None if queue.timeout is None else "Error",
    }
    queued = {
        "BatchName": job.name,
        **{key: value for key, value in maybe.items() if value is not None},
        "IsFrameDependent": "false",
        **{f"EnvironmentKeyValue{i}": f"{name}={value}" for i, (name, value) in enumerate(job.environment.items())},
    }
    hosted = {"Plugin": "CommandLine", **queued, "Frames": "0", **({"Group": queue.group} if queue.group else {})}
    output = FramePattern.parse(job.shot.output.path)
    name = f"{output.head}{'#' * (output.digits or 0)}{output.tail}"
    return _Common(
        queued=queued,
        hosted=hosted,
        colored={**hosted, "OutputDirectory0": str(output.folder), "OutputFilename0": name},
    )


def _cut(job: Job) -> dict[str, str]:
    """The list of frames that Deadline makes tasks of, and how many of them each has."""
    if job.run is None:
        return {"Frames": ",".join(str(task[0]) for task in job.tasks), "ChunkSize": str(job.chunk)}
    return {"Frames": job.frames, "ChunkSize": str(job.run * job.chunk)}


def _frame_by_frame(nuke: NukeRender) -> dict[str, str]:
    """Job info by which a task waits for those tasks alone that have its frames, and the handles around them."""
    offsets = {"FrameDependencyOffsetStart": str(-nuke.handles), "FrameDependencyOffsetEnd": str(nuke.handles)}
    return {"IsFrameDependent": "true", **(offsets if nuke.handles else {})}


def _command_line(executable: str, arguments: Sequence[str]) -> dict[str, str]:
    return {"Executable": executable, "Arguments": subprocess.list2cmdline(arguments), "ShellExecute": "False"}


def _text(pairs: Mapping[str, str]) -> str:
    return "".join(f"{key}={value}\n" for key, value in pairs.items())

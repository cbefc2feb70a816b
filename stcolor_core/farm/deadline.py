"""A job for Thinkbox Deadline 10: pairs of job and plug-in info files, submitted in the order of their dependencies.

The keys are documented under "Manual Job Submission" in Deadline's manual, and for the plug-ins CommandLine and Nuke:
https://docs.thinkboxsoftware.com/products/deadline/10.4/1_User%20Manual/manual/manual-submission.html
"""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from stcolor_core.errors import StcolorError
from stcolor_core.farm import job as jobs
from stcolor_core.farm.engine import SHOT_FILE, Submission, find_program, job_file, run_program, write_all
from stcolor_core.farm.film_job import FILM_FILE, FilmJob, FilmStep
from stcolor_core.farm.job import FRAMES_PER_RENDER, FRAMES_PER_TASK, Job, NukeRender, split_evenly
from stcolor_core.images.sequences import FramePattern
from stcolor_core.models import registry
from stcolor_core.plurals import count_of

__all__ = ["DeadlineJob", "QueueOptions", "make_film_jobs", "make_jobs", "submit", "with_even_tasks", "write"]

_JOB_ID = re.compile(r"^JobID=(\w+)\s*$", re.MULTILINE)
_HOST_OPTIONS = ("--progress", "deadline")


@dataclass(frozen=True, kw_only=True)
class QueueOptions:
    """The queue settings of the jobs. None takes Deadline's default.

    Attributes:
        pool: The pool.
        secondary_pool: The secondary pool.
        group: The group of the hosts that have stcolor; not used for Nuke's jobs.
    """

    pool: str | None = None
    secondary_pool: str | None = None
    group: str | None = None


@dataclass(frozen=True, kw_only=True)
class DeadlineJob:
    """One Deadline job.

    Attributes:
        name: The name of its files, without their suffixes.
        after: The names of the jobs that it depends on, whole or frame by frame.
        info: The keys of its job info file.
        plugin: The keys of its plug-in info file.
    """

    name: str
    after: tuple[str, ...]
    info: Mapping[str, str]
    plugin: Mapping[str, str]

    def texts(self, dependencies: Sequence[str] = ()) -> dict[str, str]:
        """Return the texts of its files by their names, the job info first.

        Args:
            dependencies: The ids of the jobs that it depends on.
        """
        info = {**self.info, **({"JobDependencies": ",".join(dependencies)} if dependencies else {})}
        return {f"{self.name}.job_info": _text(info), f"{self.name}.plugin_info": _text(self.plugin)}


def with_even_tasks(job: Job) -> Job:
    """Return the job with tasks of a fixed number of frames, so that Deadline can let other tasks wait for each frame.

    A job whose model is recurrent is returned unchanged, because such a model must colour a span in one task.

    Args:
        job: The job, with spans as tasks.
    """
    if registry.is_recurrent(job.shot.method.model):
        return job
    length = job.shot.output.max_span or FRAMES_PER_TASK
    tasks = split_evenly((frame for task in job.tasks for frame in task), length)
    return replace(job, tasks=tasks, frames_per_task=length)


def make_jobs(job: Job, folder: Path, queue: QueueOptions) -> list[DeadlineJob]:
    """Return the Deadline jobs of a job: check, colour, verify, and one for each Write node.

    If the tasks have a fixed number of frames, each task of a Write node waits only for the colour of its own frames.
    If the tasks are spans, each is named by the first frame that it writes, and Write nodes wait for the verified shot.

    Args:
        job: The job.
        folder: The folder of its files, which holds the shot file.
        queue: The queue settings.
    """
    shot = str(folder / SHOT_FILE)
    common = _common(job, queue)
    color = {**common.colored, **_frame_list(job)}
    frames_option = "--frames" if job.frames_per_task is None else "--only"
    check = jobs.check_arguments(shot, *_HOST_OPTIONS)
    task = jobs.color_arguments(shot, frames_option, "<STARTFRAME>-<ENDFRAME>", *_HOST_OPTIONS)
    verify = jobs.verify_arguments(shot, *_HOST_OPTIONS)
    parts = [
        _stcolor_job(job, common.hosted, "1_check", after=(), what="check", arguments=check),
        _stcolor_job(job, color, "2_colour", after=("1_check",), what="colour", arguments=task),
        _stcolor_job(job, common.hosted, "3_verify", after=("2_colour",), what="verify", arguments=verify),
    ]
    if job.nuke is not None:
        parts += _nuke_jobs(job, job.nuke, common)
    return parts


def make_film_jobs(job: FilmJob, folder: Path, queue: QueueOptions) -> list[DeadlineJob]:
    """Return the Deadline jobs of a film: check, one for each step, and verify.

    The frames of a step's job are the numbers of its tasks.

    Args:
        job: The job.
        folder: The folder of its files, which holds the film file.
        queue: The queue settings.
    """
    film, common = str(folder / FILM_FILE), _common(job, queue)
    check = jobs.check_arguments(film, *_HOST_OPTIONS, kind="film")
    color = jobs.color_arguments(film, "--span", "<STARTFRAME>-<ENDFRAME>", *_HOST_OPTIONS, kind="film")
    verify = jobs.verify_arguments(film, *_HOST_OPTIONS, kind="film")
    digits = len(str(len(job.steps) + 2))
    names = {step.name: f"{number:0{digits}d}_{step.name}" for number, step in enumerate(job.steps, 2)}
    first, last = f"{1:0{digits}d}_check", f"{len(job.steps) + 2:0{digits}d}_verify"

    def colored(step: FilmStep) -> DeadlineJob:
        numbers = job.numbers[step.name]
        info = {**common.hosted, "Frames": f"{numbers.start}-{numbers.stop - 1}", "ChunkSize": str(job.chunk)}
        after = [names[each] for each in step.after] or [first]
        what = step.name.replace("_", " ")
        return _stcolor_job(job, info, names[step.name], after=after, what=what, arguments=color)

    return [
        _stcolor_job(job, common.hosted, first, after=(), what="check", arguments=check),
        *(colored(step) for step in job.steps),
        _stcolor_job(job, common.hosted, last, after=list(names.values()), what="verify", arguments=verify),
    ]


def write(job: Job | FilmJob, folder: Path, parts: Sequence[DeadlineJob]) -> None:
    """Write the shot file and all info files.

    Args:
        job: The job.
        folder: The folder to write to.
        parts: Its Deadline jobs.

    Raises:
        OutputError: If a file cannot be written.
    """
    texts = {name: text for part in parts for name, text in part.texts().items()}
    write_all(folder, {**job_file(job), **texts})


def submit(job: Job | FilmJob, folder: Path, parts: Sequence[DeadlineJob]) -> Submission:
    """Submit the Deadline jobs one after another, each with the id of the job that it depends on.

    The ids are written into the info files as well.

    Args:
        job: The job.
        folder: The folder of its files.
        parts: Its Deadline jobs, in the order of their dependencies.

    Returns:
        The submission, with the ids of all Deadline jobs.

    Raises:
        StcolorError: If deadlinecommand is missing or refuses a job; the message names the jobs submitted before.
    """
    program = find_program(
        "deadlinecommand",
        package="Deadline's client",
        job_folder=folder,
        program_folder=os.environ.get("DEADLINE_PATH"),
    )
    ids: dict[str, str] = {}
    for part in parts:
        texts = part.texts([ids[name] for name in part.after])
        write_all(folder, texts)
        try:
            output = run_program([program, *(str(folder / name) for name in texts)], job_folder=folder)
        except StcolorError as error:
            submitted = f" Submitted before it: {', '.join(ids.values())}." if ids else ""
            raise StcolorError(f"{error}{submitted}") from None
        job_id = _JOB_ID.search(output)
        if job_id is None:
            raise StcolorError(
                f"deadlinecommand accepted {folder / part.name}.job_info but printed no job id. See the Monitor."
            )
        ids[part.name] = job_id[1]
    return Submission(
        engine="deadline",
        path=str(folder),
        tasks=len(job.tasks),
        submitted=True,
        job=",".join(ids.values()),
        message=f"Submitted to Deadline as {', '.join(ids.values())}: {count_of(len(job.tasks), 'task')} to colour, "
        f"from {folder}.",
    )


def _nuke_jobs(job: Job, nuke: NukeRender, common: _Common) -> Iterator[DeadlineJob]:
    render = {"Plugin": "Nuke", "Frames": job.frames, "ChunkSize": str(FRAMES_PER_RENDER), **common.queued}
    after = ("3_verify",)
    if job.frames_per_task is not None:
        render, after = {**render, **_frame_dependencies(nuke)}, ("2_colour",)
    for number, write_node in enumerate(nuke.writes, start=4):
        plugin = {
            "SceneFile": str(nuke.script),
            "Version": nuke.version,
            "WriteNode": write_node,
            "BatchMode": "True",
            "ContinueOnError": str(nuke.continue_on_error),
            **({"Views": nuke.views} if nuke.views else {}),
            **({"RenderMode": "Render using Proxies", "ProxyMode": "True"} if nuke.proxy else {}),
        }
        info = {**render, "Name": f"{job.name} - {write_node}"}
        yield DeadlineJob(name=f"{number}_nuke", after=after, info=info, plugin=plugin)


@dataclass(frozen=True, kw_only=True)
class _Common:
    """Job info that several jobs share.

    Attributes:
        queued: For all jobs.
        hosted: For a job of one task that runs stcolor.
        colored: The same with the output, for the job that colours.
    """

    queued: Mapping[str, str]
    hosted: Mapping[str, str] = field(default_factory=dict)
    colored: Mapping[str, str] = field(default_factory=dict)


def _common(job: Job | FilmJob, queue: QueueOptions) -> _Common:
    optional = {
        "Pool": queue.pool,
        "SecondaryPool": queue.secondary_pool,
        "Priority": None if job.priority is None else str(job.priority),
        "Comment": job.comment,
        "TaskTimeoutMinutes": None if job.timeout is None else str(job.timeout),
        "OnTaskTimeout": None if job.timeout is None else "Error",
    }
    queued = {
        "BatchName": job.name,
        **{key: value for key, value in optional.items() if value is not None},
        "IsFrameDependent": "false",
        **{f"EnvironmentKeyValue{i}": f"{name}={value}" for i, (name, value) in enumerate(job.environment.items())},
    }
    hosted = {"Plugin": "CommandLine", **queued, "Frames": "0", **({"Group": queue.group} if queue.group else {})}
    if isinstance(job, FilmJob):
        folders = {f"OutputDirectory{place}": str(folder) for place, folder in enumerate(job.folders[:1])}
        return _Common(queued=queued, hosted={**hosted, **folders})
    output = FramePattern.parse(job.shot.output.path)
    name = f"{output.head}{'#' * (output.digits or 0)}{output.tail}"
    return _Common(
        queued=queued,
        hosted=hosted,
        colored={**hosted, "OutputDirectory0": str(output.folder), "OutputFilename0": name},
    )


def _frame_list(job: Job) -> dict[str, str]:
    """Return the frames of the job that colours, and how many of them Deadline puts into one task."""
    if job.frames_per_task is None:
        return {"Frames": ",".join(str(task[0]) for task in job.tasks), "ChunkSize": str(job.chunk)}
    return {"Frames": job.frames, "ChunkSize": str(job.frames_per_task * job.chunk)}


def _frame_dependencies(nuke: NukeRender) -> dict[str, str]:
    """Return job info that lets a task wait only for the tasks of its own frames and the handles around them."""
    offsets = {"FrameDependencyOffsetStart": str(-nuke.handles), "FrameDependencyOffsetEnd": str(nuke.handles)}
    return {"IsFrameDependent": "true", **(offsets if nuke.handles else {})}


def _stcolor_job(
    job: Job | FilmJob, info: Mapping[str, str], name: str, *, after: Sequence[str], what: str, arguments: Sequence[str]
) -> DeadlineJob:
    """Return a Deadline job that runs `stcolor`; `what` it does follows the job's name in the Monitor."""
    plugin = {"Executable": job.stcolor, "Arguments": subprocess.list2cmdline(arguments), "ShellExecute": "False"}
    return DeadlineJob(name=name, after=tuple(after), info={**info, "Name": f"{job.name} - {what}"}, plugin=plugin)


def _text(pairs: Mapping[str, str]) -> str:
    return "".join(f"{key}={value}\n" for key, value in pairs.items())

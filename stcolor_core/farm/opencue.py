"""A job for OpenCue: an outline of layers, made with OpenCue's pyoutline, which only this module imports."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

from stcolor_core.errors import StcolorError, one_line
from stcolor_core.farm import job as jobs
from stcolor_core.farm.engine import SHOT_FILE, Submission, job_file, write_all
from stcolor_core.farm.film_job import FILM_FILE, FilmJob
from stcolor_core.farm.job import FRAMES_PER_RENDER, Job
from stcolor_core.plurals import count_of
from stcolor_core.remedies import advise

__all__ = ["list_choices", "make_launcher", "submit", "write"]

_ANSWER_SECONDS = 10  # without an answer of cuebot; OpenCue itself waits for hours
_SPEC = "job.xml"
_EXTRA = "'stcolor[farm]'"  # what pip installs
_FRAMES = "#FRAMESPEC#"  # cuebot replaces it by the frames of the task


def list_choices() -> dict[str, list[str]]:
    """Ask cuebot which shows and facilities a job can name.

    Returns:
        Option of `stcolor farm opencue` -> names in order: "show", those that are active; "facility", those that have
        hosts allocated.

    Raises:
        StcolorError: If OpenCue's Python package is not installed, or cuebot does not answer.
    """
    _import_pyoutline()
    import opencue.api
    from grpc import RpcError

    opencue.Cuebot.setTimeout(_ANSWER_SECONDS)
    try:
        shows = {str(show.name()) for show in opencue.api.getActiveShows()}
        facilities = {str(allocation.data.facility) for allocation in opencue.api.getAllocations()}
    except (opencue.exception.CueException, RpcError) as error:
        raise StcolorError(
            f"OpenCue cannot be asked for its shows ({one_line(str(error))}). Check $CUEBOT_HOSTS, or type their names."
        ) from None
    return {"show": sorted(shows), "facility": sorted(facilities)}


def make_launcher(job: Job | FilmJob, folder: Path, *, show: str | None, facility: str | None = None) -> Any:
    """Make the outline of a job.

    Args:
        job: The job.
        folder: The folder of its shot file, in which pyoutline keeps its session as well.
        show: OpenCue's show; None takes $SHOW or pyoutline's default.
        facility: The facility whose hosts run it; None takes pyoutline's default.

    Returns:
        The outline in its launcher, an `outline.cuerun.OutlineLauncher`.

    Raises:
        StcolorError: If pyoutline is not installed.
    """
    pyoutline = _import_pyoutline()
    pyoutline.config.set("outline", "session_dir", str(folder / "sessions"))
    outline = pyoutline.Outline(_safe_name(job.name), show=show, facility=facility)
    for name, value in job.environment.items():
        outline.set_env(name, value)
    add = partial(_add_layer, outline, timeout=None if job.timeout is None else 60 * job.timeout)
    if isinstance(job, FilmJob):
        _add_film(job, folder, add)
    else:
        _add_shot(job, folder, add)
    priority = {} if job.priority is None else {"priority": job.priority}
    return pyoutline.cuerun.OutlineLauncher(outline, nomail=True, **priority)


def _add_shot(job: Job, folder: Path, add: Callable[..., Any]) -> None:
    """Add the layers of a shot: check, colour, verify, and one for each Write node."""
    shot = str(folder / SHOT_FILE)
    starts = ",".join(str(task[0]) for task in job.tasks)
    color = [job.stcolor, *jobs.color_arguments(shot, "--frames", _FRAMES)]
    last = add("check", [job.stcolor, *jobs.check_arguments(shot)])
    last = add("colour", color, after=[last], range=starts, chunk=job.chunk, gpus=job.gpus)
    last = add("verify", [job.stcolor, *jobs.verify_arguments(shot)], after=[last])
    if job.nuke is not None:
        for write_node in job.nuke.writes:
            arguments = jobs.render_arguments(str(job.nuke.script), job.nuke, write=write_node, frames=_FRAMES)
            command = [job.nuke.executable, *arguments]
            name = f"nuke_{_safe_name(write_node)}"
            add(name, command, after=[last], range=job.frames, chunk=FRAMES_PER_RENDER)


def _add_film(job: FilmJob, folder: Path, add: Callable[..., Any]) -> None:
    """Add the layers of a film: check, one for each step, whose frames are the numbers of its tasks, and verify."""
    film = str(folder / FILM_FILE)
    check = add("check", [job.stcolor, *jobs.check_arguments(film, kind="film")])
    color = [job.stcolor, *jobs.color_arguments(film, "--span", _FRAMES, kind="film")]
    layers: dict[str, Any] = {}
    for step in job.steps:
        numbers, after = job.numbers[step.name], [layers[name] for name in step.after] or [check]
        span = f"{numbers.start}-{numbers.stop - 1}"
        layers[step.name] = add(step.name, color, after=after, range=span, chunk=job.chunk, gpus=job.gpus)
    add("verify", [job.stcolor, *jobs.verify_arguments(film, kind="film")], after=list(layers.values()))


def write(job: Job | FilmJob, folder: Path, launcher: Any) -> None:
    """Write the shot file, and the job specification that cuebot reads.

    Args:
        job: The job.
        folder: The folder to write to.
        launcher: The job's launcher.

    Raises:
        OutputError: If a file cannot be written.
    """
    write_all(folder, job_file(job))
    write_all(folder, {_SPEC: launcher.serialize(use_pycuerun=False) + "\n"})


def submit(job: Job | FilmJob, folder: Path, launcher: Any) -> Submission:
    """Launch the job.

    Args:
        job: The job.
        folder: The folder of its files.
        launcher: The job's launcher.

    Returns:
        The submission.

    Raises:
        StcolorError: If cuebot does not accept the job.
    """
    import opencue

    try:
        launched = launcher.launch(use_pycuerun=False)
    except opencue.exception.CueException as error:
        raise StcolorError(
            f"OpenCue did not take the job ({one_line(str(error))}). Check $CUEBOT_HOSTS. The job is in "
            f"{folder / _SPEC}."
        ) from None
    name = str(launched[0].data.name)
    if job.comment:
        _add_comment(launched[0], job.comment)
    return Submission(
        engine="opencue",
        path=str(folder),
        tasks=len(job.tasks),
        submitted=True,
        job=name,
        message=f"Submitted to OpenCue as {name}: {count_of(len(job.tasks), 'task')} to colour, from {folder}.",
    )


def _add_comment(launched: Any, comment: str) -> None:
    """Add the comment to a launched job. The job runs on if cuebot refuses it."""
    import opencue

    with suppress(opencue.exception.CueException):
        launched.addComment("RefColorize", comment)


def _import_pyoutline() -> Any:
    try:
        import outline
        import outline.cuerun
        import outline.modules.shell
    except ImportError as error:
        raise StcolorError(f"OpenCue's pyoutline is needed ({error}). {advise('install_package', _EXTRA)}.") from None
    return outline


def _add_layer(outline: Any, name: str, command: Sequence[str], *, after: Sequence[Any] = (), **options: Any) -> Any:
    """Add a layer that runs a shell command, of one frame unless `range` is given, and return it."""
    from outline.modules.shell import Shell

    settings = {key: value for key, value in options.items() if value}
    layer = Shell(name, command=_quote(command), **{"range": "1", **settings})
    outline.add_layer(layer)
    for each in after:
        layer.depend_all(each)
    return layer


def _quote(command: Sequence[str]) -> str:
    """Return a command line for the hosts' shell, which is assumed to be that of this operating system."""
    return subprocess.list2cmdline(command) if os.name == "nt" else shlex.join(command)


def _safe_name(text: str) -> str:
    """Return a name in the characters that OpenCue allows."""
    return re.sub(r"[^A-Za-z0-9_.-]+", "_", text)

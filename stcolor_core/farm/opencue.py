"""A job for OpenCue, as an outline of layers; by OpenCue's own pyoutline, which is imported only here."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from stcolor_core.errors import StcolorError
from stcolor_core.farm import job as jobs
from stcolor_core.farm.engine import SHOT_FILE, Submission, write_all
from stcolor_core.farm.job import FRAMES_PER_RENDER, Job

__all__ = ["launcher", "submit", "write"]

_SPEC = "job.xml"
_FRAMES = "#FRAMESPEC#"  # cuebot puts the frames of the task in its place


def launcher(job: Job, folder: Path, *, show: str | None) -> Any:
    """The outline and how to launch it, an `outline.cuerun.OutlineLauncher`; its shot file lies in `folder`.

    show: None takes $SHOW, or pyoutline's own default. What pyoutline keeps of a job goes to `folder` as well.
    Raises StcolorError where pyoutline is not installed.
    """
    outline = _pyoutline()
    outline.config.set("outline", "session_dir", str(folder / "sessions"))
    made = outline.Outline(_name(job.name), show=show)
    for name, value in job.environment.items():
        made.set_env(name, value)
    shot = str(folder / SHOT_FILE)
    starts = ",".join(str(task[0]) for task in job.tasks)
    color = [job.stcolor, *jobs.color(shot, "--frames", _FRAMES)]
    last = _layer(made, "check", [job.stcolor, *jobs.check(shot)])
    last = _layer(made, "colour", color, after=last, range=starts, chunk=job.chunk, gpus=job.gpus)
    last = _layer(made, "verify", [job.stcolor, *jobs.verify(shot)], after=last)
    if job.nuke is not None:
        for write_node in job.nuke.writes:
            command = [
                job.nuke.executable,
                *jobs.render(str(job.nuke.script), write=write_node, frames=_FRAMES),
            ]
            _layer(made, f"nuke_{_name(write_node)}", command, after=last, range=job.frames, chunk=FRAMES_PER_RENDER)
    priority = {} if job.priority is None else {"priority": job.priority}
    return outline.cuerun.OutlineLauncher(made, nomail=True, **priority)


def write(job: Job, folder: Path, made: Any) -> None:
    """Write the shot, and the specification that cuebot takes. Raises OutputError where the folder takes no files."""
    write_all(folder, {SHOT_FILE: job.shot.to_json() + "\n"})
    write_all(folder, {_SPEC: made.serialize(use_pycuerun=False) + "\n"})


def submit(job: Job, folder: Path, made: Any) -> Submission:
    """Launch it. Raises StcolorError where cuebot does not take it."""
    import opencue

    try:
        launched = made.launch(use_pycuerun=False)
    except opencue.exception.CueException as error:
        raise StcolorError(
            f"OpenCue did not take the job ({_line(error)}). Check $CUEBOT_HOSTS. The job is in {folder / _SPEC}."
        ) from None
    name = str(launched[0].data.name)
    return Submission(
        engine="opencue",
        path=str(folder),
        tasks=len(job.tasks),
        submitted=True,
        job=name,
        message=f"Submitted to OpenCue as {name}: {len(job.tasks)} tasks to colour, from {folder}.",
    )


def _pyoutline() -> Any:
    try:
        import outline
        import outline.cuerun
        import outline.modules.shell
    except ImportError as error:
        raise StcolorError(
            f"OpenCue's pyoutline is needed ({error}). Install it: pip install 'stcolor[farm]'."
        ) from None
    return outline


def _layer(made: Any, name: str, command: Sequence[str], *, after: Any = None, **options: Any) -> Any:
    """A layer of shell commands, of one frame unless `range` says otherwise."""
    from outline.modules.shell import Shell

    given = {key: value for key, value in options.items() if value}
    layer = Shell(name, command=_shell(command), **{"range": "1", **given})
    made.add_layer(layer)
    if after is not None:
        layer.depend_all(after)
    return layer


def _shell(command: Sequence[str]) -> str:
    """A command line for the hosts' shell, taken to be of the kind that is at home here."""
    return subprocess.list2cmdline(command) if os.name == "nt" else shlex.join(command)


def _name(text: str) -> str:
    """A name that OpenCue takes."""
    return re.sub(r"[^A-Za-z0-9_.-]+", "_", text)


def _line(error: object) -> str:
    return " ".join(str(error).split())

"""Farm submissions: the options, and the core's command line that writes the job. Without Nuke and without Qt."""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..core.engines import ENGINES, JOB_OPTIONS
from ..core.server import core_command, open_core
from ..errors import ASK_TO_INSTALL, Cancelled, CoreUnreachable, RefColorizeError
from ..plurals import count_of

__all__ = [
    "Submission",
    "SubmitOptions",
    "build_arguments",
    "check",
    "error_line",
    "find_colorless",
    "job_folder",
    "run",
    "shell_line",
]

_POLL_SECONDS = 0.1  # so that Cancel takes effect soon
_END_SECONDS = 5.0
_ERROR_PREFIX = "stcolor: "  # how the core's program begins its line on an error
_TRACEBACK = "Traceback (most recent call last)"
_INTERRUPTED = 130  # the exit status after Ctrl-C
_ENGINE_OPTIONS = (
    "gpus",
    "handles",
    "priority",
    "pool",
    "secondary_pool",
    "group",
    "show",
    "facility",
    "nuke",
    *JOB_OPTIONS,
)
_WRITE_OPTIONS = ("handles", "nuke", "views", "proxy", "continue_on_error")  # without Write nodes they mean nothing


@dataclass(frozen=True)
class SubmitOptions:
    """The options of a farm submission. None or "" leaves the choice to the core or to the engine.

    Attributes:
        engine: A key of ENGINES.
        version: Number of a version on disk to submit again; None submits the node as it is now.
        writes: Names of the Write nodes to render after the colour; None renders all below the node.
        max_span: Most frames in one task, 1 or more.
        chunk: Tasks that a host may take at once, 1 or more.
        gpus: GPUs that a host must have to colour; 0 accepts any host.
        priority: 0..100.
        pool: The engine's pool of hosts.
        secondary_pool: Used when the hosts of `pool` are busy.
        group: The engine's group of hosts.
        show: OpenCue's show.
        facility: OpenCue's facility, whose hosts run the job.
        nuke: Nuke's program on the hosts.
        handles: Frames before and after its own that a Write node reads, 0 or more.
        comment: Shown in the queue.
        timeout: Minutes after which a task fails, 1 or more.
        views: Views that the Write nodes render, as names with commas between them.
        proxy: Whether the Write nodes render at proxy size.
        continue_on_error: Whether the Write nodes go on with the next frame after one that fails.
        submit: Whether to submit the job; False only writes it.
    """

    engine: str = "openjd"
    version: int | None = None
    writes: tuple[str, ...] | None = None
    max_span: int | None = None
    chunk: int | None = None
    gpus: int | None = None
    priority: int | None = None
    pool: str = ""
    secondary_pool: str = ""
    group: str = ""
    show: str = ""
    facility: str = ""
    nuke: str = ""
    handles: int | None = None
    comment: str = ""
    timeout: int | None = None
    views: str = ""
    proxy: bool = False
    continue_on_error: bool = False
    submit: bool = True


@dataclass(frozen=True)
class Submission:
    """The result of a submission.

    Attributes:
        engine: A key of ENGINES.
        path: The folder that the job was written to.
        tasks: Number of tasks.
        submitted: Whether the engine has the job.
        job: The engine's identifier of the job; "" if it was not submitted.
        message: The core's message.
    """

    engine: str
    path: str
    tasks: int
    submitted: bool
    job: str
    message: str

    def title(self) -> str:
        """Return the outcome in a few words."""
        tasks = count_of(self.tasks, "task")
        title = ENGINES[self.engine].title
        return f"{title}: {tasks} submitted" if self.submitted else f"{title}: {tasks} written, not submitted"

    def describe(self) -> str:
        """Return one line for the artist: the outcome, the job and its path."""
        return f"{self.title()}. {f'Job {self.job}, ' if self.job else ''}{self.path}"


def check(options: SubmitOptions) -> None:
    """Check the options against the engine.

    Args:
        options: What the artist chose.

    Raises:
        RefColorizeError: If there is no such engine, it lacks an option, or a value is out of range.
    """
    if options.engine not in ENGINES:
        raise RefColorizeError(f"There is no farm engine {options.engine!r}. Choose one of {', '.join(ENGINES)}.")
    engine = ENGINES[options.engine]
    for name in _ENGINE_OPTIONS:
        if not _is_unset(getattr(options, name)) and name not in engine.has:
            raise RefColorizeError(f"{engine.title} has no option {name.replace('_', ' ')}. Leave it out.")
    for name in ("max_span", "chunk", "timeout"):
        value = getattr(options, name)
        if value is not None and value < 1:
            raise RefColorizeError(f"{name} is {value}, but must be 1 or more. Leave it out for the default.")
    if options.handles is not None and options.handles < 0:
        raise RefColorizeError(f"handles is {options.handles}, but must be 0 or more.")
    if options.gpus is not None and options.gpus < 0:
        raise RefColorizeError(f"gpus is {options.gpus}, but must be 0 or more. 0 accepts any host.")
    if options.priority is not None and not 0 <= options.priority <= 100:
        raise RefColorizeError(f"The priority is {options.priority}, but must be between 0 and 100.")


def _is_unset(value: object) -> bool:
    return value is None or value is False or value == ""


def job_folder(shot: Path, engine: str) -> Path:
    """Return the folder of a shot's job, beside the frames of its version.

    Args:
        shot: The version's shot file.
        engine: A key of ENGINES.
    """
    return shot.parent / ENGINES[engine].command


def build_arguments(
    options: SubmitOptions, *, shot: Path, name: str, script: Path, writes: Sequence[str], substitutions: str = ""
) -> list[str]:
    """Return the arguments of `stcolor` that make the job.

    Args:
        options: Checked options (see `check`).
        shot: The version's shot file.
        name: The job's name in the queue.
        script: The saved Nuke script.
        writes: Names of the script's Write nodes to render after the colour.
        substitutions: Nuke's Path Substitutions, as its preferences store them; "" for none.
    """
    engine = ENGINES[options.engine]
    output = job_folder(shot, options.engine)
    arguments = ["farm", engine.command, f"--shot={shot}", f"--output={output}", f"--name={name}"]
    for option in ("max_span", "chunk", *engine.has):
        value = getattr(options, option)
        if not _is_unset(value) and (writes or option not in _WRITE_OPTIONS):
            arguments.append(f"--{option.replace('_', '-')}" + ("" if value is True else f"={value}"))
    if substitutions:
        arguments.append(f"--path-substitutions={substitutions}")
    if writes:
        arguments += [f"--nuke-script={script}", *(f"--write={write}" for write in writes)]
    if options.submit and engine.submits:
        arguments.append("--submit")
    return arguments


def shell_line(arguments: Sequence[str]) -> str:
    """Return the whole command as one line to type at this system's prompt.

    Args:
        arguments: From `build_arguments`.

    Raises:
        CoreUnreachable: If the core's program is not installed.
    """
    command = [*core_command(), *arguments]
    return subprocess.list2cmdline(command) if os.name == "nt" else shlex.join(command)


def run(options: SubmitOptions, arguments: Sequence[str], *, is_cancelled: Callable[[], bool]) -> Submission:
    """Run the core's program and wait for it.

    Args:
        options: The options that the arguments were built from.
        arguments: From `build_arguments`.
        is_cancelled: Asked several times a second; the program is stopped when it returns True.

    Returns:
        What the program reports.

    Raises:
        Cancelled: If it was cancelled or interrupted.
        RefColorizeError: If the program fails, with its own error line.
        CoreUnreachable: If the program cannot be run.
    """
    title = ENGINES[options.engine].title
    return _parse(options.engine, _run(title, arguments, is_cancelled))


def find_colorless(shot: Path, *, is_cancelled: Callable[[], bool]) -> dict[int, str]:
    """Ask the core's program which keyframes of a shot have a reference without colour.

    Args:
        shot: The shot file.
        is_cancelled: As for `run`.

    Returns:
        Keyframe -> a key of `progress.REASONS`. Empty if a file cannot be read: making the job reports that.

    Raises:
        Cancelled: If it was cancelled or interrupted.
        CoreUnreachable: If the program cannot be run.
    """
    try:
        output = _run("Keyframes", ["farm", "references", f"--shot={shot}"], is_cancelled)
        return {int(frame): str(flaw) for frame, flaw in json.loads(output)["colorless"].items()}
    except (Cancelled, CoreUnreachable):
        raise
    except (RefColorizeError, ValueError, LookupError, TypeError, AttributeError):
        return {}


def _run(title: str, arguments: Sequence[str], is_cancelled: Callable[[], bool]) -> str:
    """Run the core's program and return its output; its errors begin with the title."""
    process = open_core(*arguments, "--json", stderr=subprocess.PIPE)
    try:
        output, errors = _read_output(process, title, is_cancelled)
    finally:
        if process.poll() is None:
            _stop(process)
    if process.returncode == _INTERRUPTED:
        raise Cancelled(f"{title}: the core's program was interrupted.")
    if process.returncode:
        raise RefColorizeError(f"{title}: {error_line(errors)}")
    return output


def _read_output(process: subprocess.Popen[str], title: str, is_cancelled: Callable[[], bool]) -> tuple[str, str]:
    while not is_cancelled():
        with suppress(subprocess.TimeoutExpired):
            return process.communicate(timeout=_POLL_SECONDS)
    raise Cancelled(f"{title}: cancelled. Jobs that have already reached the farm are in the farm's own job list.")


def _stop(process: subprocess.Popen[str]) -> None:
    """Interrupt the program as Ctrl-C does, so that it leaves no half-written file; kill it if it does not react."""
    if os.name == "posix":
        process.send_signal(signal.SIGINT)
    else:
        process.terminate()
    try:
        process.wait(_END_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def error_line(errors: str) -> str:
    """Return the core's own error line, or else the last line. A bare Python error gets a sentence with a remedy.

    Args:
        errors: What its program has written to standard error.
    """
    lines = [line.strip() for line in errors.splitlines() if line.strip()] or ["it failed without a message."]
    own = [line for line in lines if line.startswith(_ERROR_PREFIX)]
    if not own and any(line.startswith(_TRACEBACK) for line in lines):
        return (
            f"the core's program has failed unexpectedly ({lines[-1]}). Try again. If it fails again, press "
            "Troubleshoot on the node, and send what it shows with this line to whoever installed RefColorize."
        )
    return (own or lines)[-1].replace(_ERROR_PREFIX, "", 1)


def _parse(engine: str, output: str) -> Submission:
    try:
        result: dict[str, Any] = json.loads(output)
        return Submission(
            engine,
            path=str(result["path"]),
            tasks=int(result["tasks"]),
            submitted=bool(result["submitted"]),
            job=str(result["job"] or ""),
            message=str(result["message"] or ""),
        )
    except (ValueError, LookupError, TypeError):
        raise RefColorizeError(
            f"{ENGINES[engine].title}: the core's answer cannot be read ({output.strip()[:80]!r}). "
            f"Core and plug-in have different versions. {ASK_TO_INSTALL}"
        ) from None

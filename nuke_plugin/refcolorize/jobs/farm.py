"""A shot for a farm: what can be asked for, and the core's command line that makes a job of it. No Nuke, no Qt."""

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

from ..core.engines import DEADLINE_ONLY, ENGINES
from ..core.server import core_command, open_core
from ..errors import Cancelled, RefColorizeError

__all__ = ["Submission", "SubmitOptions", "arguments", "by_hand", "check", "folder_beside", "run"]

_STEP_SECONDS = 0.1  # so that Cancel is heard soon
_END_SECONDS = 5.0
_SAYS = "stcolor: "  # how the core's program begins its line on an error
_CANCELLED = 130
_OWN = ("gpus", "handles", "priority", "pool", "secondary_pool", "group", "show", "nuke", *DEADLINE_ONLY)

_OF_WRITES = ("handles", "nuke", "views", "proxy", "continue_on_error")  # mean nothing where none is rendered


@dataclass(frozen=True)
class SubmitOptions:
    """What the artist wants of the farm. None, and "", is what the core or the engine takes by itself.

    engine: a key of ENGINES. version: one on disk, to be sent again; None: the node as it is now. writes: the Write
    nodes to render when the colour is there; None: all below the node. max_span: most frames of a task. chunk: tasks
    that a host may take at once. gpus: that a host must have to colour; 0: any host. priority: 0..100. nuke: its
    program on the hosts. handles: frames before and after its own that a Write reads. comment: for who looks at the
    queue. timeout: minutes after which a task fails. views, proxy, continue_on_error: of the Write nodes; names with
    commas between, at proxy size, on with the next frame after one that fails. submit: hand it over, and do not only
    write it.
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
    """What came of it. path: where the job was written. submitted: the engine has it, as `job`. message: the core's."""

    engine: str
    path: str
    tasks: int
    submitted: bool
    job: str
    message: str

    def title(self) -> str:
        """What there is now, in a few words."""
        tasks = f"{self.tasks} task{'s' * (self.tasks != 1)}"
        title = ENGINES[self.engine].title
        return f"{title}: {tasks} submitted" if self.submitted else f"{title}: {tasks} written, not submitted"

    def words(self) -> str:
        """One line for the artist, with where it is."""
        return f"{self.title()}. {f'Job {self.job}, ' if self.job else ''}{self.path}"


def check(wanted: SubmitOptions) -> None:
    """Raises RefColorizeError for what no engine, or not this one, can be asked for."""
    if wanted.engine not in ENGINES:
        raise RefColorizeError(f"There is no farm engine {wanted.engine!r}. Take one of {', '.join(ENGINES)}.")
    engine = ENGINES[wanted.engine]
    for name in _OWN:
        if not _is_left_out(getattr(wanted, name)) and name not in engine.has:
            raise RefColorizeError(f"{engine.title} knows no {name.replace('_', ' ')}. Leave it out.")
    for name in ("max_span", "chunk", "timeout"):
        value = getattr(wanted, name)
        if value is not None and value < 1:
            raise RefColorizeError(f"{name} is {value}, and must be 1 or more. Leave it out for the usual one.")
    if wanted.handles is not None and wanted.handles < 0:
        raise RefColorizeError(f"handles is {wanted.handles}, and must be 0 or more.")
    if wanted.gpus is not None and wanted.gpus < 0:
        raise RefColorizeError(f"gpus is {wanted.gpus}, and must be 0 or more. 0 takes any host.")
    if wanted.priority is not None and not 0 <= wanted.priority <= 100:
        raise RefColorizeError(f"The priority is {wanted.priority}, and must lie between 0 and 100.")


def _is_left_out(value: object) -> bool:
    return value is None or value is False or value == ""


def folder_beside(shot: Path, engine: str) -> Path:
    """Where the job of a shot goes: beside the frames of its version."""
    return shot.parent / ENGINES[engine].command


def arguments(wanted: SubmitOptions, *, shot: Path, name: str, script: Path, writes: Sequence[str]) -> list[str]:
    """What `stcolor` is told to make the job. wanted: checked. writes: the script's nodes to be rendered after."""
    engine = ENGINES[wanted.engine]
    output = folder_beside(shot, wanted.engine)
    found = ["farm", engine.command, f"--shot={shot}", f"--output={output}", f"--name={name}"]
    for option in ("max_span", "chunk", *engine.has):
        value = getattr(wanted, option)
        if not _is_left_out(value) and (writes or option not in _OF_WRITES):
            found.append(f"--{option.replace('_', '-')}" + ("" if value is True else f"={value}"))
    if writes:
        found += [f"--nuke-script={script}", *(f"--write={write}" for write in writes)]
    if wanted.submit and engine.submits:
        found.append("--submit")
    return found


def by_hand(arguments: Sequence[str]) -> str:
    """The whole line, as it is typed at this system's prompt. Raises CoreUnreachable where there is no program."""
    command = [*core_command(), *arguments]
    return subprocess.list2cmdline(command) if os.name == "nt" else shlex.join(command)


def run(wanted: SubmitOptions, arguments: Sequence[str], *, cancelled: Callable[[], bool]) -> Submission:
    """Run the core's program on its `arguments` and wait; it is ended where `cancelled` becomes true.

    Raises RefColorizeError with the core's own line where it fails, CoreUnreachable where it cannot be run, Cancelled.
    """
    title = ENGINES[wanted.engine].title
    process = open_core(*arguments, "--json", stderr=subprocess.PIPE)
    try:
        said, complained = _output(process, title, cancelled)
    finally:
        if process.poll() is None:
            _end(process)
    if process.returncode == _CANCELLED:
        raise Cancelled(f"{title}: the core's program was interrupted.")
    if process.returncode:
        raise RefColorizeError(f"{title}: {_reason(complained)}")
    return _parsed(wanted.engine, said)


def _output(process: subprocess.Popen[str], title: str, cancelled: Callable[[], bool]) -> tuple[str, str]:
    while not cancelled():
        with suppress(subprocess.TimeoutExpired):
            return process.communicate(timeout=_STEP_SECONDS)
    raise Cancelled(f"{title}: cancelled. What has reached the farm by then is in the farm's own list of jobs.")


def _end(process: subprocess.Popen[str]) -> None:
    """As Ctrl-C does, upon which it leaves nothing half-written; where that is not heard, at once."""
    if os.name == "posix":
        process.send_signal(signal.SIGINT)
    else:
        process.terminate()
    try:
        process.wait(_END_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _reason(complained: str) -> str:
    """The line meant for people in what a program wrote on its standard error."""
    lines = [line.strip() for line in complained.splitlines() if line.strip()] or ["it failed without a word."]
    meant = [line for line in lines if line.startswith(_SAYS)]
    return (meant or lines)[-1].replace(_SAYS, "", 1)


def _parsed(engine: str, said: str) -> Submission:
    try:
        found: dict[str, Any] = json.loads(said)
        return Submission(
            engine,
            path=str(found["path"]),
            tasks=int(found["tasks"]),
            submitted=bool(found["submitted"]),
            job=str(found["job"] or ""),
            message=str(found["message"] or ""),
        )
    except (ValueError, LookupError, TypeError):
        raise RefColorizeError(
            f"{ENGINES[engine].title}: the core's answer is not understood ({said.strip()[:80]!r}). "
            "Core and plug-in are of different versions: run install.py nuke."
        ) from None

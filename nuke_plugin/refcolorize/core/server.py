"""The core of this person on this machine: find it, start it, stop it.

The core is a program with a Python of its own. It says where it is in a file that only its owner can read; where that
file is, stcolor_core/service/access.py decides, and a test holds `state_folder` against it.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

from ..errors import CoreRefused, CoreUnreachable, RefColorizeError
from .client import Client

__all__ = [
    "Connection",
    "connection_file",
    "core_command",
    "ensure",
    "find",
    "log_file",
    "open_core",
    "run_core",
    "start",
    "state_folder",
    "stop",
]

_START_SECONDS = 150.0  # `stcolor serve --background` itself gives up after 120
_STOP_SECONDS = 60.0
_STEP_SECONDS = 0.1
# Nuke sets these for its own Python, libraries and Qt; what the person had in them before it started is lost.
_NUKES_OWN = ("PYTHON", "__PYVENV", "LD_", "DYLD_", "QT_", "QML")


# What the core leaves on disk


def state_folder() -> Path:
    """$STCOLOR_STATE_DIR, else `stcolor` in the platform's place for state. Not made here."""
    return _state_folder(sys.platform).absolute()


def _state_folder(platform: str) -> Path:
    named = os.environ.get("STCOLOR_STATE_DIR")
    if named:
        return Path(named)
    parent: str | Path
    if platform == "win32":
        parent = os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local"
    elif platform == "darwin":
        parent = Path.home() / "Library" / "Application Support"
    else:
        parent = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    return Path(parent) / "stcolor"


def connection_file() -> Path:
    """Where the core says how to reach it."""
    return state_folder() / "connection.json"


def log_file() -> Path:
    """What the core wrote last: its log, or what it said when it could not start. May not be there yet."""
    logs = [state_folder() / name for name in ("core.log", "background.log")]
    written = [log for log in logs if log.is_file()]
    return max(written, key=lambda log: log.stat().st_mtime_ns, default=logs[0])


@dataclass(frozen=True)
class Connection:
    """How to reach a core, as its connection file says. The token is never shown."""

    url: str
    token: str = field(repr=False)
    pid: int

    @classmethod
    def read(cls) -> Connection:
        """Raises CoreUnreachable, with why: there is no file, it cannot be read, or no core wrote it."""
        try:
            data = json.loads(connection_file().read_text(encoding="utf-8"))
            return cls(url=str(data["url"]), token=str(data["token"]), pid=int(data["pid"]))
        except FileNotFoundError:
            raise _no_core("none") from None
        except OSError as error:
            raise _no_core(f"it cannot be read ({error.strerror})") from None
        except (ValueError, LookupError, TypeError):
            raise _no_core("no core wrote this file") from None

    def client(self) -> Client:
        """Raises CoreUnreachable where the file names another machine."""
        return Client(self.url, self.token)


def _no_core(why: str) -> CoreUnreachable:
    looked = f"looked for a core in {connection_file()}: {why}"
    return CoreUnreachable(f"No core runs: {looked}. Start one.", tried=[looked])


# The core's program


def core_command() -> list[str]:
    """What to run, before its arguments: $STCOLOR_PYTHON, else .venv beside nuke_plugin, else `stcolor` on PATH.

    Raises CoreUnreachable where there is none.
    """
    named = os.environ.get("STCOLOR_PYTHON")
    installed = Path(__file__).resolve().parents[3] / ".venv" / _PYTHON
    if named and not Path(named).is_file():
        tried = f"looked for the core's Python at {named}, which $STCOLOR_PYTHON names: none"
        raise CoreUnreachable(f"$STCOLOR_PYTHON names {named}: no such file. Correct it.", tried=[tried])
    if named or installed.is_file():
        return [named or str(installed), "-m", "stcolor_core.cli"]
    program = shutil.which("stcolor")
    if program is None:
        tried = f"looked for the core's program in $STCOLOR_PYTHON, at {installed}, and for stcolor on PATH: none"
        raise CoreUnreachable("The core is not installed on this machine. Run install.py nuke.", tried=[tried])
    return [program]


_PYTHON = Path("Scripts/python.exe") if os.name == "nt" else Path("bin/python")


def core_environment() -> dict[str, str]:
    """This process's environment without what leads Python, the loader or Qt into Nuke's own folders."""
    return {name: value for name, value in os.environ.items() if not name.upper().startswith(_NUKES_OWN)}


def open_core(*arguments: str, stderr: int) -> subprocess.Popen[str]:
    """The core's program, started; its standard output is a pipe. Raises CoreUnreachable where that cannot be done.

    It runs in the state folder, which only its owner can write: Python also imports from where it is run.
    """
    command, folder = core_command(), state_folder()
    window = 0
    if sys.platform == "win32":
        window = subprocess.CREATE_NO_WINDOW
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        return subprocess.Popen(
            [*command, *arguments],
            cwd=folder,
            env=core_environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
            errors="replace",
            creationflags=window,
        )
    except OSError as error:
        raise _not_started(command, f"that cannot be done ({error})") from None


def run_core(*arguments: str, seconds: float) -> str:
    """Run the core's program to its end; its last line. Raises CoreUnreachable where it fails or takes too long."""
    command = core_command()
    with open_core(*arguments, stderr=subprocess.STDOUT) as process:
        try:
            output, _ = process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            raise _not_started(command, f"it did not come back within {seconds:g} s") from None
    said = (output.strip().splitlines() or ["it said nothing"])[-1].strip()
    if process.returncode and "No module named" in said and "stcolor_core" in said:
        raise _not_started(command, "RefColorize's core is not installed in that Python")
    if process.returncode:
        raise _not_started(command, f"it ended with: {said.removeprefix('stcolor: ')}")
    return said


def _not_started(command: list[str], why: str) -> CoreUnreachable:
    message = f"The core ({command[0]}) did not start: {why.rstrip('.')}. See Troubleshoot."
    return CoreUnreachable(message, tried=[f"started {command[0]}: {why}"])


# Find, start, stop


def find() -> Client | None:
    """The core that runs and takes its token, if there is one. RefColorizeError where it speaks another protocol."""
    try:
        return _found()
    except CoreUnreachable:
        return None


def _found() -> Client:
    """As `find`; CoreUnreachable says why there is none."""
    connection = Connection.read()
    try:
        client = connection.client()
        client.health()
    except (CoreRefused, CoreUnreachable) as error:
        why = error.tried[0] if isinstance(error, CoreUnreachable) else str(error)
        raise _no_core(f"process {connection.pid}, {why.rstrip('.')}") from None
    return client


def start() -> Client:
    """Start a core that outlives Nuke, or find the one that runs. Raises CoreUnreachable where none comes up."""
    return find() or _started()


def _started() -> Client:
    run_core("serve", "--background", seconds=_START_SECONDS)
    return _found()


def ensure() -> Client:
    """As `start`; CoreUnreachable says also where a running core was looked for."""
    try:
        return _found()
    except CoreUnreachable as looked:
        try:
            return _started()
        except CoreUnreachable as failed:
            raise CoreUnreachable(str(failed), tried=[*looked.tried, *failed.tried]) from None


def stop() -> None:
    """Stop the core and wait until it is gone; nothing where none runs. Its job goes on at the next start."""
    try:
        connection = Connection.read()
        connection.client().shutdown()
    except CoreUnreachable:
        return
    deadline = time.monotonic() + _STOP_SECONDS
    while _is_current(connection):
        if time.monotonic() > deadline:
            raise RefColorizeError(
                f"The core (process {connection.pid}) was asked to stop and has not. End that process."
            )
        time.sleep(_STEP_SECONDS)


def _is_current(connection: Connection) -> bool:
    try:
        return Connection.read() == connection
    except CoreUnreachable:
        return False

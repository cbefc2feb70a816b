"""Find, start and stop the core of this user on this machine.

The core is a program with its own Python. It writes its address into a connection file that only its owner can read.
stcolor_core/service/access.py defines the folder of that file; a test checks that `state_folder` agrees with it.
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

from ..errors import ASK_TO_INSTALL, CoreRefused, CoreUnreachable, RefColorizeError
from .client import Client

__all__ = [
    "Connection",
    "connection_file",
    "core_command",
    "ensure",
    "find",
    "has_failed_to_start",
    "is_starting",
    "log_file",
    "open_core",
    "run_core",
    "start",
    "state_folder",
    "stop",
    "warm_up",
]

_FRONT_END = "STCOLOR_FRONT_END"  # the core's variable for whose terms its messages use
_START_SECONDS = 150.0  # `stcolor serve --background` itself gives up after 120
_STOP_SECONDS = 60.0
_POLL_SECONDS = 0.1
# Nuke sets variables with these prefixes for its own Python, libraries and Qt, and does not keep the user's values.
_NUKE_PREFIXES = ("PYTHON", "__PYVENV", "LD_", "DYLD_", "QT_", "QML")


# The core's files


def state_folder() -> Path:
    """Return $STCOLOR_STATE_DIR, or `stcolor` in the platform's folder for state. It may not exist yet."""
    return _state_folder(sys.platform).absolute()


def _state_folder(platform: str) -> Path:
    override = os.environ.get("STCOLOR_STATE_DIR")
    if override:
        return Path(override)
    parent: str | Path
    if platform == "win32":
        parent = os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local"
    elif platform == "darwin":
        parent = Path.home() / "Library" / "Application Support"
    else:
        parent = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    return Path(parent) / "stcolor"


def connection_file() -> Path:
    """Return the path of the file in which the core writes its address, token and process id."""
    return state_folder() / "connection.json"


def log_file() -> Path:
    """Return the newer of the core's log and the output of its last start. It may not exist yet."""
    logs = [state_folder() / name for name in ("core.log", "background.log")]
    written = [log for log in logs if log.is_file()]
    return max(written, key=lambda log: log.stat().st_mtime_ns, default=logs[0])


@dataclass(frozen=True)
class Connection:
    """The contents of a core's connection file.

    Attributes:
        url: The core's address, http://127.0.0.1:PORT.
        token: The secret of its requests; not in the repr, so that it is never shown.
        pid: The core's process id.
    """

    url: str
    token: str = field(repr=False)
    pid: int

    @classmethod
    def read(cls) -> Connection:
        """Return the contents of the connection file.

        Raises:
            CoreUnreachable: If there is no file, if it cannot be read, or if a core did not write it.
        """
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
        """Return a client of this core; CoreUnreachable if the file names another machine."""
        return Client(self.url, self.token)


def _no_core(reason: str) -> CoreUnreachable:
    tried = f"looked for a core in {connection_file()}: {reason}"
    return CoreUnreachable(f"No core is running: {tried}. Start one.", tried=[tried])


# The core's program


def core_command() -> list[str]:
    """Return the command line of the core's program, without arguments.

    It is the Python in $STCOLOR_PYTHON, else the one in `.venv` next to nuke_plugin, else `stcolor` on PATH.

    Raises:
        CoreUnreachable: If there is none of these.
    """
    override = os.environ.get("STCOLOR_PYTHON")
    installed = Path(__file__).resolve().parents[3] / ".venv" / _PYTHON
    if override and not Path(override).is_file():
        tried = f"looked for the core's Python at {override}, from $STCOLOR_PYTHON: none"
        raise CoreUnreachable(f"$STCOLOR_PYTHON names {override}: no such file. Correct it.", tried=[tried])
    if override or installed.is_file():
        return [override or str(installed), "-m", "stcolor_core.cli"]
    program = shutil.which("stcolor")
    if program is None:
        tried = f"looked for the core's program in $STCOLOR_PYTHON, at {installed}, and for stcolor on PATH: none"
        raise CoreUnreachable(f"The core is not installed on this machine. {ASK_TO_INSTALL}", tried=[tried])
    return [program]


_PYTHON = Path("Scripts/python.exe") if os.name == "nt" else Path("bin/python")


def core_environment() -> dict[str, str]:
    """Return this process's environment without the variables that point Python, the loader or Qt at Nuke's folders.

    The core's program says what to do in the terms of the node.
    """
    kept = {name: value for name, value in os.environ.items() if not name.upper().startswith(_NUKE_PREFIXES)}
    return {**kept, _FRONT_END: "node"}


def open_core(*arguments: str, stderr: int) -> subprocess.Popen[str]:
    """Start the core's program.

    It runs in the state folder, which only its owner can write, because Python also imports from the current folder.

    Args:
        arguments: The command-line arguments.
        stderr: As for subprocess.Popen. Standard output is always a pipe.

    Returns:
        The running process.

    Raises:
        CoreUnreachable: If the program cannot be started.
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
        raise _not_started(command, f"the program cannot be run ({error})") from None


def run_core(*arguments: str, seconds: float) -> str:
    """Run the core's program, wait for its end, and report its output.

    Args:
        arguments: The command-line arguments.
        seconds: The time limit.

    Returns:
        The last line of its output.

    Raises:
        CoreUnreachable: If the program fails or exceeds the time limit.
    """
    command = core_command()
    with open_core(*arguments, stderr=subprocess.STDOUT) as process:
        try:
            output, _ = process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            raise _not_started(command, f"it did not end within {seconds:g} s") from None
    last_line = (output.strip().splitlines() or ["no output"])[-1].strip()
    if process.returncode and "No module named" in last_line and "stcolor_core" in last_line:
        raise _not_started(command, "RefColorize's core is not installed in that Python")
    if process.returncode:
        raise _not_started(command, f"it ended with: {last_line.removeprefix('stcolor: ')}")
    return last_line


def _not_started(command: list[str], reason: str) -> CoreUnreachable:
    message = f"The core ({command[0]}) did not start: {reason.rstrip('.')}. See Troubleshoot."
    return CoreUnreachable(message, tried=[f"started {command[0]}: {reason}"])


# Find, start, stop


class _Starts:
    """The starts of the core by this Nuke.

    Attributes:
        running: One item for each thread that is starting it now; a list needs no lock for this.
        failed: Whether the last start has failed, and no core has been found running since.
        warmed_up: Whether this Nuke has started a core early or stopped one: it starts none early from then on.
    """

    def __init__(self) -> None:
        self.running: list[None] = []
        self.failed = False
        self.warmed_up = False


_starts = _Starts()


def find() -> Client | None:
    """Return a client of the running core, None if there is none; RefColorizeError if its protocol differs."""
    try:
        return _connect()
    except CoreUnreachable:
        return None


def _connect() -> Client:
    """Return a client of the running core; CoreUnreachable says why there is none."""
    connection = Connection.read()
    try:
        client = connection.client()
        client.health()
    except (CoreRefused, CoreUnreachable) as error:
        reason = error.tried[0] if isinstance(error, CoreUnreachable) else str(error)
        raise _no_core(f"process {connection.pid}, {reason.rstrip('.')}") from None
    _starts.failed = False
    return client


def start() -> Client:
    """Return a client of the running core; start one that outlives Nuke if none runs. CoreUnreachable if it fails."""
    return find() or _launch()


def warm_up() -> None:
    """Start a core before Colorize needs it, as that takes seconds: once in a Nuke, at the first node that is opened.

    If it fails, Colorize tries again and says why. STCOLOR_WARM_UP=0 leaves the start to Colorize.
    """
    if _starts.warmed_up or os.environ.get("STCOLOR_WARM_UP") == "0":
        return
    _starts.warmed_up = True
    try:
        start()
    except RefColorizeError:
        _starts.failed = False


def is_starting() -> bool:
    """Return whether a thread of this Nuke is starting the core now."""
    return bool(_starts.running)


def has_failed_to_start() -> bool:
    """Return whether the last start of the core by this Nuke has failed, and none has been found running since."""
    return _starts.failed


def _launch() -> Client:
    _starts.running.append(None)
    try:
        run_core("serve", "--background", seconds=_START_SECONDS)
        return _connect()
    except CoreUnreachable:
        _starts.failed = True
        raise
    finally:
        _starts.running.pop()


def ensure() -> Client:
    """Return a client of the running core, as `start`, with a fuller error for the artist.

    Raises:
        CoreUnreachable: If no core can be started. `tried` also says how a running core was looked for.
    """
    try:
        return _connect()
    except CoreUnreachable as not_running:
        try:
            return _launch()
        except CoreUnreachable as failed:
            raise CoreUnreachable(str(failed), tried=[*not_running.tried, *failed.tried]) from None


def stop() -> None:
    """Stop the core and wait for its end; do nothing if none runs. Its job continues at the next start.

    Raises:
        RefColorizeError: If it does not stop within a minute.
    """
    _starts.warmed_up = True  # the artist wants none now
    try:
        connection = Connection.read()
        connection.client().shutdown()
    except CoreUnreachable:
        return
    deadline = time.monotonic() + _STOP_SECONDS
    while _is_current(connection) or _answers(connection):  # it takes its file away first
        if time.monotonic() > deadline:
            raise RefColorizeError(
                f"The core (process {connection.pid}) did not stop within {_STOP_SECONDS:g} s. End that process."
            )
        time.sleep(_POLL_SECONDS)


def _answers(connection: Connection) -> bool:
    try:
        connection.client().health()
    except RefColorizeError:  # no answer, or that of another program, which has the port now
        return False
    return True


def _is_current(connection: Connection) -> bool:
    try:
        return Connection.read() == connection
    except CoreUnreachable:
        return False

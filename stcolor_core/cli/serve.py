"""`stcolor serve | status | stop`. Loads nothing heavy before a core is really started."""

from __future__ import annotations

import argparse
import json
import logging
import logging.handlers
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stcolor_core.errors import BadRequest, StcolorError
from stcolor_core.service.access import (
    HOST,
    Connection,
    CoreLock,
    StartLock,
    ask,
    connection_file,
    find,
    state_folder,
    writing,
)

if TYPE_CHECKING:
    from types import FrameType

__all__ = ["add_commands"]

_START_SECONDS = 120.0  # torch from a cold network disk
_STOP_SECONDS = 60.0
_STEP_SECONDS = 0.1
_IDLE_MINUTES = 60.0
_LOG_BYTES = 2**20


def add_commands(commands: Any, *, prepare: Callable[[], None]) -> None:
    """Add them to the subparsers of `stcolor`. prepare: called in the process that is about to become the core."""
    serve = commands.add_parser("serve", help="run the core that the Nuke node talks to")
    serve.add_argument("--host", default=HOST, help="127.0.0.1 and no other")
    serve.add_argument("--port", type=int, default=0, help="default: a free one")
    serve.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto")
    serve.add_argument(
        "--idle-minutes",
        type=float,
        default=_IDLE_MINUTES,
        help="end when nothing is asked for so long; 0: never (%(default)g)",
    )
    serve.add_argument("--background", action="store_true", help="come back once it answers, and leave it running")
    serve.set_defaults(run=lambda options: _serve(options, prepare), takes_signals=True)
    status = commands.add_parser("status", help="say whether a core runs, and where; ends with 1 where none does")
    status.add_argument("--json", action="store_true", help="as one JSON object")
    status.set_defaults(run=_status)
    commands.add_parser("stop", help="stop the core; its job goes on at the next start").set_defaults(run=_stop)


def _serve(options: argparse.Namespace, prepare: Callable[[], None]) -> int:
    if options.host != HOST:
        raise BadRequest(f"The core listens on {HOST} only, not on {options.host}. Leave --host out.")
    if not 0 <= options.port < 2**16 or not options.idle_minutes >= 0:
        raise BadRequest("--port must lie between 0 and 65535, and --idle-minutes must not be below 0.")
    folder = state_folder()
    if options.background:
        return _in_background(options, folder)
    lock, found = CoreLock(folder), None

    def settled() -> bool:
        nonlocal found
        return lock.acquire() or (found := find(folder)) is not None

    try:
        if not _until(settled, _START_SECONDS):
            raise StcolorError(
                f"Another process holds {folder / 'core.lock'} and does not answer. End it; or, where it runs on "
                "another machine, set STCOLOR_STATE_DIR to a folder on a local disk."
            )
        if found is not None:
            _tell_unused(options)
            return _say_where(found, folder)
        prepare()
        _run(options, folder)
    finally:
        lock.close()
    return 0


def _tell_unused(options: argparse.Namespace) -> None:
    """Where a core runs already, say which options it was not started with."""
    usual = {"port": 0, "device": "auto", "idle_minutes": _IDLE_MINUTES}
    unused = ["--" + name.replace("_", "-") for name, value in usual.items() if getattr(options, name) != value]
    if unused:
        sys.stderr.write(f"stcolor: A core runs already: {', '.join(unused)} not used. Run `stcolor stop` first.\n")


def _run(options: argparse.Namespace, folder: Path) -> None:
    """Be the core until asked to stop."""
    with writing(folder):
        _log_to(folder / "core.log")
    from stcolor_core.service.server import CoreServer

    core = CoreServer(folder, port=options.port, device=options.device, idle_minutes=options.idle_minutes)

    def stop(number: int, stack: FrameType | None) -> None:  # noqa: ARG001  (what signal calls)
        core.stop(signal.Signals(number).name)

    numbers = [signal.SIGINT, signal.SIGTERM]
    if sys.platform == "win32":
        numbers.append(signal.SIGBREAK)
    for number in numbers:
        signal.signal(number, stop)
    _say_where(core.connection, folder)
    core.run()


def _in_background(options: argparse.Namespace, folder: Path) -> int:
    """Have a core that outlives this process and its terminal; returns once it answers.

    One at a time, so that the second to be asked finds the core that the first one starts.
    """
    lock = StartLock(folder)
    try:
        if not _until(lambda: lock.acquire() or find(folder) is not None, _START_SECONDS):
            raise StcolorError(f"Another start of the core holds {folder / 'start.lock'} and does not end. End it.")
        found = find(folder)
        if found is not None:
            _tell_unused(options)
        else:
            found = _start(options, folder)
    finally:
        lock.close()
    return _say_where(found, folder)


def _start(options: argparse.Namespace, folder: Path) -> Connection:
    """Start a process that becomes the core, unless another one has become it meanwhile; the core's connection."""
    command = [sys.executable, "-m", "stcolor_core.cli", "serve", "--port", str(options.port)]
    command += ["--device", options.device, "--idle-minutes", str(options.idle_minutes)]
    apart = 0
    if sys.platform == "win32":
        apart = subprocess.DETACHED_PROCESS | subprocess.CREATE_NEW_PROCESS_GROUP
    said = folder / "background.log"
    with writing(folder):
        output = said.open("wb")
    with output:
        core = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            creationflags=apart,
            start_new_session=True,  # what POSIX has in its place; Windows does nothing with it
        )
    found: Connection | None = None

    def settled() -> bool:
        """It has ended, or it names the core that answers: then it is that core, or is about to leave to it.

        One that has not said so yet is still waking up, and would take over whenever the core that answers now ends.
        """
        nonlocal found
        ended = core.poll() is not None
        found = find(folder)
        return ended or (found is not None and f" {found.url};" in _text(said))

    try:
        if not _until(settled, _START_SECONDS):
            core.kill()
            why = folder / "core.log"
            raise StcolorError(f"The core did not answer within {_START_SECONDS:.0f} s. {why} may say why.")
    except KeyboardInterrupt:
        core.kill()
        raise
    if found is None and core.returncode == 0:
        raise StcolorError("The core that was found has ended since. Run again: stcolor serve --background")
    if found is None:
        lines = _text(said).splitlines() or ["it said nothing"]
        raise StcolorError(f"The core did not start: {lines[-1].removeprefix('stcolor: ')}")
    return found


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="replace")


def _status(options: argparse.Namespace) -> int:
    folder = state_folder()
    found = find(folder)
    if options.json:
        token_file = None if found is None else str(connection_file(folder))
        state = {
            "state": "stopped" if found is None else "running",
            "url": found and found.url,
            "pid": found and found.pid,
        }
        sys.stdout.write(json.dumps({**state, "token_file": token_file}) + "\n")
    elif found is None:
        sys.stdout.write("No core runs. Start one: stcolor serve --background\n")
    else:
        _say_where(found, folder)
        waiting = [job["state"] for job in ask(found, "GET", "/v1/jobs")]
        sys.stdout.write(f"{waiting.count('running')} jobs run, {waiting.count('queued')} wait.\n")
        link = ask(found, "POST", "/v1/ticket")["url"]
        sys.stdout.write(f"To watch them, open this in a browser; it works once, within ten minutes:\n{link}\n")
    return 1 if found is None else 0


def _stop(options: argparse.Namespace) -> int:  # noqa: ARG001
    folder = state_folder()
    found = find(folder)
    if found is None:
        sys.stdout.write("No core runs.\n")
        return 0
    ask(found, "POST", "/v1/shutdown")
    lock = CoreLock(folder)  # free once the process is gone
    try:
        if not _until(lock.acquire, _STOP_SECONDS):
            raise StcolorError(f"The core (process {found.pid}) was asked to stop and has not. End that process.")
    finally:
        lock.close()
    sys.stdout.write("The core has stopped.\n")
    return 0


def _say_where(found: Connection, folder: Path) -> int:
    sys.stdout.write(f"The core (process {found.pid}) is at {found.url}; its token is in {connection_file(folder)}.\n")
    sys.stdout.flush()
    return 0


def _until(holds: Callable[[], bool], seconds: float) -> bool:
    """Ask again and again, at most for so long; whether it came to hold."""
    deadline = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > deadline:
            return False
        time.sleep(_STEP_SECONDS)
    return True


def _log_to(path: Path) -> None:
    handler = logging.handlers.RotatingFileHandler(path, maxBytes=_LOG_BYTES, backupCount=3, encoding="utf-8")
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    root = logging.getLogger()
    for shown in root.handlers:
        shown.setLevel(logging.WARNING)
    root.addHandler(handler)
    root.setLevel(logging.INFO)

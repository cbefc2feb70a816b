"""`stcolor serve | status | submit | stop`: run, query and stop the core, and queue a shot in it.

Heavy imports wait until a core starts.
"""

from __future__ import annotations

import argparse
import html
import json
import logging
import logging.handlers
import signal
import subprocess
import sys
import time
import webbrowser
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from stcolor_core.cli.device_option import add_device_option
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
    write_private,
    writing,
)

if TYPE_CHECKING:
    from types import FrameType


__all__ = ["add_commands"]

_START_SECONDS = 120.0  # time to load torch from a network disk without a cache
_STOP_SECONDS = 60.0
_POLL_SECONDS = 0.1
_IDLE_MINUTES = 60.0
_LOG_BYTES = 2**20


def add_commands(commands: Any, *, prepare: Callable[[], None]) -> None:
    """Add `serve`, `status`, `submit` and `stop` to the subparsers of `stcolor`.

    Args:
        commands: The subparsers, as `add_subparsers` returns them.
        prepare: Called in the core's process before the core starts.
    """
    serve = commands.add_parser("serve", help="run the core that the Nuke node talks to")
    serve.add_argument("--host", default=HOST, help="127.0.0.1; no other is allowed")
    serve.add_argument("--port", type=int, default=0, help="default: a free one")
    add_device_option(serve)
    serve.add_argument(
        "--idle-minutes",
        type=float,
        default=_IDLE_MINUTES,
        help="stop after this time without a request; 0: never (%(default)g)",
    )
    serve.add_argument("--background", action="store_true", help="return once the core answers, and leave it running")
    serve.set_defaults(run=lambda options: _serve(options, prepare), takes_signals=True)
    status = commands.add_parser("status", help="print whether a core runs and its address; exits with 1 if none does")
    output = status.add_mutually_exclusive_group()
    output.add_argument("--json", action="store_true", help="print one JSON object")
    output.add_argument(
        "--open", action="store_true", help="open the core's page; that browser then needs no link until the core ends"
    )
    status.set_defaults(run=_status)
    submit = commands.add_parser("submit", help="queue a shot in the running core, and print the job's id")
    submit.add_argument("shot", type=Path, help="a file that `stcolor colorize --write-shot` wrote")
    submit.add_argument("--label", default="", help="what to call the job in lists, such as show, shot and version")
    submit.set_defaults(run=_submit)
    commands.add_parser("stop", help="stop the core; its job continues at the next start").set_defaults(run=_stop)


def _serve(options: argparse.Namespace, prepare: Callable[[], None]) -> int:
    if options.host != HOST:
        raise BadRequest(f"The core listens on {HOST} only, not on {options.host}. Leave --host out.")
    if not 0 <= options.port < 2**16 or not options.idle_minutes >= 0:
        raise BadRequest("--port must lie between 0 and 65535, and --idle-minutes must not be below 0.")
    folder = state_folder()
    if options.background:
        return _in_background(options, folder)
    lock, running = CoreLock(folder), None

    def is_decided() -> bool:
        nonlocal running
        return lock.acquire() or (running := find(folder)) is not None

    try:
        if not _wait_until(is_decided, _START_SECONDS):
            raise StcolorError(
                f"Another process holds {folder / 'core.lock'} and does not answer. End it. If it runs on another "
                "machine, set STCOLOR_STATE_DIR to a folder on a local disk."
            )
        if running is not None:
            _warn_unused(options)
            return _print_address(running, folder)
        prepare()
        _run(options, folder)
    finally:
        lock.close()
    return 0


def _warn_unused(options: argparse.Namespace) -> None:
    """Warn of the options that have no effect because a core runs already."""
    defaults = {"port": 0, "device": "auto", "idle_minutes": _IDLE_MINUTES}
    unused = ["--" + name.replace("_", "-") for name, value in defaults.items() if getattr(options, name) != value]
    if unused:
        sys.stderr.write(f"stcolor: A core runs already: {', '.join(unused)} not used. Run `stcolor stop` first.\n")


def _run(options: argparse.Namespace, folder: Path) -> None:
    """Run the core in this process until it is stopped."""
    with writing(folder):
        _log_to(folder / "core.log")
    from stcolor_core.service.server import CoreServer

    core = CoreServer(folder, port=options.port, device=options.device, idle_minutes=options.idle_minutes)

    def stop(number: int, stack: FrameType | None) -> None:  # noqa: ARG001  (a signal handler's signature)
        core.stop(signal.Signals(number).name)

    numbers = [signal.SIGINT, signal.SIGTERM]
    if sys.platform == "win32":
        numbers.append(signal.SIGBREAK)
    for number in numbers:
        signal.signal(number, stop)
    _print_address(core.connection, folder)
    core.run()


def _in_background(options: argparse.Namespace, folder: Path) -> int:
    """Start a core that outlives this process and its terminal, and return once it answers.

    A lock allows one start at a time, so that the second of two finds the core that the first one has started.
    """
    lock = StartLock(folder)
    try:
        if not _wait_until(lambda: lock.acquire() or find(folder) is not None, _START_SECONDS):
            raise StcolorError(f"Another start of the core holds {folder / 'start.lock'} and does not end. End it.")
        core = find(folder)
        if core is not None:
            _warn_unused(options)
        else:
            core = _start(options, folder)
    finally:
        lock.close()
    return _print_address(core, folder)


def _start(options: argparse.Namespace, folder: Path) -> Connection:
    """Start a process that becomes the core unless another one has done so meanwhile; return the core's connection."""
    log = folder / "background.log"
    process = _spawn(options, folder, log)
    core: Connection | None = None

    def is_decided() -> bool:
        """Return whether the process has ended, or has printed the address of the core that answers.

        In the second case it is that core, or it is about to exit because another one runs. A process that has printed
        nothing is still starting, and would take over as soon as the core that answers now ends.
        """
        nonlocal core
        ended = process.poll() is not None
        core = find(folder)
        return ended or (core is not None and f" {core.url};" in _read_text(log))

    try:
        if not _wait_until(is_decided, _START_SECONDS):
            process.kill()
            raise StcolorError(
                f"The core did not answer within {_START_SECONDS:.0f} s. {folder / 'core.log'} may say why."
            )
    except KeyboardInterrupt:
        process.kill()
        raise
    if core is None and process.returncode == 0:
        raise StcolorError("The core that was found has ended since. Run again: stcolor serve --background")
    if core is None:
        lines = _read_text(log).splitlines() or ["it printed nothing"]
        raise StcolorError(f"The core did not start: {lines[-1].removeprefix('stcolor: ')}")
    return core


def _spawn(options: argparse.Namespace, folder: Path, log: Path) -> subprocess.Popen[bytes]:
    """Start `stcolor serve` as a process of its own, whose output goes to the log."""
    command = [sys.executable, "-m", "stcolor_core.cli", "serve", "--port", str(options.port)]
    command += ["--device", options.device, "--idle-minutes", str(options.idle_minutes)]
    flags = 0
    if sys.platform == "win32":
        flags = subprocess.DETACHED_PROCESS | subprocess.CREATE_NEW_PROCESS_GROUP
    with writing(folder):
        output = log.open("wb")
    with output:
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            creationflags=flags,
            start_new_session=True,  # the same on POSIX; ignored on Windows
        )


def _read_text(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="replace")


def _count_jobs(states: Sequence[str]) -> str:
    """Return how many jobs run and wait, as a sentence."""
    running, queued = states.count("running"), states.count("queued")
    return f"{running} {'job runs' if running == 1 else 'jobs run'}, {queued} {'waits' if queued == 1 else 'wait'}."


def _status(options: argparse.Namespace) -> int:
    folder = state_folder()
    core = find(folder)
    if options.json:
        token_file = None if core is None else str(connection_file(folder))
        state = {
            "state": "stopped" if core is None else "running",
            "url": core and core.url,
            "pid": core and core.pid,
        }
        sys.stdout.write(json.dumps({**state, "token_file": token_file}) + "\n")
    elif core is None:
        sys.stdout.write("No core runs. Start one: stcolor serve --background\n")
    else:
        _print_address(core, folder)
        states = [job["state"] for job in ask(core, "GET", "/v1/jobs")]
        sys.stdout.write(f"{_count_jobs(states)}\n")
        link = ask(core, "POST", "/v1/ticket")["url"]
        if options.open and _open_page(link, folder):
            sys.stdout.write("The page opens in your browser, which needs no other link until the core ends.\n")
        else:
            sys.stdout.write(f"To watch them, open this in a browser; it works once, within ten minutes:\n{link}\n")
    return 1 if core is None else 0


def _open_page(link: str, folder: Path) -> bool:
    """Open a link to the page in a browser; return whether there is one.

    The browser gets a file that leads to the link and that only its owner may read: every user of the machine can read
    the arguments of a program, and whoever uses the link first gets the token.
    """
    page = folder / "open.html"
    write_private(page, f'<!doctype html><meta http-equiv="refresh" content="0; url={html.escape(link)}">\n')
    return webbrowser.open(page.as_uri())


def _submit(options: argparse.Namespace) -> int:
    from stcolor_core.shots.shot import Shot, map_paths  # pydantic takes its time to load

    shot = map_paths(Shot.load(options.shot), lambda path: str(Path(path).absolute()))
    core = find(state_folder())
    if core is None:
        raise StcolorError("No core runs. Start one: stcolor serve --background")
    job = ask(core, "POST", f"/v1/jobs?{urlencode({'label': options.label})}", body=shot.to_json())
    sys.stdout.write(f"{job['id']} is {job['state']}. To watch it: stcolor status --open\n")
    return 0


def _stop(options: argparse.Namespace) -> int:  # noqa: ARG001
    folder = state_folder()
    core = find(folder)
    if core is None:
        sys.stdout.write("No core runs.\n")
        return 0
    ask(core, "POST", "/v1/shutdown")
    lock = CoreLock(folder)  # free once the process has ended
    try:
        if not _wait_until(lock.acquire, _STOP_SECONDS):
            raise StcolorError(f"The core (process {core.pid}) did not stop when asked. End that process.")
    finally:
        lock.close()
    sys.stdout.write("The core has stopped.\n")
    return 0


def _print_address(core: Connection, folder: Path) -> int:
    sys.stdout.write(f"The core (process {core.pid}) is at {core.url}; its token is in {connection_file(folder)}.\n")
    sys.stdout.flush()
    return 0


def _wait_until(condition: Callable[[], bool], seconds: float) -> bool:
    """Poll a condition until it is true or the time is over; return whether it became true."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(_POLL_SECONDS)
    return True


def _log_to(path: Path) -> None:
    handler = logging.handlers.RotatingFileHandler(path, maxBytes=_LOG_BYTES, backupCount=3, encoding="utf-8")
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    root = logging.getLogger()
    for console in root.handlers:
        console.setLevel(logging.WARNING)
    root.addHandler(handler)
    root.setLevel(logging.INFO)

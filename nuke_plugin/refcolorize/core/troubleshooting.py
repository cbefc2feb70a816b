"""Why there is no core, for whoever has to mend it: one line for each thing that can be wrong."""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Iterator
from urllib.parse import urlsplit

from ..errors import CoreUnreachable, RefColorizeError
from .server import Connection, connection_file, core_command, log_file, run_core

__all__ = ["is_alive", "troubleshoot"]

_VERSION_SECONDS = 60.0
_PORT_SECONDS = 2.0
_LOG_LINES = 3
_LOG_TAIL_BYTES = 8192


def troubleshoot() -> list[str]:
    """Check the connection, the core's program and its log: one line each, which ends with what to do.

    Takes seconds, since it runs the core's program.
    """
    running = list(_connection())
    return [*running, *_program(), *_log()]


def _connection() -> Iterator[str]:
    """As far down the way to the core as it goes."""
    try:
        connection = Connection.read()
    except CoreUnreachable as error:
        remedy = "Press Start core." if not connection_file().exists() else "Delete that file and press Start core."
        yield f"{_sentence(error.tried[0])} {remedy}"
        return
    yield f"{connection_file()} names {connection.url}, process {connection.pid}. Nothing to do."
    if not is_alive(connection.pid):
        yield f"Process {connection.pid} has ended without a word: it was killed, or crashed. Press Start core."
        return
    yield f"Process {connection.pid} is alive. Nothing to do."
    if why := _closed(connection.url):
        yield f"Nothing listens at {connection.url} ({why}). If it stays so, end that process and press Start core."
        return
    yield from _answer(connection)


def _answer(connection: Connection) -> Iterator[str]:
    try:
        health = connection.client().health()
    except RefColorizeError as error:
        yield f"{connection.url} is open, but: {error}"
        return
    yield (
        f"The core at {connection.url} takes the token and answers: version {health.get('version')} "
        f"on {health.get('device_name') or health.get('device')}. Nothing to do."
    )
    try:
        installed = run_core("--version", seconds=_VERSION_SECONDS)
    except CoreUnreachable:
        return  # `_program` says so
    if installed != f"stcolor {health.get('version')}":
        yield f"The core that is installed is {installed}. Press Stop core, then Start core."


def _program() -> Iterator[str]:
    try:
        command = core_command()
        yield f"The core's program is {command[0]}. Nothing to do."
        yield f"It answers: {run_core('--version', seconds=_VERSION_SECONDS)}. Nothing to do."
    except CoreUnreachable as error:
        yield f"{_sentence(error.tried[0])} Run install.py nuke."


def _log() -> Iterator[str]:
    log = log_file()
    try:
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - _LOG_TAIL_BYTES))
            lines = file.read().decode("utf-8", "replace").splitlines()
    except FileNotFoundError:
        yield f"There is no log at {log} yet: no core has run here. Press Start core."
        return
    except OSError as error:
        yield f"The log {log} cannot be read ({error.strerror}). Give yourself the right to."
        return
    yield f"The log is {log}. Its last lines follow; Show log has the rest."
    yield from (f"    {line}" for line in lines[-_LOG_LINES:])


def _closed(url: str) -> str:
    """Why nothing can be reached at a core's address; empty where it can."""
    try:
        address = urlsplit(url)
        with socket.create_connection((str(address.hostname), address.port or 0), timeout=_PORT_SECONDS):
            return ""
    except (OSError, ValueError, OverflowError) as error:
        return getattr(error, "strerror", None) or str(error)


if sys.platform == "win32":  # there os.kill would end it

    def is_alive(pid: int) -> bool:
        """Whether a process of that number runs, whoever's it is."""
        import ctypes

        synchronize, access_denied, timed_out = 0x00100000, 5, 0x102
        kernel = ctypes.WinDLL("kernel32", use_last_error=True)
        kernel.OpenProcess.restype = ctypes.c_void_p
        handle = kernel.OpenProcess(synchronize, False, pid)
        if not handle:
            return ctypes.get_last_error() == access_denied
        try:
            return bool(kernel.WaitForSingleObject(ctypes.c_void_p(handle), 0) == timed_out)
        finally:
            kernel.CloseHandle(ctypes.c_void_p(handle))

else:

    def is_alive(pid: int) -> bool:
        """Whether a process of that number runs, whoever's it is."""
        try:
            os.kill(pid, 0)
        except PermissionError:
            return True
        except (OSError, OverflowError):
            return False
        return True


def _sentence(words: str) -> str:
    return f"{words[:1].upper()}{words[1:].rstrip('.')}."

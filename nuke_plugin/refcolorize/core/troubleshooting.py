"""Find out why the core does not answer: one line for each check."""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Iterator
from urllib.parse import urlsplit

from ..errors import ASK_TO_INSTALL, CoreUnreachable, RefColorizeError
from .server import Connection, connection_file, core_command, log_file, run_core

__all__ = ["is_alive", "troubleshoot"]

_VERSION_SECONDS = 60.0
_PORT_SECONDS = 2.0
_LOG_LINES = 3
_LOG_TAIL_BYTES = 8192


def troubleshoot() -> list[str]:
    """Check the connection to the core, its program and its log.

    Takes a few seconds, because it runs the core's program.

    Returns:
        Lines for the artist. Each ends with what to do; indented lines quote the log.
    """
    connection = list(_check_connection())
    return [*connection, *_check_program(), *_check_log()]


def _check_connection() -> Iterator[str]:
    """Check each step of the connection, up to the first that fails."""
    try:
        connection = Connection.read()
    except CoreUnreachable as error:
        remedy = (
            "Press Start in the panel."
            if not connection_file().exists()
            else "Delete that file and press Start in the panel."
        )
        yield f"{_sentence(error.tried[0])} {remedy}"
        return
    yield f"{connection_file()} names {connection.url}, process {connection.pid}. Nothing to do."
    if not is_alive(connection.pid):
        gone = f"Process {connection.pid} is gone without a message: it was killed, or it crashed."
        yield f"{gone} Press Start in the panel."
        return
    yield f"Process {connection.pid} is running. Nothing to do."
    if reason := _connection_error(connection.url):
        silent = f"Nothing answers at {connection.url} ({reason})."
        yield f"{silent} If it stays so, end the process and press Start in the panel."
        return
    yield from _check_answer(connection)


def _check_answer(connection: Connection) -> Iterator[str]:
    try:
        health = connection.client().health()
    except RefColorizeError as error:
        yield f"{connection.url} can be reached, but: {error}"
        return
    yield (
        f"The core at {connection.url} accepts the token and answers: version {health.get('version')} "
        f"on {health.get('device_name') or health.get('device')}. Nothing to do."
    )
    try:
        installed = run_core("--version", seconds=_VERSION_SECONDS)
    except CoreUnreachable:
        return  # `_check_program` reports it
    if installed != f"stcolor {health.get('version')}":
        yield f"The installed core is {installed}. Press Stop in the panel, then Start."


def _check_program() -> Iterator[str]:
    try:
        command = core_command()
        yield f"The core's program is {command[0]}. Nothing to do."
        yield f"It answers: {run_core('--version', seconds=_VERSION_SECONDS)}. Nothing to do."
    except CoreUnreachable as error:
        yield f"{_sentence(error.tried[0])} {ASK_TO_INSTALL}"


def _check_log() -> Iterator[str]:
    log = log_file()
    try:
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - _LOG_TAIL_BYTES))
            lines = file.read().decode("utf-8", "replace").splitlines()
    except FileNotFoundError:
        yield f"There is no log at {log} yet: no core has run here. Press Start in the panel."
        return
    except OSError as error:
        yield f"The log {log} cannot be read ({error.strerror}). Ask for read access to it."
        return
    yield f"The log is {log}. Its last lines follow; press Show log for more."
    yield from (f"    {line}" for line in lines[-_LOG_LINES:])


def _connection_error(url: str) -> str:
    """Return why no connection to an address can be opened; "" if it can."""
    try:
        address = urlsplit(url)
        with socket.create_connection((str(address.hostname), address.port or 0), timeout=_PORT_SECONDS):
            return ""
    except (OSError, ValueError, OverflowError) as error:
        return getattr(error, "strerror", None) or str(error)


if sys.platform == "win32":  # os.kill would end the process there

    def is_alive(pid: int) -> bool:
        """Return whether a process runs, also if it belongs to another user.

        Args:
            pid: Its process id.
        """
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
        """Return whether a process runs, also if it belongs to another user.

        Args:
            pid: Its process id.
        """
        try:
            os.kill(pid, 0)
        except PermissionError:
            return True
        except (OSError, OverflowError):
            return False
        return True


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:].rstrip('.')}."

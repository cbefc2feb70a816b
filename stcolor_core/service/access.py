"""How to reach the core: one core for each state folder, and a new token at each start.

The connection file contains the token. It has mode 0600 in a folder of mode 0700. Windows has no such modes; there the
default folder is in the user's profile, which other users cannot read.
"""

from __future__ import annotations

import http.client
import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from stcolor_core.errors import OutputError, StcolorError
from stcolor_core.files.atomic import atomic_path
from stcolor_core.files.locks import FileLock
from stcolor_core.files.user_folders import user_folder

__all__ = [
    "HOST",
    "Connection",
    "CoreLock",
    "StartLock",
    "ask",
    "connection_file",
    "find",
    "state_folder",
    "write_private",
    "writing",
]

HOST = "127.0.0.1"
_NO_ANSWER = (OSError, http.client.HTTPException, ValueError)


def state_folder() -> Path:
    """Return the state folder, and create it if it is missing.

    It is $STCOLOR_STATE_DIR, or else `stcolor` in the platform's folder for state. SQLite and locks need it to be on a
    disk of this machine.

    Raises:
        OutputError: If the folder cannot be created.
    """
    folder = _state_folder(sys.platform).absolute()
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(
            f"The state folder {folder} cannot be created ({error.strerror}). Set STCOLOR_STATE_DIR to another folder."
        ) from None
    return folder


def _state_folder(platform: str) -> Path:
    if named := os.environ.get("STCOLOR_STATE_DIR"):
        return Path(named)
    return user_folder("state", platform=platform)


def connection_file(folder: Path) -> Path:
    """Return the path of the connection file, which the running core writes.

    Args:
        folder: The state folder.
    """
    return folder / "connection.json"


@dataclass(frozen=True)
class Connection:
    """How to reach a core.

    Attributes:
        url: http://127.0.0.1:PORT.
        token: The token of the start. It must never be shown or logged.
        pid: Process id of the core.
    """

    url: str
    token: str
    pid: int

    def __repr__(self) -> str:
        return f"Connection({self.url}, pid {self.pid})"

    def write(self, folder: Path) -> None:
        """Write the connection file atomically, readable by its owner only.

        Args:
            folder: The state folder.

        Raises:
            OutputError: If the file cannot be written.
        """
        write_private(connection_file(folder), json.dumps(asdict(self)))

    @classmethod
    def read(cls, folder: Path) -> Connection | None:
        """Return what the connection file contains; None if it is missing or not valid.

        Args:
            folder: The state folder.
        """
        try:
            data = json.loads(connection_file(folder).read_text(encoding="utf-8"))
            connection = cls(url=str(data["url"]), token=str(data["token"]), pid=int(data["pid"]))
            urlsplit(connection.url).port  # noqa: B018  (raises ValueError if the URL is not valid)
            return connection
        except (OSError, ValueError, LookupError, TypeError):
            return None

    def remove(self, folder: Path) -> None:
        """Delete the connection file, unless another core has replaced it.

        Args:
            folder: The state folder.
        """
        if Connection.read(folder) == self:
            with suppress(OSError):
                connection_file(folder).unlink()


class CoreLock(FileLock):
    """The lock that the only core of a state folder holds."""

    def __init__(self, folder: Path) -> None:
        """Create the lock file.

        Args:
            folder: The state folder.

        Raises:
            OutputError: If the file cannot be written.
        """
        with writing(folder):
            super().__init__(folder / "core.lock")


class StartLock(FileLock):
    """The lock that a process holds while it starts a core in the background."""

    def __init__(self, folder: Path) -> None:
        """Create the lock file.

        Args:
            folder: The state folder.

        Raises:
            OutputError: If the file cannot be written.
        """
        with writing(folder):
            super().__init__(folder / "start.lock")


@contextmanager
def writing(folder: Path) -> Iterator[None]:
    """Turn an OSError of the body, which writes to the state folder, into an OutputError.

    Args:
        folder: The state folder.

    Yields:
        Nothing; the body runs once.

    Raises:
        OutputError: If the body raises an OSError.
    """
    try:
        yield
    except OSError as error:
        raise OutputError(
            f"The state folder {folder} cannot be written ({error.strerror}). "
            "Free space on its disk, or set STCOLOR_STATE_DIR to another folder."
        ) from None


def write_private(path: Path, text: str) -> None:
    """Write a file of the state folder atomically, readable by its owner only.

    Args:
        path: The file.
        text: What it holds.

    Raises:
        OutputError: If the file cannot be written.
    """
    with writing(path.parent), atomic_path(path) as partial:
        descriptor = os.open(partial, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)


def ask(connection: Connection, method: str, path: str, *, body: str | None = None, timeout: float = 5.0) -> Any:
    """Send a request to a core, past any proxy, and parse its answer.

    Args:
        connection: How to reach the core.
        method: HTTP method.
        path: Path of the request.
        body: JSON to send; None for no body.
        timeout: Seconds to wait for the answer.

    Returns:
        The parsed JSON.

    Raises:
        StcolorError: If the core does not answer, or refuses the request.
    """
    address = urlsplit(connection.url)
    client = http.client.HTTPConnection(address.hostname or HOST, address.port, timeout=timeout)
    try:
        headers = {"Authorization": f"Bearer {connection.token}", "Content-Type": "application/json"}
        headers["X-Front-End"] = "command_line"
        client.request(method, path, body=None if body is None else body.encode(), headers=headers)
        response = client.getresponse()
        answer = json.loads(response.read())
    except _NO_ANSWER as error:
        raise StcolorError(f"The core at {connection.url} does not answer ({error}). Run: stcolor serve") from None
    finally:
        client.close()
    if response.status >= 300:
        detail = answer.get("detail") if isinstance(answer, dict) else "it is another program"
        raise StcolorError(f"The core at {connection.url} answered {response.status}: {detail}")
    return answer


def find(folder: Path) -> Connection | None:
    """Return the connection to the running core of a state folder; None if no core answers to its token.

    Args:
        folder: The state folder.
    """
    connection = Connection.read(folder)
    if connection is None or urlsplit(connection.url).hostname != HOST:
        return None
    try:
        ask(connection, "GET", "/v1/health")
    except StcolorError:
        return None
    return connection

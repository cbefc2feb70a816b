"""Where the core is and who may talk to it: one core a state folder, one token a start.

The connection file holds the token. Its mode is 0600 in a folder of mode 0700; Windows has no such modes, there the
user's profile, in which the default folder lies, keeps other users out.
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

__all__ = ["HOST", "Connection", "CoreLock", "StartLock", "ask", "connection_file", "find", "state_folder", "writing"]

HOST = "127.0.0.1"
_UNANSWERED = (OSError, http.client.HTTPException, ValueError)


def state_folder() -> Path:
    """$STCOLOR_STATE_DIR, else `stcolor` in the platform's place for state; made where it is missing.

    It must lie on a disk of this machine: SQLite and locks need one. Raises OutputError where it cannot be made.
    """
    folder = _state_folder(sys.platform).absolute()
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(
            f"The state folder {folder} cannot be made ({error.strerror}). Set STCOLOR_STATE_DIR to one that can."
        ) from None
    return folder


def _state_folder(platform: str) -> Path:
    if named := os.environ.get("STCOLOR_STATE_DIR"):
        return Path(named)
    return user_folder("state", platform=platform)


def connection_file(folder: Path) -> Path:
    """Where the core of a state folder says how to reach it."""
    return folder / "connection.json"


@dataclass(frozen=True)
class Connection:
    """How to reach a core. url: http://127.0.0.1:PORT. token: never to be shown or logged."""

    url: str
    token: str
    pid: int

    def __repr__(self) -> str:
        return f"Connection({self.url}, pid {self.pid})"

    def write(self, folder: Path) -> None:
        """Put it into the connection file, whole or not at all, for its owner's eyes only.

        Raises OutputError where the folder takes no file.
        """
        with writing(folder), atomic_path(connection_file(folder)) as partial:
            descriptor = os.open(partial, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                json.dump(asdict(self), file)

    @classmethod
    def read(cls, folder: Path) -> Connection | None:
        """What the connection file holds; None where there is none, or one that no core wrote."""
        try:
            data = json.loads(connection_file(folder).read_text(encoding="utf-8"))
            return cls(url=str(data["url"]), token=str(data["token"]), pid=int(data["pid"]))
        except (OSError, ValueError, LookupError, TypeError):
            return None

    def remove(self, folder: Path) -> None:
        """Take the connection file away, unless it is another core's by now."""
        if Connection.read(folder) == self:
            with suppress(OSError):
                connection_file(folder).unlink()


class CoreLock(FileLock):
    """Held by the one core of a state folder. Raises OutputError where the folder takes no file."""

    def __init__(self, folder: Path) -> None:
        with writing(folder):
            super().__init__(folder / "core.lock")


class StartLock(FileLock):
    """Held by the one that starts a core in the background. Raises OutputError where the folder takes no file."""

    def __init__(self, folder: Path) -> None:
        with writing(folder):
            super().__init__(folder / "start.lock")


@contextmanager
def writing(folder: Path) -> Iterator[None]:
    """What writes in the state folder: where that cannot be, OutputError says so."""
    try:
        yield
    except OSError as error:
        raise OutputError(
            f"The state folder {folder} cannot be written ({error.strerror}). "
            "Free space on its disk, or set STCOLOR_STATE_DIR to another folder."
        ) from None


def ask(connection: Connection, method: str, path: str, *, timeout: float = 5.0) -> Any:
    """What a core answers, from JSON. No proxy is asked. Raises StcolorError where it does not answer with success."""
    address = urlsplit(connection.url)
    client = http.client.HTTPConnection(address.hostname or HOST, address.port, timeout=timeout)
    try:
        client.request(method, path, headers={"Authorization": f"Bearer {connection.token}"})
        response = client.getresponse()
        answer = json.loads(response.read())
    except _UNANSWERED as error:
        raise StcolorError(f"The core at {connection.url} does not answer ({error}). Run: stcolor serve") from None
    finally:
        client.close()
    if response.status >= 300:
        raise StcolorError(f"The core at {connection.url} says {response.status}: {answer.get('detail')}")
    return answer


def find(folder: Path) -> Connection | None:
    """The core of this state folder, if it is alive and takes the token that its connection file holds."""
    connection = Connection.read(folder)
    if connection is None or urlsplit(connection.url).hostname != HOST:
        return None
    try:
        ask(connection, "GET", "/v1/health")
    except StcolorError:
        return None
    return connection

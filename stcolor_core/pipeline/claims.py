"""Claims on an output folder: two runs never mix two versions of a shot in it.

While a run writes, it keeps a small claim file beside the frames. Another run of the same state of the shot, such as a
second farm task, may join, because it writes identical frames. A run of any other state is refused with a one-line
error.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import platform
import secrets
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any

import psutil

from stcolor_core.errors import OutputInUse
from stcolor_core.files.atomic import atomic_path
from stcolor_core.images.sequences import FramePattern
from stcolor_core.remedies import advise
from stcolor_core.shots.output_folder import cannot_write_folder

__all__ = ["Claim"]

logger = logging.getLogger(__name__)

_HEARTBEAT_SECONDS = 15.0
_DEAD_SECONDS = 120.0  # without a heartbeat, for a run on another machine; a local run is checked by its process
_FRESH_SECONDS, _TRIES = 1.0, 10


@dataclass(frozen=True)
class _OtherClaim:
    path: Path
    state: str
    owner: str


class Claim:
    """The right to write one state of a shot to an output pattern while the `with` block runs.

    Args:
        output: The pattern of the frames.
        state: A digest of everything that decides the pixels (`Digests.of_shot`).

    Raises:
        OutputInUse: On entry, if another run is writing another state there.
        OutputError: On entry, if the folder cannot be written.
    """

    def __init__(self, output: FramePattern, *, state: str) -> None:
        self._output, self._state = output, state
        # a hash, so that the name stays short however long the frames' names are
        self._name = hashlib.sha256(f"{output.head}/{output.tail}".encode("utf-8", "surrogatepass")).hexdigest()[:16]
        self._path: Path | None = None
        self._made_folder = False
        self._ended = threading.Event()

    def __enter__(self) -> Claim:
        try:
            self._made_folder = not self._output.folder.exists()
            self._output.folder.mkdir(parents=True, exist_ok=True)
            self._take()
        except OSError as error:
            raise cannot_write_folder(self._output.folder, str(error.strerror)) from None
        threading.Thread(target=self._beat, name="claim", daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self._withdraw()
        if self._made_folder:
            with suppress(OSError):  # the folder holds frames
                self._output.folder.rmdir()

    def is_held_elsewhere(self) -> bool:
        """Return whether a run writes to the output now, of whatever state of the shot. Takes no claim."""
        return bool(self._other_claims())

    def _take(self) -> None:
        """Write this run's claim, then look for others.

        Two runs that start at the same moment see each other's claim; both withdraw and try again.
        """
        for attempt in range(_TRIES):
            self._announce()
            others = [other for other in self._other_claims() if other.state != self._state]
            if not others:
                return
            fresh = all(self._age(other.path) < _FRESH_SECONDS for other in others)
            self._withdraw()
            if fresh and attempt + 1 < _TRIES:
                time.sleep(secrets.randbelow(200) / 1000)  # they may be about to withdraw as well
                continue
            raise OutputInUse(
                f"{self._output.text} is being written by {others[0].owner}, from another state of the shot. "
                f"Wait until it ends, stop it, or {advise('output')}."
            )

    def _announce(self) -> None:
        self._path = self._output.folder / f".{self._name}.{secrets.token_hex(4)}.claim"
        with atomic_path(self._path) as partial:
            partial.write_text(json.dumps({"state": self._state, **_own_process()}), encoding="utf-8")

    def _withdraw(self) -> None:
        if self._path is not None:
            with suppress(OSError):
                self._path.unlink(missing_ok=True)
            self._path = None

    def _other_claims(self) -> list[_OtherClaim]:
        """Return the live claims of other runs on this pattern, and remove the claims of dead runs."""
        claims = []
        for path in self._output.folder.glob(f".{self._name}.*.claim"):
            if path != self._path and (other := self._read(path)) is not None:
                claims.append(other)
        return claims

    def _read(self, path: Path) -> _OtherClaim | None:
        try:
            data: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
            state, host, pid, begun = str(data["state"]), str(data["host"]), int(data["pid"]), float(data["begun"])
            alive = _is_running(pid, begun) if host == _host() else self._age(path) < _DEAD_SECONDS
        except (OSError, ValueError, LookupError, TypeError):  # the run has just ended, or this is not a claim
            return None
        if not alive:
            with suppress(OSError):
                path.unlink(missing_ok=True)
            return None
        since = datetime.fromtimestamp(begun).strftime("%H:%M")
        return _OtherClaim(path, state, f"process {pid} on {host.partition('/')[0]} (started at {since})")

    def _age(self, path: Path) -> float:
        """Return the seconds from another run's last heartbeat to this claim, by the file system's clock.

        Without a claim of its own it is that to now, by this machine's clock.
        """
        try:
            now = time.time() if self._path is None else self._path.stat().st_mtime
            return now - path.stat().st_mtime
        except OSError:  # the run has just ended
            return 0.0

    def _beat(self) -> None:
        while not self._ended.wait(_HEARTBEAT_SECONDS):
            path = self._path
            if path is not None:
                with suppress(OSError):
                    os.utime(path)


def _own_process() -> dict[str, str | int | float]:
    own = psutil.Process()
    return {"host": _host(), "pid": own.pid, "begun": own.create_time()}


def _host() -> str:
    """Return this machine's name and, on Linux, its PID namespace: containers may share a machine name."""
    try:
        return f"{platform.node()}/{Path('/proc/self/ns/pid').readlink()}"
    except OSError:
        return platform.node()


def _is_running(pid: int, begun: float) -> bool:
    try:
        process = psutil.Process(pid)
        return bool(abs(process.create_time() - begun) < 1 and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.AccessDenied:  # it belongs to another user
        return True
    except psutil.Error:
        return False

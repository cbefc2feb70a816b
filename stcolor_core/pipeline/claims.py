"""Who is writing where: two runs never mix two versions of a shot in one folder.

A run leaves a small file beside the frames while it writes. Another run of the very same shot, such as a second task of
a farm, may join: its frames are the same to the bit. A run of anything else is refused in one line.
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

from stcolor_core.errors import OutputError
from stcolor_core.files.atomic import atomic_path
from stcolor_core.images.sequences import FramePattern

__all__ = ["Claim"]

logger = logging.getLogger(__name__)

_SIGN_OF_LIFE_SECONDS = 15.0
_DEAD_SECONDS = 120.0  # without a sign of life, of a run on another machine; of one here its process tells
_FRESH_SECONDS, _TRIES = 1.0, 10


@dataclass(frozen=True)
class _Other:
    path: Path
    state: str
    who: str


class Claim:
    """The right to write one state of a shot under an output pattern, for as long as the `with` block lasts.

    Args:
        output: The pattern of the frames.
        state: What decides the pixels, as a digest.

    Raises:
        OutputError: On entry, if another run writes another state there, or the folder cannot be written.
    """

    def __init__(self, output: FramePattern, *, state: str) -> None:
        self._output, self._state = output, state
        # short, whatever the frames are called
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
            raise OutputError(
                f"The output folder {self._output.folder} cannot be written to ({error.strerror}). "
                "Check its rights and the disk, or choose another output folder."
            ) from None
        threading.Thread(target=self._live, name="claim", daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self._withdraw()
        if self._made_folder:
            with suppress(OSError):  # it holds frames
                self._output.folder.rmdir()

    def _take(self) -> None:
        """Announce this run, then look for others: of two that come at once each sees the other, and both try again."""
        for attempt in range(_TRIES):
            self._announce()
            others = [other for other in self._others() if other.state != self._state]
            if not others:
                return
            fresh = all(self._age(other.path) < _FRESH_SECONDS for other in others)
            self._withdraw()
            if fresh and attempt + 1 < _TRIES:
                time.sleep(secrets.randbelow(200) / 1000)  # they may be about to withdraw as well
                continue
            raise OutputError(
                f"{self._output.text} is being written by {others[0].who}, from another state of the shot. "
                "Wait for its end, stop it, or give another --output."
            )

    def _announce(self) -> None:
        self._path = self._output.folder / f".{self._name}.{secrets.token_hex(4)}.claim"
        with atomic_path(self._path) as partial:
            partial.write_text(json.dumps({"state": self._state, **_who_we_are()}), encoding="utf-8")

    def _withdraw(self) -> None:
        if self._path is not None:
            with suppress(OSError):
                self._path.unlink(missing_ok=True)
            self._path = None

    def _others(self) -> list[_Other]:
        """The live claims of others on this pattern; what dead runs left is removed."""
        assert self._path is not None
        found = []
        for path in self._output.folder.glob(f".{self._name}.*.claim"):
            if path != self._path and (other := self._read(path)) is not None:
                found.append(other)
        return found

    def _read(self, path: Path) -> _Other | None:
        try:
            data: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
            state, host, pid, begun = str(data["state"]), str(data["host"]), int(data["pid"]), float(data["begun"])
            alive = _lives(pid, begun) if host == _host() else self._age(path) < _DEAD_SECONDS
        except (OSError, ValueError, LookupError, TypeError):  # it has ended by now, or nobody's
            return None
        if not alive:
            with suppress(OSError):
                path.unlink(missing_ok=True)
            return None
        since = datetime.fromtimestamp(begun).strftime("%H:%M")
        return _Other(path, state, f"process {pid} on {host.partition('/')[0]} (begun at {since})")

    def _age(self, path: Path) -> float:
        """Seconds between another run's last sign of life and this claim, by the clock of the disk itself."""
        assert self._path is not None
        try:
            return self._path.stat().st_mtime - path.stat().st_mtime
        except OSError:  # it has ended by now
            return 0.0

    def _live(self) -> None:
        while not self._ended.wait(_SIGN_OF_LIFE_SECONDS):
            path = self._path
            if path is not None:
                with suppress(OSError):
                    os.utime(path)


def _who_we_are() -> dict[str, str | int | float]:
    own = psutil.Process()
    return {"host": _host(), "pid": own.pid, "begun": own.create_time()}


def _host() -> str:
    """This machine, and on Linux the space its process numbers are of: containers may share a name."""
    try:
        return f"{platform.node()}/{Path('/proc/self/ns/pid').readlink()}"
    except OSError:
        return platform.node()


def _lives(pid: int, begun: float) -> bool:
    try:
        process = psutil.Process(pid)
        return bool(abs(process.create_time() - begun) < 1 and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.AccessDenied:  # another user's
        return True
    except psutil.Error:
        return False

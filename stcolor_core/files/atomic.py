"""A file is written under another name beside its own, so that nothing half-written is ever found under that."""

from __future__ import annotations

import os
import re
import secrets
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

__all__ = ["atomic_path", "remove_unfinished"]

# A live writer writes on and on, and a frame takes it seconds even on a slow server. No lock says who is alive: output
# folders lie on network disks, where locks hang or hold for one machine only.
_ABANDONED_SECONDS = 3600.0
_OURS = re.compile(r"\..+\.[0-9a-f]{8}\.partial")
_unfinished: set[Path] = set()
_changing = threading.Lock()  # the set above
# When each folder was last swept: to list one of thousands of frames for each of them would cost. A service writes to
# more and more folders for weeks, so that what was swept an hour ago is swept again, and forgotten.
_swept: dict[Path, float] = {}
_sweeping = threading.Lock()


@contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """The name to write under, `.<name>.<random>.partial`; what is there at the block's end takes the place of `path`.

    Nothing of it is left where the block raises. Each writer has a name of its own: of several at once, each writes
    whole, and the last stays. What killed writers left in that folder an hour ago or earlier is removed.
    Raises OSError where the file cannot be put in its place.
    """
    partial = path.with_name(f".{path.name}.{secrets.token_hex(4)}.partial")
    with _changing:
        _unfinished.add(partial)
    try:
        yield partial
        if _is_due(path.parent, now=time.monotonic()):
            _sweep(path.parent, now=partial.stat().st_ctime)
        partial.replace(path)
    finally:
        with suppress(OSError):
            partial.unlink(missing_ok=True)
        with _changing:
            _unfinished.discard(partial)


def remove_unfinished() -> None:
    """Remove what is half-written, in a process that ends right after: whoever begins another file waits for ever."""
    _changing.acquire()
    for partial in _unfinished:
        with suppress(OSError):  # Windows keeps a file that is open; a later writer removes it
            partial.unlink(missing_ok=True)


def _is_due(folder: Path, *, now: float) -> bool:
    """Whether a folder has not been swept within the hour; from then on it has. now: monotonic, in seconds."""
    with _sweeping:
        for swept, when in list(_swept.items()):
            if now - when > _ABANDONED_SECONDS:
                del _swept[swept]
        if folder in _swept:
            return False
        _swept[folder] = now
        return True


def _sweep(folder: Path, *, now: float) -> None:
    """Remove partial files that were last written to long before `now`, which is of the disk's own clock."""
    with os.scandir(folder) as entries:
        found = [Path(entry) for entry in entries if _OURS.fullmatch(entry.name)]
    for partial in found:
        with suppress(OSError):  # gone by now
            if now - _last_change(partial) > _ABANDONED_SECONDS:
                partial.unlink()


def _last_change(path: Path) -> float:
    """When a file was last written to or renamed, by its disk's clock: a copy may carry the time of its original."""
    status = path.stat()
    return max(status.st_mtime, status.st_ctime)

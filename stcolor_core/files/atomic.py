"""Write files atomically: under a temporary name in the same folder, so that the final name never has half a file."""

from __future__ import annotations

import os
import re
import secrets
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from stcolor_core.errors import OutputError

__all__ = ["atomic_path", "named_path", "remove_unfinished"]

# A live writer keeps writing, and a frame takes seconds even on a slow server. Locks cannot show who is alive: output
# folders lie on network disks, on which locks hang or hold for one machine only.
_ABANDONED_SECONDS = 3600.0
_PARTIAL_NAME = re.compile(r"\..+\.[0-9a-f]{8}\.partial")
_LONGEST_NAME = 255 - len("..01234567.partial")  # bytes of a name on all platforms, without what the temporary one adds
_unfinished: set[Path] = set()
_unfinished_lock = threading.Lock()
# When each folder was last swept: it would be slow to list a folder of thousands of frames for every frame. A service
# writes to more and more folders for weeks, so an entry is dropped after an hour, and its folder is swept again.
_swept: dict[Path, float] = {}
_swept_lock = threading.Lock()


@contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """Yield a temporary path, and rename it to `path` when the `with` block ends.

    The temporary name is `.<name>.<random>.partial`, in which a long name loses its end. If the block raises, the
    temporary file is removed. Each writer has its own name: if several write the same file at once, each writes it
    whole, and the last one stays. Files that killed writers left in the folder an hour ago or earlier are removed.

    Args:
        path: The final path. Its folder must exist.

    Yields:
        The path to write to.

    Raises:
        OSError: If the file cannot be renamed.
    """
    partial = path.with_name(f".{_shortened(path.name)}.{secrets.token_hex(4)}.partial")
    with _unfinished_lock:
        _unfinished.add(partial)
    try:
        yield partial
        if _is_due(path.parent, now=time.monotonic()):
            _sweep(path.parent, now=partial.stat().st_ctime)
        partial.replace(path)
    finally:
        with suppress(OSError):
            partial.unlink(missing_ok=True)
        with _unfinished_lock:
            _unfinished.discard(partial)


@contextmanager
def named_path(path: Path, name: str) -> Iterator[Path]:
    """Yield a temporary path as `atomic_path` does, for a file that the artist knows by a name.

    Args:
        path: The final path.
        name: What a message calls the file, such as "plan".

    Yields:
        The path to write to.

    Raises:
        OutputError: If the file cannot be written.
    """
    try:
        with atomic_path(path) as partial:
            yield partial
    except (OSError, ValueError) as error:  # ValueError: the path cannot name a file
        reason = getattr(error, "strerror", None) or error
        raise OutputError(f"The {name} {path} cannot be written ({reason}). Check its folder and its rights.") from None


def remove_unfinished() -> None:
    """Remove half-written files, in a process that ends right afterwards.

    Any thread that begins another file after this call waits until the process ends.
    """
    _unfinished_lock.acquire()
    for partial in _unfinished:
        with suppress(OSError):  # Windows does not remove an open file; a later writer will
            partial.unlink(missing_ok=True)


def _shortened(name: str) -> str:
    """Return as much of a name as leaves room for what the temporary name adds."""
    return os.fsencode(name)[:_LONGEST_NAME].decode("utf-8", "ignore")


def _is_due(folder: Path, *, now: float) -> bool:
    """Return whether a folder was not swept within the last hour, and record that it is swept at `now` (monotonic)."""
    with _swept_lock:
        for swept, time_swept in list(_swept.items()):
            if now - time_swept > _ABANDONED_SECONDS:
                del _swept[swept]
        if folder in _swept:
            return False
        _swept[folder] = now
        return True


def _sweep(folder: Path, *, now: float) -> None:
    """Remove partial files that were last changed long before `now`, a time of the disk's own clock."""
    with os.scandir(folder) as entries:
        partials = [Path(entry) for entry in entries if _PARTIAL_NAME.fullmatch(entry.name)]
    for partial in partials:
        with suppress(OSError):  # removed in the meantime
            if now - _last_change(partial) > _ABANDONED_SECONDS:
                partial.unlink()


def _last_change(path: Path) -> float:
    """Return when a file was last written or renamed, by its disk's clock.

    The modification time alone does not do: a copy may have that of its original.
    """
    status = path.stat()
    return max(status.st_mtime, status.st_ctime)

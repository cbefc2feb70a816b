"""The pictures that were made before, as files in the core's own folder, which never grows beyond a limit."""

from __future__ import annotations

import hashlib
import logging
import threading
from contextlib import suppress
from pathlib import Path

from stcolor_core.files.atomic import atomic_path

__all__ = ["PictureCache"]

logger = logging.getLogger(__name__)

_LIMIT = 2**30  # bytes: about 8,000 frames with their four previews
_KEPT = 0.9  # of the limit, after old pictures were deleted


class PictureCache:
    """Bytes by key, on disk. The pictures that were written first are deleted first. For any thread.

    A full or read-only disk costs speed alone: the pictures are then made anew each time.
    """

    def __init__(self, folder: Path, *, limit: int = _LIMIT) -> None:
        """Choose the folder; it is created when it is first written to.

        Args:
            folder: The folder, which holds nothing else.
            limit: Most bytes that it may hold.
        """
        self._folder, self._limit = folder, limit
        self._lock = threading.Lock()
        self._size: int | None = None  # not measured yet
        self._warned = False

    def get(self, key: str) -> bytes | None:
        """Return what was put under a key; None if it is not there.

        Args:
            key: Any text.
        """
        try:
            return self._path(key).read_bytes() or None
        except OSError:
            return None

    def put(self, key: str, data: bytes) -> None:
        """Write bytes under a key, and delete the oldest others if there are too many.

        Args:
            key: Any text.
            data: The bytes.
        """
        path = self._path(key)
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            with atomic_path(path) as partial:
                partial.write_bytes(data)
            with self._lock:
                self._size = self._measure() if self._size is None else self._size + len(data)
                if self._size > self._limit:
                    self._delete_oldest()
        except OSError as error:
            if not self._warned:
                logger.warning("Pictures for the page cannot be kept in %s (%s).", self._folder, error)
            self._warned = True

    def _path(self, key: str) -> Path:
        name = hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()
        return self._folder / name[:2] / name[2:]

    def _measure(self) -> int:
        return sum(size for _, size, _ in self._files())

    def _files(self) -> list[tuple[int, int, Path]]:
        """Return the time of change in ns, the size and the path of each file."""
        found = []
        for path in self._folder.glob("??/*"):
            with suppress(OSError):  # deleted meanwhile
                stat = path.stat()
                found.append((stat.st_mtime_ns, stat.st_size, path))
        return found

    def _delete_oldest(self) -> None:
        files = sorted(self._files())
        size = sum(each for _, each, _ in files)
        for _, each, path in files:
            if size <= self._limit * _KEPT:
                break
            with suppress(OSError):
                path.unlink()
                size -= each
        self._size = size

"""The content of the plates and mattes that frames were made from, by which one that was only touched is known.

Plates are too big to be read before a run only to compare them, so they count by size and time. But a plate that is
restored from a backup, or copied with a new time, is the same plate. A run therefore keeps a checksum of each plate and
matte as it reads it, and a file of the same size and another time is compared by that. What is kept lies in the cache:
without it such a file counts as changed.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from stcolor_core.files.stat_cache import StatCache, Status, map_in_threads
from stcolor_core.models.weight_files import checksum
from stcolor_core.movies.names import is_movie

__all__ = ["InputContents"]

_KEPT, _COMPARED = "inputs of a result 1", "content 1"


class InputContents:
    """The plates and mattes that a result was made from: size, time and checksum of each as it was then.

    Safe to use from several threads.

    Args:
        output: The path of the result's frames.
        earlier: The path of an earlier version whose frames may be reused; None if there is none.
        cache: Where the checksums are kept.
    """

    def __init__(self, output: str, earlier: str | None, cache: StatCache) -> None:
        self._cache, self._key, self._lock = cache, _absolute(output), threading.Lock()
        self._known = {**(self._load(_absolute(earlier)) if earlier else {}), **self._load(self._key)}
        self._noted: dict[str, tuple[Status, str]] = {}
        self._held: Mapping[Path, Status] = {}

    def note(self, path: Path, status: Status) -> None:
        """Keep the checksum of a file that is being read, unless it is known. A movie is too long and has none.

        Args:
            path: The file.
            status: Its size and time.
        """
        name = _absolute(path)
        with self._lock:
            if is_movie(path) or name in self._noted or self._recorded(path) == status:
                return
        try:
            content = checksum(path)
        except OSError:  # whoever reads the picture says so
            return
        with self._lock:
            self._noted[name] = status, content

    @contextmanager
    def kept(self) -> Iterator[None]:
        """Return a context that keeps in the end what was noted, however it ends."""
        try:
            yield
        finally:
            self._save()

    def state(self, path: Path, status: Status) -> Status:
        """Return what a file counts by.

        Args:
            path: The file.
            status: Its size and time now.
        """
        return self._held.get(path, status)

    def hold(self, touched: Mapping[Path, Status]) -> None:
        """Let files count by the size and time that they had before, and all others by those that they have now.

        Args:
            touched: The result of `find_touched`; empty for none.
        """
        self._held = dict(touched)

    def may_be_touched(self, files: Mapping[Path, Status]) -> dict[Path, Status]:
        """Return the files that have the size, but not the time that they had. Reads none.

        Args:
            files: Plates and mattes, each with its size and time now.
        """
        return {
            path: status
            for path, status in files.items()
            if (before := self._recorded(path)) is not None and before[0] == status[0] and before != status
        }

    def find_touched(self, files: Mapping[Path, Status]) -> dict[Path, Status]:
        """Return the files that were only touched, each with the size and time that it had before.

        Those of `may_be_touched` are read and compared; once, unless they have just changed.

        Args:
            files: Plates and mattes, each with its size and time now.
        """
        doubtful = self.may_be_touched(files)
        contents = self._cache.get_for_files(_COMPARED, doubtful, map_in_threads(_checksum_if_readable))
        known = {path: self._known[_absolute(path)] for path in doubtful}
        return {path: status for path, (status, content) in known.items() if contents[path] == content}

    def _recorded(self, path: Path) -> Status | None:
        """Return the size and time that a file had; None if it is not known."""
        known = self._known.get(_absolute(path))
        return None if known is None else known[0]

    def _load(self, key: str) -> dict[str, tuple[Status, str]]:
        kept = self._cache.find(_KEPT, key)
        if not isinstance(kept, dict):
            return {}
        return {name: ((entry[0], entry[1]), entry[2]) for name, entry in kept.items() if _is_entry(entry)}

    def _save(self) -> None:
        """Keep what was noted, and what was known of the earlier version."""
        held = set(map(_absolute, self._held))
        with self._lock:
            noted = {name: entry for name, entry in self._noted.items() if name not in held}
        if noted or held:
            kept = {**self._known, **self._load(self._key), **noted}  # another run may have kept more meanwhile
            self._cache.keep(_KEPT, self._key, {name: [*status, content] for name, (status, content) in kept.items()})


def _absolute(path: Path | str) -> str:
    return os.path.abspath(path)  # noqa: PTH100  (Path.absolute leaves .. in it)


def _is_entry(entry: Any) -> bool:
    return isinstance(entry, list) and list(map(type, entry)) == [int, int, str]


def _checksum_if_readable(path: Path) -> str:
    """Return the checksum of a file; "" if it cannot be read, which no file has."""
    try:
        return checksum(path)
    except OSError:
        return ""

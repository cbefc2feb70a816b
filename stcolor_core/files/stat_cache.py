"""Cache values that are computed from files, for as long as a file keeps its size and modification time.

A slow disk takes half a second to open a file, so the header of a plate is read once and not in every run. The cache
only saves time: entries that cannot be read or written are computed again.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

from stcolor_core.files.atomic import atomic_path
from stcolor_core.files.user_folders import user_folder

__all__ = ["StatCache", "Status", "cache_folder", "find_status", "is_settled", "map_in_threads"]

logger = logging.getLogger(__name__)

Status = tuple[int, int]
"""Size in bytes and modification time in nanoseconds."""

_THREADS = 16  # they wait for the disk, not for the processor
_MOST_FILES = 2000  # a film of 100,000 frames has 800 for its transitions alone
# A file may change twice within one tick of its disk's clock, and coarse clocks tick every two seconds. Files that
# changed that recently are not cached (git calls such entries "racy").
_SETTLED_NS = 10 * 10**9


def cache_folder() -> Path:
    """Return $STCOLOR_CACHE_DIR, else `stcolor` in the platform's cache folder. The folder need not exist."""
    if chosen := os.environ.get("STCOLOR_CACHE_DIR"):
        return Path(chosen).expanduser()
    return user_folder("cache")


def is_settled(status: Status) -> bool:
    """Return whether a file's last change is so long ago that a further change will show in its modification time.

    Args:
        status: Size and modification time of the file.
    """
    return status[1] + _SETTLED_NS < time.time_ns()


def find_status(path: Path) -> Status | None:
    """Return the size and modification time of a file; None if it is not there or cannot be read.

    Args:
        path: The file.
    """
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_size, status.st_mtime_ns


def map_in_threads(function: Callable[[Path], Any]) -> Callable[[Sequence[Path]], list[Any]]:
    """Return a function of many files that applies a function of one file in threads.

    Args:
        function: Takes one file. If it raises for several files, the exception of the first one is raised.
    """

    def apply_to_all(paths: Sequence[Path]) -> list[Any]:
        with ThreadPoolExecutor(_THREADS) as threads:
            return list(threads.map(function, paths))

    return apply_to_all


class StatCache:
    """A cache of values that are computed from files or from a key, stored as JSON.

    Args:
        folder: The folder of the cache; None for `cache_folder()`.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = cache_folder() if folder is None else folder

    def get_for_files(
        self, kind: str, files: Mapping[Path, Status], function: Callable[[Sequence[Path]], Sequence[Any]]
    ) -> dict[Path, Any]:
        """Return the value of every file. Values are computed for files that are new or have changed.

        Args:
            kind: Names the function and everything else that the values depend on.
            files: The files, each with its status from before this call.
            function: Returns the values of some files in order. They must be valid JSON. Its exceptions are passed on.
        """
        folders = {path.parent for path in files}
        known = {folder: self._load(self._file(kind, _absolute(folder))) for folder in folders}
        values = {path: entry[2] for path, status in files.items() if (entry := _entry(known, path, status))}
        changed = [path for path in files if path not in values]
        if changed:
            settled = [path for path in changed if is_settled(files[path])]
            values.update(zip(changed, function(changed), strict=True))
            for path in settled:
                known[path.parent][path.name] = [*files[path], values[path]]
            for folder in {path.parent for path in settled}:
                self._save(self._file(kind, _absolute(folder)), known[folder])
        return {path: values[path] for path in files}

    def get_for_key(self, kind: str, key: str, function: Callable[[], Any]) -> Any:
        """Return the value of a key. It is computed if the key is new.

        Args:
            kind: Names the function.
            key: Text that changes with everything that the value depends on.
            function: Returns the value, which must be valid JSON.
        """
        known = self._load(self._file(kind, key))
        if "value" not in known:
            known = {"value": function()}
            self.keep(kind, key, known["value"])
        return known["value"]

    def find(self, kind: str, key: str) -> Any:
        """Return the value that is kept for a key; None if there is none.

        Args:
            kind: As for `get_for_key`.
            key: As for `get_for_key`.
        """
        return self._load(self._file(kind, key)).get("value")

    def keep(self, kind: str, key: str, value: Any) -> None:
        """Keep the value of a key.

        Args:
            kind: As for `get_for_key`.
            key: As for `get_for_key`.
            value: The value, valid JSON; None looks to `find` as if nothing were kept.
        """
        self._save(self._file(kind, key), {"value": value})

    def _file(self, kind: str, key: str) -> Path:
        digest = hashlib.sha256(f"{kind}/{key}".encode("utf-8", "surrogatepass")).hexdigest()
        return self._folder / f"{digest[:32]}.json"

    def _load(self, file: Path) -> dict[str, Any]:
        try:
            checksum, _, text = file.read_text(encoding="utf-8").partition("\n")
            data = json.loads(text) if checksum == _checksum(text) else {}
        except (OSError, ValueError, RecursionError):
            return {}
        return data if isinstance(data, dict) else {}

    def _save(self, file: Path, data: Mapping[str, Any]) -> None:
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            text = json.dumps(data)
            with atomic_path(file) as partial:
                partial.write_text(f"{_checksum(text)}\n{text}", encoding="utf-8", newline="\n")
            self._remove_oldest()
        except (OSError, UnicodeEncodeError) as error:
            logger.info("The cache %s cannot be written (%s).", self._folder, error)

    def _remove_oldest(self) -> None:
        """Remove the oldest files if there are too many."""
        with os.scandir(self._folder) as entries:  # in a tenth of the time of `Path.glob`
            names = [entry.name for entry in entries if entry.name.endswith(".json")]
        if len(names) > _MOST_FILES:
            files, ages = [self._folder / name for name in names], {}
            for file in files:
                with suppress(OSError):  # another process may remove them too
                    ages[file] = file.stat().st_mtime_ns
            for file in sorted(ages, key=lambda file: ages[file])[: len(files) - _MOST_FILES * 4 // 5]:
                file.unlink(missing_ok=True)


def _absolute(folder: Path) -> str:
    """Return the absolute path of a folder."""
    return os.path.abspath(folder)  # noqa: PTH100  (Path.absolute leaves .. in it)


def _checksum(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _entry(known: Mapping[Path, Mapping[str, Any]], path: Path, status: Status) -> Sequence[Any] | None:
    """Return the cache entry of a file, (size, time, value), or None if it is missing, invalid or outdated."""
    entry = known[path.parent].get(path.name)
    return entry if isinstance(entry, list) and len(entry) == 3 and tuple(entry[:2]) == tuple(status) else None

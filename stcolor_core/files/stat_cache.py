"""What was computed from a file, kept on disk for as long as the file is the same by its size and time of change.

A slow disk takes half a second to open a file: the header of a plate is read once, and not once in every run. Nothing
depends on the cache but time; what cannot be read or written there is computed again.
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

__all__ = ["StatCache", "Status", "cache_folder", "in_threads", "is_settled"]

logger = logging.getLogger(__name__)

Status = tuple[int, int]
"""Size in bytes and time of change in nanoseconds."""

_AT_ONCE = 16  # files computed in threads: they wait for the disk, not for the processor
_MOST_FILES = 500
# A file may change twice within one tick of its disk's clock. What has changed so recently is not kept (git's "racy"
# entries); coarse clocks tick every two seconds.
_SETTLED_NS = 10 * 10**9


def cache_folder() -> Path:
    """Return $STCOLOR_CACHE_DIR, else `stcolor` in the platform's folder for caches. It need not exist."""
    if chosen := os.environ.get("STCOLOR_CACHE_DIR"):
        return Path(chosen).expanduser()
    return user_folder("cache")


def is_settled(status: Status) -> bool:
    """Whether a file has not changed for so long that another change will show in its time."""
    return status[1] + _SETTLED_NS < time.time_ns()


def in_threads(function: Callable[[Path], Any]) -> Callable[[Sequence[Path]], list[Any]]:
    """Have a function of one file take many, several at a time; what it raises for the first is raised."""

    def of_all(paths: Sequence[Path]) -> list[Any]:
        with ThreadPoolExecutor(_AT_ONCE) as threads:
            return list(threads.map(function, paths))

    return of_all


class StatCache:
    """Values that are computed from files or from a key, as JSON.

    Args:
        folder: Where they are kept, by default `cache_folder()`.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = cache_folder() if folder is None else folder

    def of_files(
        self, kind: str, files: Mapping[Path, Status], function: Callable[[Sequence[Path]], Sequence[Any]]
    ) -> dict[Path, Any]:
        """Return the value of every file, computed for those that are new or have changed.

        Args:
            kind: Names the function and everything else its values depend on.
            files: Each with its status from before this call.
            function: Gives the values of some files, which JSON can hold. What it raises is raised.
        """
        folders = {path.parent for path in files}
        known = {folder: self._load(self._file(kind, _full(folder))) for folder in folders}
        found = {path: entry[2] for path, status in files.items() if (entry := _entry(known, path, status))}
        rest = [path for path in files if path not in found]
        if rest:
            settled = [path for path in rest if is_settled(files[path])]
            found.update(zip(rest, function(rest), strict=True))
            for path in settled:
                known[path.parent][path.name] = [*files[path], found[path]]
            for folder in {path.parent for path in settled}:
                self._save(self._file(kind, _full(folder)), known[folder])
        return {path: found[path] for path in files}

    def of_key(self, kind: str, key: str, function: Callable[[], Any]) -> Any:
        """Return what the function gave for this key before, else what it gives now. The key says all it depends on."""
        file = self._file(kind, key)
        known = self._load(file)
        if "value" not in known:
            known = {"value": function()}
            self._save(file, known)
        return known["value"]

    def _file(self, kind: str, key: str) -> Path:
        return (
            self._folder / f"{hashlib.sha256(f'{kind}/{key}'.encode('utf-8', 'surrogatepass')).hexdigest()[:32]}.json"
        )

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
            self._bound()
        except (OSError, UnicodeEncodeError) as error:
            logger.info("The cache %s is not written (%s).", self._folder, error)

    def _bound(self) -> None:
        """Remove the files that were written longest ago where there are too many."""
        files = list(self._folder.glob("*.json"))
        if len(files) > _MOST_FILES:
            ages = {}
            for file in files:
                with suppress(OSError):  # another process removes them too
                    ages[file] = file.stat().st_mtime_ns
            for file in sorted(ages, key=lambda file: ages[file])[: len(files) - _MOST_FILES * 4 // 5]:
                file.unlink(missing_ok=True)


def _full(folder: Path) -> str:
    """A folder by a name that means the same from everywhere."""
    return os.path.abspath(folder)  # noqa: PTH100  (Path.absolute leaves .. in it)


def _checksum(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _entry(known: Mapping[Path, Mapping[str, Any]], path: Path, status: Status) -> Sequence[Any] | None:
    entry = known[path.parent].get(path.name)
    return entry if isinstance(entry, list) and len(entry) == 3 and tuple(entry[:2]) == tuple(status) else None

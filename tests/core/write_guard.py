"""Keep the process that runs the tests from writing outside its own folder. Needs Python 3.9 and no package.

It sees the files that Python itself opens, makes, moves and removes
(https://docs.python.org/3/library/audit_events.html). It does not see writes by libraries or by other processes;
`.ci/sentinels.py` detects those.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import unquote

__all__ = ["WriteGuard", "WriteOutside"]

_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
_CACHES = {"__pycache__", ".pytest_cache"}  # files of Python and pytest themselves
_DEVICES = ("/dev/", "/proc/", "\\\\.\\", os.devnull)

# Audit event -> (index of a path that it changes, index of the folder's descriptor or -1), ...
_FOLLOWING_LINKS = {"os.truncate": ((0, -1),)}
_NOT_FOLLOWING = {
    "os.chmod": ((0, 2),),  # chmod, chown, setxattr and utime may follow links; their events do not say so
    "os.chown": ((0, 3),),
    "os.link": ((1, 3),),
    "os.mkdir": ((0, 2),),
    "os.remove": ((0, 1),),
    "os.rename": ((0, 2), (1, 3)),
    "os.rmdir": ((0, 1),),
    "os.setxattr": ((0, -1),),
    "os.symlink": ((1, 2),),
    "os.utime": ((0, 3),),
    "shutil.rmtree": ((0, 1),),
}


class WriteOutside(Exception):
    """A test was about to change something outside its own folder."""


class WriteGuard:
    """A guard that raises WriteOutside before a file outside the allowed folders is changed.

    Attributes:
        caught: One line per attempt, also if the code under test has swallowed the exception.
    """

    def __init__(self) -> None:
        self.caught: list[str] = []
        self._allowed: tuple[str, ...] | None = None
        sys.addaudithook(self._look)  # permanent: a hook cannot be removed

    def start(self, *folders: Path) -> None:
        """Allow only these folders and their content."""
        self._allowed = tuple(os.path.realpath(folder) for folder in folders)

    def stop(self) -> None:
        """Allow everything."""
        self._allowed = None

    @contextmanager
    def only(self, folder: Path) -> Iterator[None]:
        """Allow only this folder during the block."""
        before = self._allowed
        self.start(folder)
        try:
            yield
        finally:
            self._allowed = before

    def _look(self, event: str, arguments: tuple[Any, ...]) -> None:
        if self._allowed is None:
            return
        for path in _changed(event, arguments):
            if not self._may_change(path):
                self.caught.append(f"{event} of {path}")
                raise WriteOutside(f"{event} of {path}, which is outside of the tests' own folder")

    def _may_change(self, path: str) -> bool:
        if path.startswith(_DEVICES) or not _CACHES.isdisjoint(path.split(os.sep)):
            return True
        return any(path == folder or path.startswith(folder + os.sep) for folder in self._allowed or ())


def _changed(event: str, arguments: tuple[Any, ...]) -> Iterator[str]:
    """Yield the full paths that an event is about to change."""
    if event == "open":
        path, _, flags = arguments
        if isinstance(flags, int) and flags & _WRITING and isinstance(path, (str, bytes, os.PathLike)):
            yield os.path.realpath(os.fsdecode(path))
    elif event == "sqlite3.connect":
        name = os.fsdecode(arguments[0])
        if name and ":memory:" not in name and "mode=ro" not in name:
            yield os.path.realpath(unquote(name[len("file:") :].partition("?")[0]) if name[:5] == "file:" else name)
    elif event in _FOLLOWING_LINKS:
        yield from (os.path.realpath(path) for path in _paths(_FOLLOWING_LINKS[event], arguments))
    elif event in _NOT_FOLLOWING:
        for path in _paths(_NOT_FOLLOWING[event], arguments):
            place = os.path.join(os.path.realpath(os.path.dirname(path)), os.path.basename(path))
            if event != "os.mkdir" or not os.path.lexists(place):  # an existing file stays unchanged
                yield place


def _paths(places: tuple[tuple[int, int], ...], arguments: tuple[Any, ...]) -> Iterator[str]:
    """Return the paths among an event's arguments, without those of an open file."""
    for index, folder_index in places:
        if not isinstance(arguments[index], (str, bytes, os.PathLike)):
            continue
        path = os.fsdecode(arguments[index])
        folder = arguments[folder_index] if 0 < folder_index < len(arguments) else -1
        if not os.path.isabs(path) and isinstance(folder, int) and folder >= 0:
            link = f"/proc/self/fd/{folder}"
            if not os.path.islink(link):  # not Linux: the event that opened the folder's descriptor was checked before
                continue
            path = os.path.join(os.readlink(link), path)
        yield os.path.abspath(path)

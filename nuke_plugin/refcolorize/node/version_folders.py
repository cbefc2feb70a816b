"""Which versions a node's folder holds, for a thread that looks again and again. Does not import nuke."""

from __future__ import annotations

import os
import re
import time
from contextlib import suppress
from pathlib import Path

from .version import SHOT_FILE

__all__ = ["VersionFolders"]

_NAME = re.compile(r"v\d{3,}")
_SECONDS = 10.0  # the least between two changes that are told of versions that were there before


class VersionFolders:
    """The versions in a folder that can be chosen, and when each was last written into."""

    def __init__(self, folder: str) -> None:
        """Set the folder; nothing is read yet.

        Args:
            folder: The folder of a node's results; "" for none.
        """
        self._folder = folder
        self._told: tuple[tuple[str, int], ...] = ()
        self._due = 0.0

    def read(self) -> tuple[tuple[str, int], ...]:
        """Return the name and the time of change, in nanoseconds, of each version that can be chosen, in order.

        A version that another Nuke is writing has another time all the while. Such times are told every ten seconds.
        """
        now = tuple(sorted(self._list())) if self._folder else ()
        if [name for name, _ in now] != [name for name, _ in self._told] or time.monotonic() > self._due:
            self._told, self._due = now, time.monotonic() + _SECONDS
        return self._told

    def _list(self) -> list[tuple[str, int]]:
        found: list[tuple[str, int]] = []
        with suppress(OSError), os.scandir(self._folder) as entries:
            for entry in entries:
                with suppress(OSError):  # it was just removed
                    if _NAME.fullmatch(entry.name) and _can_be_chosen(Path(entry.path)):
                        found.append((entry.name, entry.stat().st_mtime_ns))
        return found


def _can_be_chosen(folder: Path) -> bool:
    """Return whether a version has a frame or waits for them, without a look at each of its frames."""
    if (folder / SHOT_FILE).is_file():
        return True
    with os.scandir(folder) as entries:
        return any(entry.name.endswith(".exr") and not entry.name.startswith(".") for entry in entries)

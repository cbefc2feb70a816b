"""A lock between processes that the system frees when its holder ends, however it ends."""

from __future__ import annotations

import os
import sys
from pathlib import Path

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

__all__ = ["FileLock"]


class FileLock:
    """A lock on a file of this machine's disks, which is made where it is missing. Raises OSError where it cannot."""

    def __init__(self, path: Path) -> None:
        self._descriptor = os.open(path, os.O_CREAT | os.O_RDWR, 0o600)

    def acquire(self) -> bool:
        """Whether it is ours now; never waits."""
        try:
            if sys.platform == "win32":
                msvcrt.locking(self._descriptor, msvcrt.LK_NBLCK, 1)
            else:
                fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return False
        return True

    def close(self) -> None:
        """Free it, where it is ours."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

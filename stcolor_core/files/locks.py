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
    """A lock on a file of this machine's disks. Raises OSError where the file cannot be opened.

    make: make the file where it is missing.
    """

    def __init__(self, path: Path, *, make: bool = True) -> None:
        self._descriptor = os.open(path, os.O_RDWR | (os.O_CREAT if make else 0), 0o600)

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

    def sign(self) -> None:
        """Write into the file, once it is ours: an empty one may be about to be locked by who has just made it."""
        os.write(self._descriptor, b"locked\n")

    def close(self) -> None:
        """Free it, where it is ours."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

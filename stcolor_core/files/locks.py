"""Lock files between processes; the system frees a lock when its holder ends, even if it is killed."""

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
    """A lock on a file on a local disk.

    Args:
        path: The file.
        create: Create the file if it is missing.

    Raises:
        OSError: If the file cannot be opened.
    """

    def __init__(self, path: Path, *, create: bool = True) -> None:
        self._descriptor = os.open(path, os.O_RDWR | (os.O_CREAT if create else 0), 0o600)

    def acquire(self) -> bool:
        """Take the lock without waiting.

        Returns:
            Whether the lock is held now.
        """
        try:
            if sys.platform == "win32":
                msvcrt.locking(self._descriptor, msvcrt.LK_NBLCK, 1)
            else:
                fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return False
        return True

    def mark_locked(self) -> None:
        """Mark the file as locked, after `acquire`.

        An empty lock file may have been created by a process that is about to lock it, so it does not count as
        abandoned.
        """
        os.write(self._descriptor, b"locked\n")

    def close(self) -> None:
        """Free the lock if it is held, and close the file."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

"""Put a file in a second place: as a copy that shares its blocks if the disk can do that, or as a hard link."""

from __future__ import annotations

import ctypes
import os
import shutil
import sys
from contextlib import suppress
from pathlib import Path

from stcolor_core.errors import OutputError
from stcolor_core.files.atomic import atomic_path

if sys.platform == "linux":
    import fcntl

__all__ = ["copy_or_link"]

# linux/fs.h: share the blocks of another file; a block is copied when one of the two files changes it
_FICLONE = 0x40049409


def copy_or_link(source: Path, target: Path, *, link: bool = False) -> None:
    """Copy or link a file, atomically. Missing folders are made, and an existing target is replaced.

    A copy keeps the modification time. It takes no space on disks that share blocks (Btrfs, XFS, APFS, ReFS).

    Args:
        source: The file.
        target: Its second path.
        link: Make a hard link if the disk can. A program that then writes into one of the two files changes both.

    Raises:
        OutputError: If the file can be neither linked nor copied. Nothing new is left on disk then.
    """
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with atomic_path(target) as partial:
            if not (link and _try_link(source, partial)):
                _copy(source, partial)
    except OSError as error:
        raise OutputError(
            f"{target} cannot be written ({error.strerror}). Check the folder and the space on its disk."
        ) from None


def _try_link(source: Path, target: Path) -> bool:
    """Make a hard link, and return whether that was possible."""
    with suppress(OSError):  # another disk, a file system without links, or no right to make them
        os.link(source, target)
        return True
    return False


def _copy(source: Path, target: Path) -> None:
    if _try_clone(source, target):
        shutil.copystat(source, target)
    else:
        shutil.copy2(source, target)  # on Windows with ReFS, the system itself shares the blocks


def _try_clone(source: Path, target: Path) -> bool:
    """Make a copy that shares the source's blocks, and return whether that was possible. If not, there is no target."""
    if sys.platform == "linux":
        try:
            with source.open("rb") as reader, target.open("xb") as writer:
                fcntl.ioctl(writer, _FICLONE, reader.fileno())
        except OSError:  # a file system without shared blocks, or another disk
            target.unlink(missing_ok=True)
            return False
        return True
    if sys.platform == "darwin":  # clonefile(2)
        clone = ctypes.CDLL(None, use_errno=True).clonefile
        return bool(clone(os.fsencode(source), os.fsencode(target), 0) == 0)
    return False

"""A file that is to be in two places: a copy that shares its blocks where the disk can do that, or a link if asked."""

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

_FICLONE = 0x40049409  # linux/fs.h: share the blocks of another file, each copied when one of the two is written


def copy_or_link(source: Path, target: Path, *, link: bool = False) -> None:
    """Have `source` at `target` too, in place of what was there, whole or not at all. The folder is made.

    A copy has the source's time of change, and costs no room on disks that share blocks (Btrfs, XFS, APFS, ReFS).

    Args:
        link: Make a hard link if the disk can: then whoever writes into one of the two changes both.

    Raises:
        OutputError: If neither can be done; nothing new is left on disk then.
    """
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with atomic_path(target) as partial:
            if not (link and _linked(source, partial)):
                _copy(source, partial)
    except OSError as error:
        raise OutputError(
            f"{target} cannot be written ({error.strerror}). Check the folder and the space on its disk."
        ) from None


def _linked(source: Path, target: Path) -> bool:
    with suppress(OSError):  # another disk, a file system without links, or no right to make them
        os.link(source, target)
        return True
    return False


def _copy(source: Path, target: Path) -> None:
    if _cloned(source, target):
        shutil.copystat(source, target)
    else:
        shutil.copy2(source, target)  # on Windows and ReFS the system itself shares the blocks


def _cloned(source: Path, target: Path) -> bool:
    """Whether the target shares the source's blocks; if not, there is no target."""
    if sys.platform == "linux":
        try:
            with source.open("rb") as read, target.open("xb") as written:
                fcntl.ioctl(written, _FICLONE, read.fileno())
        except OSError:  # a file system that cannot, or another disk
            target.unlink(missing_ok=True)
            return False
        return True
    if sys.platform == "darwin":  # clonefile(2)
        clone = ctypes.CDLL(None, use_errno=True).clonefile
        return bool(clone(os.fsencode(source), os.fsencode(target), 0) == 0)
    return False

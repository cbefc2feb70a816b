"""Ask what lies at a path that an artist gave, whether or not it may be looked at.

`Path.is_file` and its like raise an error for a path in a folder without permission, and for a name that is too long.
The functions here say that nothing is there, and `describe_absence` says why.
"""

from __future__ import annotations

import errno
import os
from pathlib import Path

__all__ = ["describe_absence", "describe_denial", "is_file", "is_folder"]

_DENIED = (errno.EACCES, errno.EPERM)
_ABSENT = (errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.EBADF)


def is_file(path: Path | str) -> bool:
    """Return whether there is a file, or a link to one, that this user may look at. Never raises.

    Args:
        path: The path.
    """
    return os.path.isfile(path)  # noqa: PTH113  (Path.is_file raises)


def is_folder(path: Path | str) -> bool:
    """Return whether there is a folder, or a link to one, that this user may look at. Never raises.

    Args:
        path: The path.
    """
    return os.path.isdir(path)  # noqa: PTH112  (Path.is_dir raises)


def describe_absence(path: Path, remedy: str = "Check the path.") -> str:
    """Return why a path is no file, and what to do: "is missing", "is a folder", "cannot be opened (...)".

    Args:
        path: The path.
        remedy: What to do if it is missing.
    """
    if denial := describe_denial(path):
        return denial
    if is_folder(path):
        return f"is a folder. {remedy}"
    return f"{'is not a file' if os.path.exists(path) else 'is missing'}. {remedy}"  # noqa: PTH110


def describe_denial(path: Path) -> str:
    """Return why a file or a folder may not be opened, and what to do; "" if it may, or if nothing is there.

    Args:
        path: The path. A device or a pipe is not opened, as it might never answer.
    """
    try:
        if is_file(path):
            path.open("rb").close()
        elif is_folder(path):
            os.scandir(path).close()
        else:
            os.stat(path)  # noqa: PTH116  (one system call for all questions, which a test can answer otherwise)
    except OSError as error:
        if error.errno in _ABSENT:
            return ""
        if error.errno == errno.ENAMETOOLONG:
            return f"cannot be opened ({error.strerror}). Shorten its name or its path."
        remedy = "Check its permissions and those of its folder" if error.errno in _DENIED else "Check its disk"
        return f"cannot be opened ({error.strerror}). {remedy}."
    except ValueError:  # no path at all: it holds a null character
        return ""
    return ""

"""What a relative path in a shot file or a film's plan means: a place from the folder of that file.

So a file works from wherever a command is run. Older files, whose paths were written from the folder of the command
that made them, still work from there: their plates are found from the current folder alone.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from pathlib import Path, PurePosixPath, PureWindowsPath

from stcolor_core.errors import StcolorError
from stcolor_core.files.given_paths import is_file
from stcolor_core.images.sequences import FramePattern
from stcolor_core.movies.names import is_movie

__all__ = ["beside", "from_folder_of", "is_relative", "to_folder_of"]


def beside(file: Path, path: str) -> str:
    """Return a path beside a file as a path from the current folder, with slashes.

    Args:
        file: The file.
        path: The path from the file's folder.
    """
    try:
        folder = os.path.relpath(file.parent)
    except ValueError:  # another drive of Windows
        folder = os.path.abspath(file.parent)  # noqa: PTH100
    return Path(folder, path).as_posix()


def from_folder_of(file: Path, inputs: Iterable[str]) -> Callable[[str], str]:
    """Return a function that makes the paths in a file paths for the current folder.

    Args:
        file: The file.
        inputs: The paths in it that pictures are read from. If nothing is found from the file's folder, but something
            from the current folder, all the file's paths are from there.
    """
    folder = os.path.abspath(file.parent)  # noqa: PTH100  (Path.absolute leaves .. in it)
    relative = [path for path in inputs if is_relative(path)]
    if folder == os.path.abspath(os.curdir) or (  # noqa: PTH100
        not any(_exists(os.path.join(folder, path)) for path in relative) and any(map(_exists, relative))  # noqa: PTH118
    ):
        return str
    return lambda path: os.path.normpath(os.path.join(folder, path)) if is_relative(path) else path  # noqa: PTH118


def to_folder_of(file: Path) -> Callable[[str], str]:
    """Return a function that makes paths for the current folder paths in a file; the inverse of `from_folder_of`.

    Args:
        file: The file.
    """
    folder = os.path.abspath(file.parent)  # noqa: PTH100
    here = os.path.abspath(os.curdir)  # noqa: PTH100

    def change(path: str) -> str:
        if folder == here or not is_relative(path):
            return path
        try:
            return Path(os.path.relpath(path, folder)).as_posix()
        except ValueError:  # another drive of Windows
            return os.path.abspath(path)  # noqa: PTH100

    return change


def is_relative(path: str) -> bool:
    """Return whether a path begins at some folder, on no system at a root; the name of a builtin config does not.

    Args:
        path: The path, of this machine or another.
    """
    windows = PureWindowsPath(path)
    return not (PurePosixPath(path).is_absolute() or windows.drive or windows.root or "://" in path or not path)


def _exists(path: str) -> bool:
    try:
        return is_file(path) if is_movie(path) else bool(FramePattern.parse(path).frames())
    except (StcolorError, OSError, ValueError):  # it names no file, or leads into a folder that cannot be listed
        return False

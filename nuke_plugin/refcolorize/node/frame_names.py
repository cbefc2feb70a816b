"""Parse and compare the names of image sequences. Does not import nuke.

Nuke writes one name in two ways: `plate.####.exr` and `plate.%04d.exr` name the same files, and a File knob returns the
second if the artist typed the first. So names are parsed, and not compared as text.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Optional

__all__ = ["FrameName", "same_files", "with_hashes"]

_FIELD = re.compile(r"#+|%(?:0[0-9]+)?d")
_FIELD_IN_FOLDER = re.compile(r"##+|%0[0-9]+d")
# Nuke replaces a single # anywhere in a name by the frame, the core only in these places (its `FramePattern`).
_PLACE_OF_SINGLE = re.compile(r"(^|.*[._-])(#|%d)[._-].*|.*(#|%d)(\.[^.]*)?")
_UNSUPPORTED = re.compile(r"[%#]")  # a number padded with blanks, a view, a variable: the core knows none of them


@dataclass(frozen=True)
class FrameName:
    """The name of an image sequence, or of a single picture.

    Attributes:
        folder: With forward slashes.
        head: The file's name before the frame number; the whole name of a single picture.
        tail: The file's name after the frame number.
        digits: The minimum width of the frame number; None for a single picture.
    """

    folder: str
    head: str
    tail: str = ""
    digits: Optional[int] = None  # noqa: UP045  (evaluated at run time, also in Python 3.9)

    @classmethod
    def parse(cls, text: str) -> FrameName | None:
        """Return the name that a path stands for; None if it names no file, or if its frame number is ambiguous.

        Args:
            text: A path, with #, ##, %d or %04d for the frame number of a sequence.
        """
        path = PurePosixPath(text.strip().replace("\\", "/"))
        folder = path.parent.as_posix()
        if not path.name or _FIELD_IN_FOLDER.search(folder) or "%" in folder:
            return None
        fields = list(_FIELD.finditer(path.name))
        rest = _FIELD.sub("", path.name)
        if len(fields) > 1 or _UNSUPPORTED.search(rest):
            return None
        if not fields:
            return cls(folder, path.name)
        field = fields[0]
        if field[0] in ("#", "%d") and not _PLACE_OF_SINGLE.fullmatch(path.name):
            return None
        digits = len(field[0]) if field[0].startswith("#") else int(field[0][1:-1] or 1)
        return cls(folder, path.name[: field.start()], path.name[field.end() :], digits)

    @property
    def is_sequence(self) -> bool:
        """Return whether the name has a frame number."""
        return self.digits is not None

    def __str__(self) -> str:
        """Return the path with ####, as the core expects it."""
        return (PurePosixPath(self.folder) / f"{self.head}{'#' * (self.digits or 0)}{self.tail}").as_posix()

    def has_file(self, path: str, *, in_any_folder: bool = False) -> bool:
        """Return whether a path is one of the frames.

        Args:
            path: The path of one file.
            in_any_folder: Compare the file's name only.
        """
        file = PurePosixPath(path.replace("\\", "/"))
        if not in_any_folder and not _is_same_path(file.parent.as_posix(), self.folder):
            return False
        if self.digits is None:
            return _is_same_path(file.name, self.head)
        match = re.fullmatch(f"{re.escape(self.head)}(-?[0-9]+){re.escape(self.tail)}", file.name)
        return match is not None and match[1] == f"{int(match[1]):0{self.digits}d}"


def same_files(one: str, other: str) -> bool:
    """Return whether two paths name the same frames, whether written with #### or %04d.

    Args:
        one: A path.
        other: Another path.
    """
    a, b = FrameName.parse(one), FrameName.parse(other)
    if a is None or b is None:
        return one == other
    return _is_same_path(a.folder, b.folder) and (a.head, a.tail, a.digits) == (b.head, b.tail, b.digits)


def with_hashes(path: str) -> str:
    """Return a path with #### for the frame number; the same path if it is no name that `FrameName` knows.

    Args:
        path: A path, as a File knob has it: with #### or with %04d.
    """
    name = FrameName.parse(path)
    return path if name is None else str(name)


def _is_same_path(one: str, other: str) -> bool:
    return os.path.normcase(one) == os.path.normcase(other)

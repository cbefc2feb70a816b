"""The names of a sequence's frames, read instead of compared as text: Nuke writes one name in two ways. No Nuke here.

`plate.####.exr` and `plate.%04d.exr` name the same files; a File knob gives the second for what was typed as the first.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Optional

__all__ = ["FrameName", "same_files"]

_FIELD = re.compile(r"#+|%(?:0[0-9]+)?d")
_FIELD_IN_FOLDER = re.compile(r"##+|%0[0-9]+d")
# Nuke puts the frame in place of any # of a name, the core only in these places (`FramePattern` there).
_PLACE_OF_ONE = re.compile(r"(^|.*[._-])(#|%d)[._-].*|.*(#|%d)(\.[^.]*)?")
_STRANGE = re.compile(r"[%#]")  # a blank padded number, a view, a variable: nothing that the core knows


@dataclass(frozen=True)
class FrameName:
    """A sequence, or a single picture.

    folder: with Nuke's slashes. head, tail: of the file's name, before and after the frame. digits: the least width of
    the frame number; None for a single picture.
    """

    folder: str
    head: str
    tail: str = ""
    digits: Optional[int] = None  # noqa: UP045  (evaluated at run time, also in Python 3.9)

    @classmethod
    def parse(cls, text: str) -> FrameName | None:
        """Read a path; None where it names no file, or where it is not certain which part of it is the frame."""
        path = PurePosixPath(text.strip().replace("\\", "/"))
        folder = path.parent.as_posix()
        if not path.name or _FIELD_IN_FOLDER.search(folder) or "%" in folder:
            return None
        fields = list(_FIELD.finditer(path.name))
        rest = _FIELD.sub("", path.name)
        if len(fields) > 1 or _STRANGE.search(rest):
            return None
        if not fields:
            return cls(folder, path.name)
        field = fields[0]
        if field[0] in ("#", "%d") and not _PLACE_OF_ONE.fullmatch(path.name):
            return None
        digits = len(field[0]) if field[0].startswith("#") else int(field[0][1:-1] or 1)
        return cls(folder, path.name[: field.start()], path.name[field.end() :], digits)

    @property
    def is_sequence(self) -> bool:
        """Whether the frame is part of the name."""
        return self.digits is not None

    def __str__(self) -> str:
        """The path with ####, as the core takes it."""
        return (PurePosixPath(self.folder) / f"{self.head}{'#' * (self.digits or 0)}{self.tail}").as_posix()

    def has_file(self, path: str, *, in_any_folder: bool = False) -> bool:
        """Whether a path is one of its frames. in_any_folder: by the file's name alone."""
        file = PurePosixPath(path.replace("\\", "/"))
        if not in_any_folder and not _same(file.parent.as_posix(), self.folder):
            return False
        if self.digits is None:
            return _same(file.name, self.head)
        found = re.fullmatch(f"{re.escape(self.head)}(-?[0-9]+){re.escape(self.tail)}", file.name)
        return found is not None and found[1] == f"{int(found[1]):0{self.digits}d}"


def same_files(one: str, other: str) -> bool:
    """Whether two paths name the same frames, however each is written."""
    a, b = FrameName.parse(one), FrameName.parse(other)
    if a is None or b is None:
        return one == other
    return _same(a.folder, b.folder) and (a.head, a.tail, a.digits) == (b.head, b.tail, b.digits)


def _same(one: str, other: str) -> bool:
    return os.path.normcase(one) == os.path.normcase(other)

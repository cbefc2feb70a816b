"""The names of a sequence's frames: `sh010.####.exr` or `sh010.%04d.exr` and the files that it stands for."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

from stcolor_core.errors import BadRequest, PlateError

__all__ = ["FramePattern"]

_FIELD = re.compile(r"#+|%(?:0[0-9]+)?d")
_BLANK_PADDED = re.compile(r"%[1-9][0-9]*d")
# One # may well be part of a folder's name ("job #12"); a run of them or a %04d there is a misplaced frame field.
_FIELD_IN_FOLDER = re.compile(r"##+|%0[0-9]+d")


@dataclass(frozen=True)
class FramePattern:
    """A sequence of pictures, or a single picture that stands for every frame.

    text: as the artist wrote it. folder: where the files lie. head, tail: the file name before and after the frame.
    digits: least width of the frame number, zero padded as printf does (-1 at width 4 is -001, in Nuke and fileseq
    alike); None for a single picture.
    """

    text: str
    folder: Path
    head: str
    tail: str
    digits: int | None

    @classmethod
    def parse(cls, text: str) -> FramePattern:
        """Read `sh.####.exr`, `sh.%04d.exr` or the path of a single picture.

        Raises BadRequest where there is no file name, or where the frame field stands twice, in a folder, or is padded
        with blanks.
        """
        path = Path(text)
        if not text.strip() or "\0" in text or text.endswith(("/", os.sep)) or path.name in ("", ".."):
            raise BadRequest(f"{text!r} names no file. Write a pattern like plates/sh010.####.exr.")
        if _FIELD_IN_FOLDER.search(str(path.parent)):
            raise BadRequest(f"{text!r} has a frame field in a folder's name. Put it in the file's name only.")
        if _BLANK_PADDED.search(path.name):
            raise BadRequest(f"{text!r} pads frame numbers with blanks. Write #### or %04d.")
        fields = list(_FIELD.finditer(path.name))
        if len(fields) > 1:
            raise BadRequest(f"{text!r} has more than one frame field. Keep one run of # or one %04d.")
        if not fields:
            return cls(text, path.parent, path.name, "", None)
        field = fields[0]
        digits = len(field[0]) if field[0].startswith("#") else int(field[0][1:-1] or 1)
        return cls(text, path.parent, path.name[: field.start()], path.name[field.end() :], digits)

    def __str__(self) -> str:
        return self.text

    @property
    def is_sequence(self) -> bool:
        """Whether there is a frame field; False for a single picture."""
        return self.digits is not None

    def path(self, frame: int) -> Path:
        """The file of a frame; a single picture is the file of every frame."""
        return self.folder / f"{self.head}{'' if self.digits is None else self._number(frame)}{self.tail}"

    def frames(self) -> list[int]:
        """The frames on disk in ascending order, none where the folder is missing; a single picture is frame 1.

        Raises PlateError where the folder cannot be listed.
        """
        if self.digits is None:
            return [1] if self.path(1).is_file() else []
        head, tail = (re.escape(os.path.normcase(part)) for part in (self.head, self.tail))
        name = re.compile(f"{head}(-?[0-9]+){tail}")
        try:
            with os.scandir(self.folder) as entries:
                matches = [name.fullmatch(os.path.normcase(entry.name)) for entry in entries if entry.is_file()]
        except (FileNotFoundError, NotADirectoryError):
            return []
        except OSError as error:
            raise PlateError(
                f"The folder of {self.text} cannot be listed ({error.strerror}). Check its rights."
            ) from None
        numbers = [match[1] for match in matches if match]
        return sorted(int(number) for number in numbers if number == self._number(int(number)))

    def _number(self, frame: int) -> str:
        return f"{frame:0{self.digits}d}"

"""Name the frames of a sequence: `sh010.####.exr` or `sh010.%04d.exr`, and the files that match it."""

from __future__ import annotations

import errno
import os
import re
from collections import Counter
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from stcolor_core.errors import BadRequest, PlateError
from stcolor_core.files.given_paths import is_file, is_folder
from stcolor_core.images.frame_ranges import LAST_FRAME

__all__ = ["FramePattern"]

_PADDED = r"%0?[0-9]*d"
# The frame field stands at the end of the name before its extension, as in Nuke and fileseq. Otherwise a run of ## or a
# %04d must stand before a separator, and a single # or a %d between two separators.
_FIELD = re.compile(
    rf"(?<!#)(?:#+|{_PADDED})(?=(?:\.[^.]*)?$)"
    r"|(?<!#)(?:##+|%0[0-9]+d)(?=[._-])"
    rf"|(?<![^._-])(?:#|{_PADDED})(?=[._-])"
)
_BLANK_PADDED = re.compile(r"%[1-9][0-9]*d")
_NUMBERED_PICTURE = re.compile(r"(.*?[._-]?)([0-9]{2,})(\.(?:exr|sxr|dpx|cin|tiff?|png|jpe?g|jp2|j2k|j2c))", re.I)
_MOST_LISTED, _NAMED = 20_000, 3  # files of a folder that are looked at for an error, and sequences that it names
_LONGEST_NAME = 255  # characters in a file name, on all platforms


@dataclass(frozen=True)
class FramePattern:
    """A sequence of pictures, or a single picture that stands for every frame.

    Attributes:
        text: The pattern as the artist wrote it.
        folder: The folder of the files.
        head: The file name before the frame number.
        tail: The file name after the frame number.
        digits: Minimum width of the frame number, zero-padded as printf does (-1 at width 4 is -001, as in Nuke and
            fileseq); None for a single picture.
    """

    text: str
    folder: Path
    head: str
    tail: str
    digits: int | None

    @classmethod
    def parse(cls, text: str, *, role: str = "", frame: int | None = None) -> FramePattern:
        """Return the pattern of `sh.####.exr`, of `sh.%04d.exr` or of the path of a single picture.

        The frame field is a run of # or a %04d in the file's name, at the position of the frame number: right before
        the extension (`sh.####.exr`, `sh####.exr`, `sh#.exr`), or before a separator, which is one of . _ and -
        (`sh.####.left.exr`, `sh####_left.exr`). A single # or a %d before a separator needs another separator in front
        of it (`sh.#.left.exr`). A # anywhere else is literal: `take#2.exr` is a single picture. In folder names it is
        always literal.

        Args:
            text: The pattern or path.
            role: What it is to the shot, such as "The plate", for messages; "" if that is not said.
            frame: The plate frame that it is given for, so that a single picture is meant; None for a sequence.

        Raises:
            BadRequest: If it is a folder, if there is no file name, if there are two frame fields, or if the frame
                field is padded with blanks.
        """
        path, label = Path(text), f"{role} ({text})" if role and text.strip() else f"{role} {text!r}".lstrip()
        if is_folder(text):
            raise BadRequest(f"{label} {_describe_folder(text, frame)}")
        if not text.strip() or "\0" in text or text.endswith(("/", os.sep)) or path.name in ("", ".."):
            raise BadRequest(f"{label} names no file. Write a pattern like plates/sh010.####.exr.")
        fields = list(_FIELD.finditer(path.name))
        if len(fields) > 1:
            raise BadRequest(f"{label} has more than one frame field. Keep one run of # or one %04d.")
        if not fields:
            return cls(text, path.parent, path.name, "", None)
        field = fields[0]
        if _BLANK_PADDED.fullmatch(field[0]):
            raise BadRequest(f"{label} pads frame numbers with blanks. Write #### or %04d.")
        digits = len(field[0]) if field[0].startswith("#") else int(field[0][1:-1][-9:] or 1)
        if digits > _LONGEST_NAME:
            raise BadRequest(f"{text[:80]!r} has frame numbers of {digits} digits. Write #### or %04d.")
        return cls(text, path.parent, path.name[: field.start()], path.name[field.end() :], digits)

    def __str__(self) -> str:
        return self.text

    @property
    def is_sequence(self) -> bool:
        """Return whether there is a frame field; False for a single picture."""
        return self.digits is not None

    def path(self, frame: int) -> Path:
        """Return the file of a frame. For a single picture it is the same file for every frame.

        Args:
            frame: The frame number.
        """
        return self.folder / f"{self.head}{'' if self.digits is None else self._number(frame)}{self.tail}"

    def frames(self) -> list[int]:
        """Return the frames on disk in ascending order. A single picture is frame 1.

        Numbers beyond Nuke's last frame are ignored. The list is empty if the folder does not exist.

        Raises:
            PlateError: If the folder cannot be listed.
        """
        if self.digits is None:
            return [1] if is_file(self.path(1)) else []
        frames = sorted(int(number) for number in self._numbers() if number == self._number(int(number)))
        return [frame for frame in frames if abs(frame) <= LAST_FRAME]

    def check_padding(self, first: int) -> None:
        """Refuse files of negative frames that are padded without the sign, -0001 at width 4: `frames` leaves them out.

        Args:
            first: The first frame that is looked for; the folder is not listed if it is above 0.

        Raises:
            PlateError: If there is such a file, or the folder cannot be listed.
        """
        if self.digits is None or first > 0:
            return
        wide = [text for text in self._numbers() if text.startswith("-") and len(text) == self.digits + 1]
        wide = sorted((text for text in wide if text != self._number(int(text))), key=int)
        if wide:
            name, more = f"{self.head}{wide[0]}{self.tail}", f" and {len(wide) - 1} more" if len(wide) > 1 else ""
            raise PlateError(
                f"{name}{more} of {self.text} would be left out: the width of a frame number counts its sign, as in "
                f"Nuke. Rename it to {self.path(int(wide[0])).name}."
            )

    def _numbers(self) -> list[str]:
        """Return the numbers in the names of the files that match but for their padding."""
        head, tail = (re.escape(os.path.normcase(part)) for part in (self.head, self.tail))
        name = re.compile(f"{head}(-?[0-9]+){tail}")
        try:
            with os.scandir(self.folder) as entries:
                matches = [name.fullmatch(os.path.normcase(entry.name)) for entry in entries if entry.is_file()]
        except (FileNotFoundError, NotADirectoryError):
            return []
        except OSError as error:
            remedy = "Check the path." if error.errno == errno.ENAMETOOLONG else "Check its permissions."
            raise PlateError(f"The folder of {self.text} cannot be listed ({error.strerror}). {remedy}") from None
        return [match[1] for match in matches if match]

    def _number(self, frame: int) -> str:
        return f"{frame:0{self.digits}d}"


def _describe_folder(text: str, frame: int | None) -> str:
    """Return what is wrong with a path that is a folder, and what to name in it: a picture for a frame, or a sequence.

    Args:
        text: The folder.
        frame: As for `FramePattern.parse`.
    """
    folder = Path(text)
    what = "Write a pattern like" if frame is None else "Name the picture in it, like"
    try:
        with os.scandir(folder) as entries:
            names = sorted(entry.name for entry in islice(entries, _MOST_LISTED) if entry.is_file())
    except OSError as error:
        return f"is a folder that cannot be listed ({error.strerror}). {what} sh010.####.exr."
    matches = [match for name in names if (match := _NUMBERED_PICTURE.fullmatch(name))]
    if frame is not None:
        own = [match[0] for match in matches if int(match[2]) == frame]
        named = " or ".join(f"'{folder / name}'" for name in own[:_NAMED])
        return f"is a folder. {what} {named or folder / f'sh010.{frame}.exr'}."
    counts = Counter(f"{match[1]}{'#' * len(match[2])}{match[3]}" for match in matches)
    if not counts:
        return f"is a folder without numbered pictures. {what} {folder / 'sh010.####.exr'}."
    patterns = " or ".join(f"'{folder / pattern}'" for pattern, _ in counts.most_common(_NAMED))
    return f"is a folder. Name the sequence in it: {patterns}."

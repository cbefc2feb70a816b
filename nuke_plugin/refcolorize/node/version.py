"""One version on disk: its frames, and what is kept in files beside them. Does not import nuke."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import RefColorizeError
from . import atomic
from .frames_on_disk import frames_of, is_file
from .json_files import read_object, write_object

__all__ = [
    "MADE_FROM_FILE",
    "OWN_FILES",
    "SHOT_FILE",
    "Version",
    "close_version",
    "write_before",
    "write_comment",
    "write_confidence",
    "write_thumbnail",
]

SHOT_FILE = "shot.json"
MADE_FROM_FILE = "made_from.json"  # the frame range, and a stamp of the input files
_ABOUT_FILE = "about.json"  # of a version: its comment, its confidence, whether it is closed, and what was shown before
_THUMBNAIL_FILE = "thumbnail.jpg"  # of its middle frame
OWN_FILES = frozenset((SHOT_FILE, MADE_FROM_FILE, _ABOUT_FILE, _THUMBNAIL_FILE))


@dataclass(frozen=True)
class Version:
    """A version on disk.

    Attributes:
        number: From 1.
        path: The path of its frames, with ####.
        frames: How many frames are on disk.
    """

    number: int
    path: str
    frames: int

    @property
    def name(self) -> str:
        """Return the name in the knob `version`: v001."""
        return f"v{self.number:03d}"

    @property
    def shot_file(self) -> Path:
        """Return the path of its Shot, a file for `stcolor colorize --shot`."""
        return Path(self.path).with_name(SHOT_FILE)

    @property
    def made_from_file(self) -> Path:
        """Return the path of what is stored of the files that its Shot reads."""
        return Path(self.path).with_name(MADE_FROM_FILE)

    @property
    def is_offered(self) -> bool:
        """Return whether it can be chosen: it has frames, or it has a shot and waits for them, as a farm's does."""
        return bool(self.frames) or is_file(self.shot_file)

    @property
    def thumbnail_file(self) -> Path:
        """Return the path of its small picture, which may not be there."""
        return Path(self.path).with_name(_THUMBNAIL_FILE)

    def shot(self) -> dict[str, Any]:
        """Return its Shot as JSON data; empty if the file cannot be read."""
        return read_object(self.shot_file)

    def made_from(self) -> str:
        """Return the `stamp` of the files that its Shot reads, as they were then; "" if that is not known."""
        return str(read_object(self.made_from_file).get("inputs", ""))

    def made_from_data(self) -> dict[str, Any]:
        """Return all that is stored of what it was made from, as JSON data (see origin.py); empty if nothing is."""
        return read_object(self.made_from_file)

    def store_made_from(self, data: Mapping[str, Any]) -> None:
        """Store more of what it was made from; a folder that cannot be written is left as it is.

        Args:
            data: JSON data, which replaces what is stored under the same names.
        """
        stored = self.made_from_data()
        renewed = {**stored, **json.loads(json.dumps(data))}
        if renewed != stored:
            with suppress(OSError):
                write_object(self.made_from_file, renewed)

    def store_shot(self, shot: Mapping[str, Any]) -> None:
        """Store the Shot that made it, if it has none, as of a version that the core's page has made.

        Args:
            shot: The Shot as JSON data.
        """
        with suppress(OSError):
            if not self.shot_file.exists():
                write_object(self.shot_file, shot)

    def keyframes(self) -> tuple[int, ...]:
        """Return the frames of its references that are still on disk, and those of its swatches, in ascending order."""
        shot, stored = self.shot(), self.made_from_data().get("keys")
        try:
            patterns = [str(reference.get("path", "")) for reference in shot.get("references", ())]
            swatches = {int(swatch.get("frame", 0)) for swatch in shot.get("swatches", ())}
        except (AttributeError, TypeError, ValueError):  # the file was edited by hand
            return ()
        found = {frame for pattern in patterns for frame in frames_of(pattern)}
        if isinstance(stored, list):  # others were saved beside them since, for the next version
            found.intersection_update(stored)
        return tuple(sorted(found | swatches))

    def comment(self) -> str:
        """Return the artist's comment; "" if there is none."""
        return str(read_object(_about_file(self.path)).get("comment", ""))

    def before(self) -> dict[str, Any]:
        """Return what the node showed before Colorize made this version, as JSON data; empty if that is not known."""
        shown = read_object(_about_file(self.path)).get("before")
        return dict(shown) if isinstance(shown, dict) else {}

    def is_closed(self) -> bool:
        """Return whether no run completes it any more, as its frames would come out different now."""
        return read_object(_about_file(self.path)).get("closed") is True

    def confidence(self) -> dict[int, float]:
        """Return the mean confidence of each frame, 0..1; empty until the version is complete."""
        stored = read_object(_about_file(self.path)).get("confidence", {})
        try:
            return {int(frame): float(value) for frame, value in stored.items()}
        except (AttributeError, TypeError, ValueError):
            return {}


def write_comment(path: str, comment: str) -> None:
    """Store the artist's comment on a version; RefColorizeError if it cannot be written.

    Args:
        path: The path of the version's frames.
        comment: Any text; "" to remove the comment.
    """
    _store(path, "comment", comment.strip())


def close_version(path: str) -> None:
    """Let no run complete a version any more; RefColorizeError if that cannot be written.

    Args:
        path: The path of the version's frames.
    """
    _store(path, "closed", True)


def write_before(path: str, shown: Mapping[str, Any]) -> None:
    """Store what the node showed before Colorize made a version; RefColorizeError if it cannot be written.

    Args:
        path: The path of the version's frames.
        shown: What it showed, as JSON data.
    """
    _store(path, "before", dict(shown))


def write_confidence(path: str, confidence: Mapping[int, float]) -> None:
    """Store the mean confidence of each frame of a version; RefColorizeError if it cannot be written.

    Args:
        path: The path of the version's frames.
        confidence: By frame, 0..1.
    """
    _store(path, "confidence", {str(frame): round(value, 4) for frame, value in confidence.items()})


def write_thumbnail(path: str, data: bytes) -> None:
    """Store a small picture of a version.

    Args:
        path: The path of the version's frames.
        data: A JPEG file.

    Raises:
        RefColorizeError: If it cannot be written.
    """
    file = Path(path).with_name(_THUMBNAIL_FILE)
    try:
        if not file.is_file() or file.read_bytes() != data:
            atomic.write_by(file, lambda partial: partial.write_bytes(data))
    except OSError as error:
        reason = error.strerror or error
        raise RefColorizeError(f"{file} cannot be written ({reason}). Ask for write access to its folder.") from None


def _about_file(path: str) -> Path:
    return Path(path).with_name(_ABOUT_FILE)


def _store(path: str, name: str, value: object) -> None:
    file = _about_file(path)
    stored = read_object(file)
    if stored.get(name) == value:
        return
    try:
        write_object(file, {**stored, name: value})
    except OSError as error:
        reason = error.strerror or error
        raise RefColorizeError(f"{file} cannot be written ({reason}). Ask for write access to its folder.") from None

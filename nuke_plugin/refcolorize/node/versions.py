"""A node's results on disk: FOLDER/v001/STEM_v001.####.exr, with the Shot that made them in the same folder.

A finished version is never overwritten: if anything has changed, a new version is made. Does not import nuke.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ..errors import RefColorizeError
from . import atomic, withdrawn
from .frames_on_disk import count_frames, frames_of
from .json_files import read_object, write_object

__all__ = [
    "OWN_FILES",
    "PREVIEW",
    "SHOT_FILE",
    "Results",
    "Version",
    "cannot_write",
    "close_version",
    "with_output",
    "write_before",
    "write_comment",
    "write_confidence",
    "write_thumbnail",
]

PREVIEW = "preview"  # a folder next to the versions; each preview replaces the last one
SHOT_FILE = "shot.json"
_MADE_FROM_FILE = "made_from.json"  # the frame range, and a stamp of the input files
_ABOUT_FILE = "about.json"  # of a version: its comment, its confidence, whether it is closed, and what was shown before
_THUMBNAIL_FILE = "thumbnail.jpg"  # of its middle frame
OWN_FILES = frozenset((SHOT_FILE, _MADE_FROM_FILE, _ABOUT_FILE, _THUMBNAIL_FILE))
_FOLDER = re.compile(r"v(\d{3,})")
_ABANDONED_SECONDS = 24 * 3600
_MAKING = ("plate", "method", "ocio")  # settings of a Shot that make every frame another one


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
    def is_offered(self) -> bool:
        """Return whether it can be chosen: it has frames, or it has a shot and waits for them, as a farm's does."""
        return bool(self.frames) or self.shot_file.is_file()

    @property
    def thumbnail_file(self) -> Path:
        """Return the path of its small picture, which may not be there."""
        return Path(self.path).with_name(_THUMBNAIL_FILE)

    def shot(self) -> dict[str, Any]:
        """Return its Shot as JSON data; empty if the file cannot be read."""
        return read_object(self.shot_file)

    def made_from(self) -> str:
        """Return the `stamp` of the files that its Shot reads, as they were then; "" if that is not known."""
        return str(read_object(self.shot_file.with_name(_MADE_FROM_FILE)).get("inputs", ""))

    def made_from_data(self) -> dict[str, Any]:
        """Return all that is stored of what it was made from, as JSON data (see origin.py); empty if nothing is."""
        return read_object(self.shot_file.with_name(_MADE_FROM_FILE))

    def store_made_from(self, data: Mapping[str, Any]) -> None:
        """Store more of what it was made from; a folder that cannot be written is left as it is.

        Args:
            data: JSON data, which replaces what is stored under the same names.
        """
        stored = self.made_from_data()
        renewed = {**stored, **json.loads(json.dumps(data))}
        if renewed != stored:
            with suppress(OSError):
                write_object(self.shot_file.with_name(_MADE_FROM_FILE), renewed)

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
        patterns = [str(reference.get("path", "")) for reference in shot.get("references", ())]
        swatches = {int(swatch.get("frame", 0)) for swatch in shot.get("swatches", ())}
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


@dataclass(frozen=True)
class Results:
    """All results of one node.

    Attributes:
        folder: The node's own folder. It may not exist yet, and it is relative while the script is not saved.
        stem: The beginning of the names of all frames.
    """

    folder: Path
    stem: str

    @classmethod
    def holding(cls, path: str) -> Results:
        """Return the results that a version is one of, wherever the script is saved now.

        Args:
            path: The path of the version's frames, with ####.
        """
        frames = Path(path)
        return cls(frames.parent.parent, frames.name.partition(f"_{frames.parent.name}.")[0])

    def pattern(self, name: str) -> str:
        """Return the path of the frames of a result, with ####.

        Args:
            name: The name of a version, v001, or `PREVIEW`.
        """
        return (self.folder / name / f"{self.stem}_{name}.####.exr").as_posix()

    def versions(self) -> list[Version]:
        """Return the versions on disk, the oldest first; empty if there is no folder yet."""
        numbers = [int(match[1]) for path in self.folder.glob("v*") if (match := _FOLDER.fullmatch(path.name))]
        versions = [Version(number, self.pattern(f"v{number:03d}"), 0) for number in sorted(numbers)]
        return [replace(version, frames=count_frames(version.path)) for version in versions]

    def first_last(self, name: str) -> tuple[int, int] | None:
        """Return the first and last frame that a result has or will have; None if they are not known.

        Args:
            name: The name of a version, v001, or `PREVIEW`.
        """
        made_from = read_object(Path(self.pattern(name)).with_name(_MADE_FROM_FILE))
        try:
            return int(made_from["first"]), int(made_from["last"])
        except (LookupError, TypeError, ValueError):
            frames = list(frames_of(self.pattern(name)))
        return (min(frames), max(frames)) if frames else None

    def claim(self, shot: Mapping[str, Any], *, first: int, last: int, made_from: str) -> Version:
        """Return the version for a shot: the newest open one whose request was the same, else a new one.

        For a new version, its folder is made and the shot is written into it.

        Args:
            shot: A Shot without the path of its output.
            first: The first frame to colour.
            last: The last frame to colour.
            made_from: A `stamp` of the files that the shot reads.

        Raises:
            RefColorizeError: If the folder cannot be written.
        """
        versions = self.versions()
        origin = {"first": first, "last": last, "inputs": made_from}
        for earlier in reversed(versions):
            if self._is_unchanged(earlier, shot, origin):
                return earlier
        number = max([withdrawn.last_number(self.folder), *(version.number for version in versions)])
        try:
            version = self._make_version(number + 1)
            self._remove_abandoned([each for each in versions if not each.frames])
            written = with_output(shot, version.path, reuse=self._to_reuse(versions, shot))
            write_object(version.shot_file, written)
            write_object(version.shot_file.with_name(_MADE_FROM_FILE), origin)
        except OSError as error:
            raise cannot_write(self.folder, error) from None
        return version

    def discard(self, version: Version) -> None:
        """Remove a version that has no frame: the files of `OWN_FILES`, and the folder unless something else is in it.

        A version that a farm's job, or a run at work, has written into stays as it is.

        Args:
            version: A version of this node.
        """
        folder = version.shot_file.parent
        with suppress(OSError):
            others = [path for path in folder.iterdir() if path.name not in OWN_FILES]
            if version.frames or any(path.is_dir() or path.name.startswith(".") for path in others):
                return
            for name in OWN_FILES:
                with suppress(FileNotFoundError):
                    (folder / name).unlink()
            if not others:
                folder.rmdir()

    def retire_number(self, version: Version) -> bool:
        """Never give a version's number to another one: a job of the core may still write into its folder.

        Args:
            version: A version of this node that is about to be removed.

        Returns:
            Whether that could be noted. If not, the version has to stay, so that its number is seen to be used.
        """
        try:
            withdrawn.withdraw(self.folder, version.number, version.before())
        except OSError:
            return False
        return True

    @staticmethod
    def _remove_abandoned(versions: Iterable[Version]) -> None:
        """Remove the folders with nothing in them, which earlier plug-ins left behind when a run failed at once.

        A young one may be that of another Nuke, which is about to write the shot into it.
        """
        for version in versions:
            folder = version.shot_file.parent
            with suppress(OSError):  # something is in it
                if folder.stat().st_mtime < time.time() - _ABANDONED_SECONDS:
                    folder.rmdir()

    def _make_version(self, number: int) -> Version:
        """Make the folder of the first free number from `number` on. Another Nuke may do so at the same time."""
        while True:
            version = Version(number, self.pattern(f"v{number:03d}"), 0)
            try:
                Path(version.path).parent.mkdir(parents=True)
                return version
            except FileExistsError:
                number += 1

    @staticmethod
    def _to_reuse(versions: Iterable[Version], shot: Mapping[str, Any]) -> str | None:
        """Return the path of the newest version with the same plate and method, else of the newest; None for none.

        Frames are reused only where all that made them is the same. A version that failed at once has none.
        """
        colored = [version for version in versions if version.frames]
        alike = [version for version in colored if all(version.shot().get(name) == shot.get(name) for name in _MAKING)]
        return (alike or colored)[-1].path if colored else None

    @staticmethod
    def _is_unchanged(version: Version, shot: Mapping[str, Any], origin: Mapping[str, Any]) -> bool:
        stored = version.shot()
        reuse = stored.get("output", {}).get("reuse")
        same = not version.is_closed() and stored == json.loads(
            json.dumps(with_output(shot, version.path, reuse=reuse))
        )
        made_from = version.made_from_data()
        return same and {name: made_from.get(name) for name in origin} == origin


def cannot_write(folder: Path, error: OSError) -> RefColorizeError:
    """Return the error of a folder of results that cannot be written.

    Args:
        folder: The folder.
        error: What Python says about it.
    """
    return RefColorizeError(f"{folder} cannot be written ({error.strerror or error}). Choose another output folder.")


def with_output(shot: Mapping[str, Any], path: str, *, reuse: str | None) -> dict[str, Any]:
    """Return a copy of a Shot with the paths of its output.

    Args:
        shot: A Shot without the path of its output.
        path: The path of the frames to write, with ####.
        reuse: The path of an earlier result whose unchanged frames are copied; None for none.
    """
    return {**shot, "output": {**shot["output"], "path": path, "reuse": reuse}}


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

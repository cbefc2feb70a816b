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
from . import withdrawn
from .frames_on_disk import count_frames, frames_of
from .json_files import read_object, write_object
from .version import MADE_FROM_FILE, OWN_FILES, Version

__all__ = ["PREVIEW", "Results", "cannot_write", "with_output"]

PREVIEW = "preview"  # a folder next to the versions; each preview replaces the last one
_FOLDER = re.compile(r"v(\d{3,})")
_ABANDONED_SECONDS = 24 * 3600
_MAKING = ("plate", "method", "ocio")  # settings of a Shot that make every frame another one


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
        made_from = read_object(Path(self.pattern(name)).with_name(MADE_FROM_FILE))
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
            write_object(version.made_from_file, origin)
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
        output = stored.get("output")
        reuse = output.get("reuse") if isinstance(output, dict) else None
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

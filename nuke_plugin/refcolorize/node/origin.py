"""What the frames of a version on disk were made from, as far as that is known. Does not import nuke.

made_from.json beside the frames holds a stamp of the input files from before the core began. Once the core has said
which frames come from the files as they then were, it also holds the size and the time of change of these frames and
files. Frames that somebody has written since have others, so nothing is believed of them until the core is asked again.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from .frames_on_disk import FileStates, stamp_of, states_of
from .versions import Version

__all__ = ["Observation", "Origin", "input_paths"]

_FRESH, _OTHERS, _PAINTED = "frames", "others", "painted"  # what the core has said of frames


def input_paths(shot: Mapping[str, Any]) -> Iterator[str]:
    """Yield the paths of a Shot whose files the stamp of a version covers, in the stamp's order.

    Args:
        shot: A Shot as JSON data.
    """
    pictures = (shot.get("plate") or {}, *(shot.get("stills") or ()), *(shot.get("mattes") or ()))
    return (str(picture.get("path", "")) for picture in pictures)


@dataclass(frozen=True)
class Origin:
    """What is known of a version's frames.

    Attributes:
        files: The states of the input files that the fresh frames were made from, by their path with ####; empty if
            they are not known.
        fresh: The states of the frames that were made from these files, as they were on disk then.
        others: Those of frames that were made from other files or settings.
        painted: Those of frames that were painted over colour from other files or settings.
        is_known: Whether the core has ever been asked; it never was for a farm's version, or an earlier plug-in's.
    """

    files: Mapping[str, FileStates]
    fresh: FileStates
    others: FileStates
    painted: FileStates
    is_known: bool

    @classmethod
    def of(cls, version: Version) -> Origin:
        """Return what is stored beside the frames of a version.

        Args:
            version: The version.
        """
        data = version.made_from_data()
        files = data.get("files")
        return cls(
            {str(path): _states(each) for path, each in files.items()} if isinstance(files, dict) else {},
            *(_states(data.get(name)) for name in (_FRESH, _OTHERS, _PAINTED)),
            is_known=isinstance(data.get(_FRESH), dict),
        )

    def unknown(self, frames: FileStates) -> list[int]:
        """Return the frames that were written since the core was asked.

        Args:
            frames: The frames on disk.
        """
        known = (self.fresh, self.others, self.painted)
        return sorted(
            int(frame) for frame, state in frames.items() if all(each.get(frame) != state for each in known)
        )

    @staticmethod
    def unchanged(states: FileStates, frames: FileStates) -> list[int]:
        """Return the frames that are on disk as they were.

        Args:
            states: What they were.
            frames: The frames on disk.
        """
        return sorted(int(frame) for frame, state in frames.items() if states.get(frame) == state)


@dataclass(frozen=True)
class Observation:
    """A version's frames and input files on disk, at a moment before the core is asked about them.

    Attributes:
        version: The version.
        paths: The paths of its input files, with ####.
        files: The states of these files, by path.
        frames: The states of its frames.
    """

    version: Version
    paths: tuple[str, ...]
    files: Mapping[str, FileStates]
    frames: FileStates

    @classmethod
    def make(cls, version: Version, shot: Mapping[str, Any]) -> Observation:
        """Look at the disk.

        Args:
            version: The version.
            shot: Its Shot as JSON data.
        """
        paths = tuple(input_paths(shot))
        return cls(version, paths, {path: states_of(path) for path in paths}, states_of(version.path))

    def store(
        self, *, fresh: Collection[int], painted: Collection[int], outdated: Collection[int], keys: Collection[int]
    ) -> None:
        """Store what the core has said of the frames.

        Args:
            fresh: Frames that were made from the files as they are now.
            painted: Frames that hold somebody's own work.
            outdated: Frames that would come out different now.
            keys: The frames of its references.
        """
        good = {*fresh, *(frame for frame in painted if frame not in outdated)}
        earlier = Origin.of(self.version)
        if not good and earlier.is_known:
            return  # what is known of frames that nobody has written since remains true
        told = {frame: self._told(int(frame), good, painted) for frame in self.frames}
        data: dict[str, Any] = {
            kind: {frame: list(self.frames[frame]) for frame, each in told.items() if each == kind}
            for kind in (_FRESH, _OTHERS, _PAINTED)
        }
        data["keys"] = sorted(keys)
        if good:
            data["files"] = {path: {**each} for path, each in self.files.items()}
            data["inputs"] = stamp_of((path, self.files[path]) for path in self.paths)
        self.version.store_made_from(data)

    @staticmethod
    def _told(frame: int, good: Collection[int], painted: Collection[int]) -> str:
        return _FRESH if frame in good else _PAINTED if frame in painted else _OTHERS


def _states(data: object) -> dict[str, tuple[int, int]]:
    """Return the states that a file holds; empty if it holds none."""
    if not isinstance(data, dict):
        return {}
    try:
        return {str(frame): (int(size), int(changed)) for frame, (size, changed) in data.items()}
    except (TypeError, ValueError):
        return {}

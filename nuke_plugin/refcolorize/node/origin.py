"""What the frames of a version on disk were made from, as far as that is known. Does not import nuke.

made_from.json beside the frames holds a stamp of the input files from before the core began. Once the core has said
which frames come from the files as they then were, it also holds the size and the time of change of these frames and
files. Frames that somebody has written since have others, so nothing is believed of them until the core is asked again.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from . import atomic
from .frames_on_disk import FileStates, frame_in, stamp_of, states_of
from .version import Version

__all__ = ["Observation", "Origin", "PreviewOrigin", "input_paths"]

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
        keys: The frames of its references; None if they are not known.
        is_known: Whether the core has ever been asked; it never was for a farm's version, or an earlier plug-in's.
    """

    files: Mapping[str, FileStates]
    fresh: FileStates
    others: FileStates
    painted: FileStates
    keys: frozenset[int] | None
    is_known: bool

    @classmethod
    def of(cls, version: Version) -> Origin:
        """Return what is stored beside the frames of a version.

        Args:
            version: The version.
        """
        data = version.made_from_data()
        keys = data.get("keys")
        return cls(
            files=_states_by_path(data.get("files")),
            fresh=_states(data.get(_FRESH)),
            others=_states(data.get(_OTHERS)),
            painted=_states(data.get(_PAINTED)),
            keys=frozenset(keys) if isinstance(keys, list) else None,
            is_known=isinstance(data.get(_FRESH), dict),
        )

    def unknown(self, frames: FileStates) -> list[int]:
        """Return the frames that were written since the core was asked.

        Args:
            frames: The frames on disk.
        """
        known = (self.fresh, self.others, self.painted)
        return sorted(int(frame) for frame, state in frames.items() if all(each.get(frame) != state for each in known))

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
        """Return what is on disk now.

        Args:
            version: The version.
            shot: Its Shot as JSON data.
        """
        paths = tuple(input_paths(shot))
        return cls(version, paths, {path: states_of(path) for path in paths}, states_of(version.path))

    def store(self, answer: Mapping[str, Any]) -> None:
        """Store what the core has said of the frames.

        Args:
            answer: The core's details of the job that wrote them, which know of its frames.
        """
        own = set(answer["painted"]).difference(answer["earlier"])  # somebody's own work, over nothing that is old
        good = own.union(answer["fresh"])
        if not good and Origin.of(self.version).is_known:
            return  # what is known of frames that nobody has written since remains true
        kinds: dict[str, dict[str, list[int]]] = {_FRESH: {}, _OTHERS: {}, _PAINTED: {}}
        for frame, state in self.frames.items():
            number = int(frame)
            kind = _FRESH if number in good else _PAINTED if number in answer["painted"] else _OTHERS
            kinds[kind][frame] = list(state)
        data: dict[str, Any] = {**kinds, "keys": sorted(int(frame) for frame in answer["references"])}
        if good:
            files = {path: self._files_then(path, answer["changed"]) for path in self.paths}
            data["files"] = files
            data["inputs"] = stamp_of((path, files[path]) for path in self.paths)
        self.version.store_made_from(data)

    def _files_then(self, pattern: str, changed: Mapping[str, Any]) -> dict[str, tuple[int, int]]:
        """Return the states that the files of a pattern had when the fresh frames were made."""
        then = dict(self.files[pattern])
        for path, state in changed.items():
            frame = frame_in(pattern, path)
            if frame is None:
                continue
            then.pop(frame, None)
            if state is not None:
                then[frame] = (int(state[0]), int(state[1]))
        return then


@dataclass(frozen=True)
class PreviewOrigin:
    """What the preview of a frame was made from.

    Attributes:
        shot: Its Shot as JSON data.
        files: The states of the input files from before the core began, by their path with ####.
    """

    shot: Mapping[str, Any]
    files: Mapping[str, FileStates]

    @classmethod
    def make(cls, shot: Mapping[str, Any]) -> PreviewOrigin:
        """Return the input files of a Shot that is about to be sent to the core, as they are now.

        Args:
            shot: The Shot as JSON data.
        """
        return cls(shot, {path: states_of(path) for path in input_paths(shot)})

    def store(self, path: str, frame: int) -> None:
        """Store it beside the frame, which is written; a folder that cannot be written is left as it is.

        Args:
            path: The path of the previews, with ####.
            frame: The frame.
        """
        data = {"shot": self.shot, "files": self.files, "frame": states_of(path).get(str(frame))}
        file = _preview_file(path, frame)
        with suppress(OSError):
            atomic.write_text(file, json.dumps(data) + "\n")

    @classmethod
    def read(cls, path: str, frame: int) -> PreviewOrigin | None:
        """Return what is stored of the preview of a frame; None if nothing is, or if the frame was written since.

        Args:
            path: The path of the previews, with ####.
            frame: The frame.
        """
        try:
            data = json.loads(_preview_file(path, frame).read_text(encoding="utf-8"))
            size, changed = data["frame"]
            is_same = states_of(path).get(str(frame)) == (size, changed)
            return cls(dict(data["shot"]), _states_by_path(data["files"])) if is_same else None
        except (OSError, LookupError, TypeError, ValueError):
            return None


def _preview_file(path: str, frame: int) -> Path:
    return Path(path).with_name(f"made_from.{frame}.json")


def _states_by_path(data: object) -> dict[str, FileStates]:
    return {str(path): _states(each) for path, each in data.items()} if isinstance(data, dict) else {}


def _states(data: object) -> dict[str, tuple[int, int]]:
    """Return the states that a file holds; empty if it holds none."""
    if not isinstance(data, dict):
        return {}
    try:
        return {str(frame): (int(size), int(changed)) for frame, (size, changed) in data.items()}
    except (TypeError, ValueError):
        return {}

"""A node's results on disk: FOLDER/v001/STEM_v001.####.exr, each beside the shot that was asked of the core.

Nothing that is finished is ever overwritten: what has changed since the last version makes a new one. No Nuke here.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import RefColorizeError
from . import atomic, exr

__all__ = [
    "OWN_FILES",
    "PREVIEW",
    "SHOT_FILE",
    "Results",
    "Version",
    "read_confidence",
    "stamp",
    "write_comment",
    "write_confidence",
    "written_to",
]

PREVIEW = "preview"  # beside the versions; what it holds is made anew each time
SHOT_FILE = "shot.json"
_MADE_FROM_FILE = "made_from.json"
_ABOUT_FILE = "about.json"  # what is known of a version besides: comment, confidence
_CONFIDENCE = "stcolor/confidence"  # in the header of each frame
OWN_FILES = frozenset((SHOT_FILE, _MADE_FROM_FILE, _ABOUT_FILE))
_FOLDER = re.compile(r"v(\d{3,})")


@dataclass(frozen=True)
class Version:
    """One result on disk. path: pattern of its frames, with ####. frames: how many are there."""

    number: int
    path: str
    frames: int

    @property
    def name(self) -> str:
        """As the knob `version` shows it: v001."""
        return f"v{self.number:03d}"

    @property
    def shot_file(self) -> Path:
        """The shot that was asked of the core, as `stcolor colorize --shot` takes it."""
        return Path(self.path).with_name(SHOT_FILE)

    def shot(self) -> dict[str, Any]:
        """What is in that file; empty where it cannot be read."""
        return _read(self.shot_file)

    def keyframes(self) -> tuple[int, ...]:
        """The frames of its references, as far as these are still on disk."""
        patterns = [str(reference.get("path", "")) for reference in self.shot().get("references", ())]
        return tuple(sorted({frame for pattern in patterns for frame in _frames(pattern)}))

    def comment(self) -> str:
        """What the artist has written about it."""
        return str(_read(_about(self.path)).get("comment", ""))

    def confidence(self) -> dict[int, float]:
        """Mean confidence of each frame, 0..1; empty while the version is not done."""
        found = _read(_about(self.path)).get("confidence", {})
        try:
            return {int(frame): float(value) for frame, value in found.items()}
        except (AttributeError, TypeError, ValueError):
            return {}


@dataclass(frozen=True)
class Results:
    """All results of one node. folder: theirs alone. stem: how their files' names begin."""

    folder: Path
    stem: str

    def pattern(self, name: str) -> str:
        """The frames of a version, or of the preview."""
        return (self.folder / name / f"{self.stem}_{name}.####.exr").as_posix()

    def versions(self) -> list[Version]:
        """Those on disk, the oldest first; empty where there is no folder yet."""
        numbers = [int(match[1]) for path in self.folder.glob("v*") if (match := _FOLDER.fullmatch(path.name))]
        named = [Version(number, self.pattern(f"v{number:03d}"), 0) for number in sorted(numbers)]
        return [Version(each.number, each.path, len(list(_frames(each.path)))) for each in named]

    def first_last(self, name: str) -> tuple[int, int] | None:
        """The frames that a result has or is going to have; None where nothing is known of it."""
        made_from = _read(Path(self.pattern(name)).with_name(_MADE_FROM_FILE))
        try:
            return int(made_from["first"]), int(made_from["last"])
        except (LookupError, TypeError, ValueError):
            frames = list(_frames(self.pattern(name)))
        return (min(frames), max(frames)) if frames else None

    def claim(self, asked: Mapping[str, Any], *, first: int, last: int, made_from: str) -> Version:
        """The version that this shot belongs to: the last one where it was asked the very same, else a new one.

        asked: a Shot without its output's path. made_from: a `stamp` of the files that it reads. A new version's folder
        is made, and the shot written into it. Raises RefColorizeError where that cannot be done.
        """
        earlier = self.versions()
        note = {"first": first, "last": last, "inputs": made_from}
        if earlier and self._is_of(earlier[-1], asked, note):
            return earlier[-1]
        try:
            version = self._made(earlier[-1].number + 1 if earlier else 1)
            shot = written_to(asked, version.path, reuse=earlier[-1].path if earlier else None)
            _write(version.shot_file, shot)
            _write(version.shot_file.with_name(_MADE_FROM_FILE), note)
        except OSError as error:
            why = error.strerror or error
            raise RefColorizeError(f"{self.folder} cannot be written ({why}). Choose another output folder.") from None
        return version

    def _made(self, number: int) -> Version:
        """The first free number from there on; another Nuke may be at it too."""
        while True:
            version = Version(number, self.pattern(f"v{number:03d}"), 0)
            try:
                Path(version.path).parent.mkdir(parents=True)
                return version
            except FileExistsError:
                number += 1

    @staticmethod
    def _is_of(version: Version, asked: Mapping[str, Any], note: Mapping[str, Any]) -> bool:
        shot = version.shot()
        reuse = shot.get("output", {}).get("reuse")
        same = shot == json.loads(json.dumps(written_to(asked, version.path, reuse=reuse)))
        return same and _read(version.shot_file.with_name(_MADE_FROM_FILE)) == note


def written_to(asked: Mapping[str, Any], path: str, *, reuse: str | None) -> dict[str, Any]:
    """The shot with its output's path, and the earlier result whose frames may be taken over."""
    return {**asked, "output": {**asked["output"], "path": path, "reuse": reuse}}


def write_comment(path: str, comment: str) -> None:
    """Keep what the artist writes about the version of these frames. RefColorizeError where that cannot be written."""
    _keep(path, "comment", comment.strip())


def write_confidence(path: str, confidence: Mapping[int, float]) -> None:
    """Keep how sure each frame of the version is. Raises as `write_comment`."""
    _keep(path, "confidence", {str(frame): round(value, 4) for frame, value in confidence.items()})


def read_confidence(path: str) -> dict[int, float]:
    """The mean confidence that each frame of a version has in its own header, 0..1; slow for a long shot."""
    folder, found = Path(path).parent, {}
    for frame, file in _named(path):
        with suppress(OSError, ValueError):
            found[frame] = float(exr.text(folder / file, _CONFIDENCE))
    return found


def _about(path: str) -> Path:
    return Path(path).with_name(_ABOUT_FILE)


def _keep(path: str, name: str, value: object) -> None:
    file = _about(path)
    known = _read(file)
    if known.get(name) == value:
        return
    try:
        _write(file, {**known, name: value})
    except OSError as error:
        why = error.strerror or error
        raise RefColorizeError(f"{file} cannot be written ({why}). Ask for write access to its folder.") from None


def stamp(patterns: Iterable[str]) -> str:
    """16 hex digits that change when a file of these does: by name, size and time of change."""
    digest = hashlib.sha256()
    for pattern in patterns:
        for frame, status in sorted(_files(pattern), key=lambda found: found[0]):
            digest.update(f"{pattern} {frame} {status.st_size} {status.st_mtime_ns}\n".encode())
    return digest.hexdigest()[:16]


def _frames(pattern: str) -> Iterator[int]:
    return (int(frame) for frame, _ in _files(pattern) if frame)


def _named(pattern: str) -> Iterator[tuple[int, str]]:
    """Frame and file name of each frame on disk."""
    name = Path(pattern).name
    return ((int(frame), re.sub("#+", frame, name)) for frame, _ in _files(pattern) if frame)


def _files(pattern: str) -> Iterator[tuple[str, os.stat_result]]:
    """Frame, as it is written, and state of each file of a pattern; "" is the frame of a single file."""
    path = Path(pattern)
    head, dashes, tail = re.fullmatch(r"(.*?)(#*)([^#]*)", path.name).groups()  # type: ignore[union-attr]
    frame = re.compile(re.escape(head) + (r"(-?\d+)" if dashes else "()") + re.escape(tail))
    try:
        with os.scandir(path.parent) as entries:
            for entry in entries:
                match = frame.fullmatch(entry.name)
                if match:
                    yield match[1], entry.stat()
    except OSError:
        return  # no folder, or a file gone meanwhile: the core says so where it matters


def _read(path: Path) -> dict[str, Any]:
    """A JSON object; empty where there is none."""
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return data if isinstance(data, dict) else {}


def _write(path: Path, data: Mapping[str, Any]) -> None:
    atomic.write_text(path, json.dumps(data, indent=2) + "\n")

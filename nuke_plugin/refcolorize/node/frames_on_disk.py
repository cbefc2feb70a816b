"""The files of a sequence that are on disk: their frames, and when they changed. Does not import nuke."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType

__all__ = [
    "FileStates",
    "change_time",
    "count_frames",
    "files_of",
    "frame_in",
    "frames_of",
    "is_file",
    "is_folder",
    "stamp",
    "stamp_of",
    "states_of",
]

FileStates = Mapping[
    str, tuple[int, int]
]  # size in bytes and time of change in nanoseconds, by the frame number as text
_NOWHERE: Mapping[str, str] = MappingProxyType({})


def stamp(patterns: Iterable[str], *, moved: Mapping[str, str] = _NOWHERE) -> str:
    """Return 16 hex digits that change when a file's name, size or time of change does.

    Args:
        patterns: The paths of sequences, with ####, and of single files.
        moved: The paths at which the files of some of these patterns are now.
    """
    return stamp_of((pattern, states_of(moved.get(pattern, pattern))) for pattern in patterns)


def stamp_of(states: Iterable[tuple[str, FileStates]]) -> str:
    """Return the `stamp` of files whose sizes and times are known.

    Args:
        states: The path of each sequence or single file, and the states of its files.
    """
    digest = hashlib.sha256()
    for pattern, files in states:
        for frame, (size, changed) in sorted(files.items()):
            digest.update(f"{pattern} {frame} {size} {changed}\n".encode())
    return digest.hexdigest()[:16]


def states_of(pattern: str) -> dict[str, tuple[int, int]]:
    """Return the size and the time of change of each file of a pattern, by its frame number as text.

    Args:
        pattern: The path of the frames, with ####, or of a single file, whose number is "".
    """
    return {frame: (status.st_size, status.st_mtime_ns) for frame, status in files_of(pattern)}


def count_frames(pattern: str) -> int:
    """Return how many frames of a pattern are on disk.

    Args:
        pattern: The path of the frames, with ####.
    """
    return sum(1 for _ in frames_of(pattern))


def change_time(pattern: str) -> int:
    """Return when the folder of frames last changed, in nanoseconds since 1970; 0 if it cannot be read.

    Args:
        pattern: The path of the frames, with ####; "" for none.
    """
    try:
        return Path(pattern).parent.stat().st_mtime_ns if pattern else 0
    except OSError:
        return 0


def is_file(path: str | Path) -> bool:
    """Return whether there is a file that this user may look at. Never raises, as `Path.is_file` may.

    Args:
        path: The path.
    """
    return os.path.isfile(path)  # noqa: PTH113


def is_folder(path: str | Path) -> bool:
    """Return whether there is a folder that this user may look at. Never raises, as `Path.is_dir` may.

    Args:
        path: The path.
    """
    return os.path.isdir(path)  # noqa: PTH112


def frames_of(pattern: str) -> Iterator[int]:
    """Yield the numbers of the frames of a pattern that are on disk, in no order.

    Args:
        pattern: The path of the frames, with ####.
    """
    return (int(frame) for frame, _ in files_of(pattern) if frame)


def files_of(pattern: str) -> Iterator[tuple[str, os.stat_result]]:
    """Yield the frame number as text and the file status of each file of a pattern; "" for a single file.

    Args:
        pattern: The path of the frames, with ####, or of a single file.
    """
    frame = _frame_name(pattern)
    try:
        with os.scandir(Path(pattern).parent) as entries:
            for entry in entries:
                match = frame.fullmatch(entry.name)
                if match:
                    yield match[1], entry.stat()
    except OSError:
        return  # the folder or a file is missing; the core reports it if it matters


def frame_in(pattern: str, path: str) -> str | None:
    """Return the frame number as text of a file of a pattern, "" for a single file; None if it is no file of it.

    Args:
        pattern: The path of the frames, with ####, or of a single file.
        path: The path of a file, which need not be there.
    """
    match = _frame_name(pattern).fullmatch(Path(path).name)
    return match[1] if match and Path(path).parent == Path(pattern).parent else None


def _frame_name(pattern: str) -> re.Pattern[str]:
    """Return an expression that matches the names of a pattern's files, with the frame number as its group."""
    head, hashes, tail = re.fullmatch(r"(.*?)(#*)([^#]*)", Path(pattern).name).groups()  # type: ignore[union-attr]
    return re.compile(re.escape(head) + (r"(-?\d+)" if hashes else "()") + re.escape(tail))

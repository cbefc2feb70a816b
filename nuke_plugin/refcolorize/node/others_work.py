"""Files of a node's results that hold somebody's own work: frames painted over or locked, pictures put beside inputs.

Does not import nuke.
"""

from __future__ import annotations

import json
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from . import exr
from .frames_on_disk import files_of, frames_of

__all__ = ["CONTENTS_FILE", "changed_frames", "further_frames", "has_own_pictures"]

CONTENTS_FILE = "contents.json"
"""In a folder of rendered inputs: for each of its pictures, the digests of its pixels and of its upstream nodes."""
_WRITTEN = "stcolor/written"  # in the header of each frame: when it was written, which is its time of change too
_OF_THE_SYSTEM = ("Thumbs.db", "desktop.ini")
_THREADS = 16  # files opened at once; the threads mostly wait for the disk


def changed_frames(pattern: str) -> tuple[int, ...]:
    """Return the frames that somebody has changed, copied or locked since the core wrote them, in ascending order.

    A copy that has another time of change counts as changed: only the core can compare its pixels.

    Args:
        pattern: The path of the frames, with ####.
    """
    path = Path(pattern)
    files = [
        (int(frame), path.with_name(path.name.replace("####", frame)), status)
        for frame, status in files_of(pattern)
        if frame
    ]
    with ThreadPoolExecutor(_THREADS) as threads:
        changed = threads.map(lambda file: file[0] if _is_changed(*file[1:]) else None, files)
        return tuple(sorted(frame for frame in changed if frame is not None))


def further_frames(pattern: str) -> tuple[int, ...]:
    """Return the frames whose pictures somebody has put beside those that Nuke rendered, in ascending order.

    Args:
        pattern: The path of rendered inputs, with ####.
    """
    try:
        known = json.loads(Path(pattern).with_name(CONTENTS_FILE).read_text(encoding="utf-8"))
        rendered = {int(name.split(".")[1]) for name in known}
    except (OSError, ValueError, LookupError, TypeError):  # nobody knows what was rendered
        return ()
    return tuple(sorted(frame for frame in frames_of(pattern) if frame not in rendered))


def has_own_pictures(folder: Path) -> bool:
    """Return whether a folder of rendered inputs holds a file that Nuke did not render into it.

    Args:
        folder: The folder. The page asks for the picture of a further keyframe in that of the references.
    """
    contents = folder / CONTENTS_FILE
    try:
        known, noted = json.loads(contents.read_text(encoding="utf-8")), contents.stat().st_mtime_ns
        others = (CONTENTS_FILE, *_OF_THE_SYSTEM)
        files = [path for path in folder.iterdir() if path.name not in others and not path.name.startswith(".")]
        return any(_is_own(path, known, noted) for path in files)
    except (OSError, ValueError, LookupError, TypeError):  # nobody knows what was rendered into it
        return False


def _is_changed(path: Path, status: os.stat_result) -> bool:
    if _is_locked(status):
        return True
    try:
        return bool(status.st_size) and exr.text(path, _WRITTEN) != str(status.st_mtime_ns)
    except OSError:  # it may be anything
        return True


def _is_own(path: Path, known: dict[str, dict[str, str]], noted: int) -> bool:
    """Return whether a file beside rendered inputs is none of them; its pixels are read only if it is newer."""
    if path.name not in known:
        return True
    status = path.stat()
    return _is_locked(status) or (status.st_mtime_ns > noted and exr.digest(path).hex() != known[path.name]["pixels"])


def _is_locked(status: os.stat_result) -> bool:
    """Return whether nobody may write the file; facilities lock approved frames in this way."""
    return not status.st_mode & 0o222

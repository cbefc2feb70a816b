"""The confidence of the frames of a version, as their headers have it. Does not import nuke."""

from __future__ import annotations

import re
from pathlib import Path

from . import exr
from .frames_on_disk import files_of

__all__ = ["FrameCurve", "read_confidence"]

_CONFIDENCE = "stcolor/confidence"  # an attribute in the header of each frame


def read_confidence(path: str) -> dict[int, float]:
    """Return the mean confidence (0..1) in the header of each frame of a version. Slow for a long shot.

    Args:
        path: The path of the version's frames.
    """
    return dict(FrameCurve(path).read())


class FrameCurve:
    """The confidence of the frames of a version, read from their headers. A file that stays is read once. Any thread.

    Args:
        path: The path of the frames, with ####; "" for none.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        self._known: dict[str, tuple[tuple[int, int], float | None]] = {}

    def read(self) -> tuple[tuple[int, float], ...]:
        """Return (frame, confidence 0..1) for each frame on disk that has a confidence, in frame order."""
        if not self._path:
            return ()
        folder, name, curve = Path(self._path).parent, Path(self._path).name, []
        for frame, status in files_of(self._path):
            file, state = re.sub("#+", frame, name), (status.st_size, status.st_mtime_ns)
            if self._known.get(file, (None, None))[0] != state:
                self._known[file] = state, _confidence_in(folder / file)
            confidence = self._known[file][1]
            if frame and confidence is not None:
                curve.append((int(frame), confidence))
        return tuple(sorted(curve))


def _confidence_in(file: Path) -> float | None:
    try:
        return float(exr.text(file, _CONFIDENCE))
    except (OSError, ValueError):
        return None

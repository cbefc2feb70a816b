"""What lies where a shot's frames go: what is valid is kept, what somebody has changed is never overwritten unasked."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any

from stcolor_core.files.links import copy_or_link
from stcolor_core.files.stat_cache import Status
from stcolor_core.images.frame_files import frame_state, is_as_written
from stcolor_core.images.sequences import FramePattern

__all__ = ["Existing", "Found", "FrameStanding"]

_AT_ONCE = 16  # files looked at in threads: they wait for the disk


class FrameStanding(Enum):
    """How a file stands towards the frame that is to be there.

    MISSING: nothing is there, or an empty or truncated frame of ours. STALE: an unchanged frame of ours, of another
    state of the shot, that may be written. VALID: the very frame. CHANGED: a valid frame that somebody has painted
    over. FOREIGN: anything else that is not known to be ours and unchanged.
    """

    MISSING = "missing"
    STALE = "stale"
    VALID = "valid"
    CHANGED = "changed"
    FOREIGN = "foreign"

    @property
    def stays(self) -> bool:
        """Whether the file is left as it is unless its frame is forced."""
        return self in (FrameStanding.VALID, FrameStanding.CHANGED, FrameStanding.FOREIGN)

    @property
    def is_others_work(self) -> bool:
        """Whether somebody else's work is in it."""
        return self in (FrameStanding.CHANGED, FrameStanding.FOREIGN)


@dataclass(frozen=True)
class Found:
    """A file as it was looked at. status: None where there is none. metadata: what its header says."""

    standing: FrameStanding
    status: Status | None
    metadata: Mapping[str, Any]

    @property
    def confidence(self) -> float | None:
        """The frame's mean confidence, 0..1; None where it does not say."""
        try:
            return float(self.metadata["stcolor/confidence"])
        except (LookupError, TypeError, ValueError):
            return None


class Existing:
    """The files at a shot's output, and those of the version that it may reuse.

    link: whether frames are reused by links in place of copies.
    """

    def __init__(self, output: FramePattern, reuse: FramePattern | None, *, link: bool) -> None:
        self._output, self._reuse, self._link = output, reuse, link
        self._reusable: dict[int, Found] = {}

    def look(self, digests: Mapping[int, str]) -> dict[int, Found]:
        """Look at the file of every frame, several at a time, each opened once."""
        return self._look(self._output, digests)

    def reusable(self, digests: Mapping[int, str]) -> frozenset[int]:
        """The frames that the version to reuse holds as they would come out, and unchanged."""
        if self._reuse is None or not digests:
            return frozenset()
        found = self._look(self._reuse, digests)
        self._reusable = {frame: each for frame, each in found.items() if each.standing is FrameStanding.VALID}
        return frozenset(self._reusable)

    def has_nothing_to_reuse(self) -> bool:
        """Whether a version is to be reused that has no frame at all."""
        return self._reuse is not None and not self._reuse.frames()

    def reuse(self, frame: int) -> float | None:
        """Take a frame over from the version to reuse; its mean confidence. Raises OutputError if that cannot be."""
        assert self._reuse is not None
        copy_or_link(self._reuse.path(frame), self._output.path(frame), link=self._link)
        return self._reusable[frame].confidence

    def look_again(self, frame: int, digest: str, found: Found) -> Found:
        """Return how the file stands now: as found, unless its status is another by now."""
        path = self._output.path(frame)
        return found if _status(path) == found.status else _look_at(path, digest)

    @staticmethod
    def _look(pattern: FramePattern, digests: Mapping[int, str]) -> dict[int, Found]:
        there = set(pattern.frames())
        nothing = Found(FrameStanding.MISSING, None, {})
        with ThreadPoolExecutor(_AT_ONCE) as threads:
            looks = {
                frame: threads.submit(_look_at, pattern.path(frame), digests[frame])
                for frame in there.intersection(digests)
            }
        return {frame: looks[frame].result() if frame in looks else nothing for frame in digests}


def _look_at(path: Path, digest: str) -> Found:
    status = _status(path)
    if status is None or status[0] == 0:
        return Found(FrameStanding.MISSING, status, {})
    state = frame_state(path)
    own = state.metadata.get("stcolor/settings")
    if own is None:
        return Found(FrameStanding.FOREIGN, status, state.metadata)
    if not state.complete:
        return Found(FrameStanding.MISSING, status, state.metadata)
    changed = not state.untouched and is_as_written(path) is False
    if own == digest:
        return Found(FrameStanding.CHANGED if changed else FrameStanding.VALID, status, state.metadata)
    return Found(FrameStanding.FOREIGN if changed or _is_locked(path) else FrameStanding.STALE, status, state.metadata)


def _is_locked(path: Path) -> bool:
    """Whether nobody may write the file, as facilities do with frames that are approved."""
    try:
        return not path.stat().st_mode & 0o222
    except OSError:  # gone by now
        return False


def _status(path: Path) -> Status | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_size, status.st_mtime_ns

"""The mattes of a shot's frames: their files, and what the headers of these say."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from functools import cached_property
from pathlib import Path

from stcolor_core.files.stat_cache import Status
from stcolor_core.images.pictures import Window
from stcolor_core.pipeline.input_files import InputFiles, MatteHeader, manifest_state
from stcolor_core.shots.shot import Shot
from stcolor_core.shots.shot_files import find_mattes

__all__ = ["MatteFiles"]


class MatteFiles:
    """The mattes of one shot, by frame. Headers are read when one is first asked for.

    Args:
        shot: The shot.
        frames: The frames of its plate.
        files: The shot's files.
    """

    def __init__(self, shot: Shot, frames: Collection[int], files: InputFiles) -> None:
        self._shot, self._frames, self._files = shot, frames, files

    def of(self, frame: int) -> list[Path]:
        """Return the matte files of a frame: those given for this frame, and the existing files of sequences.

        Args:
            frame: The frame's number.
        """
        return find_mattes(self._shot, frame)

    def all(self) -> list[Path]:
        """Return the matte files of all frames, in the order of the frames."""
        return [path for frame in self._frames for path in self.of(frame)]

    def sizes(self, frame: int) -> list[Window]:
        """Return the display window of each of a frame's mattes.

        Args:
            frame: The frame's number.
        """
        return [self._headers[path].display_window for path in self.of(frame)]

    def state(self, frame: int) -> list[Status | str]:
        """Return the size and time of each of a frame's mattes, then the checksums of the manifests they name.

        Args:
            frame: The frame's number.
        """
        paths = self.of(frame)
        states: list[Status | str] = [self._files.state(path) for path in paths]
        return states + [manifest_state(path.parent / name) for path in paths if (name := self._headers[path].manifest)]

    @cached_property
    def _headers(self) -> Mapping[Path, MatteHeader]:
        return self._files.matte_headers(self.all())

"""What the inputs of a shot count by: many files by size and time, the others by their content.

If it is the same as when a frame was made, the frame is as it would be made now (`digest`).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from functools import cached_property
from pathlib import Path

from stcolor_core.files.stat_cache import Status
from stcolor_core.pipeline.input_files import InputFiles
from stcolor_core.pipeline.input_spaces import InputSpaces
from stcolor_core.shots.reference_files import ReferencePicture

__all__ = ["InputStates"]


class InputStates:
    """The states of one shot's inputs, each from when this run first used the file.

    Args:
        files: The shot's files.
        frames: Plate frame -> its file.
        coloured: The files of the references and stills.
        masks: The files of the references' masks.
        spaces: The colour spaces of the references and stills.
        movie_start: The first frame of a plate that is a movie, by the plate's numbers; None if it is none.
    """

    def __init__(
        self,
        files: InputFiles,
        frames: Mapping[int, Path],
        *,
        coloured: Collection[Path],
        masks: Collection[Path],
        spaces: InputSpaces,
        movie_start: int | None,
    ) -> None:
        self._files, self._frames, self._spaces = files, frames, spaces
        self._coloured, self._masks, self._movie_start = coloured, masks, movie_start

    def of_file(self, path: Path) -> Status:
        """Return what a file counts by: its size and modification time, or the earlier ones if it was only touched.

        Args:
            path: The file.

        Raises:
            PlateError: If it cannot be read.
        """
        return self._files.state(path)

    def statuses(self, mattes: Iterable[Path]) -> dict[Path, Status]:
        """Return the size and modification time of the files that count by them: those of the plate, and mattes.

        Args:
            mattes: The mattes.
        """
        return {path: self._files.status(path) for path in (*self._frames.values(), *mattes)}

    def plate_status(self, frame: int) -> Status:
        """Return the size and modification time of a plate frame's file.

        Args:
            frame: The frame's number.
        """
        return self._files.status(self._frames[frame])

    def plate(self, frame: int) -> tuple[int, ...]:
        """Return what decides a plate frame: what its file counts by, as there are too many to compare all bytes.

        Of a movie, the frame's place in it is added.

        Args:
            frame: The frame's number.
        """
        status = self._files.state(self._frames[frame])
        return status if self._movie_start is None else (*status, frame - self._movie_start)

    def coloured(self, path: Path, colorspace: str | None) -> tuple[str, str]:
        """Return the checksum of a reference or still and the identity of its colour space.

        Args:
            path: The picture's file.
            colorspace: The colour space given for it; None if there is none.
        """
        space = self._spaces.pipe_of(path, colorspace, exposure=0.0).space
        return self._contents[path], space.identity

    def reference(self, picture: ReferencePicture) -> list[object]:
        """Return everything about a reference that decides pixels: its content and colour space, and where it counts.

        Args:
            picture: The reference.
        """
        mask = None if picture.mask is None else self._contents[picture.mask]
        frame = [] if picture.movie_frame is None else [picture.movie_frame]
        place = [] if picture.placement is None else [picture.placement.display, picture.placement.inside]
        return [*self.coloured(picture.path, picture.colorspace), mask, picture.alpha, *frame, *place]

    def content_of_coloured(self, path: Path) -> str:
        """Return the checksum of a reference, of its mask or of a still.

        Args:
            path: The file.
        """
        return self._contents[path]

    def content(self, path: Path) -> str:
        """Return the checksum of another file that the shot reads, such as detector weights.

        Args:
            path: The file.

        Raises:
            PlateError: If the file cannot be read.
        """
        return self._files.checksums([path])[path]

    @cached_property
    def _contents(self) -> Mapping[Path, str]:
        """Return the checksums of the references, their masks and the stills."""
        return self._files.checksums([*self._coloured, *self._masks])

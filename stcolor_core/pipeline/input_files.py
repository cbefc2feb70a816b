"""The files of a shot as a run reads them: found once, refused by name if they change meanwhile."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from stcolor_core.errors import PlateError
from stcolor_core.files.stat_cache import StatCache, Status, map_in_threads
from stcolor_core.images import plates
from stcolor_core.images.cryptomatte import MANIFEST_BYTES, find_layer
from stcolor_core.images.formats import HeaderSummary, read_formats
from stcolor_core.images.picture_names import name_picture
from stcolor_core.images.pictures import Picture, Window
from stcolor_core.models.weight_files import checksum
from stcolor_core.movies.names import is_movie
from stcolor_core.movies.reader import open_movie
from stcolor_core.pipeline.input_contents import InputContents
from stcolor_core.remedies import advise

__all__ = ["InputFiles", "MatteHeader", "manifest_state"]

# increase the number when the cached values change their form
_FORMATS, _MATTES, _COVERED = "formats 3", "mattes 1", "covered 2"


@dataclass(frozen=True)
class MatteHeader:
    """What the header of a matte says.

    Attributes:
        manifest: The name of the sidecar manifest that a Cryptomatte refers to; "" if there is none.
        display_window: As in `pictures.Header`.
    """

    manifest: str
    display_window: Window


class InputFiles:
    """Reads files, and what is cached of them, for one run.

    Args:
        numbers: The frame number of each plate frame's file, for messages.
        roles: What other files are to the shot, as in `pictures.Header`, for messages.
        cache: The cache of formats and checksums.
        contents: Keeps the checksums of files that count by their time; None keeps none.
    """

    def __init__(
        self,
        numbers: Mapping[Path, int],
        roles: Mapping[Path, str],
        cache: StatCache,
        contents: InputContents | None = None,
    ) -> None:
        self._numbers, self._roles, self._cache, self._contents = numbers, roles, cache, contents
        self._statuses: dict[Path, Status] = {}

    def read(
        self, path: Path, read: Callable[[Path], Picture], *, frame: int | None = None, by_time: bool = False
    ) -> Picture:
        """Read a picture, and refuse it if it has changed since this run first used it.

        Args:
            path: The file.
            read: Reads it.
            frame: The plate frame that it belongs to, for the message.
            by_time: Whether it counts by its size and time.

        Returns:
            The picture with its header.

        Raises:
            PlateError: If the file is damaged or has changed.
        """
        status = self.status(path)
        picture = read(path)
        if by_time and self._contents is not None:  # now, as the system still has the file in memory
            self._contents.note(path, status)
        if self._current_status(path) != status:
            label = self.label(path) if frame is None else name_picture(path, frame)
            raise PlateError(f"{label} has changed since this run began. {advise('resume')}.")
        return picture

    def role(self, path: Path) -> str:
        """Return what a file is to the shot, for messages; "" for a frame of the plate, or if that is not known.

        Args:
            path: The file.
        """
        return self._roles.get(path, "")

    def label(self, path: Path) -> str:
        """Return how messages name a file.

        Args:
            path: The file.
        """
        return name_picture(path, self._numbers.get(path), self.role(path))

    def formats_of_coloured(self, paths: Sequence[Path]) -> dict[Path, HeaderSummary]:
        """Return the format of every reference and still; one frame of a movie stands for all.

        Args:
            paths: Their files.

        Raises:
            PlateError: If one is missing or damaged.
        """
        formats = self.formats(path for path in paths if not is_movie(path))
        for path in filter(is_movie, paths):
            self.status(path)
            try:
                formats[path] = open_movie(path).summary()
            except PlateError as error:  # it names the movie's file alone
                raise PlateError(f"{self.role(path)}: {error}" if self.role(path) else str(error)) from None
        return formats

    def formats(self, paths: Iterable[Path], *, layer: str | None = None) -> dict[Path, HeaderSummary]:
        """Return the format of each picture, by its header.

        Args:
            paths: The pictures' files.
            layer: The layer that is read; None for the first with colours.
        """
        files = {path: self.status(path) for path in paths}
        read = partial(read_formats, numbers=self._numbers, roles=self._roles, layer=layer)
        entries = self._cache.get_for_files(f"{_FORMATS} {layer!r}", files, read)
        return {path: HeaderSummary.load(entries[path]) for path in files}

    def status(self, path: Path) -> Status:
        """Return the file's size and modification time from when this run first used it.

        Args:
            path: The file.

        Raises:
            PlateError: If there is no such file, or it cannot be read.
        """
        if path not in self._statuses:
            self._statuses[path] = self._current_status(path)
        return self._statuses[path]

    def state(self, path: Path) -> Status:
        """Return what a file counts by: its status, or the earlier one if it was only touched.

        Args:
            path: The file.

        Raises:
            PlateError: As `status`.
        """
        status = self.status(path)
        return status if self._contents is None else self._contents.state(path, status)

    def _current_status(self, path: Path) -> Status:
        try:
            status = path.stat()
        except OSError as error:
            if not is_movie(path):
                # raises a more exact error for a picture
                plates.read_header(path, frame=self._numbers.get(path), role=self.role(path))
            raise PlateError(
                f"{self.label(path)} cannot be read ({error.strerror}). Check that it is still there."
            ) from None
        return status.st_size, status.st_mtime_ns

    def checksums(self, paths: Iterable[Path]) -> Mapping[Path, str]:
        """Return the checksum of each file's content.

        Args:
            paths: The files.

        Raises:
            PlateError: If one cannot be read.
        """
        try:
            return self._cache.get_for_files(
                "sha256", {path: self.status(path) for path in paths}, map_in_threads(checksum)
            )
        except OSError as error:
            label = self.label(Path(error.filename))
            raise PlateError(f"{label} cannot be read ({error.strerror}). Check the path.") from None

    def matte_headers(self, paths: Iterable[Path]) -> Mapping[Path, MatteHeader]:
        """Return what the header of each matte says.

        Args:
            paths: Files of mattes.

        Raises:
            PlateError: If one is missing or damaged.
        """
        files = {path: self.status(path) for path in paths}
        entries = self._cache.get_for_files(_MATTES, files, map_in_threads(self._read_matte_header))
        return {path: MatteHeader(str(entries[path][0]), tuple(entries[path][1])) for path in files}

    def shares(self, kind: str, paths: Iterable[Path], read: Callable[[Path], float]) -> Mapping[Path, float]:
        """Return what part of the plate each picture covers, 0..1.

        Args:
            kind: What decides the shares besides the pictures.
            paths: The pictures' files.
            read: Returns the share of one picture.
        """
        files = {path: self.status(path) for path in paths}
        return self._cache.get_for_files(f"{_COVERED} {kind}", files, map_in_threads(read))

    def _read_matte_header(self, path: Path) -> tuple[str, Window]:
        header = plates.read_matte_header(path, role=self.role(path))
        layer = find_layer(header.metadata, header.channels)
        manifest = "" if layer is None else str(header.metadata.get(f"{layer.prefix}manif_file", ""))
        return manifest, header.display_window


def manifest_state(path: Path) -> str:
    """Return the checksum of a manifest; if it cannot be read, a text that says why, as it then names no instances.

    Args:
        path: The manifest's file.
    """
    try:
        if not path.is_file() or path.stat().st_size > MANIFEST_BYTES:
            return "none"
        return checksum(path)
    except OSError as error:
        return str(error.errno)

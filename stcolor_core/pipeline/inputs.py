"""Every file that decides a shot's pixels: found, looked at once, read, and told apart from an earlier state of itself.

The one place through which a run reads pictures, so that whatever is read is also in the digest of the frames.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property, partial
from pathlib import Path

from stcolor_core.errors import ColorError, PlateError
from stcolor_core.files.stat_cache import StatCache, Status, in_threads
from stcolor_core.images import plates
from stcolor_core.images.color import ColorPipe
from stcolor_core.images.cryptomatte import MANIFEST_BYTES, find_layer
from stcolor_core.images.formats import Format, read_formats
from stcolor_core.images.interop import interop_id
from stcolor_core.images.ocio import forget_files
from stcolor_core.images.plates import Header, Picture
from stcolor_core.images.sequences import FramePattern
from stcolor_core.models.weight_files import checksum
from stcolor_core.shots.shot import Plate, Reference, Shot, Still, format_frames, name_frames
from stcolor_core.shots.shot_files import check_mattes, find_frames, find_references

__all__ = ["InputSpace", "ShotInputs", "open_pipe"]

_FORMATS, _MANIFESTS = "formats 1", "manifests 1"  # counted up when what is kept under these names changes
_TYPES = {"openexr": "EXR"}
_SAME_TYPE = {".tiff": ".tif", ".jpeg": ".jpg", ".sxr": ".exr"}


@dataclass(frozen=True)
class InputSpace:
    """What is told of one input at the start: its colour space, why it is that, and the layer that is taken.

    what: like "Plate" or "Reference 1010". path: as the artist wrote it. layer: "" where there is only one.
    """

    what: str
    path: str
    space: str
    why: str
    layer: str = ""

    def __str__(self) -> str:
        layer = f", layer {self.layer}" if self.layer else ""
        return f"{self.what} {self.path}{layer}: {self.space} ({self.why})"


def open_pipe(
    shot: Shot, colorspace: str | None, picture: Path, *, file: Format | Header, exposure: float
) -> ColorPipe:
    """Return a picture's colour space: its own where it is given, the plate's where it is of the plate's file type.

    Raises ColorError as `ColorPipe.open` does.
    """
    if colorspace is None and _of_plates_type(shot, picture):
        colorspace = shot.plate.colorspace
    return ColorPipe.open(
        colorspace, file_format=file.file_format, pixel_type=file.pixel_type, ocio=shot.ocio, exposure=exposure
    )


def _of_plates_type(shot: Shot, picture: Path) -> bool:
    plate, own = (path.suffix.lower() for path in (FramePattern.parse(shot.plate.path).path(0), picture))
    return _SAME_TYPE.get(plate, plate) == _SAME_TYPE.get(own, own)


class ShotInputs:
    """The files of one shot. What changes while it lives is refused by name when it is read.

    Attributes:
        frames: Every plate frame and its file, in ascending order.
        formats: What each of these files says of itself.
        references: Reference frame -> its picture and the colour space given for it.
        pipe: The plate's colour space.
        spaces: The colour space of every input, as it is told.
        record: The same in one line, as it goes into the frames.

    Raises:
        StcolorError: If a file is missing, damaged or of no known colour space.
    """

    def __init__(self, shot: Shot, *, warn: Callable[[str], None], cache: StatCache | None = None) -> None:
        self._shot, self._cache = shot, cache or StatCache()
        forget_files()
        self._statuses: dict[Path, Status] = {}
        self._pipes: dict[tuple[object, ...], ColorPipe] = {}
        self.frames = find_frames(shot.plate)
        self.references = find_references(shot, self.frames, warn=warn)
        check_mattes(shot, self.frames, warn=warn)
        self._numbers = {path: frame for frame, path in reversed(self.frames.items())}
        of_plate = self._formats(self.frames.values(), layer=shot.plate.layer)
        self.formats = {frame: of_plate[path] for frame, path in self.frames.items()}
        self._coloured = self._formats(self._coloured_paths())
        plate = next(iter(self.frames.values()))
        self.pipe = open_pipe(shot, shot.plate.colorspace, plate, file=self.first, exposure=shot.plate.exposure)
        self.spaces = tuple(self._told())
        self.record = "; ".join(map(str, self._recorded()))
        pictures: tuple[Plate | Reference | Still, ...] = (shot.plate, *shot.references, *shot.stills)
        if shot.ocio is not None and not any(picture.colorspace for picture in pictures):
            warn(f"The OpenColorIO config {shot.ocio} decides nothing here: no picture names a space of it.")

    @property
    def first(self) -> Format:
        """What the plate's first frame says of itself."""
        return next(iter(self.formats.values()))

    def read_plate(self, frame: int) -> Picture:
        """Return a frame of the plate. Raises PlateError if it is damaged, or has changed since it was looked at."""
        return self._read(self.frames[frame], partial(plates.read_plate, frame=frame, layer=self._shot.plate.layer))

    def read_coloured(self, path: Path) -> Picture:
        """Return a reference or a still. Raises as `read_plate`."""
        return self._read(path, plates.read_plate)

    def read_mattes(self, frame: int) -> list[Picture]:
        """Return the mattes of a frame. Raises as `read_plate`."""
        return [self._read(path, partial(plates.read_matte_file, frame=frame)) for path in self.mattes(frame)]

    def mattes(self, frame: int) -> list[Path]:
        """The files of a frame's mattes: one that is named by its frame, and the existing ones of sequences."""
        found = ((matte, FramePattern.parse(matte.path)) for matte in self._shot.mattes)
        return [
            pattern.path(frame)
            for matte, pattern in found
            if (matte.frame is None and (not pattern.is_sequence or pattern.path(frame).is_file()))
            or matte.frame == frame
        ]

    def pipe_of(self, path: Path, colorspace: str | None, *, exposure: float) -> ColorPipe:
        """The colour space of a reference or still. Raises ColorError if it is unknown."""
        file = self._coloured[path]
        key = (colorspace, _of_plates_type(self._shot, path), file.file_format, file.pixel_type, exposure)
        if key not in self._pipes:  # to open a config takes a tenth of a second
            try:
                self._pipes[key] = open_pipe(self._shot, colorspace, path, file=file, exposure=exposure)
            except ColorError:
                if colorspace is not None or _of_plates_type(self._shot, path):
                    raise
                raise ColorError(
                    f"{path} does not say how it is encoded, and --colorspace holds for files of the plate's type. "
                    "Convert it to that type, or give its colorspace in the shot file (--write-shot)."
                ) from None
        return self._pipes[key]

    def plate_state(self, frame: int) -> Status:
        """What tells a plate frame from an earlier state of itself: plates are too many to be read for it."""
        return self._status(self.frames[frame])

    def coloured_state(self, path: Path, colorspace: str | None) -> tuple[str, str]:
        """What tells a reference or still from an earlier state of itself: its bytes, and what its colours mean."""
        space = self.pipe_of(path, colorspace, exposure=0.0).space
        return self._contents[path], space.identity

    def matte_state(self, frame: int) -> list[Status | str]:
        """What tells a frame's mattes from an earlier state of themselves, with the manifests that they name."""
        paths = self.mattes(frame)
        states: list[Status | str] = [self._status(path) for path in paths]
        return states + [_bytes_of(path.parent / name) for path in paths if (name := self._manifests[path])]

    def content(self, path: Path) -> str:
        """The checksum of another file that the shot reads. Raises PlateError if it cannot be read."""
        return self._checksums([path])[path]

    @cached_property
    def interop_id(self) -> str | None:
        """The color interop ID of the plate's colour space, which the result is in; None if it has none."""
        frame, path = next(iter(self.frames.items()))
        header = plates.read_header(path, frame=frame, layer=self._shot.plate.layer)
        return interop_id(self._shot.plate.colorspace, plate=header, ocio=self._shot.ocio)

    def is_result(self, path: Path) -> bool:
        """Whether a reference or still says that RefColorize has written it."""
        return self._coloured[path].is_result

    def _coloured_paths(self) -> list[Path]:
        return [*(path for path, _ in self.references.values()), *(Path(still.path) for still in self._shot.stills)]

    def _formats(self, paths: Iterable[Path], *, layer: str | None = None) -> dict[Path, Format]:
        files = {path: self._status(path) for path in paths}
        read = partial(read_formats, numbers=self._numbers, layer=layer)
        found = self._cache.of_files(f"{_FORMATS} {layer!r}", files, read)
        return {path: Format.load(found[path]) for path in files}

    def _status(self, path: Path) -> Status:
        """The file's status when this shot first looked at it."""
        if path not in self._statuses:
            self._statuses[path] = self._status_now(path)
        return self._statuses[path]

    def _status_now(self, path: Path) -> Status:
        try:
            status = path.stat()
        except OSError as error:
            plates.read_header(path, frame=self._numbers.get(path))  # says what is wrong with a picture
            raise PlateError(f"{path} cannot be read ({error.strerror}). Check that it is still there.") from None
        return status.st_size, status.st_mtime_ns

    def _checksums(self, paths: Iterable[Path]) -> Mapping[Path, str]:
        try:
            return self._cache.of_files("sha256", {path: self._status(path) for path in paths}, in_threads(checksum))
        except OSError as error:
            raise PlateError(f"{error.filename} cannot be read ({error.strerror}). Check the path.") from None

    @cached_property
    def _contents(self) -> Mapping[Path, str]:
        """Checksums of the references and stills."""
        return self._checksums(self._coloured)

    @cached_property
    def _manifests(self) -> Mapping[Path, str]:
        """The names of the manifests of all mattes."""
        files = {path: self._status(path) for frame in self.frames for path in self.mattes(frame)}
        return self._cache.of_files(_MANIFESTS, files, in_threads(_manifest))

    def _read(self, path: Path, read: Callable[[Path], Picture]) -> Picture:
        known = self._status(path)
        picture = read(path)
        if self._status_now(path) != known:
            what = f"Frame {self._numbers[path]} ({path})" if path in self._numbers else str(path)
            raise PlateError(f"{what} has changed since this run began. Run it again: finished frames are kept.")
        return picture

    def _told(self) -> Iterator[InputSpace]:
        """One for the plate, for each still, and for each reference as it was given."""
        shot = self._shot
        yield self._tell("Plate", shot.plate.path, self.pipe, shot.plate.colorspace, self.first)
        for reference in shot.references:
            pattern = FramePattern.parse(reference.path)
            own = [
                frame
                for frame, (path, _) in self.references.items()
                if reference.frame in (None, frame) and path == pattern.path(frame)
            ]
            for told, frames in self._alike(own, reference.path).items():
                yield replace(told, what=f"Reference {name_frames(frames)}")
        for still in shot.stills:
            yield self._tell_coloured("Still", still.path, Path(still.path), still.colorspace)

    def _recorded(self) -> Iterator[InputSpace]:
        """As `_told`, by names of files alone: the same wherever the shot lies and however it is written down."""
        yield replace(self.spaces[0], path=FramePattern.parse(self._shot.plate.path).path(min(self.frames)).name)
        for told, frames in self._alike(self.references, "").items():
            first = self.references[frames[0]][0].name
            yield replace(told, what=f"Reference {format_frames(frames)}", path=first)
        for told in self.spaces:
            if told.what == "Still":
                yield replace(told, path=Path(told.path).name)

    def _alike(self, frames: Iterable[int], path: str) -> dict[InputSpace, list[int]]:
        """What is told of the references at some frames -> those of which just that is told."""
        alike: dict[InputSpace, list[int]] = {}
        for frame in frames:
            told = self._tell_coloured("Reference", path, *self.references[frame])
            alike.setdefault(told, []).append(frame)
        return alike

    def _tell_coloured(self, what: str, text: str, path: Path, colorspace: str | None) -> InputSpace:
        pipe = self.pipe_of(path, colorspace, exposure=0.0)
        return self._tell(what, text, pipe, colorspace, self._coloured[path], path)

    def _tell(
        self, what: str, text: str, pipe: ColorPipe, colorspace: str | None, file: Format, picture: Path | None = None
    ) -> InputSpace:
        if colorspace is not None:
            why = "as given"
        elif picture is not None and self._shot.plate.colorspace is not None and _of_plates_type(self._shot, picture):
            why = "the plate's, as it is of the same file type"
        else:
            why = f"the default of {_TYPES.get(file.file_format, file.file_format.upper())} files"
        several = len(file.layers) > 1
        return InputSpace(what, text, pipe.space.name, why, file.layer or "R, G, B" if several else file.layer)


def _manifest(path: Path) -> str:
    """The name of the side-car manifest that a Cryptomatte names, "" without one."""
    header = plates.read_matte_header(path)
    layer = find_layer(header.metadata, header.channels)
    return "" if layer is None else str(header.metadata.get(f"{layer.prefix}manif_file", ""))


def _bytes_of(path: Path) -> str:
    """What is in a manifest, as far as that can be read: one that cannot gives no names."""
    try:
        if not path.is_file() or path.stat().st_size > MANIFEST_BYTES:
            return "none"
        return checksum(path)
    except OSError as error:
        return str(error.errno)

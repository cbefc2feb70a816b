"""The files that decide a shot's pixels: find them, read them, and detect when they change.

A run reads pictures only through this module, so that everything it reads is also in the digest of its frames.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from pathlib import Path

from stcolor_core.errors import BadRequest, ColorError, PlateError
from stcolor_core.files.stat_cache import StatCache, Status, map_in_threads
from stcolor_core.images import plates
from stcolor_core.images.color import ColorPipe
from stcolor_core.images.coverage import read_alpha_share, read_mask_share
from stcolor_core.images.cryptomatte import MANIFEST_BYTES, find_layer
from stcolor_core.images.formats import HeaderSummary, read_formats
from stcolor_core.images.interop import interop_id
from stcolor_core.images.ocio import clear_caches, open_config
from stcolor_core.images.pictures import Header, Picture, Window
from stcolor_core.images.sequences import FramePattern
from stcolor_core.models.weight_files import checksum
from stcolor_core.movies.color import tagged_space
from stcolor_core.movies.names import is_movie
from stcolor_core.movies.plate_frames import movie_frames, read_plate_frame, read_plate_header
from stcolor_core.movies.reader import open_movie
from stcolor_core.remedies import advise
from stcolor_core.shots.shot import SAME_AS_PLATE, Plate, Reference, Shot, Still, Swatch, describe_frames, format_frames
from stcolor_core.shots.shot_files import (
    ReferencePicture,
    check_mattes,
    find_frames,
    find_mattes,
    find_references,
    split_references,
)

__all__ = ["InputColorspace", "ShotInputs", "has_plate_type", "open_pipe", "plate_canvas"]

# increase the number when the cached values change their form
_FORMATS, _MANIFESTS, _COVERED = "formats 2", "manifests 1", "covered 1"
_WHOLE = 0.95  # a reference that covers less of the plate is a patch: soft edges at the frame's border do not count
_TYPE_NAMES = {"openexr": "EXR"}
_SAME_TYPE = {".tiff": ".tif", ".jpeg": ".jpg", ".sxr": ".exr"}


@dataclass(frozen=True)
class InputColorspace:
    """The colour space and layer that a run takes for one input, as it reports them at the start.

    Attributes:
        label: The input, such as "Plate" or "Reference 1010".
        path: The path as the artist wrote it.
        space: The name of the colour space.
        reason: Why it is this space, such as "as given".
        layer: The layer that is read; "" if the file has only one.
        extent: How much of the plate patches cover; "" for other pictures.
    """

    label: str
    path: str
    space: str
    reason: str
    layer: str = ""
    extent: str = ""

    def __str__(self) -> str:
        layer = f", layer {self.layer}" if self.layer else ""
        return f"{self.label} {self.path}{layer}: {self.space} ({self.reason}){self.extent}"


def open_pipe(
    shot: Shot, colorspace: str | None, picture: Path, *, file: HeaderSummary | Header, exposure: float
) -> ColorPipe:
    """Return the colour space of a picture: its own if given, else the plate's if both have the same file type.

    Args:
        shot: The shot that the picture belongs to.
        colorspace: The picture's own colour space; None if it has none. Or `SAME_AS_PLATE`.
        picture: The picture's path.
        file: The picture's format or header.
        exposure: Stops to add before lightness is taken.

    Raises:
        ColorError: If the colour space is unknown, or the file type has no default space.
    """
    plate = shot.plate
    if colorspace == SAME_AS_PLATE:
        frame, picture = next(iter(find_frames(plate).items()))
        file = read_plate_header(picture, frame=frame, layer=plate.layer, first_frame=plate.first_frame)
        colorspace = plate.colorspace
    if colorspace is None and has_plate_type(plate.path, picture):
        colorspace = plate.colorspace
    if colorspace is None and file.encoding:
        if shot.ocio is not None:
            open_config(shot.ocio)  # report a broken config even if it is not needed here
        return ColorPipe(tagged_space(file.encoding, picture.name), exposure)
    return ColorPipe.open(
        colorspace, file_format=file.file_format, pixel_type=file.pixel_type, ocio=shot.ocio, exposure=exposure
    )


def has_plate_type(plate: str, picture: Path) -> bool:
    """Return whether a picture has the file type of a plate, and so its colour space unless it is given another.

    Args:
        plate: The path or pattern of the plate.
        picture: The picture's file.
    """
    own, other = (path.suffix.lower() for path in (FramePattern.parse(plate).path(0), picture))
    return _SAME_TYPE.get(own, own) == _SAME_TYPE.get(other, other)


class ShotInputs:
    """The files of one shot. A file that changes during the run is refused by name when it is read.

    Args:
        shot: The shot.
        warn: Called with one line for the artist.
        cache: The cache of formats and checksums; None makes a new one.

    Attributes:
        frames: Plate frame -> its file, in ascending order.
        formats: Plate frame -> the format in its file's header.
        references: Frame of a whole keyframe -> its picture.
        patches: Frame with patches -> their pictures, the uppermost last; none if it has only swatches.
        swatches: Frame with swatches -> its swatches.
        pipe: The conversion from the plate's colour space.
        spaces: The colour space of every input, in the order in which a run reports them.
        record: The same in one line, as it is written into the frames' metadata.

    Raises:
        StcolorError: If a file is missing or damaged, or its colour space is unknown.
    """

    def __init__(self, shot: Shot, *, warn: Callable[[str], None], cache: StatCache | None = None) -> None:
        self._shot, self._cache = shot, cache or StatCache()
        clear_caches()
        self._statuses: dict[Path, Status] = {}
        self._pipes: dict[tuple[object, ...], ColorPipe] = {}
        self.frames = find_frames(shot.plate)
        found = find_references(shot, self.frames, warn=warn)
        check_mattes(shot, self.frames, warn=warn)
        self._numbers = {path: frame for frame, path in reversed(self.frames.items())}
        self.formats = self._formats_of_plate(warn)
        pictures_of_references = [picture for pictures in found.values() for picture in pictures]
        self._masks = {picture.mask for picture in pictures_of_references if picture.mask is not None}
        coloured = [*(picture.path for picture in pictures_of_references), *(Path(still.path) for still in shot.stills)]
        self._coloured = self._formats_of_coloured(coloured)
        is_patch = self._find_patches(pictures_of_references)
        self.references, patches = split_references(found, is_patch.__contains__, warn=warn)
        self.swatches = self._find_swatches()
        self.patches = {frame: patches.get(frame, ()) for frame in sorted({*patches, *self.swatches})}
        plate = next(iter(self.frames.values()))
        self.pipe = open_pipe(shot, shot.plate.colorspace, plate, file=self.first_format, exposure=shot.plate.exposure)
        self.spaces = tuple(self._describe_inputs())
        self.record = "; ".join(map(str, self._describe_for_record()))
        pictures: tuple[Plate | Reference | Still, ...] = (shot.plate, *shot.references, *shot.stills)
        if shot.ocio is not None and not any(picture.colorspace for picture in pictures):
            warn(f"The OpenColorIO config {shot.ocio} decides nothing here: no picture names a space of it.")

    @property
    def first_format(self) -> HeaderSummary:
        """Return the format of the plate's first frame."""
        return next(iter(self.formats.values()))

    def read_plate(self, frame: int) -> Picture:
        """Read a frame of the plate.

        Args:
            frame: The frame's number.

        Returns:
            The picture with its header.

        Raises:
            PlateError: If the file is damaged or has changed since the run began.
        """
        plate = self._shot.plate
        read = partial(read_plate_frame, frame=frame, layer=plate.layer, first_frame=plate.first_frame)
        return self._read(self.frames[frame], read, frame=frame)

    def read_reference(self, picture: ReferencePicture, frame: int) -> Picture:
        """Read a reference with its alpha; of a movie, the frame that it names, else the one with the plate's number.

        Args:
            picture: The reference.
            frame: The plate frame that it colours.

        Returns:
            The picture with its header.

        Raises:
            PlateError: If the file is damaged or has changed since the run began.
        """
        if not is_movie(picture.path):
            return self.read_coloured(picture.path)
        own, first = picture.movie_frame, self._shot.plate.first_frame
        if own is None:
            read = partial(read_plate_frame, frame=frame, first_frame=first)
        else:
            read = partial(read_plate_frame, frame=own)
        return self._read(picture.path, read, frame=frame)

    def read_coloured(self, path: Path) -> Picture:
        """Read a reference that is a picture, a still, or the mask of a reference.

        Args:
            path: The picture's file.

        Returns:
            The picture with its header.

        Raises:
            PlateError: If the file is damaged or has changed since the run began.
        """
        return self._read(path, plates.read_colored)

    def read_mattes(self, frame: int) -> list[Picture]:
        """Read the mattes of a frame.

        Args:
            frame: The frame's number.

        Returns:
            The pictures, in the shot's order; empty if the frame has no matte.

        Raises:
            PlateError: If a file is damaged or has changed since the run began.
        """
        return [self._read(path, partial(plates.read_matte_file, frame=frame)) for path in self.mattes(frame)]

    def mattes(self, frame: int) -> list[Path]:
        """Return the matte files of a frame: those given for this frame, and the existing files of sequences.

        Args:
            frame: The frame's number.
        """
        return find_mattes(self._shot, frame)

    def pipe_of(self, path: Path, colorspace: str | None, *, exposure: float) -> ColorPipe:
        """Return the conversion from the colour space of a reference or still.

        Args:
            path: The picture's file.
            colorspace: The colour space given for it; None if there is none.
            exposure: Stops to add before lightness is taken.

        Raises:
            ColorError: If the colour space is unknown.
        """
        file = self._coloured[path]
        key = (colorspace, has_plate_type(self._shot.plate.path, path), file.file_format, file.pixel_type, exposure)
        if key not in self._pipes:  # opening a config takes a tenth of a second
            try:
                self._pipes[key] = open_pipe(self._shot, colorspace, path, file=file, exposure=exposure)
            except ColorError:
                if colorspace is not None or has_plate_type(self._shot.plate.path, path):
                    raise
                raise ColorError(
                    f"{path} does not say how it is encoded, and the colour space given holds for files of the plate's "
                    f"type. Convert it to that type, or {advise('own_colorspace')}."
                ) from None
        return self._pipes[key]

    def plate_status(self, frame: int) -> Status:
        """Return the size and modification time of a plate frame's file, from when this run first used it.

        Args:
            frame: The frame's number.
        """
        return self._status(self.frames[frame])

    def plate_state(self, frame: int) -> tuple[int, ...]:
        """Return what decides a plate frame: its file's status, as there are too many plates to compare their bytes.

        Of a movie, the frame's place in it is added.

        Args:
            frame: The frame's number.
        """
        status = self.plate_status(frame)
        return status if self._movie_start is None else (*status, frame - self._movie_start)

    def coloured_state(self, path: Path, colorspace: str | None) -> tuple[str, str]:
        """Return the checksum of a reference or still and the identity of its colour space.

        Args:
            path: The picture's file.
            colorspace: The colour space given for it; None if there is none.
        """
        space = self.pipe_of(path, colorspace, exposure=0.0).space
        return self._contents[path], space.identity

    def reference_state(self, picture: ReferencePicture) -> list[object]:
        """Return everything about a reference that decides pixels: its content and colour space, and where it counts.

        Args:
            picture: The reference.
        """
        mask = None if picture.mask is None else self._contents[picture.mask]
        frame = [] if picture.movie_frame is None else [picture.movie_frame]
        return [*self.coloured_state(picture.path, picture.colorspace), mask, picture.alpha, *frame]

    def matte_state(self, frame: int) -> list[Status | str]:
        """Return the size and time of each of a frame's mattes, then the checksums of the manifests they name.

        Args:
            frame: The frame's number.
        """
        paths = self.mattes(frame)
        states: list[Status | str] = [self._status(path) for path in paths]
        return states + [_manifest_state(path.parent / name) for path in paths if (name := self._manifests[path])]

    def content(self, path: Path) -> str:
        """Return the checksum of another file that the shot reads, such as detector weights.

        Args:
            path: The file.

        Raises:
            PlateError: If the file cannot be read.
        """
        return self._checksums([path])[path]

    @cached_property
    def _movie_start(self) -> int | None:
        """Return the number of the first frame of a plate that is a movie; None for pictures."""
        plate = self._shot.plate
        if not is_movie(plate.path):
            return None
        return movie_frames(Path(plate.path), first_frame=plate.first_frame).start

    @cached_property
    def interop_id(self) -> str | None:
        """Return the color interop ID of the plate's colour space, which the result shares; None if it has none."""
        frame, path = next(iter(self.frames.items()))
        plate = self._shot.plate
        header = read_plate_header(path, frame=frame, layer=plate.layer, first_frame=plate.first_frame)
        return interop_id(self._shot.plate.colorspace, plate=header, ocio=self._shot.ocio)

    def pictures_of_references(self) -> Iterator[tuple[int, ReferencePicture]]:
        """Yield every keyframe and patch with its frame, the whole keyframes first."""
        yield from self.references.items()
        yield from ((frame, picture) for frame, pictures in self.patches.items() for picture in pictures)

    def is_result(self, path: Path) -> bool:
        """Return whether the header of a reference or still says that RefColorize wrote the file.

        Args:
            path: The picture's file.
        """
        return self._coloured[path].is_result

    def _find_swatches(self) -> dict[int, tuple[Swatch, ...]]:
        """Return the swatches by frame; raise BadRequest if one names a frame without plate or matte."""
        swatches: dict[int, tuple[Swatch, ...]] = {}
        for swatch in self._shot.swatches:
            label = f"The swatch {swatch.frame}:{swatch.object}"
            if swatch.frame not in self.frames:
                raise BadRequest(
                    f"{label} is not on a frame of the plate ({min(self.frames)}-{max(self.frames)}). "
                    "Correct its frame."
                )
            if not self.mattes(swatch.frame):
                raise BadRequest(
                    f"{label} needs a matte of frame {swatch.frame}. {advise('frame_matte', swatch.frame)}."
                )
            swatches[swatch.frame] = (*swatches.get(swatch.frame, ()), swatch)
        return swatches

    def _find_patches(self, pictures: Iterable[ReferencePicture]) -> set[ReferencePicture]:
        """Return the references that cover only a part of the plate, or that are said to be patches."""
        undecided = [picture for picture in pictures if picture.patch is None]
        region = _region_of_format(self.first_format.display_window, plate_canvas(self))
        shares: dict[tuple[Path, object], float] = {}
        for alpha in ("auto", "ignore"):
            files = {p.path: self._status(p.path) for p in undecided if p.alpha == alpha and not is_movie(p.path)}
            read = map_in_threads(partial(read_alpha_share, region=region, use_alpha=alpha == "auto"))
            found = self._cache.get_for_files(f"{_COVERED} {alpha} {region}", files, read)
            shares.update({(path, alpha): share for path, share in found.items()})
        files = {p.mask: self._status(p.mask) for p in undecided if p.mask is not None}
        read = map_in_threads(partial(read_mask_share, region=region))
        masks = self._cache.get_for_files(f"{_COVERED} mask {region}", files, read)
        shares.update({(p.path, p.alpha): 1.0 for p in undecided if is_movie(p.path)})  # it has no alpha
        masked = {p: 1.0 if p.mask is None else masks[p.mask] for p in undecided}
        self._covered = {p: min(shares[p.path, p.alpha], masked[p]) for p in undecided}
        parts = {p for p in undecided if self._covered[p] < _WHOLE}
        return parts | {picture for picture in pictures if picture.patch}

    def _formats_of_plate(self, warn: Callable[[str], None]) -> dict[int, HeaderSummary]:
        """Return the format of every plate frame; warn of a movie that is flagged as interlaced."""
        first, path = next(iter(self.frames.items()))
        plate = self._shot.plate
        if not is_movie(path):
            formats = self._formats(self.frames.values(), layer=plate.layer)
            return {frame: formats[path] for frame, path in self.frames.items()}
        self._status(path)
        read_plate_header(path, frame=first, layer=plate.layer, first_frame=plate.first_frame)
        movie = open_movie(path)
        if movie.info.interlaced:
            warn(
                f"{path} is flagged as interlaced: both fields of a frame are coloured as one picture. If they were "
                "taken at different times, deinterlace it first."
            )
        return dict.fromkeys(self.frames, movie.summary())

    def _formats_of_coloured(self, paths: Sequence[Path]) -> dict[Path, HeaderSummary]:
        """Return the format of every reference and still; one frame of a movie stands for all."""
        formats = self._formats(path for path in paths if not is_movie(path))
        for path in filter(is_movie, paths):
            self._status(path)
            formats[path] = open_movie(path).summary()
        return formats

    def _formats(self, paths: Iterable[Path], *, layer: str | None = None) -> dict[Path, HeaderSummary]:
        files = {path: self._status(path) for path in paths}
        read = partial(read_formats, numbers=self._numbers, layer=layer)
        entries = self._cache.get_for_files(f"{_FORMATS} {layer!r}", files, read)
        return {path: HeaderSummary.load(entries[path]) for path in files}

    def _status(self, path: Path) -> Status:
        """Return the file's size and modification time from when this run first used it."""
        if path not in self._statuses:
            self._statuses[path] = self._current_status(path)
        return self._statuses[path]

    def _current_status(self, path: Path) -> Status:
        try:
            status = path.stat()
        except OSError as error:
            if not is_movie(path):
                plates.read_header(path, frame=self._numbers.get(path))  # raises a more exact error for a picture
            raise PlateError(f"{path} cannot be read ({error.strerror}). Check that it is still there.") from None
        return status.st_size, status.st_mtime_ns

    def _checksums(self, paths: Iterable[Path]) -> Mapping[Path, str]:
        try:
            return self._cache.get_for_files(
                "sha256", {path: self._status(path) for path in paths}, map_in_threads(checksum)
            )
        except OSError as error:
            raise PlateError(f"{error.filename} cannot be read ({error.strerror}). Check the path.") from None

    @cached_property
    def _contents(self) -> Mapping[Path, str]:
        """Return the checksums of the references, their masks and the stills."""
        return self._checksums([*self._coloured, *self._masks])

    @cached_property
    def _manifests(self) -> Mapping[Path, str]:
        """Return the name of each matte's manifest; "" if it names none."""
        files = {path: self._status(path) for frame in self.frames for path in self.mattes(frame)}
        return self._cache.get_for_files(_MANIFESTS, files, map_in_threads(_manifest_name))

    def _read(self, path: Path, read: Callable[[Path], Picture], *, frame: int | None = None) -> Picture:
        status = self._status(path)
        picture = read(path)
        if self._current_status(path) != status:
            number = self._numbers.get(path) if frame is None else frame
            label = str(path) if number is None else f"Frame {number} ({path})"
            raise PlateError(f"{label} has changed since this run began. Run it again: finished frames are kept.")
        return picture

    def _describe_inputs(self) -> Iterator[InputColorspace]:
        """Yield one entry for the plate, for each reference as it was given, and for each still."""
        shot = self._shot
        yield self._describe("Plate", shot.plate.path, self.pipe, shot.plate.colorspace, self.first_format)
        for reference in shot.references:
            pattern = FramePattern.parse(reference.path)
            pictures = {
                frame: picture
                for frame, picture in self.pictures_of_references()
                if reference.frame in (None, frame) and picture.path == pattern.path(frame)
            }
            for entry, group in self._group_references(pictures.items(), reference.path).items():
                extent = self._describe_extent([pictures[frame] for frame in group])
                yield replace(entry, label=f"Reference {describe_frames(group)}", extent=extent)
        for still in shot.stills:
            yield self._describe_coloured("Still", still.path, Path(still.path), still.colorspace)

    def _describe_extent(self, pictures: Sequence[ReferencePicture]) -> str:
        """Return how many of some references are patches, and how much of the plate these cover."""
        patches = {picture for patches in self.patches.values() for picture in patches}.intersection(pictures)
        if not patches:
            return ""
        kind = "a patch" if len(pictures) == 1 else f"{len(patches)} of {len(pictures)} are patches"
        shares = sorted(100 * self._covered[picture] for picture in patches if picture in self._covered)
        if not shares:
            return f"; {kind}"
        low, high = (f"{share:.1f}".removesuffix(".0") for share in (shares[0], shares[-1]))
        return f"; {kind}, covering {low if low == high else f'{low} to {high}'} % of the plate"

    def _describe_for_record(self) -> Iterator[InputColorspace]:
        """Yield the same entries with file names alone, so that the record does not depend on the shot's folder."""
        yield replace(self.spaces[0], path=FramePattern.parse(self._shot.plate.path).path(min(self.frames)).name)
        pictures = list(self.pictures_of_references())
        for entry, frames in self._group_references(pictures, "").items():
            first = next(picture.path.name for frame, picture in pictures if frame == frames[0])
            yield replace(entry, label=f"Reference {format_frames(frames)}", path=first)
        for entry in self.spaces:
            if entry.label == "Still":
                yield replace(entry, path=Path(entry.path).name)

    def _group_references(
        self, pictures: Iterable[tuple[int, ReferencePicture]], path: str
    ) -> dict[InputColorspace, list[int]]:
        """Return the entries of some references, each with the frames that share it."""
        groups: dict[InputColorspace, list[int]] = {}
        for frame, picture in pictures:
            entry = self._describe_coloured("Reference", path, picture.path, picture.colorspace)
            groups.setdefault(entry, []).append(frame)
        return groups

    def _describe_coloured(self, label: str, text: str, path: Path, colorspace: str | None) -> InputColorspace:
        pipe = self.pipe_of(path, colorspace, exposure=0.0)
        return self._describe(label, text, pipe, colorspace, self._coloured[path], path)

    def _describe(
        self,
        label: str,
        text: str,
        pipe: ColorPipe,
        colorspace: str | None,
        file: HeaderSummary,
        picture: Path | None = None,
    ) -> InputColorspace:
        if colorspace is not None:
            reason = "as given"
        elif (
            picture is not None
            and self._shot.plate.colorspace is not None
            and has_plate_type(self._shot.plate.path, picture)
        ):
            reason = "the plate's, as it is of the same file type"
        elif file.encoding:
            reason = "assumed, as the movie is not tagged" if "assumed" in file.encoding else "as the movie is tagged"
        else:
            reason = f"the default of {_TYPE_NAMES.get(file.file_format, file.file_format.upper())} files"
        several = len(file.layers) > 1
        return InputColorspace(label, text, pipe.space.name, reason, file.layer or "R, G, B" if several else file.layer)


def plate_canvas(inputs: ShotInputs) -> Window:
    """Return the union of the plate's data windows: x, y, width, height.

    Args:
        inputs: The shot's files.
    """
    corners = [
        (x, y, x + width, y + height) for x, y, width, height in {f.data_window for f in inputs.formats.values()}
    ]
    left, top = (min(corner[i] for corner in corners) for i in (0, 1))
    right, bottom = (max(corner[i] for corner in corners) for i in (2, 3))
    return left, top, right - left, bottom - top


def _region_of_format(display: Window, canvas: Window) -> tuple[float, float, float, float]:
    """Return the part of the format that the plate has pixels for: left, top, right, bottom in parts of the format."""
    edges = [
        min(1.0, max(0.0, (canvas[axis] + side * canvas[2 + axis] - display[axis]) / display[2 + axis]))
        for side in (0, 1)
        for axis in (0, 1)
    ]
    return edges[0], edges[1], edges[2], edges[3]


def _manifest_name(path: Path) -> str:
    """Return the name of the sidecar manifest that a Cryptomatte refers to; "" if there is none."""
    header = plates.read_matte_header(path)
    layer = find_layer(header.metadata, header.channels)
    return "" if layer is None else str(header.metadata.get(f"{layer.prefix}manif_file", ""))


def _manifest_state(path: Path) -> str:
    """Return the checksum of a manifest; if it cannot be read, a text that says why, as it then names no instances."""
    try:
        if not path.is_file() or path.stat().st_size > MANIFEST_BYTES:
            return "none"
        return checksum(path)
    except OSError as error:
        return str(error.errno)

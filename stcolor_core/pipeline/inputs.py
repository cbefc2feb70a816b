"""The files that decide a shot's pixels: find them, and read them.

A run reads pictures only through this module, so that everything it reads is also in the digest of its frames.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cached_property, partial
from pathlib import Path

from stcolor_core.files.stat_cache import StatCache
from stcolor_core.images import plates
from stcolor_core.images.color_pipe import ColorPipe
from stcolor_core.images.formats import HeaderSummary
from stcolor_core.images.interop import interop_id
from stcolor_core.images.ocio import clear_caches
from stcolor_core.images.pictures import Picture
from stcolor_core.movies.names import is_movie
from stcolor_core.movies.plate_frames import read_plate_frame, read_plate_header
from stcolor_core.movies.reader import open_movie
from stcolor_core.pipeline.input_contents import InputContents
from stcolor_core.pipeline.input_files import InputFiles
from stcolor_core.pipeline.input_spaces import InputColorspace, InputSpaces, describe_idle_config, open_pipe
from stcolor_core.pipeline.input_states import InputStates
from stcolor_core.pipeline.matte_files import MatteFiles
from stcolor_core.pipeline.plate_formats import find_movie_start, find_plate_formats, plate_canvas
from stcolor_core.pipeline.reference_extents import find_covered, region_of_format
from stcolor_core.pipeline.reference_places import ReferencePlaces, describe_turned, has_aspect_of
from stcolor_core.shots.given_cuts import check_cuts
from stcolor_core.shots.picture_roles import find_roles, matte_role
from stcolor_core.shots.reference_files import ReferencePicture, find_references, split_references
from stcolor_core.shots.shot import Shot
from stcolor_core.shots.shot_files import check_mattes, find_frames
from stcolor_core.shots.swatch_frames import find_swatches

__all__ = ["ShotInputs"]

_Found = dict[int, tuple[ReferencePicture, ...]]
_WHOLE = 0.95  # a reference that covers less of the plate is a patch: soft edges at the frame's border do not count


class ShotInputs:
    """The files of one shot. A file that changes during the run is refused by name when it is read.

    Args:
        shot: The shot.
        warn: Called with one line for the artist.
        cache: The cache of formats and checksums; None makes a new one.
        contents: Keeps the checksums of files that count by their time; None keeps none.
        choose: Takes the references that were found, and returns those to use.

    Attributes:
        given: Frame -> the references given for it, in the order of the shot.
        frames: Plate frame -> its file, in ascending order.
        formats: Plate frame -> the format in its file's header.
        references: Frame of a whole keyframe -> its picture.
        strangers: Frame -> a keyframe that is used as a still, since it shows no frame near its own (`keyframe_roles`).
        parts: Frame -> a keyframe that is the lowest of its frame's patches, as it shows a part (`keyframe_roles`).
        moved: Frame -> the number at which its keyframe was given, if a cut lies between (`keyframes_at_cuts`).
        patches: Frame with patches -> their pictures, the uppermost last; none if it has only swatches.
        swatches: Frame with swatches -> its swatches.
        mattes: The files of the mattes.
        states: What each input counts by.
        pipe: The conversion from the plate's colour space.
        spaces: The colour space of every input, in the order in which a run reports them.
        record: The same in one line, as it is written into the frames' metadata.

    Raises:
        StcolorError: If a file is missing or damaged, or its colour space is unknown.
    """

    def __init__(
        self,
        shot: Shot,
        *,
        warn: Callable[[str], None],
        cache: StatCache | None = None,
        contents: InputContents | None = None,
        choose: Callable[[_Found], _Found] = lambda found: found,
    ) -> None:
        self._shot = shot
        clear_caches()
        self.frames = find_frames(shot.plate)
        if is_movie(shot.plate.path) and (shortage := open_movie(Path(shot.plate.path)).info.shortage):
            warn(f"{shortage} What is there is coloured. Copy or export it again for the rest.")
        found = self.given = choose(find_references(shot, self.frames, warn=warn))
        check_mattes(shot, self.frames, warn=warn)
        check_cuts(shot, self.frames)
        numbers = {path: frame for frame, path in reversed(self.frames.items())}
        self._files = InputFiles(numbers, find_roles(shot, self.frames, found), cache or StatCache(), contents)
        self.formats = find_plate_formats(shot.plate, self.frames, self._files, warn=warn)
        self.mattes = MatteFiles(shot, self.frames, self._files)
        pictures_of_references = [picture for pictures in found.values() for picture in pictures]
        self._masks = {picture.mask for picture in pictures_of_references if picture.mask is not None}
        coloured = [*(picture.path for picture in pictures_of_references), *(Path(still.path) for still in shot.stills)]
        self._coloured = self._files.formats_of_coloured(coloured)
        for line in describe_turned(self._coloured, self.first_format, name=self._files.label):
            warn(line)
        self._spaces = InputSpaces(shot, self._coloured, name=self._files.label)
        self.states = InputStates(
            self._files,
            self.frames,
            coloured=self._coloured,
            masks=self._masks,
            spaces=self._spaces,
            movie_start=find_movie_start(shot.plate),
        )
        first = next(iter(self.frames.values()))
        self.pipe = open_pipe(shot, shot.plate.colorspace, first, file=self.first_format, exposure=shot.plate.exposure)
        if shot.method.register != "off":
            found = self._placed(found, cache or StatCache(), warn)
            pictures_of_references = [picture for pictures in found.values() for picture in pictures]
        is_patch = self._find_patches(pictures_of_references)
        self.references, patches = split_references(found, is_patch.__contains__, warn=warn)
        self.strangers: dict[int, ReferencePicture] = {}
        self.parts: dict[int, ReferencePicture] = {}
        self.moved: dict[int, int] = {}
        self.swatches = find_swatches(shot, self.frames)
        self.patches = {frame: patches.get(frame, ()) for frame in sorted({*patches, *self.swatches})}
        self.spaces, self.record = self._describe_spaces()
        for line in describe_idle_config(shot):
            warn(line)

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
        return self._files.read(self.frames[frame], read, frame=frame, by_time=True)

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
        return self._files.read(picture.path, read, frame=frame)

    def read_coloured(self, path: Path) -> Picture:
        """Read a reference that is a picture, a still, or the mask of a reference.

        Args:
            path: The picture's file.

        Returns:
            The picture with its header.

        Raises:
            PlateError: If the file is damaged or has changed since the run began.
        """
        return self._files.read(path, partial(plates.read_colored, role=self._files.role(path)))

    def read_mattes(self, frame: int) -> list[Picture]:
        """Read the mattes of a frame.

        Args:
            frame: The frame's number.

        Returns:
            The pictures, in the shot's order; empty if the frame has no matte.

        Raises:
            PlateError: If a file is damaged or has changed since the run began.
        """
        read = partial(plates.read_matte_file, role=matte_role(frame))
        return [self._files.read(path, read, by_time=True) for path in self.mattes.of(frame)]

    def pipe_of(self, path: Path, colorspace: str | None, *, exposure: float) -> ColorPipe:
        """Return the conversion from the colour space of a reference or still; see `InputSpaces.pipe_of`.

        Args:
            path: The picture's file.
            colorspace: The colour space given for it; None if there is none.
            exposure: Stops to add before lightness is taken.
        """
        return self._spaces.pipe_of(path, colorspace, exposure=exposure)

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

    def lines_of(self, picture: ReferencePicture) -> int:
        """Return the height of a reference's format, in the reference's own pixels.

        Args:
            picture: The reference.
        """
        window = self._coloured[picture.path].display_window
        return (window if picture.placement is None else picture.placement.display)[3]

    def seems_misplaced(self, picture: ReferencePicture) -> bool:
        """Return whether the headers of a reference and its mask leave it doubtful that it has colour for the plate.

        So does one of another aspect than the plate, and one that covers nothing of it as far as that was measured.

        Args:
            picture: The reference.
        """
        sizes = [self._coloured[picture.path].display_window]
        if picture.mask is not None:
            sizes.append(self._formats_of_masks[picture.mask].display_window)
        plate = self.first_format.display_window
        if picture.placement is None and not all(has_aspect_of(size, plate) for size in sizes):
            return True
        return self._covered.get(picture) == 0

    def is_result(self, path: Path) -> bool:
        """Return whether the header of a reference or still says that RefColorize wrote the file.

        Args:
            path: The picture's file.
        """
        return self._coloured[path].is_result

    def _placed(
        self, found: Mapping[int, Sequence[ReferencePicture]], cache: StatCache, warn: Callable[[str], None]
    ) -> dict[int, tuple[ReferencePicture, ...]]:
        """Return the references with the place of those that show a part of the frame without saying which."""
        plate = self._shot.plate
        places = ReferencePlaces(
            self.first_format.display_window,
            self._coloured,
            read_reference=self.read_reference,
            read_plate=self.read_plate,
            pipe_of=lambda picture: self.pipe_of(picture.path, picture.colorspace, exposure=plate.exposure),
            pipe=self.pipe,
            cache=cache,
        )

        def state(picture: ReferencePicture, frame: int) -> object:
            settings = self.pipe.space.identity, plate.layer, plate.exposure
            return self.states.reference(picture), self.states.plate(frame), str(self.frames[frame]), frame, settings

        return places.placed_all(found, state=state, warn=warn)

    def _find_patches(self, pictures: Iterable[ReferencePicture]) -> set[ReferencePicture]:
        """Return the references that cover only a part of the plate, or that are said to be patches."""
        undecided = [picture for picture in pictures if picture.patch is None]
        region = region_of_format(self.first_format.display_window, plate_canvas(self.formats))
        self._covered = find_covered(undecided, region, files=self._files, formats=self._coloured)
        parts = {picture for picture in undecided if self._covered[picture] < _WHOLE}
        return parts | {picture for picture in pictures if picture.patch}

    def _describe_spaces(self) -> tuple[tuple[InputColorspace, ...], str]:
        """Return the colour space of every input, and the same in one line."""
        references, parts = list(self.pictures_of_references()), {p for group in self.patches.values() for p in group}
        plate = next(iter(self.frames.values())), self.first_format
        spaces = tuple(self._spaces.describe(plate, references, parts, self._covered))
        record = self._spaces.describe_for_record(spaces, min(self.frames), references)
        return spaces, "; ".join(map(str, record))

    @cached_property
    def _formats_of_masks(self) -> Mapping[Path, HeaderSummary]:
        return self._files.formats(self._masks)

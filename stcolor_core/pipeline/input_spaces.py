"""The colour space of every input: which it is, why, and how the start of a run and the frames say so."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from stcolor_core.errors import ColorError, PlateError, UnknownSpace
from stcolor_core.images.color_pipe import SRGB, ColorPipe
from stcolor_core.images.formats import HeaderSummary
from stcolor_core.images.frame_ranges import format_frames, name_frames
from stcolor_core.images.ocio import Space, open_config
from stcolor_core.images.pictures import Header
from stcolor_core.images.sequences import FramePattern
from stcolor_core.images.tagged_spaces import find_tagged_space
from stcolor_core.movies.color import tagged_space
from stcolor_core.movies.names import is_movie
from stcolor_core.movies.plate_frames import read_plate_header
from stcolor_core.remedies import advise
from stcolor_core.shots.pictures import SAME_AS_PLATE, Plate, Reference, Still
from stcolor_core.shots.reference_files import ReferencePicture
from stcolor_core.shots.shot import Shot
from stcolor_core.shots.shot_files import find_frames

__all__ = ["InputColorspace", "InputSpaces", "describe_idle_config", "has_plate_type", "open_pipe"]

_TYPE_NAMES = {"openexr": "EXR"}
_SRGB_CICP = "1 13"
_PLATES = "the plate's, as it is of the same file type"
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


def describe_idle_config(shot: Shot) -> Iterator[str]:
    """Yield a line if a config that was asked for decides nothing, or if $OCIO names one that cannot be read.

    The second does no harm while no picture needs a config, but other programs, and the next picture, may.

    Args:
        shot: The shot.
    """
    pictures: tuple[Plate | Reference | Still, ...] = (shot.plate, *shot.references, *shot.stills)
    if any(picture.colorspace for picture in pictures):
        return
    if shot.ocio is not None:
        yield f"The OpenColorIO config {shot.ocio} decides nothing here: no picture names a space of it."
        return
    try:
        open_config(None)
    except ColorError as error:
        yield f"{error} No picture of this shot needs it."


def open_pipe(
    shot: Shot, colorspace: str | None, picture: Path, *, file: HeaderSummary | Header, exposure: float
) -> ColorPipe:
    """Return the colour space of a picture.

    It is the one given for it; else that of its ICC profile; else the plate's if both have the same file type; else
    what the file's header or the movie's tags say; else what the file of a plate of the same type says; else the
    default of its type.

    Args:
        shot: The shot that the picture belongs to.
        colorspace: The colour space given for the picture; None if there is none. Or `SAME_AS_PLATE`.
        picture: The picture's path.
        file: The picture's format or header.
        exposure: Stops to add before lightness is taken.

    Raises:
        ColorError: If the colour space is unknown, or the file type has no default space.
    """
    return _open(shot, colorspace, picture, file=file, exposure=exposure)[0]


def _open(
    shot: Shot, colorspace: str | None, picture: Path, *, file: HeaderSummary | Header, exposure: float
) -> tuple[ColorPipe, str]:
    """Return the colour space of a picture, and why it is that."""
    plate = shot.plate
    if colorspace == SAME_AS_PLATE:
        frame, picture = next(iter(find_frames(plate).items()))
        file = read_plate_header(picture, frame=frame, layer=plate.layer, first_frame=plate.first_frame)
        colorspace = plate.colorspace
    space, reason = _choose(plate, colorspace, picture, file)
    if not isinstance(space, Space):
        kind = {"file_format": file.file_format, "pixel_type": file.pixel_type}
        return ColorPipe.open(space, **kind, ocio=shot.ocio, exposure=exposure), reason
    if shot.ocio is not None:
        open_config(shot.ocio)  # report a broken config even if it is not needed here
    return ColorPipe(space, exposure), reason


def _choose(
    plate: Plate, colorspace: str | None, picture: Path, file: HeaderSummary | Header
) -> tuple[Space | str | None, str]:
    """Return a picture's colour space or its name, None for the default of its file type; and why it is that.

    A profile comes before what was given for the plate: a paint program writes what the artist saw. The header of an
    EXR comes after it, since programs hand headers on with pixels that they have converted.
    """
    if colorspace is not None:
        return colorspace, "as given"
    tagged, words = _find_tagged(file, picture)
    if tagged is not None and file.file_format != "openexr":
        return tagged, words
    if plate.colorspace is not None and has_plate_type(plate.path, picture):
        return plate.colorspace, _PLATES
    if file.encoding:
        reason = "assumed, as the movie is not tagged" if "assumed" in file.encoding else "as the movie is tagged"
        return tagged_space(file.encoding, picture.name), reason
    if tagged is not None:
        return tagged, words
    if not words and (inherited := _find_inherited(plate, picture)) is not None:
        return inherited, _PLATES
    default = f"the default of {_TYPE_NAMES.get(file.file_format, file.file_format.upper())} files"
    return None, f"{default}; {words}" if words else default


def _find_inherited(plate: Plate, picture: Path) -> Space | None:
    """Return the colour space that the plate's own file names, if a picture without any has its type; else None."""
    if plate.colorspace is not None or is_movie(plate.path) or not has_plate_type(plate.path, picture):
        return None
    pattern = FramePattern.parse(plate.path)
    number = picture.name.removeprefix(pattern.head).removesuffix(pattern.tail)
    if picture.parent == pattern.folder and (number.isdigit() or picture.name == pattern.head):
        return None  # it is the plate itself
    try:
        frame, first = next(iter(find_frames(plate).items()))
        header = read_plate_header(first, frame=frame, layer=plate.layer, first_frame=plate.first_frame)
    except PlateError:  # it is offline, while a picture of the shot is looked at
        return None
    return _find_tagged(header, first)[0]


def _find_tagged(file: HeaderSummary | Header, picture: Path) -> tuple[Space | None, str]:
    """Return the colour space that a picture's file names and where, or None and why that cannot be used."""
    kind, _, value = file.color_tag.partition(" ")
    if kind != "cicp":
        return find_tagged_space(file.color_tag, picture)
    if value == _SRGB_CICP:
        return SRGB, "its cICP"
    primaries, transfer = value.split()
    try:
        return tagged_space(f"{primaries}/{transfer}", picture.name), "its cICP"
    except UnknownSpace:
        return None, f"its cICP, primaries {primaries} and transfer {transfer} of H.273, cannot be used"


def has_plate_type(plate: str, picture: Path) -> bool:
    """Return whether a picture has the file type of a plate, and so its colour space unless it is given another.

    Args:
        plate: The path or pattern of the plate.
        picture: The picture's file.
    """
    own, other = (path.suffix.lower() for path in (FramePattern.parse(plate).path(0), picture))
    return _SAME_TYPE.get(own, own) == _SAME_TYPE.get(other, other)


class InputSpaces:
    """Opens and describes the colour spaces of one shot's inputs.

    Args:
        shot: The shot.
        formats: The format of each reference and still.
        name: Returns how messages name a file.
    """

    def __init__(self, shot: Shot, formats: Mapping[Path, HeaderSummary], *, name: Callable[[Path], str]) -> None:
        self._shot, self._formats, self._name = shot, formats, name
        self._opened: dict[tuple[object, ...], tuple[ColorPipe, str]] = {}

    def pipe_of(self, path: Path, colorspace: str | None, *, exposure: float) -> ColorPipe:
        """Return the conversion from the colour space of a reference or still.

        Args:
            path: The picture's file.
            colorspace: The colour space given for it; None if there is none.
            exposure: Stops to add before lightness is taken.

        Raises:
            UnknownSpace: If the colour space is unknown, or none is given where one is needed.
            ColorError: If the config is missing or damaged.
        """
        return self._open(path, colorspace, exposure=exposure)[0]

    def describe(
        self,
        plate: tuple[Path, HeaderSummary],
        references: Sequence[tuple[int, ReferencePicture]],
        patches: Collection[ReferencePicture],
        covered: Mapping[ReferencePicture, float],
    ) -> Iterator[InputColorspace]:
        """Yield one entry for the plate, for each reference as it was given, and for each still.

        Args:
            plate: The first frame of the plate and its format.
            references: Every keyframe and patch with its frame.
            patches: Those that are patches.
            covered: What part of the plate a reference covers, 0..1, where that was measured.
        """
        shot = self._shot
        first, file = plate
        pipe, reason = _open(shot, shot.plate.colorspace, first, file=file, exposure=0.0)
        yield _describe("Plate", shot.plate.path, pipe.space.name, reason, file)
        for reference in shot.references:
            pattern = FramePattern.parse(reference.path)
            pictures = {
                frame: picture
                for frame, picture in references
                if reference.frame in (None, frame) and picture.path == pattern.path(frame)
            }
            for entry, group in self._group_references(pictures.items(), reference.path).items():
                extent = _describe_extent([pictures[frame] for frame in group], patches, covered)
                yield replace(entry, label=name_frames(group, "Reference"), extent=extent)
        for still in shot.stills:
            yield self._describe_coloured("Still", still.path, Path(still.path), still.colorspace)

    def describe_for_record(
        self, spaces: Sequence[InputColorspace], first_frame: int, references: Sequence[tuple[int, ReferencePicture]]
    ) -> Iterator[InputColorspace]:
        """Yield the same entries with file names alone, so that the record does not depend on the shot's folder.

        Args:
            spaces: The entries of `describe`.
            first_frame: First frame of the plate.
            references: Every keyframe and patch with its frame.
        """
        yield replace(spaces[0], path=FramePattern.parse(self._shot.plate.path).path(first_frame).name)
        for entry, frames in self._group_references(references, "").items():
            first = next(picture.path.name for frame, picture in references if frame == frames[0])
            yield replace(entry, label=f"Reference {format_frames(frames)}", path=first)
        for entry in spaces:
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

    def _open(self, path: Path, colorspace: str | None, *, exposure: float) -> tuple[ColorPipe, str]:
        """Return the colour space of a reference or still, and why it is that."""
        file, is_plates = self._formats[path], has_plate_type(self._shot.plate.path, path)
        key = (colorspace, is_plates, file.file_format, file.pixel_type, file.color_tag, exposure)
        if key not in self._opened:  # opening a config takes a tenth of a second
            try:
                self._opened[key] = _open(self._shot, colorspace, path, file=file, exposure=exposure)
            except ColorError:
                if colorspace is not None or is_plates:
                    raise
                raise UnknownSpace(
                    f"{self._name(path)} does not say how it is encoded, and the colour space given holds for files of "
                    f"the plate's type. Convert it to that type, or {advise('own_colorspace')}."
                ) from None
        return self._opened[key]

    def _describe_coloured(self, label: str, text: str, path: Path, colorspace: str | None) -> InputColorspace:
        pipe, reason = self._open(path, colorspace, exposure=0.0)
        return _describe(label, text, pipe.space.name, reason, self._formats[path])


def _describe(label: str, text: str, space: str, reason: str, file: HeaderSummary) -> InputColorspace:
    several = len(file.layers) > 1
    return InputColorspace(label, text, space, reason, file.layer or "R, G, B" if several else file.layer)


def _describe_extent(
    pictures: Sequence[ReferencePicture],
    patches: Collection[ReferencePicture],
    covered: Mapping[ReferencePicture, float],
) -> str:
    """Return how many of some references are patches, and how much of the plate these cover."""
    parts = set(patches).intersection(pictures)
    if not parts:
        return ""
    kind = "a patch" if len(pictures) == 1 else f"{len(parts)} of {len(pictures)} are patches"
    shares = sorted(100 * covered[picture] for picture in parts if picture in covered)
    if not shares:
        return f"; {kind}"
    low, high = (_in_percent(share) for share in (shares[0], shares[-1]))
    return f"; {kind}, covering {low if low == high else f'{low} to {high}'} % of the plate"


def _in_percent(share: float) -> str:
    """Return a share in percent with one decimal; one that small is told by its first digit."""
    return f"{share:.1f}".removesuffix(".0") if share >= 0.1 else f"{share:.1g}"

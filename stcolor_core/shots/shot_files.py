"""Find the files of a shot by their names alone: the plate's frames, the references and the mattes."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from stcolor_core.errors import BadRequest, PlateError, StcolorError
from stcolor_core.images.frame_ranges import count_frames, find_gaps, group_runs, name_frames, name_runs, parse_frames
from stcolor_core.images.picture_names import describe_absence, name_picture
from stcolor_core.images.placement import Placement
from stcolor_core.images.sequences import FramePattern
from stcolor_core.movies.names import is_movie
from stcolor_core.plurals import form_of
from stcolor_core.remedies import advise
from stcolor_core.shots.given_cuts import check_cuts
from stcolor_core.shots.picture_roles import find_roles, matte_role
from stcolor_core.shots.pictures import Alpha, Plate, Reference
from stcolor_core.shots.shot import Shot

__all__ = [
    "ReferencePicture",
    "check_files",
    "check_mattes",
    "find_frames",
    "find_mattes",
    "find_references",
    "require_reference",
    "split_references",
]

_WIDEST_GAP = 10_000  # frames that may be missing in a row: no shot is as long, so a file beyond is a stray one


def check_files(shot: Shot) -> dict[int, Path]:
    """Check that the files of a shot exist, by their names alone.

    A program calls this before it imports torch, so that a mistyped path is reported in a fraction of a second.

    Args:
        shot: The shot.

    Returns:
        Plate frame -> its file, in ascending order.

    Raises:
        BadRequest: If there is no reference, or if a picture or a cut belongs to no frame of the plate.
        PlateError: If a picture is missing.
    """
    require_reference(shot)
    frames = find_frames(shot.plate)
    references = find_references(shot, frames)
    pictures = [path for each in references.values() for picture in each for path in picture.files]
    pictures += [Path(still.path) for still in shot.stills]
    check_mattes(shot, frames, warn=lambda _: None)
    check_cuts(shot, frames)
    for path in pictures:
        if not path.is_file():
            label = name_picture(path, None, find_roles(shot, frames, references).get(path, ""))
            raise PlateError(f"{label} {describe_absence(path)}. Check the path.")
    return frames


def require_reference(shot: Shot) -> None:
    """Refuse a shot that says nothing about colour.

    Args:
        shot: The shot.

    Raises:
        BadRequest: If there is no reference, still or swatch.
    """
    if not shot.references and not shot.stills and not shot.swatches:
        raise BadRequest(f"The shot has no reference. {advise('no_reference')}.")


def find_frames(plate: Plate) -> dict[int, Path]:
    """Return the frames to colour with their files, in ascending order.

    Missing frames are handled as `Plate.missing` says. All frames of a movie have the same file.

    Args:
        plate: The plate.

    Raises:
        PlateError: If there are no frames, if frames are missing and the plate does not say how to handle them, or if a
            stray frame lies far from the others.
    """
    if is_movie(plate.path):
        return _find_movie_frames(plate)
    pattern = FramePattern.parse(plate.path, role="The plate")
    on_disk = pattern.frames()
    if on_disk and not pattern.is_sequence:
        return {frame: pattern.path(frame) for frame in (parse_frames(plate.frames) if plate.frames else on_disk)}
    pattern.check_padding(min(on_disk, default=0) if plate.frames is None else parse_frames(plate.frames)[0])
    if not on_disk:
        raise PlateError(f"There is no frame of {plate.path}. Check the path and the frame padding.")
    requested = None if plate.frames is None else parse_frames(plate.frames)
    missing = find_gaps(on_disk) if requested is None else group_runs(set(requested).difference(on_disk))
    if plate.missing != "skip" and requested is None:
        _require_no_stray(plate, on_disk, missing)
    if missing and plate.missing == "error":
        remedy = form_of(count_frames(missing), "is missing. Render it", "are missing. Render them")
        raise PlateError(f"{name_runs(missing, 'Frame')} of {plate.path} {remedy}, or {advise('missing')}.")
    if plate.missing == "hold":
        frames = requested or range(on_disk[0], on_disk[-1] + 1)
        return {frame: pattern.path(on_disk[max(0, bisect_right(on_disk, frame) - 1)]) for frame in frames}
    available = on_disk if requested is None else sorted(set(requested).intersection(on_disk))
    if not available:
        lacking = requested or ()
        fault = form_of(len(lacking), "does not exist", "do not exist")
        raise PlateError(f"{name_frames(lacking, 'Frame')} of {plate.path} {fault}. {advise('frames')}.")
    return {frame: pattern.path(frame) for frame in available}


def _find_movie_frames(plate: Plate) -> dict[int, Path]:
    from stcolor_core.movies.plate_frames import movie_frames  # loads OpenImageIO and PyAV

    path = Path(plate.path)
    frames = movie_frames(path, first_frame=plate.first_frame)
    requested = frames if plate.frames is None else parse_frames(plate.frames)
    inside = [frame for frame in requested if frame in frames]
    if not inside or (len(inside) < len(requested) and plate.missing != "skip"):
        outside = set(requested).difference(inside)
        raise PlateError(
            f"{name_frames(outside, 'Frame')} {form_of(len(outside), 'is', 'are')} not in {plate.path}, which "
            f"has {frames[0]}-{frames[-1]}. {advise('movie_frames')}."
        )
    return dict.fromkeys(inside, path)


def _require_no_stray(plate: Plate, on_disk: Sequence[int], missing: Sequence[range]) -> None:
    """Raise PlateError if a gap between the frames is so wide that some of them must belong to another shot."""
    widest = max(missing, key=lambda gap: gap.stop - gap.start, default=range(0))
    if widest.stop - widest.start <= _WIDEST_GAP:
        return
    index = bisect_right(on_disk, widest.start)
    stray = min(on_disk[:index], on_disk[index:], key=len)
    lie, them = form_of(len(stray), "lies", "lie"), form_of(len(stray), "it", "them")
    raise PlateError(
        f"{name_frames(stray, 'Frame')} of {plate.path} {lie} {widest.stop - widest.start} frames away from the "
        f"others. Move {them} out of the folder, or {advise('own_frames')}."
    )


@dataclass(frozen=True)
class ReferencePicture:
    """The file of one reference of one frame.

    Attributes:
        path: The picture.
        colorspace: The name of its colour space as given; None if none was given.
        mask: The picture that says where it counts; None for everywhere.
        alpha: As for `Reference`.
        patch: As for `Reference`.
        sequence: The pattern that it is a frame of; None if it was given for its frame.
        movie_frame: As for `Reference`.
        placement: The plate's format in the picture's own pixels, if that was found by comparing the two; None if the
            picture's file says where it lies.
    """

    path: Path
    colorspace: str | None = None
    mask: Path | None = None
    alpha: Alpha = "auto"
    patch: bool | None = None
    sequence: str | None = None
    movie_frame: int | None = None
    placement: Placement | None = None

    @property
    def files(self) -> tuple[Path, ...]:
        """Return the picture and, if there is one, the mask."""
        return (self.path,) if self.mask is None else (self.path, self.mask)


def find_references(
    shot: Shot, frames: Iterable[int], *, warn: Callable[[str], None] = lambda _: None
) -> dict[int, tuple[ReferencePicture, ...]]:
    """Return the reference frames with their pictures, in ascending order.

    A sequence gives all frames that both it and the plate have.

    Args:
        shot: The shot.
        frames: The plate's frames.
        warn: Called with one line for frames of a sequence that the plate does not have.

    Returns:
        Frame -> its pictures in the order of the shot.

    Raises:
        BadRequest: If a reference is given for a frame that the plate does not have, or if a sequence has none of the
            plate's frames, or a single picture no frame; if a movie is given for no frame, or lacks that frame.
        PlateError: If no file of a sequence is there.
    """
    plate = set(frames)
    references: dict[int, list[ReferencePicture]] = {}
    for reference in shot.references:
        _check_movie(reference, shot.plate, sorted(plate))
        number = reference.frame
        role, masks = "The references", "The masks of references"
        if number is not None:
            role, masks = f"Reference {number}", f"The mask of reference {number}"
        pattern = FramePattern.parse(reference.path, role=role, frame=number)
        mask = None if reference.mask is None else FramePattern.parse(reference.mask, role=masks, frame=number)
        if reference.frame is None:
            on_disk = set(pattern.frames()) if pattern.is_sequence else set()
            chosen = plate.intersection(on_disk)
            pattern.check_padding(min(plate))
            if not on_disk:
                raise _nothing_there("reference", pattern)
            if not chosen:
                raise BadRequest(
                    f"No frame of the references {reference.path} is a frame of the plate. "
                    f"Check the padding, or {advise('frame_path')}."
                )
            if unused := on_disk - chosen:
                fault = form_of(
                    len(unused),
                    "is not a frame of the plate and is not used",
                    "are not frames of the plate and are not used",
                )
                warn(f"{name_frames(unused, 'Frame')} of the references {reference.path} {fault}. Check the numbering.")
        elif reference.frame not in plate and min(plate) < reference.frame < max(plate):
            raise BadRequest(
                f"Reference {reference.frame} ({reference.path}) has no plate frame: frame {reference.frame} of "
                f"{shot.plate.path} is missing or left out. Render it, or {advise('as_still')}."
            )
        elif reference.frame not in plate:
            span = f"{min(plate)}-{max(plate)}"
            raise BadRequest(
                f"Reference {reference.frame} ({reference.path}) is not a frame of the plate ({span}). "
                f"Correct its number, or {advise('as_still')}."
            )
        else:
            chosen = {reference.frame}
        for frame in chosen:
            picture = ReferencePicture(
                pattern.path(frame),
                reference.colorspace,
                None if mask is None else mask.path(frame),
                reference.alpha,
                reference.patch,
                sequence=reference.path if reference.frame is None else None,
                movie_frame=reference.movie_frame,
            )
            references.setdefault(frame, []).append(picture)
    return {frame: tuple(references[frame]) for frame in sorted(references)}


def _check_movie(reference: Reference, plate: Plate, shown: Sequence[int]) -> None:
    """Refuse a reference movie that is given for no frame, or that lacks the frame it is given for.

    Args:
        reference: The reference.
        plate: The plate.
        shown: The plate's frames, in ascending order.
    """
    if not is_movie(reference.path):
        return
    if reference.frame is None:
        raise BadRequest(
            f"The reference {reference.path} is a movie, and every frame of it would be a keyframe. "
            f"{advise('frame_path')}."
        )
    from stcolor_core.movies.plate_frames import movie_frames  # loads OpenImageIO and PyAV

    try:
        own = movie_frames(Path(reference.path), first_frame=None)
    except PlateError as error:  # it names the movie alone
        raise PlateError(f"Reference {reference.frame}: {error}") from None
    if reference.movie_frame is not None:
        frames = own
        if reference.movie_frame not in frames:
            raise BadRequest(
                f"Reference {reference.frame} is frame {reference.movie_frame} of {reference.path}, which has "
                f"{frames[0]}-{frames[-1]}. Correct the number behind the movie's name."
            )
        return
    frames = movie_frames(Path(reference.path), first_frame=plate.first_frame)
    if reference.frame not in frames:
        place = shown.index(reference.frame) if reference.frame in shown else 0
        named = own[min(place, len(own) - 1)]
        raise BadRequest(
            f"Reference {reference.frame} is the frame of that number of {reference.path}, which has "
            f"{frames[0]}-{frames[-1]}. Correct its number, or {advise('movie_frame', named)}."
        )


def split_references(
    found: Mapping[int, Sequence[ReferencePicture]],
    is_patch: Callable[[ReferencePicture], bool],
    *,
    warn: Callable[[str], None] = lambda _: None,
) -> tuple[dict[int, ReferencePicture], dict[int, tuple[ReferencePicture, ...]]]:
    """Separate whole keyframes from patches, and settle which picture is the keyframe of a frame that has several.

    A picture that is given for its frame takes the place of a sequence's, and the first of two sequences that of the
    second.

    Args:
        found: The result of `find_references`.
        is_patch: Tells whether a picture is a patch.
        warn: Called with one line for the frames that two sequences have.

    Returns:
        Frame -> its whole keyframe, and frame -> its patches in the order of the shot, both in ascending order.

    Raises:
        BadRequest: If two whole keyframes are given for one frame.
    """
    keyframes: dict[int, ReferencePicture] = {}
    patches: dict[int, tuple[ReferencePicture, ...]] = {}
    repeated: dict[str, list[int]] = {}
    for frame, pictures in found.items():
        given = [picture for picture in pictures if picture.sequence is None]
        whole = [picture for picture in given if not is_patch(picture)]
        if len(whole) > 1:
            raise BadRequest(
                f"Frame {frame} has two references that cover all of it ({whole[0].path} and {whole[1].path}). "
                "Keep one of them, or give one a mask or an alpha."
            )
        if not whole:
            whole = [picture for picture in pictures if picture.sequence and not is_patch(picture)]
            for other in whole[1:]:
                repeated.setdefault(str(other.sequence), []).append(frame)
            counted: Sequence[ReferencePicture] = pictures
        else:
            counted = given
        if whole:
            keyframes[frame] = whole[0]
        if over := tuple(picture for picture in counted if is_patch(picture)):
            patches[frame] = over
    for sequence, frames in repeated.items():
        warn(
            f"{name_frames(frames, 'Frame')} of the references {sequence} {form_of(len(frames), 'is', 'are')} also in "
            "a sequence given before it, which is used. Remove one of them."
        )
    return keyframes, patches


def _nothing_there(kind: str, pattern: FramePattern) -> StcolorError:
    """Return the error for references or mattes of which no file is there, which says what is missing."""
    if not pattern.is_sequence:
        path = pattern.path(0)
        if path.is_file():
            return BadRequest(
                f"The {kind} {path} has no frame number, so that its frame of the plate is not known: "
                f"{advise('frame_path')}, or {advise('as_still')}."
            )
        return PlateError(f"The {kind} {path} is missing. Check the path.")
    if not pattern.folder.is_dir():
        return PlateError(f"The folder {pattern.folder} of the {kind}s {pattern.text} is missing. Check the path.")
    return PlateError(f"There is no file of the {kind}s {pattern.text}. Check the name and the frame padding.")


def find_mattes(shot: Shot, frame: int) -> list[Path]:
    """Return the matte files of a frame: those given for this frame, and the existing files of sequences.

    Args:
        shot: The shot.
        frame: The frame's number.
    """
    patterns = ((matte, FramePattern.parse(matte.path)) for matte in shot.mattes)
    return [
        pattern.path(frame)
        for matte, pattern in patterns
        if (matte.frame is None and (not pattern.is_sequence or pattern.path(frame).is_file())) or matte.frame == frame
    ]


def check_mattes(shot: Shot, frames: Iterable[int], *, warn: Callable[[str], None]) -> None:
    """Warn of mattes that belong to no frame of the plate.

    Args:
        shot: The shot.
        frames: The plate's frames.
        warn: Called with one line for each matte of a single frame that the plate does not have.

    Raises:
        BadRequest: If a sequence of mattes has none of the plate's frames.
        PlateError: If no file of a sequence is there.
    """
    plate = set(frames)
    for matte in shot.mattes:
        role = "The mattes" if matte.frame is None else matte_role(matte.frame)
        pattern = FramePattern.parse(matte.path, role=role, frame=matte.frame)
        if matte.frame is not None and matte.frame not in plate:
            warn(f"The matte {matte.path} is for frame {matte.frame}, which the plate does not have, and is not used.")
        elif matte.frame is None and pattern.is_sequence and plate.isdisjoint(on_disk := pattern.frames()):
            if not on_disk:
                raise _nothing_there("matte", pattern)
            raise BadRequest(
                f"No frame of the mattes {matte.path} is a frame of the plate. Check the padding, or give FRAME=PATH."
            )

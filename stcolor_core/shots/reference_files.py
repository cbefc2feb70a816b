"""Find the references of a shot by their names alone, and tell whole keyframes from patches."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from dataclasses import dataclass
from pathlib import Path

from stcolor_core.errors import BadRequest, PlateError, StcolorError
from stcolor_core.files.given_paths import describe_absence, is_file, is_folder
from stcolor_core.images.frame_ranges import name_frames
from stcolor_core.images.placement import Placement
from stcolor_core.images.sequences import FramePattern
from stcolor_core.movies.names import is_movie
from stcolor_core.plurals import form_of
from stcolor_core.remedies import advise
from stcolor_core.shots.pictures import Alpha, Plate, Reference
from stcolor_core.shots.shot import Shot

__all__ = ["ReferencePicture", "find_references", "nothing_there", "split_references"]


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
        if number is None:
            chosen = _frames_of_sequence(pattern, plate, warn)
        else:
            _require_plate_frame(number, reference, shot.plate, plate)
            chosen = {number}
        for frame in chosen:
            picture = ReferencePicture(
                pattern.path(frame),
                reference.colorspace,
                None if mask is None else mask.path(frame),
                reference.alpha,
                reference.patch,
                sequence=reference.path if number is None else None,
                movie_frame=reference.movie_frame,
            )
            references.setdefault(frame, []).append(picture)
    return {frame: tuple(references[frame]) for frame in sorted(references)}


def _frames_of_sequence(pattern: FramePattern, plate: Set[int], warn: Callable[[str], None]) -> set[int]:
    """Return the frames that both a sequence of references and the plate have; warn of those that only it has."""
    on_disk = set(pattern.frames()) if pattern.is_sequence else set()
    chosen = on_disk.intersection(plate)
    pattern.check_padding(min(plate))
    if not on_disk:
        raise nothing_there("reference", pattern)
    if not chosen:
        raise BadRequest(
            f"No frame of the references {pattern.text} is a frame of the plate. "
            f"Check the padding, or {advise('frame_path')}."
        )
    if unused := on_disk - chosen:
        fault = form_of(
            len(unused),
            "is not a frame of the plate and is not used",
            "are not frames of the plate and are not used",
        )
        warn(f"{name_frames(unused, 'Frame')} of the references {pattern.text} {fault}. Check the numbering.")
    return chosen


def _require_plate_frame(number: int, reference: Reference, plate: Plate, frames: Set[int]) -> None:
    """Refuse a reference that is given for a frame that the plate does not have."""
    if number in frames:
        return
    if _is_left_out(number, plate):
        raise BadRequest(
            f"Reference {number} ({reference.path}): frame {number} of {plate.path} is there, but the shot has "
            f"{name_frames(frames)} only. {advise('more_frames')}, or {advise('as_still')}."
        )
    if min(frames) < number < max(frames):
        raise BadRequest(
            f"Reference {number} ({reference.path}) has no plate frame: frame {number} of "
            f"{plate.path} is missing or left out. Render it, or {advise('as_still')}."
        )
    raise BadRequest(
        f"Reference {number} ({reference.path}) is not a frame of the plate ({min(frames)}-{max(frames)}). "
        f"Correct its number, or {advise('as_still')}."
    )


def _is_left_out(number: int, plate: Plate) -> bool:
    """Return whether the plate has a frame on disk that is not among those to use."""
    if plate.frames is None:
        return False
    if is_movie(plate.path):
        from stcolor_core.movies.plate_frames import movie_frames  # loads OpenImageIO and PyAV

        return number in movie_frames(Path(plate.path), first_frame=plate.first_frame)
    pattern = FramePattern.parse(plate.path)
    return pattern.is_sequence and is_file(pattern.path(number))


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


def nothing_there(kind: str, pattern: FramePattern) -> StcolorError:
    """Return the error for references or mattes of which no file is there, which says what is missing.

    Args:
        kind: "reference" or "matte".
        pattern: The path that was given.
    """
    if not pattern.is_sequence:
        path = pattern.path(0)
        if is_file(path):
            return BadRequest(
                f"The {kind} {path} has no frame number, so that its frame of the plate is not known: "
                f"{advise('frame_path')}, or {advise('as_still')}."
            )
        return PlateError(f"The {kind} {path} {describe_absence(path)}")
    if not is_folder(pattern.folder):
        return PlateError(f"The folder {pattern.folder} of the {kind}s {pattern.text} is missing. Check the path.")
    return PlateError(f"There is no file of the {kind}s {pattern.text}. Check the name and the frame padding.")

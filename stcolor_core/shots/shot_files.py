"""Find the files of a shot by their names alone: the plate's frames and the mattes (`reference_files` has the rest)."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from stcolor_core.errors import BadRequest, PlateError
from stcolor_core.files.given_paths import describe_absence, describe_denial, is_file
from stcolor_core.images.frame_ranges import count_frames, find_gaps, group_runs, name_frames, name_runs, parse_frames
from stcolor_core.images.picture_names import name_picture
from stcolor_core.images.sequences import FramePattern
from stcolor_core.movies.names import is_movie
from stcolor_core.plurals import form_of
from stcolor_core.remedies import advise
from stcolor_core.shots.given_cuts import check_cuts
from stcolor_core.shots.picture_roles import find_roles, matte_role
from stcolor_core.shots.pictures import Plate
from stcolor_core.shots.reference_files import find_references, nothing_there
from stcolor_core.shots.shot import Shot

__all__ = ["check_files", "check_mattes", "find_frames", "find_mattes", "require_reference"]

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
        if not is_file(path):
            label = name_picture(path, None, find_roles(shot, frames, references).get(path, ""))
            raise PlateError(f"{label} {describe_absence(path)}")
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
    if not on_disk and not pattern.is_sequence and (denial := describe_denial(pattern.path(1))):
        raise PlateError(f"The plate {plate.path} {denial}")
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
        if (matte.frame is None and (not pattern.is_sequence or is_file(pattern.path(frame)))) or matte.frame == frame
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
                raise nothing_there("matte", pattern)
            raise BadRequest(
                f"No frame of the mattes {matte.path} is a frame of the plate. Check the padding, or give FRAME=PATH."
            )

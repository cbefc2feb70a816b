"""Which files make a shot: the plate's frames, the references and the mattes, by their names alone."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from stcolor_core.errors import BadRequest, PlateError
from stcolor_core.images.frame_ranges import describe_runs, find_gaps, group_runs
from stcolor_core.images.sequences import FramePattern
from stcolor_core.shots.shot import Plate, Shot, name_frames, parse_frames

__all__ = ["check_mattes", "find_frames", "find_references"]

_WIDEST_GAP = 10_000  # frames that may be missing in a row: no shot is as long, so what lies beyond is a stray file


def find_frames(plate: Plate) -> dict[int, Path]:
    """The frames to colour and the file of each, in ascending order, missing ones treated as the plate says.

    Raises PlateError where nothing is there, or where frames are missing and the plate does not say what to do.
    """
    pattern = FramePattern.parse(plate.path)
    there = pattern.frames()
    if there and not pattern.is_sequence:
        return {frame: pattern.path(frame) for frame in (parse_frames(plate.frames) if plate.frames else there)}
    if not there:
        raise PlateError(f"There is no frame of {plate.path}. Check the path and the frame padding.")
    asked = None if plate.frames is None else parse_frames(plate.frames)
    missing = find_gaps(there) if asked is None else group_runs(set(asked).difference(there))
    if plate.missing != "skip" and asked is None:
        _require_no_stray(plate, there, missing)
    if missing and plate.missing == "error":
        raise PlateError(
            f"Frame {describe_runs(missing)} of {plate.path} is missing. "
            "Render it, or pass --missing skip or --missing hold."
        )
    if plate.missing == "hold":
        wanted = asked or range(there[0], there[-1] + 1)
        return {frame: pattern.path(there[max(0, bisect_right(there, frame) - 1)]) for frame in wanted}
    kept = there if asked is None else sorted(set(asked).intersection(there))
    if not kept:
        raise PlateError(f"None of the frames {name_frames(asked or ())} of {plate.path} is there. Check --frames.")
    return {frame: pattern.path(frame) for frame in kept}


def _require_no_stray(plate: Plate, there: Sequence[int], missing: Sequence[range]) -> None:
    """Raise PlateError where the frames lie so far apart that some of them belong to no shot."""
    widest = max(missing, key=lambda gap: gap.stop - gap.start, default=range(0))
    if widest.stop - widest.start <= _WIDEST_GAP:
        return
    place = bisect_right(there, widest.start)
    stray = min(there[:place], there[place:], key=len)
    raise PlateError(
        f"Frame {name_frames(stray)} of {plate.path} lies {widest.stop - widest.start} frames away from the others. "
        "Move it out of the folder, or name the shot's frames with --frames."
    )


def find_references(
    shot: Shot, frames: Iterable[int], *, warn: Callable[[str], None] = lambda _: None
) -> dict[int, tuple[Path, str | None]]:
    """Reference frame -> its picture and colour space. Sequences give every frame of theirs that the plate has.

    warn: takes one line that names the frames of a sequence that the plate has not, or that another one has too.
    Raises BadRequest for a reference named by its frame that the plate has not, and where a sequence has none at all.
    """
    plate = set(frames)
    found: dict[int, tuple[Path, str | None]] = {}
    listed: set[int] = set()  # by sequences; a reference named by its frame takes the place of one of these
    for reference in shot.references:
        pattern = FramePattern.parse(reference.path)
        if reference.frame is None:
            there = set(pattern.frames()) if pattern.is_sequence else set()
            own = plate.intersection(there)
            if not own:
                raise BadRequest(
                    f"No frame of the references {reference.path} is a frame of the plate. "
                    "Check the padding, or give FRAME=PATH."
                )
            if there - own:
                warn(
                    f"Frame {name_frames(there - own)} of the references {reference.path} is no frame of the plate "
                    "and is not used. Check the numbering."
                )
            if twice := own.intersection(listed):
                warn(
                    f"Frame {name_frames(twice)} of the references {reference.path} is a reference already, of the "
                    "sequence given before it, which is taken. Leave one of them out."
                )
            listed |= own
            found.update({frame: (pattern.path(frame), reference.colorspace) for frame in own if frame not in found})
        elif reference.frame not in plate:
            span = f"{min(plate)}-{max(plate)}"
            raise BadRequest(
                f"Reference {reference.frame} ({reference.path}) is no frame of the plate ({span}). "
                "Correct its number, or give it as --still."
            )
        else:
            found[reference.frame] = (pattern.path(reference.frame), reference.colorspace)
    return dict(sorted(found.items()))


def check_mattes(shot: Shot, frames: Iterable[int], *, warn: Callable[[str], None]) -> None:
    """Tell of mattes that belong to no frame of the plate. Raises BadRequest for a sequence of which none does."""
    plate = set(frames)
    for matte in shot.mattes:
        pattern = FramePattern.parse(matte.path)
        if matte.frame is not None and matte.frame not in plate:
            warn(f"The matte {matte.path} is for frame {matte.frame}, which the plate has not, and is not used.")
        elif matte.frame is None and pattern.is_sequence and plate.isdisjoint(pattern.frames()):
            raise BadRequest(
                f"No frame of the mattes {matte.path} is a frame of the plate. Check the padding, or give FRAME=PATH."
            )

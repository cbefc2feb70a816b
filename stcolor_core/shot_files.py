"""Which files make a shot: the plate's frames and the references, by their names alone."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

from stcolor_core.errors import BadRequest, PlateError
from stcolor_core.sequences import FramePattern
from stcolor_core.shot import Plate, Shot, format_frames, parse_frames

__all__ = ["find_frames", "find_references"]


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
    wanted = parse_frames(plate.frames) if plate.frames else range(there[0], there[-1] + 1)
    missing = sorted(set(wanted).difference(there))
    if missing and plate.missing == "error":
        raise PlateError(
            f"Frame {format_frames(missing)} of {plate.path} is missing. "
            "Render it, or pass --missing skip or --missing hold."
        )
    if plate.missing == "hold":
        return {frame: pattern.path(max((f for f in there if f <= frame), default=there[0])) for frame in wanted}
    kept = [frame for frame in wanted if frame in set(there)]
    if not kept:
        raise PlateError(f"None of the frames {plate.frames} of {plate.path} is there. Check --frames.")
    return {frame: pattern.path(frame) for frame in kept}


def find_references(
    shot: Shot, frames: Iterable[int], *, warn: Callable[[str], None] = lambda _: None
) -> dict[int, tuple[Path, str | None]]:
    """Reference frame -> its picture and colour space. Sequences give every frame of theirs that the plate has.

    warn: takes one line that names the frames of a sequence that the plate has not.
    Raises BadRequest for a reference named by its frame that the plate has not, and where a sequence has none at all.
    """
    plate = set(frames)
    found: dict[int, tuple[Path, str | None]] = {}
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
                    f"Frame {format_frames(there - own)} of the references {reference.path} is no frame of the plate "
                    "and is not used. Check the numbering."
                )
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

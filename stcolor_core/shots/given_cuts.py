"""Check the cuts and dissolves that were given by hand against the plate, by the names of its files alone."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from stcolor_core.errors import BadRequest
from stcolor_core.images.frame_ranges import name_frames, name_runs
from stcolor_core.images.sequences import FramePattern
from stcolor_core.movies.names import is_movie
from stcolor_core.remedies import advise
from stcolor_core.shots.pictures import Plate
from stcolor_core.shots.shot import Shot
from stcolor_core.shots.transitions import parse_transitions

__all__ = ["check_cuts"]


def check_cuts(shot: Shot, frames: Collection[int]) -> None:
    """Check that the shot's cuts and dissolves lie within its plate, a dissolve with all of its frames.

    The whole plate counts, not only the frames that the shot uses: a part of a plate may be coloured with the cuts
    of all of it. A scene may also begin at the plate's first frame, as lists of cuts often have it.

    Args:
        shot: The shot.
        frames: The plate's frames that it uses.

    Raises:
        BadRequest: If a cut lies outside of the plate, or a part of a dissolve. It would not be found at its true place
            either, and of a dissolve's second scene there would be no frame to take the colour from.
    """
    if shot.method.cuts in ("auto", "none"):
        return
    given = parse_transitions(shot.method.cuts)
    first, last = _extent(shot.plate, frames)
    there = f"{shot.plate.path} has the {name_runs([range(first, last + 1)])}"
    outside = {cut for cut in given.cuts if not first <= cut <= last}
    if outside:
        raise BadRequest(
            f"No new scene can begin at {name_frames(outside)} of the cuts: {there}. {advise('correct_cuts')}."
        )
    for dissolve in given.dissolves:
        if dissolve.first < first or dissolve.last > last:
            raise BadRequest(
                f"The dissolve {dissolve.first}-{dissolve.last} of the cuts reaches out of the plate: "
                f"{there}. {advise('correct_cuts')}."
            )


def _extent(plate: Plate, frames: Collection[int]) -> tuple[int, int]:
    """Return the first and last frame of the whole plate, also of one of which a part is used."""
    whole = set(frames)
    if is_movie(plate.path):
        from stcolor_core.movies.plate_frames import movie_frames  # loads OpenImageIO and PyAV

        whole.update(movie_frames(Path(plate.path), first_frame=plate.first_frame))
    elif (pattern := FramePattern.parse(plate.path)).is_sequence:
        whole.update(pattern.frames())
    return min(whole), max(whole)

"""Check the cuts and dissolves that were given by hand against the plate, by the names of its files alone."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from stcolor_core.errors import BadRequest
from stcolor_core.images.frame_ranges import describe_frames
from stcolor_core.images.sequences import FramePattern
from stcolor_core.movies.names import is_movie
from stcolor_core.remedies import advise
from stcolor_core.shots.pictures import Plate
from stcolor_core.shots.shot import Shot
from stcolor_core.shots.transitions import parse_transitions

__all__ = ["check_cuts"]


def check_cuts(shot: Shot, frames: Collection[int]) -> None:
    """Check that the shot's cuts lie within its plate.

    The whole plate counts, not only the frames that the shot uses: a part of a plate may be coloured with the cuts
    of all of it. A scene may also begin at the plate's first frame, as lists of cuts often have it.

    Args:
        shot: The shot.
        frames: The plate's frames that it uses.

    Raises:
        BadRequest: If a cut or dissolve lies outside of the plate. It would not be found at its true place either.
    """
    if shot.method.cuts in ("auto", "none"):
        return
    given = parse_transitions(shot.method.cuts)
    first, last = _extent(shot.plate, frames)
    outside = {cut for cut in given.cuts if not first <= cut <= last}
    outside.update(dissolve.first for dissolve in given.dissolves if dissolve.last < first or dissolve.first > last)
    if outside:
        raise BadRequest(
            f"No new scene can begin at frame {describe_frames(outside)} of the cuts: {shot.plate.path} has the frames "
            f"{first}-{last}. {advise('correct_cuts')}."
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

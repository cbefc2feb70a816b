"""The frames of a shot's swatches: each needs a plate and a matte of its frame."""

from __future__ import annotations

from collections.abc import Collection

from stcolor_core.errors import BadRequest
from stcolor_core.remedies import advise
from stcolor_core.shots.pictures import Swatch
from stcolor_core.shots.shot import Shot
from stcolor_core.shots.shot_files import find_mattes

__all__ = ["find_swatches"]


def find_swatches(shot: Shot, frames: Collection[int]) -> dict[int, tuple[Swatch, ...]]:
    """Return the swatches of each frame that has some, in the order of the shot.

    Args:
        shot: The shot.
        frames: The plate's frames.

    Raises:
        BadRequest: If a swatch names a frame without plate or matte, or two are of one object on one frame.
    """
    swatches: dict[int, tuple[Swatch, ...]] = {}
    for swatch in shot.swatches:
        label = f"The swatch {swatch.frame}:{swatch.object}"
        if swatch.frame not in frames:
            raise BadRequest(
                f"{label} is not on a frame of the plate ({min(frames)}-{max(frames)}). Correct its frame."
            )
        if not find_mattes(shot, swatch.frame):
            raise BadRequest(f"{label} needs a matte of frame {swatch.frame}. {advise('frame_matte', swatch.frame)}.")
        same = [other for other in swatches.get(swatch.frame, ()) if other.object == swatch.object]
        if same:
            first, second = (",".join(each.colors) for each in (same[0], swatch))
            raise BadRequest(
                f"{label} is given twice, as {first} and as {second}. Keep one; for the colours of its shadow and its "
                f"light give one swatch: {first},{second}."
            )
        swatches[swatch.frame] = (*swatches.get(swatch.frame, ()), swatch)
    return swatches

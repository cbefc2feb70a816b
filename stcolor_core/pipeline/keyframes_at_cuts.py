"""Put keyframes that show a frame behind a cut where they belong, as when their number is off by one.

As the keyframe of the frame that it was given for, such a picture would colour nothing of its own scene, and would lend
its colours to another one by looks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import NamedTuple

from stcolor_core.files.stat_cache import StatCache
from stcolor_core.pipeline.footage import ShotFootage
from stcolor_core.pipeline.inputs import ShotInputs
from stcolor_core.pipeline.keyframe_verdicts import SHOWS_NOTHING, KeyframeVerdicts, shown_frame
from stcolor_core.pipeline.reference_flaws import ReferenceFlaws
from stcolor_core.remedies import advise
from stcolor_core.shots.shot import Shot

__all__ = ["CutsBetween", "KeyframePlace", "find_places", "move_keyframes", "put_quietly"]

CutsBetween = Callable[[Iterable[tuple[int, int]]], Sequence[int]]
"""Returns the first frames of the scenes that begin between some frames."""


class KeyframePlace(NamedTuple):
    """Where a keyframe belongs.

    Attributes:
        frame: The frame that it shows.
        is_free: Whether that frame has no keyframe of its own.
    """

    frame: int
    is_free: bool


def find_places(verdicts: Mapping[int, str], cuts_between: CutsBetween) -> dict[int, KeyframePlace]:
    """Return where the keyframes belong that show a frame behind a cut.

    Args:
        verdicts: Frame of every whole keyframe -> the verdict on it.
        cuts_between: Finds the cuts; asked only if a keyframe shows another frame than its own.

    Returns:
        Frame of such a keyframe -> its place.
    """
    shown = {frame: other for frame, verdict in verdicts.items() if (other := shown_frame(frame, verdict)) != frame}
    cuts = cuts_between(shown.items()) if shown else ()
    behind = {
        frame: other
        for frame, other in sorted(shown.items(), key=lambda pair: (abs(pair[1] - pair[0]), pair[0]))
        if any(min(frame, other) < cut <= max(frame, other) for cut in cuts)
    }
    going: dict[int, int] = {}
    for frame, other in behind.items():  # of two that show the same frame, the nearer one
        if other not in going.values():
            going[frame] = other
    while held := [frame for frame, other in going.items() if _is_held(other, verdicts, going)]:
        for frame in held:
            del going[frame]
    return {frame: KeyframePlace(other, is_free=frame in going) for frame, other in behind.items()}


def move_keyframes(inputs: ShotInputs, footage: ShotFootage, places: Mapping[int, KeyframePlace]) -> None:
    """Put keyframes where they belong, leave out those that have no place, and say so to the artist.

    Args:
        inputs: The shot's files; `references` and `moved` are changed.
        footage: The shot's pictures.
        places: From `find_places`.
    """
    pictures = {frame: inputs.references.pop(frame) for frame in places}
    for frame, (shown, is_free) in places.items():
        footage.forget_reference(frame)
        if is_free:
            inputs.references[shown], inputs.moved[shown] = pictures[frame], frame
            footage.forget_reference(shown)
    ordered = sorted(inputs.references.items())
    inputs.references.clear()
    inputs.references.update(ordered)
    for frame, (shown, is_free) in places.items():
        if is_free:
            footage.registration(shown)  # says so to the artist
            continue
        rest = f": looks like frame {shown} of another scene, which has a keyframe of its own, and is not used. "
        label = f"Reference {frame} ({pictures[frame].path})"
        footage.lines.about(label, f"{rest}{advise('register')}.", frame, registered=True)


def put_quietly(
    shot: Shot,
    inputs: ShotInputs,
    flaws: ReferenceFlaws,
    cache: StatCache,
    find_cuts: Callable[[Shot, ShotInputs, ShotFootage, Iterable[tuple[int, int]]], Sequence[int]],
) -> None:
    """Put keyframes that show a frame behind a cut where a run of the shot puts them, which says so to the artist.

    Args:
        shot: The shot.
        inputs: The shot's files; `references` and `moved` are changed.
        flaws: Finds the references that give no colour.
        cache: Keeps the verdicts.
        find_cuts: As `find_cuts_between`.
    """
    footage = ShotFootage(shot, inputs, use_instances=False, detector=None, warn=lambda _: None, flaws=flaws)
    verdicts = KeyframeVerdicts(shot, inputs, footage, flaws, cache)
    found = {frame: verdicts.of(frame) for frame in inputs.references}
    move_keyframes(inputs, footage, find_places(found, partial(find_cuts, shot, inputs, footage)))


def _is_held(frame: int, verdicts: Mapping[int, str], going: Mapping[int, int]) -> bool:
    """Return whether a frame has a keyframe that stays there."""
    return frame in verdicts and verdicts[frame] != SHOWS_NOTHING and frame not in going

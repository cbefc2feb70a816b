"""Settle which keyframes are whole keyframes, stills or patches, so that none stands where its picture does not fit."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping

from stcolor_core.pipeline.footage import ShotFootage
from stcolor_core.pipeline.inputs import ShotInputs
from stcolor_core.pipeline.keyframe_verdicts import IS_PART, SHOWS_NOTHING, KeyframeVerdicts
from stcolor_core.pipeline.keyframes_at_cuts import CutsBetween, find_places, move_keyframes
from stcolor_core.shots.reference_files import ReferencePicture

__all__ = ["keep_lone_keyframes", "settle_keyframes"]


def settle_keyframes(
    inputs: ShotInputs, footage: ShotFootage, verdicts: KeyframeVerdicts, cuts_between: CutsBetween
) -> None:
    """Let no keyframe stand between others and the frames around it that does not show its own frame.

    A picture that shows a frame near its own behind a cut becomes the keyframe of that frame. One that shows no frame
    near its own becomes a still. One that shows a part of its frame, enlarged to the plate's size or between bars,
    becomes a patch, fitted as a whole keyframe is. As whole keyframes they would end what their neighbours colour, and
    guess it. If there are no others, these stay what they are: something that is guessed is better than nothing. For
    parts that is known once the scenes are (`keep_lone_keyframes`).

    Args:
        inputs: The shot's files; `references`, `patches`, `parts`, `strangers` and `moved` are changed.
        footage: The shot's pictures; the lines that it has held are said.
        verdicts: Judges the keyframes.
        cuts_between: Finds the cuts between frames.

    Raises:
        StcolorError: As `ShotFootage.reference` does, and as `cuts_between` does.
    """
    found = {frame: verdicts.of(frame) for frame in inputs.references}
    places = find_places(found, cuts_between)
    if len(found) > 1 and any(verdict != SHOWS_NOTHING for verdict in found.values()):
        for frame in (frame for frame, verdict in found.items() if verdict == SHOWS_NOTHING):
            footage.registration(frame)  # says so to the artist
            inputs.strangers[frame] = inputs.references.pop(frame)
    footage.lines.release(without=places)
    move_keyframes(inputs, footage, places)
    found.update((place.frame, verdicts.of(place.frame)) for place in places.values() if place.is_free)
    _lay_parts_lowest(inputs, footage, found)


def _lay_parts_lowest(inputs: ShotInputs, footage: ShotFootage, found: Mapping[int, str]) -> None:
    """Make the keyframes that show a part of their frame the lowest patches of it, if there are other keyframes."""
    if len(inputs.references) < 2:
        return
    for frame in [frame for frame in inputs.references if found[frame] == IS_PART]:
        footage.registration(frame)  # says so to the artist
        inputs.parts[frame] = picture = inputs.references.pop(frame)
        _replace_patches(inputs, {**inputs.patches, frame: (picture, *inputs.patches.get(frame, ()))})


def keep_lone_keyframes(inputs: ShotInputs, scene_starts: Iterable[int]) -> None:
    """Make a whole keyframe again of a part whose scene has no whole keyframe: nothing else would colour its rest.

    Args:
        inputs: The shot's files; `references`, `patches` and `parts` are changed.
        scene_starts: First frames of the shot's scenes.
    """
    starts = sorted(scene_starts)
    with_keyframe = {bisect_right(starts, frame) for frame in inputs.references}
    lone = [frame for frame in inputs.parts if bisect_right(starts, frame) not in with_keyframe]
    references, patches = dict(inputs.references), dict(inputs.patches)
    for frame in lone:
        references[frame] = inputs.parts.pop(frame)
        _, *above = patches.pop(frame)
        if above or frame in inputs.swatches:
            patches[frame] = tuple(above)
    inputs.references.clear()
    inputs.references.update(sorted(references.items()))
    _replace_patches(inputs, patches)


def _replace_patches(inputs: ShotInputs, patches: Mapping[int, tuple[ReferencePicture, ...]]) -> None:
    inputs.patches.clear()
    inputs.patches.update(sorted(patches.items()))

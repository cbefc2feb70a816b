"""Settle which keyframes are whole keyframes, stills or patches, so that none stands where its picture does not fit."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping
from functools import partial

import numpy as np

from stcolor_core.files.stat_cache import StatCache
from stcolor_core.images import plates
from stcolor_core.images.color import roll_off
from stcolor_core.images.color_presence import block_means
from stcolor_core.method.registration import find_bars, find_neighbours
from stcolor_core.method.registration.alignment import affine_alignment_misfit
from stcolor_core.movies.names import is_movie
from stcolor_core.pipeline.footage import ShotFootage
from stcolor_core.pipeline.inputs import ShotInputs
from stcolor_core.pipeline.reference_flaws import ReferenceFlaws
from stcolor_core.shots.reference_files import ReferencePicture
from stcolor_core.shots.shot import Shot

__all__ = ["keep_lone_keyframes", "settle_keyframes"]

_KIND = "settled keyframe 3"  # raised when registration judges otherwise
_FITS, _IS_PART, _SHOWS_NOTHING = "fits", "is a part", "shows nothing"
_COVERS = 0.95  # of the frame; a keyframe that shows less is a patch, as one whose alpha covers less
_DOUBTFUL = 0.3  # misfit of a small picture and its plate from which it is registered; strangers have 0.5 and more


def settle_keyframes(
    shot: Shot, inputs: ShotInputs, footage: ShotFootage, flaws: ReferenceFlaws, cache: StatCache
) -> None:
    """Let no keyframe stand between others and the frames around it that does not show its own frame.

    A picture that shows no frame near its own becomes a still. One that shows a part of its frame, enlarged to the
    plate's size or between bars, becomes a patch, fitted as a whole keyframe is. As whole keyframes they would end what
    their neighbours colour, and guess it. If there are no others, they stay what they are: something that is guessed is
    better than nothing. For parts that is known once the scenes are (`keep_lone_keyframes`).

    Args:
        shot: The shot.
        inputs: The shot's files; `references`, `patches`, `parts` and `strangers` are changed.
        footage: The shot's pictures.
        flaws: Finds the references that give no colour, which stay as they are.
        cache: Keeps the answers.

    Raises:
        StcolorError: As `ShotFootage.reference` does.
    """
    if shot.method.register == "off" or len(inputs.references) < 2:
        return

    def judge(frame: int) -> str:
        picture = inputs.references[frame]
        if is_movie(picture.path) or flaws.of(frame):
            return _FITS
        near = find_neighbours(frame, inputs.frames)
        states = [inputs.states.plate(other) for other in (frame, *near)]
        settings = inputs.pipe.space.identity, shot.plate.layer, shot.plate.exposure, shot.method.working_height
        key = repr((inputs.states.reference(picture), str(inputs.frames[frame]), states, settings))
        return str(cache.get_for_key(_KIND, key, partial(_judge, frame, shot, inputs, footage)))

    verdicts = {frame: judge(frame) for frame in inputs.references}
    others = {frame: verdict for frame, verdict in verdicts.items() if verdict != _FITS}
    if all(verdict == _SHOWS_NOTHING for verdict in verdicts.values()):
        return
    for frame, verdict in others.items():
        footage.registration(frame)  # says so to the artist
        picture = inputs.references.pop(frame)
        if verdict == _SHOWS_NOTHING:
            inputs.strangers[frame] = picture
            continue
        inputs.parts[frame] = picture
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


def _judge(frame: int, shot: Shot, inputs: ShotInputs, footage: ShotFootage) -> str:
    """Return `_FITS`, `_IS_PART` or `_SHOWS_NOTHING`."""
    if not _is_doubtful(frame, shot, inputs):
        return _FITS
    registration = footage.registration(frame)
    if registration.frame is None:
        return _SHOWS_NOTHING
    known = footage.reference(frame).known
    if registration.frame != frame or known is None:
        return _FITS
    (left, top, *_), (x, y, width, height) = footage.canvas, footage.display
    within = known[max(0, y - top) : y + height - top, max(0, x - left) : x + width - left]  # overscan is no part of it
    return _IS_PART if within.mean() < _COVERS else _FITS


def _is_doubtful(frame: int, shot: Shot, inputs: ShotInputs) -> bool:
    """Return whether a keyframe does not obviously show its plate frame, by small pictures of both."""
    picture = inputs.references[frame]
    reference, plate = inputs.read_reference(picture, frame), inputs.read_plate(frame)
    if picture.placement is not None or reference.data_window[2:] != reference.display_window[2:]:
        return True
    if plate.data_window[2:] != plate.display_window[2:]:
        return True
    pipe = inputs.pipe_of(picture.path, picture.colorspace, exposure=shot.plate.exposure)
    lab, shown = (
        block_means(conversion, plates.layer_pixels(one))
        for conversion, one in ((pipe, reference), (inputs.pipe, plate))
    )
    if lab.shape != shown.shape:
        return True
    own, target = (np.ascontiguousarray(roll_off(means[..., 0]), np.float32) for means in (lab, shown))
    if find_bars(own, target, np.hypot(lab[..., 1], lab[..., 2])) is not None:
        return True
    return affine_alignment_misfit(np.eye(2, 3), target, own) > _DOUBTFUL

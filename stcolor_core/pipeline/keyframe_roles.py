"""Settle which keyframes are whole keyframes, stills or patches, so that none stands where its picture does not fit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from stcolor_core.files.stat_cache import StatCache
from stcolor_core.images import plates
from stcolor_core.images.color import roll_off
from stcolor_core.images.color_presence import block_means
from stcolor_core.images.pictures import Window
from stcolor_core.images.placement import Placement
from stcolor_core.method.registration import find_neighbours
from stcolor_core.method.registration.alignment import affine_alignment_misfit
from stcolor_core.movies.names import is_movie
from stcolor_core.pipeline.footage import ShotFootage
from stcolor_core.pipeline.inputs import ShotInputs
from stcolor_core.pipeline.reference_flaws import ReferenceFlaws
from stcolor_core.shots.shot import Shot

__all__ = ["settle_keyframes"]

_KIND = "settled keyframe 1"  # raised when registration judges otherwise
_FITS, _SHOWS_NOTHING = "fits", "shows nothing"
_DOUBTFUL = 0.3  # misfit of a small picture and its plate from which it is registered; strangers have 0.5 and more


def settle_keyframes(
    shot: Shot, inputs: ShotInputs, footage: ShotFootage, flaws: ReferenceFlaws, cache: StatCache
) -> None:
    """Let no keyframe stand between others and the frames around it that does not show its own frame.

    A picture that shows no frame near its own becomes a still, and one that shows a part of its frame, enlarged to the
    plate's size, becomes a patch. As whole keyframes they would end what their neighbours colour, and guess it. If
    there are no others, they stay what they are: something that is guessed is better than nothing.

    Args:
        shot: The shot.
        inputs: The shot's files; `references`, `patches` and `strangers` are changed.
        footage: The shot's pictures.
        flaws: Finds the references that give no colour, which stay as they are.
        cache: Keeps the answers.

    Raises:
        StcolorError: As `ShotFootage.reference` does.
    """
    if shot.method.register == "off" or len(inputs.references) < 2:
        return

    def judge(frame: int) -> Any:
        picture = inputs.references[frame]
        if is_movie(picture.path) or flaws.of(frame):
            return _FITS
        near = find_neighbours(frame, inputs.frames)
        states = [inputs.plate_state(other) for other in (frame, *near)]
        settings = inputs.pipe.space.identity, shot.plate.layer, shot.plate.exposure, shot.method.working_height
        key = repr((inputs.reference_state(picture), str(inputs.frames[frame]), states, settings))
        return cache.get_for_key(_KIND, key, partial(_judge, frame, shot, inputs, footage))

    verdicts = {frame: judge(frame) for frame in inputs.references}
    others = {frame: verdict for frame, verdict in verdicts.items() if verdict != _FITS}
    if len(others) == len(verdicts):
        return
    for frame, verdict in others.items():
        footage.registration(frame)  # says so to the artist
        picture = inputs.references.pop(frame)
        if verdict == _SHOWS_NOTHING:
            inputs.strangers[frame] = picture
            continue
        size, display, inside = verdict
        placement = Placement(_pair(size), _window(display), _window(inside))
        below = inputs.patches.get(frame, ())
        patches = {**inputs.patches, frame: (replace(picture, placement=placement), *below)}
        inputs.patches.clear()
        inputs.patches.update(sorted(patches.items()))


def _judge(frame: int, shot: Shot, inputs: ShotInputs, footage: ShotFootage) -> Any:
    """Return `_FITS`, `_SHOWS_NOTHING`, or the fields of the placement of a part of the frame; valid JSON."""
    if not _is_doubtful(frame, shot, inputs):
        return _FITS
    registration = footage.registration(frame)
    if registration.frame is None:
        return _SHOWS_NOTHING
    place, picture = registration.place, inputs.read_reference(inputs.references[frame], frame)
    if place is None or picture.data_window != picture.display_window or footage.canvas != footage.display:
        return _FITS
    x, y, width, height = picture.display_window
    whole = width / place.width, height / place.height
    display = x - place.left * whole[0], y - place.top * whole[1], *whole
    return (width, height), [round(value) for value in display], picture.data_window


def _pair(values: Sequence[int]) -> tuple[int, int]:
    first, second = values
    return first, second


def _window(values: Sequence[int]) -> Window:
    x, y, width, height = values
    return x, y, width, height


def _is_doubtful(frame: int, shot: Shot, inputs: ShotInputs) -> bool:
    """Return whether a keyframe does not obviously show its plate frame, by small pictures of both."""
    picture = inputs.references[frame]
    reference, plate = inputs.read_reference(picture, frame), inputs.read_plate(frame)
    if picture.placement is not None or reference.data_window[2:] != reference.display_window[2:]:
        return True
    if plate.data_window[2:] != plate.display_window[2:]:
        return True
    pipe = inputs.pipe_of(picture.path, picture.colorspace, exposure=shot.plate.exposure)
    own, shown = (
        np.ascontiguousarray(roll_off(block_means(conversion, plates.layer_pixels(one))[..., 0]), np.float32)
        for conversion, one in ((pipe, reference), (inputs.pipe, plate))
    )
    if own.shape != shown.shape:
        return True
    return affine_alignment_misfit(np.eye(2, 3), shown, own) > _DOUBTFUL

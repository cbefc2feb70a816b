"""Whole keyframes that show no frame of the shot near their own: other keyframes must not give way to them."""

from __future__ import annotations

from functools import partial

import numpy as np

from stcolor_core.files.stat_cache import StatCache
from stcolor_core.images import plates
from stcolor_core.images.color import roll_off
from stcolor_core.images.color_presence import block_means
from stcolor_core.method.registration import find_neighbours
from stcolor_core.method.registration.alignment import affine_alignment_misfit
from stcolor_core.movies.names import is_movie
from stcolor_core.pipeline.footage import ShotFootage
from stcolor_core.pipeline.inputs import ShotInputs
from stcolor_core.pipeline.reference_flaws import ReferenceFlaws
from stcolor_core.shots.shot import Shot

__all__ = ["lend_strangers_as_stills"]

_KIND = "stranger 1"  # raised when registration judges otherwise
_DOUBTFUL = 0.3  # misfit of a small picture and its plate from which it is registered; strangers have 0.5 and more


def lend_strangers_as_stills(
    shot: Shot, inputs: ShotInputs, footage: ShotFootage, flaws: ReferenceFlaws, cache: StatCache
) -> None:
    """Make stills of the whole keyframes that show no frame near their own, if the shot has others.

    As a keyframe, such a picture would end what its neighbours colour, and give its frame colour by features alone. If
    no other keyframe is there, it stays what it is: something that is guessed is better than nothing.

    Args:
        shot: The shot.
        inputs: The shot's files; `references` and `strangers` are changed.
        footage: The shot's pictures.
        flaws: Finds the references that give no colour, which stay as they are.
        cache: Keeps the answers.

    Raises:
        StcolorError: As `ShotFootage.reference` does.
    """
    if shot.method.register == "off" or len(inputs.references) < 2:
        return

    def shows_nothing_near(frame: int) -> bool:
        picture = inputs.references[frame]
        if is_movie(picture.path) or flaws.of(frame):
            return False
        near = [other for other in find_neighbours(frame, inputs.frames) if other in inputs.frames]
        states = [inputs.plate_state(other) for other in (frame, *near)]
        settings = inputs.pipe.space.identity, shot.plate.layer, shot.plate.exposure, shot.method.working_height
        key = repr((inputs.reference_state(picture), str(inputs.frames[frame]), states, settings))
        return bool(cache.get_for_key(_KIND, key, partial(_shows_nothing_near, frame, shot, inputs, footage)))

    strangers = [frame for frame in inputs.references if shows_nothing_near(frame)]
    if len(strangers) == len(inputs.references):
        return
    for frame in strangers:
        footage.reference(frame)  # says so to the artist
        inputs.strangers[frame] = inputs.references.pop(frame)


def _shows_nothing_near(frame: int, shot: Shot, inputs: ShotInputs, footage: ShotFootage) -> bool:
    if not _is_doubtful(frame, shot, inputs):
        return False
    return footage.used_reference(frame) is None


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

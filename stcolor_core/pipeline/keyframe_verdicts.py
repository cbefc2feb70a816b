"""Judge whether a keyframe shows its own plate frame, a part of it, a frame near by, or nothing of these."""

from __future__ import annotations

from functools import partial

import numpy as np

from stcolor_core.files.stat_cache import StatCache
from stcolor_core.images import plates
from stcolor_core.images.color import roll_off
from stcolor_core.images.color_presence import block_means
from stcolor_core.method.registration import find_bars, find_neighbours
from stcolor_core.method.registration.alignment import affine_alignment_misfit
from stcolor_core.method.registration.surround import find_surround
from stcolor_core.movies.names import is_movie
from stcolor_core.pipeline.footage import ShotFootage
from stcolor_core.pipeline.inputs import ShotInputs
from stcolor_core.pipeline.reference_flaws import ReferenceFlaws
from stcolor_core.shots.shot import Shot

__all__ = ["FITS", "IS_PART", "SHOWS_NOTHING", "KeyframeVerdicts", "shown_frame"]

FITS, IS_PART, SHOWS_NOTHING = "fits", "is a part", "shows nothing"
"""Verdicts. Of a keyframe that shows a frame near its own, the verdict is how many frames that lies after it: "+1"."""

_KIND = "settled keyframe 4"  # raised when registration judges otherwise
_COVERS = 0.95  # of the frame; a keyframe that shows less is a patch, as one whose alpha covers less
_DOUBTFUL = 0.3  # misfit of a small picture and its plate from which it is registered; strangers have 0.5 and more


class KeyframeVerdicts:
    """Judges the whole keyframes of a shot. A picture is read once, and then only after it or its plate has changed.

    Args:
        shot: The shot.
        inputs: The shot's files.
        footage: The shot's pictures.
        flaws: Finds the references that give no colour, which are not judged.
        cache: Keeps the verdicts.
    """

    def __init__(
        self, shot: Shot, inputs: ShotInputs, footage: ShotFootage, flaws: ReferenceFlaws, cache: StatCache
    ) -> None:
        self._shot, self._inputs, self._footage, self._flaws, self._cache = shot, inputs, footage, flaws, cache

    def of(self, frame: int) -> str:
        """Return the verdict on the whole keyframe of a frame. It depends on the plate around it and on nothing else.

        Args:
            frame: The frame's number.

        Raises:
            StcolorError: As `ShotFootage.reference` does.
        """
        inputs, shot = self._inputs, self._shot
        picture = inputs.references[frame]
        if is_movie(picture.path) or self._flaws.of(frame):
            return FITS
        near = find_neighbours(frame, inputs.frames)
        states = [(other - frame, inputs.states.plate(other)) for other in (frame, *near)]
        settings = inputs.pipe.space.identity, shot.plate.layer, shot.plate.exposure, shot.method.working_height
        key = repr((inputs.states.reference(picture), str(inputs.frames[frame]), states, settings))
        return str(self._cache.get_for_key(_KIND, key, partial(_judge, frame, shot, inputs, self._footage)))


def shown_frame(frame: int, verdict: str) -> int:
    """Return the frame that a keyframe shows: its own, unless the verdict names another one.

    Args:
        frame: The frame at which it stands.
        verdict: The verdict on it.
    """
    return frame if verdict in (FITS, IS_PART, SHOWS_NOTHING) else frame + int(verdict)


def _judge(frame: int, shot: Shot, inputs: ShotInputs, footage: ShotFootage) -> str:
    """Return the verdict on the keyframe of a frame."""
    if not _is_doubtful(frame, shot, inputs):
        return FITS
    registration = footage.registration(frame)
    if registration.frame is None:
        return SHOWS_NOTHING
    if registration.frame != frame:
        return FITS if registration.by_color else f"{registration.frame - frame:+d}"
    if (known := footage.reference(frame).known) is None:
        return FITS
    (left, top, *_), (x, y, width, height) = footage.canvas, footage.display
    within = known[max(0, y - top) : y + height - top, max(0, x - left) : x + width - left]  # overscan is no part of it
    return IS_PART if within.mean() < _COVERS else FITS


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
    if find_surround(lab, None, target) is not None:
        return True
    return affine_alignment_misfit(np.eye(2, 3), target, own) > _DOUBTFUL

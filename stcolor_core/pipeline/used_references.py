"""A reference as a run uses it: fitted to the plate and laid over the plate's own lightness, for looking at."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from stcolor_core.arrays import Chroma
from stcolor_core.errors import BadRequest
from stcolor_core.files.stat_cache import StatCache
from stcolor_core.images.color_pipe import ColorPipe
from stcolor_core.images.pictures import Window
from stcolor_core.pipeline.footage import ShotFootage
from stcolor_core.pipeline.inputs import ShotInputs
from stcolor_core.pipeline.reference_flaws import ReferenceFlaws
from stcolor_core.pipeline.shot_plates import PlateFrame
from stcolor_core.shots.pictures import Reference
from stcolor_core.shots.reference_files import find_references
from stcolor_core.shots.shot import Shot
from stcolor_core.shots.shot_files import find_frames

__all__ = ["UsedReference", "read_used_reference"]


@dataclass(frozen=True, eq=False)
class UsedReference:
    """A reference as it is used.

    Attributes:
        frame: The plate frame that it is used for, which may be a neighbour of the one that it was given for.
        plate: That frame of the plate.
        pipe: The conversion from the plate's colour space.
        ab: a* and b*, shape (H, W, 2) on the canvas; 0 where the reference is not used.
        canvas: x, y, width and height that `ab` covers.
    """

    frame: int
    plate: PlateFrame
    pipe: ColorPipe
    ab: Chroma
    canvas: Window


def read_used_reference(shot: Shot, frame: int, *, cache: StatCache | None = None) -> UsedReference | None:
    """Return the reference of a frame as a run of the shot uses it; reads that picture and the plate frames around it.

    Args:
        shot: The shot.
        frame: The frame of a reference.
        cache: Keeps the formats of files; None for the one in the user's cache folder.

    Returns:
        The reference; None if it shows no frame near its own, so that it is used as a still, just as it is.

    Raises:
        BadRequest: If the shot has no reference of that frame.
        StcolorError: If a file is missing or damaged, or its colour space is unknown.
    """
    pictures = find_references(shot, find_frames(shot.plate)).get(frame)
    if pictures is None:
        raise BadRequest(f"Frame {frame} has no reference. Choose a keyframe.")
    references = tuple(
        Reference(
            path=str(picture.path),
            frame=frame,
            colorspace=picture.colorspace,
            mask=None if picture.mask is None else str(picture.mask),
            alpha=picture.alpha,
            patch=picture.patch,
            movie_frame=picture.movie_frame,
        )
        for picture in pictures
    )
    alone = replace(shot, references=references, stills=(), mattes=(), swatches=())
    cache = cache or StatCache()
    inputs = ShotInputs(alone, warn=lambda _: None, cache=cache)
    flaws = ReferenceFlaws(alone, inputs, cache)
    footage = ShotFootage(alone, inputs, use_instances=False, detector=None, flaws=flaws, warn=lambda _: None)
    if frame in footage.references:
        found = footage.used_reference(frame)
        if found is None:
            return None
        shown, color = found
    else:
        shown, color = frame, footage.patch(frame)
    ab = color.ab
    if color.weight is not None:
        ab = ab * color.weight[..., None]
    elif color.known is not None:
        ab = np.where(color.known[..., None], ab, np.float32(0))
    return UsedReference(shown, footage.plate(shown), footage.pipe, np.asarray(ab, np.float32), footage.canvas)

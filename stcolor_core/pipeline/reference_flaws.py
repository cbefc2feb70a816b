"""The keyframes of a shot that give no colour: their reference was never painted, or is the plate itself."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from stcolor_core.arrays import Image
from stcolor_core.files.stat_cache import StatCache
from stcolor_core.images import plates
from stcolor_core.images.color_presence import ReferenceFlaw, block_means, find_flaw
from stcolor_core.images.color_room import can_hold_color, color_room
from stcolor_core.images.frame_ranges import format_frames
from stcolor_core.images.pictures import Picture
from stcolor_core.pipeline.existing import number_in
from stcolor_core.pipeline.inputs import ShotInputs
from stcolor_core.pipeline.reference_places import nothing_known
from stcolor_core.shots.pictures import SAME_AS_PLATE
from stcolor_core.shots.reference_files import find_references
from stcolor_core.shots.shot import Shot
from stcolor_core.shots.shot_files import find_frames

__all__ = ["REASONS", "ReferenceFlaws", "describe_flaw", "describe_idle", "inspect_references"]

_KIND = "reference flaws 3"  # raised when the judgement changes
_ROOM = "plate room 1"  # raised when `color_room` changes
REASONS: dict[ReferenceFlaw, str] = {
    "no_color": "has no colour",
    "plate": "is the plate itself, without colour",
}
"""What is wrong with a reference, in words."""


class ReferenceFlaws:
    """Finds out which whole keyframes give no colour. A picture is read once, and then only after it has changed.

    Patches may be grey on purpose, for something that has no colour, and are not judged.

    Args:
        shot: The shot.
        inputs: The shot's files.
        cache: Keeps the answers.
    """

    def __init__(self, shot: Shot, inputs: ShotInputs, cache: StatCache) -> None:
        self._shot, self._inputs, self._cache = shot, inputs, cache
        self._known: dict[int, ReferenceFlaw | None] = {}

    @property
    def found(self) -> list[int]:
        """Return the frames whose reference was found to give no colour so far."""
        return [frame for frame, flaw in self._known.items() if flaw]

    def of(self, frame: int) -> ReferenceFlaw | None:
        """Return why the reference of a frame gives no colour; None if it does, or if the frame has no whole keyframe.

        Args:
            frame: The frame's number.

        Raises:
            PlateError: If the reference or the plate frame is damaged or has changed since the run began.
            BadRequest: If no pixel of the reference has a known colour.
        """
        if frame not in self._inputs.references:
            return None
        if frame not in self._known:
            picture, plate = self._inputs.references[frame], self._inputs.frames[frame]
            settings = self._inputs.pipe.space.identity, self._shot.plate.layer, self._shot.plate.exposure
            state = (
                *self._inputs.states.reference(picture),
                *self._inputs.states.plate(frame),
                plate.name,
                frame,
                *settings,
            )
            found = self._cache.get_for_key(_KIND, repr(state), partial(self._find, frame))
            self._known[frame] = None if found and self._is_meant_grey(frame) else found
        return self._known[frame]

    def _is_meant_grey(self, frame: int) -> bool:
        """Return whether a reference is a result that stays grey on purpose: certain, although it could hold colour."""
        reference = self._inputs.references[frame]
        if reference.colorspace != SAME_AS_PLATE or not self.can_hold_color(frame):
            return False
        return number_in(plates.read_header(reference.path).metadata, "stcolor/confidence") == 1

    def find_idle(self) -> list[int]:
        """Return the keyframes that would only stand between other keyframes and the frames around them.

        Such a keyframe gives no colour, on a frame that can hold none, such as the black or white end of a fade, while
        other keyframes give some.

        Raises:
            StcolorError: As for `of`.
        """
        flawed = [frame for frame in self._inputs.references if self.of(frame)]
        if len(flawed) == len(self._inputs.references):
            return []
        return [frame for frame in flawed if not self.can_hold_color(frame)]

    def can_hold_color(self, frame: int) -> bool:
        """Return whether a plate frame can hold colour: not if it is black or white, or nearly so.

        Args:
            frame: The frame's number.

        Raises:
            PlateError: If it is damaged or has changed since the run began.
        """
        return can_hold_color(self._room(frame))

    def _room(self, frame: int) -> float:
        """Return the `color_room` of a plate frame."""
        settings = self._inputs.pipe.space.identity, self._shot.plate.layer, self._shot.plate.exposure
        state = (*self._inputs.states.plate(frame), self._inputs.frames[frame].name, frame, *settings)

        def measure() -> float:
            pixels = plates.layer_pixels(self._inputs.read_plate(frame))
            return color_room(block_means(self._inputs.pipe, pixels)[..., 0])

        return float(self._cache.get_for_key(_ROOM, repr(state), measure))

    def _find(self, frame: int) -> ReferenceFlaw | None:
        reference = self._inputs.references[frame]
        picture = self._inputs.read_reference(reference, frame)
        pipe = self._inputs.pipe_of(reference.path, reference.colorspace, exposure=self._shot.plate.exposure)
        alpha = plates.alpha_plane(picture) if reference.alpha == "auto" else None
        if picture.broken is not None:
            unknown = picture.broken if alpha is None else picture.broken | (alpha < plates.ALPHA_STEP)
            if unknown.all():  # black once NaN is replaced, but not for want of paint
                raise nothing_known(f"Reference {frame} ({reference.path})")
        return find_flaw(block_means(pipe, plates.layer_pixels(picture), alpha), partial(self._plate, frame, picture))

    def _plate(self, frame: int, reference: Picture) -> Image | None:
        plate = self._inputs.read_plate(frame)
        if (plate.display_window, plate.data_window) != (reference.display_window, reference.data_window):
            return None
        return block_means(self._inputs.pipe, plates.layer_pixels(plate))


def inspect_references(shot: Shot, *, cache: StatCache | None = None) -> dict[int, ReferenceFlaw]:
    """Return the whole keyframes of a shot that give no colour, each with the reason.

    Reads the references and their plate frames; nothing else of the shot.

    Args:
        shot: The shot.
        cache: Keeps the answers; None for the one in the user's cache folder.

    Raises:
        StcolorError: If a file is missing or damaged, or its colour space is unknown.
    """
    frames = find_references(shot, find_frames(shot.plate))
    if not frames:
        return {}
    plate = replace(shot.plate, frames=format_frames(frames))
    cache = cache or StatCache()
    alone = replace(shot, plate=plate, stills=(), mattes=(), swatches=())
    inputs = ShotInputs(alone, warn=lambda _: None, cache=cache)
    flaws = ReferenceFlaws(alone, inputs, cache)
    return {frame: flaw for frame in inputs.references if (flaw := flaws.of(frame)) is not None}


def describe_idle(frame: int, path: object) -> str:
    """Return the warning of a keyframe from `ReferenceFlaws.find_idle`.

    Args:
        frame: The keyframe's number.
        path: The reference's file.
    """
    return (
        f"Reference {frame} ({path}) has no colour, and its frame can hold none: it is black or white, or nearly so. "
        "It is left out, and the keyframes beside it colour what is around it."
    )


def describe_flaw(frame: int, path: object, flaw: ReferenceFlaw, *, can_hold_color: bool) -> str:
    """Return the warning of a keyframe that gives no colour.

    Args:
        frame: The keyframe's number.
        path: The reference's file.
        flaw: What is wrong with it.
        can_hold_color: Whether the plate has room for colour there.
    """
    if not can_hold_color:
        return (
            f"Reference {frame} ({path}) {REASONS[flaw]}, and its frame can hold none: it is black or white, or nearly "
            "so, and right without. What shows more of the scene stays grey, at confidence 0: paint such a frame."
        )
    return (
        f"Reference {frame} ({path}) {REASONS[flaw]}: what it colours stays grey, at confidence 0. "
        "Paint it, or leave it out."
    )

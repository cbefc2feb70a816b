"""Keyframes and patches as a shot uses them: read, fitted to the plate, and cached."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from stcolor_core.arrays import Image, Mask, Plane
from stcolor_core.errors import PlateError
from stcolor_core.images.color import roll_off
from stcolor_core.images.color_presence import is_coloured
from stcolor_core.images.coverage import COVERED
from stcolor_core.images.flat_paint import PAINTED_FLAT, TOO_COLORFUL
from stcolor_core.images.known_color import KnownColor
from stcolor_core.images.resizing import resize
from stcolor_core.images.surfaces import is_in_gamut
from stcolor_core.method.registration import Registration, find_neighbours, find_registration, is_posterised
from stcolor_core.pipeline.fitted_patches import FittedPatches, PatchFitting, lay_over
from stcolor_core.pipeline.recent import RecentValues
from stcolor_core.pipeline.reference_colors import ReferenceColors
from stcolor_core.pipeline.reference_gamut import colors_of, hold_in_gamut, paint_on_plate, within_plate_gamut
from stcolor_core.pipeline.shot_mattes import ShotMattes
from stcolor_core.pipeline.shot_plates import ShotPlates
from stcolor_core.pipeline.warn_once import WarnOnce
from stcolor_core.remedies import advise
from stcolor_core.shots.reference_files import ReferencePicture

__all__ = ["FittedReference", "FittedReferences"]

_IN_GAMUT = 0.99  # of a keyframe: less is of a wider gamut, which its other colours keep on other frames too
_CACHED_REGISTRATIONS = 8  # at working size; the reference itself is at plate size


@dataclass(frozen=True)
class FittedReference:
    """A whole keyframe on the canvas.

    Attributes:
        color: Its colour, fitted to the plate frame that it shows.
        lightness: Its own L* at working size, (h, w), 0..100, if it shows no frame of the plate; else None.
        registration: How it was fitted.
    """

    color: KnownColor
    lightness: Plane | None
    registration: Registration


class FittedReferences:
    """The keyframes and patches of a shot, by frame. The last two of each are cached.

    Args:
        references: Frame of a whole keyframe -> its picture.
        patches: Frame with patches -> their pictures, the uppermost last.
        parts: Frame -> the lowest of its patches, if that is to be fitted as whole keyframes are.
        plate: The shot's plate, which they are fitted to.
        colors: Reads their pictures.
        mattes: Has the colours of swatches, which lie under a frame's patches.
        register: Whether to fit them; else they are used as they are.
        warn_once: Called with one line for the artist.
        moved: Frame -> the number at which its keyframe was given, if that is another one.

    Attributes:
        painted: Frames of the whole keyframes, of those read so far, that have flat paint within Rec.709.
    """

    def __init__(
        self,
        references: Mapping[int, ReferencePicture],
        patches: Mapping[int, Sequence[ReferencePicture]],
        parts: Mapping[int, ReferencePicture],
        plate: ShotPlates,
        *,
        colors: ReferenceColors,
        mattes: ShotMattes,
        register: bool,
        warn_once: WarnOnce,
        moved: Mapping[int, int],
    ) -> None:
        self._pictures, self._patches, self._parts, self._plate = references, patches, parts, plate
        self._colors, self._mattes, self._fits = colors, mattes, register
        self._warn_once, self._moved = warn_once, moved
        self._references = RecentValues[int, FittedReference](2)
        self._registrations = RecentValues[int, Registration](_CACHED_REGISTRATIONS)
        self._patch_colors = RecentValues[int, FittedPatches](2)
        self.painted: set[int] = set()

    def reference(self, frame: int) -> FittedReference:
        """Return a whole keyframe.

        Args:
            frame: The number of a reference frame.

        Raises:
            PlateError: If the file is damaged or has changed since the run began.
            BadRequest: If its aspect is not the plate's, or it has no known colour within the plate.
        """
        return self._references.get(frame, self._read)

    def patch(self, frame: int) -> FittedPatches:
        """Return the patches of a frame.

        Args:
            frame: The number of a frame with patches.

        Raises:
            PlateError: If a file is damaged or has changed since the run began.
            BadRequest: If the aspect of one is not the plate's, or it covers nothing of the plate.
        """
        return self._patch_colors.get(frame, self._read_patches)

    def forget(self, frame: int) -> None:
        """Read the keyframe of a frame again when it is next used, as another one takes its place.

        Args:
            frame: The frame's number.
        """
        for values in (self._references, self._registrations, self._patch_colors):
            values.forget(frame)
        self.painted.discard(frame)

    def _read(self, frame: int) -> FittedReference:
        color, light = self._colors.read(self._picture(frame), frame, is_patch=False)
        if color.weight is not None:
            known = color.weight >= COVERED  # a whole keyframe has holes, but no soft edges
            color = KnownColor(color.ab, None if known.all() else np.asarray(known))
        if not self._fits:
            return FittedReference(color, None, Registration(frame))
        paint = paint_on_plate(color, light, self._plate.frame(frame).lightness)
        if (
            paint is None
            or self._is_posterised(color, light, frame, painted=paint.lab[..., 0] != light)
            or self._is_picture_of_another_frame(color, light, frame)
        ):
            return self._register(frame, color, light)
        color, light = colors_of(paint.lab, color)
        fitted, held = self._register(frame, color, light, done=[PAINTED_FLAT]), paint.held
        shown = fitted.registration.frame
        if shown is None:
            return fitted
        if fitted.registration.changes_pixels:  # nothing is left as it came
            held = is_in_gamut(np.asarray(roll_off(light), np.float32), color.ab)
        lightness = self._plate.frame(shown).lightness
        color = hold_in_gamut(fitted.color, held, lightness)
        if is_in_gamut(lightness, color.ab).mean() > _IN_GAMUT:
            self.painted.add(frame)
        return replace(fitted, color=color)

    def _is_posterised(self, color: KnownColor, light: Plane, frame: int, *, painted: Mask) -> bool:
        """Return whether what looks like flat paint in a whole keyframe is the plate in few tones."""
        size = self._plate.working_size
        lab, known = _at_working_size(color, light, size)
        areas = resize(painted.astype(np.float32), size) > 0.5
        counted = np.ones(size, bool) if known is None else known
        return is_posterised(lab, self._plate.lightness(frame), counted, np.asarray(areas))

    def _is_picture_of_another_frame(self, color: KnownColor, light: Plane, frame: int) -> bool:
        """Return whether what looks like flat paint is the plate of another frame, in which it is as even."""
        shown = self._find_registration(color, light, frame).frame
        if shown is None or shown == frame:
            return False
        return paint_on_plate(color, light, self._plate.frame(shown).lightness) is None

    def _picture(self, frame: int) -> ReferencePicture:
        return self._pictures[frame] if frame in self._pictures else self._parts[frame]

    def _read_patches(self, frame: int) -> FittedPatches:
        pictures, patches = self._patches[frame], list[FittedPatches]()
        if frame in self._parts:
            part, pictures = self.reference(frame), pictures[1:]
            patches.append(FittedPatches(part.color, part.registration.certainty))
        patches += [self._fitted_patch(picture, frame) for picture in pictures]
        return lay_over(self._mattes.colors_of_swatches(frame), patches)

    def _fitted_patch(self, picture: ReferencePicture, frame: int) -> FittedPatches:
        """Return a patch as it fits the plate, and say what was done to it."""
        color, light = self._colors.read(picture, frame, is_patch=True)
        if not self._fits:
            return FittedPatches(color)
        fitting = PatchFitting(color, light, self._plate, frame, is_placed=picture.placement is not None)
        fitted = fitting.fit()
        if fitting.changes:
            label = f"Reference {frame} ({picture.path})"
            self._warn_once.about(label, f": {'; '.join(fitting.changes)}. {advise('register')}.", frame)
        return fitted

    def _readable(self, frames: Iterable[int]) -> Iterator[int]:
        """Yield the frames whose plate can be read: a damaged neighbour must not cost a keyframe its own frame."""
        for frame in frames:
            try:
                self._plate.frame(frame)
            except PlateError:
                continue
            yield frame

    def _find_registration(self, color: KnownColor, light: Plane, frame: int) -> Registration:
        """Return the registration of a keyframe, given with its own L* on the canvas, as one of a frame."""
        lab, known = _at_working_size(color, light, self._plate.working_size)
        return find_registration(
            lab,
            known,
            frame=frame,
            others=self._readable(find_neighbours(frame, self._plate.frames)),
            lightness_of=self._plate.lightness,
            pixel=self._colors.pixel_of(self._picture(frame)),
        )

    def _register(self, frame: int, color: KnownColor, light: Plane, *, done: Sequence[str] = ()) -> FittedReference:
        """Register a whole keyframe, given with its own L* on the canvas, with the plate, and say what was done."""
        registration = self._registrations.get(frame, partial(self._find_registration, color, light))
        number = self._moved.get(frame, frame)  # as the artist knows it
        told = registration
        if registration.grey and _lacks_color(color):  # told by `reference_flaws`
            told = replace(registration, grey=0.0)
        changes = [*done, told.describe(number, lines=self._plate.size[0])]
        if registration.frame is not None:
            lightness = self._plate.frame(registration.frame).lightness
            if registration.changes_pixels:
                lab, known = registration.apply(np.dstack([light, color.ab]), color.known, lightness)
                color, light = KnownColor(np.ascontiguousarray(lab[..., 1:]), known), np.ascontiguousarray(lab[..., 0])
            if (reduced := within_plate_gamut(color, light, lightness)) is not None:
                if PAINTED_FLAT not in done:  # else it is what is left of that at its edge
                    changes.append(TOO_COLORFUL)
                color = reduced
        if any(changes):
            label = f"Reference {number} ({self._picture(frame).path})"
            rest = f": {'; '.join(filter(None, changes))}. {advise('register')}."
            if registration.frame in (None, frame):
                self._warn_once.about(label, rest, number, registered=True)
            else:
                self._warn_once.wait_about(label, rest, number)
        if registration.frame is None:
            own = resize(np.ascontiguousarray(roll_off(light), np.float32), self._plate.working_size)
            return FittedReference(color, own, registration)
        return FittedReference(color, None, registration)


def _lacks_color(color: KnownColor) -> bool:
    """Return whether a keyframe has no colour at all where it is known."""
    chroma = np.hypot(color.ab[..., 0], color.ab[..., 1])
    return not is_coloured(chroma if color.known is None else chroma[color.known])


def _at_working_size(color: KnownColor, light: Plane, size: tuple[int, int]) -> tuple[Image, Mask | None]:
    """Return a whole keyframe in CIELAB, its L* not rolled off, and where it is known, at working size."""
    (ab, known), (twice, _) = color.at(size), KnownColor(np.dstack([light, light]), color.known).at(size)
    return np.dstack([twice[..., :1], ab]), known

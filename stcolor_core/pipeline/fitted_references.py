"""Keyframes and patches as a shot uses them: read, fitted to the plate, and cached."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np

from stcolor_core.arrays import Image, Mask, Plane
from stcolor_core.errors import PlateError
from stcolor_core.images.color import roll_off
from stcolor_core.images.coverage import COVERED
from stcolor_core.images.flat_paint import PAINTED_FLAT, TOO_COLORFUL, PaintOnPlate, put_flat_paint_on, reduce_chroma
from stcolor_core.images.known_color import KnownColor
from stcolor_core.images.nearest import nearest_in
from stcolor_core.images.resizing import resize
from stcolor_core.images.surfaces import is_in_gamut, within_gamut
from stcolor_core.method.registration import (
    CLEANED,
    PatchPlace,
    Registration,
    describe_moves,
    find_neighbours,
    find_patch_curve,
    find_patch_damage,
    find_patch_paint,
    find_patch_place,
    find_registration,
    is_posterised,
    match_tone,
)
from stcolor_core.method.registration.alignment import Alignment
from stcolor_core.method.registration.outline import find_outline_shift
from stcolor_core.method.registration.patches import MOST_PATCH_SHIFT
from stcolor_core.method.registration.tone import Tone
from stcolor_core.method.tracking.objects import around
from stcolor_core.pipeline.recent import RecentValues
from stcolor_core.pipeline.reference_colors import ReferenceColors
from stcolor_core.pipeline.shot_mattes import ShotMattes
from stcolor_core.pipeline.shot_plates import ShotPlates
from stcolor_core.pipeline.warn_once import WarnOnce
from stcolor_core.remedies import advise
from stcolor_core.shots.shot_files import ReferencePicture

__all__ = ["FittedPatches", "FittedReference", "FittedReferences"]

_ALL_PAINT = 0.9  # of a patch: what else it shows tells its place better than its outline
_IN_GAMUT = 0.99  # of a keyframe: less is of a wider gamut, which its other colours keep on other frames too
_SOLID = 0.9  # of a patch's largest weight, from which its colour is paint alone
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


@dataclass(frozen=True)
class FittedPatches:
    """The patches of a frame on the canvas.

    Attributes:
        color: Their colour with its weight.
        certainty: Probability that it is right, at working size, (h, w), 0..1; None for 1 everywhere.
    """

    color: KnownColor
    certainty: Plane | None = None


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
        paint = self._paint_on_plate(color, light, frame)
        if paint is None or self._is_posterised(color, light, frame, painted=paint.lab[..., 0] != light):
            return self._register(frame, color, light)
        color, light = _colors_of(paint.lab, color)
        fitted, held = self._register(frame, color, light, done=[PAINTED_FLAT]), paint.held
        shown = fitted.registration.frame
        if shown is None:
            return fitted
        if fitted.registration.changes_pixels:  # nothing is left as it came
            held = is_in_gamut(np.asarray(roll_off(light), np.float32), color.ab)
        color = self._held_in_gamut(fitted.color, held, shown)
        if is_in_gamut(self._plate.frame(shown).lightness, color.ab).mean() > _IN_GAMUT:
            self.painted.add(frame)
        return replace(fitted, color=color)

    def _paint_on_plate(self, color: KnownColor, light: Plane, frame: int) -> PaintOnPlate | None:
        """Return a reference with its flat paint on the plate's own lightness; None if it has none."""
        known = None if color.known is None else color.known.astype(np.float32)
        weight = known if color.weight is None else color.weight
        return put_flat_paint_on(np.dstack([light, color.ab]), weight, self._plate.frame(frame).lightness)

    def _held_in_gamut(self, color: KnownColor, held: Mask, frame: int) -> KnownColor:
        """Return a reference's colour with no more chroma than Rec.709 can show on a plate frame, in places."""
        places = np.flatnonzero(held)
        ab = np.array(color.ab)
        own, lightness = ab.reshape(-1, 2)[places][None], self._plate.frame(frame).lightness.ravel()[places][None]
        ab.reshape(-1, 2)[places] = within_gamut(lightness, own)[0]
        return replace(color, ab=ab)

    def _is_posterised(self, color: KnownColor, light: Plane, frame: int, *, painted: Mask) -> bool:
        """Return whether what looks like flat paint in a whole keyframe is the plate in few tones."""
        size = self._plate.working_size
        lab, known = _at_working_size(color, light, size)
        areas = resize(painted.astype(np.float32), size) > 0.5
        counted = np.ones(size, bool) if known is None else known
        return is_posterised(lab, self._plate.lightness(frame), counted, np.asarray(areas))

    def _within_plate_gamut(self, color: KnownColor, light: Plane, frame: int) -> KnownColor | None:
        """Return a reference's colour as far as the plate's lightness can show it; None if it can show all."""
        lab = reduce_chroma(np.dstack([light, color.ab]), color.known, self._plate.frame(frame).lightness)
        return None if lab is None else replace(color, ab=np.ascontiguousarray(lab[..., 1:]))

    def _picture(self, frame: int) -> ReferencePicture:
        return self._pictures[frame] if frame in self._pictures else self._parts[frame]

    def _read_patches(self, frame: int) -> FittedPatches:
        pictures, part = self._patches[frame], None
        if frame in self._parts:
            part, pictures = self.reference(frame), pictures[1:]
        painted = [self._fitted_patch(picture, frame) for picture in pictures]
        above_swatches = [*([] if part is None else [FittedPatches(part.color, part.registration.certainty)]), *painted]
        swatches = self._mattes.colors_of_swatches(frame)
        result, *above = [*swatches, *(patch.color for patch in above_swatches)]
        for color in above:
            result = color.over(result)
        if result.weight is None:
            known = np.ones(result.ab.shape[:2], bool) if result.known is None else result.known
            result = KnownColor(result.ab, known, known.astype(np.float32))
        return FittedPatches(result, _covered_certainty(above_swatches))

    def _fitted_patch(self, picture: ReferencePicture, frame: int) -> FittedPatches:
        """Return the colour of a patch in the plate's light, where it fits the plate, without compression or grain."""
        color, light = self._colors.read(picture, frame, is_patch=True)
        if not self._fits:
            return FittedPatches(color)
        lightness, done = self._plate.lightness(frame), []
        if (flat := self._paint_on_plate(color, light, frame)) is not None:
            done.append(PAINTED_FLAT)
            if picture.placement is None and (shift := self._find_paint_shift(flat, color, frame)) is not None:
                moved = _moved_paint(color, light, shift.at(self._plate.size))
                if (there := self._paint_on_plate(*moved, frame)) is not None:
                    done.append(f"{describe_moves(shift, self._plate.size[0])} to fit the edges of what it covers")
                    flat, color = there, moved[0]
            color, light = _colors_of(flat.lab, color)
        lab, covered = self._patch_at_working_size(color, light)
        paint = find_patch_paint(lab, covered, lightness) if covered.any() else None
        if paint is not None:
            done.append(paint.name)
            color, light = _relit(paint, color, light)
            lab, covered = self._patch_at_working_size(color, light)
        own = np.ascontiguousarray(roll_off(lab[..., 0]), np.float32)
        # what was painted pixel by pixel on the plate lies where it belongs
        place = find_patch_place(own, covered, lightness) if paint is None and covered.any() else PatchPlace()
        alignment = place.alignment
        if place.certainty is not None:
            done.append("may lie beside what it shows; it is not moved, but counts less where it hangs over")
        if alignment is not None:
            if picture.placement is None:  # else its place was told, and is now known to a part of a pixel
                done.append(f"{describe_moves(alignment, self._plate.size[0])} to fit")
            # what lies beside the patch is no picture, and would be taken for damage at its edge
            lab, covered = alignment.sample(lab), alignment.sample_inner_mask(covered)
            own = np.ascontiguousarray(roll_off(lab[..., 0]), np.float32)
            color, light = _moved(color, light, alignment.at(self._plate.size))
        curve = find_patch_curve(lab, covered, lightness) if paint is None and covered.any() else None
        if curve is not None:
            done.append(curve.name)
            color, light = _relit(curve, color, light)
            lit = curve.apply(np.where(covered[..., None], lab, np.float32(0)))
            own = np.ascontiguousarray(roll_off(lit[..., 0]), np.float32)
        tone = find_patch_damage(own, covered, lightness, moved=alignment is not None) if covered.any() else None
        if tone is not None:
            from stcolor_core.method.registration.cleaning import clean_chroma  # torch takes seconds to import

            done.append(CLEANED)
            plate = self._plate.frame(frame).lightness
            own = match_tone(roll_off(light), tone)
            ab = clean_chroma(np.dstack([own, color.ab]), plate, known=_covered(color))
            color = replace(color, ab=ab)
        if (reduced := self._within_plate_gamut(color, light, frame)) is not None:
            if PAINTED_FLAT not in done:  # else it is what is left of that at its edge
                done.append(TOO_COLORFUL)
            color = reduced
        if flat is not None:
            color = self._held_in_gamut(color, flat.held, frame)
        if done:
            label = f"Reference {frame} ({picture.path})"
            self._warn_once.about(label, f": {'; '.join(done)}. {advise('register')}.", frame)
        return FittedPatches(color, place.certainty)

    def _find_paint_shift(self, flat: PaintOnPlate, color: KnownColor, frame: int) -> Alignment | None:
        """Return the shift by which a patch fits the plate by its outline, if it is flat paint; None if it is not."""
        covered = _covered(color)
        if color.weight is None or covered is None or not covered.any():
            return None
        painted = flat.lab[covered, 0] == self._plate.frame(frame).lightness[covered]
        if painted.mean() < _ALL_PAINT:
            return None
        weight = resize(color.weight, self._plate.working_size)
        return find_outline_shift(weight, self._plate.lightness(frame), reach=MOST_PATCH_SHIFT)

    def _patch_at_working_size(self, color: KnownColor, light: Plane) -> tuple[Image, Mask]:
        """Return a patch in CIELAB, its L* not rolled off, and where it covers the plate, both at working size."""
        size = self._plate.working_size
        # L* takes the place of a* and b*, as both must be averaged by weight
        small = color.resized(size)
        twice = KnownColor(np.dstack([light, light]), color.known, color.weight).resized(size)
        share = small.weight if small.weight is not None else small.known
        covered = np.ones(size, bool) if share is None else np.asarray(share >= COVERED)
        return np.dstack([twice.ab[..., :1], small.ab]), covered

    def _readable(self, frames: Iterable[int]) -> Iterator[int]:
        """Yield the frames whose plate can be read: a damaged neighbour must not cost a keyframe its own frame."""
        for frame in frames:
            try:
                self._plate.frame(frame)
            except PlateError:
                continue
            yield frame

    def _register(self, frame: int, color: KnownColor, light: Plane, *, done: Sequence[str] = ()) -> FittedReference:
        """Register a whole keyframe, given with its own L* on the canvas, with the plate, and say what was done."""
        size = self._plate.working_size

        def find(frame: int) -> Registration:
            """Return the registration of the keyframe as one of this frame."""
            lab, known = _at_working_size(color, light, size)
            return find_registration(
                lab,
                known,
                frame=frame,
                others=self._readable(find_neighbours(frame, self._plate.frames)),
                lightness_of=self._plate.lightness,
                pixel=self._colors.pixel_of(self._picture(frame)),
            )

        registration = self._registrations.get(frame, find)
        number = self._moved.get(frame, frame)  # as the artist knows it
        changes = [*done, registration.describe(number, lines=self._plate.size[0])]
        if registration.frame is not None:
            if registration.changes_pixels:
                lab = np.dstack([light, color.ab])
                lab, known = registration.apply(lab, color.known, self._plate.frame(registration.frame).lightness)
                color, light = KnownColor(np.ascontiguousarray(lab[..., 1:]), known), np.ascontiguousarray(lab[..., 0])
            if (reduced := self._within_plate_gamut(color, light, registration.frame)) is not None:
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
            own = resize(np.ascontiguousarray(roll_off(light), np.float32), size)
            return FittedReference(color, own, registration)
        return FittedReference(color, None, registration)


def _moved(color: KnownColor, light: Plane, alignment: Alignment) -> tuple[KnownColor, Plane]:
    """Return the colour of a patch and its L* where an alignment of the plate's size puts it."""
    both = KnownColor(np.dstack([light, light]), color.known, color.weight).moved(alignment.sample)
    return color.moved(alignment.sample), np.ascontiguousarray(both.ab[..., 0])


def _moved_paint(color: KnownColor, light: Plane, shift: Alignment) -> tuple[KnownColor, Plane]:
    """Return the colour of a patch of flat paint and its L* at another place; only its cover is interpolated."""
    assert color.weight is not None
    lab = np.dstack([light, color.ab])
    solid = color.weight >= max(_SOLID * float(color.weight.max()), COVERED)
    paint = lab.reshape(-1, 3)[nearest_in(solid)]
    whole = np.rint(shift.matrix).astype(np.float64)  # px
    flags = cv2.INTER_NEAREST | cv2.WARP_INVERSE_MAP
    there = cv2.warpAffine(paint, whole, light.shape[::-1], flags=flags, borderMode=cv2.BORDER_REPLICATE)
    return replace(color.moved(shift.sample), ab=np.ascontiguousarray(there[..., 1:])), np.ascontiguousarray(
        there[..., 0]
    )


def _colors_of(lab: Image, like: KnownColor) -> tuple[KnownColor, Plane]:
    """Return the colour of a picture in CIELAB, known where another one is, and its L*."""
    return replace(like, ab=np.ascontiguousarray(lab[..., 1:])), np.ascontiguousarray(lab[..., 0])


def _at_working_size(color: KnownColor, light: Plane, size: tuple[int, int]) -> tuple[Image, Mask | None]:
    """Return a whole keyframe in CIELAB, its L* not rolled off, and where it is known, at working size."""
    (ab, known), (twice, _) = color.at(size), KnownColor(np.dstack([light, light]), color.known).at(size)
    return np.dstack([twice[..., :1], ab]), known


def _relit(tone: Tone, color: KnownColor, light: Plane) -> tuple[KnownColor, Plane]:
    """Return the colour of a patch and its L* in the plate's light."""
    lab = np.dstack([light, color.ab])
    known = _covered(color) if color.weight is None else color.weight > 0
    part = np.s_[:, :]
    if known is not None:
        part = around(np.asarray(known), margin=0)
        lab[part] = np.where(known[part][..., None], lab[part], np.float32(0))
    lab[part] = tone.apply(np.ascontiguousarray(lab[part]))
    return replace(color, ab=np.ascontiguousarray(lab[..., 1:])), np.ascontiguousarray(lab[..., 0])


def _covered_certainty(patches: Iterable[FittedPatches]) -> Plane | None:
    """Return the certainty of colours that lie on one another, the uppermost last, shape (h, w); None for 1."""
    certainty: Plane | None = None
    for color, own in ((patch.color, patch.certainty) for patch in patches):
        if certainty is None:
            certainty = own
            continue
        small = color.resized(certainty.shape)
        share = small.known if small.weight is None else small.weight
        upper = np.ones_like(certainty) if own is None else own
        certainty = np.asarray(upper if share is None else certainty + (upper - certainty) * share)
    return certainty


def _covered(color: KnownColor) -> Mask | None:
    """Return where a colour covers what lies below it, at its own size, shape (H, W); None for everywhere."""
    return color.known if color.weight is None else np.asarray(color.weight >= COVERED)

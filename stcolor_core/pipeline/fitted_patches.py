"""Patches as a shot uses them: fitted to the plate one by one, and laid over one another."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np

from stcolor_core.arrays import Image, Mask, Plane
from stcolor_core.images.color import roll_off
from stcolor_core.images.coverage import COVERED
from stcolor_core.images.flat_paint import PAINTED_FLAT, TOO_COLORFUL, PaintOnPlate
from stcolor_core.images.known_color import KnownColor
from stcolor_core.images.nearest import nearest_in
from stcolor_core.images.resizing import resize
from stcolor_core.method.registration import (
    CLEANED,
    describe_moves,
    find_patch_curve,
    find_patch_damage,
    find_patch_paint,
    find_patch_place,
    lies_elsewhere,
    match_tone,
    shows_other_picture,
)
from stcolor_core.method.registration.alignment import Alignment
from stcolor_core.method.registration.outline import find_outline_shift
from stcolor_core.method.registration.patches import MOST_PATCH_SHIFT
from stcolor_core.method.registration.tone import Tone
from stcolor_core.method.tracking.objects import around
from stcolor_core.pipeline.reference_gamut import colors_of, hold_in_gamut, paint_on_plate, within_plate_gamut
from stcolor_core.pipeline.shot_plates import ShotPlates

__all__ = ["FittedPatches", "PatchFitting", "lay_over"]

_ALL_PAINT = 0.9  # of a patch: what else it shows tells its place better than its outline
_ELSEWHERE = 0.4  # certainty of a patch in a wrong place, as of a keyframe whose colours fit none
_SOLID = 0.9  # of a patch's largest weight, from which its colour is paint alone


@dataclass(frozen=True)
class FittedPatches:
    """The patches of a frame on the canvas.

    Attributes:
        color: Their colour with its weight.
        certainty: Probability that it is right, at working size, (h, w), 0..1; None for 1 everywhere.
    """

    color: KnownColor
    certainty: Plane | None = None


def lay_over(swatches: Sequence[KnownColor], patches: Sequence[FittedPatches]) -> FittedPatches:
    """Return the colours of a frame as one: its patches, which lie over its swatches.

    Args:
        swatches: The colours of the swatches on the canvas, the uppermost last.
        patches: The patches, the uppermost last.
    """
    result, *above = [*swatches, *(patch.color for patch in patches)]
    for color in above:
        result = color.over(result)
    if result.weight is None:
        known = np.ones(result.ab.shape[:2], bool) if result.known is None else result.known
        result = KnownColor(result.ab, known, known.astype(np.float32))
    return FittedPatches(result, _covered_certainty(patches))


class PatchFitting:
    """The fit of one patch to the plate: into its light, where it fits, without compression or grain.

    Args:
        color: The patch's colour on the canvas, as it came.
        light: Its own L* on the canvas, shape (H, W).
        plate: The shot's plate.
        frame: The patch's frame.
        is_placed: Whether the patch's place in the frame was told.

    Attributes:
        color: Its colour on the canvas, as far as it was fitted.
        certainty: Probability that the colour is right, at working size, (h, w), 0..1; None for 1 everywhere.
        changes: What was done to it, in words for the artist.
    """

    def __init__(self, color: KnownColor, light: Plane, plate: ShotPlates, frame: int, *, is_placed: bool) -> None:
        self.color, self._light = color, light
        self._lightness, self._plate_light = plate.lightness(frame), plate.frame(frame).lightness
        self._size, self._working_size = plate.size, plate.working_size
        self._is_placed, self._is_moved = is_placed, False
        self._held: Mask | None = None  # flat paint whose chroma Rec.709 limits
        self.certainty: Plane | None = None
        self.changes: list[str] = []

    def fit(self) -> FittedPatches:
        """Return the fitted patch."""
        self._put_flat_paint_on_plate()
        self._lab, self._covered = self._at_working_size()
        if not self._replace_kept_lightness():  # what was painted pixel by pixel on the plate lies where it belongs
            self._move()
            self._match_curve()
        self._clean()
        self._reduce_chroma()
        return FittedPatches(self.color, self.certainty)

    def _put_flat_paint_on_plate(self) -> None:
        """Put flat paint on the plate's own lightness, where its outline fits the plate."""
        flat = paint_on_plate(self.color, self._light, self._plate_light)
        if flat is None:
            return
        self.changes.append(PAINTED_FLAT)
        if not self._is_placed and (shift := self._find_paint_shift(flat)) is not None:
            color, light = _moved_paint(self.color, self._light, shift.at(self._size))
            if (there := paint_on_plate(color, light, self._plate_light)) is not None:
                self.changes.append(f"{describe_moves(shift, self._size[0])} to fit the edges of what it covers")
                flat, self.color = there, color
        self.color, self._light = colors_of(flat.lab, self.color)
        self._held = flat.held

    def _find_paint_shift(self, flat: PaintOnPlate) -> Alignment | None:
        """Return the shift by which the patch fits the plate by its outline, if it is all flat paint; else None."""
        covered = _covered(self.color)
        if self.color.weight is None or covered is None or not covered.any():
            return None
        painted = flat.lab[covered, 0] == self._plate_light[covered]
        if painted.mean() < _ALL_PAINT:
            return None
        weight = resize(self.color.weight, self._working_size)
        return find_outline_shift(weight, self._lightness, reach=MOST_PATCH_SHIFT)

    def _replace_kept_lightness(self) -> bool:
        """Put the plate's lightness in place of another one that an editor kept; return whether there was one."""
        paint = find_patch_paint(self._lab, self._covered, self._lightness) if self._covered.any() else None
        if paint is None:
            return False
        self.changes.append(paint.name)
        self.color, self._light = _relit(paint, self.color, self._light)
        self._lab, self._covered = self._at_working_size()
        return True

    def _move(self) -> None:
        """Move the patch where it fits the plate; where it may hang over what it is of, lower its certainty."""
        if not self._covered.any():
            return
        alignment, self.certainty = find_patch_place(self._rolled_off(), self._covered, self._lightness)
        if self.certainty is not None:
            self.changes.append("may lie beside what it shows; it is not moved, but counts less where it hangs over")
        if alignment is None:
            if self.certainty is None:
                self._doubt()
            return
        self._is_moved = True
        if not self._is_placed:  # else its place was told, and is now known to a part of a pixel
            self.changes.append(f"{describe_moves(alignment, self._size[0])} to fit")
        # what lies beside the patch is no picture, and would be taken for damage at its edge
        self._lab, self._covered = alignment.sample(self._lab), alignment.sample_inner_mask(self._covered)
        self.color, self._light = _moved(self.color, self._light, alignment.at(self._size))

    def _doubt(self) -> None:
        """Tell of a patch that shows something else than the plate; from elsewhere in it, it counts less."""
        shown = self._rolled_off(), self._covered, self._lightness
        if not shows_other_picture(*shown):
            return
        if not lies_elsewhere(*shown):  # painted by hand, or of another picture
            self.changes.append("shows something else than the plate there")
            return
        self.changes.append("shows what lies elsewhere in the plate, and counts less")
        self.certainty = np.full(self._working_size, _ELSEWHERE, np.float32)

    def _match_curve(self) -> None:
        """Undo a tone curve that the patch went through."""
        curve = find_patch_curve(self._lab, self._covered, self._lightness) if self._covered.any() else None
        if curve is None:
            return
        self.changes.append(curve.name)
        self.color, self._light = _relit(curve, self.color, self._light)
        self._lab = curve.apply(np.where(self._covered[..., None], self._lab, np.float32(0)))

    def _clean(self) -> None:
        """Clean the colour of compression and grain that the plate lacks."""
        if not self._covered.any():
            return
        tone = find_patch_damage(self._rolled_off(), self._covered, self._lightness, moved=self._is_moved)
        if tone is None:
            return
        from stcolor_core.method.registration.cleaning import clean_chroma  # torch takes seconds to import

        self.changes.append(CLEANED)
        own = match_tone(roll_off(self._light), tone)
        ab = clean_chroma(np.dstack([own, self.color.ab]), self._plate_light, known=_covered(self.color))
        self.color = replace(self.color, ab=ab)

    def _reduce_chroma(self) -> None:
        """Leave no more chroma than the plate's lightness can show."""
        if (reduced := within_plate_gamut(self.color, self._light, self._plate_light)) is not None:
            if PAINTED_FLAT not in self.changes:  # else it is what is left of that at its edge
                self.changes.append(TOO_COLORFUL)
            self.color = reduced
        if self._held is not None:
            self.color = hold_in_gamut(self.color, self._held, self._plate_light)

    def _rolled_off(self) -> Plane:
        """Return L* of the patch at working size, rolled off, shape (h, w), 0..100."""
        return np.ascontiguousarray(roll_off(self._lab[..., 0]), np.float32)

    def _at_working_size(self) -> tuple[Image, Mask]:
        """Return the patch in CIELAB, its L* not rolled off, and where it covers the plate, both at working size."""
        size, color = self._working_size, self.color
        # L* takes the place of a* and b*, as both must be averaged by weight
        small = color.resized(size)
        twice = KnownColor(np.dstack([self._light, self._light]), color.known, color.weight).resized(size)
        share = small.weight if small.weight is not None else small.known
        covered = np.ones(size, bool) if share is None else np.asarray(share >= COVERED)
        return np.dstack([twice.ab[..., :1], small.ab]), covered


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

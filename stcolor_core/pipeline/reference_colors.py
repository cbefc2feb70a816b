"""The colour of a picture that the artist gives (keyframe, patch or still), read from its file onto a shot's canvas."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from stcolor_core.arrays import Image, Pixels, Plane
from stcolor_core.errors import BadRequest
from stcolor_core.images import plates
from stcolor_core.images.alpha_use import AlphaUse, find_alpha_use, unpremultiply
from stcolor_core.images.color import roll_off
from stcolor_core.images.color_pipe import ColorPipe
from stcolor_core.images.coverage import COVERED, mask_plane
from stcolor_core.images.known_color import KnownColor
from stcolor_core.images.pictures import Header, Picture
from stcolor_core.images.placement import Placement
from stcolor_core.images.resizing import resize
from stcolor_core.method.references import Keyframe
from stcolor_core.pipeline.inputs import ShotInputs
from stcolor_core.pipeline.reference_places import has_aspect_of, nothing_known
from stcolor_core.pipeline.shot_plates import ShotPlates, describe_size
from stcolor_core.pipeline.warn_once import WarnOnce
from stcolor_core.plurals import count_of
from stcolor_core.remedies import advise
from stcolor_core.shots.reference_files import ReferencePicture
from stcolor_core.shots.shot import Shot

__all__ = ["ReferenceColors"]

_FLOATING = ("half", "float", "double")  # pixel types whose values may be above 1
_COLORFUL_SHARE, _COLORLESS = 95, 3.0  # per cent and C*, as in `ColorPipe.is_grey`
_OPAQUE = 0.9  # of a patch's weight
_LARGEST_AB = 500  # of a* and b*: a red lamp 250 times as bright as diffuse white


class ReferenceColors:
    """Reads the artist's pictures: their alpha, mask and data window say where they count.

    Args:
        shot: The shot.
        inputs: The shot's files.
        plate: The shot's plate, on whose canvas the colour is placed.
        warn_once: Called with one line for the artist.
    """

    def __init__(self, shot: Shot, inputs: ShotInputs, plate: ShotPlates, *, warn_once: WarnOnce) -> None:
        self._shot, self._inputs, self._plate, self._warn_once = shot, inputs, plate, warn_once

    def read(self, reference: ReferencePicture, frame: int, *, is_patch: bool) -> tuple[KnownColor, Plane]:
        """Return the colour of a reference on the canvas, and its L*, (H, W), not rolled off.

        The colour has a weight if the reference's alpha or its mask says where it counts.

        Args:
            reference: The picture.
            frame: The number of its frame.
            is_patch: Whether it is a patch. A whole keyframe is judged before the run (`reference_flaws`).

        Raises:
            PlateError: If a file is damaged or has changed since the run began.
            BadRequest: If its aspect is not the plate's, or nothing of it lies within the plate.
        """
        number = frame if is_patch else self._inputs.moved.get(frame, frame)  # as the artist knows it
        label = f"Reference {number} ({reference.path})"
        picture = self._inputs.read_reference(reference, frame)
        if reference.placement is None:
            given = f"Reformat it to the plate, or {advise('as_still')}."
            seek = f"Reformat it to the plate, {advise('register_again')}, or {advise('as_still')}."
            self._require_aspect(label, picture, remedy=seek if self._shot.method.register == "off" else given)
        else:
            picture = reference.placement.of(picture)
        alpha = plates.alpha_plane(picture) if reference.alpha == "auto" else None
        self._warn_of_broken(label, picture, frame=number)
        pixels = plates.layer_pixels(picture)
        pipe = self._inputs.pipe_of(reference.path, reference.colorspace, exposure=self._shot.plate.exposure)
        if alpha is not None:
            pixels = unpremultiply(pixels, alpha, self._alpha_use(pixels, alpha, picture, pipe, frame), pipe)
        lab = pipe.lab(pixels)
        own = self._known_color(lab, picture, label, frame=number, covered=alpha)
        # L* takes the place of a* and b*, as both must be placed on the canvas
        color, light = (
            replace(own, ab=plane).aligned_to(picture, display=self._plate.display, canvas=self._plate.canvas)
            for plane in (own.ab, lab[..., :2])
        )
        if reference.mask is not None:
            color = self._masked(color, reference.mask, number, reference.placement)
        weight = color.known if color.weight is None else color.weight
        if weight is not None and not weight.any():
            raise nothing_known(label)
        if is_patch:
            self._warn_of_grey_patch(label, color, frame)
            self._warn_of_thin_patch(label, color, frame)
        return color, light.ab[..., 0]

    def pixel_of(self, reference: ReferencePicture) -> float:
        """Return the side of one of a reference's own pixels, px at working size.

        Args:
            reference: The picture.
        """
        working = self._plate.display[3] * self._plate.working_size[0] / self._plate.size[0]
        return working / self._inputs.lines_of(reference)

    def read_still(self, path: Path, colorspace: str | None, *, lines: int) -> Keyframe:
        """Return a still at its own aspect.

        Args:
            path: The picture.
            colorspace: Its colour space; None to take it from the file.
            lines: Its height at most.

        Raises:
            PlateError: If the file is damaged or has changed since the run began.
            BadRequest: If it has no finite pixel.
        """
        picture = self._inputs.read_coloured(path)
        self._warn_of_grey_still(picture, colorspace)
        self._warn_of_broken(picture.label, picture)
        lab = self._inputs.pipe_of(path, colorspace, exposure=0.0).lab(plates.layer_pixels(picture))
        lines = min(len(lab), lines)
        size = (lines, max(1, round(lab.shape[1] * lines / len(lab))))
        ab, known = self._known_color(lab, picture, picture.label).at(size)
        if known is not None and not known.any():
            raise BadRequest(f"{picture.label} is NaN or infinite everywhere. Render it again.")
        return Keyframe(resize(np.ascontiguousarray(roll_off(lab[..., 0])), size), ab, known=known)

    def _masked(self, color: KnownColor, path: Path, frame: int, placement: Placement | None) -> KnownColor:
        """Return a colour, counted only where a mask says so."""
        mask = self._inputs.read_coloured(path)
        placed = mask if placement is None else placement.of(mask)
        if placed.display_window == mask.display_window:
            self._require_aspect(f"The mask of reference {frame} ({path})", mask, remedy="Reformat it to the plate.")
        plane = mask_plane(placed)
        covered = KnownColor(np.zeros((*plane.shape, 2), np.float32), plane >= plates.ALPHA_STEP, plane).aligned_to(
            placed, display=self._plate.display, canvas=self._plate.canvas
        )
        assert covered.weight is not None
        weight = covered.weight
        if color.weight is not None:
            weight = weight * color.weight
        elif color.known is not None:
            weight = weight * color.known
        return KnownColor(color.ab, weight > 0, np.asarray(weight, np.float32))

    def _alpha_use(self, pixels: Pixels, alpha: Plane, picture: Picture, pipe: ColorPipe, frame: int) -> AlphaUse:
        """Return how the colour of a frame's reference was multiplied by its alpha."""
        sound = alpha if picture.broken is None else np.where(picture.broken, np.float32(0), alpha)
        return find_alpha_use(
            pixels,
            sound,
            pipe,
            plate=self._plate_beneath(picture, frame),
            integer=picture.pixel_type not in _FLOATING,
            usual="linear" if picture.file_format == "openexr" else "straight",
        )

    def _plate_beneath(self, picture: Header, frame: int) -> Plane:
        """Return L* of the plate at each pixel of a picture's data window, (H, W), 0..100; NaN beyond the plate."""
        display, canvas = self._plate.display, self._plate.canvas
        scale = picture.display_window[2] / display[2], picture.display_window[3] / display[3]
        x, y = (round((canvas[i] - display[i]) * scale[i]) + picture.display_window[i] for i in (0, 1))
        width, height = (max(1, round(canvas[2 + i] * scale[i])) for i in (0, 1))
        lightness = resize(self._plate.frame(frame).lightness, (height, width))
        left, top, columns, rows = picture.data_window
        beneath = np.full((rows, columns), np.nan, np.float32)
        across, down = (
            np.intersect1d(np.arange(start, start + count), np.arange(first, first + size))
            for start, count, first, size in ((left, columns, x, width), (top, rows, y, height))
        )
        if len(across) and len(down):
            inside = np.s_[down[0] - y : down[-1] + 1 - y, across[0] - x : across[-1] + 1 - x]
            beneath[down[0] - top : down[-1] + 1 - top, across[0] - left : across[-1] + 1 - left] = lightness[inside]
        return beneath

    def _require_aspect(self, label: str, picture: Header, *, remedy: str) -> None:
        if not has_aspect_of(picture.display_window, self._plate.display):
            raise BadRequest(
                f"{label} is {describe_size(picture.display_window)}, of another aspect than the plate's "
                f"{describe_size(self._plate.display)}. {remedy}"
            )

    def _warn_of_broken(self, label: str, picture: Picture, *, frame: int | None = None) -> None:
        if picture.nonfinite:
            count = count_of(picture.nonfinite, "pixel")
            self._warn_once.about(label, f" has {count} that are NaN or infinite; they lend no colour.", frame)

    def _warn_of_grey_patch(self, label: str, color: KnownColor, frame: int) -> None:
        """Warn of a patch that has no colour at all: grey is one that may be meant, as of a suit or of steel."""
        weight = color.known if color.weight is None else color.weight
        counted = np.ones(color.ab.shape[:2], bool) if weight is None else weight >= COVERED
        counted = counted if counted.any() or weight is None else weight > 0
        chroma = np.hypot(color.ab[counted, 0], color.ab[counted, 1])
        if np.percentile(chroma, _COLORFUL_SHARE) < _COLORLESS:
            rest = (
                " has almost no colour where it counts, so that what it covers becomes grey, and counts as certain: a "
                "patch may be grey on purpose. If it is not, paint it or leave it out."
            )
            self._warn_once.about(label, rest, frame)

    def _warn_of_thin_patch(self, label: str, color: KnownColor, frame: int) -> None:
        """Warn of a patch that is nowhere opaque: often an alpha of the wrong range."""
        if color.weight is not None and (most := float(color.weight.max())) < _OPAQUE:
            rest = (
                f" counts nowhere by more than {most:.2g} of 1, so that its colour is mixed with what lies below. If "
                "that is not meant, scale its alpha or mask to 1."
            )
            self._warn_once.about(label, rest, frame)

    def _warn_of_grey_still(self, picture: Picture, colorspace: str | None) -> None:
        if self._inputs.pipe_of(picture.path, colorspace, exposure=0.0).is_grey(plates.layer_pixels(picture)):
            rest = " has almost no colour; what it colours will be nearly grey."
            self._warn_once.about(picture.label, rest, None)

    def _known_color(
        self, lab: Image, picture: Picture, label: str, *, frame: int | None = None, covered: Plane | None = None
    ) -> KnownColor:
        """Return a picture's colour, without pixels that are not finite or more colourful than any light."""
        ab = np.ascontiguousarray(lab[..., 1:])
        known = np.asarray((np.abs(ab) <= _LARGEST_AB).all(axis=-1))
        if covered is not None:  # where nothing is painted, colour means nothing
            known = known | (covered < plates.ALPHA_STEP)
        if picture.broken is not None:
            known = known & ~picture.broken
        beyond = known.size - int(known.sum()) - picture.nonfinite
        if beyond > 0:
            rest = (
                f" has {count_of(beyond, 'pixel')} with a* or b* beyond {_LARGEST_AB}, which no light has; they lend "
                "no colour. Check them for values that were infinite or far below zero."
            )
            self._warn_once.about(label, rest, frame)
        if covered is not None:
            weight = np.where(known, covered, 0).astype(np.float32)
            return KnownColor(ab, np.asarray(weight > 0), weight)
        return KnownColor(ab, None if known.all() else np.asarray(known))

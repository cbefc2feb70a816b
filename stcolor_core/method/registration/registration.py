"""Register a keyframe that was coloured elsewhere with the plate (docs/method.md, "Registration").

A keyframe is compared with the plate by luminance. One that was painted on the plate is recognised and stays as it is,
unless its colours lie beside its edges (`color_place`).
Any other is registered in steps, each of which must explain the luminance better to be taken: the frame that it shows
(its own or one of the neighbours), an affine map, tone, optical flow, and noise. What stays unexplained lowers the
certainty of the colour at that place.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, replace
from typing import NamedTuple

import cv2
import numpy as np

from stcolor_core.arrays import Image, Mask, Plane
from stcolor_core.images.resizing import resize
from stcolor_core.method.registration.alignment import Alignment, affine_misfit
from stcolor_core.method.registration.channels import find_channel_order, find_slipped_channels
from stcolor_core.method.registration.color_place import find_color_place
from stcolor_core.method.registration.coordinates import without_clipped
from stcolor_core.method.registration.crop import Place, find_bars, find_place
from stcolor_core.method.registration.exactness import (
    find_grey_paint,
    has_few_levels,
    has_texture,
    is_damaged,
    is_exact,
    is_posterised,
)
from stcolor_core.method.registration.fitting import find_frame, fit, lightness_of_keyframe
from stcolor_core.method.registration.painted import PaintedLightness, find_painted_lightness
from stcolor_core.method.registration.tone import GRAIN_SMOOTHED, Sharpness, Tone
from stcolor_core.method.registration.wording import describe_moves, enumerate_parts

__all__ = ["CLEANED", "REACH", "Registration", "find_neighbours", "find_registration"]

CLEANED = "its compression or grain cleaned"  # as it is said to the artist
REACH = 5  # frames on either side that a keyframe is compared with

_LEAST_KNOWN = 0.1  # of the picture; fewer pixels do not tell where they belong
_LEAST_TOLD = 0.05  # of what is known, that is not clipped; fewer pixels do not tell in which light it is
_STRANGER = 0.5  # misfit of a picture that is none of the shot's frames; other shots have 0.85, damaged frames 0.1
_COLORED = 3.0  # chroma; a keyframe that is black, grey or white all over is named as one without colour
_DOUBTFUL = 0.05  # misfit from which even a keyframe that nothing mends is not certain
_HELD = 0.03  # of the height: how far beyond the picture's border its colour is held
_UNEXPLAINED_OUTSIDE = 6.0  # L*; where it is held and differs by more, it is not used
_FITTED = 1.02  # scale of a picture that was fitted between bars
_NEARLY_ALL = 0.995  # of the frame
_UNEXPLAINED = 15.0  # L*, smoothed difference from which a moved colour is not used
_RESIDUAL_SIGMA = 2.0 / 216  # of the height
# Share of right colours by what L* leaves unexplained, measured on ten clips with moved keyframes and those of other
# frames, left as they came (benchmarks/measured/method.md, "Keyframes coloured elsewhere").
_RESIDUALS = (0.0, 0.75, 1.5, 2.5, 3.5, 5.0, 7.0, 9.0, 12.5, 17.5, 25.0, 45.0)
_CERTAINTIES = (1.0, 0.997, 0.988, 0.976, 0.96, 0.937, 0.905, 0.87, 0.814, 0.758, 0.713, 0.663)
# The same by the mean of L* that is left of keyframes of 3 to 16 levels a channel; every fourth clip of footage.
_RESIDUALS_OF_FEW = (1.2, 1.65, 2.0, 2.45, 3.0, 3.6, 4.3, 5.5, 7.2, 11.6)
_CERTAINTIES_OF_FEW = (1.0, 0.99, 0.96, 0.89, 0.77, 0.7, 0.61, 0.57, 0.47, 0.41)
_WORTH_TELLING = 0.97


@dataclass(frozen=True)
class Registration:
    """What a keyframe needs to fit the plate, found at working size.

    Attributes:
        frame: The plate frame that the picture shows; None if it is none of those compared.
        alignment: From that plate frame to the picture; None if nothing is moved.
        tones: Models of its light, in the order to apply them once it is aligned.
        clean: Whether its chroma is cleaned of compression and grain.
        used: Pixels of the plate frame whose colour fits, shape (h, w), bool; None for all.
        certainty: Probability that the colour is right, shape (h, w), 0..1; None for 1 everywhere.
        unused: Share of the picture's known part that does not fit and is not used, 0..1.
        by_color: Whether its luminance lies where it belongs, so that frame and alignment are those of its colours.
        beside: Share of the picture in which its colours lie beside the plate's edges, if that is only a part; 0 for
            none.
        place: Where it lies on that plate frame, if it shows only a part of it; None if it shows the whole.
        few_levels: Whether it was reduced to few levels or colours, so that most of them are wrong by a little.
        bars: Its bars, such as those of a film format, which lend no colour, shape (h, w), bool; None if it has none.
    """

    frame: int | None
    alignment: Alignment | None = None
    tones: tuple[Tone, ...] = ()
    clean: bool = False
    used: Mask | None = None
    certainty: Plane | None = None
    unused: float = 0.0
    by_color: bool = False
    beside: float = 0.0
    place: Place | None = None
    few_levels: bool = False
    bars: Mask | None = None

    @property
    def changes_pixels(self) -> bool:
        """Return whether anything is moved, relit, cleaned or left out."""
        masks = self.used is not None or self.bars is not None
        return bool(masks or self.place or self.alignment or self.tones or self.clean)

    @property
    def _between_bars(self) -> bool:
        """Return whether the frame is smaller between the bars, which cover nothing of it."""
        return self.bars is not None and self.alignment is not None and self.alignment.scale > _FITTED

    def apply(self, lab: Image, known: Mask | None, lightness: Plane) -> tuple[Image, Mask | None]:
        """Return the registered picture and where its colour is known.

        Args:
            lab: The keyframe in CIELAB on the plate's canvas, shape (H, W, 3).
            known: Where its colour is known, shape (H, W), bool; None for everywhere.
            lightness: L* of the plate frame that it shows, shape (H, W), 0..100.

        Returns:
            CIELAB and the mask, of the same shapes; the arguments themselves if nothing is to be done.
        """
        height, width = lightness.shape
        if self.bars is not None:
            inside = resize((~self.bars).astype(np.float32), lab.shape[:2]) > 0.98
            known = inside if known is None else known & inside
        if known is not None and self.changes_pixels:
            lab = np.where(known[..., None], lab, np.float32(0))  # so that no NaN is spread by interpolation
        if self.place is not None:
            lab, known = self.place.put(lab, np.ones(lab.shape[:2], bool) if known is None else known, (height, width))
        if self.alignment is not None and not self.by_color:
            lab, known = _move(lab, known, self.alignment.at((height, width)))
        if self.used is not None:
            used = resize(self.used.astype(np.float32), (height, width)) > 0.5
            known = used if known is None else known & used
        moves_colors, painted = self.alignment is not None and self.by_color, _painted(self.tones)
        if self.alignment is not None and moves_colors and painted is not None:
            # what was painted is moved, and painted once more over the lightness of where it belongs
            colors, known = _move(painted.colors(lab), known, self.alignment.at((height, width)))
            lab, moves_colors = painted.over(colors, lightness), False
        for tone in self.tones:
            lab = tone.apply(lab)
        if self.clean:
            from stcolor_core.method.registration.cleaning import clean_chroma  # torch takes seconds to import

            lab = np.dstack([lab[..., :1], clean_chroma(lab, lightness, known=known)])
        if self.alignment is not None and moves_colors:  # other light is judged where it lies, before
            moved, known = _move(lab, known, self.alignment.at((height, width)))
            lab = np.dstack([lab[..., :1], moved[..., 1:]])
        return lab, known

    def describe(self, frame: int, *, lines: int) -> str:
        """Return what was done to the keyframe at a frame, in a line for the artist; "" if nothing was.

        Args:
            frame: The frame at which the keyframe was given.
            lines: Height of the plate in pixels, in which lengths are given.
        """
        if self.frame is None:
            return "shows no frame of the shot near its own and is used as a still"
        parts = []
        if self.frame != frame:
            parts += [
                f"its colours fit frame {self.frame}, and are used there"
                if self.by_color
                else f"looks like frame {self.frame} and is used as its colour"
            ]
        elif self.beside:
            parts += [
                f"in {100 * self.beside:.0f} % of it its colours lie beside the plate's edges, and count less there"
            ]
        elif self.by_color and self.alignment is None:
            parts += ["its colours do not follow the plate's edges, and count less"]
        if self.place is not None:
            share = min(1.0, self.place.share)
            is_whole = share >= _NEARLY_ALL
            parts.append("shows the whole frame" if is_whole else f"shows {100 * share:.0f} % of the frame")
            parts[-1] += " smaller, and is enlarged to fit" if is_whole else ", and is used there"
        moves = "" if self.alignment is None else describe_moves(self.alignment, lines)
        tones = [tone.name for tone in self.tones if not (self.clean and tone.name == GRAIN_SMOOTHED)]
        tones += [CLEANED] * self.clean
        if moves:
            lead = "its colours lay beside the plate's edges: " if self.by_color else ""
            lead = "lies between bars, which are left out: " if self._between_bars else lead
            parts.append(f"{lead}{moves} to fit")
        if tones:
            parts.append(enumerate_parts(tones))
        if self.bars is not None and not self._between_bars:
            parts.append("its bars are left out")
        if self.few_levels:
            parts.append("was reduced to few colours, and counts less")
        if parts and self.unused >= 0.005:
            parts.append(f"{100 * self.unused:.0f} % of it does not fit and is not used")
        return "; ".join(parts)


def find_neighbours(frame: int, frames: Collection[int]) -> tuple[int, ...]:
    """Return the other frames of a plate that the keyframe at a frame is compared with, the nearest first.

    Args:
        frame: The frame's number.
        frames: The plate's frames.
    """
    near = (other for other in range(frame - REACH, frame + REACH + 1) if other != frame and other in frames)
    return tuple(sorted(near, key=lambda other: (abs(other - frame), other)))


def find_registration(
    lab: Image,
    known: Mask | None,
    *,
    frame: int,
    others: Iterable[int],
    lightness_of: Callable[[int], Plane],
    pixel: float = 1.0,
) -> Registration:
    """Return the registration of a keyframe.

    Args:
        lab: The keyframe in CIELAB at working size, on the plate's canvas, shape (H, W, 3).
        known: Where its colour is known, shape (H, W), bool; None for everywhere.
        frame: The frame's number.
        others: The frames that it may show instead, from `find_neighbours`.
        lightness_of: Returns the L* of a plate frame at working size, shape (H, W), 0..100. Called for the other frames
            only if the keyframe was not painted on its own, or its colours do not lie on its edges.
        pixel: Side of one of the keyframe's own pixels in px at working size; above 1 if it was enlarged.
    """
    bars = find_bars(lightness_of_keyframe(lab), lightness_of(frame), np.hypot(lab[..., 1], lab[..., 2]))
    given = _Keyframe(lab, known, frame, others, lightness_of, pixel)
    if bars is None:
        return _register(given)
    found = _register(given._replace(known=~bars if known is None else known & ~bars))
    return found if found.frame is None else replace(found, bars=bars)


def _painted(tones: Iterable[Tone]) -> PaintedLightness | None:
    return next((tone for tone in tones if isinstance(tone, PaintedLightness)), None)


def _move(lab: Image, known: Mask | None, alignment: Alignment) -> tuple[Image, Mask | None]:
    """Return a picture moved, and where its colour is known."""
    covered = alignment.sample_mask(np.ones(alignment.size, bool) if known is None else known)
    if known is None:  # the colour at the border is held a little further
        covered |= alignment.outside() <= _HELD * alignment.size[0]
    return alignment.sample(lab), None if covered.all() else covered


class _Keyframe(NamedTuple):
    """What `find_registration` is given."""

    lab: Image
    known: Mask | None
    frame: int
    others: Iterable[int]
    lightness_of: Callable[[int], Plane]
    pixel: float


def _register(given: _Keyframe) -> Registration:
    """Return the registration of a keyframe without bars, or whose bars are not known."""
    lab, known, frame, others, lightness_of, pixel = given
    lightness = lightness_of(frame)
    counted = np.ones(lightness.shape, bool) if known is None else known
    key = lightness_of_keyframe(lab)
    if counted.mean() < _LEAST_KNOWN:
        return Registration(frame)
    if is_exact(key, lightness, counted):
        return _with_colors_in_place(given, Registration(frame))
    told = without_clipped(lab, lightness, counted)  # what is clipped tells nothing of light and place
    clipped = counted & ~told if told is not counted else None
    if clipped is not None and told.any() and is_exact(key, lightness, told):
        return _with_colors_in_place(given, Registration(frame))
    grey = find_grey_paint(lab, lightness, counted)
    if has_few_levels(key, lightness, counted) and is_posterised(lab, lightness, counted, grey if grey.any() else None):
        return _judge(lab, known, lightness, Registration(frame, few_levels=True, clean=True), misfit=0.0)
    if grey.any():
        told = told & ~grey
        given = given._replace(known=counted & ~grey)
        if told.sum() < _LEAST_KNOWN * counted.sum() or is_exact(key, lightness, told):
            return Registration(frame)  # whose colours were painted where they are
        clipped = counted & ~told
    elif told.sum() < _LEAST_TOLD * counted.sum():
        if _shows(key, lightness, known, counted):
            return _with_colors_in_place(given, Registration(frame))
        told, clipped = counted, None
    counted, compared = told, known if clipped is None else told
    if not has_texture(lightness, counted):
        return Registration(frame)  # nothing tells where it belongs
    if not has_texture(key, counted):
        is_colored = np.hypot(lab[..., 1], lab[..., 2])[counted].mean() > _COLORED
        return Registration(None if is_colored else frame)  # one flat colour shows nothing of the plate
    if painted := find_painted_lightness(lab, lightness, counted):
        found = _judge(lab, known, lightness, Registration(frame, tones=(painted,)), misfit=0.0, clipped=clipped)
        return _with_colors_in_place(given, found)
    few = has_few_levels(key, lightness, counted)
    if order := find_channel_order(lab, lightness, counted):
        found = _judge(lab, known, lightness, Registration(frame, tones=(order,)), misfit=0.0, clipped=clipped)
        return _with_colors_in_place(given, found)
    others = tuple(others)  # only now, as the frames are read for it
    given = given._replace(others=others)  # an iterator yields them once
    shown, misfit = find_frame(key, compared, frame=frame, others=others, lightness_of=lightness_of)
    if (
        clipped is not None and not grey.any() and (shown != frame or misfit > _STRANGER)
    ):  # what is left may be too little to tell
        shown, misfit = find_frame(key, known, frame=frame, others=others, lightness_of=lightness_of)
    if shown == frame and misfit <= _STRANGER and (slipped := find_slipped_channels(lab, lightness, counted)):
        return _judge(lab, known, lightness, Registration(frame, tones=(slipped,)), misfit, clipped)
    place = None
    if misfit > _STRANGER:
        if (place := find_place(lightness, key, known)) is None:
            return Registration(None)
        lab, known = place.put(lab, np.ones(lightness.shape, bool) if known is None else known, lightness.shape)
        key, counted, compared, clipped = lightness_of_keyframe(lab), known, known, None
        shown, misfit = find_frame(key, known, frame=frame, others=others, lightness_of=lightness_of)
    if shown != frame:
        lightness = lightness_of(shown)
        if is_exact(key, lightness, counted):
            return Registration(shown)
    alignment, tones = fit(lab, compared, lightness, pixel, is_clipped=clipped is not None)
    found = Registration(shown, alignment if alignment.moves else None, tones, few_levels=few)
    found = _judge(lab, known, lightness, found, misfit, clipped)
    if place is not None:
        return replace(found, place=place)
    is_in_place = shown == frame and found.alignment is None and not few
    return _with_colors_in_place(given, found) if is_in_place else found


def _shows(key: Plane, lightness: Plane, known: Mask | None, counted: Mask) -> bool:
    """Return whether a keyframe, nearly all of which is clipped, shows the plate's frame, whose light it has then.

    Args:
        key: Its L*, shape (H, W), 0..100.
        lightness: The plate's L*, shape (H, W), 0..100.
        known: Where its colour is known, shape (H, W), bool; None for everywhere.
        counted: The same mask, never None.
    """
    if not has_texture(lightness, counted) or not has_texture(key, counted) or has_few_levels(key, lightness, counted):
        return False
    return affine_misfit(lightness, key, known) <= _STRANGER


def _with_colors_in_place(given: _Keyframe, found: Registration) -> Registration:
    """Return the registration of a keyframe whose luminance is in place, with its colours where they belong."""
    lab = given.lab
    for tone in found.tones:
        lab = tone.apply(lab)
    painted = _painted(found.tones)
    lies = find_color_place(
        given.lab,
        given.known,
        frame=given.frame,
        others=given.others,
        lightness_of=given.lightness_of,
        relit=np.ascontiguousarray(lab[..., 1:]) if found.tones else None,
        kept=None if painted is None else painted.kept,
    )
    if lies.is_own(given.frame):
        return found
    if lies.frame != given.frame:  # whose luminance is another, so that it does not tell what is damage
        return replace(found, frame=lies.frame, clean=False, by_color=True)
    certainty = found.certainty
    if certainty is not None and lies.alignment is not None:
        certainty = np.clip(lies.alignment.sample(certainty), 0, 1)
    if lies.certainty is not None:
        certainty = lies.certainty if certainty is None else np.minimum(certainty, lies.certainty)
    return replace(found, alignment=lies.alignment, certainty=certainty, by_color=True, beside=lies.beside)


def _judge(
    lab: Image,
    known: Mask | None,
    lightness: Plane,
    found: Registration,
    misfit: float,
    clipped: Mask | None = None,
) -> Registration:
    """Return a registration with its certainty and what was done, by what it leaves unexplained but for clipping."""
    registered, covered = found.apply(lab, known, lightness)
    counted = np.ones(lightness.shape, bool) if covered is None else covered
    as_sharp = replace(found, tones=tuple(tone for tone in found.tones if not isinstance(tone, Sharpness)))
    own = lightness_of_keyframe(as_sharp.apply(lab, known, lightness)[0])  # a blur would hide grain
    told = counted if clipped is None else counted & ~clipped
    mended = replace(found, clean=found.clean or is_damaged(own, lightness, told))
    if mended == Registration(found.frame) and misfit < _DOUBTFUL:
        return mended
    apart = np.abs(lightness_of_keyframe(registered) - lightness)
    if clipped is not None:
        apart = np.where(clipped, np.float32(0), apart)
    residual = cv2.GaussianBlur(apart * counted, (0, 0), max(0.5, _RESIDUAL_SIGMA * len(lightness)))
    certainty = np.interp(residual, _RESIDUALS, _CERTAINTIES).astype(np.float32)
    if found.few_levels:
        most = float(np.interp(apart[told].mean(), _RESIDUALS_OF_FEW, _CERTAINTIES_OF_FEW)) if told.any() else 1.0
        mended = replace(mended, few_levels=most < _WORTH_TELLING)
        certainty = np.minimum(certainty, np.float32(most))
    unfit = counted & (residual > _UNEXPLAINED)
    if found.alignment is not None:
        outside = found.alignment.outside() > 1
        unfit |= counted & outside & (apart > _UNEXPLAINED_OUTSIDE)
    used = ~unfit if found.alignment is not None and unfit.any() and not unfit[counted].all() else None
    share = 1.0 if known is None else float(known.mean())
    unused = 1 - float((counted if used is None else counted & used).mean()) / share
    return replace(mended, used=used, certainty=certainty, unused=max(0.0, unused))

"""Register a keyframe that was coloured elsewhere with the plate (docs/method.md, "Registration").

A keyframe is compared with the plate by luminance. One that was painted on the plate is recognised and stays as it is,
unless its colours lie beside its edges (`color_place`).
Any other is registered in steps, each of which must explain the luminance better to be taken: the frame that it shows
(its own or one of the neighbours), an affine map, tone, optical flow, and noise. What stays unexplained lowers the
certainty of the colour at that place. Clipped colours and grey paint say nothing of light and place, and are left out.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import replace
from functools import partial
from typing import NamedTuple

import cv2
import numpy as np

from stcolor_core.arrays import Image, Mask, Plane
from stcolor_core.method.registration.alignment import affine_misfit
from stcolor_core.method.registration.channels import find_channel_order, find_slipped_channels
from stcolor_core.method.registration.color_place import find_color_place
from stcolor_core.method.registration.coordinates import without_clipped
from stcolor_core.method.registration.crop import find_bars, find_place
from stcolor_core.method.registration.exactness import (
    find_grey_paint,
    has_few_levels,
    has_texture,
    is_damaged,
    is_exact,
    is_posterised,
)
from stcolor_core.method.registration.fitting import find_frame, fit, lightness_of_keyframe
from stcolor_core.method.registration.painted import find_painted_lightness
from stcolor_core.method.registration.registration import Registration
from stcolor_core.method.registration.surround import find_surround
from stcolor_core.method.registration.tone import Sharpness

__all__ = ["REACH", "find_neighbours", "find_registration"]

REACH = 5  # frames on either side that a keyframe is compared with

_LEAST_KNOWN = 0.1  # of the picture; fewer pixels do not tell where they belong
_LEAST_TOLD = 0.05  # of what is known, that is not clipped; fewer pixels do not tell in which light it is
_STRANGER = 0.5  # misfit of a picture that is none of the shot's frames; other shots have 0.85, damaged frames 0.1
_COLORED = 3.0  # chroma; a keyframe that is black, grey or white all over is named as one without colour
_DOUBTFUL = 0.05  # misfit from which even a keyframe that nothing mends is not certain
# L*, smoothed: from here a part of an exact keyframe is not certain. True ones have less everywhere (61 clips), also
# with half as much chroma again; of twice as much, files cut off 32 of a* and b* where it is more.
_OTHER_LIGHTNESS = 9.0
_UNEXPLAINED_OUTSIDE = 6.0  # L*; where it is held and differs by more, it is not used
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
    around = find_surround(lab, known, lightness_of(frame), bars)
    masks = [mask for mask in (bars, None if around is None else around.mask) if mask is not None]
    if not masks:
        return _register(given)
    left_out = np.logical_or.reduce(masks)
    found = _register(given._replace(known=_without(left_out, known)))
    if found.frame is None:
        return found
    return replace(found, bars=left_out, surround="" if around is None else around.color)


class _Keyframe(NamedTuple):
    """What `find_registration` is given."""

    lab: Image
    known: Mask | None
    frame: int
    others: Iterable[int]
    lightness_of: Callable[[int], Plane]
    pixel: float


class _Told(NamedTuple):
    """What of a keyframe, whose luminance is not the plate's, tells of its light and place.

    Attributes:
        told: Its known pixels that count, shape (H, W), bool.
        left_out: Those that do not, of the same shape; None if all count.
        grey: Grey paint, of the same shape; None if there is none.
    """

    told: Mask
    left_out: Mask | None = None
    grey: Mask | None = None


def _register(given: _Keyframe) -> Registration:
    """Return the registration of a keyframe without bars, or whose bars are not known."""
    lightness = given.lightness_of(given.frame)
    counted = np.ones(lightness.shape, bool) if given.known is None else given.known
    if counted.mean() < _LEAST_KNOWN:
        return Registration(given.frame)
    told = _find_told(given, lightness, counted)
    if isinstance(told, Registration):
        return told
    found = _fit_to_plate(given, lightness, told)
    return found if told.grey is None else replace(found, grey=_share(told.grey, counted))


def _find_told(given: _Keyframe, lightness: Plane, counted: Mask) -> _Told | Registration:
    """Return what of a keyframe tells of its light and place, or its registration if it lies in that of the plate.

    Args:
        given: The keyframe.
        lightness: L* of its plate frame, shape (H, W), 0..100.
        counted: Where it is known, shape (H, W), bool.
    """
    lab, frame, key = given.lab, given.frame, lightness_of_keyframe(given.lab)
    if is_exact(key, lightness, counted):
        return _with_colors_in_place(given, _with_doubts(Registration(frame), key, lightness, counted))
    told = without_clipped(lab, lightness, counted)
    left_out = counted & ~told if told is not counted else None
    if left_out is not None and told.any() and is_exact(key, lightness, told):
        return _with_colors_in_place(given, _with_doubts(Registration(frame), key, lightness, counted))
    grey = find_grey_paint(lab, lightness, counted)
    has_grey = bool(grey.any())
    if has_few_levels(key, lightness, counted) and is_posterised(lab, lightness, counted, grey if has_grey else None):
        return _judge(lab, given.known, lightness, Registration(frame, few_levels=True, clean=True), misfit=0.0)
    if has_grey:
        told = told & ~grey
        if told.sum() < _LEAST_KNOWN * counted.sum() or is_exact(key, lightness, told):
            return Registration(frame, grey=_share(grey, counted))  # whose colours were painted where they are
        return _Told(told, counted & ~told, grey)
    if told.sum() >= _LEAST_TOLD * counted.sum():
        return _Told(told, left_out)
    if _shows(key, lightness, given.known, counted):
        return _with_colors_in_place(given, Registration(frame))
    return _Told(counted)


def _with_doubts(found: Registration, key: Plane, lightness: Plane, counted: Mask) -> Registration:
    """Return the registration of a keyframe that was painted on its plate, but for a part of another lightness.

    Such a part is a logo, a light leak or a colour that its file cut off: it stays, and counts less.

    Args:
        found: Its registration, which moves nothing.
        key: Its L*, shape (H, W), 0..100.
        lightness: L* of its plate frame, of the same shape.
        counted: Where it is known, shape (H, W), bool.
    """
    residual = _smooth_residual(np.abs(key - lightness), counted)
    doubtful = counted & (residual > _OTHER_LIGHTNESS)
    if not doubtful.any():
        return found
    certainty = np.where(doubtful, np.interp(residual, _RESIDUALS, _CERTAINTIES), 1).astype(np.float32)
    return replace(found, certainty=certainty, doubtful=_share(doubtful, counted))


def _fit_to_plate(given: _Keyframe, lightness: Plane, what: _Told) -> Registration:
    """Return the registration of a keyframe whose luminance is not the plate's, by what of it tells.

    Args:
        given: The keyframe.
        lightness: L* of its plate frame, shape (H, W), 0..100.
        what: What of it tells of light and place.
    """
    lab, known, frame, _, lightness_of, pixel = given
    key, (counted, left_out, grey) = lightness_of_keyframe(lab), what
    compared = known if left_out is None else counted
    if not has_texture(lightness, counted):
        return Registration(frame)  # nothing tells where it belongs
    if not has_texture(key, counted):
        is_colored = np.hypot(lab[..., 1], lab[..., 2])[counted].mean() > _COLORED
        return Registration(None if is_colored else frame)  # one flat colour shows nothing of the plate
    # the frames are read only if they are needed, and an iterator yields them once
    given = given._replace(known=known if grey is None else _without(grey, known))
    if tone := find_painted_lightness(lab, lightness, counted) or find_channel_order(lab, lightness, counted):
        found = _judge(lab, known, lightness, Registration(frame, tones=(tone,)), misfit=0.0, left_out=left_out)
        return _with_colors_in_place(given, found)
    given = given._replace(others=tuple(given.others))
    search = partial(find_frame, frame=frame, others=given.others, lightness_of=lightness_of)
    shown, misfit = search(key, compared)
    if left_out is not None and grey is None and (shown != frame or misfit > _STRANGER):
        shown, misfit = search(key, known)  # what is left may be too little to tell
    if shown == frame and misfit <= _STRANGER and (slipped := find_slipped_channels(lab, lightness, counted)):
        return _judge(lab, known, lightness, Registration(frame, tones=(slipped,)), misfit, left_out)
    few, place = has_few_levels(key, lightness, counted), None
    if misfit > _STRANGER:
        if (place := find_place(lightness, key, known)) is None:
            return Registration(None)
        lab, known = place.put(lab, np.ones(lightness.shape, bool) if known is None else known, lightness.shape)
        key, counted, compared, left_out = lightness_of_keyframe(lab), known, known, None
        shown, misfit = search(key, known)
    if shown != frame:
        lightness = lightness_of(shown)
        if is_exact(key, lightness, counted):
            return Registration(shown)
    alignment, tones = fit(lab, compared, lightness, pixel, is_clipped=left_out is not None)
    found = Registration(shown, alignment if alignment.moves else None, tones, few_levels=few)
    found = _judge(lab, known, lightness, found, misfit, left_out)
    if place is not None:
        return replace(found, place=place)
    is_in_place = shown == frame and found.alignment is None and not few
    return _with_colors_in_place(given, found) if is_in_place else found


def _smooth_residual(apart: Plane, counted: Mask) -> Plane:
    """Return by how much L* differs around each pixel that counts, shape (H, W)."""
    known = np.where(counted, apart, np.float32(0))
    return np.asarray(cv2.GaussianBlur(known, (0, 0), max(0.5, _RESIDUAL_SIGMA * len(known))))


def _share(part: Mask, counted: Mask) -> float:
    return float((part & counted).sum() / counted.sum())


def _without(part: Mask, known: Mask | None) -> Mask:
    return ~part if known is None else known & ~part


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
    painted = found.painted
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
    left_out: Mask | None = None,
) -> Registration:
    """Return a registration with its certainty and what was done, by what it leaves unexplained of what tells."""
    registered, covered = found.apply(lab, known, lightness)
    counted = np.ones(lightness.shape, bool) if covered is None else covered
    as_sharp = replace(found, tones=tuple(tone for tone in found.tones if not isinstance(tone, Sharpness)))
    own = lightness_of_keyframe(as_sharp.apply(lab, known, lightness)[0])  # a blur would hide grain
    told = counted if left_out is None else counted & ~left_out
    mended = replace(found, clean=found.clean or is_damaged(own, lightness, told))
    if mended == Registration(found.frame) and misfit < _DOUBTFUL:
        return _with_doubts(mended, lightness_of_keyframe(lab), lightness, counted)
    apart = np.abs(lightness_of_keyframe(registered) - lightness)
    if left_out is not None:
        apart = np.where(left_out, np.float32(0), apart)
    residual = _smooth_residual(apart, counted)
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
    within = counted if used is None else counted & used
    if found.shows_part:  # what is beyond it is none of the picture
        assert found.alignment is not None
        share, within = share * found.alignment.scale**2, within & (found.alignment.outside() <= 1)
    unused = 1 - float(within.mean()) / share
    doubtful = _share(unfit, counted) if found.alignment is None and counted.any() else 0.0  # it stays as it came
    return replace(mended, used=used, certainty=certainty, unused=max(0.0, unused), doubtful=doubtful)

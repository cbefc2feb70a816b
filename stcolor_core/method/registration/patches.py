"""Fitting a patch, a reference that covers a part of its frame, to the plate (docs/method.md, "Registration").

Its geometry is mended, the lightness that its editor kept in place of the plate's, a tone curve that explains nearly
all of how its luminance differs, and compression and grain: what else a patch changes is what the artist wants. A patch
shows little, so it is moved only if it then fits well, and much better than as it came; it is scaled and turned only if
that fits clearly better than a shift, and never sheared; and it is cleaned only if it shows what the plate shows.
"""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from stcolor_core.arrays import Image, Mask, Plane
from stcolor_core.images.color import roll_off
from stcolor_core.method.registration.alignment import (
    Alignment,
    affine_alignment_misfit,
    find_alignment,
    local_contrast,
)
from stcolor_core.method.registration.exactness import has_texture, is_damaged, is_exact
from stcolor_core.method.registration.painted import PaintedLightness, find_painted_lightness
from stcolor_core.method.registration.shift import find_shift
from stcolor_core.method.registration.tone import Tone, difference, fit_curve

__all__ = [
    "MOST_PATCH_SHIFT",
    "PatchPlace",
    "find_patch_curve",
    "find_patch_damage",
    "find_patch_paint",
    "find_patch_place",
    "lies_elsewhere",
    "match_tone",
    "shows_other_picture",
]

MOST_PATCH_SHIFT = 0.06
"""How far a patch is moved at most, as a share of the height."""

Curve = NDArray[np.float64]
Matrix = NDArray[np.float64]  # 2 x 3, as of `Alignment`

_LEAST_AREA = 0.01  # of the picture; less shows too little to tell where it belongs
_LEAST_PAINTED = 256  # px at working size; fewer may agree with another lightness by chance
_LEAST_SIDE = 24  # px at working size, of the box around what is covered
_MARGIN = 0.08  # of the height: how much of the plate around that box is searched
_STILL = 0.25 / 216  # of the height: a map that moves no corner of the patch further is no motion
_CLEARLY = 0.8  # scale and turn must leave at most this share of the misfit that a shift leaves
_GAIN = 0.6  # the aligned patch must leave at most this share of the misfit
_MOST_MISFIT = 0.3  # and this much, where unrelated pictures have 0.85
_MOST_SCALE, _MOST_TURN = 0.05, 4.0  # degrees
# L*, and the share of it that a tone curve may leave: gamma and gain leave 0 to 0.12 of it in 90 of 100 rectangles of
# footage, another light, sharpening, compression and grain 0.4 and more.
_OTHER_TONE, _LEFT_BY_CURVE = 1.5, 0.25
_SAME_PICTURE = 0.15  # misfit: another tone leaves 0.02 to 0.08
# Misfit of a patch that shows something else: of discs of footage in a wrong place 0.86 and more, in another tone,
# compressed or sharpened at most 0.43, with grain 0.7, softened by 4 px 0.84
# (benchmarks/measured/method.md, "Patches in a wrong place").
_OTHER_PICTURE = 0.85
_FOUND_ELSEWHERE = 0.7  # correlation with the plate there
_OVERHANGING = 0.6  # certainty of colour that is likely to lie beside what it is of
_DETAIL_SIGMA = 2.0  # px: a difference that is smoother is another light
_OF_RESAMPLING = 0.13  # of a patch's detail: what moving an exact one leaves at most, where grain and JPEG leave more
_PERCENTILES = (1, 10, 25, 50, 75, 90, 99)  # of L*, between which a patch's tone is compared with the plate's


class PatchPlace(NamedTuple):
    """Where a patch belongs.

    Attributes:
        alignment: How it must be moved to fit the plate; None if it fits as it is, or nothing tells where it belongs.
        certainty: Probability that its colour is right where it lies, shape (H, W), 0..1; None for 1 everywhere.
    """

    alignment: Alignment | None = None
    certainty: Plane | None = None


def find_patch_place(light: Plane, covered: Mask, lightness: Plane) -> PatchPlace:
    """Return how a patch must be moved to fit the plate, or where it is likely to hang over what it is of.

    Args:
        light: L* of the patch at working size on the canvas, shape (H, W), 0..100; any value where it covers nothing.
        covered: Where it covers the plate, shape (H, W), bool.
        lightness: L* of the plate frame, shape (H, W), 0..100.

    Returns:
        The place. An alignment has the size of the plate, and moves the picture by at most 6 % of its height.
    """
    if is_exact(light, lightness, covered):
        return PatchPlace()
    if (by_detail := _align_by_detail(light, covered, lightness)) is not None:
        return PatchPlace(by_detail)
    found = find_shift(light, covered, lightness, reach=MOST_PATCH_SHIFT)
    if found.overhanging is None:
        return PatchPlace(found.alignment)
    return PatchPlace(certainty=np.where(found.overhanging, np.float32(_OVERHANGING), np.float32(1)))


def _align_by_detail(light: Plane, covered: Mask, lightness: Plane) -> Alignment | None:
    """Return how a patch must be moved by its local contrast; None if it shows too little, or fits as it is."""
    if covered.mean() < _LEAST_AREA:
        return None
    height, width = lightness.shape
    top, left, bottom, right = _box(covered, round(_MARGIN * height))
    if min(bottom - top, right - left) < _LEAST_SIDE + 2 * round(_MARGIN * height):
        top, left, bottom, right = 0, 0, height, width
    part = np.s_[top:bottom, left:right]
    known = np.ascontiguousarray(covered[part])
    own, plate = (np.ascontiguousarray(plane[part]) for plane in (np.where(covered, light, 0), lightness))
    if not (has_texture(plate, known) and has_texture(own, known)):
        return None
    found = find_alignment(plate, own, known, only_shift=True)
    matrix = _without_shear(find_alignment(plate, own, known).matrix, known)
    misfit = affine_alignment_misfit(matrix, plate, own, known)
    if misfit <= _CLEARLY * found.misfit:
        found = Alignment(matrix, plate.shape, misfit=misfit)
    before = affine_alignment_misfit(np.eye(2, 3), plate, own, known)
    if _longest_move(found.matrix, known) <= _STILL * height or found.misfit > min(_MOST_MISFIT, _GAIN * before):
        return None
    corner = np.array([left, top], np.float64)
    matrix = found.matrix.copy()
    matrix[:, 2] += corner - matrix[:, :2] @ corner
    alignment = Alignment(matrix, (height, width), misfit=found.misfit)
    return alignment if _is_small(found, height) else None


def shows_other_picture(light: Plane, covered: Mask, lightness: Plane) -> bool:
    """Return whether a patch has detail that has nothing to do with the plate's, where that has some too.

    Args:
        light: L* of the patch at working size on the canvas, shape (H, W), 0..100; any value where it covers nothing.
        covered: Where it covers the plate, shape (H, W), bool.
        lightness: L* of the plate frame, shape (H, W), 0..100.
    """
    own = np.where(covered, light, np.float32(0))
    if covered.mean() < _LEAST_AREA or not (has_texture(lightness, covered) and has_texture(own, covered)):
        return False
    return affine_alignment_misfit(np.eye(2, 3), lightness, own, covered) > _OTHER_PICTURE


def lies_elsewhere(light: Plane, covered: Mask, lightness: Plane) -> bool:
    """Return whether what a patch shows is found at another place of the plate's frame.

    Args:
        light: As for `shows_other_picture`.
        covered: As for `shows_other_picture`; with at least one pixel.
        lightness: As for `shows_other_picture`.
    """
    top, left, bottom, right = _box(covered, 0)
    part = np.s_[top:bottom, left:right]
    own = local_contrast(np.where(covered, light, np.float32(0)), covered)[part]
    plate = local_contrast(lightness, np.ones(lightness.shape, bool))
    share = np.asarray(covered[part], np.float32)
    scores = cv2.matchTemplate(plate, np.ascontiguousarray(own * share), cv2.TM_CCORR_NORMED, mask=share)
    return bool(np.nan_to_num(scores, posinf=0, neginf=0).max() > _FOUND_ELSEWHERE)


def find_patch_paint(lab: Image, covered: Mask, lightness: Plane) -> PaintedLightness | None:
    """Return which lightness an editor kept when a patch was painted on the plate; None if it is none, or unsure.

    Pixel by pixel the lightness must be the plate's, so a patch may be smaller than one whose place is sought.

    Args:
        lab: The patch in CIELAB at working size on the canvas, shape (H, W, 3); any value where it covers nothing.
        covered: Where it covers the plate, shape (H, W), bool.
        lightness: L* of the plate frame, shape (H, W), 0..100.
    """
    top, left, bottom, right = _box(covered, 0)
    part = np.s_[top:bottom, left:right]
    known, plate = np.ascontiguousarray(covered[part]), np.ascontiguousarray(lightness[part])
    own = np.where(known[..., None], lab[part], np.float32(0))
    light = np.ascontiguousarray(roll_off(own[..., 0]), np.float32)
    if known.sum() < _LEAST_PAINTED or is_exact(light, plate, known):
        return None
    if not (has_texture(plate, known) and has_texture(light, known)):
        return None  # of one tone, which another may be by chance
    return find_painted_lightness(own, plate, known)


def find_patch_curve(lab: Image, covered: Mask, lightness: Plane) -> Tone | None:
    """Return the tone curve that a patch went through, if that clearly is how its luminance differs from the plate's.

    Args:
        lab: The patch in CIELAB where it fits the plate, at working size, shape (H, W, 3); any value where it covers
            nothing.
        covered: Where it covers the plate, shape (H, W), bool.
        lightness: L* of the plate frame, shape (H, W), 0..100.
    """
    if covered.mean() < _LEAST_AREA:
        return None
    own = np.where(covered[..., None], lab, np.float32(0))
    light = np.ascontiguousarray(roll_off(own[..., 0]), np.float32)
    if is_exact(light, lightness, covered) or not (has_texture(lightness, covered) and has_texture(light, covered)):
        return None
    if affine_alignment_misfit(np.eye(2, 3), lightness, light, covered) > _SAME_PICTURE:
        return None
    before = difference(own, lightness, covered)
    if before < _OTHER_TONE:
        return None
    curve = fit_curve(own, lightness, covered)
    return curve if difference(curve.apply(own), lightness, covered) <= _LEFT_BY_CURVE * before else None


def find_patch_damage(light: Plane, covered: Mask, lightness: Plane, *, moved: bool = False) -> Curve | None:
    """Return the tone of a patch that shows what the plate shows, with grain or compression that the plate lacks.

    Args:
        light: L* of the patch where it fits the plate, at working size, shape (H, W), 0..100; any value where it covers
            nothing.
        covered: Where it covers the plate, shape (H, W), bool.
        lightness: L* of the plate frame, shape (H, W), 0..100.
        moved: Whether the patch was moved onto the plate, which leaves it softer and a part of a pixel off.

    Returns:
        L* of the patch (first row) at some points and the plate's (second row), between which its light is
        interpolated to compare the two; None if it is not damaged.
    """
    if covered.mean() < _LEAST_AREA or is_exact(light, lightness, covered) or not has_texture(lightness, covered):
        return None
    own = np.where(covered, light, np.float32(0))
    if affine_alignment_misfit(np.eye(2, 3), lightness, own, covered) > _MOST_MISFIT:
        return None  # painted by hand, or of something else
    curve = np.stack([np.percentile(plane[covered], _PERCENTILES) for plane in (own, lightness)])
    matched = match_tone(own, curve)
    if not is_damaged(matched, lightness, covered) or (moved and _is_resampled(matched, lightness, covered)):
        return None
    return curve


def _is_resampled(light: Plane, lightness: Plane, known: Mask) -> bool:
    """Return whether the plate's own detail, softened and moved by less than a pixel, is nearly all that a patch has.

    Of the grain of film that leaves more than the eye takes for grain, though it is the plate's.
    """
    inner = cv2.erode(known.astype(np.uint8), np.ones((9, 9), np.uint8)) > 0
    if not inner.any():
        return False
    softer = [cv2.GaussianBlur(lightness, (0, 0), sigma) for sigma in (0.7, 1.5, 3.0)]
    slopes = [cv2.Sobel(lightness, cv2.CV_32F, *order, ksize=1) for order in ((1, 0), (0, 1))]
    curves = [cv2.Sobel(lightness, cv2.CV_32F, *order, ksize=3) for order in ((2, 0), (0, 2), (1, 1))]
    planes = (np.where(known, plane, np.float32(0)) for plane in (light, lightness, *softer, *slopes, *curves))
    own, *basis = (
        (plane - cv2.GaussianBlur(plane, (0, 0), _DETAIL_SIGMA))[inner].astype(np.float64) for plane in planes
    )
    columns = np.stack(basis, axis=1)
    unexplained = own - columns @ np.linalg.lstsq(columns, own, rcond=None)[0]
    return bool(np.median(np.abs(unexplained)) < _OF_RESAMPLING * np.median(np.abs(own)))


def match_tone(light: Plane, curve: Curve) -> Plane:
    """Return L* of a patch in the plate's tone.

    Args:
        light: Its L*, of any shape, 0..100.
        curve: From `find_patch_damage`.
    """
    own, plate = curve
    inside = np.interp(light, own, plate)
    return np.asarray(inside + light - np.clip(light, own[0], own[-1]), np.float32)  # as it is beyond the curve's ends


def _box(covered: Mask, margin: int) -> tuple[int, int, int, int]:
    """Return top, left, bottom and right of what is covered, with a margin, within the picture."""
    left, top, width, height = cv2.boundingRect(covered.astype(np.uint8))
    rows, columns = covered.shape
    return (
        max(0, top - margin),
        max(0, left - margin),
        min(rows, top + height + margin),
        min(columns, left + width + margin),
    )


def _without_shear(matrix: Matrix, known: Mask) -> Matrix:
    """Return the map of shift, scale and turn alone that comes nearest to an affine one around the middle of a patch.

    The few edges of a small patch leave shear, and a scale of its own on either axis, to chance.
    """
    left, top, width, height = cv2.boundingRect(known.astype(np.uint8))
    middle = np.array([left + (width - 1) / 2, top + (height - 1) / 2])
    (a, b), (c, d) = matrix[:, :2]
    linear = np.array([[a + d, b - c], [c - b, a + d]]) / 2
    return np.column_stack([linear, matrix @ [*middle, 1] - linear @ middle])


def _longest_move(matrix: Matrix, known: Mask) -> float:
    """Return how far a map moves a corner of the box around a patch, px."""
    left, top, width, height = cv2.boundingRect(known.astype(np.uint8))
    corners = np.array([[x, y, 1.0] for x in (left, left + width - 1) for y in (top, top + height - 1)])
    return float(np.linalg.norm(corners @ matrix.T - corners[:, :2], axis=1).max())


def _is_small(found: Alignment, height: int) -> bool:
    """Return whether a map is one that a few pixels of misplacement explain."""
    if found.shift > MOST_PATCH_SHIFT * height or found.turn > _MOST_TURN:
        return False
    return abs(found.scale - 1) <= _MOST_SCALE

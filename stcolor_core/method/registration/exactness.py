"""Whether a picture was painted on the plate, whether it is damaged, and whether it shows enough to tell."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from stcolor_core.arrays import Image, Mask, Plane
from stcolor_core.method.registration.alignment import local_contrast

__all__ = ["find_grey_paint", "has_few_levels", "has_texture", "is_damaged", "is_exact", "is_posterised"]

# L*: at most this much in half of the pixels, and in 99 % of them, if the keyframe was painted on the plate. A next
# frame of a shot that hardly moves has more; rounding to 8 bits less.
_EXACT_MEDIAN, _EXACT_MOST = 0.3, 2.0
# L*, deviation of the detail that is damage, and its share of the plate's own detail. At most: 8 bits 0.1 and 0.04, a
# lens 0.5 and 0.15, half the size 0.8 and 0.21; at least: JPEG of quality 60 0.5 and 0.32. Where the plate is flat:
# half the size 0.39 at most, grain of 2 of 255 levels 0.55 (benchmarks/measured/method.md).
_DAMAGE, _DAMAGE_SHARE = 0.45, 0.23
_PLATE_GRAIN = 1.0  # L*, deviation of detail in the flat quarter of a plate that has grain
_CLEAN = 0.7  # of that deviation, the most that a clean picture has there
_SOFTNESS_SIGMAS = (0.7, 1.5, 3.0)  # px, of the blurs that explain a softer picture
_DETAIL_SIGMA = 2.0  # px: a difference that is smoother is another light
# L* from one pixel to the next: flat in a picture of few levels, where the plate is not; and the share of such pixels.
# Of footage at 144 lines, 8 levels a channel have 0.16 to 0.76, JPEG of quality 30 at most 0.08, a median of 7 px 0.11.
_FLAT_STEP, _PLATE_STEP, _FEW_LEVELS = 0.05, 0.5, 0.13
_CLIPPED = 1.0  # L* from a picture's ends: what is clipped is flat as well
# Paint without colour, flat where the plate has shades; about the same as for paint with colour (`images.flat_paint`).
_GREY = 5.0  # C*; more is colour
_EVEN_STEP, _EVEN = 0.5, 0.75  # L*, a*, b*: the most over 3 x 3 pixels (8 bits leave 0), and deviation in an area
_LEAST_PAINT = 0.0005  # of the picture, the least area
_SHADED, _GRAIN_SIGMA = 1.5, 3.0  # L*, least deviation of the plate below it, and px of the blur that takes its grain
_SAME, _MOST_ALIKE = 2.0, 0.4  # L* up to which paint and plate are the same, and the share of an area that may be
# Correlation of L* with the plate's, from which an area is a picture of it, if it deviates by so much.
_FOLLOWS, _STILL_EVEN = 0.7, 0.05
_ALIKE, _PAINT_EDGE_PX = 1.0, 5  # L*, a*, b* of other pixels of the same paint; px that it is mixed with at its edge
# Tones. Of what is known, the least beside what looks like paint that tells whether all of the picture has few levels;
# px between the pixels that are compared across a border; L* by which tones differ, at least, and what larger steps
# count as; share of the steps to the same side as the plate's: tones have 0.97 to 1 (footage; 2 to 16 levels a channel,
# 8 and 16 colours), paint in five colours 0.03 to 0.95, and up to 0.98 if lighter paint lies on what is lighter.
_LEAST_REST, _BESIDE, _TONE_STEP, _MOST_TONE_STEP, _SAME_SIDE = 0.1, 4, 3.0, 20.0, 0.97
_LEAST_TEXTURE = 0.02  # mean square of local contrast, about 0.5 in pictures; a wall with fine grain has less


def is_exact(key: Plane, lightness: Plane, known: Mask) -> bool:
    """Return whether a keyframe was painted on the plate.

    Args:
        key: Its L*, shape (H, W), 0..100.
        lightness: The plate's L*, shape (H, W), 0..100.
        known: Pixels to compare, shape (H, W), bool; at least one.
    """
    apart = np.abs(key - lightness)[known]
    return bool(np.percentile(apart, 99) <= _EXACT_MOST and np.median(apart) <= _EXACT_MEDIAN)


def is_damaged(key: Plane, lightness: Plane, known: Mask) -> bool:
    """Return whether a keyframe shows grain or compression that its plate lacks.

    What is smooth is another light, and what a blur of the plate explains is a smaller or softer picture: neither is
    damage. Nor is the grain of a plate that a clean picture lacks. Resampling leaves a trace of the plate's own detail,
    so that counts by its share of it; grain also shows in the flat quarter of the picture, where resampling leaves
    nothing.

    Args:
        key: Its L*, registered with the plate, shape (H, W), 0..100.
        lightness: The plate's L*, shape (H, W), 0..100.
        known: Pixels to compare, shape (H, W), bool.
    """
    if not known.any():
        return False
    softer = [cv2.GaussianBlur(lightness, (0, 0), sigma) - lightness for sigma in _SOFTNESS_SIGMAS]
    planes = [np.where(known, plane, 0) for plane in (key - lightness, lightness, *softer)]
    apart, own, *basis = (
        np.asarray((plane - cv2.GaussianBlur(plane, (0, 0), _DETAIL_SIGMA))[known], np.float32) for plane in planes
    )
    columns = np.stack(basis, axis=1).astype(np.float64)
    ridge = 1e-3 * len(apart) * np.eye(len(basis))
    unexplained = apart - columns @ np.linalg.solve(columns.T @ columns + ridge, columns.T @ apart)
    across, down = (cv2.Sobel(lightness, cv2.CV_32F, *order, ksize=3) for order in ((1, 0), (0, 1)))
    slope = cv2.dilate(np.hypot(across, down), np.ones((5, 5), np.uint8))[known]
    flat = slope <= np.percentile(slope, 25)
    grain = _deviation(own[flat])
    if grain > _PLATE_GRAIN and _deviation((own + apart)[flat]) < _CLEAN * grain:
        return False  # the grain is the plate's, on which a clean picture was painted
    if _deviation(unexplained[flat]) > _DAMAGE:
        return True
    return _deviation(unexplained) > max(_DAMAGE, _DAMAGE_SHARE * _deviation(own))


def _deviation(values: NDArray[np.floating]) -> float:
    """Return the standard deviation of values around 0, by their median, so that edges count little."""
    return float(1.48 * np.median(np.abs(values)))


def has_few_levels(key: Plane, lightness: Plane, known: Mask) -> bool:
    """Return whether a keyframe was reduced to few levels or colours: it is flat in steps where the plate is not.

    Args:
        key: Its L*, shape (H, W), 0..100.
        lightness: The plate's L*, shape (H, W), 0..100.
        known: Pixels to compare, shape (H, W), bool; at least one.
    """
    own, plate = _steps(key), _steps(lightness)
    counted = known & (key > key[known].min() + _CLIPPED) & (key < key[known].max() - _CLIPPED) & (plate > _PLATE_STEP)
    return bool(counted.any() and (own[counted] < _FLAT_STEP).mean() > _FEW_LEVELS)


def find_grey_paint(lab: Image, lightness: Plane, known: Mask) -> Mask:
    """Return where a keyframe is filled with grey, black or white that shows nothing of the plate, shape (H, W), bool.

    Its lightness says nothing of light and place, as that of any flat paint does.

    Args:
        lab: The keyframe in CIELAB, shape (H, W, 3).
        lightness: The plate's L*, shape (H, W), 0..100.
        known: Where its colour is known, shape (H, W), bool.
    """
    flat = known & _is_even(lab) & (np.hypot(lab[..., 1], lab[..., 2]) < _GREY)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(flat.astype(np.uint8), connectivity=4)
    sizes = np.maximum(stats[:, cv2.CC_STAT_AREA], 1)
    smooth = cv2.GaussianBlur(lightness, (0, 0), _GRAIN_SIGMA)
    own = np.ascontiguousarray(lab[..., 0])
    alike, product, *moments = (
        np.bincount(labels.ravel(), values.ravel().astype(np.float64), count) / sizes
        for values in (np.abs(own - lightness) < _SAME, own * smooth, own, own * own, smooth, smooth * smooth)
    )
    own_mean, own_square, mean, square = moments
    own_deviation = np.sqrt(np.maximum(own_square - own_mean**2, 0))
    shades = np.sqrt(np.maximum(square - mean**2, 0))
    follows = product - own_mean * mean > _FOLLOWS * np.maximum(own_deviation, _STILL_EVEN) * shades
    is_paint = (sizes >= _LEAST_PAINT * flat.size) & (own_deviation <= _EVEN) & (shades > _SHADED)
    is_paint &= (alike <= _MOST_ALIKE) & ~follows
    is_paint[0] = False
    if not is_paint.any():
        return np.zeros_like(known)
    colors = np.stack([np.bincount(labels.ravel(), plane.ravel(), count) / sizes for plane in cv2.split(lab)], -1)
    paint = is_paint[labels]
    for color in np.unique(np.round(colors[is_paint]), axis=0):  # the same grey in areas that are small or narrow
        paint |= np.abs(lab - color.astype(np.float32)).max(axis=-1) <= _ALIKE
    near = cv2.dilate(paint.astype(np.uint8), np.ones((_PAINT_EDGE_PX, _PAINT_EDGE_PX), np.uint8))
    return np.asarray(known & (near > 0))


def is_posterised(lab: Image, lightness: Plane, known: Mask, areas: Mask | None = None) -> bool:
    """Return whether what looks like flat paint is the plate's own shades in few tones.

    A border between two tones lies where the plate gets lighter or darker, and the lighter tone is on its lighter side.
    Borders of paint lie at objects, whose colours are lighter or darker as the artist likes.

    Args:
        lab: The keyframe in CIELAB, shape (H, W, 3).
        lightness: The plate's L*, shape (H, W), 0..100.
        known: Where its colour is known, shape (H, W), bool.
        areas: Where it looks like paint, shape (H, W), bool; None for everywhere.
    """
    key = np.ascontiguousarray(lab[..., 0])
    rest = known if areas is None else known & ~areas
    if rest.sum() > _LEAST_REST * known.sum() and not has_few_levels(key, lightness, rest):
        return False
    even = _is_even(lab) & known
    agreed = total = 0.0
    for axis in (0, 1):
        here, there = ((slice(None),) * axis + (end,) for end in (slice(None, -_BESIDE), slice(_BESIDE, None)))
        own, plate = key[there] - key[here], lightness[there] - lightness[here]
        counted = (even[here] | even[there]) & known[here] & known[there]
        counted &= (np.abs(own) > _TONE_STEP) & (np.abs(plate) > _PLATE_STEP)
        if areas is not None:
            counted &= areas[here] | areas[there]
        weight = np.minimum(np.abs(own), _MOST_TONE_STEP)[counted]
        agreed += float(weight[(own * plate)[counted] > 0].sum())
        total += float(weight.sum())
    return total > 0 and agreed >= _SAME_SIDE * total


def _is_even(lab: Image) -> Mask:
    """Return where a picture is of one colour over 3 x 3 pixels, shape (H, W)."""
    kernel = np.ones((3, 3), np.uint8)
    changes = [cv2.dilate(plane, kernel) - cv2.erode(plane, kernel) for plane in cv2.split(lab)]
    return np.asarray(np.maximum.reduce(changes) <= _EVEN_STEP, bool)


def _steps(picture: Plane) -> Plane:
    """Return the larger difference of each pixel to those beside and below it, shape (H, W)."""
    framed = cv2.copyMakeBorder(picture, 0, 1, 0, 1, cv2.BORDER_REPLICATE)
    across, down = np.diff(framed, axis=1)[:-1], np.diff(framed, axis=0)[:, :-1]
    return np.asarray(np.maximum(np.abs(across), np.abs(down)), np.float32)


def has_texture(lightness: Plane, known: Mask) -> bool:
    """Return whether a picture shows enough to tell where it belongs.

    Args:
        lightness: L*, shape (H, W), 0..100.
        known: Pixels that count, shape (H, W), bool; at least one.
    """
    return float(np.square(local_contrast(lightness, known)[known]).mean()) > _LEAST_TEXTURE

"""Where the colours of a keyframe belong whose luminance is the plate's own: colour may lie beside what it is of.

A layer of colour over the plate, or another frame's colour with this one's luminance, looks exact by its luminance. But
colours change where luminance does, at the edges of surfaces, and along them. So the edges of a*, b* are compared with
those of L*: where they fit much better once moved, or on a frame nearby, the colours belong there.

To move the colours of a true keyframe is worse than to leave those of a misplaced one, so a new place needs proof
(`color_map`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from stcolor_core.arrays import Chroma, Image, Mask, Plane
from stcolor_core.images.resizing import resize
from stcolor_core.method.registration.alignment import Alignment
from stcolor_core.method.registration.color_map import Proof, belongs, search_map, search_maps
from stcolor_core.method.registration.coordinates import COORDINATES, codes_of, is_clipped
from stcolor_core.method.registration.edges import (
    Edges,
    are_grainy,
    color_edges,
    correlate,
    fit_beyond_chance,
    lightness_edges,
    within,
    within_frame,
)
from stcolor_core.method.registration.own_place import (
    are_faint,
    certainty_beside,
    certainty_of_slip,
    fits_from_afar,
    follows,
    follows_clearly,
    likeness_beside,
)

__all__ = ["ColorPlace", "find_color_place"]

_LINES = 216  # height at which edges are compared, at most
_EVEN = 3.0  # how far from the median a*, b* pixels may lie to be of one colour
# Per cent of the pixels of one colour, from which the others, if they are any, prove no place; and do not tell that the
# colours follow no edges either, as they may be a dab of paint.
_ALL, _MOST = 99, 90
_OF_A_HALF = 6.5  # deviations of chance by which those of a half fit its new place: 7 and more; true under grain 4.9
_GAIN_OF_A_HALF = 0.055  # of the correlation, by which the new place is better: true coarse colours gain 0.041
_WORSE = 0.75  # of the correlation of the other half, that of one that may have slipped
_SOFT = 0.5  # likeness of edges some pixels apart, of soft colours, of which no half is told to have slipped
# px of a blur under which true colours show through grain, and deviations by which they fit then
_GRAIN_SMOOTHED, _SMOOTHED_BY_CHANCE = 3.0, 4.5
# One of ten frames fits well by chance more often.
_OF_A_FRAME = Proof(by_chance=5.0, fit=0.14, own_share=0.4, own_fit=0.0, most_own_fit=1.0, alike=0.9)


class ColorPlace(NamedTuple):
    """Where colours belong.

    Attributes:
        frame: The plate frame that they fit.
        alignment: From that frame to the colours; None if they are not moved.
        certainty: Probability that the colour is right, shape (h, w), 0..1, if they do not follow the plate's edges and
            their place was not found; None for 1 everywhere.
        beside: Share of the picture in which they slipped by some pixels, if that is only a part of it; else 0.
    """

    frame: int
    alignment: Alignment | None = None
    certainty: Plane | None = None
    beside: float = 0.0

    def is_own(self, frame: int) -> bool:
        """Return whether colours belong where they are.

        Args:
            frame: The frame at which they were given.
        """
        return self.frame == frame and self.alignment is None and self.certainty is None


def find_color_place(
    lab: Image,
    known: Mask | None,
    *,
    frame: int,
    others: Iterable[int],
    lightness_of: Callable[[int], Plane],
    relit: Chroma | None = None,
    kept: str | None = None,
) -> ColorPlace:
    """Return where the colours of a keyframe belong.

    Args:
        lab: The keyframe in CIELAB as it came, whose luminance is the plate's or nearly, shape (H, W, 3).
        known: Where its colour is known, shape (H, W), bool; None for everywhere.
        frame: The frame's number.
        others: The frames that it may show instead.
        lightness_of: Returns the L* of a plate frame, shape (H, W), 0..100. Called for the other frames only if the
            colours do not fit this one.
        relit: Its a* and b* in the plate's light, shape (H, W, 2); None if it came in that.
        kept: The lightness that an editor kept of the plate, a key of `COORDINATES`; None if it is not known.
    """
    own = lightness_of(frame)
    lines = min(_LINES, len(own))
    size = (lines, max(1, round(own.shape[1] * lines / len(own))))
    inside = np.ones(size, bool) if known is None else np.asarray(resize(known.astype(np.float32), size) > 0.5)
    given = resize(lab, size)
    small = np.ascontiguousarray(given[..., 1:]) if relit is None else resize(relit, size)
    counted = within_frame(inside & ~is_clipped(given))
    if _are_one_color(small[counted], _ALL):
        return ColorPlace(frame)
    light = resize(own, size)
    target = lightness_edges(light)
    kept_planes = COORDINATES[kept](codes_of(given)) if kept in COORDINATES else None
    if kept_planes is not None:
        found = search_map(target, color_edges(kept_planes, inside), inside, counted)
        searched = [] if found is None else [found]
    else:
        searched = search_maps(target, np.dstack([light, small]), inside, counted, is_relit=relit is not None)
    if not any(each.is_in_doubt for each in searched):
        return ColorPlace(frame)
    colors = searched[-1].colors
    alignment = next((each.alignment for each in reversed(searched) if each.alignment is not None), None)
    least = _fit_of(colors, target, inside, alignment)
    shown = _shown_frame(colors, target, within_frame(inside), least, others, lightness_of)
    if shown is not None:
        return ColorPlace(shown)
    if alignment is not None or _are_one_color(small[counted], _MOST) or are_faint(small, counted):
        return ColorPlace(frame, alignment)
    if (slipped := _slipped_part(target, colors, inside, counted)) is not None:
        certainty = np.where(slipped, certainty_of_slip(colors), np.float32(1))
        return ColorPlace(frame, certainty=resize(certainty, own.shape), beside=float(slipped.mean()))
    target = within(target, counted)
    planes = small if kept_planes is None else kept_planes
    if all(follows(within(each.colors, counted), target) for each in searched) and (
        follows_clearly(within(colors, counted), target) or fits_from_afar(planes, light, inside, counted)
    ):
        return ColorPlace(frame)
    is_grainy = kept_planes is None and are_grainy(within(searched[0].colors, counted))
    if is_grainy and _fit_under_grain(light, small, inside, counted):
        return ColorPlace(frame)
    return ColorPlace(frame, certainty=resize(certainty_beside(within(colors, counted), target), own.shape))


def _fit_under_grain(light: Plane, ab: Chroma, inside: Mask, counted: Mask) -> bool:
    """Return whether grainy colours are true ones: whether they fit the plate once both are smooth.

    Args:
        light: L* of the plate, shape (H, W).
        ab: The colours, shape (H, W, 2).
        inside: Where they are known, shape (H, W), bool.
        counted: What counts of that.
    """
    smooth_light, smooth_colors = (
        np.asarray(cv2.GaussianBlur(plane, (0, 0), _GRAIN_SMOOTHED), np.float32) for plane in (light, ab)
    )
    of_plate = within(lightness_edges(smooth_light), counted)
    of_colors = within(color_edges(smooth_colors, inside), counted)
    fit, spread, _ = fit_beyond_chance(of_colors, of_plate)
    return fit > _SMOOTHED_BY_CHANCE * spread


def _slipped_part(target: Edges, colors: Edges, inside: Mask, counted: Mask) -> Mask | None:
    """Return the half of a picture whose colours lie beside the plate's edges, if the rest lies on them; else None.

    Args:
        target: The edges of L*, shape (H, W, 2).
        colors: Those of the colours, of the same shape.
        inside: Where they are known, shape (H, W), bool.
        counted: What counts of that.
    """
    if likeness_beside(within(colors, counted)) > _SOFT:
        return None
    (height, width), (row, column) = inside.shape, np.ogrid[: inside.shape[0], : inside.shape[1]]
    best: tuple[float, Mask] | None = None
    for half in (row < height / 2, row >= height / 2, column < width / 2, column >= width / 2):
        part = np.broadcast_to(half, inside.shape)
        slipped, rest = ([within(edges, counted & mask) for edges in (colors, target)] for mask in (part, ~part))
        if correlate(*slipped) > _WORSE * correlate(*rest) or not follows_clearly(*rest):
            continue
        found = search_map(target, within(colors, part), inside, counted & part)
        if found is None or found.alignment is None:
            continue
        covered = found.alignment.sample_mask(counted & part)
        there, own = within(found.alignment.sample(within(colors, part)), covered), within(target, covered)
        fit, spread, _ = fit_beyond_chance(there, own)
        gain = correlate(own, there) - found.own_fit
        if fit > _OF_A_HALF * spread and gain > (_GAIN_OF_A_HALF if best is None else best[0]):
            best = gain, np.asarray(part)
    return None if best is None else best[1]


def _fit_of(colors: Edges, target: Edges, inside: Mask, alignment: Alignment | None) -> float:
    """Return the correlation of the edges of colours, moved or not, with those of their own frame."""
    if alignment is not None:
        colors, inside = alignment.sample(colors), alignment.sample_mask(inside)
    inside = within_frame(inside)
    return correlate(within(target, inside), within(colors, inside))


def _shown_frame(
    colors: Edges,
    target: Edges,
    inside: Mask,
    least: float,
    others: Iterable[int],
    lightness_of: Callable[[int], Plane],
) -> int | None:
    """Return the other frame to which colours belong; None if it is their own.

    Args:
        colors: The edges of the colours, shape (H, W, 2).
        target: Those of L* of their own frame.
        inside: What counts, shape (H, W), bool. What is clipped does, too: where it is depends on the frame.
        least: Correlation that another frame's edges must exceed.
        others: The other frames.
        lightness_of: Returns the L* of a plate frame.
    """
    colors, target = within(colors, inside), within(target, inside)
    edges = {each: within(lightness_edges(resize(lightness_of(each), inside.shape)), inside) for each in others}
    fits = {each: correlate(of_plate, colors) for each, of_plate in edges.items()}
    shown = max(fits, key=lambda each: fits[each], default=None)
    if shown is None or fits[shown] <= least:
        return None
    return shown if belongs(colors, target, edges[shown], inside, _OF_A_FRAME) else None


def _are_one_color(ab: NDArray[np.float32], share: float) -> bool:
    """Return whether so many per cent of the pixels, shape (N, 2), are of one colour but for grain, or grey."""
    if not len(ab):
        return True
    apart = np.linalg.norm(ab - np.median(ab, axis=0), axis=-1)
    return bool(np.percentile(apart, share) < _EVEN)

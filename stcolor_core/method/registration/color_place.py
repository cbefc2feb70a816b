"""Where the colours of a keyframe belong whose luminance is the plate's own: colour may lie beside what it is of.

A layer of colour over the plate, or another frame's colour with this one's luminance, looks exact by its luminance. But
colours change where luminance does, at the edges of surfaces, and along them. So the edges of a*, b* are compared with
those of L*: where they fit much better once moved, or on a frame nearby, the colours belong there.

To move the colours of a true keyframe is worse than to leave those of a misplaced one. True colours have edges without
luminance too, beside shadows, rims of light or folds. Then the place where they are fits better than its likeness to
the other one explains. So a new place must explain most of what the own one does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from stcolor_core.arrays import Chroma, Image, Mask, Plane
from stcolor_core.images.resizing import resize
from stcolor_core.method.registration.alignment import Alignment, find_alignment
from stcolor_core.method.registration.coordinates import COORDINATES, codes_of, is_clipped
from stcolor_core.method.registration.edges import (
    TILES,
    Edges,
    are_grainy,
    are_soft,
    color_edges,
    correlate,
    find_similarity,
    fit_beyond_chance,
    lightness_edges,
    within,
    within_frame,
)
from stcolor_core.method.registration.own_place import (
    REPEATED,
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
_FARTHEST, _NEAREST = 0.05, 1.25 / 216  # of the height: how far a map moves some corner, at most and at least
_SIMPLER = 0.04  # of the fit, that a map must add to that of a simpler one
_EVEN = 3.0  # how far from the median a*, b* pixels may lie to be of one colour
# Per cent of the pixels of one colour, from which the others, if they are any, prove no place; and do not tell that the
# colours follow no edges either, as they may be a dab of paint.
_ALL, _MOST = 99, 90
_STRENGTH = 20.0  # of the local contrast of L*, whose differences the alignment of pictures is made for
_WORTH = 0.05  # of the fit, what single tiles gain if each is shifted, from which the frames around are read
_STANDS_OUT = 1.5  # deviations by chance, that a new place's fit is above all others: a mirrored picture had 1.4
_AGREED, _CLEARLY_AGREED = 0.5, 0.7  # of the root mean square of what the tiles gain by a map: their mean, at least
_OF_A_HALF = 6.5  # deviations of chance by which those of a half fit its new place: 7 and more; true under grain 4.9
_GAIN_OF_A_HALF = 0.055  # of the correlation, by which the new place is better: true coarse colours gain 0.041
_WORSE = 0.75  # of the correlation of the other half, that of one that may have slipped
_SOFT = 0.5  # likeness of edges some pixels apart, of soft colours, of which no half is told to have slipped
_IN_EACH_HALF = 0.1  # of what all of the picture's colour edges gain, that those of each half do; but for one with few
_EMPTY = 0.1  # of all edges
_PURER = 0.9  # of the fit of the edges of a*, b* where they are, below which those of differences from luma tell more
# px of a blur under which true colours show through grain, and deviations by which they fit then
_GRAIN_SMOOTHED, _SMOOTHED_BY_CHANCE = 3.0, 4.5
_LEAST_COUNTED = 0.4  # of the energy of colour's edges: else what is clipped may be all that follows the plate


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


class _Proof(NamedTuple):
    """What shows that colours belong to another place.

    Attributes:
        by_chance: Deviations of the fit by chance, at least.
        fit: Correlation of the edges there, at least.
        own_share: How much of the fit the own place explains, as a share of what the new one does, at most.
        own_fit: Or its fit, as a share of the fit of the new one, at most.
        most_own_fit: This share, in either case.
        alike: Correlation of the two places' edges, at most.
    """

    by_chance: float
    fit: float
    own_share: float
    own_fit: float
    most_own_fit: float
    alike: float


_OF_A_MAP = _Proof(by_chance=4.5, fit=0.1, own_share=0.6, own_fit=0.78, most_own_fit=0.88, alike=1.0)
_OF_A_CLEAR_MAP = _OF_A_MAP._replace(most_own_fit=1.0)
# One of ten frames fits well by chance more often.
_OF_A_FRAME = _Proof(by_chance=5.0, fit=0.14, own_share=0.4, own_fit=0.0, most_own_fit=1.0, alike=0.9)


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
    if kept in COORDINATES:
        found = _search(target, color_edges(COORDINATES[kept](codes_of(given)), inside), inside, counted)
        searched = [] if found is None else [found]
    else:
        searched = _searches(target, np.dstack([light, small]), inside, counted, is_relit=relit is not None)
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
    planes = COORDINATES[kept](codes_of(given)) if kept in COORDINATES else small
    if all(follows(within(each.colors, counted), target) for each in searched) and (
        follows_clearly(within(colors, counted), target) or fits_from_afar(planes, light, inside, counted)
    ):
        return ColorPlace(frame)
    if kept not in COORDINATES and are_grainy(within(searched[0].colors, counted)):
        smooth_light, smooth_colors = (
            np.asarray(cv2.GaussianBlur(plane, (0, 0), _GRAIN_SMOOTHED), np.float32) for plane in (light, small)
        )
        of_plate = within(lightness_edges(smooth_light), counted)
        of_colors = within(color_edges(smooth_colors, inside), counted)
        fit, spread, _ = fit_beyond_chance(of_colors, of_plate)
        if fit > _SMOOTHED_BY_CHANCE * spread:
            return ColorPlace(frame)  # true colours under grain
    return ColorPlace(frame, certainty=resize(certainty_beside(within(colors, counted), target), own.shape))


class _Search(NamedTuple):
    """What was found of where the edges of colours lie.

    Attributes:
        colors: The edges, shape (H, W, 2).
        own_fit: Their correlation with those of L* where they are.
        is_in_doubt: Whether some place may fit better.
        alignment: The map to where they belong; None if none is proved.
    """

    colors: Edges
    own_fit: float
    is_in_doubt: bool
    alignment: Alignment | None


def _search(target: Edges, all_colors: Edges, inside: Mask, counted: Mask) -> _Search | None:
    """Return by which map the edges of colours fit those of L*; None if they are too soft, or too few count, to tell.

    Args:
        target: The edges of L*, shape (H, W, 2).
        all_colors: Those of the colours, of the same shape.
        inside: Where they are known, shape (H, W), bool.
        counted: What counts of that.
    """
    colors, lines = within(all_colors, counted), len(target)
    energy, of_all = (float(np.square(each).sum()) for each in (colors, within_frame(all_colors)))
    if energy <= _LEAST_COUNTED * of_all or are_soft(all_colors):  # what counts alone has harder borders
        return None
    maps, gain = find_similarity(within_frame(target), colors, _FARTHEST * lines)
    maps = [moved for moved in maps if moved.largest_shift >= _NEAREST * lines]
    own_fit = best = correlate(within(target, counted), colors)
    alignment, is_better = None, False

    def try_map(moved: Alignment) -> None:
        """Keep a map that is proved and fits better than what was found before."""
        nonlocal best, alignment, is_better
        there, covered = moved.sample(colors), within_frame(moved.sample_mask(counted))
        fit = correlate(within(target, covered), within(there, covered))
        is_better |= fit > own_fit
        if fit <= (best if alignment is None else (1 + _SIMPLER) * best):
            return
        own_edges = moved.sample(target)
        agreement = _agreement(there, own_edges, target, covered)
        proof = _OF_A_CLEAR_MAP if agreement >= _CLEARLY_AGREED else _OF_A_MAP
        if agreement >= _AGREED and _belongs(there, own_edges, target, covered, proof):
            best, alignment = fit, moved

    for moved in maps:
        try_map(moved)
    if is_better:  # a layer may be stretched too, which takes long to find
        for moved in _affine_map(target, all_colors, inside):
            try_map(moved)
    return _Search(all_colors, own_fit, bool(maps) or gain >= _WORTH, alignment)


def _searches(target: Edges, lab: Image, inside: Mask, counted: Mask, *, is_relit: bool) -> list[_Search]:
    """Return what is found in a*, b*, and in the coordinates in which the colours have the fewest of the plate's edges.

    Args:
        target: The edges of L*, shape (H, W, 2).
        lab: The plate's L* with the colours, shape (H, W, 3). Their own grain would be theirs.
        inside: Where they are known, shape (H, W), bool.
        counted: What counts of that.
        is_relit: Whether their light was put right, after which there is always doubt.
    """
    found = _search(target, color_edges(np.ascontiguousarray(lab[..., 1:]), inside), inside, counted)
    if found is None or not (found.is_in_doubt or is_relit):
        return []
    codes, of_plate = codes_of(lab), within(target, counted)
    others = [color_edges(coordinates(codes), inside) for coordinates in dict.fromkeys(COORDINATES.values())]
    fits = [correlate(of_plate, within(each, counted)) for each in others]
    best = min(range(len(others)), key=lambda index: fits[index])
    further = _search(target, others[best], inside, counted) if fits[best] < _PURER * found.own_fit else None
    return [found] if further is None else [found, further]


def _slipped_part(target: Edges, colors: Edges, inside: Mask, counted: Mask) -> Mask | None:
    """Return the half of a picture whose colours lie beside the plate's edges, where the rest lies on them, or None.

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
        found = _search(target, within(colors, part), inside, counted & part)
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
    return shown if _belongs(colors, target, edges[shown], inside, _OF_A_FRAME) else None


def _affine_map(target: Edges, colors: Edges, inside: Mask) -> Iterable[Alignment]:
    """Yield the affine map between the strengths of edges, if there is one: a layer may be stretched too."""
    of_plate, of_colors = (
        np.asarray(_STRENGTH * np.linalg.norm(each, axis=-1), np.float32) for each in (target, colors)
    )
    affine = find_alignment(of_plate, of_colors, None if inside.all() else inside)
    if affine.moves and _NEAREST <= affine.largest_shift / len(target) <= _FARTHEST:
        yield affine


def _are_one_color(ab: NDArray[np.float32], share: float) -> bool:
    """Return whether so many per cent of the pixels, shape (N, 2), are of one colour but for grain, or grey."""
    if not len(ab):
        return True
    apart = np.linalg.norm(ab - np.median(ab, axis=0), axis=-1)
    return bool(np.percentile(apart, share) < _EVEN)


def _agreement(colors: Edges, own: Edges, new: Edges, inside: Mask) -> float:
    """Return the mean of what the tiles gain by a map, as a share of its root mean square; arguments as of `_belongs`.

    It is 0 if some half of the picture does not gain, and 1 if all tiles gain alike.
    """
    colors = within(colors, inside)
    gain, energy = (
        cv2.resize(each.sum(axis=-1), TILES[::-1], interpolation=cv2.INTER_AREA)
        for each in (colors * (new - own), colors * colors)
    )
    rows, columns = (side // 2 for side in TILES)
    halves = [np.s_[:rows], np.s_[rows:], np.s_[:, :columns], np.s_[:, columns:]]
    usual = float(gain.sum() / max(energy.sum(), 1e-9))
    every_half = all(
        gain[half].sum() >= _IN_EACH_HALF * usual * energy[half].sum()
        for half in halves
        if energy[half].sum() > _EMPTY * energy.sum()
    )
    return float(gain.mean()) / max(float(np.sqrt(np.square(gain).mean())), 1e-9) if every_half else 0.0


def _belongs(colors: Edges, own: Edges, new: Edges, inside: Mask, proof: _Proof) -> bool:
    """Return whether edges of colour belong to those of a new place, and not to those of their own.

    Args:
        colors: The edges of a* and b*, shape (H, W, 2).
        own: Those of L* where the colours are.
        new: Those of L* where they may belong.
        inside: What counts, shape (H, W), bool.
        proof: What shows it.
    """
    colors, own, new = (within(edges, inside) for edges in (colors, own, new))
    fit_new, spread, elsewhere = fit_beyond_chance(colors, new)
    if fit_new <= proof.by_chance * spread or correlate(colors, new) < proof.fit:
        return False
    if elsewhere > min(REPEATED * fit_new, fit_new - _STANDS_OUT * spread):
        return False
    (energy_own, *_), (energy_new, *_) = fit_beyond_chance(own, own), fit_beyond_chance(new, new)
    if min(energy_own, energy_new) <= 0:
        return False
    alike = fit_beyond_chance(own, new)[0] / np.sqrt(energy_own * energy_new)
    fit_own = fit_beyond_chance(colors, own)[0] * np.sqrt(energy_new / energy_own)
    # What each place explains by itself: least squares of both at once.
    by_own, by_new = fit_own - alike * fit_new, fit_new - alike * fit_own
    is_proved = by_own <= proof.own_share * by_new or fit_own <= proof.own_fit * fit_new
    return bool(alike <= proof.alike and fit_own < proof.most_own_fit * fit_new and is_proved)

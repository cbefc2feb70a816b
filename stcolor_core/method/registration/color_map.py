"""By which map the edges of colours fit those of the plate's lightness, and what proves that they belong there.

True colours have edges without luminance too, beside shadows, rims of light or folds. Then the place where they are
fits better than its likeness to the other one explains. So a new place must explain most of what the own one does.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import cv2
import numpy as np

from stcolor_core.arrays import Image, Mask
from stcolor_core.method.registration.alignment import Alignment, find_alignment
from stcolor_core.method.registration.coordinates import COORDINATES, codes_of
from stcolor_core.method.registration.edges import (
    TILES,
    Edges,
    are_soft,
    color_edges,
    correlate,
    find_similarity,
    fit_beyond_chance,
    within,
    within_frame,
)
from stcolor_core.method.registration.own_place import REPEATED

__all__ = ["MapSearch", "Proof", "belongs", "search_map", "search_maps"]

_FARTHEST, _NEAREST = 0.05, 1.25 / 216  # of the height: how far a map moves some corner, at most and at least
_SIMPLER = 0.04  # of the fit, that a map must add to that of a simpler one
_STRENGTH = 20.0  # of the local contrast of L*, whose differences the alignment of pictures is made for
_WORTH = 0.05  # of the fit, what single tiles gain if each is shifted, from which the frames around are read
_STANDS_OUT = 1.5  # deviations by chance, that a new place's fit is above all others: a mirrored picture had 1.4
_AGREED, _CLEARLY_AGREED = 0.5, 0.7  # of the root mean square of what the tiles gain by a map: their mean, at least
_IN_EACH_HALF = 0.1  # of what all of the picture's colour edges gain, that those of each half do; but for one with few
_EMPTY = 0.1  # of all edges
_PURER = 0.9  # of the fit of the edges of a*, b* where they are, below which those of differences from luma tell more
_LEAST_COUNTED = 0.4  # of the energy of colour's edges: else what is clipped may be all that follows the plate


class Proof(NamedTuple):
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


_OF_A_MAP = Proof(by_chance=4.5, fit=0.1, own_share=0.6, own_fit=0.78, most_own_fit=0.88, alike=1.0)
_OF_A_CLEAR_MAP = _OF_A_MAP._replace(most_own_fit=1.0)


class MapSearch(NamedTuple):
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


def search_map(target: Edges, all_colors: Edges, inside: Mask, counted: Mask) -> MapSearch | None:
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
        if agreement >= _AGREED and belongs(there, own_edges, target, covered, proof):
            best, alignment = fit, moved

    for moved in maps:
        try_map(moved)
    if is_better:  # a layer may be stretched too, which takes long to find
        for moved in _affine_map(target, all_colors, inside):
            try_map(moved)
    return MapSearch(all_colors, own_fit, bool(maps) or gain >= _WORTH, alignment)


def search_maps(target: Edges, lab: Image, inside: Mask, counted: Mask, *, is_relit: bool) -> list[MapSearch]:
    """Return what is found in a*, b*, and in the coordinates in which the colours have the fewest of the plate's edges.

    Args:
        target: The edges of L*, shape (H, W, 2).
        lab: The plate's L* with the colours, shape (H, W, 3). Their own grain would be theirs.
        inside: Where they are known, shape (H, W), bool.
        counted: What counts of that.
        is_relit: Whether their light was put right, after which there is always doubt.
    """
    found = search_map(target, color_edges(np.ascontiguousarray(lab[..., 1:]), inside), inside, counted)
    if found is None or not (found.is_in_doubt or is_relit):
        return []
    codes, of_plate = codes_of(lab), within(target, counted)
    others = [color_edges(coordinates(codes), inside) for coordinates in dict.fromkeys(COORDINATES.values())]
    fits = [correlate(of_plate, within(each, counted)) for each in others]
    best = min(range(len(others)), key=lambda index: fits[index])
    further = search_map(target, others[best], inside, counted) if fits[best] < _PURER * found.own_fit else None
    return [found] if further is None else [found, further]


def _affine_map(target: Edges, colors: Edges, inside: Mask) -> Iterable[Alignment]:
    """Yield the affine map between the strengths of edges, if there is one: a layer may be stretched too."""
    of_plate, of_colors = (
        np.asarray(_STRENGTH * np.linalg.norm(each, axis=-1), np.float32) for each in (target, colors)
    )
    affine = find_alignment(of_plate, of_colors, None if inside.all() else inside)
    if affine.moves and _NEAREST <= affine.largest_shift / len(target) <= _FARTHEST:
        yield affine


def _agreement(colors: Edges, own: Edges, new: Edges, inside: Mask) -> float:
    """Return the mean of what the tiles gain by a map, as a share of its root mean square; arguments as of `belongs`.

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


def belongs(colors: Edges, own: Edges, new: Edges, inside: Mask, proof: Proof) -> bool:
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

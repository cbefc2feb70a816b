"""Where a patch belongs that shows too little detail to be aligned by it, such as a cut-out of one even surface.

Such a patch fits nearly as well some pixels off, except along its outline: there it lies on what is beside the object.
So its L* itself is compared with the plate's, less the difference that they have in the middle, for every shift within
reach. To move a patch that lies right is worse than to leave a displaced one. So the new place must explain nearly all
that the two places tell differently, and the patch must show what the plate shows there: a flat or painted tone fits
wherever the plate is even.
"""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from stcolor_core.arrays import Mask, Plane
from stcolor_core.images.resizing import resize
from stcolor_core.method.registration.alignment import Alignment

__all__ = ["FoundShift", "find_shift"]

Shift = tuple[int, int]  # px to the right and down, from a pixel of the plate to the patch's

_LINES = 216  # height at which places are compared, at most
_LEAST_PIXELS, _FEW_PIXELS = 200, 400  # px there within the outline; few agree by chance more often
_CLIPPED = 8.0  # L*; a larger difference says no more
_COARSE_STEP, _COARSE_SIGMA = 2, 1.5  # px, of the first look
_CANDIDATES, _APART = 4, 2.9  # places that are looked at closely, and how far apart they lie, px
_COMPARED_COARSELY, _COMPARED = 2000, 8000  # px, drawn evenly from a large patch
_LEAST_INSIDE = 0.7  # of the patch that must lie within the picture
_SHORTEST = 1.4  # px; a shorter move is as little as a difference in softness may look like
_AS_GOOD = 0.15  # of what the best place gains: what another may lack to count as good

# What is asked of the new place (benchmarks/measured/method.md, "Cut-outs some pixels off").
_LEFT, _MOST_LEFT = 0.8, 0.35  # of the mean difference, of which `_CLIPPED` is 1: the share left, and the most
_ALIKE = 0.75  # correlation of the two L*
_FEW_LEFT, _FEW_ALIKE = 0.33, 0.9  # the same of a patch of few pixels, which is not doubted either
# Or, of an object that is even but for grain: so little left, so much told right, and an outline that is the object's
# own, beyond which the plate is unlike the patch along this share of it.
_CLOSED, _CLOSED_LEFT, _CLOSED_RIGHT = 0.75, 0.7, 0.9
_BESIDE, _BESIDE_SIGMA = (1, 3), 2.0  # px beyond the outline, and how the patch's L* is held there
_TOLD, _LEAST_TOLD, _TOLD_RIGHT = 6.0, 20, 0.85  # L*, by which both places differ; pixels; share that fit the new place
_LIKELY_LEFT, _LIKELY_RIGHT = 0.6, 0.75  # the same of a place that is likely, and not clear


class _Fit(NamedTuple):
    """How a patch fits the plate at one place.

    Attributes:
        misfit: Mean difference of L*, clipped, 0..1; infinite where too much of it lies outside of the picture.
        shift: The place.
        offset: By how much the plate is lighter, L*.
    """

    misfit: float
    shift: Shift
    offset: float


class FoundShift(NamedTuple):
    """What a search for the place of a patch found.

    Attributes:
        alignment: The shift by which it fits clearly better than as it lies; None if there is none.
        overhanging: Where it fits worse than it would at another place, if that place is likely but not certain, shape
            (H, W), bool; else None.
    """

    alignment: Alignment | None = None
    overhanging: Mask | None = None


def find_shift(light: Plane, covered: Mask, lightness: Plane, *, reach: float) -> FoundShift:
    """Return the shift by which a patch fits the plate clearly better than as it lies, or where it may not fit.

    Args:
        light: L* of the patch, shape (H, W), 0..100; any value where it covers nothing.
        covered: Where it covers the plate, shape (H, W), bool.
        lightness: L* of the plate frame, shape (H, W), 0..100.
        reach: How far it may be moved, as a share of the height.
    """
    height, width = lightness.shape
    lines = min(_LINES, height)
    size = (lines, max(1, round(width * lines / height)))
    share = resize(covered.astype(np.float32), size)
    own = np.asarray(resize(np.where(covered, light, np.float32(0)), size) / np.maximum(share, 1e-3), np.float32)
    small = _Comparison(own, np.asarray(share >= 0.5), resize(lightness, size))
    if small.count < _LEAST_PIXELS:
        return FoundShift()
    fine, best = small, small.best(round(reach * lines))
    if lines < height:  # the place is known; at working size it is told more finely, and short moves at all
        fine = _Comparison(np.where(covered, light, np.float32(0)), covered, lightness)
        x, y = (round(step * height / lines) for step in best.shift)
        best = min(map(fine.descend, ((0, 0), (x, y))), key=_misfit)
    if not _SHORTEST <= np.hypot(*best.shift) <= reach * height:
        return FoundShift()
    found = fine.judge(best, told=_LEAST_TOLD * (height / lines) ** 2)
    if small.count < _FEW_PIXELS and (found.left > _FEW_LEFT or found.alike < _FEW_ALIKE):
        return FoundShift()
    if found.is_clear:
        x, y = fine.between_pixels(best)
        return FoundShift(Alignment(np.array([[1, 0, x], [0, 1, y]], np.float64), (height, width), misfit=best.misfit))
    return FoundShift(overhanging=fine.overhanging(best) if found.is_likely else None)


class _Evidence(NamedTuple):
    """What tells that a patch belongs at another place.

    Attributes:
        left: The misfit there, as a share of that where it lies.
        misfit: The misfit there.
        alike: Correlation of both L* there.
        told: Whether enough pixels tell the two places apart.
        right: Share of these that fit the other place better.
        closed: Share of the outline beyond which the plate is unlike the patch there.
    """

    left: float
    misfit: float
    alike: float
    told: bool
    right: float
    closed: float

    @property
    def is_clear(self) -> bool:
        """Return whether it is certain enough to move the patch."""
        if not self.told or self.misfit > _MOST_LEFT:
            return False
        if self.alike >= _ALIKE:
            return self.left <= _LEFT and self.right >= _TOLD_RIGHT
        return self.closed >= _CLOSED and self.left <= _CLOSED_LEFT and self.right >= _CLOSED_RIGHT

    @property
    def is_likely(self) -> bool:
        """Return whether it is enough to doubt what hangs over."""
        return self.left <= _LIKELY_LEFT and self.told and self.right >= _LIKELY_RIGHT


def _misfit(fit: _Fit) -> float:
    return fit.misfit


class _Comparison:
    """A patch and the plate, of one size.

    Args:
        light: L* of the patch, shape (H, W), 0..100.
        covered: Where it covers the plate, shape (H, W), bool.
        lightness: L* of the plate frame, shape (H, W), 0..100.
    """

    def __init__(self, light: Plane, covered: Mask, lightness: Plane) -> None:
        # an outline that is a pixel off holds what is beside the object
        inner = cv2.erode(covered.astype(np.uint8), np.ones((3, 3), np.uint8), borderValue=1)
        rows, columns = np.nonzero(inner)
        order = np.random.default_rng(0).permutation(len(rows))[:_COMPARED]
        self.count = len(rows)
        self._rows, self._columns = rows[order], columns[order]
        self._light, self._covered, self._plate = light, covered, lightness
        self._own = light[self._rows, self._columns]

    def best(self, reach: int) -> _Fit:
        """Return the place that fits best; of some that fit alike, as along a straight edge, the nearest."""
        fits = [self.descend(start) for start in self._candidates(reach)]
        least, most = min(map(_misfit, fits)), self._at((0, 0)).misfit
        alike = (fit for fit in fits if fit.misfit <= least + _AS_GOOD * (most - least))
        return min(alike, key=lambda fit: float(np.hypot(*fit.shift)))

    def _candidates(self, reach: int) -> list[Shift]:
        """Return the places that fit best at a coarse look, and that where the patch lies."""
        light = _blurred(self._light, self._covered, _COARSE_SIGMA)
        some = slice(_COMPARED_COARSELY)
        own = light[self._rows[some], self._columns[some]]
        plate = np.asarray(cv2.GaussianBlur(self._plate, (0, 0), _COARSE_SIGMA), np.float32)
        steps = range(-reach, reach + 1, _COARSE_STEP)
        fits = [self._fit((x, y), own, plate) for y in steps for x in steps]
        chosen: list[Shift] = [(0, 0)]
        for fit in sorted(fits, key=_misfit):
            if all(np.hypot(fit.shift[0] - x, fit.shift[1] - y) > _APART for x, y in chosen):
                chosen.append(fit.shift)
            if len(chosen) > _CANDIDATES:
                break
        return chosen

    def descend(self, start: Shift) -> _Fit:
        """Return the best place near a start."""
        best = self._at(start)
        while True:
            x, y = best.shift
            near = min((self._at((x + a, y + b)) for a in (-1, 0, 1) for b in (-1, 0, 1)), key=_misfit)
            if near.misfit >= best.misfit:
                return best
            best = near

    def between_pixels(self, best: _Fit) -> tuple[float, float]:
        """Return the place at the vertex of the parabolas through a place and the ones beside it, px."""
        found = []
        for axis, (x, y) in enumerate(((1, 0), (0, 1))):
            before, after = (self._at((best.shift[0] + s * x, best.shift[1] + s * y)).misfit for s in (-1, 1))
            bend = before + after - 2 * best.misfit
            aside = (before - after) / (2 * bend) if np.isfinite(bend) and bend > 1e-6 else 0.0
            found.append(best.shift[axis] + float(np.clip(aside, -0.5, 0.5)))
        return found[0], found[1]

    def judge(self, best: _Fit, *, told: float) -> _Evidence:
        """Return what tells that the patch belongs at another place and not where it lies.

        Args:
            best: How it fits at the other place.
            told: How many pixels must tell the two places apart, at least.
        """
        still = self._at((0, 0))
        inside, there = self._sampled(best.shift, self._plate)
        own = self._own[inside]
        here = self._plate[self._rows[inside], self._columns[inside]] - still.offset
        apart = np.abs(here - there + best.offset) > _TOLD
        right = np.abs(there - best.offset - own)[apart] < np.abs(here - own)[apart]
        return _Evidence(
            left=best.misfit / max(still.misfit, 1e-6),
            misfit=best.misfit,
            alike=_correlation(own, there),
            told=bool(apart.sum() >= told * len(self._rows) / self.count),
            right=float(right.mean()) if apart.any() else 0.0,
            closed=self._closed(best),
        )

    def _closed(self, best: _Fit) -> float:
        """Return along which share of its outline the plate beyond it is unlike the patch at a place."""
        near, far = (
            cv2.dilate(self._covered.astype(np.uint8), cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * by + 1,) * 2))
            for by in _BESIDE
        )
        rows, columns = np.nonzero(far > near)
        own = _blurred(self._light, self._covered, _BESIDE_SIGMA)[rows, columns]
        rows, columns = rows - best.shift[1], columns - best.shift[0]
        height, width = self._plate.shape
        inside = (rows >= 0) & (rows < height) & (columns >= 0) & (columns < width)
        beside = self._plate[rows[inside], columns[inside]] - best.offset
        return float((np.abs(beside - own[inside]) > _TOLD).mean()) if inside.any() else 0.0

    def overhanging(self, best: _Fit) -> Mask:
        """Return where the patch would fit better at another place, shape (H, W), bool."""
        x, y = best.shift
        size = self._plate.shape[1::-1]
        there = cv2.warpAffine(self._plate, np.array([[1.0, 0, x], [0, 1, y]]), size, borderMode=cv2.BORDER_REPLICATE)
        there, here = there - best.offset, self._plate - self._at((0, 0)).offset
        over = np.abs(here - there) > _TOLD
        over &= np.abs(there - self._light) < np.abs(here - self._light)
        around = cv2.dilate((over & self._covered).astype(np.uint8), np.ones((3, 3), np.uint8))
        return np.asarray((around > 0) & self._covered)

    def _at(self, shift: Shift) -> _Fit:
        return self._fit(shift, self._own, self._plate)

    def _fit(self, shift: Shift, own: NDArray[np.float32], plate: Plane) -> _Fit:
        """Return how the first pixels of the patch, with the given L*, fit a plate."""
        inside, there = self._sampled(shift, plate, len(own))
        if inside.mean() < _LEAST_INSIDE:
            return _Fit(np.inf, shift, 0.0)
        apart = there - own[inside]
        offset = float(np.median(apart))
        return _Fit(float(np.minimum(np.abs(apart - offset), _CLIPPED).mean()) / _CLIPPED, shift, offset)

    def _sampled(
        self, shift: Shift, plate: Plane, count: int | None = None
    ) -> tuple[NDArray[np.bool_], NDArray[np.float32]]:
        """Return which of the patch's first pixels lie within the picture, and the plate's L* at those."""
        rows, columns = self._rows[:count] - shift[1], self._columns[:count] - shift[0]
        height, width = plate.shape
        inside = (rows >= 0) & (rows < height) & (columns >= 0) & (columns < width)
        return inside, plate[rows[inside], columns[inside]]


def _blurred(light: Plane, covered: Mask, sigma: float) -> Plane:
    """Return the mean L* around each pixel of what a patch covers."""
    share = cv2.GaussianBlur(covered.astype(np.float32), (0, 0), sigma)
    summed = cv2.GaussianBlur(np.where(covered, light, np.float32(0)), (0, 0), sigma)
    return np.asarray(summed / np.maximum(share, 1e-3), np.float32)


def _correlation(first: NDArray[np.float32], second: NDArray[np.float32]) -> float:
    """Return the correlation of two series; 0 if one of them is constant."""
    first, second = first - first.mean(), second - second.mean()
    energy = float((first * first).mean() * (second * second).mean())
    return float((first * second).mean()) / np.sqrt(energy) if energy > 1e-6 else 0.0

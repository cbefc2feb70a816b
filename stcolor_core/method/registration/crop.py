"""Find the part of a frame that a picture shows: a crop that does not say where it was taken, or a frame with margins.

The picture is slid over the frame at many sizes, small enough to be quick, and compared with it by local contrast. The
best places are then refined with the alignment that any keyframe gets.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np

from stcolor_core.arrays import Mask, Pixels, Plane
from stcolor_core.images.resizing import resize
from stcolor_core.method.registration.alignment import affine_alignment_misfit, find_alignment, local_contrast

__all__ = ["Place", "find_bars", "find_place"]

_STEP = 1.06  # between one size that is tried and the next
_SMALLEST, _LARGEST = 0.15, 2.5  # of the frame: the picture's longer side, in its own direction
_TEMPLATE = 36  # px: the shorter side of what is slid over the other picture
_MOST_LINES = 216  # height of the frame at which a small part is sought, and any place refined
_OVERHANG = 1 / 6  # of the picture, that may lie outside of the frame on each side
_REFINED = 3  # places that are refined
_APART = 0.12  # of the frame: places nearer than this are one
_LEAST_PIXELS = 400  # known pixels at `_MOST_LINES` that can tell a place
_MOST_MISFIT = 0.2  # nearly all right places of crops have less, the best places of other pictures 0.2 to 0.8
_SURE = 0.1  # misfit of a whole frame, from which no part is sought
_CLEARLY = 0.5  # of the misfit of any other place: a texture that repeats does not tell which one is right
_AS_GOOD = 0.03  # misfit by which a place may be worse if the picture's pixels have the frame's size there
_UNSCALED_LINES = 540  # height of the frame at which such a place is sought
_ROUNDS = 2
_LEAST_BAR = 0.01  # of the picture: bars that lie on the frame
_WIDEST_BAR, _MOST_BARS = 0.4, 0.8  # of a side, and of the picture; more is grey paint
_BAR_CHROMA = 3.0
_BAR_LEVEL, _BAR_APART = 1.0, 5.0  # L*: the most that rows of a bar differ by, and the least from the frame
_BAR_STEP = 3.0  # L*: the least that a picture differs from a bar beside it; an even edge fades or goes on
_BAR_SHARES, _BAR_CONTRAST = (2, 98), 3.0  # per cent, L*: a line whose pixels differ by less than this is part of a bar


@dataclass(frozen=True)
class Place:
    """Where a picture lies on a frame, in shares of the frame's width and height.

    Attributes:
        left: Left edge; negative outside of the frame.
        top: Upper edge; negative outside of the frame.
        width: Width; 1 for the whole frame.
        height: Height; 1 for the whole frame.
    """

    left: float
    top: float
    width: float
    height: float

    def put(self, source: Pixels, known: Mask, size: tuple[int, int]) -> tuple[Pixels, Mask]:
        """Return a picture on a frame, and which pixels of the frame it covers.

        Args:
            source: The picture, shape (h, w) or (h, w, C).
            known: Its pixels that count, shape (h, w), bool.
            size: Height and width of the frame.

        Returns:
            Both of the frame's size; what is outside of the picture repeats its border.
        """
        rows, columns = self.height * size[0], self.width * size[1]
        small = max(1, round(rows)), max(1, round(columns))
        factor = small[1] / columns, small[0] / rows
        matrix = np.array(
            [
                [factor[0], 0, (0.5 - self.left * size[1]) * factor[0] - 0.5],
                [0, factor[1], (0.5 - self.top * size[0]) * factor[1] - 0.5],
            ]
        )
        placed, share = (
            cv2.warpAffine(
                resize(plane, small), matrix, size[::-1], flags=cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP, borderMode=mode
            )
            for plane, mode in (
                (source, cv2.BORDER_REPLICATE),
                (known.astype(np.float32), cv2.BORDER_CONSTANT),
            )
        )
        return np.asarray(placed, np.float32), np.asarray(share > 0.98)

    @property
    def share(self) -> float:
        """Return which part of the frame the picture covers, 0..1."""
        sides = (
            max(0.0, min(start + size, 1.0) - max(start, 0.0))
            for start, size in ((self.left, self.width), (self.top, self.height))
        )
        return math.prod(sides)

    def is_near(self, other: Place) -> bool:
        """Return whether another place is nearly the same one.

        Args:
            other: The other place.
        """
        return abs(self.left - other.left) + abs(self.top - other.top) + abs(self.width - other.width) < _APART


_WHOLE = Place(0, 0, 1, 1)


def find_place(target: Plane, source: Plane, known: Mask | None = None) -> Place | None:
    """Return where a picture lies on a frame.

    Its pixels may be square, or those of a whole frame that was squeezed into another aspect.

    Args:
        target: L* of the frame, shape (H, W), 0..100.
        source: L* of the picture, of any size and aspect, 0..100.
        known: Pixels of the picture that count, of its shape, bool; None for all.

    Returns:
        The place; None if the picture shows nothing of the frame, or nothing tells where it belongs.
    """
    unscaled = _find_unscaled(target, source, known)
    target, (source, known) = _reduced(target), _reduced_known(source, known)
    whole = _refine(target, source, known, _WHOLE)
    if whole[1] < _SURE:
        return whole[0]
    tried = [whole, *(_refine(target, source, known, place) for place in _candidates(target, source, known))]
    best, misfit = min(tried, key=lambda refined: refined[1])
    if unscaled is not None and (own := _misfit(target, source, known, unscaled)) <= misfit + _AS_GOOD:
        best, misfit = unscaled, own
    others = [other for place, other in tried if not place.is_near(best)]
    return best if misfit < min([_MOST_MISFIT, *(_CLEARLY * other for other in others)]) else None


def _reduced(plane: Plane) -> Plane:
    lines = min(len(plane), _MOST_LINES)
    return resize(plane, (lines, max(1, round(plane.shape[1] * lines / len(plane)))))


def _reduced_known(source: Plane, known: Mask | None) -> tuple[Plane, Mask]:
    """Return a picture and its mask, no taller than a frame of twice the height at which places are refined."""
    known = np.ones(source.shape, bool) if known is None else known
    known = known & ~_even_edges(source)
    source = np.where(known, source, np.float32(0))
    lines = min(len(source), 2 * _MOST_LINES)
    size = lines, max(1, round(source.shape[1] * lines / len(source)))
    return resize(source, size), np.asarray(resize(known.astype(np.float32), size) > 0.98)


def find_bars(source: Plane, target: Plane, chroma: Plane) -> Mask | None:
    """Return the bars at the edges of a picture: even grey rows and columns of one level where the frame has another.

    Args:
        source: L* of the picture, shape (H, W), 0..100.
        target: L* of what the frame shows there, of the same shape; NaN where that is outside of the frame.
        chroma: Chroma of the picture, of the same shape.

    Returns:
        Mask of the bars with the row or column beside them, shape (H, W); None if there are none on the frame.
    """
    bars = np.zeros(source.shape, bool)
    for turns in range(4):  # the upper edge of the picture, then of the picture turned by 90 degrees, ...
        own, shown, color, turned = (np.rot90(plane, turns) for plane in (source, target, chroma, bars))
        rows = _bar_rows(own)
        is_wide = rows > _WIDEST_BAR * len(own)
        if not rows or is_wide or color[:rows].mean() > _BAR_CHROMA or not _ends_in_a_step(own, rows):
            continue
        apart = np.abs(own[:rows] - shown[:rows])
        apart = apart[np.isfinite(apart)]
        if apart.size >= _LEAST_BAR * source.size and apart.mean() >= _BAR_APART:  # else it is a sky, or off the frame
            turned[: rows + 1] = True  # `rot90` returns a view
    return bars if 0 < bars.mean() <= _MOST_BARS else None


def _bar_rows(picture: Plane) -> int:
    """Return how many rows from the upper edge on are even and of one level."""
    low, high = (np.percentile(picture, share, axis=1) for share in _BAR_SHARES)
    level = picture.mean(axis=1)
    differs = (high - low > _BAR_CONTRAST) | (np.abs(level - level[0]) > _BAR_LEVEL)
    return int(np.argmax(differs)) if differs.any() else 0


def _ends_in_a_step(picture: Plane, rows: int) -> bool:
    """Return whether a picture begins at once beside its even rows, as it does beside bars and not in a vignette."""
    beside = picture[rows + 1 : rows + 3]  # the row between the two may be of both
    return beside.size > 0 and float(np.abs(beside - picture[rows - 1].mean()).mean()) >= _BAR_STEP


def _even_edges(source: Plane) -> Mask:
    """Return the even rows and columns at the edges of a picture: bars, or what looks like them, as a clear sky."""
    inside = np.ones(source.shape, bool)
    for axis in (0, 1):
        low, high = (np.percentile(source, share, axis=1 - axis) for share in _BAR_SHARES)
        picture = np.flatnonzero(high - low > _BAR_CONTRAST)
        if picture.size:
            ends = np.arange(source.shape[axis])
            within = (ends >= picture[0]) & (ends <= picture[-1])
            inside &= within[:, None] if axis == 0 else within
    return ~inside


def _find_unscaled(target: Plane, source: Plane, known: Mask | None) -> Place | None:
    """Return the best place of a picture whose pixels have the frame's size; None if it does not fit into the frame."""
    if source.shape[0] > target.shape[0] or source.shape[1] > target.shape[1] or min(source.shape) < _TEMPLATE // 2:
        return None
    share = min(1.0, _UNSCALED_LINES / len(target))
    size, small = (
        (max(4, round(plane.shape[0] * share)), max(4, round(plane.shape[1] * share))) for plane in (target, source)
    )
    counted = None if known is None else np.asarray(resize(known.astype(np.float32), small) > 0.5)
    picture = local_contrast(resize(source, small), counted, lines=size[0])
    _, left, top = _slide(local_contrast(resize(target, size)), picture)
    height, width = target.shape
    return Place(left / size[1], top / size[0], source.shape[1] / width, source.shape[0] / height)


def _candidates(target: Plane, source: Plane, known: Mask) -> list[Place]:
    """Return the places at which a picture looks most like the frame, the best first."""
    found = sorted(_best_of_each_size(target, source, known), key=lambda scored: -scored[0])
    places: list[Place] = []
    for _, place in found:
        if not any(place.is_near(other) for other in places):
            places.append(place)
    return places[:_REFINED]


def _best_of_each_size(target: Plane, source: Plane, known: Mask) -> Iterator[tuple[float, Place]]:
    """Yield the correlation and the best place of the picture at each size."""
    frames: dict[int, Plane] = {}
    longer = max(source.shape[0] / target.shape[0], source.shape[1] / target.shape[1])
    share = _LARGEST
    while share >= _SMALLEST:
        height, width = (share * side / longer / whole for side, whole in zip(source.shape, target.shape, strict=True))
        shorter = min(1.0, height, width, height * source.shape[1] / source.shape[0])  # of the frame's height
        lines = min(_MOST_LINES, max(_TEMPLATE, round(_TEMPLATE / shorter)))
        size = lines, max(1, round(target.shape[1] * lines / target.shape[0]))
        if lines not in frames:
            frames[lines] = local_contrast(resize(target, size))
        own = max(4, round(height * size[0])), max(4, round(width * size[1]))
        counted = np.asarray(resize(known.astype(np.float32), own) > 0.5)
        picture = local_contrast(resize(source, own), None if counted.all() else counted, lines=lines)
        correlation, left, top = _slide(frames[lines], picture)
        yield correlation, Place(left / size[1], top / size[0], own[1] / size[1], own[0] / size[0])
        share /= _STEP


def _slide(frame: Plane, picture: Plane) -> tuple[float, int, int]:
    """Return the best correlation of a picture with a frame, and its left upper corner there, px.

    Both are local contrast, which is 0 outside of the frame. The picture may overhang the frame, or be larger.
    """
    rows, columns = (
        round(_OVERHANG * side) + max(0, side - whole) for side, whole in zip(picture.shape, frame.shape, strict=True)
    )
    held = cv2.copyMakeBorder(frame, rows, rows, columns, columns, cv2.BORDER_CONSTANT, value=0)
    _, best, _, (x, y) = cv2.minMaxLoc(cv2.matchTemplate(held, picture, cv2.TM_CCOEFF_NORMED))
    return best, x - columns, y - rows


def _misfit(target: Plane, source: Plane, known: Mask, place: Place) -> float:
    """Return the misfit of a picture at a place; 1 if too little can be compared."""
    picture, covered = place.put(source, known, target.shape)
    if covered.sum() < _LEAST_PIXELS:
        return 1.0
    return affine_alignment_misfit(np.eye(2, 3), target, picture, covered)


def _refine(target: Plane, source: Plane, known: Mask, place: Place) -> tuple[Place, float]:
    """Return a place with its edges put right, and the misfit that it leaves; 1 if too little can be compared."""
    height, width = target.shape
    for _ in range(_ROUNDS):
        picture, covered = place.put(source, known, target.shape)
        if covered.sum() < _LEAST_PIXELS:
            return place, 1.0
        found = find_alignment(target, picture, covered)
        if not found.moves:
            return place, found.misfit
        # the matrix maps the frame to the picture as it was put: its inverse tells where the picture's centre belongs
        scale = found.matrix[0, 0], found.matrix[1, 1]
        centre = (place.left + place.width / 2) * width - 0.5, (place.top + place.height / 2) * height - 0.5
        x, y = np.linalg.solve(found.matrix[:, :2], np.array(centre) - found.matrix[:, 2])
        own = place.width / scale[0], place.height / scale[1]
        place = Place((x + 0.5) / width - own[0] / 2, (y + 0.5) / height - own[1] / 2, *own)
    return place, _misfit(target, source, known, place)

"""The colour of a reference, and where it is known: a picture may end before the plate does, or hold NaN."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from stcolor_core.images.plates import Header, Window
from stcolor_core.images.resizing import resize

__all__ = ["KnownColor", "cut"]

_HALF = 0.5  # of a pixel's area from which its colour counts as known


@dataclass(frozen=True)
class KnownColor:
    """ab: (H, W, 2) a*, b*. known: (H, W) bool, where they are the picture's own; None is everywhere."""

    ab: NDArray[np.float32]
    known: NDArray[np.bool_] | None

    def at(self, size: tuple[int, int]) -> tuple[NDArray[np.float32], NDArray[np.bool_] | None]:
        """ab and known at another (height, width): the mean of the known colour in each pixel."""
        if self.known is None:
            return resize(self.ab, size), None
        share = resize(self.known.astype(np.float32), size)
        ab = resize(np.where(self.known[..., None], self.ab, 0), size) / np.maximum(share, 1e-6)[..., None]
        return ab.astype(np.float32), share >= _HALF

    def laid_over(self, picture: Header, *, display: Window, canvas: Window) -> KnownColor:
        """The colour of a picture over the plate's canvas at plate size, where the two formats are laid together.

        picture: whose data window this colour covers; of the plate's aspect, at any size. What lies outside that window
        is not known, but for a border of less than one of its pixels, which rounding leaves.
        """
        scale = picture.display_window[2] / display[2], picture.display_window[3] / display[3]
        offset = canvas[0] - display[0], canvas[1] - display[1]
        x, y = (round(o * s) + picture.display_window[i] for i, (o, s) in enumerate(zip(offset, scale, strict=True)))
        width, height = (max(1, round(canvas[2 + i] * scale[i])) for i in range(2))
        wanted = x, y, width, height
        size = canvas[3], canvas[2]
        inside = [_covered(picture.data_window, wanted, axis) for axis in (1, 0)]
        known = inside[0][:, None] & inside[1]
        if self.known is not None:
            known = known & cut(self.known, picture.data_window, wanted, outside="held")
        ab = cut(self.ab, picture.data_window, wanted, outside="held")
        return KnownColor(np.asarray(ab, np.float32), None if known.all() else known)._resized(size)

    def _resized(self, size: tuple[int, int]) -> KnownColor:
        return KnownColor(*self.at(size))


def _covered(window: Window, wanted: Window, axis: int) -> NDArray[np.bool_]:
    """Which rows (axis 1) or columns (axis 0) of `wanted` lie in `window`, or are the one pixel that it is short of."""
    first, end = window[axis], window[axis] + window[2 + axis]
    here = wanted[axis] + np.arange(wanted[2 + axis])
    if first - here[0] == 1:
        first -= 1
    if here[-1] + 1 - end == 1:
        end += 1
    return np.asarray((here >= first) & (here < end))


def cut(pixels: NDArray[Any], window: Window, wanted: Window, *, outside: Literal["black", "held"]) -> NDArray[Any]:
    """Pixels (H, W, ...) over one window -> over another; outside the first black, or its border held."""
    if window == wanted:
        return pixels
    rows = np.arange(wanted[3]) + wanted[1] - window[1]
    columns = np.arange(wanted[2]) + wanted[0] - window[0]
    there = [np.clip(places, 0, size - 1) for places, size in zip((rows, columns), pixels.shape[:2], strict=True)]
    cut: NDArray[Any] = pixels[there[0][:, None], there[1]]
    if outside == "black":
        cut[there[0] != rows] = 0
        cut[:, there[1] != columns] = 0
    return cut

"""Hold the colour of a reference and where it is known: a picture may end before the plate does, or may contain NaN."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from stcolor_core.arrays import Chroma, Mask, Pixels, Plane
from stcolor_core.images.pictures import Header, Window
from stcolor_core.images.resizing import resize, resize_smooth

__all__ = ["KnownColor", "cut"]

_TINY = 1e-4  # a weight below this is none
_THIN = 0.05  # weight below which dividing by it would enlarge the error of an interpolation
_KNOWN_SHARE = 0.5  # of a pixel's area; from this share on its colour counts as known


@dataclass(frozen=True)
class KnownColor:
    """The colour of a reference, with a mask of the pixels where it is known.

    Attributes:
        ab: a* and b*, shape (H, W, 2).
        known: Mask of the pixels that have a colour of their own, shape (H, W); None if all have.
        weight: How far the colour covers what is below it, shape (H, W), 0..1, such as a patch's alpha; None for 1.
            Pixels that are not known have weight 0.
    """

    ab: Chroma
    known: Mask | None
    weight: Plane | None = None

    def over(self, other: KnownColor) -> KnownColor:
        """Return this colour on top of another one of the same size.

        Args:
            other: The colour below.
        """
        top, bottom = (color._coverage() for color in (self, other))
        rest = (1 - top) * bottom
        weight = top + rest
        ab = (top[..., None] * self.ab + rest[..., None] * other.ab) / np.maximum(weight, _TINY)[..., None]
        return KnownColor(ab.astype(np.float32), weight > 0, weight)

    def at(self, size: tuple[int, int]) -> tuple[Chroma, Mask | None]:
        """Return the colour at another size: the mean of the known colour in each pixel.

        Args:
            size: (height, width).

        Returns:
            `ab` and `known` at that size. A pixel is known if at least half of its area is; if there is a weight, if
            any of it is.
        """
        if self.weight is not None:
            color = self.resized(size)
            return color.ab, color.known
        if self.known is None:
            return resize_smooth(self.ab, size), None
        share = resize(self.known.astype(np.float32), size)
        ab = resize(np.where(self.known[..., None], self.ab, 0), size) / np.maximum(share, 1e-6)[..., None]
        return ab.astype(np.float32), share >= _KNOWN_SHARE

    def aligned_to(self, picture: Header, *, display: Window, canvas: Window) -> KnownColor:
        """Return the colour of a picture over the plate's canvas, with their display windows aligned.

        The result has the size of the canvas. Pixels outside the picture's data window are not known, except for a
        border of less than one of its pixels, which is due to rounding.

        Args:
            picture: Header of the picture. Its data window is what this colour covers; it has the plate's aspect at any
                size.
            display: The plate's display window.
            canvas: The part of the plate to cover.
        """
        scale = picture.display_window[2] / display[2], picture.display_window[3] / display[3]
        offset = canvas[0] - display[0], canvas[1] - display[1]
        x, y = (round(o * s) + picture.display_window[i] for i, (o, s) in enumerate(zip(offset, scale, strict=True)))
        width, height = (max(1, round(canvas[2 + i] * scale[i])) for i in range(2))
        target = x, y, width, height
        size = canvas[3], canvas[2]
        inside = [_covered(picture.data_window, target, axis) for axis in (1, 0)]
        known = inside[0][:, None] & inside[1]
        if self.known is not None:
            known = known & cut(self.known, picture.data_window, target, outside="held")
        ab = cut(self.ab, picture.data_window, target, outside="held")
        weight = None
        if self.weight is not None:
            weight = cut(self.weight, picture.data_window, target, outside="held") * known
        return KnownColor(np.asarray(ab, np.float32), None if known.all() else known, weight).resized(size)

    def resized(self, size: tuple[int, int]) -> KnownColor:
        """Return the colour and its weight at another size.

        Args:
            size: (height, width).
        """
        if self.ab.shape[:2] == size:
            return self
        if self.weight is None:
            return KnownColor(*self.at(size))
        weight = resize(self.weight, size)
        ab = resize(self.weight[..., None] * self.ab, size) / np.maximum(weight, _TINY)[..., None]
        return KnownColor(ab.astype(np.float32), weight > _TINY, weight)

    def moved(self, sample: Callable[[Pixels], Pixels]) -> KnownColor:
        """Return the colour at other places, with its weight.

        Args:
            sample: Returns a float32 picture, shape (H, W) or (H, W, C), at its new places.
        """
        coverage = self._coverage()
        weight = np.clip(sample(coverage), 0, 1)
        ab = sample(np.where(coverage[..., None] > _TINY, self.ab, 0) * coverage[..., None])
        color = np.where(weight[..., None] > _THIN, ab / np.maximum(weight, _THIN)[..., None], sample(self.ab))
        return KnownColor(color.astype(np.float32), weight > _TINY, np.where(weight > _TINY, weight, 0))

    def _coverage(self) -> Plane:
        if self.weight is not None:
            return self.weight
        return np.ones(self.ab.shape[:2], np.float32) if self.known is None else self.known.astype(np.float32)


def _covered(window: Window, target: Window, axis: int) -> NDArray[np.bool_]:
    """Return which rows (axis 1) or columns (axis 0) of `target` lie in `window`.

    A single row or column that the window lacks at either end counts as inside.
    """
    first, end = window[axis], window[axis] + window[2 + axis]
    positions = target[axis] + np.arange(target[2 + axis])
    if first - positions[0] == 1:
        first -= 1
    if positions[-1] + 1 - end == 1:
        end += 1
    return np.asarray((positions >= first) & (positions < end))


def cut(pixels: NDArray[Any], window: Window, target: Window, *, outside: Literal["black", "held"]) -> NDArray[Any]:
    """Return pixels over another window than they cover now.

    Args:
        pixels: Pixels of shape (H, W, ...) over `window`.
        window: (x, y, width, height) that the pixels cover.
        target: (x, y, width, height) to cover.
        outside: Fill for what lies outside `window`: "black", or "held" to repeat the border pixels.

    Returns:
        Pixels of shape (height, width, ...) over `target`; the argument itself if the windows are equal.
    """
    if window == target:
        return pixels
    rows = np.arange(target[3]) + target[1] - window[1]
    columns = np.arange(target[2]) + target[0] - window[0]
    clipped = [
        np.clip(positions, 0, size - 1) for positions, size in zip((rows, columns), pixels.shape[:2], strict=True)
    ]
    result: NDArray[Any] = pixels[clipped[0][:, None], clipped[1]]
    if outside == "black":
        result[clipped[0] != rows] = 0
        result[:, clipped[1] != columns] = 0
    return result

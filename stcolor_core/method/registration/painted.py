"""Keyframes painted in an editor whose "Color" mode keeps another lightness than L*: that of HSL, HSV or HSI.

Such a mode takes hue and saturation from the paint, and from the grey plate the value that the model calls lightness:

- HSL: (max + min) / 2 of the code values (Joblove and Greenberg, "Color Spaces for Computer Graphics", SIGGRAPH 1978).
- HSV: their maximum (Smith, "Color Gamut Transform Pairs", SIGGRAPH 1978).
- HSI: their mean (Gonzalez and Woods, "Digital Image Processing").

So a pure blue comes out far darker than its plate and a yellow lighter, by up to 50 L*, which looks like another light
or tone curve. It is undone exactly: of the colours with the same hue and saturation, the one is taken that has the
luminance of the plate's grey.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stcolor_core.arrays import Image, Mask, Plane
from stcolor_core.images.color import LUMINANCE, lab_to_linear, lightness, linear_to_lab, srgb_decode, srgb_encode

__all__ = ["PaintedLightness", "find_painted_lightness"]

Array = NDArray[Any]

_EXPLAINS = 0.4  # it is kept if it leaves at most this share of the difference of L* ...
_MEDIAN = 0.75  # ... and this much L* in half of the pixels (compression included; rounding to 8 bits leaves 0.1) ...
_LEAST_GAIN = 0.3  # ... and is worth this much L* on average
_MOST_DIFFERENCE = 8.0  # L*; larger differences count as this much
_LUMINANCE = np.array(LUMINANCE, np.float32)
_ROWS = 256  # that are computed at a time
_STEPS = 12  # of the bisection: to 1/4096 of the code values
_TINY = 1e-6

_KEPT: dict[str, Callable[[Array], Array]] = {
    "HSL": lambda codes: (codes.max(-1) + codes.min(-1)) / 2,
    "HSV": lambda codes: codes.max(-1),
    "HSI": lambda codes: codes.mean(-1),
}


@dataclass(frozen=True)
class PaintedLightness:
    """What an editor kept of the plate, and how its colour is put on the plate's own L*.

    Attributes:
        kept: "HSL", "HSV" or "HSI".
    """

    kept: str

    @property
    def name(self) -> str:
        """Return what was done, as it is said to the artist."""
        return f"painted over {self.kept} lightness and put on the plate's own"

    def apply(self, lab: Image) -> Image:
        """Return a picture of the same hue and saturation in the plate's light.

        Args:
            lab: CIELAB, shape (H, W, 3), at any size.
        """
        result = np.empty_like(lab)
        for top in range(0, len(lab), _ROWS):
            rows = slice(top, top + _ROWS)
            result[rows] = self._apply(lab[rows])
        return result

    def lightness(self, lab: Image) -> Plane:
        """Return the L* of the plate that it was painted on, if it was painted so, shape (H, W).

        Args:
            lab: CIELAB, shape (H, W, 3).
        """
        return np.asarray(lightness(srgb_decode(_KEPT[self.kept](_codes(lab)))), np.float32)

    def _apply(self, lab: Image) -> Image:
        codes = _codes(lab)
        kept = _KEPT[self.kept](codes)
        wanted = np.asarray(srgb_decode(kept), np.float32)
        if self.kept == "HSL":
            beyond = kept > 1  # where the model has no saturation
            found = _of_luminance(_hsl_line(codes, kept), wanted, np.ones_like(kept))
            linear = np.where(beyond[..., None], srgb_decode(codes), found)
        else:
            linear = _of_luminance(_scaled_line(codes), wanted, np.maximum(1, codes.max(-1)))
        return np.asarray(linear_to_lab(linear.astype(np.float32)), np.float32)


def find_painted_lightness(lab: Image, plate: Plane, known: Mask) -> PaintedLightness | None:
    """Return which lightness an editor kept when a keyframe was painted on the plate; None if it is none of them.

    Args:
        lab: The keyframe in CIELAB, shape (H, W, 3).
        plate: The plate's L*, shape (H, W), 0..100.
        known: Pixels to compare, shape (H, W), bool; at least one.
    """

    def apart(own: Plane) -> tuple[float, float]:
        difference = np.minimum(np.abs(own - plate), _MOST_DIFFERENCE)[known]
        return float(difference.mean()), float(np.median(difference))

    before, _ = apart(lab[..., 0])
    candidates = [PaintedLightness(kept) for kept in _KEPT]
    left = {candidate: apart(candidate.lightness(lab)) for candidate in candidates}
    best = min(candidates, key=lambda candidate: left[candidate])
    mean, median = left[best]
    explains = mean <= min(_EXPLAINS * before, before - _LEAST_GAIN) and median <= _MEDIAN
    return best if explains else None


def _codes(lab: Image) -> Array:
    """Return sRGB code values without what is out of gamut on the dark side."""
    return np.asarray(srgb_encode(np.maximum(lab_to_linear(lab), 0)), np.float32)


def _hsl_line(codes: Array, light: Array) -> Callable[[Array], Array]:
    """Return the colours of the HSL hue and saturation of some code values, as linear light by their HSL lightness.

    They lie on a straight line from black through the colour itself to white: l + c * min(l, 1 - l).
    """
    spread = np.minimum(light, 1 - light)[..., None]
    color = np.where(spread > _TINY, (codes - light[..., None]) / np.maximum(spread, _TINY), 0)
    return lambda at: srgb_decode(at[..., None] + color * np.minimum(at, 1 - at)[..., None])


def _scaled_line(codes: Array) -> Callable[[Array], Array]:
    """Return the colours of the HSV (and HSI) hue and saturation of some code values, by their largest code value."""
    color = codes / np.maximum(codes.max(-1, keepdims=True), _TINY)
    return lambda at: srgb_decode(at[..., None] * color)


def _of_luminance(line: Callable[[Array], Array], wanted: Array, most: Array) -> Array:
    """Return the colours on a line, on which luminance rises, that have a given luminance; found by bisection.

    Args:
        line: Returns the colours, shape (H, W, 3), at places of shape (H, W).
        wanted: Luminance, shape (H, W).
        most: Last place on the line, shape (H, W).
    """
    low, high = np.zeros_like(wanted), most
    for _ in range(_STEPS):
        middle = (low + high) / 2
        dark = line(middle) @ _LUMINANCE < wanted
        low, high = np.where(dark, middle, low), np.where(dark, high, middle)
    return line((low + high) / 2)

"""Keyframes painted in an editor whose "Color" mode keeps another lightness than L*: luma, or that of HSL, HSV, HSI.

Such a mode takes hue and saturation from the paint, and from the grey plate the value that the model calls lightness:

- luma: 0.3 R + 0.59 G + 0.11 B of the code values; all three are shifted by the same amount (the blend mode "color" of
  Photoshop and PDF, W3C "Compositing and Blending Level 1", section 10.3).
- HSL: (max + min) / 2 of the code values (Joblove and Greenberg, "Color Spaces for Computer Graphics", SIGGRAPH 1978).
- HSV: their maximum (Smith, "Color Gamut Transform Pairs", SIGGRAPH 1978).
- HSI: their mean (Gonzalez and Woods, "Digital Image Processing").

So a pure blue comes out far darker than its plate and a yellow lighter, by up to 50 L*, which looks like another light
or tone curve. It is undone exactly: of the colours with the same hue and saturation, the one is taken that has the
luminance of the plate's grey.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from stcolor_core.arrays import Image, Mask, Plane
from stcolor_core.images.color import (
    LUMINANCE,
    lab_to_linear,
    lightness,
    linear_to_lab,
    luminance_of,
    srgb_decode,
    srgb_encode,
)

__all__ = ["LUMA", "PaintedLightness", "differences_of", "explains", "find_painted_lightness"]

Array = NDArray[Any]

_EXPLAINS = 0.4  # it is kept if it leaves at most this share of the difference of L* ...
_MEDIAN = 0.75  # ... and this much L* in half of the pixels (compression included; rounding to 8 bits leaves 0.1) ...
_LEAST_GAIN = 0.3  # ... and is worth this much L* on average ...
_LEAST_GAIN_OF_LUMA = 1.3  # ... or this much: where luma differs by less, the colour is right as it is (`tone`)
_MOST_DIFFERENCE = 8.0  # L*; larger differences count as this much
_LUMINANCE = np.array(LUMINANCE, np.float32)
_ROWS = 256  # that are computed at a time
_STEPS = 12  # of the bisection: to 1/4096 of the code values
# px: compression of small pictures leaves more than that at each pixel, but little of it on average around one.
_AROUND = 3.0
_TINY = 1e-6
_DARKEST = 2 / 255  # code value below which rounding to 8 bits is all that hue and saturation are

LUMA = np.array([0.3, 0.59, 0.11], np.float32)
"""Weights of R, G and B in the luma that a mode "Color" keeps."""

_KEPT: dict[str, Callable[[Array], Array]] = {
    "luma": lambda codes: codes @ LUMA,
    "HSL": lambda codes: (codes.max(-1) + codes.min(-1)) / 2,
    "HSV": lambda codes: codes.max(-1),
    "HSI": lambda codes: codes.mean(-1),
}


@dataclass(frozen=True)
class PaintedLightness:
    """What an editor kept of the plate, and how its colour is put on the plate's own L*.

    Attributes:
        kept: "luma", "HSL", "HSV" or "HSI".
    """

    kept: str

    @property
    def name(self) -> str:
        """Return what was done, as it is said to the artist."""
        if self.kept == "luma":
            return 'painted in a mode "Color", which keeps luma, and put on the plate\'s own lightness'
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

    def colors(self, lab: Image) -> Image:
        """Return what the editor took from the paint, free of the lightness that it kept.

        Args:
            lab: CIELAB, shape (H, W, 3).

        Returns:
            Hue and saturation, or differences from luma, as three planes of linear coordinates, shape (H, W, 3).
        """
        codes = _codes(lab)
        light = _KEPT[self.kept](codes)[..., None]
        if self.kept == "luma":
            return codes - light
        spread = np.minimum(light, 1 - light) if self.kept == "HSL" else light
        return np.asarray((codes - light) / np.maximum(spread, _DARKEST), np.float32)

    def over(self, colors: Image, plate: Plane) -> Image:
        """Return a picture as the editor paints it.

        Args:
            colors: From `colors`, shape (H, W, 3).
            plate: The plate's L*, shape (H, W), 0..100.

        Returns:
            CIELAB, shape (H, W, 3).
        """
        light = srgb_encode(luminance_of(plate))[..., None]
        room = {"luma": 1.0, "HSL": np.minimum(light, 1 - light)}.get(self.kept, light)
        return np.asarray(linear_to_lab(srgb_decode(np.clip(light + room * colors, 0, 1))), np.float32)

    def _apply(self, lab: Image) -> Image:
        codes = _codes(lab)
        kept = _KEPT[self.kept](codes)
        wanted = np.asarray(srgb_decode(kept), np.float32)
        if self.kept == "HSL":
            beyond = kept > 1  # where the model has no saturation
            found = _of_luminance(_hsl_line(codes, kept), wanted, np.ones_like(kept))
            linear = np.where(beyond[..., None], srgb_decode(codes), found)
        elif self.kept == "luma":
            linear = _of_luminance(_shifted_line(codes), wanted, np.full_like(kept, 2))
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
    candidates = [PaintedLightness(kept) for kept in _KEPT]
    differences = [lab[..., 0] - plate, *(candidate.lightness(lab) - plate for candidate in candidates)]
    for sigma in (0.0, _AROUND):
        before, *left = differences_of(differences, known, sigma)
        after, best = min(zip(left, candidates, strict=True), key=lambda pair: pair[0])
        if explains(after, before, least=_LEAST_GAIN_OF_LUMA if best.kept == "luma" else _LEAST_GAIN):
            return best
    return None


def differences_of(differences: Sequence[Plane], known: Mask, sigma: float = 0.0) -> list[tuple[float, float]]:
    """Return the mean and the median size of some differences of L*, each pixel's at most 8.

    Args:
        differences: Differences of L*, shape (H, W).
        known: Pixels to compare, shape (H, W), bool; at least one.
        sigma: px of a mean around each pixel that is taken before; 0 for none.
    """
    return [_apart(difference, known, sigma) for difference in differences]


def explains(after: tuple[float, float], before: tuple[float, float], *, least: float = _LEAST_GAIN) -> bool:
    """Return whether a model leaves nearly nothing of a keyframe's difference from the plate.

    Args:
        after: What it leaves, from `differences_of`.
        before: The difference without it.
        least: L* that it must be worth on average.
    """
    return after[0] <= min(_EXPLAINS * before[0], before[0] - least) and after[1] <= _MEDIAN


def _apart(difference: Plane, known: Mask, sigma: float) -> tuple[float, float]:
    """Return the mean and the median of the differences of L*, after the mean around each pixel."""
    if sigma:
        weight = np.maximum(cv2.GaussianBlur(known.astype(np.float32), (0, 0), sigma), _TINY)
        limited = np.clip(np.where(known, difference, 0), -_MOST_DIFFERENCE, _MOST_DIFFERENCE)
        difference = np.asarray(cv2.GaussianBlur(limited, (0, 0), sigma) / weight, np.float32)
    apart = np.minimum(np.abs(difference), _MOST_DIFFERENCE)[known]
    return float(apart.mean()), float(np.median(apart))


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


def _shifted_line(codes: Array) -> Callable[[Array], Array]:
    """Return some code values with the same amount added to each channel, by that amount plus 1; none below black."""
    return lambda at: srgb_decode(np.maximum(codes + (at - 1)[..., None], 0))


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

"""Colour on another lightness than it came with: how it follows light, and what a screen can show of it."""

from __future__ import annotations

import numpy as np

from stcolor_core.arrays import Chroma, Image, Mask, Plane
from stcolor_core.images.color import lab_to_linear

__all__ = ["follow_light", "is_in_gamut", "light_ratio", "reduce_to_lightness", "within_gamut"]

_OFFSET = 16.0  # L* + 16, a* and b* are all proportional to the cube root of light (CIE 15:2018, eqs. 8.3 to 8.5)
_ROUNDING = 1e-6  # of linear light
_STEPS = 12  # halvings of the interval in which the largest chroma within the gamut lies
_NEARLY = 0.01  # of linear light: so far do the means of colours in the gamut lie outside of it
_WIDER = -1e-3  # of the largest channel: a colour with a lower channel than that has a chromaticity beyond Rec.709


def light_ratio(lightness: Plane, own: Plane) -> Plane:
    """Return the factor on a* and b* of a surface in other light: its linear light is multiplied, its hue stays.

    Args:
        lightness: L* in that light, of any shape; below 0 counts as 0.
        own: L* of the colour as it came, of the same shape; below 0 counts as 0.
    """
    return np.asarray((np.maximum(lightness, 0) + _OFFSET) / (np.maximum(own, 0) + _OFFSET), np.float32)


def follow_light(lab: Image, lightness: Plane) -> Chroma:
    """Return the colour of paint on another lightness, as that of a surface follows the light that falls on it.

    Chroma that Rec.709 cannot show there is reduced: highlights turn white, as on a real surface. A colour that lies
    beyond Rec.709 as it came, as in a picture of a wider gamut, keeps its chromaticity.

    Args:
        lab: The colour as it came in CIELAB, shape (H, W, 3).
        lightness: L* to put it on, shape (H, W), 0..100.

    Returns:
        a* and b*, shape (H, W, 2).
    """
    ab = np.asarray(light_ratio(lightness, lab[..., 0])[..., None] * lab[..., 1:], np.float32)
    return np.asarray(np.where(_is_wider(lab)[..., None], ab, within_gamut(lightness, ab)), np.float32)


def reduce_to_lightness(lab: Image, lightness: Plane) -> Chroma:
    """Return a colour with no more chroma than Rec.709 can show on another lightness, and of the same hue.

    A colour that lies beyond Rec.709 as it came has at most the chroma with which its chromaticity stays.

    Args:
        lab: The colour as it came in CIELAB, shape (H, W, 3).
        lightness: L* to put it on, shape (H, W), 0..100.

    Returns:
        a* and b*, shape (H, W, 2).
    """
    ab = np.asarray(lab[..., 1:], np.float32)
    darker = np.minimum(1, light_ratio(lightness, lab[..., 0]))[..., None]
    return np.asarray(np.where(_is_wider(lab)[..., None], darker * ab, within_gamut(lightness, ab)), np.float32)


def is_in_gamut(lightness: Plane, ab: Chroma) -> Mask:
    """Return where a colour lies within Rec.709, or so near that rounding and averaging explain the rest.

    Args:
        lightness: L* of the plate as from `roll_off`, shape (H, W), 0..100.
        ab: a* and b*, shape (H, W, 2).
    """
    return _fits(lightness, ab, tolerance=_NEARLY)


def within_gamut(lightness: Plane, ab: Chroma, *, brighter: bool = False) -> Chroma:
    """Return a* and b* with less chroma, where needed, so that linear Rec.709 lies within 0..1; hue stays.

    Args:
        lightness: L* of the plate as from `roll_off`, shape (H, W), 0..100.
        ab: a* and b*, shape (H, W, 2).
        brighter: Whether channels may lie above 1, as in scene-linear light, so that none below 0 is all that is asked.
    """
    places = np.flatnonzero(~_fits(lightness, ab, brighter=brighter))
    if not len(places):
        return ab
    own, light = ab.reshape(-1, 2)[places][None], lightness.ravel()[places][None]
    low: Plane = np.zeros(light.shape, np.float32)
    high: Plane = np.ones(light.shape, np.float32)
    for _ in range(_STEPS):
        middle = np.asarray((low + high) / 2, np.float32)
        inside = _fits(light, middle[..., None] * own, brighter=brighter)
        low, high = np.where(inside, middle, low), np.where(inside, high, middle)
    result = np.array(ab, np.float32)
    result.reshape(-1, 2)[places] = (low[..., None] * own)[0]
    return result


def _fits(lightness: Plane, ab: Chroma, *, tolerance: float = _ROUNDING, brighter: bool = False) -> Mask:
    light = _undo_roll_off(lightness)
    rgb = lab_to_linear(np.dstack([light if brighter else np.minimum(light, 100), ab]))
    inside = rgb >= -tolerance if brighter else (rgb >= -tolerance) & (rgb <= 1 + tolerance)
    return np.asarray(inside.all(axis=-1))


def _is_wider(lab: Image) -> Mask:
    """Return where the chromaticity of a colour lies beyond Rec.709."""
    rgb = lab_to_linear(lab)
    return np.asarray(rgb.min(axis=-1) < _WIDER * np.maximum(rgb.max(axis=-1), 0.1))


def _undo_roll_off(lightness: Plane) -> Plane:
    """Return the L* that `roll_off` was given: the output has the plate's own luminance, up to white."""
    return np.asarray(np.where(lightness > 95, 90 + 25 / np.maximum(100 - lightness, _ROUNDING), lightness), np.float32)

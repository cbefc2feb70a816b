"""Where light leaves no colour, or not all of it: black, and red, green and blue that are clipped.

All functions take L* as the models see it, 0..100 with the highlights rolled off.
"""

from __future__ import annotations

import numpy as np

from stcolor_core.arrays import Chroma, Mask, Plane
from stcolor_core.images.color import lab_to_linear, luminance_of, roll_off
from stcolor_core.images.color import lightness as lightness_of
from stcolor_core.method.light import BRIGHTEST

__all__ = ["blacken", "chroma_left", "clipping_level", "is_clipped", "settle"]

# A camera, a scan or an 8-bit file clips each of red, green and blue, at white or above, as in a flash.
LEAST_CLIPPED = 0.003  # share of a clipped picture that has its greatest luminance
CLIPPED_FROM = 0.98  # of that luminance, from which one counts as the same: code 253 of 255
FARTHEST = 99.9  # L* from which the roll-off leaves too little to tell luminances apart: 40 times white

BLACK = 1.0  # L* below which chroma fades to 0: about code 4 of 255
WHITE = 0.3  # L*, rolled off, over which it does so up to clipped white: three codes of 255
WHITE_FROM = 0.97  # linear light of a limit that is white: that of a yellow that fills its channels is 0.93


def clipping_level(lightness: Plane) -> float:
    """Return the linear light at which a picture is clipped, as by a flash; infinite if it is not.

    Many pixels of a clipped picture have its greatest luminance, which is near that of white or above.

    Args:
        lightness: L*, shape (H, W), 0..100.
    """
    brightest = float(lightness.max(initial=0))
    if not BRIGHTEST <= brightest < FARTHEST:
        return float(np.inf)
    level = luminance_of(np.array(90 + 25 / (100 - brightest), np.float32))  # of the inverse of `roll_off`
    share = float((lightness >= roll_off(lightness_of(level * np.float32(CLIPPED_FROM)))).mean())
    return float(level) if share >= LEAST_CLIPPED else float(np.inf)


def is_clipped(lightness: Plane, ab: Chroma, most: float) -> Mask:
    """Return where a colour is clipped, shape (H, W): its hue in less light is not known.

    Args:
        lightness: L*, shape (H, W), 0..100.
        ab: a* and b*, shape (H, W, 2).
        most: Linear light at which red, green and blue are clipped.
    """
    if most == np.inf:
        return np.zeros(lightness.shape, bool)
    return np.asarray(lab_to_linear(np.dstack([lightness, ab])).max(axis=-1) >= CLIPPED_FROM * most)


def blacken(ab: Chroma, lightness: Plane) -> Chroma:
    """Return a* and b* faded to 0 as L* falls from 1 to 0: black has no colour, and would glow with any.

    Args:
        ab: a* and b*, shape (H, W, 2).
        lightness: L*, shape (H, W).
    """
    if lightness.min(initial=BLACK) >= BLACK:
        return ab
    return np.asarray(ab * np.clip(lightness / BLACK, 0, 1).astype(np.float32)[..., None])


def settle(lightness: Plane, ab: Chroma, confidence: Plane) -> tuple[Chroma, Plane]:
    """Return a*, b* and the confidence in them, where the light leaves no chroma: black, and white that is clipped.

    Such a place is right whatever the keyframes say.

    Args:
        lightness: L*, shape (H, W), 0..100.
        ab: a* and b*, shape (H, W, 2).
        confidence: Shape (H, W), 0..1.
    """
    left = chroma_left(lightness)
    if left.min(initial=1) >= 1:
        return ab, confidence
    return np.asarray(ab * left[..., None]), np.asarray(confidence + (1 - confidence) * (1 - left))


def chroma_left(lightness: Plane) -> Plane:
    """Return the share of its chroma that each pixel's light leaves: 0 for black, and for white that is clipped.

    Args:
        lightness: L*, shape (H, W), 0..100.

    Returns:
        Shape (H, W), 0..1.
    """
    left = np.clip(lightness / BLACK, 0, 1)
    if WHITE_FROM <= clipping_level(lightness) < np.inf:
        left = left * np.clip((lightness.max() - lightness) / WHITE, 0, 1)
    return np.asarray(left, np.float32)

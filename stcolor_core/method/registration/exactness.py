"""Whether a picture was painted on the plate, and whether it shows enough to tell."""

from __future__ import annotations

import numpy as np

from stcolor_core.arrays import Mask, Plane
from stcolor_core.method.registration.alignment import local_contrast

__all__ = ["has_texture", "is_exact"]

# L*: at most this much in half of the pixels, and in 99 % of them, if the keyframe was painted on the plate. A next
# frame of a shot that hardly moves has more; rounding to 8 bits less.
_EXACT_MEDIAN, _EXACT_MOST = 0.3, 2.0
_LEAST_TEXTURE = 0.02  # mean square of local contrast, about 0.5 in pictures; a wall with fine grain has less


def is_exact(key: Plane, lightness: Plane, known: Mask) -> bool:
    """Return whether a keyframe was painted on the plate.

    Args:
        key: Its L*, shape (H, W), 0..100.
        lightness: The plate's L*, shape (H, W), 0..100.
        known: Pixels to compare, shape (H, W), bool; at least one.
    """
    apart = np.abs(key - lightness)[known]
    return bool(np.percentile(apart, 99) <= _EXACT_MOST and np.median(apart) <= _EXACT_MEDIAN)


def has_texture(lightness: Plane, known: Mask) -> bool:
    """Return whether a picture shows enough to tell where it belongs.

    Args:
        lightness: L*, shape (H, W), 0..100.
        known: Pixels that count, shape (H, W), bool; at least one.
    """
    return float(np.square(local_contrast(lightness, known)[known]).mean()) > _LEAST_TEXTURE

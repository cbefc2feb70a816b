"""The nearest pixel of a mask, to fill what lies around it."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from stcolor_core.arrays import Mask

__all__ = ["nearest_in"]


def nearest_in(mask: Mask) -> NDArray[np.intp]:
    """Return the nearest pixel of a mask for each pixel, as an index into the flattened picture, shape (H, W).

    Args:
        mask: Shape (H, W), bool; at least one pixel.
    """
    _, label = cv2.distanceTransformWithLabels(
        np.asarray(~mask, np.uint8), cv2.DIST_L2, cv2.DIST_MASK_5, labelType=cv2.DIST_LABEL_PIXEL
    )
    place_of = np.zeros(int(label.max()) + 1, np.intp)  # a label is a pixel of the mask
    place_of[label[mask]] = np.flatnonzero(mask)
    return np.asarray(place_of[label], np.intp)

"""Keyframes whose channels are in another order, or do not lie on each other.

Red and blue change places where a program takes BGR for RGB. A channel slips where colour separations, or the fields of
a scan, are put together a few pixels off. Both are told by luminance, to which each channel adds another share: they
are undone only if nearly nothing of the difference from the plate is left.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import permutations

import cv2
import numpy as np
from numpy.typing import NDArray

from stcolor_core.arrays import Image, Mask, Plane
from stcolor_core.images.color import lab_to_linear, lightness, linear_to_lab, srgb_decode, srgb_encode
from stcolor_core.method.registration.alignment import find_alignment
from stcolor_core.method.registration.painted import differences_of, explains

__all__ = ["ChannelOrder", "SlippedChannels", "find_channel_order", "find_slipped_channels"]

_NAMES = "RGB"
_LEAST_SLIP = 0.4 / 216  # of the height, between two channels; a lens that spreads colours has less
_MOST_SLIP = 0.05
_SIGMAS = (0.0, 1.0, 3.0)  # px of a mean around each pixel, in which compression cancels out
# Of the difference of L*, the most that is left, and the least that is gained: channels that are found to lie apart are
# proof by themselves, and compression of what lay apart leaves more than that of a good picture.
_EXPLAINS, _LEAST_GAIN = 0.75, 0.3
# Length of the mean a*, b* as a share of the mean chroma: sepia has 0.99 and more, 60 of 61 clips 0.983 at most.
_ONE_HUE = 0.985
_MOST_MISFIT = 0.5  # of a channel that can be told where it lies; a channel that is flat has more


@dataclass(frozen=True)
class ChannelOrder:
    """The order of a picture's channels.

    Attributes:
        order: Which of the picture's channels are red, green and blue.
    """

    order: tuple[int, int, int]

    @property
    def name(self) -> str:
        """Return what was done, as it is said to the artist."""
        given = "".join(_NAMES[self.order.index(channel)] for channel in range(3))
        return f"its channels, which are in the order {given}, put in that of RGB"

    def apply(self, lab: Image) -> Image:
        """Return a picture with its channels in the right order.

        Args:
            lab: CIELAB, shape (H, W, 3), at any size.
        """
        return np.asarray(linear_to_lab(lab_to_linear(lab)[..., self.order]), np.float32)


@dataclass(frozen=True)
class SlippedChannels:
    """Where the channels of a picture lie.

    Attributes:
        shifts: How far to the right and down red, green and blue lie, in parts of the picture's height.
    """

    shifts: tuple[tuple[float, float], ...]

    @property
    def name(self) -> str:
        """Return what was done, as it is said to the artist."""
        return "its channels, which lay beside each other, put on each other"

    def apply(self, lab: Image) -> Image:
        """Return a picture with its channels where they belong.

        Args:
            lab: CIELAB, shape (H, W, 3), at any size.
        """
        height, width = lab.shape[:2]
        moved = [
            cv2.warpAffine(
                np.ascontiguousarray(channel),
                np.array([[1.0, 0.0, x * height], [0.0, 1.0, y * height]]),
                (width, height),
                flags=cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP,
                borderMode=cv2.BORDER_REPLICATE,
            )
            for channel, (x, y) in zip(np.moveaxis(_codes(lab), -1, 0), self.shifts, strict=True)
        ]
        return np.asarray(linear_to_lab(srgb_decode(np.stack(moved, axis=-1)).astype(np.float32)), np.float32)


def find_channel_order(lab: Image, plate: Plane, known: Mask) -> ChannelOrder | None:
    """Return the order of a keyframe's channels; None if it is red, green and blue, or nothing tells.

    Args:
        lab: The keyframe in CIELAB, shape (H, W, 3).
        plate: The plate's L*, shape (H, W), 0..100.
        known: Pixels to compare, shape (H, W), bool; at least one.
    """
    linear = lab_to_linear(lab)
    others = [ChannelOrder((r, g, b)) for r, g, b in permutations(range(3)) if (r, g, b) != (0, 1, 2)]
    pictures = [linear_to_lab(linear[..., other.order])[..., 0] for other in others]
    differences = [plane - plate for plane in (lab[..., 0], *pictures)]
    for sigma in _SIGMAS:
        before, *left = differences_of(differences, known, sigma)
        best = min(range(len(others)), key=lambda index: left[index])
        if explains(left[best], before):
            return None if _are_of_one_hue(lab, known) else others[best]
    return None


def find_slipped_channels(lab: Image, plate: Plane, known: Mask) -> SlippedChannels | None:
    """Return where the channels of a keyframe lie; None if they lie on each other, or nothing tells.

    Args:
        lab: The keyframe in CIELAB, shape (H, W, 3).
        plate: The plate's L*, shape (H, W), 0..100.
        known: Pixels to compare, shape (H, W), bool; at least one.
    """
    codes = _codes(lab)
    shifts = []
    for index in range(3):
        channel = np.ascontiguousarray(lightness(srgb_decode(codes[..., index])), np.float32)
        found = find_alignment(plate, channel, known, only_shift=True)
        if found.misfit > _MOST_MISFIT:
            return None
        shifts.append(found.matrix[:, 2] / len(plate))
    apart = max(float(np.linalg.norm(a - b)) for a in shifts for b in shifts)
    if not _LEAST_SLIP < apart < _MOST_SLIP:
        return None
    slipped = SlippedChannels(tuple((float(x), float(y)) for x, y in shifts))
    differences = [lab[..., 0] - plate, slipped.apply(lab)[..., 0] - plate]
    for sigma in _SIGMAS:
        before, left = differences_of(differences, known, sigma)
        if explains(left, before) or left[0] <= min(_EXPLAINS * before[0], before[0] - _LEAST_GAIN):
            return slipped
    return None


def _are_of_one_hue(lab: Image, known: Mask) -> bool:
    """Return whether nearly all colours have one hue, as in sepia: then another order is only more or less light."""
    ab = lab[known][:, 1:].astype(np.float64)
    return float(np.linalg.norm(ab.sum(axis=0))) > _ONE_HUE * float(np.linalg.norm(ab, axis=1).sum())


def _codes(lab: Image) -> NDArray[np.float32]:
    return np.asarray(srgb_encode(np.maximum(lab_to_linear(lab), 0)), np.float32)

"""A frame coloured at working size: what propagation yields."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace

import numpy as np

from stcolor_core.arrays import Chroma, FlowField, Mask, Plane
from stcolor_core.method.tracking.instance import Instances

__all__ = ["ColoredFrame", "keep_in_gamut"]


@dataclass(frozen=True)
class ColoredFrame:
    """A frame coloured at working size.

    Attributes:
        frame: Frame number.
        lightness: L*, shape (H, W), 0..100.
        ab: a* and b*, shape (H, W, 2).
        confidence: Confidence in the colour, shape (H, W), 0..1.
        tracked: Share of the colour that was tracked, not reacquired, shape (H, W), 0..1.
        source: Frame number of the reference that contributed most, shape (H, W), float32; -1 for a still or none.
        displacement: To the nearest tracked reference, shape (H, W, 2), px (x, y); None if none was tracked.
        mattes: The tracked instances; None if instances are off.
        fallback: Share of grid positions, 0..1, that lost their track because no position was allowed.
        in_gamut: Where the colour is to stay within what Rec.709 can show, shape (H, W), bool; None for nowhere.
    """

    frame: int
    lightness: Plane
    ab: Chroma
    confidence: Plane
    tracked: Plane
    source: Plane
    displacement: FlowField | None
    mattes: Instances | None
    fallback: float
    in_gamut: Mask | None = None

    def to_host(self) -> ColoredFrame:
        """Return the frame itself: it is in the computer's memory."""
        return self


def keep_in_gamut(colored: ColoredFrame, references: Collection[int]) -> ColoredFrame:
    """Return a frame of which the colour that comes from some references is to stay within what Rec.709 can show.

    Args:
        colored: The frame.
        references: The references' frame numbers.
    """
    return replace(colored, in_gamut=np.isin(colored.source, list(references)))

"""A clip of known colour in memory, as evaluation and training see it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from stcolor_core.evaluation.dataset import DatasetSequence
from stcolor_core.images.color import linear_to_lab, srgb_decode
from stcolor_core.method.matching import Keyframe
from stcolor_core.method.tracking.instance import Instances

__all__ = ["Clip"]


@dataclass(frozen=True)
class Clip:
    """A sequence in memory; the `Footage` that propagation asks.

    rgb: (H, W, 3) sRGB 0..1; lightness: (H, W); ab: (H, W, 2).
    """

    rgb: list[np.ndarray]
    lightnesses: list[np.ndarray]
    ab: list[np.ndarray]
    masks: list[np.ndarray] | None
    stills: tuple[Keyframe, ...] = ()

    @classmethod
    def of(cls, rgb: list[np.ndarray], masks: list[np.ndarray] | None = None) -> Clip:
        """The clip of some pictures (H, W, 3), sRGB 0..1."""
        labs = [linear_to_lab(srgb_decode(picture)) for picture in rgb]
        return cls(
            rgb,
            [np.ascontiguousarray(lab[..., 0], np.float32) for lab in labs],
            [np.ascontiguousarray(lab[..., 1:], np.float32) for lab in labs],
            masks,
        )

    @classmethod
    def load(cls, sequence: DatasetSequence, count: int | None) -> Clip:
        """The first `count` frames of a sequence, or all."""
        frames = range(min(len(sequence), count or len(sequence)))
        masks = None if sequence.masks is None else [sequence.mask(index) for index in frames]
        return cls.of([sequence.rgb(index) for index in frames], masks)

    def lightness(self, frame: int) -> np.ndarray:
        """(H, W) L*."""
        return self.lightnesses[frame]

    def instances(self, frame: int) -> Instances | None:
        """The true foreground as the one instance; None without masks."""
        if self.masks is None:
            return None
        return Instances(
            self.masks[frame][None].astype(np.float32), np.zeros(1, np.int32), np.ones(1, np.float32), ("foreground",)
        )

    def keyframe(self, frame: int) -> Keyframe:
        """The true colour of a frame."""
        return Keyframe(self.lightnesses[frame], self.ab[frame], self.instances(frame))

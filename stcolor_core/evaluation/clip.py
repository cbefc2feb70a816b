"""A clip of known colour in memory, for evaluation and training."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from stcolor_core.arrays import Chroma, Image, Mask, Plane
from stcolor_core.evaluation.dataset import DatasetSequence
from stcolor_core.images.color import linear_to_lab, srgb_decode
from stcolor_core.method.references import Keyframe
from stcolor_core.method.tracking.instance import Instances

__all__ = ["Clip"]


@dataclass(frozen=True)
class Clip:
    """A sequence in memory. It is the `Footage` that propagation reads.

    Attributes:
        rgb: sRGB of each frame, (H, W, 3), 0..1.
        lightnesses: L* of each frame, (H, W), 0..100.
        ab: a* and b* of each frame, (H, W, 2).
        masks: The foreground of each frame, (H, W) bool; None without masks.
        stills: Reference pictures that are not frames of the clip.
        objects: The masks of each frame's objects by name, (H, W) bool; None if `masks` are of a single object.
    """

    rgb: list[Image]
    lightnesses: list[Plane]
    ab: list[Chroma]
    masks: list[Mask] | None
    stills: tuple[Keyframe, ...] = ()
    objects: list[dict[str, Mask]] | None = None

    @classmethod
    def from_rgb(
        cls, rgb: list[Image], masks: list[Mask] | None = None, objects: list[dict[str, Mask]] | None = None
    ) -> Clip:
        """Return the clip of some pictures.

        Args:
            rgb: sRGB of each frame, (H, W, 3), 0..1.
            masks: The foreground of each frame, (H, W) bool; None if it is not known.
            objects: The masks of each frame's objects by name; None if `masks` are of a single object.
        """
        labs = [linear_to_lab(srgb_decode(picture)) for picture in rgb]
        return cls(
            rgb,
            [np.ascontiguousarray(lab[..., 0], np.float32) for lab in labs],
            [np.ascontiguousarray(lab[..., 1:], np.float32) for lab in labs],
            masks,
            objects=objects,
        )

    @classmethod
    def load(cls, sequence: DatasetSequence, count: int | None) -> Clip:
        """Return the first frames of a sequence as a clip.

        Args:
            sequence: The sequence to read.
            count: How many frames to read; None for all. A shorter sequence is read to its end.
        """
        frames = range(min(len(sequence), count or len(sequence)))
        masks = None if sequence.masks is None else [sequence.mask(index) for index in frames]
        objects = None if sequence.masks is None else [sequence.objects(index) for index in frames]
        return cls.from_rgb([sequence.rgb(index) for index in frames], masks, objects)

    def lightness(self, frame: int) -> Plane:
        """Return L* of a frame, (H, W).

        Args:
            frame: Frame index, from 0.
        """
        return self.lightnesses[frame]

    def has_matte(self, frame: int) -> bool:  # noqa: ARG002  (part of the protocol)
        """Return whether the frames have masks, which count as mattes.

        Args:
            frame: Frame index, from 0.
        """
        return self.masks is not None

    def instances(self, frame: int) -> Instances | None:
        """Return the true objects as instances, or None without masks.

        Args:
            frame: Frame index, from 0.
        """
        if self.masks is None:
            return None
        objects = {"foreground": self.masks[frame]} if self.objects is None else self.objects[frame]
        shape = (len(objects), *self.masks[frame].shape)
        masks = np.array(list(objects.values()), np.float32).reshape(shape)
        count = len(objects)
        return Instances(masks, np.zeros(count, np.int32), np.ones(count, np.float32), tuple(objects))

    def keyframe(self, frame: int) -> Keyframe:
        """Return a frame with its true colour as a keyframe.

        Args:
            frame: Frame index, from 0.
        """
        return Keyframe(self.lightnesses[frame], self.ab[frame], self.instances(frame))

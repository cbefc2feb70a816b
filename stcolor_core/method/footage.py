"""What propagation reads of a shot."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from stcolor_core.arrays import Plane
from stcolor_core.method.references import Keyframe
from stcolor_core.method.tracking.instance import Instances

__all__ = ["Footage"]


class Footage(Protocol):
    """The pictures of a shot at working size. Its methods are called from several threads."""

    @property
    def stills(self) -> Sequence[Keyframe]:
        """Return the references that are not a frame of the plate."""

    def lightness(self, frame: int) -> Plane:
        """Return the frame's L*, shape (H, W), 0..100.

        Args:
            frame: Frame number.
        """

    def has_matte(self, frame: int) -> bool:
        """Return whether the frame has a matte of the artist's, without reading it. False for detections.

        Args:
            frame: Frame number.
        """

    def instances(self, frame: int) -> Instances | None:
        """Return the frame's instances or mattes; None if it has none.

        Args:
            frame: Frame number.
        """

    def keyframe(self, frame: int) -> Keyframe:
        """Return the reference at a frame.

        Args:
            frame: Frame number of the reference.
        """

"""A shot in memory for benchmarks that need no data: a pan over a textured wall with one keyframe."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np

WORKING_LINES = 432


@dataclass
class Wall:
    """A shot in memory, as the `Footage` of propagation. Frames count from 0, and frame 0 is the keyframe.

    Attributes:
        plates: L* of each frame at plate size, shape (H, W), 0..100.
        pixels: The same frames in linear light, shape (H, W, 1).
        color: a* and b* of the keyframe at working size, shape (h, w, 2), as the only item.
        size: Working size (height, width), px.
        stills: References that are not a frame of the plate: none.
    """

    plates: list[np.ndarray]
    pixels: list[np.ndarray]
    color: list[np.ndarray]
    size: tuple[int, int]
    stills: tuple[Any, ...] = ()

    @classmethod
    def make(cls, width: int, height: int, frames: int) -> Wall:
        """Paint the wall and pan over it by 2 px a frame.

        Args:
            width: Width of the plate in px.
            height: Height of the plate in px; the working height is at most `WORKING_LINES`.
            frames: Number of frames.

        Returns:
            The shot. The same arguments paint the same wall.
        """
        from stcolor_core.images.color import luminance_of

        random = np.random.RandomState(0)
        across = width + 2 * frames

        def paint(cell: int) -> np.ndarray:
            noise = random.uniform(-1, 1, (max(4, height // cell), max(4, across // cell))).astype(np.float32)
            return cv2.resize(cv2.GaussianBlur(noise, (0, 0), 2), (across, height), interpolation=cv2.INTER_CUBIC)

        light, colors = paint(4), np.dstack([paint(40), paint(40)])
        light = np.clip(50 + 18 * light / light.std(), 0, 100)
        colors = 25 * colors / colors.std()
        lines = min(height, WORKING_LINES)
        cuts = [slice(2 * index, 2 * index + width) for index in range(frames)]
        plates = [np.ascontiguousarray(light[:, cut]) for cut in cuts]
        size = (lines, round(width * lines / height))
        key = cv2.resize(colors[:, cuts[0]], size[::-1], interpolation=cv2.INTER_AREA)
        return cls(plates, [luminance_of(plate)[..., None] for plate in plates], [key], size)

    def lightness(self, frame: int) -> np.ndarray:
        """Return the frame's L* at working size, shape (h, w), 0..100.

        Args:
            frame: Frame number, from 0.
        """
        from stcolor_core.images.resizing import resize

        return resize(self.plates[frame], self.size)

    def instances(self, frame: int) -> None:  # noqa: ARG002
        """Return None: the shot has no instances.

        Args:
            frame: Frame number, from 0.
        """
        return None

    def has_matte(self, frame: int) -> bool:  # noqa: ARG002
        """Return False: the shot has no mattes.

        Args:
            frame: Frame number, from 0.
        """
        return False

    def keyframe(self, frame: int) -> Any:
        """Return the `Keyframe` at working size.

        Args:
            frame: Frame number of the keyframe, 0.
        """
        from stcolor_core.method.references import Keyframe

        return Keyframe(self.lightness(frame), self.color[frame])

"""What the suggestion of keyframes needs of a run's frames, kept while they are in memory: no file is read for it."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from stcolor_core.arrays import Plane
from stcolor_core.method.key_coverage import GRID, shrink
from stcolor_core.pipeline.writing import WrittenFrame

__all__ = ["SeenFrame", "SeenFrames", "to_cells"]

_MOST = 500  # frames; a longer shot takes so long to colour that to read some of its files again does not matter


@dataclass(frozen=True)
class SeenFrame:
    """What is kept of a frame.

    Attributes:
        lightness: L* of the plate, as of `key_coverage.shrink`.
        confidence: Mean of each cell, 0..1, shape GRID.
    """

    lightness: Plane
    confidence: NDArray[np.float32]


class SeenFrames:
    """The frames that a run has written so far, or the first of many. For any thread."""

    def __init__(self) -> None:
        self._frames: dict[int, SeenFrame] = {}

    def add(self, written: WrittenFrame) -> None:
        """Keep what is needed of a frame; for `on_written` of `run.colorize`.

        Args:
            written: The frame.
        """
        if len(self._frames) < _MOST:
            confidence = written.rendered.confidence.astype(np.float16).astype(np.float32)  # as in its file
            self._frames[written.rendered.frame] = SeenFrame(shrink(written.plate.lightness), to_cells(confidence))

    def get(self, frame: int) -> SeenFrame | None:
        """Return what is kept of a frame; None if nothing is.

        Args:
            frame: The frame's number.
        """
        return self._frames.get(frame)


def to_cells(confidence: Plane) -> NDArray[np.float32]:
    """Return the mean of each cell of a frame, shape GRID.

    Args:
        confidence: Shape (H, W), 0..1.
    """
    return np.asarray(cv2.resize(confidence, GRID[::-1], interpolation=cv2.INTER_AREA), np.float32)

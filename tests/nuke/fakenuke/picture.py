"""A picture between nodes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Picture"]


@dataclass(frozen=True)
class Picture:
    """size: width, height. channels: (height, width) float32 by name, top row first; a missing one is black."""

    size: tuple[int, int]
    channels: dict[str, NDArray[np.float32]]

    def get(self, name: str) -> NDArray[np.float32]:
        """Return a channel, or black if there is none."""
        width, height = self.size
        return self.channels.get(name, np.zeros((height, width), np.float32))

    def with_channels(self, channels: dict[str, NDArray[np.float32]]) -> Picture:
        """Return the picture with some channels replaced or added."""
        return Picture(self.size, self.channels | channels)

"""A picture between nodes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Picture"]


@dataclass(frozen=True)
class Picture:
    """size: width, height. channels: name -> (height, width) float32, the top row first; what is missing is black."""

    size: tuple[int, int]
    channels: dict[str, NDArray[np.float32]]

    def get(self, name: str) -> NDArray[np.float32]:
        """A channel, black where there is none."""
        width, height = self.size
        return self.channels.get(name, np.zeros((height, width), np.float32))

    def with_channels(self, channels: dict[str, NDArray[np.float32]]) -> Picture:
        """The same with some channels exchanged or added."""
        return Picture(self.size, self.channels | channels)

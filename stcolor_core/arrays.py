"""Names for the arrays that cross module borders. H and W are rows and columns; the last axis holds channels.

They tell a reader the meaning and the shape. A type checker sees the element type alone, since numpy's types have no
shapes yet.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "ByteImage",
    "Chroma",
    "FlowField",
    "Image",
    "LabelMap",
    "Mask",
    "Masks",
    "Pixels",
    "Plane",
    "Vector",
]

Plane: TypeAlias = NDArray[np.float32]
"""(H, W): one value for every pixel, as L*, visibility or confidence."""

Chroma: TypeAlias = NDArray[np.float32]
"""(H, W, 2): a* and b*, or another pair for every pixel."""

Image: TypeAlias = NDArray[np.float32]
"""(H, W, 3): a colour picture, scene-linear or display-encoded as the function says."""

ByteImage: TypeAlias = NDArray[np.uint8]
"""(H, W, 3) or (H, W): an 8-bit picture."""

Pixels: TypeAlias = NDArray[Any]
"""(H, W, C): the channels of a file, in the file's own type."""

FlowField: TypeAlias = NDArray[np.float32]
"""(H, W, 2): displacement (x, y) in pixels, from a target pixel to where it was on the source."""

Mask: TypeAlias = NDArray[np.bool_]
"""(H, W): True where something holds."""

Masks: TypeAlias = NDArray[np.float32]
"""(K, H, W): soft masks of K instances, 0..1."""

LabelMap: TypeAlias = NDArray[np.integer[Any]]
"""(H, W): an index for every pixel; -1 for none."""

Vector: TypeAlias = NDArray[np.float32]
"""(N,): one value for every item of a list."""

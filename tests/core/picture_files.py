"""Pictures to test with, written by OpenImageIO itself."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import OpenImageIO as oiio
from numpy.typing import NDArray

from stcolor_core import plates

__all__ = ["SUFFIXES", "picture", "save", "truncate"]

SUFFIXES = ["exr", "dpx", "tif", "png", "jpg"]


def picture(height: int = 13, width: int = 17, channels: int = 3) -> NDArray[np.float32]:
    """Smooth enough that JPEG keeps it."""
    y, x = np.mgrid[:height, :width] / max(height, width)
    return np.stack([(x + y + 0.1 * c) / 3 for c in range(channels)], axis=-1).astype(np.float32)


def save(
    path: Path,
    pixels: NDArray[Any],
    pixel_type: str = "half",
    *,
    names: tuple[str, ...] | None = None,
    window: plates.Window | None = None,
    origin: tuple[int, int] = (0, 0),
    **attributes: Any,
) -> Path:
    """A picture straight through OpenImageIO; `_` in an attribute's name stands for a colon."""
    height, width, channels = pixels.shape
    spec = oiio.ImageSpec(width, height, channels, pixel_type)
    if names:
        spec.channelnames = names
    spec.x, spec.y = origin
    if window:
        spec.full_x, spec.full_y, spec.full_width, spec.full_height = window
    for name, value in attributes.items():
        kind, value = value if isinstance(value, tuple) else (None, value)
        key = name.replace("_", ":")
        spec.attribute(key, oiio.TypeDesc(kind), value) if kind else spec.attribute(key, value)
    file = oiio.ImageOutput.create(str(path))
    assert file.open(str(path), spec), file.geterror()
    assert file.write_image(pixels), file.geterror()
    assert file.close()
    return path


def truncate(path: Path, share: float) -> Path:
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])
    return path

"""What a rendered frame holds besides its picture: its channels, by name and type."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stcolor_core.images.plates import PixelType, Window
from stcolor_core.method.tracking.instance import Instances
from stcolor_core.pipeline.matte_layers import cryptomatte_layers, stmap

__all__ = ["Frame", "channels"]


@dataclass(frozen=True)
class Frame:
    """A coloured frame at plate size.

    ab: (H, W, 2). confidence, tracked: (H, W) 0..1. source: (H, W), a frame number, -1 for a still or nothing.
    displacement: (h, w, 2) px at working size, None where nothing was tracked. mattes: at working size, None without
    instances.
    """

    frame: int
    ab: NDArray[np.float32]
    confidence: NDArray[np.float32]
    tracked: NDArray[np.float32]
    source: NDArray[np.float32]
    displacement: NDArray[np.float32] | None
    mattes: Instances | None


def channels(
    frame: Frame, *, canvas: Window, display: Window
) -> tuple[dict[str, tuple[NDArray[Any], PixelType]], dict[str, str]]:
    """Channel name -> ((H, W) values over the canvas, type in the file), and the metadata that Cryptomatte channels
    need.

    canvas, display: windows (x, y, width, height) of what is written and of the plate's format, which the STMap refers
    to. The STMap is the identity where nothing was tracked.
    """
    moved = np.zeros((1, 1, 2), np.float32) if frame.displacement is None else frame.displacement
    offset = (display[0] - canvas[0], display[1] - canvas[1], *display[2:])
    u, v = stmap(moved, plate=canvas[2:], display=offset)
    layers: dict[str, tuple[NDArray[Any], PixelType]] = {
        "rc_ab.u": (frame.ab[..., 0], "half"),
        "rc_ab.v": (frame.ab[..., 1], "half"),
        "rc_conf.warp": (frame.confidence, "half"),
        "rc_conf.track": (frame.tracked, "half"),
        "rc_st.u": (u, "float"),
        "rc_st.v": (v, "float"),
        "rc_source.ref": (frame.source, "float"),
    }
    if frame.mattes is None:
        return layers, {}
    names = frame.mattes.names or tuple(f"instance{index}" for index in range(len(frame.mattes.masks)))
    ids, metadata = cryptomatte_layers(frame.mattes.masks, names, size=(canvas[3], canvas[2]))
    layers.update({name: (values, "float") for name, values in ids.items()})
    return layers, metadata

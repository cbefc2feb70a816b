"""The channels that a rendered frame holds besides its picture: ab, confidence, STMap, source and Cryptomatte."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stcolor_core.arrays import FlowField, Pixels, Plane
from stcolor_core.images.pictures import PixelType, Window
from stcolor_core.method.tracking.instance import Instances
from stcolor_core.pipeline.matte_layers import cryptomatte_layers, stmap
from stcolor_core.shots.output import LAYERS, Layer

__all__ = ["RenderedFrame", "make_channels"]


@dataclass(frozen=True)
class RenderedFrame:
    """A coloured frame at plate size.

    Attributes:
        frame: The frame's number.
        ab: (H, W, 2), a* and b* on the canvas. From a device it may be in half precision, as may the next two.
        confidence: (H, W), 0..1.
        tracked: (H, W), share of the colour that was tracked from the keyframe and not reacquired by features, 0..1.
        source: (H, W), number of the reference frame that gave the colour; -1 for a still or no source.
        displacement: (h, w, 2), pixels at working size, to the reference; None if nothing was tracked.
        mattes: Masks of the instances at working size; None if there are none.
        rgb: (H, W, 3), the plate with the colour, if the device has composed it; its canvas is the frame's data window.
    """

    frame: int
    ab: NDArray[np.floating[Any]]
    confidence: NDArray[np.floating[Any]]
    tracked: NDArray[np.floating[Any]]
    source: Plane
    displacement: FlowField | None
    mattes: Instances | None
    rgb: NDArray[np.float16] | None = None


def make_channels(
    frame: RenderedFrame, *, canvas: Window, display: Window, wanted: Collection[Layer] = LAYERS
) -> tuple[dict[str, tuple[Pixels, PixelType]], dict[str, str]]:
    """Make the channels of a frame's file, without its picture.

    Args:
        frame: The frame at plate size.
        canvas: Window that the values cover: x, y, width, height.
        display: The plate's format, to which the STMap refers: x, y, width, height.
        wanted: The layers to make; the others cost nothing.

    Returns:
        Channel name -> ((H, W) values over the canvas, type in the file), and the metadata of the Cryptomatte channels.
        The STMap is the identity if nothing was tracked.
    """
    channels: dict[str, tuple[Pixels, PixelType]] = {}
    metadata: dict[str, str] = {}
    if "rc_ab" in wanted:
        channels |= {"rc_ab.u": (frame.ab[..., 0], "half"), "rc_ab.v": (frame.ab[..., 1], "half")}
    if "rc_conf" in wanted:
        channels |= {"rc_conf.warp": (frame.confidence, "half"), "rc_conf.track": (frame.tracked, "half")}
    if "rc_st" in wanted:
        displacement = np.zeros((1, 1, 2), np.float32) if frame.displacement is None else frame.displacement
        offset = (display[0] - canvas[0], display[1] - canvas[1], *display[2:])
        u, v = stmap(displacement, plate=canvas[2:], display=offset)
        # float: half is off by up to 0.09 pixels at a width of 384, by 0.46 at 1920 and by 0.99 at 4096
        channels |= {"rc_st.u": (u, "float"), "rc_st.v": (v, "float")}
    if "rc_source" in wanted:
        channels["rc_source.ref"] = frame.source, "float"
    if "rc_id" in wanted and frame.mattes is not None:
        names = frame.mattes.names or tuple(f"instance{index}" for index in range(len(frame.mattes.masks)))
        ids, metadata = cryptomatte_layers(frame.mattes.masks, names, size=(canvas[3], canvas[2]))
        channels |= {name: (values, "float") for name, values in ids.items()}
    return channels, metadata

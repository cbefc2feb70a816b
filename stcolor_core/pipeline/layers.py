"""The channels that a rendered frame holds besides its picture: ab, confidence, STMap, source and Cryptomatte."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from stcolor_core.arrays import Chroma, FlowField, Plane
from stcolor_core.images.pictures import PixelType, Window
from stcolor_core.method.tracking.instance import Instances
from stcolor_core.pipeline.matte_layers import cryptomatte_layers, stmap

__all__ = ["RenderedFrame", "make_channels"]


@dataclass(frozen=True)
class RenderedFrame:
    """A coloured frame at plate size.

    Attributes:
        frame: The frame's number.
        ab: (H, W, 2), a* and b* on the canvas.
        confidence: (H, W), 0..1.
        tracked: (H, W), share of the colour that was tracked from the keyframe and not reacquired by features, 0..1.
        source: (H, W), number of the reference frame that gave the colour; -1 for a still or no source.
        displacement: (h, w, 2), pixels at working size, to the reference; None if nothing was tracked.
        mattes: Masks of the instances at working size; None if there are none.
    """

    frame: int
    ab: Chroma
    confidence: Plane
    tracked: Plane
    source: Plane
    displacement: FlowField | None
    mattes: Instances | None


def make_channels(
    frame: RenderedFrame, *, canvas: Window, display: Window
) -> tuple[dict[str, tuple[Plane, PixelType]], dict[str, str]]:
    """Make the channels of a frame's file, without its picture.

    Args:
        frame: The frame at plate size.
        canvas: Window that the values cover: x, y, width, height.
        display: The plate's format, to which the STMap refers: x, y, width, height.

    Returns:
        Channel name -> ((H, W) values over the canvas, type in the file), and the metadata of the Cryptomatte channels.
        The STMap is the identity if nothing was tracked.
    """
    displacement = np.zeros((1, 1, 2), np.float32) if frame.displacement is None else frame.displacement
    offset = (display[0] - canvas[0], display[1] - canvas[1], *display[2:])
    u, v = stmap(displacement, plate=canvas[2:], display=offset)
    layers: dict[str, tuple[Plane, PixelType]] = {
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

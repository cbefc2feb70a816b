"""The colour conversion of Reads and Writes: Nuke's own curves, or OpenColorIO if the script uses it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from .nodes import Node

__all__ = ["choices", "decode", "encode"]

Channels = dict[str, NDArray[np.float32]]

_RGB = ("rgba.red", "rgba.green", "rgba.blue")


def choices(node: Node) -> list[str]:
    """Return the colour spaces that a Read or Write of this script offers."""
    from .node_classes import LUTS

    root = node._session.root
    if root["colorManagement"].value() != "OCIO":
        return list(LUTS)
    config = _config(node)
    return ["default", *config.getRoleNames(), *config.getColorSpaceNames()]


def decode(node: Node, channels: Channels, *, integer: bool) -> Channels:
    """Convert red, green and blue of a Read to scene-linear."""
    return _converted(node, channels, integer=integer, direction=0)


def encode(node: Node, channels: Channels, *, integer: bool) -> Channels:
    """Convert red, green and blue of a Write to the encoding of its file."""
    return _converted(node, channels, integer=integer, direction=1)


def _converted(node: Node, channels: Channels, *, integer: bool, direction: int) -> Channels:
    if node["raw"].value():
        return channels
    space = node["colorspace"].value()
    root = node._session.root
    if space == "default":
        space = root["int8Lut" if integer else "floatLut"].value()
    if root["colorManagement"].value() == "OCIO":
        return _by_ocio(node, channels, space, direction)
    if space == "linear":
        return channels
    if space != "sRGB":
        raise NotImplementedError(f"the fake has no curve for {space}")
    from stcolor_core.images import color  # imported here, since the fake also runs without it

    curve = color.srgb_encode if direction else color.srgb_decode
    return {**channels, **{name: curve(channels[name]).astype(np.float32) for name in _RGB if name in channels}}


def _by_ocio(node: Node, channels: Channels, space: str, direction: int) -> Channels:
    ends = [space, node._session.root["workingSpaceLUT"].value()]
    processor = _config(node).getProcessor(*ends[:: -1 if direction else 1]).getDefaultCPUProcessor()
    present = [name for name in _RGB if name in channels]
    if len(present) < 3:
        return channels
    pixels = np.ascontiguousarray(np.stack([channels[name] for name in _RGB], axis=-1))
    processor.applyRGB(pixels)
    return channels | {name: np.ascontiguousarray(pixels[..., index]) for index, name in enumerate(_RGB)}


def _config(node: Node) -> Any:
    import PyOpenColorIO as ocio  # as above

    root = node._session.root
    if root["OCIO_config"].value() == "custom":
        return ocio.Config.CreateFromFile(root["customOCIOConfigPath"].evaluate())
    return ocio.Config.CreateFromBuiltinConfig("cg-config-v2.1.0_aces-v1.3_ocio-v2.3")

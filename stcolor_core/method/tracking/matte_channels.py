"""A picture with mattes: its windows, and which of its channels are masks and which its main picture."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from stcolor_core.arrays import Pixels, Plane
from stcolor_core.images.cryptomatte import Coverage

__all__ = ["MattePicture", "Window", "Windows", "coverage_of_planes", "find_main_channels", "find_mask_channels"]

Window = tuple[int, int, int, int]

_MAIN = {"r": 0, "red": 0, "g": 1, "green": 1, "b": 2, "blue": 2, "y": 0, "a": 3, "alpha": 3}
_TECHNICAL = re.compile(r"depth|forward|backward|motion|disparity.*|rc_.*|.*crypto.*|z|ry|by|u|v", re.IGNORECASE)
_MASK_LAYER = re.compile(r"mask|matte|roto", re.IGNORECASE)


class Windows(Protocol):
    """The windows of a picture, as in `pictures.Header`. A window is (x, y, width, height) in pixels, y downwards."""

    @property
    def data_window(self) -> Window:
        """Return the window that has pixels."""

    @property
    def display_window(self) -> Window:
        """Return the window of the format."""


class MattePicture(Windows, Protocol):
    """A picture to read a matte from, as `pictures.Picture`."""

    @property
    def path(self) -> Path:
        """Return the file, for names and sidecar manifests."""

    @property
    def label(self) -> str:
        """Return how messages name the picture."""

    @property
    def pixels(self) -> Pixels:
        """Return the data window's pixels, (H, W, C) float32, finite, as encoded in the file; integers as 0..1."""

    @property
    def channels(self) -> Sequence[str]:
        """Return the C channel names, "layer.channel" or "channel"."""

    @property
    def metadata(self) -> Mapping[str, Any]:
        """Return the file's attributes by name."""

    @property
    def pixel_type(self) -> str:
        """Return the type in the file, such as uint8, half or float."""


def find_mask_channels(channels: Sequence[str]) -> dict[str, int]:
    """Return the name and index of each mask channel outside the main picture.

    Args:
        channels: The picture's channel names, "layer.channel" or "channel".
    """
    layers: dict[str, dict[str, int]] = {}
    for index, channel in enumerate(channels):
        layer, _, name = channel.rpartition(".")
        layers.setdefault(layer, {})[name] = index
    masks = {name: index for name, index in layers.pop("", {}).items() if name.lower() not in _MAIN}
    for layer, members in layers.items():
        alpha = [index for name, index in members.items() if name.lower() in ("a", "alpha")]
        if alpha or len(members) == 1:
            masks[layer] = alpha[0] if alpha else next(iter(members.values()))
        elif _MASK_LAYER.search(layer):
            masks.update({f"{layer}.{name}": index for name, index in members.items()})
    return {name: index for name, index in masks.items() if not _TECHNICAL.fullmatch(name)}


def find_main_channels(channels: Sequence[str]) -> tuple[list[int], int | None]:
    """Return the channel indices of the main picture: of red, green and blue or of luma, and of alpha.

    Args:
        channels: The picture's channel names.
    """
    indices = {_MAIN[name.lower()]: index for index, name in enumerate(channels) if name.lower() in _MAIN}
    return [indices[color] for color in (0, 1, 2) if color in indices], indices.get(3)


def coverage_of_planes(planes: Mapping[str, Plane]) -> Coverage:
    """Return masks as instances; values are clipped to 0..1.

    Args:
        planes: The masks by name, shape (H, W) each.
    """
    flat = [np.clip(plane, 0.0, 1.0).ravel() for plane in planes.values()]
    covered = [np.flatnonzero(plane) for plane in flat]
    amounts = [plane[pixels] for plane, pixels in zip(flat, covered, strict=True)]
    return Coverage(
        names=list(planes),
        place=np.concatenate([*covered, np.empty(0, np.int64)]),
        label=np.repeat(np.arange(len(covered)), [len(pixels) for pixels in covered]),
        amount=np.concatenate([np.empty(0, np.float32), *amounts]),
    )

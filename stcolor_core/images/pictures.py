"""A picture in memory, and the header of its file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import OpenImageIO as oiio

from stcolor_core.arrays import Mask, Pixels
from stcolor_core.images.picture_names import name_picture

__all__ = ["LARGEST_HALF", "Header", "Picture", "PixelType", "Window"]

Window = tuple[int, int, int, int]
"""(x, y, width, height), y downwards."""
PixelType = Literal["half", "float"]
LARGEST_HALF = 65504.0


@dataclass(frozen=True, kw_only=True, eq=False)
class Header:
    """The header of a picture file.

    Attributes:
        path: The file.
        frame: Its frame number in the plate, for error messages; None if it is not a frame of the plate.
        channels: Channel names as in the file.
        data_window: (x, y, width, height) of the stored pixels, y downwards.
        display_window: (x, y, width, height) of the format, y downwards.
        metadata: Attribute name -> value as a number, a text or a tuple.
        metadata_types: Attribute name -> its OpenImageIO type, so that for example a timecode can be written as one.
        file_format: openexr, dpx, cineon, tiff, png, jpeg or jpeg2000.
        pixel_type: The widest type in the file, such as uint8, half or float.
        layer: Name of the layer that is read; "" for bare channels.
        layers: Names of all layers that hold a picture, the preferred one first; of all layers if none holds a picture.
        picture_channels: Names of the layer's R, G and B, or of its single grey channel.
        alpha_channel: Name of the layer's alpha; None if it has none.
        encoding: Of a frame of a movie, what its tags say of its colour (`movies.color.ColorTags.to_text`); "" for
            pictures.
        color_tag: What the file itself says of its colour space (`color_tags.read_tag`); "" for nothing.
        orientation: How viewers turn it, by Exif's numbers; 1 for not at all. Pixels are used as they are stored.
        role: What it is to the shot if it is no frame of the plate, such as "Reference 1050", for messages; "" if that
            is not said.
    """

    path: Path
    frame: int | None
    channels: tuple[str, ...]
    data_window: Window
    display_window: Window
    metadata: Mapping[str, Any]
    metadata_types: Mapping[str, oiio.TypeDesc]
    file_format: str
    pixel_type: str
    layer: str
    layers: tuple[str, ...]
    picture_channels: tuple[str, ...]
    alpha_channel: str | None = None
    encoding: str = ""
    color_tag: str = ""
    orientation: int = 1
    role: str = ""

    @property
    def label(self) -> str:
        """Return how messages name the picture."""
        return name_picture(self.path, self.frame, self.role)

    @property
    def shape(self) -> tuple[int, int]:
        """Return the height and width of the data window."""
        return self.data_window[3], self.data_window[2]


@dataclass(frozen=True, kw_only=True, eq=False)
class Picture(Header):
    """A picture in memory.

    Attributes:
        pixels: Values over the data window in the file's own encoding, shape (H, W, C), float32, all finite. Integers
            are scaled to 0..1.
        nonfinite: Number of pixels that held NaN (replaced by 0) or infinity (replaced by the largest half, +-65504).
        broken: Mask of these pixels, shape (H, W); None if there are none.
    """

    pixels: Pixels = field(repr=False)
    nonfinite: int
    broken: Mask | None = field(repr=False)

"""Convert between the planes of a video frame and R, G and B (ITU-T H.273, equations 20 to 43), in float32.

Nothing is clipped on reading: codes below black and above white become values below 0 and above 1. A grey pixel has
three equal values, to the bit.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stcolor_core.arrays import Pixels
from stcolor_core.movies.color import ColorTags, luma_weights

__all__ = ["PixelFormat", "frame_to_pixels", "pixels_to_frame"]

Array = NDArray[Any]

_PLANAR = re.compile(r"(yuvj?|yuva)(420|422|444|440|411|410)p(9|10|12|14|16)?(le)?|(gbra?p)(9|10|12|14|16)?(le)?")
_GREY = re.compile(r"gray(9|10|12|14|16)?(le)?")
# Packed layouts and their planar equals, into which FFmpeg copies them without a change of value.
_REPACKED = {
    **dict.fromkeys(("nv12", "nv21"), "yuv420p"),
    **dict.fromkeys(("yuyv422", "uyvy422", "yvyu422", "nv16"), "yuv422p"),
    **dict.fromkeys(("rgb24", "bgr24", "rgb0", "bgr0", "0rgb", "0bgr", "rgba", "bgra", "argb", "abgr"), "gbrp"),
    **dict.fromkeys(("rgb48le", "rgb48be", "bgr48le", "bgr48be", "rgba64le", "rgba64be"), "gbrp16le"),
    **dict.fromkeys(("p010le", "p010be"), "yuv420p10le"),
    **dict.fromkeys(("p210le", "y210le"), "yuv422p10le"),
    **dict.fromkeys(("monow", "monob", "ya8"), "gray"),
}
_CHROMA = {"420": (2, 2), "422": (1, 2), "444": (1, 1), "440": (2, 1), "411": (1, 4), "410": (4, 4)}


@dataclass(frozen=True)
class PixelFormat:
    """How a frame stores its pixels.

    Attributes:
        name: FFmpeg's name of the planar layout that is read.
        kind: "yuv", "rgb" or "grey".
        bits: Bits of a value.
        rows: Rows of the picture for each row of chroma; 1 for other kinds than "yuv".
        columns: The same for columns.
        full_range: Whether the name itself says that the range is full.
    """

    name: str
    kind: str
    bits: int
    rows: int = 1
    columns: int = 1
    full_range: bool = False

    @classmethod
    def parse(cls, name: str) -> PixelFormat | None:
        """Return the planar layout with which frames of a layout are read; None if they cannot be read exactly.

        Args:
            name: FFmpeg's name of the layout.
        """
        name = _REPACKED.get(name, name)
        if name.endswith("be"):
            name = f"{name[:-2]}le"
        if match := _GREY.fullmatch(name):
            return cls(name, "grey", int(match[1] or 8))
        match = _PLANAR.fullmatch(name)
        if match is None:
            return None
        if match[5]:
            return cls(name, "rgb", int(match[6] or 8))
        rows, columns = _CHROMA[match[2]]
        return cls(name, "yuv", int(match[3] or 8), rows, columns, full_range=match[1] == "yuvj")


def frame_to_pixels(frame: Any, layout: PixelFormat, tags: ColorTags) -> Pixels:
    """Return the pixels of a decoded frame.

    Chroma of lower resolution is interpolated linearly, from the position that MPEG-2, H.264 and ProRes give it: on the
    left column, between the rows.

    Args:
        frame: PyAV's frame.
        layout: Its layout.
        tags: The movie's colour; its matrix must have `luma_weights`, or be 0.

    Returns:
        (H, W, 3), or (H, W, 1) for grey; float32, 0..1 from black to white.
    """
    if frame.format.name != layout.name:
        frame = frame.reformat(format=layout.name)
    height, width = frame.height, frame.width
    black, span, chroma_span = _levels(layout.bits, full=tags.full_range)
    luma = (_plane(frame, 0, layout.bits) - np.float32(black)) / np.float32(span)
    if layout.kind == "grey":
        return luma[..., None]
    if layout.kind == "rgb":  # the planes are G, B, R
        blue, red = ((_plane(frame, place, layout.bits) - np.float32(black)) / np.float32(span) for place in (1, 2))
        return np.stack([red, luma, blue], axis=-1)
    middle = 1 << (layout.bits - 1)
    codes = [_plane(frame, place, layout.bits) for place in (1, 2)]
    if all((plane == middle).all() for plane in codes):  # a grey frame, as most plates are
        return np.repeat(luma[..., None], 3, axis=-1)
    cb, cr = (
        _enlarge((plane - np.float32(middle)) / np.float32(chroma_span), layout, (height, width)) for plane in codes
    )
    red_weight, blue_weight = luma_weights(tags.matrix) or (0.2126, 0.0722)
    green_weight = 1 - red_weight - blue_weight
    pixels = np.empty((height, width, 3), np.float32)
    pixels[..., 0] = luma + np.float32(2 * (1 - red_weight)) * cr
    pixels[..., 2] = luma + np.float32(2 * (1 - blue_weight)) * cb
    shift = np.float32(2 * (1 - blue_weight) * blue_weight / green_weight) * cb
    shift += np.float32(2 * (1 - red_weight) * red_weight / green_weight) * cr
    pixels[..., 1] = luma - shift
    return pixels


def pixels_to_frame(pixels: Pixels, layout: PixelFormat, tags: ColorTags, frame: Any) -> None:
    """Write pixels into the planes of a new frame; the inverse of `frame_to_pixels`, rounded and clipped to the codes.

    Limited range keeps values below black and above white, as far as there are codes for them.

    Args:
        pixels: (H, W, 3), 0..1 from black to white.
        layout: The layout of the frame.
        tags: The colour of the movie.
        frame: PyAV's frame of that layout and size.
    """
    black, span, chroma_span = _levels(layout.bits, full=tags.full_range)
    if layout.kind == "grey":
        _fill(frame, 0, pixels.mean(axis=-1) * span + black, layout, full=tags.full_range)
        return
    red, green, blue = (pixels[..., place] for place in range(3))
    if layout.kind == "rgb":
        for place, plane in enumerate((green, blue, red)):
            _fill(frame, place, plane * span + black, layout, full=tags.full_range)
        return
    red_weight, blue_weight = luma_weights(tags.matrix) or (0.2126, 0.0722)
    luma = green + np.float32(red_weight) * (red - green) + np.float32(blue_weight) * (blue - green)
    _fill(frame, 0, luma * span + black, layout, full=tags.full_range)
    middle = 1 << (layout.bits - 1)
    for place, (plane, weight) in enumerate(((blue, blue_weight), (red, red_weight)), 1):
        difference = _reduce((plane - luma) / np.float32(2 * (1 - weight)), layout)
        _fill(frame, place, difference * chroma_span + middle, layout, full=tags.full_range)


def _levels(bits: int, *, full: bool) -> tuple[int, int, int]:
    """Return black, the steps from black to white, and those from the least chroma to the largest."""
    if full:
        return 0, (1 << bits) - 1, (1 << bits) - 1
    scale = 1 << (bits - 8)
    return 16 * scale, 219 * scale, 224 * scale


def _plane(frame: Any, place: int, bits: int) -> Array:
    """Return the codes of a plane, (h, w) float32."""
    plane = frame.planes[place]
    kind = np.dtype("u1" if bits == 8 else "<u2")
    codes = np.frombuffer(plane, kind).reshape(-1, plane.line_size // kind.itemsize)
    return np.asarray(codes[: plane.height, : plane.width], np.float32)


def _fill(frame: Any, place: int, values: Array, layout: PixelFormat, *, full: bool) -> None:
    plane = frame.planes[place]
    kind = np.dtype("u1" if layout.bits == 8 else "<u2")
    margin = 0 if full else 1 << (layout.bits - 8)  # codes that SDI keeps for its own use
    codes = np.zeros((plane.buffer_size // plane.line_size, plane.line_size // kind.itemsize), kind)
    limited = np.clip(np.rint(values), margin, (1 << layout.bits) - 1 - margin)
    codes[: plane.height, : plane.width] = limited
    plane.update(codes.tobytes())


def _enlarge(plane: Array, layout: PixelFormat, size: tuple[int, int]) -> Array:
    """Return a plane of chroma at the size of the picture."""
    plane = _interpolate(plane, size[0], layout.rows, first=(layout.rows - 1) / 2)
    return _interpolate(plane.T, size[1], layout.columns, first=0.0).T


def _interpolate(plane: Array, size: int, factor: int, *, first: float) -> Array:
    """Return a plane with `size` rows; row 0 of the given one lies at row `first` of the new one."""
    if factor == 1:
        return plane
    place = np.clip((np.arange(size) - first) / factor, 0, len(plane) - 1)
    low = place.astype(np.intp)
    high = np.minimum(low + 1, len(plane) - 1)
    share = (place - low).astype(np.float32)[:, None]
    return np.asarray(plane[low] + share * (plane[high] - plane[low]))


def _reduce(plane: Array, layout: PixelFormat) -> Array:
    """Return a plane of chroma at its own resolution: 1 2 1 around the column it lies on, the mean of the rows."""
    height = len(plane)
    if layout.columns == 2:
        padded = np.pad(plane, ((0, 0), (1, 1)), mode="edge")
        plane = ((padded[:, :-2] + padded[:, 2:]) / 4 + padded[:, 1:-1] / 2)[:, ::2]
    if layout.rows == 2:
        padded = np.pad(plane, ((0, height % 2), (0, 0)), mode="edge")
        plane = (padded[::2] + padded[1::2]) / 2
    return plane

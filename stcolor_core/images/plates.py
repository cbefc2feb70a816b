"""Read pictures, their windows and their metadata through OpenImageIO; `frame_files` writes pictures.

Channels are found by name, not by position. `opening` opens the file.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import OpenImageIO as oiio

from stcolor_core.arrays import Image, Mask, Pixels, Plane
from stcolor_core.errors import PlateError
from stcolor_core.images.opening import label_and_remedy, open_picture, too_large
from stcolor_core.images.picture_text import error_text
from stcolor_core.images.pictures import LARGEST_HALF, Header, Picture
from stcolor_core.images.plate_layers import describe_lack
from stcolor_core.images.raw_headers import png_fault

__all__ = [
    "ALPHA_STEP",
    "alpha_plane",
    "has_last_lines",
    "is_complete",
    "layer_pixels",
    "read",
    "read_alpha",
    "read_bands",
    "read_channel",
    "read_colored",
    "read_header",
    "read_matte_file",
    "read_matte_header",
    "read_plate",
    "rgb",
]

_STRAY_PIXELS, _STRAY_SHARE = 4, 1e-3  # so few opaque pixels are no patch: at most so many, and less than this share
ALPHA_STEP = 1 / 512  # alpha within this of 0 or 1 is 0 or 1: half a step of 8 bits
_BAND = 256  # rows read at once: a multiple of the lines per chunk of every EXR compression


def read(path: Path | str, *, frame: int | None = None, layer: str | None = None) -> Picture:
    """Read all channels of the part of a picture that holds a layer. Colour is neither multiplied nor divided by alpha.

    Args:
        path: The picture.
        frame: Its frame number in the plate, for error messages; None if it is not a frame of the plate.
        layer: Name of the layer to read, "" for bare channels; None for the preferred layer
            (`plate_layers.list_layers`).

    Returns:
        The picture, shape (H, W, C).

    Raises:
        PlateError: If the file is missing, damaged, truncated, deep, empty or of an unsupported type, or if it does not
            have the layer.
    """
    with open_picture(Path(path), frame, layer=layer) as (file, part, header):
        return _read_pixels(file, part, header, header.channels)


def read_channel(path: Path | str, name: str) -> Picture | None:
    """Read one channel of the part of a picture that holds the preferred layer; None if it has no such channel.

    Args:
        path: The picture.
        name: The channel's whole name.

    Returns:
        The picture, shape (H, W, 1).

    Raises:
        PlateError: As `read` does.
    """
    with open_picture(Path(path), None) as (file, part, header):
        return _read_pixels(file, part, header, (name,)) if name in header.channels else None


def read_matte_file(path: Path | str, *, frame: int | None = None, role: str = "") -> Picture:
    """Read all channels of a picture, from the first part with Cryptomatte if there is one.

    Args:
        path: The picture.
        frame: Its frame number in the plate, for error messages; None if it is not a frame of the plate.
        role: What it is otherwise, as in `pictures.Header`.

    Returns:
        The picture, shape (H, W, C).

    Raises:
        PlateError: As `read` does.
    """
    with open_picture(Path(path), frame, role=role, matte=True) as (file, part, header):
        return _read_pixels(file, part, header, header.channels)


def read_matte_header(path: Path | str, *, role: str = "") -> Header:
    """Read only the header, of the part that `read_matte_file` reads.

    Args:
        path: The picture.
        role: What it is to the shot, as in `pictures.Header`.

    Returns:
        The header.

    Raises:
        PlateError: As `read_header` does.
    """
    with open_picture(Path(path), role=role, matte=True) as (_, _, header):
        return header


def read_plate(path: Path | str, *, frame: int | None = None, layer: str | None = None) -> Picture:
    """Read only the `picture_channels` of a layer, without the other passes.

    Args:
        path: The picture.
        frame: Its frame number in the plate, for error messages; None if it is not a frame of the plate.
        layer: Name of the layer to read, "" for bare channels; None for the preferred layer
            (`plate_layers.list_layers`).

    Returns:
        The picture, shape (H, W, 1) or (H, W, 3).

    Raises:
        PlateError: As `read` does.
    """
    with open_picture(Path(path), frame, layer=layer) as (file, part, header):
        return _read_pixels(file, part, header, header.picture_channels)


def read_colored(path: Path | str, *, role: str = "") -> Picture:
    """Read the `picture_channels` of a picture's preferred layer and its alpha, if any, without the other passes.

    Args:
        path: The picture.
        role: What it is to the shot, as in `pictures.Header`.

    Returns:
        The picture, shape (H, W, 1 to 4); `layer_pixels` and `alpha_plane` take it apart.

    Raises:
        PlateError: As `read` does; if it has one or two of R, G and B.
    """
    with open_picture(Path(path), role=role) as (file, part, header):
        if lack := describe_lack(header.channels, header.picture_channels):
            raise PlateError(f"{header.label} {lack}. Write R, G and B into it.")
        alpha = () if header.alpha_channel is None else (header.alpha_channel,)
        return _read_pixels(file, part, header, (*header.picture_channels, *alpha))


def read_alpha(path: Path | str, *, role: str = "") -> Picture | None:
    """Read only the alpha of a picture's preferred layer.

    Args:
        path: The picture.
        role: What it is to the shot, as in `pictures.Header`.

    Returns:
        The picture, shape (H, W, 1), for `alpha_plane`; None if it has no alpha.

    Raises:
        PlateError: As `read` does.
    """
    with open_picture(Path(path), role=role) as (file, part, header):
        return None if header.alpha_channel is None else _read_pixels(file, part, header, (header.alpha_channel,))


def read_header(path: Path | str, *, frame: int | None = None, role: str = "", layer: str | None = None) -> Header:
    """Read only the header, of the part that `read` reads.

    Args:
        path: The picture.
        frame: Its frame number in the plate, for error messages; None if it is not a frame of the plate.
        role: What it is otherwise, as in `pictures.Header`.
        layer: Name of the layer to read, "" for bare channels; None for the preferred layer
            (`plate_layers.list_layers`).

    Returns:
        The header.

    Raises:
        PlateError: As `read` does, except for truncated pixels.
    """
    with open_picture(Path(path), frame, role=role, layer=layer) as (_, _, header):
        return header


def is_complete(path: Path | str) -> bool:
    """Return whether a picture can be opened and its last lines can be read. Never raises.

    EXR is written from top to bottom, so the last lines are there only if all others are.

    Args:
        path: The picture.
    """
    try:
        with open_picture(Path(path)) as (file, part, header):
            return has_last_lines(file, part, header)
    except PlateError:
        return False


def has_last_lines(file: Any, part: int, header: Header) -> bool:
    """Return whether the last lines of an open picture can be read.

    Args:
        file: OpenImageIO's file, as of `opening.open_picture`.
        part: Index of the part.
        header: The header of the part.
    """
    height = header.data_window[3]
    try:
        _read_lines(
            file, part, header, (height - 1 - (height - 1) % _lines_per_read(file), height), (0, len(header.channels))
        )
    except PlateError:
        return False
    return True


def read_bands(
    file: Any, part: int, header: Header, channels: tuple[int, int] | None = None
) -> Iterator[tuple[int, Pixels]]:
    """Read an open picture in bands of rows from top to bottom.

    Args:
        file: OpenImageIO's file, as of `opening.open_picture`.
        part: Index of the part.
        header: The header of the part.
        channels: Indices of the first channel and of the one after the last; None for all.

    Yields:
        The number of the band's first row, and its pixels, shape (rows, W, C), float32.

    Raises:
        PlateError: As `read` does.
    """
    if header.file_format == "png" and (fault := png_fault(header.path)):
        label, remedy = label_and_remedy(header.path, header.frame, header.role)
        raise PlateError(f"{label} is truncated or damaged ({fault}). {remedy}")
    height, step = header.data_window[3], _lines_per_read(file)
    step *= max(1, _BAND // step)
    for top in range(0, height, step):
        yield (
            top,
            _read_lines(file, part, header, (top, min(top + step, height)), channels or (0, len(header.channels))),
        )


def layer_pixels(picture: Picture) -> Pixels:
    """Return the pixels of a picture's layer without alpha and other layers.

    Args:
        picture: The picture.

    Returns:
        Pixels of shape (H, W, 3) or (H, W, 1).
    """
    chosen = picture.picture_channels
    if chosen == picture.channels:
        return picture.pixels
    return picture.pixels[..., [picture.channels.index(name) for name in chosen]]


def alpha_plane(picture: Picture) -> Plane | None:
    """Return the alpha of a picture's layer, clipped to 0..1.

    Args:
        picture: The picture.

    Returns:
        Alpha of shape (H, W). None if there is no alpha or if it says nothing: it is the same everywhere, or 0 but for
        a few stray pixels, as in a picture whose painter left it empty.
    """
    if picture.alpha_channel is None or picture.alpha_channel not in picture.channels:
        return None
    alpha = np.clip(picture.pixels[..., picture.channels.index(picture.alpha_channel)], 0, 1)
    if alpha.max() - alpha.min() < ALPHA_STEP:
        return None
    opaque = int(np.count_nonzero(alpha >= ALPHA_STEP))
    is_stray = opaque <= _STRAY_PIXELS and opaque < _STRAY_SHARE * alpha.size
    return None if is_stray else np.asarray(alpha, np.float32)


def rgb(picture: Picture) -> Image:
    """Return a picture as RGB; a single channel is repeated three times.

    Args:
        picture: The picture.

    Returns:
        Pixels of shape (H, W, 3) in the picture's own encoding.
    """
    pixels = layer_pixels(picture)
    return pixels if pixels.shape[-1] == 3 else np.repeat(pixels, 3, axis=-1)


def _lines_per_read(file: Any) -> int:
    """Return how many lines are stored and read together: the height of a tile, else 1."""
    return int(file.spec().tile_height) or 1


def _read_lines(file: Any, part: int, header: Header, span: tuple[int, int], channels: tuple[int, int]) -> Pixels:
    """Read rows of the data window, shape (end - top, W, C). Raises PlateError if they cannot be read."""
    x, y, width, _ = header.data_window
    (top, end), pixel_type = span, oiio.TypeDesc("float")
    try:
        if file.spec().tile_height:
            lines = file.read_tiles(part, 0, x, x + width, y + top, y + end, 0, 1, *channels, pixel_type)
        else:
            lines = file.read_scanlines(part, 0, y + top, y + end, 0, *channels, pixel_type)
    except MemoryError:
        raise too_large(header) from None
    problem = error_text(file)
    # A truncated JPEG is filled up with grey; JPEG's other messages are harmless.
    if lines is None or "premature end" in problem.lower():
        label, remedy = label_and_remedy(header.path, header.frame, header.role)
        raise PlateError(f"{label} is truncated or damaged (OpenImageIO: {problem}). {remedy}")
    return np.asarray(lines, np.float32).reshape(end - top, width, channels[1] - channels[0])


def _read_pixels(file: Any, part: int, header: Header, channels: tuple[str, ...]) -> Picture:
    indices = [header.channels.index(name) for name in channels]
    first, last = min(indices), max(indices) + 1
    order = slice(None) if indices == list(range(first, last)) else [index - first for index in indices]
    try:
        pixels = np.empty((*header.shape, len(channels)), np.float32)
    except MemoryError:
        raise too_large(header) from None
    # In bands, so that a file whose header claims too many rows fails at the first missing one.
    for top, band in read_bands(file, part, header, (first, last)):
        pixels[top : top + len(band)] = band[..., order]
    broken = _replace_nonfinite(pixels)
    return Picture(
        **{**vars(header), "channels": channels},
        pixels=pixels,
        nonfinite=0 if broken is None else int(broken.sum()),
        broken=broken,
    )


def _replace_nonfinite(pixels: Pixels) -> Mask | None:
    """Replace NaN by 0 and infinity by the largest half, in place; return the mask (H, W) of these pixels, or None."""
    finite = np.isfinite(pixels)
    if finite.all():
        return None
    np.nan_to_num(pixels, copy=False, nan=0, posinf=LARGEST_HALF, neginf=-LARGEST_HALF)
    return np.asarray(~finite.all(axis=-1))

"""Read pictures, their windows and their metadata through OpenImageIO; `frame_files` writes pictures.

OpenImageIO returns errors as values; this module raises exceptions instead. Channels are found by name, not by
position.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import OpenImageIO as oiio

from stcolor_core.arrays import Image, Mask, Pixels, Plane
from stcolor_core.errors import PlateError
from stcolor_core.images.picture_text import channel_names, decode_text, error_text, read_attributes
from stcolor_core.images.pictures import LARGEST_HALF, Header, Picture
from stcolor_core.images.plate_layers import Layer, list_layers, select_layer
from stcolor_core.images.raw_headers import is_truncated, subsampled_channels, user_data_fits
from stcolor_core.remedies import advise

__all__ = [
    "ALPHA_STEP",
    "alpha_plane",
    "has_last_lines",
    "is_complete",
    "layer_pixels",
    "open_picture",
    "read",
    "read_alpha",
    "read_bands",
    "read_colored",
    "read_header",
    "read_matte_file",
    "read_matte_header",
    "read_plate",
    "rgb",
]

# With OpenImageIO's own thread pool, several readers at once take three times as long. OpenEXR's pool still compresses
# and decompresses in threads.
oiio.attribute("threads", 1)

_FORMATS = ("openexr", "dpx", "cineon", "tiff", "png", "jpeg", "jpeg2000")
_WITHOUT_ALPHA_RULES = (".exr", ".sxr", ".dpx", ".cin", ".jpg", ".jpeg")
_JPEG_2000 = (".jp2", ".j2k", ".j2c")
_MOST_CHANNELS = 1024
_MOST_PIXELS = 2**29  # 32K x 16K; plates of 16K x 16K are half of that
_FARTHEST = 2**20  # pixels from the origin to a window; OpenImageIO's own limit for writing
_CRYPTOMATTE_NAME = re.compile(r"cryptomatte/[^/]+/name", re.IGNORECASE)
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


def read_matte_file(path: Path | str, *, frame: int | None = None) -> Picture:
    """Read all channels of a picture, from the first part with Cryptomatte if there is one.

    Args:
        path: The picture.
        frame: Its frame number in the plate, for error messages; None if it is not a frame of the plate.

    Returns:
        The picture, shape (H, W, C).

    Raises:
        PlateError: As `read` does.
    """
    with open_picture(Path(path), frame, matte=True) as (file, part, header):
        return _read_pixels(file, part, header, header.channels)


def read_matte_header(path: Path | str) -> Header:
    """Read only the header, of the part that `read_matte_file` reads.

    Args:
        path: The picture.

    Returns:
        The header.

    Raises:
        PlateError: As `read_header` does.
    """
    with open_picture(Path(path), matte=True) as (_, _, header):
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


def read_colored(path: Path | str) -> Picture:
    """Read the `picture_channels` of a picture's preferred layer and its alpha, if any, without the other passes.

    Args:
        path: The picture.

    Returns:
        The picture, shape (H, W, 1 to 4); `layer_pixels` and `alpha_plane` take it apart.

    Raises:
        PlateError: As `read` does.
    """
    with open_picture(Path(path)) as (file, part, header):
        alpha = () if header.alpha_channel is None else (header.alpha_channel,)
        return _read_pixels(file, part, header, (*header.picture_channels, *alpha))


def read_alpha(path: Path | str) -> Picture | None:
    """Read only the alpha of a picture's preferred layer.

    Args:
        path: The picture.

    Returns:
        The picture, shape (H, W, 1), for `alpha_plane`; None if it has no alpha.

    Raises:
        PlateError: As `read` does.
    """
    with open_picture(Path(path)) as (file, part, header):
        return None if header.alpha_channel is None else _read_pixels(file, part, header, (header.alpha_channel,))


def read_header(path: Path | str, *, frame: int | None = None, layer: str | None = None) -> Header:
    """Read only the header, of the part that `read` reads.

    Args:
        path: The picture.
        frame: Its frame number in the plate, for error messages; None if it is not a frame of the plate.
        layer: Name of the layer to read, "" for bare channels; None for the preferred layer
            (`plate_layers.list_layers`).

    Returns:
        The header.

    Raises:
        PlateError: As `read` does, except for truncated pixels.
    """
    with open_picture(Path(path), frame, layer=layer) as (_, _, header):
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
        file: OpenImageIO's file, as of `open_picture`.
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
        file: OpenImageIO's file, as of `open_picture`.
        part: Index of the part.
        header: The header of the part.
        channels: Indices of the first channel and of the one after the last; None for all.

    Yields:
        The number of the band's first row, and its pixels, shape (rows, W, C), float32.

    Raises:
        PlateError: As `read` does.
    """
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
        Alpha of shape (H, W). None if there is no alpha or if it says nothing: it is 0 everywhere, as in a picture
        whose painter left it empty, or 1 everywhere.
    """
    if picture.alpha_channel is None or picture.alpha_channel not in picture.channels:
        return None
    alpha = np.clip(picture.pixels[..., picture.channels.index(picture.alpha_channel)], 0, 1)
    return None if alpha.max() < ALPHA_STEP or alpha.min() > 1 - ALPHA_STEP else np.asarray(alpha, np.float32)


def rgb(picture: Picture) -> Image:
    """Return a picture as RGB; a single channel is repeated three times.

    Args:
        picture: The picture.

    Returns:
        Pixels of shape (H, W, 3) in the picture's own encoding.
    """
    pixels = layer_pixels(picture)
    return pixels if pixels.shape[-1] == 3 else np.repeat(pixels, 3, axis=-1)


@contextmanager
def open_picture(
    path: Path, frame: int | None = None, *, layer: str | None = None, matte: bool = False
) -> Iterator[tuple[Any, int, Header]]:
    """Open a picture and close it when the `with` block ends.

    Args:
        path: The picture.
        frame: Its frame number in the plate, for error messages; None if it is not a frame of the plate.
        layer: Name of the layer to read, "" for bare channels; None for the preferred layer
            (`plate_layers.list_layers`).
        matte: Select the first part with Cryptomatte, if there is one.

    Yields:
        OpenImageIO's file, the index of the part to read, and the header of that part.

    Raises:
        PlateError: As `read` does.
    """
    label, remedy = _label_and_remedy(path, frame)
    if not path.is_file():
        remedy = "Check the path." if frame is None else f"Render it, or {advise('missing')}."
        raise PlateError(f"{label} {'is not a file' if path.exists() else 'is missing'}. {remedy}")
    if path.suffix.lower() == ".cin" and not user_data_fits(path):
        raise PlateError(f"{label} is truncated or damaged. {remedy}")
    file = _open_input(path)
    if file is None:
        raise PlateError(f"{label} {_open_error(path, error_text(oiio), remedy)}")
    try:
        if file.format_name() not in _FORMATS:
            raise PlateError(
                f"{label} is of the unsupported type {file.format_name()}. Convert it to EXR, DPX, TIFF, PNG or JPEG."
            )
        layers = _list_layers(file, matte=matte, label=label)
        if not layers:
            raise PlateError(f"{label} is a deep picture. Flatten it first (DeepToImage).")
        chosen = layers[0] if layer is None else select_layer(layers, layer)
        if chosen is None:
            names = ", ".join(dict.fromkeys(candidate.name or "none (bare channels)" for candidate in layers))
            raise PlateError(f"{label} has no layer {layer!r}. Name one of these: {names}.")
        file.seek_subimage(chosen.part, 0)
        _check_size(file.spec(), label, remedy)
        if file.format_name() in ("cineon", "jpeg2000") and is_truncated(path, file.spec()):
            raise PlateError(f"{label} is truncated. {remedy}")
        yield file, chosen.part, _make_header(path, frame, file, chosen, layers)
    finally:
        file.close()


def _open_input(path: Path) -> Any:
    """Open a file with OpenImageIO. Returns None if it cannot.

    With a configuration OpenImageIO opens the file twice, which is slow on slow disks, so it is passed only if needed.
    """
    if path.suffix.lower() in _WITHOUT_ALPHA_RULES:
        return oiio.ImageInput.open(str(path))
    config = oiio.ImageSpec()
    config.attribute("oiio:UnassociatedAlpha", 1)  # otherwise colour is multiplied by alpha
    return oiio.ImageInput.open(str(path), config)


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
        raise _too_large(header) from None
    problem = error_text(file)
    # A truncated JPEG is filled up with grey; JPEG's other messages are harmless.
    if lines is None or "premature end" in problem.lower():
        label, remedy = _label_and_remedy(header.path, header.frame)
        raise PlateError(f"{label} is truncated or damaged (OpenImageIO: {problem}). {remedy}")
    return np.asarray(lines, np.float32).reshape(end - top, width, channels[1] - channels[0])


def _too_large(header: Header) -> PlateError:
    label, remedy = _label_and_remedy(header.path, header.frame)
    size = f"{header.data_window[2]} x {header.data_window[3]}"
    return PlateError(f"{label} has {size} pixels by its header, more than fits into memory. {remedy}")


def _label_and_remedy(path: Path, frame: int | None) -> tuple[str, str]:
    """Return how messages name a picture, and the remedy if it is damaged."""
    if frame is None:
        return str(path), "Write it again."
    return f"Frame {frame} ({path})", f"Render it again, or move it away and {advise('missing')}."


def _open_error(path: Path, problem: str, remedy: str) -> str:
    """Return why OpenImageIO cannot open a file, and the remedy."""
    if subsampled := subsampled_channels(path):
        names = ", ".join(subsampled[:9])
        return (
            f"stores colour at a lower resolution than luminance (channels {names}), which cannot be read. "
            "Write it again as R, G, B or as Y alone, or convert it with ImageMagick (magick IN.exr OUT.exr)."
        )
    if path.suffix.lower() in _JPEG_2000 and "jpeg2000" not in oiio.get_string_attribute("input_format_list"):
        return "is JPEG 2000, which this OpenImageIO cannot read. Convert it to EXR, TIFF or PNG."
    return f"cannot be read as a picture (OpenImageIO: {problem}). {remedy}"


def _list_layers(file: Any, *, matte: bool, label: str) -> tuple[Layer, ...]:
    """Return the layers of all parts that are not deep, the one to read at the start."""
    parts: list[tuple[int, str, tuple[str, ...]]] = []
    ids: dict[str, int] = {}  # prefix of a Cryptomatte's layer names -> the first part whose metadata has it
    part = 0
    while file.seek_subimage(part, 0):
        spec = file.spec()
        if not spec.deep and spec.nchannels > 0:
            name = decode_text(spec.get_string_attribute, "oiio:subimagename")
            parts.append((part, name if file.format_name() == "openexr" else "", channel_names(spec)))
            for attribute in read_attributes(spec, label=label):
                if _CRYPTOMATTE_NAME.fullmatch(attribute.name):
                    ids.setdefault(str(attribute.value), part)
        part += 1
    error_text(file)  # clear the error of seeking past the last part, which is how the parts are counted
    if len(parts) == 1:
        parts = [(number, "", channels) for number, _, channels in parts]
    layers = list_layers(parts, ids=ids)
    first = min(ids.values(), default=None) if matte else None
    return layers if first is None else tuple(sorted(layers, key=lambda layer: layer.part != first))


def _check_size(spec: Any, label: str, remedy: str) -> None:
    """Reject sizes that no camera or renderer writes, before memory is allocated for them."""
    if min(spec.width, spec.height, spec.nchannels) < 1 or spec.nchannels > _MOST_CHANNELS:
        size = f"{spec.width} x {spec.height} with {spec.nchannels} channels"
        raise PlateError(f"{label} is {size}, which cannot be used. {remedy}")
    if spec.width * spec.height > _MOST_PIXELS:
        raise PlateError(
            f"{label} has {spec.width} x {spec.height} pixels by its header, more than can be used. {remedy}"
        )
    corners = (spec.x, spec.y, spec.full_x, spec.full_y, spec.full_width, spec.full_height)
    if min(spec.full_width, spec.full_height) < 1 or max(map(abs, corners)) > _FARTHEST:
        raise PlateError(f"{label} has invalid windows: {', '.join(map(str, corners))}. {remedy}")


def _make_header(path: Path, frame: int | None, file: Any, layer: Layer, layers: Sequence[Layer]) -> Header:
    spec = file.spec()
    pictures = [candidate.name for candidate in layers if candidate.is_picture] or [
        candidate.name for candidate in layers
    ]
    readable = list(read_attributes(spec, label=str(path)))
    return Header(
        path=path,
        frame=frame,
        channels=channel_names(spec),
        data_window=(spec.x, spec.y, spec.width, spec.height),
        display_window=(spec.full_x, spec.full_y, spec.full_width, spec.full_height),
        metadata={attribute.name: attribute.value for attribute in readable},
        metadata_types={attribute.name: attribute.type for attribute in readable},
        file_format=file.format_name(),
        pixel_type=str(spec.format),
        layer=layer.name,
        layers=tuple(dict.fromkeys(pictures)),
        picture_channels=layer.picture,
        alpha_channel=layer.alpha,
    )


def _read_pixels(file: Any, part: int, header: Header, channels: tuple[str, ...]) -> Picture:
    indices = [header.channels.index(name) for name in channels]
    first, last = min(indices), max(indices) + 1
    order = slice(None) if indices == list(range(first, last)) else [index - first for index in indices]
    try:
        pixels = np.empty((*header.shape, len(channels)), np.float32)
    except MemoryError:
        raise _too_large(header) from None
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

"""Pictures on disk, read through OpenImageIO with their windows and metadata; `frame_files` writes them.

OpenImageIO reports errors as values; here they turn into exceptions. Channels go by name, never by place.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
import OpenImageIO as oiio
from numpy.typing import NDArray

from stcolor_core.errors import PlateError
from stcolor_core.images.picture_text import attributes, channel_names, error_text, text
from stcolor_core.images.plate_layers import Layer, layers_of, named
from stcolor_core.images.raw_headers import is_cut, subsampled_channels, user_data_fits

__all__ = [
    "LARGEST_HALF",
    "Header",
    "Picture",
    "PixelType",
    "Window",
    "ends_whole",
    "is_complete",
    "luma_channels",
    "open_picture",
    "read",
    "read_header",
    "read_matte_file",
    "read_matte_header",
    "read_plate",
    "rgb",
    "rows",
]

Window = tuple[int, int, int, int]
PixelType = Literal["half", "float"]

# OpenImageIO's own pool slows down several readers beside each other threefold; OpenEXR's pool still packs and unpacks.
oiio.attribute("threads", 1)

_FORMATS = ("openexr", "dpx", "cineon", "tiff", "png", "jpeg", "jpeg2000")
_WITHOUT_ALPHA_RULES = (".exr", ".sxr", ".dpx", ".cin", ".jpg", ".jpeg")
_JPEG_2000 = (".jp2", ".j2k", ".j2c")
_MOST_CHANNELS = 1024
_MOST_PIXELS = 2**29  # 32K x 16K; plates of 16K x 16K are half of that
_FARTHEST = 2**20  # pixels from the origin to a window; OpenImageIO writes no more either
_CRYPTOMATTE_NAME = re.compile(r"cryptomatte/[^/]+/name", re.IGNORECASE)
LARGEST_HALF = 65504.0
_BAND = 256  # rows read at once: a multiple of what any compression of EXR packs together


@dataclass(frozen=True, kw_only=True, eq=False)
class Header:
    """What a picture file says about itself.

    frame: of the plate, for messages; None where the picture is no frame of it. channels: names as in the file.
    data_window, display_window: (x, y, width, height) in pixels, y downwards; pixels exist in the data window.
    metadata: name -> plain value; metadata_types: name -> its type, so that a timecode stays one.
    file_format: openexr, dpx, cineon, tiff, png, jpeg or jpeg2000.
    pixel_type: widest type in the file, such as uint8, half or float.
    layer: the one that is read, "" for bare channels. picture_channels: its R, G and B, or the one that is grey.
    layers: all in the file that hold a picture, the one to choose first; where none does, all there are.
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

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns of the data window."""
        return self.data_window[3], self.data_window[2]


@dataclass(frozen=True, kw_only=True, eq=False)
class Picture(Header):
    """A picture in memory.

    pixels: (H, W, C) float32 over the data window, in the file's own encoding, all finite; integers become 0..1.
    nonfinite: how many pixels held NaN (now 0) or infinity (now the largest half, 65504).
    broken: (H, W), which pixels these are; None where there are none.
    """

    pixels: NDArray[np.float32] = field(repr=False)
    nonfinite: int
    broken: NDArray[np.bool_] | None = field(repr=False)


def read(path: Path | str, *, frame: int | None = None, layer: str | None = None) -> Picture:
    """All channels of the part of a picture that holds the layer.

    frame: the plate's frame number, for messages. Alpha is neither used nor divided out.
    layer: by name, "" for bare channels; None takes the first that `plate_layers.layers_of` lists.
    Raises PlateError where the file is missing, broken, truncated, deep, empty or of a type that is no plate, and
    where it has no such layer.
    """
    with open_picture(Path(path), frame, layer=layer) as (file, part, header):
        return _picture(file, part, header, header.channels)


def read_matte_file(path: Path | str, *, frame: int | None = None) -> Picture:
    """As `read`, but of several parts the first with Cryptomatte, if there is one. Raises as `read`."""
    with open_picture(Path(path), frame, matte=True) as (file, part, header):
        return _picture(file, part, header, header.channels)


def read_matte_header(path: Path | str) -> Header:
    """The header alone, of the part that `read_matte_file` reads. Raises as `read_header`."""
    with open_picture(Path(path), matte=True) as (_, _, header):
        return header


def read_plate(path: Path | str, *, frame: int | None = None, layer: str | None = None) -> Picture:
    """Only the layer's `picture_channels`, so that other passes cost nothing. Arguments and errors of `read`."""
    with open_picture(Path(path), frame, layer=layer) as (file, part, header):
        return _picture(file, part, header, header.picture_channels)


def read_header(path: Path | str, *, frame: int | None = None, layer: str | None = None) -> Header:
    """The header alone, of what `read` reads. Raises PlateError as `read` does, but for truncated pixels."""
    with open_picture(Path(path), frame, layer=layer) as (_, _, header):
        return header


def is_complete(path: Path | str) -> bool:
    """Whether a picture can be opened and its last lines read: EXR is written top to bottom. Never raises."""
    try:
        with open_picture(Path(path)) as (file, part, header):
            return ends_whole(file, part, header)
    except PlateError:
        return False


def ends_whole(file: Any, part: int, header: Header) -> bool:
    """Whether the last lines of an `open_picture` picture can be read."""
    height = header.data_window[3]
    try:
        _lines(file, part, header, (height - 1 - (height - 1) % _step(file), height), (0, len(header.channels)))
    except PlateError:
        return False
    return True


def rows(
    file: Any, part: int, header: Header, channels: tuple[int, int] | None = None
) -> Iterator[tuple[int, NDArray[np.float32]]]:
    """Bands (rows, W, C) of an `open_picture` picture from top to bottom, each with the number of its first row.

    channels: the first, and the one after the last; None for all. Raises PlateError as `read` does.
    """
    height, step = header.data_window[3], _step(file)
    step *= max(1, _BAND // step)
    for top in range(0, height, step):
        yield top, _lines(file, part, header, (top, min(top + step, height)), channels or (0, len(header.channels)))


def luma_channels(picture: Picture) -> NDArray[np.float32]:
    """The picture itself, (H, W, 3) or (H, W, 1) float32, without alpha and other layers."""
    chosen = picture.picture_channels
    if chosen == picture.channels:
        return picture.pixels
    return picture.pixels[..., [picture.channels.index(name) for name in chosen]]


def rgb(picture: Picture) -> NDArray[np.float32]:
    """The picture as (H, W, 3) float32; a single channel three times over."""
    pixels = luma_channels(picture)
    return pixels if pixels.shape[-1] == 3 else np.repeat(pixels, 3, axis=-1)


@contextmanager
def open_picture(
    path: Path, frame: int | None = None, *, layer: str | None = None, matte: bool = False
) -> Iterator[tuple[Any, int, Header]]:
    """Open a picture: OpenImageIO's file, the number of the part to read, and that part's header.

    matte: take the first part with Cryptomatte, if there is one. Raises PlateError as `read` does.
    """
    where, again = _where(path, frame)
    if not path.is_file():
        remedy = "Check the path." if frame is None else "Render it, or pass --missing skip or hold."
        raise PlateError(f"{where} {'is no file' if path.exists() else 'is missing'}. {remedy}")
    if path.suffix.lower() == ".cin" and not user_data_fits(path):
        raise PlateError(f"{where} is truncated or damaged. {again}")
    file = _input(path)
    if file is None:
        raise PlateError(f"{where} {_refusal(path, error_text(oiio), again)}")
    try:
        if file.format_name() not in _FORMATS:
            raise PlateError(f"{where} is of type {file.format_name()}. Convert it to EXR, DPX, TIFF, PNG or JPEG.")
        layers = _layers(file, matte=matte, where=where)
        if not layers:
            raise PlateError(f"{where} is a deep picture. Flatten it first (DeepToImage).")
        chosen = layers[0] if layer is None else named(layers, layer)
        if chosen is None:
            names = ", ".join(dict.fromkeys(found.name or "none (bare channels)" for found in layers))
            raise PlateError(f"{where} has no layer {layer!r}. Name one of these: {names}.")
        file.seek_subimage(chosen.part, 0)
        _check_size(file.spec(), where, again)
        if file.format_name() in ("cineon", "jpeg2000") and is_cut(path, file.spec()):
            raise PlateError(f"{where} is truncated. {again}")
        yield file, chosen.part, _header(path, frame, file, chosen, layers)
    finally:
        file.close()


def _input(path: Path) -> Any:
    """OpenImageIO's input of a file, or None. With a configuration it opens the file twice, which slow disks feel."""
    if path.suffix.lower() in _WITHOUT_ALPHA_RULES:
        return oiio.ImageInput.open(str(path))
    config = oiio.ImageSpec()
    config.attribute("oiio:UnassociatedAlpha", 1)  # else colour comes back multiplied by alpha
    return oiio.ImageInput.open(str(path), config)


def _step(file: Any) -> int:
    """How many lines the file stores together and gives together: only whole tiles can be asked for."""
    return int(file.spec().tile_height) or 1


def _lines(
    file: Any, part: int, header: Header, span: tuple[int, int], channels: tuple[int, int]
) -> NDArray[np.float32]:
    """Rows (end - top, W, C) of the data window. Raises PlateError where they cannot be read."""
    x, y, width, _ = header.data_window
    (top, end), form = span, oiio.TypeDesc("float")
    try:
        if file.spec().tile_height:
            lines = file.read_tiles(part, 0, x, x + width, y + top, y + end, 0, 1, *channels, form)
        else:
            lines = file.read_scanlines(part, 0, y + top, y + end, 0, *channels, form)
    except MemoryError:
        raise _too_large(header) from None
    problem = error_text(file)
    # A truncated JPEG comes back filled up with grey; its other complaints are harmless.
    if lines is None or "premature end" in problem.lower():
        where, again = _where(header.path, header.frame)
        raise PlateError(f"{where} is truncated or damaged (OpenImageIO: {problem}). {again}")
    return np.asarray(lines, np.float32).reshape(end - top, width, channels[1] - channels[0])


def _too_large(header: Header) -> PlateError:
    where, again = _where(header.path, header.frame)
    size = f"{header.data_window[2]} x {header.data_window[3]}"
    return PlateError(f"{where} says it is {size} pixels, more than fits into memory. {again}")


def _where(path: Path, frame: int | None) -> tuple[str, str]:
    """How messages name the picture, and what to do where it is broken."""
    if frame is None:
        return str(path), "Write it again."
    return f"Frame {frame} ({path})", "Render it again, or move it away and pass --missing skip or hold."


def _refusal(path: Path, problem: str, again: str) -> str:
    """What is wrong with a file that OpenImageIO cannot open."""
    if subsampled := subsampled_channels(path):
        names = ", ".join(subsampled[:9])
        return (
            f"stores colour at a lower resolution than luminance (channels {names}), which cannot be read. "
            "Write it again as R, G, B or as Y alone, or convert it with ImageMagick (magick IN.exr OUT.exr)."
        )
    if path.suffix.lower() in _JPEG_2000 and "jpeg2000" not in oiio.get_string_attribute("input_format_list"):
        return "is JPEG 2000, which this OpenImageIO cannot read. Convert it to EXR, TIFF or PNG."
    return f"cannot be read as a picture (OpenImageIO: {problem}). {again}"


def _layers(file: Any, *, matte: bool, where: str) -> tuple[Layer, ...]:
    """The layers of all parts that are not deep, the one to read first."""
    parts: list[tuple[int, str, tuple[str, ...]]] = []
    ids: dict[str, int] = {}  # what the names of Cryptomatte's layers begin with -> the first part that says so
    part = 0
    while file.seek_subimage(part, 0):
        spec = file.spec()
        if not spec.deep and spec.nchannels > 0:
            name = text(spec.get_string_attribute, "oiio:subimagename")
            parts.append((part, name if file.format_name() == "openexr" else "", channel_names(spec)))
            for attribute in attributes(spec, where=where):
                if _CRYPTOMATTE_NAME.fullmatch(attribute.name):
                    ids.setdefault(str(attribute.value), part)
        part += 1
    error_text(file)  # seeking past the last part is how the parts are counted
    if len(parts) == 1:
        parts = [(number, "", channels) for number, _, channels in parts]
    layers = layers_of(parts, ids=ids)
    first = min(ids.values(), default=None) if matte else None
    return layers if first is None else tuple(sorted(layers, key=lambda layer: layer.part != first))


def _check_size(spec: Any, where: str, again: str) -> None:
    """Refuse what no camera or renderer writes before memory is asked for it."""
    if min(spec.width, spec.height, spec.nchannels) < 1 or spec.nchannels > _MOST_CHANNELS:
        size = f"{spec.width} x {spec.height} with {spec.nchannels} channels"
        raise PlateError(f"{where} is {size}, which is no picture to work on. {again}")
    if spec.width * spec.height > _MOST_PIXELS:
        raise PlateError(f"{where} says it is {spec.width} x {spec.height} pixels, more than can be worked on. {again}")
    corners = (spec.x, spec.y, spec.full_x, spec.full_y, spec.full_width, spec.full_height)
    if min(spec.full_width, spec.full_height) < 1 or max(map(abs, corners)) > _FARTHEST:
        raise PlateError(f"{where} has windows that are no picture's: {', '.join(map(str, corners))}. {again}")


def _header(path: Path, frame: int | None, file: Any, layer: Layer, layers: Sequence[Layer]) -> Header:
    spec = file.spec()
    pictures = [found.name for found in layers if found.is_picture] or [found.name for found in layers]
    readable = list(attributes(spec, where=str(path)))
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
    )


def _picture(file: Any, part: int, header: Header, channels: tuple[str, ...]) -> Picture:
    places = [header.channels.index(name) for name in channels]
    first, last = min(places), max(places) + 1
    order = slice(None) if places == list(range(first, last)) else [place - first for place in places]
    try:
        pixels = np.empty((*header.shape, len(channels)), np.float32)
    except MemoryError:
        raise _too_large(header) from None
    # In bands, so that a file which claims to be large and is not ends at its first missing row.
    for top, band in rows(file, part, header, (first, last)):
        pixels[top : top + len(band)] = band[..., order]
    broken = _repair(pixels)
    return Picture(
        **{**vars(header), "channels": channels},
        pixels=pixels,
        nonfinite=0 if broken is None else int(broken.sum()),
        broken=broken,
    )


def _repair(pixels: NDArray[np.float32]) -> NDArray[np.bool_] | None:
    """Replace NaN by 0 and infinity by the largest half, in place; which pixels (H, W) had either, or None."""
    finite = np.isfinite(pixels)
    if finite.all():
        return None
    np.nan_to_num(pixels, copy=False, nan=0, posinf=LARGEST_HALF, neginf=-LARGEST_HALF)
    return np.asarray(~finite.all(axis=-1))

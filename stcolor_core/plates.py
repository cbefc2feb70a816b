"""Pictures on disk, through OpenImageIO: read with their windows and metadata, written whole or not at all.

OpenImageIO reports errors as values; here they turn into exceptions. Channels go by name, never by place.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
import OpenImageIO as oiio
from numpy.typing import NDArray

from stcolor_core.errors import OutputError, PlateError
from stcolor_core.partials import partial_of

__all__ = [
    "Header",
    "Picture",
    "PixelType",
    "Window",
    "is_complete",
    "luma_channels",
    "plate_channels",
    "read",
    "read_header",
    "read_matte_file",
    "read_plate",
    "rgb",
    "write_frame",
]

Window = tuple[int, int, int, int]
PixelType = Literal["half", "float"]

# OpenImageIO's own pool slows down several readers beside each other threefold; OpenEXR's pool still packs and unpacks.
oiio.attribute("threads", 1)

_FORMATS = ("openexr", "dpx", "tiff", "png", "jpeg")
_MOST_CHANNELS = 1024
_LARGEST_HALF = 65504.0
_BAND = 64  # rows interleaved and handed to OpenImageIO at a time

# What describes the file that was read and not the shot; a Cryptomatte manifest belongs to its channels.
_STALE = re.compile(
    r"(oiio:|openexr:|cryptomatte/|stcolor/|iccprofile|thumbnail).*"
    r"|compression|compressionquality|name|view|multiview|orientation|[xy]resolution|resolutionunit|textureformat|wrapmodes",
    re.IGNORECASE,
)


@dataclass(frozen=True, kw_only=True, eq=False)
class Header:
    """What a picture file says about itself.

    frame: of the plate, for messages; None where the picture is no frame of it. channels: names as in the file.
    data_window, display_window: (x, y, width, height) in pixels, y downwards; pixels exist in the data window.
    metadata: name -> plain value; metadata_types: name -> its type, so that a timecode stays one.
    file_format: openexr, dpx, tiff, png or jpeg. pixel_type: widest type in the file, such as uint8, half or float.
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

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns of the data window."""
        return self.data_window[3], self.data_window[2]


@dataclass(frozen=True, kw_only=True, eq=False)
class Picture(Header):
    """A picture in memory.

    pixels: (H, W, C) float32 over the data window, in the file's own encoding, all finite; integers become 0..1.
    nonfinite: how many pixels held NaN (now 0) or infinity (now the largest half, 65504).
    """

    pixels: NDArray[np.float32] = field(repr=False)
    nonfinite: int


def read(path: Path | str, *, frame: int | None = None) -> Picture:
    """All channels of a picture: of the first part with R, G, B or Y, else of the first part that is not deep.

    frame: the plate's frame number, for messages. Alpha is neither used nor divided out.
    Raises PlateError where the file is missing, broken, truncated, deep, empty or of a type that is no plate.
    """
    with _opened(Path(path), frame) as (file, part, header):
        return _picture(file, part, header, header.channels)


def read_matte_file(path: Path | str, *, frame: int | None = None) -> Picture:
    """As `read`, but of several parts the first with Cryptomatte, if there is one. Raises as `read`."""
    with _opened(Path(path), frame, rank=_matte_rank) as (file, part, header):
        return _picture(file, part, header, header.channels)


def read_plate(path: Path | str, *, frame: int | None = None) -> Picture:
    """Only the channels that `plate_channels` picks, so that other passes cost nothing. Raises as `read`."""
    with _opened(Path(path), frame) as (file, part, header):
        return _picture(file, part, header, plate_channels(header.channels))


def read_header(path: Path | str, *, frame: int | None = None) -> Header:
    """The header alone, of the part that `read` reads. Raises PlateError as `read` does, but for truncated pixels."""
    with _opened(Path(path), frame) as (_, _, header):
        return header


def is_complete(path: Path | str) -> bool:
    """Whether a scanline picture can be opened and its last line read: EXR is written top to bottom. Never raises."""
    try:
        with _opened(Path(path), None) as (file, part, header):
            _, y, _, height = header.data_window
            last = y + height
            line = file.read_scanlines(part, 0, last - 1, last, 0, 0, len(header.channels), oiio.TypeDesc("float"))
            return line is not None and not file.geterror()
    except PlateError:
        return False


def plate_channels(names: Sequence[str]) -> tuple[str, ...]:
    """The one or three of a file's channels that are the picture.

    R, G, B; else Y; else the first layer with R, G, B; else the first channel that is not alpha, or the first.
    """
    layers: dict[str, dict[str, str]] = {"": {}}
    for name in names:
        layer, _, component = name.rpartition(".")
        short = {"red": "r", "green": "g", "blue": "b", "alpha": "a"}.get(component.lower(), component.lower())
        layers.setdefault(layer, {}).setdefault(short, name)
    for layer, components in layers.items():
        if all(color in components for color in "rgb"):
            return tuple(components[color] for color in "rgb")
        if layer == "" and "y" in components:
            return (components["y"],)
    alphas = {components["a"] for components in layers.values() if "a" in components}
    return (next((name for name in names if name not in alphas), names[0]),)


def luma_channels(picture: Picture) -> NDArray[np.float32]:
    """The picture itself, (H, W, 3) or (H, W, 1) float32, without alpha and other layers."""
    chosen = plate_channels(picture.channels)
    if chosen == picture.channels:
        return picture.pixels
    return picture.pixels[..., [picture.channels.index(name) for name in chosen]]


def rgb(picture: Picture) -> NDArray[np.float32]:
    """The picture as (H, W, 3) float32; a single channel three times over."""
    pixels = luma_channels(picture)
    return pixels if pixels.shape[-1] == 3 else np.repeat(pixels, 3, axis=-1)


def write_frame(
    path: Path | str,
    layers: Mapping[str, tuple[NDArray[Any], PixelType]],
    *,
    like: Header | None = None,
    metadata: Mapping[str, str] | None = None,
) -> None:
    """Write one EXR (zips, each channel in its own type) under a partial name and rename it once it reads back whole.

    layers: channel name -> ((H, W) values, "half" or "float"); what half cannot hold becomes +-65504.
    like: gives windows, timecode, pixel aspect and other metadata; None makes both windows the picture's size.
    metadata: added to that. The folder is made where it is missing.
    Raises OutputError where the frame cannot be written; nothing new is left on disk then.
    Raises ValueError where there are no layers, or one is not of the data window's size.
    """
    path = Path(path)
    spec = _output_spec(layers, like, metadata or {})
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with partial_of(path) as partial:
            _write(partial, path, spec, layers)
            # OpenEXR buffers the end of the file and says nothing when the disk is too full for it: read it back.
            if not is_complete(partial):
                raise OutputError(f"{path} could not be written to its end. Free space on its disk.")
    except PermissionError as error:
        raise OutputError(
            f"{path} cannot be written ({error.strerror}). "
            "Check the folder's rights, and close any program that has the file open."
        ) from None
    except OSError as error:
        raise OutputError(f"{path} cannot be written ({error.strerror}). Choose another output folder.") from None


@contextmanager
def _opened(
    path: Path, frame: int | None, *, rank: Callable[[Any], int] | None = None
) -> Iterator[tuple[Any, int, Header]]:
    where, again = _where(path, frame)
    if not path.is_file():
        remedy = "Check the path." if frame is None else "Render it, or pass --missing skip or hold."
        raise PlateError(f"{where} {'is no file' if path.exists() else 'is missing'}. {remedy}")
    config = oiio.ImageSpec()
    config.attribute("oiio:UnassociatedAlpha", 1)  # else colour comes back multiplied by alpha
    file = oiio.ImageInput.open(str(path), config)
    if file is None:
        raise PlateError(f"{where} cannot be read as a picture (OpenImageIO: {_line(oiio.geterror())}). {again}")
    try:
        if file.format_name() not in _FORMATS:
            raise PlateError(f"{where} is of type {file.format_name()}. Convert it to EXR, DPX, TIFF, PNG or JPEG.")
        part = _part(file, rank or _plate_rank)
        file.seek_subimage(part, 0)
        spec = file.spec()
        if spec.deep:
            raise PlateError(f"{where} is a deep picture. Flatten it first (DeepToImage).")
        if min(spec.width, spec.height, spec.nchannels) < 1 or spec.nchannels > _MOST_CHANNELS:
            size = f"{spec.width} x {spec.height} with {spec.nchannels} channels"
            raise PlateError(f"{where} is {size}, which is no picture to work on. {again}")
        yield file, part, _header(path, frame, file.format_name(), spec)
    finally:
        file.close()


def _where(path: Path, frame: int | None) -> tuple[str, str]:
    """How messages name the picture, and what to do where it is broken."""
    if frame is None:
        return str(path), "Write it again."
    return f"Frame {frame} ({path})", "Render it again, or leave it out with --missing skip."


def _plate_rank(spec: Any) -> int:
    chosen = plate_channels(spec.channelnames)
    return 2 if "." not in chosen[0] and chosen[0].upper() in ("R", "Y") else int(len(chosen) == 3)


def _matte_rank(spec: Any) -> int:
    cryptomatte = any(attribute.name.lower().startswith("cryptomatte/") for attribute in spec.extra_attribs)
    return 3 if cryptomatte else _plate_rank(spec)


def _part(file: Any, rank: Callable[[Any], int]) -> int:
    """The part of a multi-part file to read: the first of the highest rank."""
    ranks: dict[int, int] = {}
    part = 0
    while file.seek_subimage(part, 0):
        spec = file.spec()
        if not spec.deep and spec.nchannels > 0:
            ranks[part] = rank(spec)
        part += 1
    file.geterror()  # seeking past the last part is how the parts are counted
    return max(ranks, key=lambda part: ranks[part], default=0)


def _header(path: Path, frame: int | None, file_format: str, spec: Any) -> Header:
    readable = [item for item in spec.extra_attribs if item.value is not None]
    return Header(
        path=path,
        frame=frame,
        channels=tuple(spec.channelnames),
        data_window=(spec.x, spec.y, spec.width, spec.height),
        display_window=(spec.full_x, spec.full_y, spec.full_width, spec.full_height),
        metadata={item.name: item.value for item in readable},
        metadata_types={item.name: item.type for item in readable},
        file_format=file_format,
        pixel_type=str(spec.format),
    )


def _picture(file: Any, part: int, header: Header, channels: tuple[str, ...]) -> Picture:
    where, again = _where(header.path, header.frame)
    places = [header.channels.index(name) for name in channels]
    first, last = min(places), max(places) + 1
    try:
        pixels = file.read_image(part, 0, first, last, oiio.TypeDesc("float"))
    except MemoryError:
        size = f"{header.data_window[2]} x {header.data_window[3]}"
        raise PlateError(f"{where} says it is {size} pixels, more than fits into memory. {again}") from None
    problem = _line(file.geterror())
    # A truncated JPEG comes back filled up with grey; its other complaints are harmless.
    if pixels is None or "premature end" in problem.lower():
        raise PlateError(f"{where} is truncated or damaged (OpenImageIO: {problem}). {again}")
    pixels = pixels.reshape(*header.shape, last - first)
    if places != list(range(first, last)):
        pixels = pixels[..., [place - first for place in places]]
    nonfinite = _repair(pixels)
    return Picture(**{**vars(header), "channels": channels}, pixels=pixels, nonfinite=nonfinite)


def _repair(pixels: NDArray[np.float32]) -> int:
    """Replace NaN by 0 and infinity by the largest half, in place; the number of pixels that had either."""
    finite = np.isfinite(pixels)
    if finite.all():
        return 0
    np.nan_to_num(pixels, copy=False, nan=0, posinf=_LARGEST_HALF, neginf=-_LARGEST_HALF)
    return int((~finite.all(axis=-1)).sum())


def _output_spec(
    layers: Mapping[str, tuple[NDArray[Any], PixelType]], like: Header | None, metadata: Mapping[str, str]
) -> Any:
    if not layers:
        raise ValueError("a frame needs at least one channel")
    height, width = next(iter(layers.values()))[0].shape
    shape = like.shape if like else (height, width)
    wrong = [name for name, (values, _) in layers.items() if values.shape != shape]
    if wrong:
        raise ValueError(f"channel {wrong[0]} is not of the data window's size, {shape[1]} x {shape[0]}")
    types = [pixel_type for _, pixel_type in layers.values()]
    spec = oiio.ImageSpec(shape[1], shape[0], len(layers), types[0])
    spec.channelnames = tuple(layers)
    if len(set(types)) > 1:  # OpenImageIO looks at these only where they differ
        spec.channelformats = tuple(map(oiio.TypeDesc, types))
    if like:
        spec.x, spec.y = like.data_window[:2]
        spec.full_x, spec.full_y, spec.full_width, spec.full_height = like.display_window
        for name, value in like.metadata.items():
            if not _STALE.fullmatch(name):
                spec.attribute(name, like.metadata_types[name], value)
    for name, value in metadata.items():
        spec.attribute(name, value)
    spec.attribute("compression", "zips")
    return spec


def _write(partial: Path, path: Path, spec: Any, layers: Mapping[str, tuple[NDArray[Any], PixelType]]) -> None:
    file: Any = oiio.ImageOutput.create("exr")
    try:
        whole = file.open(str(partial), spec)
        for top in range(0, spec.height, _BAND):
            whole = whole and file.write_scanlines(
                spec.y + top, spec.y + min(top + _BAND, spec.height), 0, _band(layers, top)
            )
        problem = _line(file.geterror())
    finally:
        file.close()
    if not whole:
        raise OutputError(
            f"{path} cannot be written (OpenImageIO: {problem}). Check the folder and the space on its disk."
        )


def _band(layers: Mapping[str, tuple[NDArray[Any], PixelType]], top: int) -> NDArray[np.float32]:
    """(rows, W, C): the channels side by side, half ones within their range."""
    bands = []
    for values, pixel_type in layers.values():
        band = np.asarray(values[top : top + _BAND], np.float32)
        bands.append(np.clip(band, -_LARGEST_HALF, _LARGEST_HALF) if pixel_type == "half" else band)
    return np.stack(bands, axis=-1)


def _line(text: str) -> str:
    return " ".join(text.split()).rstrip(".")

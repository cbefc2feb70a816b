"""Picture files, through OpenImageIO, with channels named as Nuke names them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Header", "read", "read_header", "write"]

Channels = dict[str, NDArray[np.float32]]

_NUKE_NAMES = {"R": "red", "G": "green", "B": "blue", "A": "alpha"}
_FILE_NAMES = {f"rgba.{long}": short for short, long in _NUKE_NAMES.items()}
_GREY = ("Y", "I", "luminance")


@dataclass(frozen=True)
class Header:
    """A header. size: of the format (the display window). integer: whether pixels are display-encoded integers."""

    size: tuple[int, int]
    integer: bool
    channels: tuple[str, ...]
    metadata: Mapping[str, Any] = field(default_factory=dict)


def read_header(path: Path) -> Header:
    """Read a file's header. Raises RuntimeError."""
    import OpenImageIO as oiio  # imported here, since the fake also runs without it

    opened = _open(path)
    specs = [opened.spec()]
    while opened.seek_subimage(len(specs), 0):
        specs.append(opened.spec())
    opened.close()
    metadata = {f"exr/{found.name}": found.value for found in specs[0].extra_attribs}
    names = [name for spec in specs for channel in spec.channelnames for name in _nuke_names(channel)]
    integer = specs[0].format.basetype in (oiio.UINT8, oiio.UINT16)
    return Header((specs[0].full_width, specs[0].full_height), integer, tuple(dict.fromkeys(names)), metadata)


def read(path: Path) -> Channels:
    """Read all channels over the format, (height, width); black outside of the data window. Raises RuntimeError."""
    import OpenImageIO as oiio  # imported here, since the fake also runs without it

    opened = _open(path)
    found: Channels = {}
    part = 0
    while opened.seek_subimage(part, 0):
        spec = opened.spec()
        pixels = opened.read_image(part, 0, 0, spec.nchannels, oiio.FLOAT)
        if pixels is None:
            raise RuntimeError(f"{path.as_posix()}: {opened.geterror()}")
        for index, channel in enumerate(spec.channelnames):
            for name in _nuke_names(channel):
                found[name] = _placed(pixels[..., index], spec)
        part += 1
    opened.close()
    return found


def write(path: Path, channels: Channels, *, pixel_type: str, compression: str, metadata: Mapping[str, Any]) -> None:
    """Write a file with these channels. pixel_type: of OpenImageIO, "half", "uint8". Raises RuntimeError."""
    if not path.parent.is_dir():
        raise RuntimeError(f"Can't open {path.as_posix()} for writing: No such file or directory")
    import OpenImageIO as oiio  # imported here, since the fake also runs without it

    height, width = next(iter(channels.values())).shape
    spec = oiio.ImageSpec(width, height, len(channels), pixel_type)
    spec.channelnames = tuple(_FILE_NAMES.get(name, name) for name in channels)
    if compression:
        spec.attribute("compression", compression)
    for name, value in metadata.items():
        if isinstance(value, (str, int, float)):
            spec.attribute(name, value)
    output = oiio.ImageOutput.create(str(path))
    pixels = np.ascontiguousarray(np.stack(list(channels.values()), axis=-1))
    if output is None or not output.open(str(path), spec) or not output.write_image(pixels):
        raise RuntimeError(f"Can't write {path.as_posix()}: {output.geterror() if output else oiio.geterror()}")
    if not output.close():
        raise RuntimeError(f"Can't write {path.as_posix()}: {output.geterror()}")


def _open(path: Path) -> Any:
    if not path.is_file():
        raise RuntimeError(f"{path.as_posix()}: Read error: No such file or directory")
    import OpenImageIO as oiio  # imported here, since the fake also runs without it

    opened = oiio.ImageInput.open(str(path))
    if opened is None:
        raise RuntimeError(f"{path.as_posix()}: {oiio.geterror()}")
    return opened


def _placed(values: NDArray[np.float32], spec: Any) -> NDArray[np.float32]:
    if (spec.x, spec.y, spec.width, spec.height) == (spec.full_x, spec.full_y, spec.full_width, spec.full_height):
        return np.ascontiguousarray(values)
    canvas = np.zeros((spec.full_height, spec.full_width), np.float32)
    left, top = spec.x - spec.full_x, spec.y - spec.full_y
    rows = slice(max(0, top), max(0, top + spec.height))
    columns = slice(max(0, left), max(0, left + spec.width))
    part = values[max(0, -top) :, max(0, -left) :]
    target = canvas[rows, columns]
    target[...] = part[: target.shape[0], : target.shape[1]]
    return canvas


def _nuke_names(channel: str) -> list[str]:
    """Return Nuke's names for a file's channel; grey fills red, green and blue."""
    layer, dot, last = channel.rpartition(".")
    if not dot and channel in _GREY:
        return ["rgba.red", "rgba.green", "rgba.blue"]
    if not dot and channel == "Z":
        return ["depth.Z"]
    return [f"{layer if dot else 'rgba' if channel in _NUKE_NAMES else 'other'}.{_NUKE_NAMES.get(last, last)}"]

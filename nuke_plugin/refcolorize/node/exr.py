"""Read EXR files without a library: a digest of the picture, and text attributes of the header.

The digest leaves out when and by whom a file was written. Nuke writes times into the header, so two renders of the same
picture differ in their bytes. The layout is that of "OpenEXR File Layout" (openexr.com): a header of attributes, a
table of offsets, the pixels in chunks.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

__all__ = ["channels", "digest", "text"]

_MAGIC = b"\x76\x2f\x31\x01"
_SCANLINES = 2  # version 2 and no flag: one part, no tiles, no deep pixels, short names
_LONG_NAMES = 0x400
_DESCRIBE_PIXELS = (
    b"channels",
    b"compression",
    b"dataWindow",
    b"displayWindow",
    b"lineOrder",
    b"pixelAspectRatio",
    b"cryptomatte/",
)
_BLOCK = 2**20
_CHANNEL_BYTES = 16  # after a channel's name


def digest(path: Path) -> bytes:
    """Return 16 bytes that change when the pixels, their channels or their windows change.

    Args:
        path: A file. For an EXR of one part with scan lines, the digest covers the pixel data and the attributes that
            describe it; for any other file, all bytes.

    Raises:
        OSError: If the file cannot be read.
    """
    result = hashlib.sha256()
    with path.open("rb") as file:
        try:
            attributes, start = _read_header(file)
        except (ValueError, struct.error):
            attributes, start = [], 0
        for attribute in attributes:
            result.update(attribute)
        file.seek(start)
        while block := file.read(_BLOCK):
            result.update(block)
    return result.digest()[:16]


def text(path: Path, name: str) -> str:
    """Return a text attribute of an EXR header; "" if it is missing, or if the file is no EXR of one part.

    Args:
        path: A file.
        name: The attribute's name.

    Raises:
        OSError: If the file cannot be read.
    """
    with path.open("rb") as file, suppress(ValueError, struct.error):
        for attribute, kind, value in _read_attributes(file):
            if (attribute, kind) == (name.encode(), b"string"):
                return value.decode("utf-8", errors="replace")
    return ""


def channels(path: Path) -> tuple[str, ...]:
    """Return the names of an EXR's channels, such as rc_ab.u; none if the file is no EXR of one part.

    Args:
        path: A file.

    Raises:
        OSError: If the file cannot be read.
    """
    with path.open("rb") as file, suppress(ValueError, struct.error):
        for attribute, kind, value in _read_attributes(file):
            if (attribute, kind) == (b"channels", b"chlist"):
                return tuple(_channel_names(value))
    return ()


def _channel_names(value: bytes) -> Iterator[str]:
    """Yield the names of a list of channels: each ends with a null, and has 16 bytes of its kind and sampling."""
    while value and value[:1] != b"\0":
        name, _, rest = value.partition(b"\0")
        yield name.decode("utf-8", errors="replace")
        value = rest[_CHANNEL_BYTES:]


def _read_header(file: BinaryIO) -> tuple[list[bytes], int]:
    """Return the attributes that describe the pixels, and the offset of the pixels; ValueError for another file."""
    attributes = []
    for name, kind, value in _read_attributes(file):
        if name.startswith(_DESCRIBE_PIXELS):
            attributes.append(name + b"\0" + kind + b"\0" + value)
    start = struct.unpack("<Q", file.read(8))[0]  # the first chunk's offset
    if start < file.tell():
        raise ValueError("its offsets are not written")
    return sorted(attributes), start


def _read_attributes(file: BinaryIO) -> Iterator[tuple[bytes, bytes, bytes]]:
    """Yield name, type and value of each attribute; ValueError for another file than an EXR of one part."""
    magic, version = file.read(4), struct.unpack("<I", file.read(4))[0]
    if magic != _MAGIC or version & ~_LONG_NAMES != _SCANLINES:
        raise ValueError("not an EXR of one part with scan lines")
    while name := _read_word(file):
        kind, size = _read_word(file), struct.unpack("<i", file.read(4))[0]
        if size < 0:
            raise ValueError("an attribute has a negative size")
        value = file.read(size)
        yield name, kind, value


def _read_word(file: BinaryIO) -> bytes:
    """Return the bytes before the next null; ValueError at the end of the file."""
    word = bytearray()
    while (byte := file.read(1)) != b"\0":
        if not byte:
            raise ValueError("the header does not end")
        word += byte
    return bytes(word)

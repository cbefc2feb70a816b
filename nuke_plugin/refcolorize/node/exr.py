"""Whether two EXR files show the same: a digest of their pixels, and not of when and by whom they were written.

Nuke puts times into the headers of its files, with which the same picture would never be the same file twice. The
layout is that of "OpenEXR File Layout" (openexr.com): a header of attributes, a table of offsets, the pixels in chunks.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

__all__ = ["digest", "text"]

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


def digest(path: Path) -> bytes:
    """16 bytes that change when the pixels do, or what they mean. Of any other file, and any other EXR, of its bytes.

    OSError where it cannot be read.
    """
    found = hashlib.sha256()
    with path.open("rb") as file:
        try:
            kept, start = _header(file)
        except (ValueError, struct.error):
            kept, start = [], 0
        for attribute in kept:
            found.update(attribute)
        file.seek(start)
        while block := file.read(_BLOCK):
            found.update(block)
    return found.digest()[:16]


def text(path: Path, name: str) -> str:
    """An attribute of an EXR that holds text; "" where it has none, or is no EXR of one part. OSError as `digest`."""
    with path.open("rb") as file, suppress(ValueError, struct.error):
        for found, kind, value in _attributes(file):
            if (found, kind) == (name.encode(), b"string"):
                return value.decode("utf-8", errors="replace")
    return ""


def _header(file: BinaryIO) -> tuple[list[bytes], int]:
    """The attributes that describe the pixels, and where these begin. ValueError where it is no such EXR."""
    kept = []
    for name, kind, value in _attributes(file):
        if name.startswith(_DESCRIBE_PIXELS):
            kept.append(name + b"\0" + kind + b"\0" + value)
    start = struct.unpack("<Q", file.read(8))[0]  # the first chunk's offset
    if start < file.tell():
        raise ValueError("its offsets are not written")
    return sorted(kept), start


def _attributes(file: BinaryIO) -> Iterator[tuple[bytes, bytes, bytes]]:
    """Name, type and value of each. ValueError where it is no such EXR."""
    magic, version = file.read(4), struct.unpack("<I", file.read(4))[0]
    if magic != _MAGIC or version & ~_LONG_NAMES != _SCANLINES:
        raise ValueError("not an EXR of one part with scan lines")
    while name := _word(file):
        kind, size = _word(file), struct.unpack("<i", file.read(4))[0]
        if size < 0:
            raise ValueError("an attribute of no size")
        value = file.read(size)
        yield name, kind, value


def _word(file: BinaryIO) -> bytes:
    """Bytes up to the next null. ValueError at the end of the file."""
    word = bytearray()
    while (byte := file.read(1)) != b"\0":
        if not byte:
            raise ValueError("the header does not end")
        word += byte
    return bytes(word)

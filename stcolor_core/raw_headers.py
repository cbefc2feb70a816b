"""What OpenImageIO does not tell of a file, from its bytes: why it refuses an EXR, and how a scan is damaged.

OpenEXR File Layout (openexr.com): magic number, version, then attributes of name, type, size and value; an empty name
ends a header. Cineon: Kodak, "4.5 DPX/Cineon file format draft". JPEG 2000 codestreams: ISO/IEC 15444-1, annex A.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

__all__ = ["is_cut", "subsampled_channels", "user_data_fits"]

_MAGIC = b"\x76\x2f\x31\x01"
_CINEON = {b"\x80\x2a\x5f\xd7": ">I", b"\xd7\x5f\x2a\x80": "<I"}
_CODESTREAM, _END_OF_CODESTREAM = b"\xff\x4f\xff\x51", b"\xff\xd9"
_SEVERAL_PARTS = 0x1000  # a bit of the version
_COARSEST = 8  # one pixel for so many, in x or y
_LONGEST = 2**20  # bytes looked at; the channel list is near the start


def subsampled_channels(path: Path) -> tuple[str, ...]:
    """The channels of an EXR that hold fewer pixels than its window, such as RY and BY.

    () where there are none, of a file that is no EXR, and where its list of channels is damaged.
    """
    try:
        with path.open("rb") as file:
            data = file.read(_LONGEST)
    except OSError:
        return ()
    if not data.startswith(_MAGIC):
        return ()
    try:
        lists = [list(_channels(value)) for name, value in _attributes(data) if name == b"channels"]
    except (ValueError, struct.error):
        return ()
    channels = [channel for found in lists for channel in found]
    if not all(1 <= step <= _COARSEST for _, x, y in channels for step in (x, y)):
        return ()
    return tuple(name for name, x, y in channels if (x, y) != (1, 1))


def is_cut(path: Path, spec: Any) -> bool:
    """Whether a Cineon file or a JPEG 2000 codestream ends too early, which OpenImageIO reads as if it were whole.

    spec: OpenImageIO's, of that file. False for other files.
    """
    try:
        with path.open("rb") as file:
            start = file.read(8)
            file.seek(-min(64, path.stat().st_size), 2)
            end = file.read().rstrip(b"\0")
            size = file.tell()
    except OSError:
        return True
    if start[:4] == _CODESTREAM:
        return not end.endswith(_END_OF_CODESTREAM)
    if start[:4] not in _CINEON or len(start) < 8:
        return False
    (offset,) = struct.unpack(_CINEON[start[:4]], start[4:])
    values, bits = spec.width * spec.nchannels, spec.get_int_attribute("oiio:BitsPerSample", 8)
    line = 4 * -(-values // 3) if bits == 10 else values * bits // 8  # three codes of ten bits in a word
    return bool(size < offset + line * spec.height)


def user_data_fits(path: Path) -> bool:
    """Whether the user data of a Cineon file is no longer than the file; True for other files.

    OpenImageIO asks for as much memory as the header says, and takes seconds for each GiB.
    """
    try:
        with path.open("rb") as file:
            start = file.read(20)
            size = path.stat().st_size
    except OSError:
        return True  # opening it will say what is wrong
    if start[:4] not in _CINEON or len(start) < 20:
        return True
    (length,) = struct.unpack(_CINEON[start[:4]], start[16:])
    return bool(length <= size or length == 0xFFFFFFFF)  # undefined


def _attributes(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Name and value of each attribute, in a file of several parts of one header after the other."""
    (version,) = struct.unpack_from("<I", data, 4)
    place = 8
    while True:
        name, place = _name(data, place)
        if not name:
            return
        _, place = _name(data, place)
        (size,) = struct.unpack_from("<I", data, place)
        yield name, data[place + 4 : place + 4 + size]
        place += 4 + size
        if data[place : place + 1] == b"\0":  # the header's end; a second one ends the last of several
            if not version & _SEVERAL_PARTS:
                return
            place += 1


def _channels(value: bytes) -> Iterator[tuple[str, int, int]]:
    """Name and sampling in x and y of each channel."""
    place = 0
    while True:
        name, place = _name(value, place)
        if not name:
            return
        _, _, x, y = struct.unpack_from("<iiii", value, place)
        yield name.decode("ascii"), x, y  # a damaged name is a ValueError
        place += 16


def _name(data: bytes, place: int) -> tuple[bytes, int]:
    """Text up to the next zero, and the place behind that. Raises ValueError where there is no zero."""
    end = data.index(b"\0", place)
    return data[place:end], end + 1

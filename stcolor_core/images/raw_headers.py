"""What OpenImageIO does not tell of a file, from its bytes: why it refuses an EXR, and how a scan is damaged; and how a
frame of ours stands, with one open of the file and while other threads go on.

OpenEXR File Layout (openexr.com): magic number, version, then attributes of name, type, size and value; an empty name
ends a header. Cineon: Kodak, "4.5 DPX/Cineon file format draft". JPEG 2000 codestreams: ISO/IEC 15444-1, annex A.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

__all__ = ["is_cut", "subsampled_channels", "texts_and_end", "user_data_fits"]

_MAGIC = b"\x76\x2f\x31\x01"
_CINEON = {b"\x80\x2a\x5f\xd7": ">I", b"\xd7\x5f\x2a\x80": "<I"}
_CODESTREAM, _END_OF_CODESTREAM = b"\xff\x4f\xff\x51", b"\xff\xd9"
_SEVERAL_PARTS = 0x1000  # a bit of the version
_PLAIN = 0xFF, 0x400  # the number of the version, and the bit of long names: scan lines in one part
_LINES = {0: 1, 1: 1, 2: 1, 3: 16, 4: 32, 5: 16, 6: 32, 7: 32, 8: 32, 9: 256}  # compression -> lines in a chunk
_MOST_LINES = 2**20
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
        lists = [list(_channels(value)) for name, _, value, _ in _attributes(data) if name == b"channels"]
    except (ValueError, struct.error):
        return ()
    channels = [channel for found in lists for channel in found]
    if not all(1 <= step <= _COARSEST for _, x, y in channels for step in (x, y)):
        return ()
    return tuple(name for name, x, y in channels if (x, y) != (1, 1))


def texts_and_end(path: Path) -> tuple[dict[str, str], bool] | None:
    """The texts in the header of an EXR of scan lines, and whether its pixels are there to the last line.

    None for any other file, and one whose header is damaged.
    """
    try:
        with path.open("rb") as file:
            data = file.read(_LONGEST)
            if not data.startswith(_MAGIC) or struct.unpack_from("<I", data, 4)[0] & ~sum(_PLAIN):
                return None
            attributes, end = {}, 0
            for name, kind, value, place in _attributes(data):
                attributes[name] = kind, value
                end = place
            _, top, _, bottom = struct.unpack("<iiii", attributes[b"dataWindow"][1])
            lines = min(max(0, bottom - top + 1), _MOST_LINES)
            chunks = -(-lines // _LINES[attributes[b"compression"][1][0]])
            offsets = struct.unpack_from(f"<{chunks}Q", data, end + 1)
            file.seek(max(offsets))
            last = file.read(8)  # its first line and its size
            size = struct.unpack("<iI", last)[1] if len(last) == 8 else 0
            whole = len(last) == 8 and min(offsets) > 0 and max(offsets) + 8 + size <= file.seek(0, 2)
    except (OSError, ValueError, LookupError, struct.error, OverflowError):
        return None
    texts = {name: value for name, (kind, value) in attributes.items() if kind == b"string"}
    return {name.decode("utf-8", "replace"): value.decode("utf-8", "replace") for name, value in texts.items()}, whole


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


def _attributes(data: bytes) -> Iterator[tuple[bytes, bytes, bytes, int]]:
    """Name, type, value and end of each attribute, in a file of several parts of one header after the other."""
    (version,) = struct.unpack_from("<I", data, 4)
    place = 8
    while True:
        name, place = _name(data, place)
        if not name:
            return
        kind, place = _name(data, place)
        (size,) = struct.unpack_from("<I", data, place)
        value = data[place + 4 : place + 4 + size]
        place += 4 + size
        yield name, kind, value, place
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

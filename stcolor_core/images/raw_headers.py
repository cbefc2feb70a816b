"""Read from a file's bytes what OpenImageIO does not report: why it rejects an EXR, and whether a scan is truncated.

Also read the state of a frame written by RefColorize with a single open of the file, while other threads keep running.

OpenEXR File Layout (openexr.com): magic number, version, then attributes of name, type, size and value; an empty name
ends a header. Cineon: Kodak, "4.5 DPX/Cineon file format draft". JPEG 2000 codestreams: ISO/IEC 15444-1, annex A.
JPEG: ITU-T T.81, annex B.
PNG: W3C, "Portable Network Graphics (PNG) Specification", third edition, clause 5.
"""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

__all__ = ["ends_in_header", "is_truncated", "png_fault", "read_exr_summary", "subsampled_channels", "user_data_fits"]

_MAGIC = b"\x76\x2f\x31\x01"
_CINEON = {b"\x80\x2a\x5f\xd7": ">I", b"\xd7\x5f\x2a\x80": "<I"}
_CODESTREAM, _END_OF_CODESTREAM = b"\xff\x4f\xff\x51", b"\xff\xd9"
_JPEG, _END_OF_IMAGE = b"\xff\xd8\xff", 0xD9
_JPEG_MARKER = re.compile(rb"\xff+([^\x00\x01\xff\xd0-\xd8])")  # of a segment with a length, or the end
_PNG, _PNG_LENGTH_AND_TYPE, _PNG_CRC = b"\x89PNG\r\n\x1a\n", 8, 4
_SEVERAL_PARTS = 0x1000  # a bit of the version
_SINGLE_PART = 0xFF, 0x400  # version number, and the bit for long names: scan lines in one part
_CHUNK_LINES = {0: 1, 1: 1, 2: 1, 3: 16, 4: 32, 5: 16, 6: 32, 7: 32, 8: 32, 9: 256}  # compression -> lines in a chunk
_MOST_LINES = 2**20
_COARSEST = 8  # largest subsampling factor in x or y
_LONGEST = 2**20  # bytes read; the channel list is near the start


def subsampled_channels(path: Path) -> tuple[str, ...]:
    """Return the channels of an EXR that hold fewer pixels than its window, such as RY and BY.

    Args:
        path: The file.

    Returns:
        Channel names. Empty if there are none, if the file is not an EXR, or if its channel list is damaged.
    """
    try:
        with path.open("rb") as file:
            data = file.read(_LONGEST)
    except OSError:
        return ()
    if not data.startswith(_MAGIC):
        return ()
    try:
        parts = [list(_channels(value)) for name, _, value, _ in _attributes(data) if name == b"channels"]
    except (ValueError, struct.error):
        return ()
    channels = [channel for part in parts for channel in part]
    if not all(1 <= factor <= _COARSEST for _, x, y in channels for factor in (x, y)):
        return ()
    return tuple(name for name, x, y in channels if (x, y) != (1, 1))


def read_exr_summary(path: Path) -> tuple[dict[str, str], bool] | None:
    """Return the text attributes of a scan-line EXR, and whether its pixels are complete to the last line.

    Args:
        path: The file.

    Returns:
        (attribute name -> text, whether it is complete); None for any other file, and for one with a damaged header.
    """
    try:
        with path.open("rb") as file:
            data = file.read(_LONGEST)
            if not data.startswith(_MAGIC) or struct.unpack_from("<I", data, 4)[0] & ~sum(_SINGLE_PART):
                return None
            attributes, end = {}, 0
            for name, kind, value, offset in _attributes(data):
                attributes[name] = kind, value
                end = offset
            _, top, _, bottom = struct.unpack("<iiii", attributes[b"dataWindow"][1])
            lines = min(max(0, bottom - top + 1), _MOST_LINES)
            chunks = -(-lines // _CHUNK_LINES[attributes[b"compression"][1][0]])
            offsets = struct.unpack_from(f"<{chunks}Q", data, end + 1)
            file.seek(max(offsets))
            last = file.read(8)  # its first line and its size
            size = struct.unpack("<iI", last)[1] if len(last) == 8 else 0
            complete = len(last) == 8 and min(offsets) > 0 and max(offsets) + 8 + size <= file.seek(0, 2)
    except (OSError, ValueError, LookupError, struct.error, OverflowError):
        return None
    texts = {name: value for name, (kind, value) in attributes.items() if kind == b"string"}
    return {
        name.decode("utf-8", "replace"): value.decode("utf-8", "replace") for name, value in texts.items()
    }, complete


def ends_in_header(path: Path) -> bool:
    """Return whether a file is the beginning of an EXR that ends within its header, so that it never held a pixel.

    Args:
        path: The file. The result is False if it cannot be read.
    """
    try:
        with path.open("rb") as file:
            data = file.read(_LONGEST)
    except OSError:
        return False
    if len(data) == _LONGEST or not data.startswith(_MAGIC[: len(data)]):
        return False
    try:
        for _ in _attributes(data):
            pass
    except (ValueError, LookupError, struct.error):
        return True
    return False


def is_truncated(path: Path, spec: Any) -> bool:
    """Return whether a Cineon file, a JPEG 2000 codestream or a JPEG is truncated.

    OpenImageIO does not notice it in the first two, nor in a progressive JPEG, which it fills up from the scans there.

    Args:
        path: The file.
        spec: OpenImageIO's specification of the file.

    Returns:
        False for files of other types; True if the file cannot be read.
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
    if start.startswith(_JPEG):
        return not end.endswith(_END_OF_CODESTREAM) and not _has_end_of_image(path)
    if start[:4] not in _CINEON or len(start) < 8:
        return False
    (offset,) = struct.unpack(_CINEON[start[:4]], start[4:])
    values, bits = spec.width * spec.nchannels, spec.get_int_attribute("oiio:BitsPerSample", 8)
    line = 4 * -(-values // 3) if bits == 10 else values * bits // 8  # three 10-bit codes in a 32-bit word
    return bool(size < offset + line * spec.height)


def _has_end_of_image(path: Path) -> bool:
    """Return whether a JPEG has the marker that ends its image; that of a thumbnail in its header is another.

    After it, cameras append other pictures and whole movies.
    """
    try:
        data = path.read_bytes()
    except OSError:
        return False
    offset = 2
    while (match := _JPEG_MARKER.search(data, offset)) is not None:
        if match[1][0] == _END_OF_IMAGE:
            return True
        offset = match.end() + int.from_bytes(data[match.end() : match.end() + 2], "big")
    return False


def png_fault(path: Path, *, header_only: bool = False) -> str | None:
    """Return what is wrong with the chunks of a PNG, by their checksums; None if nothing is, or if it is no PNG.

    libpng finds it too, but prints a line of its own on standard error, which names no file.

    Args:
        path: The file.
        header_only: Whether to check only what comes before the pixels.
    """
    try:
        with path.open("rb") as file:
            if file.read(len(_PNG)) != _PNG:
                return None
            size = path.stat().st_size
            while True:
                start = file.read(_PNG_LENGTH_AND_TYPE)
                kind = start[4:]
                if header_only and kind == b"IDAT":
                    return None
                length = int.from_bytes(start[:4], "big")
                if len(start) < _PNG_LENGTH_AND_TYPE or file.tell() + length + _PNG_CRC > size:
                    return "the file ends too early"
                rest = file.read(length + _PNG_CRC)
                matters = kind[:1].isupper()  # others, such as texts, are left out by every reader
                if matters and zlib.crc32(kind + rest[:length]) != int.from_bytes(rest[length:], "big"):
                    return f"the checksum of its chunk {kind.decode('latin-1')!a} is wrong"
                if kind == b"IEND":
                    return None
    except OSError:
        return None  # opening or reading the file reports it


def user_data_fits(path: Path) -> bool:
    """Return whether the user data of a Cineon file is no longer than the file.

    OpenImageIO allocates as much memory as the header claims, and takes seconds for each GiB.

    Args:
        path: The file. The result is True if it is not a Cineon file or cannot be read.
    """
    try:
        with path.open("rb") as file:
            start = file.read(20)
            size = path.stat().st_size
    except OSError:
        return True  # opening the file reports the error
    if start[:4] not in _CINEON or len(start) < 20:
        return True
    (length,) = struct.unpack(_CINEON[start[:4]], start[16:])
    return bool(length <= size or length == 0xFFFFFFFF)  # means undefined


def _attributes(data: bytes) -> Iterator[tuple[bytes, bytes, bytes, int]]:
    """Yield the name, type, value and end offset of each attribute, header after header if there are several parts."""
    (version,) = struct.unpack_from("<I", data, 4)
    offset = 8
    while True:
        name, offset = _read_name(data, offset)
        if not name:
            return
        kind, offset = _read_name(data, offset)
        (size,) = struct.unpack_from("<I", data, offset)
        value = data[offset + 4 : offset + 4 + size]
        offset += 4 + size
        yield name, kind, value, offset
        if data[offset : offset + 1] == b"\0":  # end of the header; a second zero ends the last header of several
            if not version & _SEVERAL_PARTS:
                return
            offset += 1


def _channels(value: bytes) -> Iterator[tuple[str, int, int]]:
    """Yield the name and the sampling in x and y of each channel."""
    offset = 0
    while True:
        name, offset = _read_name(value, offset)
        if not name:
            return
        _, _, x, y = struct.unpack_from("<iiii", value, offset)
        yield name.decode("ascii"), x, y  # a damaged name raises ValueError
        offset += 16


def _read_name(data: bytes, offset: int) -> tuple[bytes, int]:
    """Return the text up to the next zero byte, and the offset after that. Raises ValueError if there is none."""
    end = data.index(b"\0", offset)
    return data[offset:end], end + 1

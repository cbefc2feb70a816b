"""Test pictures, written by OpenImageIO itself."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import OpenImageIO as oiio
import pytest
from numpy.typing import NDArray

from stcolor_core.errors import PlateError
from stcolor_core.images import frame_files, pictures, plates

__all__ = [
    "SUFFIXES",
    "cineon",
    "exr_attribute",
    "luminance_chroma",
    "picture",
    "refused",
    "save",
    "truncate",
    "write_grey",
    "zeros_of_16k",
]

SUFFIXES = ["exr", "dpx", "tif", "png", "jpg"]


def picture(height: int = 13, width: int = 17, channels: int = 3) -> NDArray[np.float32]:
    """Return a picture that is smooth enough to survive JPEG."""
    y, x = np.mgrid[:height, :width] / max(height, width)
    return np.stack([(x + y + 0.1 * c) / 3 for c in range(channels)], axis=-1).astype(np.float32)


def save(
    path: Path,
    pixels: NDArray[Any],
    pixel_type: str = "half",
    *,
    names: tuple[str, ...] | None = None,
    window: pictures.Window | None = None,
    origin: tuple[int, int] = (0, 0),
    **attributes: Any,
) -> Path:
    """Write a picture by OpenImageIO; `_` in an attribute's name stands for a colon."""
    height, width, channels = pixels.shape
    spec = oiio.ImageSpec(width, height, channels, pixel_type)
    if names:
        spec.channelnames = names
    spec.x, spec.y = origin
    if window:
        spec.full_x, spec.full_y, spec.full_width, spec.full_height = window
    for name, value in attributes.items():
        kind, value = value if isinstance(value, tuple) else (None, value)
        key = name.replace("_", ":")
        spec.attribute(key, oiio.TypeDesc(kind), value) if kind else spec.attribute(key, value)
    file = oiio.ImageOutput.create(str(path))
    assert file.open(str(path), spec), file.geterror()
    assert file.write_image(pixels), file.geterror()
    assert file.close()
    return path


def truncate(path: Path, share: float) -> Path:
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])
    return path


def cineon(path: Path, codes: NDArray[Any]) -> Path:
    """Write a Cineon scan of 10 bit codes (H, W, 3), which OpenImageIO can read but not write.

    Kodak, "4.5 DPX/Cineon file format draft": magic number, offsets; image element descriptors at 192; data at 2048.
    """
    height, width, _ = codes.shape
    header = bytearray(2048)
    struct.pack_into(">6I", header, 0, 0x802A5FD7, 2048, 1024, 0, 0, 2048 + 4 * width * height)
    header[24:28] = b"V4.5"
    header[193] = 3
    for channel in range(3):
        place = 196 + 28 * channel
        header[place : place + 4] = bytes([0, channel + 1, 10, 0])
        struct.pack_into(">2I4f", header, place + 4, width, height, 0, 0, 1023, 2.046)
    header[681] = 5  # packing: three codes in a word of 32 bits, left justified
    red, green, blue = np.moveaxis(codes.astype(">u4"), -1, 0)
    path.write_bytes(bytes(header) + (red << 22 | green << 12 | blue << 2).astype(">u4").tobytes())
    return path


def exr_attribute(name: bytes, kind: bytes, value: bytes) -> bytes:
    """Return an attribute as the bytes of an EXR header."""
    return name + b"\0" + kind + b"\0" + struct.pack("<I", len(value)) + value


def luminance_chroma(path: Path, *, before: bytes = b"") -> Path:
    """Write an uncompressed half EXR of 4 x 2 pixels with subsampled chroma, which OpenImageIO cannot read.

    before: attributes to put before the channel list.
    """
    channels = b"".join(
        name + b"\0" + struct.pack("<iiii", 1, 0, *sampling)
        for name, sampling in ((b"BY", (2, 2)), (b"RY", (2, 2)), (b"Y", (1, 1)))
    )
    window = struct.pack("<4i", 0, 0, 3, 1)
    header = b"\x76\x2f\x31\x01\x02\0\0\0" + before
    for name, kind, value in (
        (b"channels", b"chlist", channels + b"\0"),
        (b"compression", b"compression", b"\0"),
        (b"dataWindow", b"box2i", window),
        (b"displayWindow", b"box2i", window),
        (b"lineOrder", b"lineOrder", b"\0"),
        (b"pixelAspectRatio", b"float", struct.pack("<f", 1)),
        (b"screenWindowCenter", b"v2f", struct.pack("<2f", 0, 0)),
        (b"screenWindowWidth", b"float", struct.pack("<f", 1)),
    ):
        header += exr_attribute(name, kind, value)
    header += b"\0"
    lines = [np.full(count, 0.5, "<f2").tobytes() for count in (2 + 2 + 4, 4)]
    start = len(header) + 16
    data = b"".join(struct.pack("<2i", y, len(line)) + line for y, line in enumerate(lines))
    path.write_bytes(header + struct.pack("<2Q", start, start + 8 + len(lines[0])) + data)
    return path


def zeros_of_16k(path: Path) -> Path:
    """Write a zip EXR of 16384 x 16384 black pixels in half, whose chunks of 16 lines are all equal."""
    size, lines = 16384, 16
    window = struct.pack("<4i", 0, 0, size - 1, size - 1)
    header = b"\x76\x2f\x31\x01\x02\0\0\0"
    for name, kind, value in (
        (b"channels", b"chlist", b"Y\0" + struct.pack("<iiii", 1, 0, 1, 1) + b"\0"),
        (b"compression", b"compression", b"\3"),
        (b"dataWindow", b"box2i", window),
        (b"displayWindow", b"box2i", window),
        (b"lineOrder", b"lineOrder", b"\0"),
        (b"pixelAspectRatio", b"float", struct.pack("<f", 1)),
        (b"screenWindowCenter", b"v2f", struct.pack("<2f", 0, 0)),
        (b"screenWindowWidth", b"float", struct.pack("<f", 1)),
    ):
        header += exr_attribute(name, kind, value)
    header += b"\0"
    packed = zlib.compress(b"\0" + b"\x80" * (2 * size * lines - 1))  # differences of bytes, plus 128
    count = size // lines
    start, step = len(header) + 8 * count, 8 + len(packed)
    table = struct.pack(f"<{count}Q", *range(start, start + step * count, step))
    chunks = (struct.pack("<2i", lines * index, len(packed)) + packed for index in range(count))
    path.write_bytes(header + table + b"".join(chunks))
    return path


def write_grey(path: Path, size: int = 64) -> None:
    frame_files.write_frame(path, {"Y": (np.random.default_rng(0).random((size, size)), "float")})


def refused(path: Path, *, frame: int | None = 1013) -> str:
    """Return the one line with which a picture is refused."""
    with pytest.raises(PlateError) as error:
        plates.read(path, frame=frame)
    message = str(error.value)
    assert "\n" not in message and str(path) in message
    assert frame is None or f"Frame {frame}" in message
    assert not plates.is_complete(path)
    return message

"""ICC profiles of working spaces, written by the standard: three curves and a matrix (ICC.1:2022, 8.3.3)."""

from __future__ import annotations

import struct

__all__ = ["ADOBE_RGB", "PROPHOTO", "make_profile"]

_WHITE = (0.9642, 1.0, 0.8249)  # D50, the white of every profile
# Columns are the XYZ of R, G and B under D50; and the gamma. Adobe RGB (1998), 4.3.5.3; ROMM RGB, ISO 22028-2.
ADOBE_RGB = (((0.60974, 0.31111, 0.01947), (0.20528, 0.62567, 0.06087), (0.14919, 0.06322, 0.74457)), 563 / 256)
PROPHOTO = (((0.79767, 0.28804, 0.0), (0.13519, 0.71188, 0.0), (0.03134, 0.00009, 0.82521)), 1.8)


def make_profile(name: str, space: tuple[tuple[tuple[float, ...], ...], float], *, kind: bytes = b"RGB ") -> bytes:
    """Return a profile of version 2; one of another kind is that in its header alone."""
    colorants, gamma = space
    text = name.encode() + b"\0"
    tags = [
        (b"desc", b"desc\0\0\0\0" + struct.pack(">I", len(text)) + text + bytes(4 + 4 + 2 + 1 + 67)),
        (b"cprt", b"text\0\0\0\0none\0"),
        (b"wtpt", _xyz(_WHITE)),
    ]
    tags += [(letter + b"XYZ", _xyz(color)) for letter, color in zip((b"r", b"g", b"b"), colorants, strict=True)]
    curve = b"curv\0\0\0\0" + struct.pack(">IH", 1, round(gamma * 256))
    tags += [(letter + b"TRC", curve) for letter in (b"r", b"g", b"b")]
    start, table, data = 128 + 4 + 12 * len(tags), struct.pack(">I", len(tags)), b""
    for key, value in tags:
        table += key + struct.pack(">II", start + len(data), len(value))
        data += value + bytes(-len(value) % 4)
    size = start + len(data)
    header = struct.pack(">I4sI", size, b"lcms", 0x02400000) + b"mntr" + kind + b"XYZ "
    header += struct.pack(">6H", 2026, 1, 1, 0, 0, 0) + b"acsp" + bytes(28) + _numbers(_WHITE)
    return header + bytes(128 - len(header)) + table + data


def _xyz(values: tuple[float, ...]) -> bytes:
    return b"XYZ \0\0\0\0" + _numbers(values)


def _numbers(values: tuple[float, ...]) -> bytes:
    return b"".join(struct.pack(">i", round(value * 65536)) for value in values)

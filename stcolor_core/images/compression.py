"""The compressions of EXR that frames are written with. Imports nothing, so that a shot is read in milliseconds."""

from __future__ import annotations

from typing import Literal, get_args

__all__ = ["COMPRESSIONS", "LOSSY", "Compression"]

Compression = Literal["zips", "zip", "piz", "none", "dwaa", "dwab"]
COMPRESSIONS: tuple[Compression, ...] = get_args(Compression)
LOSSY: tuple[Compression, ...] = ("dwaa", "dwab")
"""These change the channels named R, G, B and Y of every layer, those of a Cryptomatte too, and keep all others."""

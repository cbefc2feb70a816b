"""Write EXR files through OpenEXR, which compresses the same pixels in half the time that OpenImageIO takes.

OpenImageIO still decides the header, so that every attribute has the name and the type that it reads back, and that
frames have had since the first release: it writes the header alone, and OpenEXR takes that over.
"""

from __future__ import annotations

import ctypes
import logging
from collections.abc import Mapping
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import OpenEXR
import OpenImageIO as oiio
from numpy.typing import NDArray

from stcolor_core.errors import OutputError
from stcolor_core.images.compression import Compression
from stcolor_core.images.picture_text import error_text, one_line

__all__ = ["write_exr"]

logger = logging.getLogger(__name__)

_LEVEL = 1  # of deflate: two thirds of the CPU of OpenEXR's own level 4, for files that are 7 % larger
# What the bindings raise, for a value that they refuse (a rational of denominator 0) as for a full disk.
_PROBLEMS = (RuntimeError, ValueError, TypeError, ArithmeticError, LookupError)


def write_exr(
    path: Path, spec: Any, channels: Mapping[str, NDArray[Any]], *, final_path: Path, compression: Compression = "zips"
) -> None:
    """Write one EXR of scan lines in the calling thread. The GIL is free meanwhile.

    Attributes that OpenEXR refuses, such as a key code out of its range, are left out and logged.

    Args:
        path: The file to write.
        spec: OpenImageIO's specification, of which the windows and the attributes are taken.
        channels: Channel name -> (H, W) float16 or float32, as they are stored.
        final_path: How messages name the file.
        compression: One of `compression.COMPRESSIONS`.

    Raises:
        OutputError: If the file cannot be written. What is left of it is for the caller to remove.
    """
    _set_compression_level()
    window = _corners(spec.x, spec.y, spec.width, spec.height)
    pixels = {name: np.ascontiguousarray(values) for name, values in channels.items()}
    try:
        try:
            _write(path, _read_header(path, spec), pixels, window, compression)
        except _PROBLEMS:
            if not _remove_refused(path, spec, final_path):
                raise
            _write(path, _read_header(path, spec), pixels, window, compression)
    except _PROBLEMS as error:
        raise OutputError(
            f"{final_path} cannot be written ({one_line(str(error))}). Check the folder and the space on its disk."
        ) from None


@cache
def _set_compression_level() -> None:
    """Let OpenEXR compress at `_LEVEL`, where its library can be asked.

    The bindings have no option for it. The library's function is public, but a build of the bindings may hide it: then
    OpenEXR's own level stays. The pixels are the same.
    """
    with suppress(OSError, AttributeError):
        ctypes.CDLL(OpenEXR.__file__).exr_set_default_zip_compression_level(ctypes.c_int(_LEVEL))


def _read_header(path: Path, spec: Any) -> dict[str, Any]:
    """Return the attributes of a specification as OpenEXR has them; `path` is overwritten with one pixel."""
    header = oiio.ImageSpec(spec)
    header.x, header.y, header.width, header.height = spec.full_x, spec.full_y, 1, 1
    header.nchannels, header.channelnames, header.channelformats = 1, ("Y",), ()
    file: Any = oiio.ImageOutput.create("exr")
    success = file.open(str(path), header) and file.write_image(np.zeros((1, 1, 1), np.float32))
    problem = error_text(file)
    if not (file.close() and success):
        raise RuntimeError(f"OpenImageIO: {problem}")
    return {
        name: value
        for name, value in OpenEXR.File(str(path), header_only=True).header().items()
        if name not in ("channels", "dataWindow")
    }


def _write(
    path: Path, header: Mapping[str, Any], pixels: dict[str, NDArray[Any]], window: Any, compression: Compression
) -> None:
    method = "NO_COMPRESSION" if compression == "none" else f"{compression.upper()}_COMPRESSION"
    header = {**header, "dataWindow": window, "compression": getattr(OpenEXR, method)}
    OpenEXR.File(header, pixels).write(str(path))


def _corners(x: int, y: int, width: int, height: int) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    return np.array([x, y], np.int32), np.array([x + width - 1, y + height - 1], np.int32)


def _remove_refused(path: Path, spec: Any, final_path: Path) -> bool:
    """Remove the attributes that OpenEXR cannot write from a specification; return whether there were any."""
    refused = []
    for attribute in spec.extra_attribs:
        single = oiio.ImageSpec(1, 1, 1, "half")
        single.attribute(attribute.name, attribute.type, attribute.value)
        try:
            pixel = {"Y": np.zeros((1, 1), np.float16)}
            _write(path, _read_header(path, single), pixel, _corners(0, 0, 1, 1), "none")
        except _PROBLEMS:
            refused.append(attribute.name)
    for name in refused:
        spec.erase_attribute(name)
        logger.info("%s: skipped its attribute %r, which cannot be written.", final_path, name)
    return bool(refused)

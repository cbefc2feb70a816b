"""Write frames whole or not at all, and recognise frames that were changed afterwards.

Each frame carries a hash of its pixels and the time at which it was written. The file's modification time is set to
that time.
"""

from __future__ import annotations

import hashlib
import logging
import os
import re
import struct
import sys
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import OpenImageIO as oiio
from numpy.typing import NDArray

from stcolor_core.arrays import Plane
from stcolor_core.errors import OutputError, PlateError
from stcolor_core.files.atomic import atomic_path
from stcolor_core.images import opening, plates
from stcolor_core.images.compression import LOSSY, Compression
from stcolor_core.images.exr_files import write_exr
from stcolor_core.images.picture_text import Attribute, set_attribute
from stcolor_core.images.pictures import LARGEST_HALF, Header, PixelType
from stcolor_core.images.raw_headers import read_exr_summary

__all__ = [
    "FrameState",
    "frame_state",
    "is_unmodified",
    "pixel_hash",
    "pixel_state",
    "row_bands",
    "to_half",
    "write_frame",
]

logger = logging.getLogger(__name__)

_Channels = Mapping[str, NDArray[Any]]  # channel name -> (H, W) float16 or float32, as stored in the file

_POSITIVE = ("PixelAspectRatio", "screenWindowWidth")  # OpenEXR refuses to write other values
_HASH_DIGITS = 32
_BAND = 1 << 16  # pixels of a plane that are converted or hashed at a time: they stay in the processor's cache
_LONGEST_HEADER = 2**20
_CHUNK = 2**22
_PIXELS = "stcolor/pixels"
WRITTEN_ATTRIBUTE = "stcolor/written"
"""The metadata of a frame that says when it was written, in nanoseconds since 1970."""

# Attributes that describe the plate's file rather than the shot; a Cryptomatte manifest belongs to its channels.
_STALE = re.compile(
    r"(oiio:|openexr:|cryptomatte/|stcolor/|iccprofile|thumbnail).*"
    r"|colorInteropID|CICP|acesImageContainerFlag|compression|compressionquality|name|view|multiview|orientation|[xy]resolution|resolutionunit|textureformat|wrapmodes",
    re.IGNORECASE,
)


@dataclass(frozen=True, kw_only=True)
class FrameState:
    """The state of a frame on disk.

    Attributes:
        metadata: Metadata by key; empty if the file is missing or is not a picture. Of a frame written by RefColorize,
            only its text attributes.
        complete: Whether the last lines of the picture can be read.
        unmodified: Whether the file has the modification time recorded when it was written, so nobody changed it since.
    """

    metadata: Mapping[str, Any]
    complete: bool
    unmodified: bool


def frame_state(path: Path | str) -> FrameState:
    """Return the state of a frame, opening the file only once. Never raises.

    Args:
        path: The picture.
    """
    path = Path(path)
    if (summary := read_exr_summary(path)) is not None and WRITTEN_ATTRIBUTE in summary[0]:
        return FrameState(metadata=summary[0], complete=summary[1], unmodified=_has_recorded_time(path, summary[0]))
    try:
        with opening.open_picture(path) as (file, part, header):
            complete = plates.has_last_lines(file, part, header)
            return FrameState(metadata=header.metadata, complete=complete, unmodified=_is_untouched(header))
    except PlateError:
        return FrameState(metadata={}, complete=False, unmodified=False)


def is_unmodified(path: Path | str) -> bool | None:
    """Return whether a frame still holds the pixels that `write_frame` wrote. Never raises.

    The pixels are read only if the file does not have its recorded modification time, for example after a copy.

    Args:
        path: The picture.

    Returns:
        None if the file has no recorded hash or cannot be read as a picture.
    """
    return {"unmodified": True, "changed": False}.get(pixel_state(path))


def pixel_state(path: Path | str) -> Literal["unmodified", "changed", "damaged", "unknown"]:
    """Return whether the pixels of a frame are those that `write_frame` wrote. Never raises.

    A file that has its recorded modification time is taken to be unmodified. The pixels of any other are read.

    Args:
        path: The picture.

    Returns:
        "damaged" if the file can be read, but not its pixels; "unknown" if it has no recorded hash, or if its disk does
        not give it.
    """
    path = Path(path)
    recorded = None
    try:
        with opening.open_picture(path) as (file, part, header):
            recorded = header.metadata.get(_PIXELS)
            if not isinstance(recorded, str):
                return "unknown"
            same = _is_untouched(header) or _hash_of_file(file, part, header) == recorded
            return "unmodified" if same else "changed"
    except PlateError:
        return "unknown" if recorded is None or not _can_be_read(path) else "damaged"


def pixel_hash(path: Path | str) -> str:
    """Return a hash of a picture's pixels, equal to the one that `write_frame` records for the same pixels.

    The hash covers the name, type and size of each channel. It does not depend on the order of the channels in the file
    or on the compression.

    Args:
        path: The picture.

    Returns:
        32 hexadecimal digits.

    Raises:
        PlateError: As `plates.read` does.
    """
    with opening.open_picture(Path(path)) as (file, part, header):
        return _hash_of_file(file, part, header)


def write_frame(
    path: Path | str,
    layers: Mapping[str, tuple[Plane, PixelType]],
    *,
    like: Header | None = None,
    metadata: Mapping[str, str] | None = None,
    interop_id: str | None = None,
    compression: Compression = "zips",
) -> None:
    """Write one EXR (each channel in its own type) under a partial name, and rename it once it is complete.

    It counts as complete when its last lines can be read back. Missing folders are made. Two attributes,
    `stcolor/pixels` and `stcolor/written`, record the pixel hash and the time.

    Args:
        path: The EXR.
        layers: Channel name -> (values of shape (H, W), of single or half precision, and "half" or "float", the type in
            the file). Half is limited to +-65504.
        like: Header to copy the windows, timecode, pixel aspect and other metadata from; None makes both windows the
            size of the picture.
        metadata: Further metadata, added to the above.
        interop_id: Color interop ID of R, G and B, as of `interop.interop_id`; None writes none, even if `like` has
            one.
        compression: One of `compression.COMPRESSIONS`.

    Raises:
        OutputError: If the frame cannot be written. Nothing new is left on disk then.
        ValueError: If there are no layers, or if one does not have the size of the data window.
    """
    path = Path(path)
    spec = _output_spec(layers, like, metadata or {})
    if interop_id is not None:
        spec.erase_attribute(
            "chromaticities"
        )  # one statement of the colour space, as the Color Interop Forum recommends
        spec.attribute("colorInteropID", interop_id)
    stored = {name: _to_stored_type(values, pixel_type) for name, (values, pixel_type) in layers.items()}
    written = time.time_ns() // 1000 * 1000  # whole microseconds: common file systems store at least 100 ns (NTFS)
    rows = row_bands(next(iter(stored.values())).shape)
    spec.attribute(_PIXELS, _hash({name: plane[band] for name, plane in stored.items()} for band in rows))
    spec.attribute(WRITTEN_ATTRIBUTE, str(written))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic_path(path) as partial:
            write_exr(partial, spec, stored, final_path=path, compression=compression)
            # OpenEXR buffers the end of the file and reports no error when the disk is full: read it back.
            if not plates.is_complete(partial):
                raise OutputError(f"{path} could not be written completely. Free space on its disk.")
            if compression in LOSSY:
                _record_hash(partial)
            os.utime(partial, ns=(written, written))
    except PermissionError as error:
        raise OutputError(
            f"{path} cannot be written ({error.strerror}). "
            "Check the folder's permissions, and close any program that has the file open."
        ) from None
    except OSError as error:
        raise OutputError(f"{path} cannot be written ({error.strerror}). Choose another output folder.") from None


def _output_spec(
    layers: Mapping[str, tuple[Plane, PixelType]], like: Header | None, metadata: Mapping[str, str]
) -> Any:
    if not layers:
        raise ValueError("a frame needs at least one channel")
    height, width = next(iter(layers.values()))[0].shape
    shape = like.shape if like else (height, width)
    mismatched = [name for name, (values, _) in layers.items() if values.shape != shape]
    if mismatched:
        raise ValueError(f"channel {mismatched[0]} does not have the size of the data window, {shape[1]} x {shape[0]}")
    spec = oiio.ImageSpec(shape[1], shape[0], len(layers), "half")
    if like:
        spec.x, spec.y = like.data_window[:2]
        spec.full_x, spec.full_y, spec.full_width, spec.full_height = like.display_window
        _carry_over(like, spec)
    for name, value in metadata.items():
        spec.attribute(name, value)
    return spec


def _carry_over(like: Header, spec: Any) -> None:
    """Copy attributes that describe the shot into the header of a new frame; log those that cannot be written."""
    for name, value in like.metadata.items():
        if _STALE.fullmatch(name):
            continue
        refused = name in _POSITIVE and not (isinstance(value, float) and 1e-6 < value < 1e6)
        if refused or not set_attribute(spec, Attribute(name, like.metadata_types[name], value)):
            logger.info("%s: skipped its attribute %r, which cannot be written.", like.path, name)


def _to_stored_type(values: Plane, pixel_type: PixelType) -> NDArray[Any]:
    """Return a channel as stored in the file: float32, or float16 limited to its range."""
    if pixel_type == "float":
        return np.asarray(values, np.float32)
    if values.dtype == np.float16 and not _is_any_infinite(values.view(np.uint16)):
        return np.ascontiguousarray(values)
    half = np.empty(values.shape, np.float16)
    for rows in row_bands(values.shape):
        half[rows] = to_half(values[rows])
    return half


def _is_any_infinite(bits: NDArray[np.uint16]) -> bool:
    """Return whether any number in half precision is infinite, by its bits."""
    magnitude = bits & 0x7FFF
    return bool(magnitude.max(initial=0) >= 0x7C00 and (magnitude == 0x7C00).any())  # those above are NaN


def to_half(values: NDArray[np.floating]) -> NDArray[np.float16]:
    """Return values in half precision, limited to its range.

    Args:
        values: Of any shape.
    """
    single = np.array(values, np.float32)
    # torch limits and rounds ten times as fast as numpy, to the same bits. It is not loaded for this alone.
    torch: Any = sys.modules.get("torch")
    if torch is None:
        return np.clip(single, -LARGEST_HALF, LARGEST_HALF, out=single).astype(np.float16)
    half: NDArray[np.float16] = torch.from_numpy(single).clamp_(-LARGEST_HALF, LARGEST_HALF).half().numpy()
    return half


def row_bands(shape: tuple[int, ...]) -> Iterator[slice]:
    """Yield bands of rows from top to bottom: the system would clear memory for every copy of a whole plane.

    Args:
        shape: Of a picture, (H, W).
    """
    step = max(1, _BAND // max(1, shape[1]))
    return (slice(top, top + step) for top in range(0, shape[0], step))


def _record_hash(path: Path) -> None:
    """Replace the recorded hash of the pixels as they were before a lossy compression by that of the file's own."""
    marker = f"{_PIXELS}\0string\0".encode() + struct.pack("<I", _HASH_DIGITS)
    with path.open("r+b") as file:
        place = file.read(_LONGEST_HEADER).index(marker) + len(marker)
        file.seek(place)
        file.write(pixel_hash(path).encode())


def _can_be_read(path: Path) -> bool:
    """Return whether the disk gives all bytes of a file, whatever they are."""
    try:
        with path.open("rb") as file:
            while file.read(_CHUNK):
                pass
    except OSError:
        return False
    return True


def _is_untouched(header: Header) -> bool:
    return _has_recorded_time(header.path, header.metadata)


def _has_recorded_time(path: Path, metadata: Mapping[str, Any]) -> bool:
    """Return whether a file has the modification time that was recorded when it was written."""
    try:
        return str(path.stat().st_mtime_ns) == metadata.get(WRITTEN_ATTRIBUTE)
    except OSError:  # removed in the meantime
        return False


def _hash_of_file(file: Any, part: int, header: Header) -> str:
    """Hash the pixels of a picture opened with `open_picture`. Raises PlateError if they cannot be read."""
    spec = file.spec()
    types = spec.channelformats or [spec.format] * len(header.channels)
    halves = [str(channel_type) == "half" for channel_type in types]
    return _hash(
        {name: band[..., i].astype(np.float16 if halves[i] else np.float32) for i, name in enumerate(header.channels)}
        for _, band in plates.read_bands(file, part, header)
    )


def _hash(bands: Iterable[_Channels]) -> str:
    """Hash channels that arrive in bands of rows from top to bottom, so that no whole picture is in memory."""
    hashes: dict[str, Any] = defaultdict(lambda: hashlib.blake2b(digest_size=16))
    shapes: dict[str, str] = {}
    rows = 0
    for band in bands:
        for name, values in band.items():
            hashes[name].update(_canonical(values).data)
            if name not in shapes:
                shapes[name] = f"{values.dtype.name} {values.shape[1]}"
        rows += len(values)
    total = hashlib.blake2b(digest_size=16)
    for name in sorted(hashes):
        total.update(f"{name}\0{shapes[name]} {rows}\0".encode("utf-8", "backslashreplace") + hashes[name].digest())
    return total.hexdigest()


def _canonical(values: NDArray[Any]) -> NDArray[Any]:
    """Return contiguous little-endian values with one bit pattern for NaN, since conversions may change that."""
    values = np.ascontiguousarray(values, "<f2" if values.dtype.itemsize == 2 else "<f4")
    if not _has_nan(values):
        return values
    return np.where(np.isnan(values), values.dtype.type(np.nan), values)


def _has_nan(values: NDArray[Any]) -> bool:
    if values.dtype.itemsize != 2:
        return bool(np.isnan(values.max(initial=0)))
    # by its bits, above those of infinity: numpy takes each half for a number of its own, which costs ten times as much
    return bool((values.view("<u2") & 0x7FFF).max(initial=0) > 0x7C00)

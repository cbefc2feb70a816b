"""Frames on disk: written whole or not at all, and told apart from what somebody changed afterwards.

Each frame carries a hash of its pixels and the time at which it was written, which is also the file's own.
"""

from __future__ import annotations

import hashlib
import logging
import os
import re
import time
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import OpenImageIO as oiio
from numpy.typing import NDArray

from stcolor_core.errors import OutputError, PlateError
from stcolor_core.files.atomic import atomic_path
from stcolor_core.images import plates
from stcolor_core.images.picture_text import Attribute, error_text, set_attribute
from stcolor_core.images.plates import LARGEST_HALF, Header, PixelType
from stcolor_core.images.raw_headers import texts_and_end

__all__ = ["FrameState", "frame_state", "is_as_written", "pixel_hash", "write_frame"]

logger = logging.getLogger(__name__)

Stored = Mapping[str, NDArray[Any]]  # channel name -> (H, W) float16 or float32, as the file holds it

_BAND = 64  # rows interleaved and handed to OpenImageIO at a time
_POSITIVE = ("PixelAspectRatio", "screenWindowWidth")  # OpenEXR refuses to write others
_PIXELS, _WRITTEN = "stcolor/pixels", "stcolor/written"

# What describes the file that was read and not the shot; a Cryptomatte manifest belongs to its channels.
_STALE = re.compile(
    r"(oiio:|openexr:|cryptomatte/|stcolor/|iccprofile|thumbnail).*"
    r"|colorInteropID|CICP|acesImageContainerFlag|compression|compressionquality|name|view|multiview|orientation|[xy]resolution|resolutionunit|textureformat|wrapmodes",
    re.IGNORECASE,
)


@dataclass(frozen=True, kw_only=True)
class FrameState:
    """How a frame on disk stands.

    metadata: what its header says; empty where it is missing or no picture. complete: its last lines can be read.
    untouched: the file's time is the one recorded when it was written, so that nobody has changed it since.
    """

    metadata: Mapping[str, Any]
    complete: bool
    untouched: bool


def frame_state(path: Path | str) -> FrameState:
    """Read a frame's header and whether it is whole, with one open of the file. Never raises.

    Of a frame of ours the metadata are its texts alone.
    """
    path = Path(path)
    if (ours := texts_and_end(path)) is not None and _WRITTEN in ours[0]:
        return FrameState(metadata=ours[0], complete=ours[1], untouched=_is_of(path, ours[0]))
    try:
        with plates.open_picture(path) as (file, part, header):
            complete = plates.ends_whole(file, part, header)
            return FrameState(metadata=header.metadata, complete=complete, untouched=_untouched(header))
    except PlateError:
        return FrameState(metadata={}, complete=False, untouched=False)


def is_as_written(path: Path | str) -> bool | None:
    """Whether a frame still holds the pixels that `write_frame` gave it. Never raises.

    Its pixels are read only if the file's time is not the recorded one, as after a copy.

    Returns:
        None where the file records nothing, or is no readable picture.
    """
    try:
        with plates.open_picture(Path(path)) as (file, part, header):
            recorded = header.metadata.get(_PIXELS)
            if not isinstance(recorded, str):
                return None
            return _untouched(header) or _hash_of_file(file, part, header) == recorded
    except PlateError:
        return None


def pixel_hash(path: Path | str) -> str:
    """Hash the pixels of a picture: 32 hexadecimal digits, equal to what `write_frame` records of the same pixels.

    Channels go in by name, type and size; their order in the file and its compression change nothing.
    Raises PlateError as `plates.read` does.
    """
    with plates.open_picture(Path(path)) as (file, part, header):
        return _hash_of_file(file, part, header)


def write_frame(
    path: Path | str,
    layers: Mapping[str, tuple[NDArray[Any], PixelType]],
    *,
    like: Header | None = None,
    metadata: Mapping[str, str] | None = None,
    interop_id: str | None = None,
) -> None:
    """Write one EXR (zips, each channel in its own type) under a partial name and rename it once it reads back whole.

    layers: channel name -> ((H, W) values, "half" or "float"); what half cannot hold becomes +-65504.
    like: gives windows, timecode, pixel aspect and other metadata; None makes both windows the picture's size.
    metadata: added to that, beside `stcolor/pixels` and `stcolor/written`. The folder is made where it is missing.
    interop_id: the colour space of R, G and B, of `interop.interop_id`; None says nothing, whatever the plate said.
    Raises OutputError where the frame cannot be written; nothing new is left on disk then.
    Raises ValueError where there are no layers, or one is not of the data window's size.
    """
    path = Path(path)
    spec = _output_spec(layers, like, metadata or {})
    if interop_id is not None:
        spec.erase_attribute("chromaticities")  # one attribute says it, as the Color Interop Forum recommends
        spec.attribute("colorInteropID", interop_id)
    stored = {name: _stored(values, pixel_type) for name, (values, pixel_type) in layers.items()}
    written = time.time_ns() // 1000 * 1000  # no file system that matters keeps less than NTFS, 100 ns
    spec.attribute(_PIXELS, _hash([stored]))
    spec.attribute(_WRITTEN, str(written))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic_path(path) as partial:
            _write(partial, path, spec, stored)
            # OpenEXR buffers the end of the file and says nothing when the disk is too full for it: read it back.
            if not plates.is_complete(partial):
                raise OutputError(f"{path} could not be written to its end. Free space on its disk.")
            os.utime(partial, ns=(written, written))
    except PermissionError as error:
        raise OutputError(
            f"{path} cannot be written ({error.strerror}). "
            "Check the folder's rights, and close any program that has the file open."
        ) from None
    except OSError as error:
        raise OutputError(f"{path} cannot be written ({error.strerror}). Choose another output folder.") from None


def _output_spec(
    layers: Mapping[str, tuple[NDArray[Any], PixelType]], like: Header | None, metadata: Mapping[str, str]
) -> Any:
    if not layers:
        raise ValueError("a frame needs at least one channel")
    height, width = next(iter(layers.values()))[0].shape
    shape = like.shape if like else (height, width)
    wrong = [name for name, (values, _) in layers.items() if values.shape != shape]
    if wrong:
        raise ValueError(f"channel {wrong[0]} is not of the data window's size, {shape[1]} x {shape[0]}")
    types = [pixel_type for _, pixel_type in layers.values()]
    spec = oiio.ImageSpec(shape[1], shape[0], len(layers), types[0])
    spec.channelnames = tuple(layers)
    if len(set(types)) > 1:  # OpenImageIO looks at these only where they differ
        spec.channelformats = tuple(map(oiio.TypeDesc, types))
    if like:
        spec.x, spec.y = like.data_window[:2]
        spec.full_x, spec.full_y, spec.full_width, spec.full_height = like.display_window
        _carry_over(like, spec)
    for name, value in metadata.items():
        spec.attribute(name, value)
    spec.attribute("compression", "zips")
    return spec


def _carry_over(like: Header, spec: Any) -> None:
    """Copy what describes the shot into the header of a new frame; what cannot be written is left out, and logged."""
    for name, value in like.metadata.items():
        if _STALE.fullmatch(name):
            continue
        refused = name in _POSITIVE and not (isinstance(value, float) and 1e-6 < value < 1e6)
        if refused or not set_attribute(spec, Attribute(name, like.metadata_types[name], value)):
            logger.info("%s: left out its attribute %r, which cannot be written.", like.path, name)


def _write(partial: Path, path: Path, spec: Any, stored: Stored) -> None:
    file: Any = oiio.ImageOutput.create("exr")
    try:
        whole = file.open(str(partial), spec)
        for top in range(0, spec.height, _BAND):
            band = [values[top : top + _BAND].astype(np.float32, copy=False) for values in stored.values()]
            whole = whole and file.write_scanlines(
                spec.y + top, spec.y + min(top + _BAND, spec.height), 0, np.stack(band, axis=-1)
            )
        problem = error_text(file)
    finally:
        file.close()
    if not whole:
        raise OutputError(
            f"{path} cannot be written (OpenImageIO: {problem}). Check the folder and the space on its disk."
        )


def _stored(values: NDArray[Any], pixel_type: PixelType) -> NDArray[Any]:
    """A channel as the file holds it: float32, or float16 within its range."""
    values = np.asarray(values, np.float32)
    return values if pixel_type == "float" else np.clip(values, -LARGEST_HALF, LARGEST_HALF).astype(np.float16)


def _untouched(header: Header) -> bool:
    return _is_of(header.path, header.metadata)


def _is_of(path: Path, metadata: Mapping[str, Any]) -> bool:
    """Whether a file's time is the one that was recorded when it was written."""
    try:
        return str(path.stat().st_mtime_ns) == metadata.get(_WRITTEN)
    except OSError:  # gone since
        return False


def _hash_of_file(file: Any, part: int, header: Header) -> str:
    """Hash the pixels of an `open_picture` picture. Raises PlateError where they cannot be read."""
    spec = file.spec()
    types = spec.channelformats or [spec.format] * len(header.channels)
    halves = [str(channel_type) == "half" for channel_type in types]
    return _hash(
        {name: band[..., i].astype(np.float16 if halves[i] else np.float32) for i, name in enumerate(header.channels)}
        for _, band in plates.rows(file, part, header)
    )


def _hash(bands: Iterable[Stored]) -> str:
    """Hash channels that come in bands of rows, from top to bottom, so that no picture need be held whole."""
    hashes: dict[str, Any] = defaultdict(lambda: hashlib.blake2b(digest_size=16))
    shapes: dict[str, str] = {}
    rows = 0
    for band in bands:
        for name, values in band.items():
            hashes[name].update(_canonical(values).data)
            shapes[name] = f"{values.dtype.name} {values.shape[1]}"
        rows += len(values)
    whole = hashlib.blake2b(digest_size=16)
    for name in sorted(hashes):
        whole.update(f"{name}\0{shapes[name]} {rows}\0".encode("utf-8", "backslashreplace") + hashes[name].digest())
    return whole.hexdigest()


def _canonical(values: NDArray[Any]) -> NDArray[Any]:
    """Contiguous little-endian values with a single bit pattern for NaN, which conversions may change."""
    values = np.ascontiguousarray(values, values.dtype.newbyteorder("<"))
    broken = np.isnan(values)
    return np.where(broken, values.dtype.type(np.nan), values) if broken.any() else values

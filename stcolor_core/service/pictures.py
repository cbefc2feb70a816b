"""Small JPEG pictures of a job's frames: the result, its plate, and the nearest reference."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import cv2
import numpy as np
from starlette.concurrency import run_in_threadpool

from stcolor_core.arrays import Image, Pixels
from stcolor_core.errors import StcolorError
from stcolor_core.images import plates
from stcolor_core.images.color import ColorPipe, srgb_encode
from stcolor_core.images.known_color import cut
from stcolor_core.images.pictures import Header
from stcolor_core.images.resizing import resize
from stcolor_core.images.sequences import FramePattern
from stcolor_core.pipeline.inputs import open_pipe
from stcolor_core.service.store import Job
from stcolor_core.shots.shot import Shot
from stcolor_core.shots.shot_files import find_frames, find_references

__all__ = ["NoPicture", "PictureKind", "PictureRenderer"]

PictureKind = Literal["result", "plate", "reference"]

_CACHED = 256  # pictures of about 20 KB
_QUALITY = 88  # of the JPEG


class NoPicture(StcolorError):
    """Raised if the job does not have the picture, or not yet."""


class PictureRenderer:
    """Renders pictures one after another, which leaves memory and cores to the running job, and caches the latest ones.

    It reads only a job's own plate, references and output, never a path named by a request.
    """

    def __init__(self) -> None:
        self._turn = asyncio.Semaphore(1)
        self._cache: OrderedDict[tuple[object, ...], bytes] = OrderedDict()

    async def jpeg(self, job: Job, *, frame: int, of: PictureKind, height: int) -> bytes:
        """Return a JPEG in sRGB.

        Args:
            job: A job of the store.
            frame: Frame number.
            of: Which of the frame's pictures.
            height: Height in pixels at most.

        Raises:
            NoPicture: If the job does not have the picture, or not yet.
            StcolorError: If the picture cannot be read; see `pipeline.footage` and `images.plates`.
        """
        async with self._turn:
            return await run_in_threadpool(self._jpeg, Shot.from_json(job.shot), frame, of, height)

    def _jpeg(self, shot: Shot, frame: int, of: PictureKind, height: int) -> bytes:
        source = _source_of(shot, frame, of)
        try:
            stat = source.path.stat()
        except OSError:
            raise NoPicture(f"Frame {frame} ({source.path}) is not there yet.") from None
        key = (source, stat.st_mtime_ns, stat.st_size, shot.plate, shot.ocio, height)
        if key not in self._cache:
            self._cache[key] = _encode(*_read(shot, source, height))
            while len(self._cache) > _CACHED:
                self._cache.popitem(last=False)
        self._cache.move_to_end(key)
        return self._cache[key]


@dataclass(frozen=True)
class _Source:
    """The file of a picture and how its colours are encoded.

    Attributes:
        path: The file.
        colorspace: Colour space of the file; None to detect it.
        exposure: Exposure to apply, in stops.
        plate: The file that the encoding is read from, if it is another one.
        layer: Layer of the plate; None for the main one.
    """

    path: Path
    colorspace: str | None
    exposure: float
    plate: Path | None = None
    layer: str | None = None


def _source_of(shot: Shot, frame: int, of: PictureKind) -> _Source:
    exposure = shot.plate.exposure
    # a frame that disappeared after the job began must not keep the others from being shown
    frames = find_frames(shot.plate if shot.plate.missing == "hold" else replace(shot.plate, missing="skip"))
    if of == "reference":
        if references := find_references(shot, frames):
            nearest = references[min(references, key=lambda key: abs(key - frame))][-1]
            return _Source(nearest.path, nearest.colorspace, exposure)
        if not shot.stills:
            raise NoPicture("The job has no reference.")
        return _Source(Path(shot.stills[0].path), shot.stills[0].colorspace, 0.0)
    if frame not in frames:
        raise NoPicture(f"Frame {frame} is not a frame of {shot.plate.path}.")
    if of == "plate":
        return _Source(frames[frame], shot.plate.colorspace, exposure, layer=shot.plate.layer)
    result = FramePattern.parse(shot.output.path).path(frame)
    return _Source(result, shot.plate.colorspace, exposure, plate=frames[frame], layer=shot.plate.layer)


def _read(shot: Shot, source: _Source, height: int) -> tuple[ColorPipe, Image]:
    """Return the colour pipe and the pixels (h, w, 3) of the display window, scaled down, in the file's encoding."""
    encoded = source.plate or source.path
    header = plates.read_header(encoded, layer=source.layer)
    pipe = open_pipe(shot, source.colorspace, encoded, file=header, exposure=source.exposure)
    if source.plate is None or "R" in plates.read_header(source.path).channels:
        picture = plates.read_plate(source.path, layer=None if source.plate else source.layer)
        return pipe, _scale_down(picture, plates.layer_pixels(picture), height)
    plate = plates.read_plate(source.plate, layer=source.layer)
    result = plates.read(source.path)  # written without beauty
    ab = result.pixels[..., [result.channels.index(name) for name in ("rc_ab.u", "rc_ab.v")]]
    grey = _scale_down(plate, plates.layer_pixels(plate), height)
    return pipe, pipe.composite(grey, _scale_down(result, ab, height))


def _scale_down(header: Header, pixels: Pixels, height: int) -> Pixels:
    """Return pixels (H, W, C) of the data window as (h, w, C) of the display window; one channel becomes three."""
    _, _, columns, rows = header.display_window
    lines = min(height, rows)
    aspect = min(max(float(header.metadata.get("PixelAspectRatio", 1.0)), 0.1), 10.0)
    size = (lines, max(1, round(columns * aspect * lines / rows)))
    small = resize(cut(pixels, header.data_window, header.display_window, outside="black"), size)
    return small if small.ndim == 3 and small.shape[-1] > 1 else np.repeat(small.reshape(*size, 1), 3, axis=-1)


def _encode(pipe: ColorPipe, pixels: Image) -> bytes:
    """Return pixels in the pipe's colour space as an sRGB JPEG."""
    linear = pipe.space.decode(pixels) * np.float32(2.0**pipe.exposure)
    rgb = np.rint(srgb_encode(np.clip(linear, 0, 1)) * 255).astype(np.uint8)
    _, jpeg = cv2.imencode(".jpg", rgb[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])
    return jpeg.tobytes()

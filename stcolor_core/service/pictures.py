"""Small pictures of a job's frames for people to look at: the result, its plate, and the reference nearest to it."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray
from starlette.concurrency import run_in_threadpool

from stcolor_core.errors import StcolorError
from stcolor_core.images import plates
from stcolor_core.images.color import ColorPipe, srgb_encode
from stcolor_core.images.known_color import cut
from stcolor_core.images.plates import Header
from stcolor_core.images.resizing import resize
from stcolor_core.images.sequences import FramePattern
from stcolor_core.pipeline.inputs import open_pipe
from stcolor_core.service.store import Job
from stcolor_core.shots.shot import Shot
from stcolor_core.shots.shot_files import find_frames, find_references

__all__ = ["NoPicture", "PictureKind", "Pictures"]

PictureKind = Literal["result", "plate", "reference"]
Image = NDArray[np.float32]

_KEPT = 256  # some 20 KB each
_QUALITY = 88


class NoPicture(StcolorError):
    """The job has no such picture, or not yet."""


class Pictures:
    """Makes them one after another, so that the job that runs keeps its memory and cores, and remembers the last ones.

    Only a job's own plate, references and output are read, never a path that a request names.
    """

    def __init__(self) -> None:
        self._turn = asyncio.Semaphore(1)
        self._kept: OrderedDict[tuple[object, ...], bytes] = OrderedDict()

    async def jpeg(self, job: Job, *, frame: int, of: PictureKind, height: int) -> bytes:
        """A JPEG in sRGB, of at most `height` lines.

        Raises NoPicture where there is none (yet), and the errors of `footage` and `plates` where it cannot be read.
        """
        async with self._turn:
            return await run_in_threadpool(self._jpeg, Shot.from_json(job.shot), frame, of, height)

    def _jpeg(self, shot: Shot, frame: int, of: PictureKind, height: int) -> bytes:
        source = _find(shot, frame, of)
        try:
            stat = source.path.stat()
        except OSError:
            raise NoPicture(f"Frame {frame} ({source.path}) is not there yet.") from None
        key = (source, stat.st_mtime_ns, stat.st_size, shot.plate, shot.ocio, height)
        if key not in self._kept:
            self._kept[key] = _encoded(*_read(shot, source, height))
            while len(self._kept) > _KEPT:
                self._kept.popitem(last=False)
        self._kept.move_to_end(key)
        return self._kept[key]


@dataclass(frozen=True)
class _Source:
    """A picture's file and what its colours mean.

    plate: the file whose encoding it has, where that is another. layer: of the plate.
    """

    path: Path
    colorspace: str | None
    exposure: float
    plate: Path | None = None
    layer: str | None = None


def _find(shot: Shot, frame: int, of: PictureKind) -> _Source:
    exposure = shot.plate.exposure
    # that another frame has gone since the job began is no reason not to show this one
    frames = find_frames(shot.plate if shot.plate.missing == "hold" else replace(shot.plate, missing="skip"))
    if of == "reference":
        if references := find_references(shot, frames):
            path, colorspace = references[min(references, key=lambda key: abs(key - frame))]
            return _Source(path, colorspace, exposure)
        if not shot.stills:
            raise NoPicture("The job has no reference.")
        return _Source(Path(shot.stills[0].path), shot.stills[0].colorspace, 0.0)
    if frame not in frames:
        raise NoPicture(f"Frame {frame} is no frame of {shot.plate.path}.")
    if of == "plate":
        return _Source(frames[frame], shot.plate.colorspace, exposure, layer=shot.plate.layer)
    result = FramePattern.parse(shot.output.path).path(frame)
    return _Source(result, shot.plate.colorspace, exposure, plate=frames[frame], layer=shot.plate.layer)


def _read(shot: Shot, source: _Source, height: int) -> tuple[ColorPipe, Image]:
    """The picture's colour space, and its pixels (h, w, 3) in it: what lies in the display window, made small."""
    encoded = source.plate or source.path
    header = plates.read_header(encoded, layer=source.layer)
    pipe = open_pipe(shot, source.colorspace, encoded, file=header, exposure=source.exposure)
    if source.plate is None or "R" in plates.read_header(source.path).channels:
        picture = plates.read_plate(source.path, layer=None if source.plate else source.layer)
        return pipe, _small(picture, plates.luma_channels(picture), height)
    plate = plates.read_plate(source.plate, layer=source.layer)
    result = plates.read(source.path)  # written without beauty
    ab = result.pixels[..., [result.channels.index(name) for name in ("rc_ab.u", "rc_ab.v")]]
    grey = _small(plate, plates.luma_channels(plate), height)
    return pipe, pipe.composite(grey, _small(result, ab, height))


def _small(header: Header, pixels: Image, height: int) -> Image:
    """Pixels (H, W, C) over the data window -> (h, w, C) over the display window; one channel comes back as three."""
    _, _, columns, rows = header.display_window
    lines = min(height, rows)
    aspect = min(max(float(header.metadata.get("PixelAspectRatio", 1.0)), 0.1), 10.0)
    size = (lines, max(1, round(columns * aspect * lines / rows)))
    shown = resize(cut(pixels, header.data_window, header.display_window, outside="black"), size)
    return shown if shown.ndim == 3 and shown.shape[-1] > 1 else np.repeat(shown.reshape(*size, 1), 3, axis=-1)


def _encoded(pipe: ColorPipe, pixels: Image) -> bytes:
    linear = pipe.space.decode(pixels) * np.float32(2.0**pipe.exposure)
    rgb = np.rint(srgb_encode(np.clip(linear, 0, 1)) * 255).astype(np.uint8)
    _, jpeg = cv2.imencode(".jpg", rgb[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])
    return jpeg.tobytes()

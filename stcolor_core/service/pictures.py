"""Pictures of a job's frames for the page: from the cache, from memory when a frame is written, else from the files.

A picture in the cache is answered at once. The others are made one at a time, and while a job runs the renderer rests
as long as it worked, so that the job loses little.
"""

from __future__ import annotations

import asyncio
import logging
import os
import threading
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np
from starlette.concurrency import run_in_threadpool

from stcolor_core.errors import StcolorError
from stcolor_core.images.views import default_view, list_views
from stcolor_core.pipeline.input_spaces import open_pipe
from stcolor_core.pipeline.run import WrittenFrame
from stcolor_core.service.job import Job
from stcolor_core.service.picture_cache import PictureCache
from stcolor_core.service.picture_files import (
    DATA_KINDS,
    NoPicture,
    NoResult,
    PictureKind,
    PictureSource,
    ShotFiles,
    source_like_plate,
)
from stcolor_core.service.rendering import FullPicture, Region, encode, read_full, render_written
from stcolor_core.shots.shot import Shot

__all__ = ["PREVIEW_LINES", "NoPicture", "PictureKind", "PictureRenderer", "PictureRequest", "Rendered", "views_of"]

logger = logging.getLogger(__name__)

PREVIEW_LINES = 540
"""Height of the pictures that are made when a frame is written."""

_FULL_KEPT = 2  # pictures at full size in memory, for pan and zoom: 50 MB each at 4096 x 2160
_SHOTS_KEPT = 32
_REST = 1.0  # share of the time of a picture to rest after it, while a job runs
_LOOK_SECONDS = 0.05  # between two looks at whether it is a request's turn, and whether its client still waits


@dataclass(frozen=True, kw_only=True)
class PictureRequest:
    """What a client asks for.

    Attributes:
        frame: Frame number.
        of: Which of the frame's pictures.
        height: Height in pixels at most.
        region: The part to show, in pixels of the display window; None for all of it.
        view: Name of the view; None for the default one.
        ready: Whether to answer only if the picture is in the cache.
    """

    frame: int
    of: PictureKind
    height: int = 180
    region: Region | None = None
    view: str | None = None
    ready: bool = False


@dataclass(frozen=True)
class Rendered:
    """A compressed picture.

    Attributes:
        data: The bytes.
        media_type: image/jpeg or image/png.
    """

    data: bytes
    media_type: str

    @classmethod
    def of_data(cls, data: bytes) -> Rendered:
        """Return a picture with the type that its first bytes tell.

        Args:
            data: A JPEG or a PNG.
        """
        return cls(data, "image/png" if data.startswith(b"\x89PNG") else "image/jpeg")


async def _still_there() -> bool:
    return False


class PictureRenderer:
    """Makes the pictures. It reads only a job's own plate, references and output, never a path named by a request."""

    def __init__(self, cache: PictureCache, *, job_runs: Callable[[], bool] = lambda: False) -> None:
        """Use a cache.

        Args:
            cache: Keeps the pictures.
            job_runs: Returns whether a job runs now.
        """
        self._cache, self._job_runs = cache, job_runs
        self._rendering = False  # of the event loop alone
        self._rest_until = 0.0
        self._lock = threading.Lock()
        self._shots: OrderedDict[str, ShotFiles] = OrderedDict()  # by the shot's JSON
        self._full: OrderedDict[tuple[object, ...], FullPicture] = OrderedDict()

    async def render(
        self, job: Job, request: PictureRequest, *, gone: Callable[[], Awaitable[bool]] = _still_there
    ) -> Rendered:
        """Return a picture.

        Args:
            job: A job of the store.
            request: Which picture.
            gone: Returns whether the client does not wait any more.

        Raises:
            NoPicture: If the job does not have the picture, or not yet; or if the client has gone.
            StcolorError: If the picture cannot be read; see `pipeline.inputs` and `images.plates`.
        """
        files = self.files_of(job)
        source, key, found = await run_in_threadpool(self._look_up, files, request)
        if found:
            return Rendered.of_data(found)
        if request.ready:
            raise NoPicture(f"The picture of frame {request.frame} has not been made yet.")
        await self._wait_for_turn(gone)
        began = time.monotonic()
        self._rendering = True
        try:
            if found := await run_in_threadpool(self._cache.get, key):  # made for another request meanwhile
                return Rendered.of_data(found)
            rendered = await run_in_threadpool(self._render, files.shot, source, request)
        finally:
            now = time.monotonic()
            self._rest_until = now + _REST * (now - began)
            self._rendering = False
        await run_in_threadpool(self._cache.put, key, rendered.data)
        return rendered

    def _look_up(self, files: ShotFiles, request: PictureRequest) -> tuple[PictureSource, str, bytes | None]:
        """Return the file of a picture, and the key under which the cache has the picture; and the picture if it does.

        All in one visit of another thread, as each costs a fifth of the request.
        """
        source = files.source(request.frame, request.of)
        key = _key(files.shot, source, request)
        return source, key, self._cache.get(key)

    def files_of(self, job: Job) -> ShotFiles:
        """Return the files of a job's shot.

        Args:
            job: A job of the store.
        """
        with self._lock:
            if job.shot not in self._shots:
                self._shots[job.shot] = ShotFiles(Shot.from_json(job.shot))
                while len(self._shots) > _SHOTS_KEPT:
                    self._shots.popitem(last=False)
            self._shots.move_to_end(job.shot)
            return self._shots[job.shot]

    def add_written(self, shot: Shot, written: WrittenFrame) -> None:
        """Keep the previews of a frame that was just written. It never raises: a preview is not worth a frame.

        Args:
            shot: The shot.
            written: The frame.
        """
        try:
            header, frame = written.plate.header, written.rendered.frame
            pipe = open_pipe(shot, shot.plate.colorspace, header.path, file=header, exposure=shot.plate.exposure)
            view = default_view(shot.ocio)
            for of, picture in render_written(written, pipe).items():
                source = source_like_plate(shot, of, frame, header.path if of == "plate" else written.path)
                request = PictureRequest(frame=frame, of=of, height=PREVIEW_LINES)
                key = _key(shot, source, request)
                if of == "plate" and self._cache.get(key):
                    continue  # an earlier version has the same plate
                self._cache.put(key, encode(picture, height=PREVIEW_LINES, view=view, ocio=shot.ocio)[0])
        except (StcolorError, OSError, ValueError, cv2.error) as error:
            logger.warning("No preview was made of %s (%s).", written.path, error)

    async def _wait_for_turn(self, gone: Callable[[], Awaitable[bool]]) -> None:
        """Wait until no picture is made and, while a job runs, for the rest; raise NoPicture if the client has gone."""
        if await gone():
            raise NoPicture("The request was withdrawn.")
        while self._rendering or (self._job_runs() and time.monotonic() < self._rest_until):
            await asyncio.sleep(_LOOK_SECONDS)
            if await gone():
                raise NoPicture("The request was withdrawn.")

    def _render(self, shot: Shot, source: PictureSource, request: PictureRequest) -> Rendered:
        view = default_view(shot.ocio) if request.view is None else request.view
        picture = self._read(shot, source) if request.region else read_full(shot, source)
        return Rendered(*encode(picture, height=request.height, view=view, ocio=shot.ocio, region=request.region))

    def _read(self, shot: Shot, source: PictureSource) -> FullPicture:
        """Return a picture at full size; the latest stay in memory at half precision, as one looks at several parts."""
        key = (source, *map(_status, (source.path, *source.others)), shot.plate, shot.ocio)
        with self._lock:
            if key in self._full:
                self._full.move_to_end(key)
                return self._full[key]
        picture = read_full(shot, source)
        if source.of not in DATA_KINDS:
            limit = np.finfo(np.float16).max
            picture = replace(picture, pixels=np.clip(picture.pixels, -limit, limit).astype(np.float16))
        with self._lock:
            self._full[key] = picture
            while len(self._full) > _FULL_KEPT:
                self._full.popitem(last=False)
        return picture


def views_of(shot: Shot) -> tuple[str, ...]:
    """Return the names of the views of a shot, the default first.

    Args:
        shot: The shot.

    Raises:
        StcolorError: If its OpenColorIO config cannot be used.
    """
    return _views(shot.ocio, _config_state(shot.ocio))


@lru_cache(maxsize=_SHOTS_KEPT)
def _views(ocio: str | None, state: tuple[object, ...]) -> tuple[str, ...]:  # noqa: ARG001  (a changed file is another)
    """Return the names of the views of a config, which take 10 ms to list."""
    return list_views(ocio)


def _key(shot: Shot, source: PictureSource, request: PictureRequest) -> str:
    """Return everything that decides a picture. It changes when a file does.

    Raises:
        NoPicture: If the file is not there; of a result, `NoResult`.
    """
    try:
        status = tuple(map(_status, (source.path, *source.others)))
    except OSError:
        name = f"{source.frame} ({source.path})"
        if source.of in ("plate", "reference", "used"):
            kind = "plate" if source.of == "plate" else "reference"
            raise NoPicture(f"The {kind} {name} is missing. Put it back, or check its path.") from None
        raise NoResult(f"Frame {name} is not there yet.") from None
    request = replace(request, frame=source.frame, ready=False)
    return repr((2, replace(source, plate=None), status, shot.plate.path, _config_state(shot.ocio), request))


def _config_state(ocio: str | None) -> tuple[object, ...]:
    """Return the name of an OpenColorIO config and, if it is a file, its size and time."""
    name = ocio or os.environ.get("OCIO") or ""
    try:
        return name, *(_status(Path(name)) if name and "://" not in name else ())
    except OSError:
        return (name,)


def _status(path: Path) -> tuple[int, int]:
    stat = path.stat()
    return stat.st_size, stat.st_mtime_ns

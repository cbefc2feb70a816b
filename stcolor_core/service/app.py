"""The core's HTTP interface. Every refusal is {"detail": one line}.

The schema is at /openapi.json, behind the token like everything else.
"""

from __future__ import annotations

import asyncio
import logging
import sqlite3
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import Annotated, Any

import psutil
import torch
from fastapi import APIRouter, Depends, FastAPI, Query, Request, Response, Security
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from fastapi.security import HTTPBearer

from stcolor_core import __version__
from stcolor_core.errors import StcolorError
from stcolor_core.models import registry
from stcolor_core.service.frames import frames_of
from stcolor_core.service.jobs import Worker
from stcolor_core.service.messages import (
    Health,
    JobEvent,
    JobEvents,
    JobFrames,
    JobStatus,
    PreviewRequest,
    Problem,
    ShotBody,
    one_line,
)
from stcolor_core.service.pages import page_routes
from stcolor_core.service.pictures import NoPicture, PictureKind, Pictures
from stcolor_core.service.store import Job, Store, UnknownJob
from stcolor_core.service.tokens import Tokens

__all__ = ["PROTOCOL", "Changes", "Core", "create_app"]

logger = logging.getLogger(__name__)

PROTOCOL = 1  # goes up when a client of the one before would no longer work
_POLL_SECONDS = 25.0


class Changes:
    """Wakes every long poll when something has changed; lives in the server's event loop."""

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._event = asyncio.Event()
        self.closed = False

    def announce(self) -> None:
        """From any thread."""
        if self._loop is not None:
            with suppress(RuntimeError):  # the loop has ended, and with it all who waited
                self._loop.call_soon_threadsafe(self._ring)

    def close(self) -> None:
        """Nobody waits any more. From any thread."""
        self.closed = True
        self.announce()

    def listen(self) -> None:
        """To be called before one reads what one then waits to see changed."""
        self._loop = asyncio.get_running_loop()

    async def wait(self, seconds: float) -> None:
        """Until the next change, or for so long."""
        with suppress(asyncio.TimeoutError):
            await asyncio.wait_for(self._event.wait(), seconds)

    def _ring(self) -> None:
        self._event.set()
        self._event = asyncio.Event()


@dataclass(frozen=True, kw_only=True)
class Core:
    """What the routes need. device: cpu or cuda. url: http://127.0.0.1:PORT."""

    store: Store
    worker: Worker
    changes: Changes
    tokens: Tokens
    pictures: Pictures
    stop: threading.Event
    device: str
    url: str

    def status(self, job: Job) -> JobStatus:
        """How a job stands, for who asks."""
        return JobStatus.of(job, seconds_left=self.worker.seconds_left(job.id), trouble=self.worker.trouble)


def _core(request: Request) -> Core:
    core: Core = request.app.state.core
    return core


_Asked = Annotated[Core, Depends(_core)]
_REFUSALS: dict[int | str, dict[str, Any]] = {
    status: {"model": Problem} for status in (400, 401, 403, 404, 408, 413, 422, 503)
}
_routes = APIRouter(prefix="/v1", dependencies=[Security(HTTPBearer(auto_error=False))], responses=_REFUSALS)


@_routes.get("/health")
def health(core: _Asked) -> Health:
    """Whether the core is well, and what it runs on."""
    cuda = core.device == "cuda"
    return Health(
        version=__version__,
        protocol=PROTOCOL,
        device=core.device,
        device_name=torch.cuda.get_device_name() if cuda else None,
        free_memory=torch.cuda.mem_get_info()[0] if cuda else psutil.virtual_memory().available,
        models=[model.name for model in registry.registered() if model.present],
    )


@_routes.post("/jobs")
def submit(core: _Asked, shot: ShotBody) -> JobStatus:
    """Queue a shot. The same shot again is the same job; one that has ended is queued again and keeps its frames."""
    return core.status(core.worker.submit(shot))


@_routes.post("/preview")
def preview(core: _Asked, request: PreviewRequest) -> JobStatus:
    """Colour one frame of a shot ahead of the queue, between two frames of the job that runs."""
    return core.status(core.worker.submit(request.shot, frame=request.frame))


@_routes.get("/jobs")
def jobs(core: _Asked) -> list[JobStatus]:
    """Every job, the newest first."""
    return [core.status(job) for job in core.store.jobs()]


@_routes.get("/jobs/{job}")
def job_status(core: _Asked, job: str) -> JobStatus:
    """How a job stands."""
    return core.status(core.store.get(job))


@_routes.get("/jobs/{job}/events")
async def events(
    core: _Asked,
    job: str,
    after: Annotated[int, Query(ge=0, lt=2**63)] = 0,
    wait: Annotated[float, Query(ge=0, le=_POLL_SECONDS)] = _POLL_SECONDS,
) -> JobEvents:
    """The events numbered above `after`; where there are none yet, waits for one, at most `wait` seconds."""
    deadline = time.monotonic() + wait
    core.changes.listen()
    while True:
        core.store.get(job)  # raises where there is none
        found = core.store.events(job, after=after)
        left = deadline - time.monotonic()
        if found or left <= 0 or core.changes.closed:
            now = core.status(core.store.get(job))
            return JobEvents(job=now, events=[JobEvent(number=event.number, **event.body) for event in found])
        await core.changes.wait(left)


@_routes.get("/jobs/{job}/frames")
def frames(core: _Asked, job: str) -> JobFrames:
    """The frames that are finished, how sure each is, and where another keyframe would help most."""
    return frames_of(core.store, core.status(core.store.get(job)))


@_routes.get("/jobs/{job}/picture", response_class=Response, responses={200: {"content": {"image/jpeg": {}}}})
async def picture(
    core: _Asked,
    job: str,
    frame: Annotated[int, Query(gt=-(2**31), lt=2**31)],
    of: PictureKind,
    height: Annotated[int, Query(ge=16, le=360)] = 180,
) -> Response:
    """A frame's result, its plate, or the reference nearest to it, as people see it: sRGB, at most `height` lines."""
    jpeg = await core.pictures.jpeg(core.store.get(job), frame=frame, of=of, height=height)
    return Response(jpeg, media_type="image/jpeg")


@_routes.post("/jobs/{job}/cancel")
def cancel(core: _Asked, job: str) -> JobStatus:
    """Stop a job within one frame; what is written stays."""
    return core.status(core.store.cancel(job))


@_routes.post("/shutdown", status_code=202)
def shutdown(core: _Asked) -> dict[str, str]:
    """Stop the core. The job that runs goes on when a core starts again."""
    logger.info("Asked to stop by a request.")
    core.stop.set()
    return {"state": "stopping"}


def create_app(core: Core) -> FastAPI:
    """The routes, with every refusal as one line."""
    app = FastAPI(title="RefColorize core", version=__version__, docs_url=None, redoc_url=None)
    app.state.core = core
    app.include_router(_routes)
    app.include_router(page_routes(core.tokens, url=core.url, refusals=_REFUSALS))

    @app.exception_handler(StcolorError)
    def refused(_: Request, error: StcolorError) -> JSONResponse:
        return _problem(404 if isinstance(error, NoPicture) else 422, str(error))

    @app.exception_handler(RequestValidationError)
    def invalid(_: Request, error: RequestValidationError) -> JSONResponse:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        return _problem(422, f"The request is not valid at {where}: {first['msg']}.")

    @app.exception_handler(UnknownJob)
    def unknown(_: Request, error: UnknownJob) -> JSONResponse:
        return _problem(
            404, f"There is no job {error.args[0]!r}. Those that ended long ago are forgotten: submit it again."
        )

    @app.exception_handler(sqlite3.Error)
    def unwritable(_: Request, error: sqlite3.Error) -> JSONResponse:
        line = f"The jobs cannot be kept in {core.store.path} ({error}). Free space on its disk, then ask again."
        return _problem(503, line)

    @app.exception_handler(Exception)
    def unexpected(_: Request, error: Exception) -> JSONResponse:  # uvicorn logs its traceback
        return _problem(500, f"Something unexpected went wrong ({type(error).__name__}). See core.log.")

    return app


def _problem(status: int, line: str) -> JSONResponse:
    return JSONResponse({"detail": one_line(line)}, status)

"""The HTTP interface of the core. Every error is answered as {"detail": one line}.

The schema is at /openapi.json and needs the token, as all else does.
"""

from __future__ import annotations

import asyncio
import logging
import sqlite3
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Annotated, Any

import psutil
import torch
from fastapi import APIRouter, Depends, FastAPI, Query, Request, Response, Security
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from fastapi.routing import APIRoute
from fastapi.security import HTTPBearer

from stcolor_core import __version__
from stcolor_core.errors import StcolorError
from stcolor_core.models import registry
from stcolor_core.service.frames import collect_frames
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
from stcolor_core.service.pictures import NoPicture, PictureKind, PictureRenderer
from stcolor_core.service.store import Job, Store, UnknownJob
from stcolor_core.service.tokens import Tokens

__all__ = ["PROTOCOL", "ChangeSignal", "ServiceContext", "create_app"]

logger = logging.getLogger(__name__)

PROTOCOL = 1  # version; goes up when clients of the previous one would fail
_POLL_SECONDS = 25.0


class ChangeSignal:
    """A signal that wakes every long poll when something has changed. It belongs to the server's event loop.

    Attributes:
        closed: Whether the server is about to stop, so that nobody may wait any more.
    """

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._event = asyncio.Event()
        self.closed = False

    def notify(self) -> None:
        """Wake all that wait; from any thread."""
        if self._loop is not None:
            with suppress(RuntimeError):  # the loop has ended, and with it every long poll
                self._loop.call_soon_threadsafe(self._wake)

    def close(self) -> None:
        """End all waits, present and future; from any thread."""
        self.closed = True
        self.notify()

    def prepare(self) -> None:
        """Attach to the running loop. Call this before reading the state that `wait` then sees change."""
        self._loop = asyncio.get_running_loop()

    async def wait(self, seconds: float) -> None:
        """Wait for the next change.

        Args:
            seconds: How long to wait at most.
        """
        with suppress(asyncio.TimeoutError):
            await asyncio.wait_for(self._event.wait(), seconds)

    def _wake(self) -> None:
        self._event.set()
        self._event = asyncio.Event()


@dataclass(frozen=True, kw_only=True)
class ServiceContext:
    """The parts of the core that the routes use.

    Attributes:
        store: All jobs and their events.
        worker: The thread that colours them.
        changes: Signal for long polls.
        tokens: The start's token, tickets and page tokens.
        pictures: Makes the pictures of a job's frames.
        stop: Set to stop the core.
        device: cpu or cuda.
        url: The core's own, http://127.0.0.1:PORT.
    """

    store: Store
    worker: Worker
    changes: ChangeSignal
    tokens: Tokens
    pictures: PictureRenderer
    stop: threading.Event
    device: str
    url: str

    def status(self, job: Job) -> JobStatus:
        """Return the state of a job as it is sent to clients.

        Args:
            job: A job of the store.
        """
        return JobStatus.of(job, seconds_left=self.worker.seconds_left(job.id), stall_reason=self.worker.stall_reason)


class _App(FastAPI):
    """An application whose schema describes its types by the first paragraph of their docstrings."""

    def openapi(self) -> dict[str, Any]:
        schema = super().openapi()
        for kind in schema["components"]["schemas"].values():
            if "description" in kind:
                kind["description"] = kind["description"].partition("\n\nAttributes:")[0]
        return schema


class _Route(APIRoute):
    """A route that leaves the docstring's sections, which are for readers of the code, out of the schema."""

    def __init__(self, path: str, endpoint: Callable[..., Any], **options: Any) -> None:
        super().__init__(path, endpoint, **options)
        self.description = self.description.partition("\n\nArgs:")[0]


def _context(request: Request) -> ServiceContext:
    context: ServiceContext = request.app.state.context
    return context


_Context = Annotated[ServiceContext, Depends(_context)]
_REFUSALS: dict[int | str, dict[str, Any]] = {
    status: {"model": Problem} for status in (400, 401, 403, 404, 408, 413, 422, 503)
}
_routes = APIRouter(
    prefix="/v1", dependencies=[Security(HTTPBearer(auto_error=False))], responses=_REFUSALS, route_class=_Route
)


@_routes.get("/health")
def health(context: _Context) -> Health:
    """Return the core's version, device, free memory and models.

    Args:
        context: The parts of the core.
    """
    cuda = context.device == "cuda"
    return Health(
        version=__version__,
        protocol=PROTOCOL,
        device=context.device,
        device_name=torch.cuda.get_device_name() if cuda else None,
        free_memory=torch.cuda.mem_get_info()[0] if cuda else psutil.virtual_memory().available,
        models=[model.name for model in registry.list_models() if model.present],
    )


@_routes.post("/jobs")
def submit(context: _Context, shot: ShotBody) -> JobStatus:
    """Queue a shot. The same shot again is the same job; a job that has ended is queued again and keeps its frames.

    Args:
        context: The parts of the core.
        shot: The shot to colour.

    Returns:
        The state of the job.
    """
    return context.status(context.worker.submit(shot))


@_routes.post("/preview")
def preview(context: _Context, request: PreviewRequest) -> JobStatus:
    """Colour one frame of a shot ahead of the queue, between two frames of the running job.

    Args:
        context: The parts of the core.
        request: The shot and the frame.

    Returns:
        The state of the preview's job.
    """
    return context.status(context.worker.submit(request.shot, frame=request.frame))


@_routes.get("/jobs")
def jobs(context: _Context) -> list[JobStatus]:
    """Return all jobs, the newest first.

    Args:
        context: The parts of the core.
    """
    return [context.status(job) for job in context.store.jobs()]


@_routes.get("/jobs/{job}")
def job_status(context: _Context, job: str) -> JobStatus:
    """Return the state of a job.

    Args:
        context: The parts of the core.
        job: The job's id.
    """
    return context.status(context.store.get(job))


@_routes.get("/jobs/{job}/events")
async def events(
    context: _Context,
    job: str,
    after: Annotated[int, Query(ge=0, lt=2**63)] = 0,
    wait: Annotated[float, Query(ge=0, le=_POLL_SECONDS)] = _POLL_SECONDS,
) -> JobEvents:
    """Return the events with numbers above `after`. If there are none yet, wait up to `wait` seconds for one.

    Args:
        context: The parts of the core.
        job: The job's id.
        after: Number of the last event that the client knows; 0 for none.
        wait: Seconds to wait at most.
    """
    deadline = time.monotonic() + wait
    context.changes.prepare()
    while True:
        context.store.get(job)  # raises UnknownJob
        new = context.store.events(job, after=after)
        left = deadline - time.monotonic()
        if new or left <= 0 or context.changes.closed:
            now = context.status(context.store.get(job))
            return JobEvents(job=now, events=[JobEvent(number=event.number, **event.body) for event in new])
        await context.changes.wait(left)


@_routes.get("/jobs/{job}/frames")
def frames(context: _Context, job: str) -> JobFrames:
    """Return the finished frames, the confidence of each, and the frames that most need another keyframe.

    Args:
        context: The parts of the core.
        job: The job's id.
    """
    return collect_frames(context.store, context.status(context.store.get(job)))


@_routes.get("/jobs/{job}/picture", response_class=Response, responses={200: {"content": {"image/jpeg": {}}}})
async def picture(
    context: _Context,
    job: str,
    frame: Annotated[int, Query(gt=-(2**31), lt=2**31)],
    of: PictureKind,
    height: Annotated[int, Query(ge=16, le=360)] = 180,
) -> Response:
    """Return the result, the plate, or the nearest reference of a frame, in sRGB with at most `height` lines.

    Args:
        context: The parts of the core.
        job: The job's id.
        frame: Frame number.
        of: Which of the pictures.
        height: Height in pixels at most.
    """
    jpeg = await context.pictures.jpeg(context.store.get(job), frame=frame, of=of, height=height)
    return Response(jpeg, media_type="image/jpeg")


@_routes.post("/jobs/{job}/cancel")
def cancel(context: _Context, job: str) -> JobStatus:
    """Stop a job within one frame. Its finished frames stay.

    Args:
        context: The parts of the core.
        job: The job's id.

    Returns:
        The state of the job.
    """
    return context.status(context.store.cancel(job))


@_routes.post("/shutdown", status_code=202)
def shutdown(context: _Context) -> dict[str, str]:
    """Stop the core. The running job continues when a core starts again.

    Args:
        context: The parts of the core.

    Returns:
        {"state": "stopping"}.
    """
    logger.info("Stopping: a request asked for it.")
    context.stop.set()
    return {"state": "stopping"}


def create_app(context: ServiceContext) -> FastAPI:
    """Return the application with all routes and with one-line answers to all errors.

    Args:
        context: The parts of the core that the routes use.
    """
    app = _App(title="RefColorize core", version=__version__, docs_url=None, redoc_url=None)
    app.state.context = context
    app.include_router(_routes)
    app.include_router(page_routes(context.tokens, url=context.url, refusals=_REFUSALS))

    @app.exception_handler(StcolorError)
    def refused(_: Request, error: StcolorError) -> JSONResponse:
        return _problem(404 if isinstance(error, NoPicture) else 422, str(error))

    @app.exception_handler(RequestValidationError)
    def invalid(_: Request, error: RequestValidationError) -> JSONResponse:
        first = error.errors()[0]
        location = ".".join(str(part) for part in first["loc"])
        return _problem(422, f"The request is not valid at {location}: {first['msg']}.")

    @app.exception_handler(UnknownJob)
    def unknown(_: Request, error: UnknownJob) -> JSONResponse:
        return _problem(
            404, f"There is no job {error.args[0]!r}. Jobs that ended long ago are deleted: submit it again."
        )

    @app.exception_handler(sqlite3.Error)
    def unwritable(_: Request, error: sqlite3.Error) -> JSONResponse:
        line = f"The jobs cannot be written to {context.store.path} ({error}). Free space on its disk, then try again."
        return _problem(503, line)

    @app.exception_handler(Exception)
    def unexpected(_: Request, error: Exception) -> JSONResponse:  # uvicorn logs its traceback
        return _problem(500, f"Something unexpected went wrong ({type(error).__name__}). See core.log.")

    return app


def _problem(status: int, line: str) -> JSONResponse:
    return JSONResponse({"detail": one_line(line)}, status)

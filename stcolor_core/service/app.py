"""The HTTP interface of the core. Every error is answered as {"detail": one line}.

The schema is at /openapi.json and needs the token, as all else does.
"""

from __future__ import annotations

import logging
import re
import sqlite3
import time
from typing import Annotated, Any

import torch
from fastapi import APIRouter, FastAPI, Query, Request, Response, Security
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from fastapi.security import HTTPBearer
from starlette.concurrency import run_in_threadpool

from stcolor_core import __version__
from stcolor_core.errors import StcolorError
from stcolor_core.models import registry
from stcolor_core.pipeline.devices import device_name, free_memory
from stcolor_core.service.context import Context, Route, ServiceContext
from stcolor_core.service.frames import collect_frames, explain_no_result
from stcolor_core.service.job import UnknownJob
from stcolor_core.service.messages import (
    Health,
    JobEvent,
    JobEvents,
    JobFrames,
    JobStatus,
    PreviewRequest,
    Problem,
)
from stcolor_core.service.objects import FrameObjects, ObjectsRequest
from stcolor_core.service.pages import page_routes
from stcolor_core.service.picture_files import FrameGone, NoPicture, NoResult
from stcolor_core.service.pictures import PictureKind, PictureRequest
from stcolor_core.service.queue_routes import routes as queue_routes
from stcolor_core.service.references import ReferenceReport, ReferencesRequest
from stcolor_core.service.rendering import Region
from stcolor_core.service.shot_body import ShotBody
from stcolor_core.service.texts import one_line

__all__ = ["PROTOCOL", "create_app"]

logger = logging.getLogger(__name__)

PROTOCOL = 1  # version; goes up when clients of the previous one would fail
_POLL_SECONDS = 25.0
_REGION = re.compile(r"^\d{1,6},\d{1,6},[1-9]\d{0,5},[1-9]\d{0,5}$")


class _App(FastAPI):
    """An application whose schema describes its types by the first paragraph of their docstrings."""

    def openapi(self) -> dict[str, Any]:
        schema = super().openapi()
        for kind in schema["components"]["schemas"].values():
            if "description" in kind:
                kind["description"] = kind["description"].partition("\n\nAttributes:")[0]
        return schema


_REFUSALS: dict[int | str, dict[str, Any]] = {
    status: {"model": Problem} for status in (400, 401, 403, 404, 408, 410, 413, 422, 503)
}
_routes = APIRouter(
    prefix="/v1", dependencies=[Security(HTTPBearer(auto_error=False))], responses=_REFUSALS, route_class=Route
)


@_routes.get("/health")
def health(context: Context) -> Health:
    """Return the core's version, device, free memory and models.

    Args:
        context: The parts of the core.
    """
    device = torch.device(context.device)
    return Health(
        version=__version__,
        protocol=PROTOCOL,
        device=context.device,
        device_name=device_name(device),
        free_memory=free_memory(device),
        models=[model.name for model in registry.list_models() if model.present],
    )


_Label = Annotated[str, Query(max_length=200)]


@_routes.post("/jobs")
def submit(context: Context, shot: ShotBody, label: _Label = "", keep: bool = False) -> JobStatus:
    """Queue a shot. The same shot again is the same job; a job that has ended is queued again and keeps its frames.

    Frames that would come out different, as something has changed since, are written again unless `keep` is given.

    Args:
        context: The parts of the core.
        shot: The shot to colour.
        label: What to call the job in lists, such as its show, script, node and version. It does not change the job's
            id.
        keep: Whether frames that are there stay as they are: the job has the references that it had, and fails if some
            of the frames would come out different.

    Returns:
        The state of the job.
    """
    return context.status(context.worker.submit(shot, label=one_line(label), keep=keep))


@_routes.post("/preview")
def preview(context: Context, request: PreviewRequest, label: _Label = "") -> JobStatus:
    """Colour one frame of a shot ahead of the queue, between two frames of the running job.

    Args:
        context: The parts of the core.
        request: The shot and the frame.
        label: As in `submit`.

    Returns:
        The state of the preview's job.
    """
    return context.status(context.worker.submit(request.shot, frame=request.frame, label=one_line(label)))


@_routes.post("/objects")
async def objects(context: Context, request: ObjectsRequest) -> FrameObjects:
    """Return the objects in the mattes of one frame of a shot, with the part of the picture that each covers.

    Args:
        context: The parts of the core.
        request: The shot and the frame.
    """
    return await context.objects.objects(request.shot, request.frame)


@_routes.post("/references")
async def references(context: Context, request: ReferencesRequest) -> ReferenceReport:
    """Return the keyframes of a shot whose reference gives no colour, before the shot is submitted.

    Args:
        context: The parts of the core.
        request: The shot.
    """
    return await context.references.check(request.shot)


@_routes.get("/jobs")
def jobs(context: Context) -> list[JobStatus]:
    """Return all jobs, the newest first.

    Args:
        context: The parts of the core.
    """
    return [context.status(job) for job in context.store.jobs()]


@_routes.get("/jobs/{job}")
def job_status(context: Context, job: str) -> JobStatus:
    """Return the state of a job.

    Args:
        context: The parts of the core.
        job: The job's id.
    """
    return context.status(context.store.get(job))


@_routes.get("/jobs/{job}/events")
async def events(
    context: Context,
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
def frames(context: Context, job: str) -> JobFrames:
    """Return the finished frames, the confidence of each, and the frames that most need another keyframe.

    Args:
        context: The parts of the core.
        job: The job's id.
    """
    return collect_frames(context.store, context.status(context.store.get(job)), context.frames_on_disk)


@_routes.get(
    "/jobs/{job}/picture",
    response_class=Response,
    responses={200: {"content": {"image/jpeg": {}, "image/png": {}}}},
)
async def picture(
    context: Context,
    request: Request,
    job: str,
    frame: Annotated[int, Query(gt=-(2**31), lt=2**31)],
    of: PictureKind,
    height: Annotated[int, Query(ge=16, le=2160)] = 180,
    region: Annotated[str | None, Query(pattern=_REGION.pattern)] = None,
    view: Annotated[str | None, Query(max_length=200)] = None,
    ready: bool = False,
) -> Response:
    """Return a picture of a frame as a view shows it, with at most `height` lines.

    The header X-Picture names the job, the frame and the picture, so that a client can check what it got.

    Args:
        context: The parts of the core.
        request: The request.
        job: The job's id.
        frame: Frame number.
        of: Which picture: the result, the plate, the nearest reference, or a layer of the result: the confidence (grey,
            0 to 255), the source (the number of the keyframe plus 2^23, as 24 bits) or the mattes.
        height: Height in pixels at most.
        region: The part to show: x,y,width,height in pixels of the plate's format.
        view: One of the views in the job's details; the first of them by default.
        ready: Whether to answer only with a picture that was made before.
    """
    asked = PictureRequest(frame=frame, of=of, height=height, region=_region(region), view=view, ready=ready)
    stored = context.store.get(job)
    try:
        found = await context.pictures.render(stored, asked, gone=lambda: _has_gone(request))
    except NoResult as error:
        raise await run_in_threadpool(explain_no_result, context.store, stored, frame, error) from None
    return Response(found.data, media_type=found.media_type, headers={"X-Picture": f"{job} {frame} {of}"})


def _region(text: str | None) -> Region | None:
    if text is None:
        return None
    x, y, width, height = map(int, text.split(","))
    return x, y, width, height


async def _has_gone(request: Request) -> bool:
    """Return whether the client has closed the connection. The first message is the request's own, empty body."""
    return await request.is_disconnected() or await request.is_disconnected()


@_routes.post("/jobs/{job}/cancel")
def cancel(context: Context, job: str) -> JobStatus:
    """Stop a job within one frame. Its finished frames stay.

    Args:
        context: The parts of the core.
        job: The job's id.

    Returns:
        The state of the job.
    """
    return context.status(context.store.cancel(job))


@_routes.post("/shutdown", status_code=202)
def shutdown(context: Context) -> dict[str, str]:
    """Stop the core. The running job continues when a core starts again.

    Args:
        context: The parts of the core.

    Returns:
        {"state": "stopping"}.
    """
    logger.info("Stopping: a request asked for it.")
    context.stop.set()
    return {"state": "stopping"}


_routes.include_router(queue_routes)


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
        missing = 410 if isinstance(error, FrameGone) else 404
        return _problem(missing if isinstance(error, NoPicture) else 422, error.marked)

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

"""The routes by which a page changes the queue, and reads what a job was asked to do."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any, NamedTuple

from fastapi import APIRouter

from stcolor_core.errors import BadRequest, StcolorError
from stcolor_core.images.sequences import FramePattern
from stcolor_core.pipeline.input_record import InputRecord
from stcolor_core.service.context import Context, Route
from stcolor_core.service.desktop import reveal
from stcolor_core.service.job import Job
from stcolor_core.service.keys import add_key, find_new_keys, next_version
from stcolor_core.service.messages import (
    JobDetails,
    JobStatus,
    KeyRequest,
    MoveRequest,
    NoteRequest,
    OutOfDate,
    QueueStatus,
)
from stcolor_core.service.picture_files import ShotFiles
from stcolor_core.service.pictures import views_of
from stcolor_core.service.rendering import pixel_aspect, read_header
from stcolor_core.service.staleness import FrameCheck, Stale, check_frames, find_stale
from stcolor_core.service.texts import one_line

__all__ = ["routes"]

routes = APIRouter(route_class=Route)


@routes.get("/queue")
def queue(context: Context) -> QueueStatus:
    """Return all jobs, the newest first, and whether the queue is paused.

    Args:
        context: The parts of the core.
    """
    return context.queue()


@routes.post("/queue/pause")
def pause(context: Context) -> QueueStatus:
    """Stop the running job after its current frame, and start no other until the queue continues.

    Args:
        context: The parts of the core.

    Returns:
        The queue.
    """
    context.worker.pause(True)
    return context.queue()


@routes.post("/queue/continue")
def continue_queue(context: Context) -> QueueStatus:
    """Let the queue continue.

    Args:
        context: The parts of the core.

    Returns:
        The queue.
    """
    context.worker.pause(False)
    return context.queue()


@routes.post("/queue/clear")
def clear(context: Context) -> QueueStatus:
    """Leave the jobs that have ended out of the list. Their frames stay.

    Args:
        context: The parts of the core.

    Returns:
        The queue.
    """
    context.store.hide_ended()
    return context.queue()


@routes.post("/queue/restore")
def restore(context: Context) -> QueueStatus:
    """Take the jobs that were cleared into the list again.

    Args:
        context: The parts of the core.

    Returns:
        The queue.
    """
    context.store.show_hidden()
    return context.queue()


@routes.post("/jobs/{job}/resume")
def resume(context: Context, job: str, write_again: bool = False) -> JobStatus:
    """Queue a job again that has ended, to write the frames that are not there. Frames that are there are kept.

    It is refused if frames that are there would come out different, as something has changed since they were made.

    Args:
        context: The parts of the core.
        job: The job's id.
        write_again: Whether to write such frames again.

    Returns:
        The state of the job.
    """
    stored = context.store.get(job)
    return context.status(context.worker.write_again(stored) if write_again else context.worker.resume(stored))


@routes.post("/jobs/{job}/move")
def move(context: Context, job: str, request: MoveRequest) -> JobStatus:
    """Move a queued job in the queue.

    Args:
        context: The parts of the core.
        job: The job's id.
        request: Where to.

    Returns:
        The state of the job.
    """
    return context.status(context.store.move(job, request.to))


@routes.post("/jobs/{job}/note")
def note(context: Context, job: str, request: NoteRequest) -> JobStatus:
    """Write the artist's note about a job.

    Args:
        context: The parts of the core.
        job: The job's id.
        request: The note.

    Returns:
        The state of the job.
    """
    return context.status(context.store.write_note(job, one_line(request.text)))


@routes.post("/jobs/{job}/key")
def key(context: Context, job: str, request: KeyRequest) -> JobStatus:
    """Submit the next version of a shot with one more keyframe, whose picture lies beside the shot's references.

    Args:
        context: The parts of the core.
        job: The job's id.
        request: The frame.

    Returns:
        The state of the new job.

    Raises:
        BadRequest: If the job is a preview, or the frame is none of the plate or has no picture.
    """
    earlier = context.store.get(job)
    if earlier.kind != "shot":
        raise BadRequest("A preview of one frame has no next version. Choose the job of the whole shot.")
    files = context.pictures.files_of(earlier)
    if (frames := files.frames()) and request.frame not in frames:
        raise BadRequest(f"Frame {request.frame} is not a frame of {files.shot.plate.path}.")
    return context.status(context.worker.submit(add_key(files.shot, request.frame)))


@routes.post("/jobs/{job}/reveal")
def show_folder(context: Context, job: str) -> dict[str, str]:
    """Show the folder of a job's result in the file manager of the core's machine.

    Args:
        context: The parts of the core.
        job: The job's id.

    Returns:
        {"folder": the folder}.
    """
    stored = context.store.get(job)
    folder = FramePattern.parse(context.pictures.files_of(stored).shot.output.path).folder
    reveal(folder, written=stored.done > 0)
    return {"folder": str(folder)}


@routes.get("/jobs/{job}/details")
def details(context: Context, job: str) -> JobDetails:
    """Return what a job was asked to do, and what is there of its files; of a queued or failed job too.

    Args:
        context: The parts of the core.
        job: The job's id.
    """
    stored = context.store.get(job)
    files = context.pictures.files_of(stored)
    frames, references = files.frames(), files.references()
    record = context.store.inputs(job)
    if record is not None:  # those saved beside them since are for the next version
        references = {frame: found for frame, found in references.items() if frame in record.references}
    width, height, aspect, problem = _format(files)
    try:
        views = list(views_of(files.shot))
    except StcolorError as error:
        views, problem = [], problem or error.marked
    found = _look_for_changes(stored, record)
    check = found.check
    return JobDetails(
        job=context.status(stored),
        shot=_as_json(stored),
        frames=list(frames),
        references={frame: str(path) for frame, (path, _) in references.items()},
        new_keys={frame: str(path) for frame, path in find_new_keys(files.shot, frames, references).items()},
        width=width,
        height=height,
        pixel_aspect=aspect,
        views=views,
        next_output=next_version(files.shot.output.path),
        problem=None if problem is None else one_line(problem),
        out_of_date=found.out_of_date,
        fresh=None if check is None else list(check.fresh),
        earlier=[] if check is None else list(check.earlier),
        painted=[] if check is None else list(check.painted),
        changed={} if found.stale is None or record is None else found.stale.files_then(record),
    )


class _Changes(NamedTuple):
    """What has changed since an ended job's frames were made, and what those that are there were made from."""

    out_of_date: OutOfDate | None = None
    stale: Stale | None = None
    check: FrameCheck | None = None


def _look_for_changes(job: Job, record: InputRecord | None) -> _Changes:
    if job.state in ("queued", "running"):
        return _Changes()
    try:
        stale = None if record is None else find_stale(job, record)
        check = None if record is None else check_frames(job, record)
    except StcolorError:  # a folder cannot be read; `problem` says so
        return _Changes()
    if stale:
        return _Changes(OutOfDate(line=one_line(stale.line), frames=list(stale.frames)), stale, check)
    if check is not None and check.earlier:
        return _Changes(OutOfDate(line=one_line(check.describe_earlier(job)), frames=list(check.earlier)), None, check)
    if job.completes and job.state == "failed" and job.error:  # it would have written frames again, by their digests
        return _Changes(OutOfDate(line=job.error, frames=[]), None, check)
    return _Changes(None, None, check)


def _as_json(job: Job) -> dict[str, Any]:
    shot: dict[str, Any] = json.loads(job.shot)
    return shot


def _format(files: ShotFiles) -> tuple[int | None, int | None, float, str | None]:
    """Return the width, the height and the pixel aspect of the plate, or else of the result; and what is wrong."""
    problem = files.problem()
    output = FramePattern.parse(files.shot.output.path)
    pictures = [files.source(frame, "plate") for frame in list(files.frames())[:1]]
    pictures += [replace(files.source(frame, "result"), layer=None) for frame in output.frames()[:1]]
    for source in pictures:
        try:
            header = read_header(source)
        except StcolorError as error:
            problem = problem or error.marked
            continue
        _, _, width, height = header.display_window
        return width, height, pixel_aspect(header), problem
    return None, None, 1.0, problem

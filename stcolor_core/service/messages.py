"""The requests and answers of the service, as the types that its schema is made of."""

from __future__ import annotations

import json
from typing import Annotated, Any

from pydantic import BaseModel, Field

from stcolor_core.images.color_presence import ReferenceFlaw
from stcolor_core.remedies import advise
from stcolor_core.service.job import Job, JobKind, JobState, Place
from stcolor_core.service.job_names import name_of_job
from stcolor_core.service.shot_body import ShotBody

__all__ = [
    "FrameStatus",
    "Health",
    "JobDetails",
    "JobEvent",
    "JobEvents",
    "JobFrames",
    "JobStatus",
    "KeyRequest",
    "MoveRequest",
    "NoteRequest",
    "PageToken",
    "PreviewRequest",
    "Problem",
    "QueueStatus",
    "SuggestedKey",
    "Ticket",
]


class PreviewRequest(BaseModel, extra="forbid"):
    """One frame of a shot."""

    shot: ShotBody
    frame: Annotated[int, Field(gt=-(2**31), lt=2**31)]


class Health(BaseModel):
    """The core's version, device and models.

    Attributes:
        version: Version of RefColorize.
        protocol: Version of the HTTP interface.
        device: cpu, cuda, xpu or mps.
        device_name: Name of the GPU; none on a CPU.
        free_memory: Free memory of the device in bytes.
        models: Names of the models whose weights are present.
    """

    version: str
    protocol: int
    device: str
    device_name: str | None
    free_memory: int
    models: list[str]


class JobStatus(BaseModel):
    """The state of a job.

    Attributes:
        id: The job's id, 16 hex digits.
        kind: Whether it is a shot or a preview of one frame.
        state: queued, running, done, failed or cancelled.
        done: Number of finished frames.
        total: Number of frames to finish.
        looking: The frame that was processed last.
        error: Why it failed, or why it does not continue for now, in one line.
        frame: Frame number of a preview.
        output: Path pattern of the result.
        seconds_left: Seconds until a running shot is done; none if not known, and for a preview.
        name: What to call it in a list: the client's label, or the names of its output and its plate.
        plate: Path pattern of the plate.
        note: What the artist wrote about it.
        needs_version: Whether it failed because frames that are there would come out different: they are kept, and a
            new version has its own.
    """

    id: str
    kind: JobKind
    state: JobState
    done: int
    total: int
    looking: int | None
    error: str | None
    frame: int | None
    output: str
    seconds_left: float | None
    name: str
    plate: str
    note: str
    needs_version: bool

    @classmethod
    def of(cls, job: Job, *, seconds_left: float | None, stall_reason: str | None = None) -> JobStatus:
        """Return the state of a job of the store.

        Args:
            job: The job.
            seconds_left: Seconds until it is done; None if not known.
            stall_reason: Why no job continues for now, in one line; None if jobs run.
        """
        shot = json.loads(job.shot)
        output, plate = (str(shot.get(part, {}).get("path", "")) for part in ("output", "plate"))
        return cls(
            id=job.id,
            kind=job.kind,
            state=job.state,
            done=job.done,
            total=job.total,
            looking=job.looking,
            error=stall_reason if job.state in ("queued", "running") else job.error,
            frame=job.frame,
            output=output,
            seconds_left=seconds_left,
            name=job.label or name_of_job(output, plate),
            plate=plate,
            note=job.note,
            needs_version=job.state == "failed" and advise("write_again") in (job.error or ""),
        )


class QueueStatus(BaseModel):
    """All jobs, and whether the queue is paused.

    Attributes:
        paused: Whether no shot starts or continues. Previews are still made.
        jobs: The jobs, the newest first; those that were cleared are left out.
        cleared: How many were cleared.
    """

    paused: bool
    jobs: list[JobStatus]
    cleared: int


class MoveRequest(BaseModel, extra="forbid"):
    """Where to move a job in the queue."""

    to: Place


class NoteRequest(BaseModel, extra="forbid"):
    """A note about a job, one line."""

    text: Annotated[str, Field(max_length=500)]


class KeyRequest(BaseModel, extra="forbid"):
    """The frame of one more keyframe. Its picture lies beside the references that the job has."""

    frame: Annotated[int, Field(gt=-(2**31), lt=2**31)]


class OutOfDate(BaseModel):
    """Frames of a job that are there and would come out different.

    Attributes:
        line: What has changed since they were made, in one line.
        frames: The frames; empty if it is not known which.
    """

    line: str
    frames: list[int]


class JobDetails(BaseModel):
    """What a job was asked to do, and what is there of its files.

    Attributes:
        job: The state of the job.
        shot: The shot, as it was submitted.
        frames: Frame numbers of the plate that are on disk, in order; none if the plate is not there.
        references: Frame -> file of each reference that is a frame of the plate.
        new_keys: Frame -> file of pictures that lie beside the references and are no keyframes yet.
        width: Width of the plate's format in pixels; none if it cannot be read.
        height: Height of the plate's format in pixels; none if it cannot be read.
        pixel_aspect: Width of a pixel over its height.
        views: Names of the views to look at pictures through, the default first.
        next_output: Where a version with one more keyframe would be written.
        problem: Why the plate cannot be shown, in one line; none if it can.
        out_of_date: What has changed since the frames of a job that has ended were made; none if nothing has.
        fresh: Frames that are there and were made from the files as they are now, but for those in `changed`; none if
            that is not known, as while the job runs.
        earlier: Frames that are there and were made from other files, settings or software.
        painted: Frames that are there and were changed after they were written, or are not of RefColorize.
        changed: Size and modification time in nanoseconds of each file that has changed since, as it was when `fresh`
            were made; none for one that was not there.
    """

    job: JobStatus
    shot: dict[str, Any]
    frames: list[int]
    references: dict[int, str]
    new_keys: dict[int, str]
    width: int | None
    height: int | None
    pixel_aspect: float
    views: list[str]
    next_output: str
    problem: str | None
    out_of_date: OutOfDate | None
    fresh: list[int] | None
    earlier: list[int]
    painted: list[int]
    changed: dict[str, tuple[int, int] | None]


class SuggestedKey(BaseModel):
    """A frame for the next keyframe.

    Attributes:
        frame: Frame number.
        gain: Share of all pixels of the shot that would become right, 0..1.
    """

    frame: int
    gain: float


class JobEvent(BaseModel):
    """Something that happened to a job. The fields not listed are those of `pipeline.events.Event`.

    Attributes:
        number: 1, 2, ... within the job.
        kind: queued, plan, input, cut, dissolve, warning, frame, suggestions, done, failed or cancelled.
        time: Seconds since 1970.
    """

    number: int
    kind: str
    time: float
    message: str = ""
    frame: int | None = None
    last: int | None = None
    certainty: float | None = None
    path: str | None = None
    done: int = 0
    total: int = 0
    keyframes: list[int] = []
    patches: list[int] = []
    kept: bool = False
    registered: bool = False
    flaw: ReferenceFlaw | None = None
    confidence: float | None = None
    fallback: float | None = None
    suggestions: list[SuggestedKey] = []


class JobEvents(BaseModel):
    """The new events of a job, and its state now."""

    job: JobStatus
    events: list[JobEvent]


class FrameStatus(BaseModel):
    """A finished frame.

    Attributes:
        frame: Frame number.
        confidence: Mean over the frame, 0..1; none if it is not known.
        fallback: See `pipeline.events.FrameResult`.
        kept: See `pipeline.events.FrameResult`.
    """

    frame: int
    confidence: float | None
    fallback: float | None
    kept: bool


class JobFrames(BaseModel):
    """The frames of a job that are finished so far.

    Attributes:
        job: The state of the job.
        keyframes: Keyframes of the whole shot.
        patches: Its frames that have patches.
        colorless: Keyframe -> why its reference gives no colour: it has none, or it is the plate itself.
        frames: The finished frames, in order.
        gone: Those of them whose files are not there any more; empty until the job has ended.
        weakest: Frames where another keyframe would help most, the most helpful first; empty until the job is done.
        suggestions: The same frames, each with the gain to expect.
    """

    job: JobStatus
    keyframes: list[int]
    patches: list[int]
    colorless: dict[int, ReferenceFlaw]
    frames: list[FrameStatus]
    gone: list[int]
    weakest: list[int]
    suggestions: list[SuggestedKey]


class Ticket(BaseModel):
    """A link to the page.

    Attributes:
        url: The link, which works once, within ten minutes. The browser that opened it then needs none.
    """

    url: str


class PageToken(BaseModel):
    """A token that may read, and change the queue, as long as this core runs.

    Attributes:
        token: The token.
    """

    token: str


class Problem(BaseModel):
    """The reason why a request was refused.

    Attributes:
        detail: The reason, in one line.
    """

    detail: str

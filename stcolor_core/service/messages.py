"""What the core is told and what it says, as the types that its schema is made of."""

from __future__ import annotations

import json
from typing import Annotated

from pydantic import BaseModel, PlainValidator

from stcolor_core.service.store import Job, JobKind, JobState
from stcolor_core.shot import Shot

__all__ = [
    "FrameStatus",
    "Health",
    "JobEvent",
    "JobEvents",
    "JobFrames",
    "JobStatus",
    "PageToken",
    "PreviewRequest",
    "Problem",
    "ShotBody",
    "Ticket",
]


def _shot(data: object) -> Shot:
    return Shot.from_json(json.dumps(data))


ShotBody = Annotated[Shot, PlainValidator(_shot, json_schema_input_type=Shot)]


class PreviewRequest(BaseModel, extra="forbid"):
    """One frame of a shot."""

    shot: ShotBody
    frame: int


class Health(BaseModel):
    """device: cpu or cuda. free_memory: bytes on the GPU, none on the CPU. models: those whose weights are present."""

    version: str
    protocol: int
    device: str
    device_name: str | None
    free_memory: int | None
    models: list[str]


class JobStatus(BaseModel):
    """done, total: frames. looking: the frame looked at last. error: one line. frame: of a preview.

    seconds_left: until a running shot is done; none until that can be known, and for a preview.
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

    @classmethod
    def of(cls, job: Job, *, seconds_left: float | None) -> JobStatus:
        own = {name: getattr(job, name) for name in cls.model_fields if name not in ("output", "seconds_left")}
        return cls(**own, output=json.loads(job.shot)["output"]["path"], seconds_left=seconds_left)


class JobEvent(BaseModel):
    """kind: queued, plan, warning, frame, done, failed or cancelled. time: since 1970. The rest: `pipeline.Event`."""

    number: int
    kind: str
    time: float
    message: str = ""
    frame: int | None = None
    path: str | None = None
    done: int = 0
    total: int = 0
    keyframes: list[int] = []
    kept: bool = False
    confidence: float | None = None
    fallback: float | None = None


class JobEvents(BaseModel):
    """What happened since, and how the job stands now."""

    job: JobStatus
    events: list[JobEvent]


class FrameStatus(BaseModel):
    """A finished frame. confidence: mean over the frame, 0..1. fallback, kept: see `pipeline.FrameResult`."""

    frame: int
    confidence: float | None
    fallback: float | None
    kept: bool


class JobFrames(BaseModel):
    """The frames finished so far, in order. keyframes: of the whole shot. weakest: candidates for the next keyframe."""

    job: JobStatus
    keyframes: list[int]
    frames: list[FrameStatus]
    weakest: list[int]


class Ticket(BaseModel):
    """url: a link to the page, which works once, within ten minutes."""

    url: str


class PageToken(BaseModel):
    """A token to look and to cancel, as long as this core lives."""

    token: str


class Problem(BaseModel):
    """Why a request was refused, in one line."""

    detail: str

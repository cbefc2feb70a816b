"""What the core is told and what it says, as the types that its schema is made of."""

from __future__ import annotations

import json
from typing import Annotated

from pydantic import BaseModel, PlainValidator

from stcolor_core.service.store import Job, JobKind, JobState
from stcolor_core.shot import Shot

__all__ = ["Health", "JobEvent", "JobEvents", "JobStatus", "PreviewRequest", "Problem", "ShotBody"]


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
    """done, total: frames. looking: the frame looked at last. error: one line. frame: of a preview."""

    id: str
    kind: JobKind
    state: JobState
    done: int
    total: int
    looking: int | None
    error: str | None
    frame: int | None
    output: str

    @classmethod
    def of(cls, job: Job) -> JobStatus:
        own = {name: getattr(job, name) for name in cls.model_fields if name != "output"}
        return cls(**own, output=json.loads(job.shot)["output"]["path"])


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
    kept: bool = False
    confidence: float | None = None
    fallback: float | None = None


class JobEvents(BaseModel):
    """What happened since, and how the job stands now."""

    job: JobStatus
    events: list[JobEvent]


class Problem(BaseModel):
    """Why a request was refused, in one line."""

    detail: str

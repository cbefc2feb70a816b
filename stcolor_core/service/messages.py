"""What the core is told and what it says, as the types that its schema is made of."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Iterator
from typing import Annotated

from pydantic import BaseModel, Field, PlainValidator

from stcolor_core.errors import BadRequest
from stcolor_core.service.store import Job, JobKind, JobState
from stcolor_core.shots.shot import Shot

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
    "one_line",
]


def one_line(text: str) -> str:
    """A message as it can be sent and stored, whatever it quotes: one line, and nothing that UTF-8 cannot say."""
    return " ".join(text.encode("utf-8", "backslashreplace").decode().split())


def _shot(data: object) -> Shot:
    if isinstance(data, bytes):  # a body that does not say it is JSON
        raise BadRequest("The body is no JSON. Send a shot as application/json.")
    for text in _texts(data):
        if any(unicodedata.category(character) in ("Cc", "Cs") for character in text):
            raise BadRequest(f"{text[:200]!a} holds a control character or half of one. Name it by letters alone.")
    try:
        return Shot.from_json(json.dumps(data))
    except OverflowError:
        raise BadRequest("A number in the shot is beyond any that a setting takes. Correct it.") from None


def _texts(data: object) -> Iterator[str]:
    """Every string in parsed JSON but the names, which a shot knows all of."""
    if isinstance(data, str):
        yield data
    elif isinstance(data, (dict, list)):
        for value in data.values() if isinstance(data, dict) else data:
            yield from _texts(value)


ShotBody = Annotated[Shot, PlainValidator(_shot, json_schema_input_type=Shot)]


class PreviewRequest(BaseModel, extra="forbid"):
    """One frame of a shot."""

    shot: ShotBody
    frame: Annotated[int, Field(gt=-(2**31), lt=2**31)]


class Health(BaseModel):
    """device: cpu or cuda. free_memory: bytes, of the device. models: those whose weights are present."""

    version: str
    protocol: int
    device: str
    device_name: str | None
    free_memory: int
    models: list[str]


class JobStatus(BaseModel):
    """done, total: frames. looking: the frame looked at last. frame: of a preview. error: one line, why it failed, or
    why it does not go on for now.

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
    def of(cls, job: Job, *, seconds_left: float | None, trouble: str | None = None) -> JobStatus:
        """trouble: why no job goes on for now."""
        own = {name: getattr(job, name) for name in cls.model_fields if name not in ("output", "error", "seconds_left")}
        error = trouble if job.state in ("queued", "running") else job.error
        return cls(**own, output=json.loads(job.shot)["output"]["path"], error=error, seconds_left=seconds_left)


class JobEvent(BaseModel):
    """kind: queued, plan, input, warning, frame, done, failed or cancelled. time: since 1970.

    The rest: `pipeline.Event`.
    """

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
    """The frames finished so far, in order. keyframes: of the whole shot. weakest: where the next keyframe would help
    most, once the job has ended."""

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

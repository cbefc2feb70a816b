"""The requests and answers of the service, as the types that its schema is made of."""

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
    """Return a message as one line that UTF-8 can encode, whatever it quotes.

    Args:
        text: Any text; halves of surrogate pairs become escapes.
    """
    return " ".join(text.encode("utf-8", "backslashreplace").decode().split())


def _parse_shot(data: object) -> Shot:
    if isinstance(data, bytes):  # a body that does not say it is JSON
        raise BadRequest("The body is not JSON. Send a shot as application/json.")
    for text in _strings(data):
        if any(unicodedata.category(character) in ("Cc", "Cs") for character in text):
            raise BadRequest(f"{text[:200]!a} contains a control character or half a surrogate pair. Remove it.")
    try:
        return Shot.from_json(json.dumps(data))
    except OverflowError:
        raise BadRequest("A number in the shot is too large for any setting. Correct it.") from None


def _strings(data: object) -> Iterator[str]:
    """Yield every string in parsed JSON but the keys, which a shot checks against its own."""
    if isinstance(data, str):
        yield data
    elif isinstance(data, (dict, list)):
        for value in data.values() if isinstance(data, dict) else data:
            yield from _strings(value)


ShotBody = Annotated[Shot, PlainValidator(_parse_shot, json_schema_input_type=Shot)]


class PreviewRequest(BaseModel, extra="forbid"):
    """One frame of a shot."""

    shot: ShotBody
    frame: Annotated[int, Field(gt=-(2**31), lt=2**31)]


class Health(BaseModel):
    """The core's version, device and models.

    Attributes:
        version: Version of RefColorize.
        protocol: Version of the HTTP interface.
        device: cpu or cuda.
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
        seconds_left: Seconds until a running shot is done; none if not known yet, and for a preview.
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
    def of(cls, job: Job, *, seconds_left: float | None, stall_reason: str | None = None) -> JobStatus:
        """Return the state of a job of the store.

        Args:
            job: The job.
            seconds_left: Seconds until it is done; None if not known.
            stall_reason: Why no job continues for now, in one line; None if jobs run.
        """
        own = {name: getattr(job, name) for name in cls.model_fields if name not in ("output", "error", "seconds_left")}
        error = stall_reason if job.state in ("queued", "running") else job.error
        return cls(**own, output=json.loads(job.shot)["output"]["path"], error=error, seconds_left=seconds_left)


class JobEvent(BaseModel):
    """Something that happened to a job. The fields not listed are those of `pipeline.run.Event`.

    Attributes:
        number: 1, 2, ... within the job.
        kind: queued, plan, input, cut, dissolve, warning, frame, done, failed or cancelled.
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
    confidence: float | None = None
    fallback: float | None = None


class JobEvents(BaseModel):
    """The new events of a job, and its state now."""

    job: JobStatus
    events: list[JobEvent]


class FrameStatus(BaseModel):
    """A finished frame.

    Attributes:
        frame: Frame number.
        confidence: Mean over the frame, 0..1; none if it is not known.
        fallback: See `pipeline.run.FrameResult`.
        kept: See `pipeline.run.FrameResult`.
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
        frames: The finished frames, in order.
        weakest: Frames where another keyframe would help most, the weakest first; empty until the job has ended.
    """

    job: JobStatus
    keyframes: list[int]
    frames: list[FrameStatus]
    weakest: list[int]


class Ticket(BaseModel):
    """A link to the page.

    Attributes:
        url: The link, which works once, within ten minutes.
    """

    url: str


class PageToken(BaseModel):
    """A token that may read and cancel as long as this core runs.

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

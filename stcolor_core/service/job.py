"""A job of the service and its events, as the store keeps them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

__all__ = ["Job", "JobKind", "JobState", "Place", "StoredEvent", "UnknownJob"]

JobState = Literal["queued", "running", "done", "failed", "cancelled"]
JobKind = Literal["shot", "preview"]
Place = Literal["first", "earlier", "later", "last"]
"""Where to move a job in the queue."""


@dataclass(frozen=True, kw_only=True)
class Job:
    """One shot to colour, or one frame of it as a preview.

    Attributes:
        id: The job's id.
        kind: shot or preview.
        shot: The shot as JSON.
        frame: Frame number of a preview; None for a shot.
        state: queued, running, done, failed or cancelled.
        done: Number of finished frames.
        total: Number of frames to finish; 0 until planned.
        looking: The frame that was processed last.
        error: Why it failed, in one line.
        cancel: Whether it shall stop.
        position: Rank in the queue.
        label: What the client calls it, such as show, script, node and version; "" if it did not say.
        note: What the artist wrote about it.
        completes: Whether it writes only frames that are not there, and none again.
    """

    id: str
    kind: JobKind
    shot: str
    frame: int | None
    state: JobState
    done: int
    total: int
    looking: int | None
    error: str | None
    cancel: bool
    position: int
    label: str = ""
    note: str = ""
    completes: bool = False


class UnknownJob(LookupError):
    """Raised if no job has the id."""


@dataclass(frozen=True)
class StoredEvent:
    """Something that happened to a job.

    Attributes:
        number: 1, 2, ... within the job, never given twice.
        body: kind, time (seconds since 1970), and the fields of `pipeline.events.Event` that are set.
    """

    number: int
    body: dict[str, Any]

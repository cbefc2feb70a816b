"""What a render task submits, and the inputs that must be rendered for it first."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ..core.client import Client
from ..node.shot_plan import ShotRequest
from .input_rendering import InputRendering

__all__ = ["Job", "PendingInputs"]


@dataclass(frozen=True)
class Job:
    """What a task submits.

    Attributes:
        name: What the job makes, for example "v001".
        path: Pattern of the frames that the job writes.
        submit: Submits the job, or looks it up, and returns it as the service's JSON.
        shot: The Shot whose references must have colour; None to check none.
        withdraw: Takes back what the job has shown in the node, if it ended without a frame. Called in the main thread
            with whether the core has the job.
        note: A remark for the artist; "" for none.
        on_done: Called in the main thread when the job is done.
        renew: Makes the job of a new version, after the core has refused to overwrite frames of this one; None if there
            is none. Called in the main thread.
    """

    name: str
    path: str
    submit: Callable[[Client], Mapping[str, Any]]
    shot: Mapping[str, Any] | None = None
    withdraw: Callable[[bool], object] = lambda _: None
    note: str = ""
    on_done: Callable[[], object] = lambda: None
    renew: Callable[[], Job] | None = None


@dataclass(frozen=True)
class PendingInputs:
    """The inputs that a second Nuke renders for a task.

    Attributes:
        rendering: The rendering, which is pending.
        make_job: Makes the task's job of the request. Main thread only.
    """

    rendering: InputRendering
    make_job: Callable[[ShotRequest], Job]

"""The panel's state as plain data. Does not import Qt or nuke, and uses no network.

The core's answers are dictionaries; stcolor_core/service/messages.py describes them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

__all__ = ["CoreStatus", "JobRow", "Keyframe", "NodeState", "ShotState", "Snapshot", "VersionRow"]


@dataclass(frozen=True)
class Keyframe:
    """A keyframe of the node: a frame whose reference is used.

    Attributes:
        frame: The frame.
        used: False if the keyframe is switched off.
        is_patch: Whether its reference covers only a part of the frame, as the last job found.
        flaw: Why its reference gives no colour, to follow "ref"; "" if it does, or if nobody has looked yet.
    """

    frame: int
    used: bool = True
    is_patch: bool = False
    flaw: str = ""


@dataclass(frozen=True)
class ShotState:
    """A node's shot on the time line.

    Attributes:
        first: The first frame.
        last: The last frame, included.
        frame: The current frame (the play head), inside or outside first..last.
        keys: The keyframes, in ascending order.
        swatches: The frames that have swatches, in ascending order.
        plate: The first and last frame of the plate; None if it is not known.
    """

    first: int
    last: int
    frame: int
    keys: tuple[Keyframe, ...] = ()
    swatches: tuple[int, ...] = ()
    plate: tuple[int, int] | None = None

    @property
    def is_in_plate(self) -> bool:
        """Return whether the plate has the current frame, as far as is known."""
        return self.plate is None or self.plate[0] <= self.frame <= self.plate[1]

    def key(self) -> Keyframe | None:
        """Return the keyframe at the current frame; None if there is none."""
        return next((key for key in self.keys if key.frame == self.frame), None)


@dataclass(frozen=True)
class NodeState:
    """The state of a RefColorize node.

    Attributes:
        name: Its full name.
        shot: Its frame range and keyframes.
        status: Its status line.
        preview: Where previews lie over its version, and how to be rid of them; "" for nowhere.
        stale: What has changed since the version that it shows was made, and what to do; "" for nothing.
        job: The id of the job of its last Colorize; "" for none.
        version: The version it shows, as in the knob: v001, "preview" or "none".
        plate: Whether the input plate is connected.
        reference: Whether the input ref is connected.
        frames_path: The path of the frames that it shows, with ####; "" for none.
        results: The folder of its own versions; "" while it has none.
        heat: Whether its heat overlay is on; None if it has none.
        working: Whether its job is on the way, or waits for the core.
    """

    name: str
    shot: ShotState
    status: str = ""
    preview: str = ""
    stale: str = ""
    job: str = ""
    version: str = ""
    plate: bool = True
    reference: bool = True
    frames_path: str = ""
    results: str = ""
    heat: bool | None = None
    working: bool = False


@dataclass(frozen=True)
class Snapshot:
    """The core's answers at one moment.

    Attributes:
        job: The id of the watched job; "" for none.
        path: The path of the frames that the node shows; "" for none.
        address: The core's address.
        health: The answer of /v1/health; None if no core answered.
        jobs: The jobs of the answer of /v1/queue, the newest first.
        frames: The answer of /v1/jobs/{job}/frames for the watched job; None if there is no such job.
        shown_frames: The same for the job that wrote the frames at `path`, which may be an earlier one; for the watched
            job if the node shows no version.
        warnings: The warnings of the watched job, the oldest first.
        problem: Why no core answered, if more is known; else "".
        curve: The confidence of the frames on disk at `path`, if no core says more: (frame, 0..1) in ascending order.
        paused: Whether the queue is paused.
        changed: When a file was last added to the frames that the node shows, or removed, in nanoseconds; 0 if there
            are none.
        versions: The versions on disk that can be chosen: (name, when it was last written into), in order.
    """

    job: str = ""
    path: str = ""
    address: str = ""
    health: Mapping[str, Any] | None = None
    jobs: tuple[Mapping[str, Any], ...] = ()
    frames: Mapping[str, Any] | None = None
    shown_frames: Mapping[str, Any] | None = None
    warnings: tuple[str, ...] = ()
    problem: str = ""
    curve: tuple[tuple[int, float], ...] = ()
    paused: bool = False
    changed: int = 0
    versions: tuple[tuple[str, int], ...] = ()

    def own_job(self) -> Mapping[str, Any] | None:
        """Return the state of the watched job; None if the core does not have it."""
        return next((job for job in self.jobs if job["id"] == self.job), None)

    def about(self, path: str) -> Snapshot:
        """Return the same answers, without what they say of other frames than those at a path.

        Args:
            path: The path of the frames that the node shows now.
        """
        return self if path == self.path else replace(self, path=path, shown_frames=None, curve=())


@dataclass(frozen=True)
class JobRow:
    """A job in the queue.

    Attributes:
        id: The job's id.
        title: Its name for the artist.
        state: Its state as text.
        progress: The finished part, 0..1.
        live: Whether it is queued or running, so that it can be cancelled.
        own: Whether it is the node's last job.
        tooltip: Its error and its output path.
    """

    id: str
    title: str
    state: str
    progress: float
    live: bool
    own: bool = False
    tooltip: str = ""


@dataclass(frozen=True)
class VersionRow:
    """A version on disk.

    Attributes:
        number: The version's number.
        frames: How many frames are on disk.
        written: When it was written, as text.
        used: Whether the node shows it.
        keys: Its keyframes, if their references are still on disk.
        confidence: The mean over its frames, 0..1; None until the version is complete.
        comment: The artist's comment.
        thumbnail: A small JPEG of its middle frame; "" for none.
        missing: How many frames that the core had finished are no longer on disk.
        working: Whether this Nuke follows a run that writes it, which may still wait in the queue.
        stale: What has changed since it was made, if the node shows it; "" for nothing.
    """

    number: int
    frames: int
    written: str
    used: bool = False
    keys: tuple[int, ...] = ()
    confidence: float | None = None
    comment: str = ""
    thumbnail: str = ""
    missing: int = 0
    working: bool = False
    stale: str = ""


@dataclass(frozen=True)
class CoreStatus:
    """The state of the core for the artist.

    Attributes:
        running: Whether a core answers.
        title: The first line.
        detail: The second line: device, memory and models, or what to do.
        jobs: How many jobs are queued or running.
        starting: Whether it is being started.
    """

    running: bool
    title: str
    detail: str
    jobs: int = 0
    starting: bool = False

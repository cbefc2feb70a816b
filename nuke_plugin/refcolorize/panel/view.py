"""What the panel shows, as plain data, and how it is said in words. No Qt, no Nuke, no network.

Answers of the core come in as the dictionaries that its schema describes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any

from ..jobs.progress import duration

__all__ = [
    "Core",
    "Key",
    "Node",
    "Row",
    "Shot",
    "Snapshot",
    "VersionLine",
    "core_status",
    "hint_text",
    "memory",
    "queue_rows",
    "suggestions",
    "warning_text",
]

_ENDED_SHOWN = 3
_SUGGESTIONS = 3
_STATES = {"queued": "Waiting", "failed": "Failed", "cancelled": "Cancelled"}


@dataclass(frozen=True)
class Key:
    """A reference frame of the node. used: not switched off."""

    frame: int
    used: bool = True


@dataclass(frozen=True)
class Shot:
    """A node's shot on the time line. frame: where the play head stands, inside or outside of first..last."""

    first: int
    last: int
    frame: int
    keys: tuple[Key, ...] = ()

    def key(self) -> Key | None:
        """The key under the play head."""
        return next((key for key in self.keys if key.frame == self.frame), None)


@dataclass(frozen=True)
class Node:
    """A RefColorize node. job: of its last Colorize, or "". version: in use. plate, reference: these are connected."""

    name: str
    shot: Shot
    status: str = ""
    job: str = ""
    version: str = ""
    plate: bool = True
    reference: bool = True


@dataclass(frozen=True)
class Snapshot:
    """What the core said at one moment. Without `health` no core answered; `problem` says more where there is more.

    job: the id that is followed, or "". frames: the answer of /v1/jobs/{job}/frames, None where there is no such job.
    warnings: of that job, the oldest first.
    """

    job: str = ""
    address: str = ""
    health: Mapping[str, Any] | None = None
    jobs: tuple[Mapping[str, Any], ...] = ()
    frames: Mapping[str, Any] | None = None
    warnings: tuple[str, ...] = ()
    problem: str = ""

    def own(self) -> Mapping[str, Any] | None:
        """The job that is followed, where the core has it."""
        return next((job for job in self.jobs if job["id"] == self.job), None)


@dataclass(frozen=True)
class Row:
    """A job in the queue. share: 0..1. live: it waits or runs, and can be cancelled. own: the node's last job."""

    id: str
    title: str
    state: str
    share: float
    live: bool
    own: bool = False
    tip: str = ""


@dataclass(frozen=True)
class VersionLine:
    """A version on disk. written: when, in words. used: the node shows it. keys: its keyframes that are known.

    confidence: mean over its frames, 0..1; None while it is not done. comment: the artist's.
    """

    number: int
    frames: int
    written: str
    used: bool = False
    keys: tuple[int, ...] = ()
    confidence: float | None = None
    comment: str = ""


@dataclass(frozen=True)
class Core:
    """The core in two lines."""

    running: bool
    title: str
    detail: str


def core_status(snapshot: Snapshot) -> Core:
    """How the core is."""
    health = snapshot.health
    if health is None:
        return Core(False, "The core is not running", snapshot.problem or "It starts with the first Colorize, or here.")
    device = health["device_name"] or {"cpu": "CPU"}.get(health["device"], health["device"])
    models = ", ".join(health["models"]) or "no model installed"
    detail = "  ·  ".join([device, f"{memory(health['free_memory'])} free", models])
    return Core(True, f"The core is running at {snapshot.address}", detail)


def queue_rows(jobs: Sequence[Mapping[str, Any]], *, own: str) -> tuple[Row, ...]:
    """The queue: what runs, what waits in the order it will run, and what ended last. jobs: the newest first."""
    running = [job for job in jobs if job["state"] == "running"]
    waiting = [job for job in reversed(jobs) if job["state"] == "queued"]
    waiting.sort(key=lambda job: bool(job["kind"] != "preview"))
    ended = [job for job in jobs if job["state"] not in ("running", "queued")][:_ENDED_SHOWN]
    return tuple(_row(job, own=own) for job in (*running, *waiting, *ended))


def _row(job: Mapping[str, Any], *, own: str) -> Row:
    title = PurePath(job["output"]).name.split(".")[0]
    if job["kind"] == "preview":
        title = f"Preview {job['frame']}, {title}"
    share = job["done"] / job["total"] if job["total"] else float(job["state"] == "done")
    tip = f"{job['error']}\n{job['output']}" if job["error"] else job["output"]
    live = job["state"] in ("queued", "running")
    return Row(job["id"], title, _state(job), share, live=live, own=job["id"] == own, tip=tip)


def _state(job: Mapping[str, Any]) -> str:
    if job["state"] == "done":
        return f"Done, {job['total']} frame{'s' * (job['total'] != 1)}"
    if job["state"] != "running":
        return _STATES[job["state"]]
    if not job["total"]:
        return "Starting"
    left = job.get("seconds_left")
    if left is not None:
        return f"{job['done']} of {job['total']}, {duration(left)} left"
    if job["looking"] is not None and not job["done"]:
        return f"Tracking frame {job['looking']}"
    return f"{job['done']} of {job['total']}"


def warning_text(snapshot: Snapshot) -> str:
    """What the artist should know of the node's job: why it failed, else its warnings; empty where all is well."""
    job = snapshot.own()
    error = job["error"] if job else None
    return "\n".join(dict.fromkeys([*([error] if error else []), *snapshot.warnings]))


def hint_text(node: Node | None) -> str:
    """What to do next, where something is missing; empty where nothing is."""
    if node is None:
        return "This script has no RefColorize node yet. Create one, and connect the plate to it."
    if not node.plate:
        return "Connect the grey plate to the input plate."
    if not node.reference:
        return "Connect the coloured picture to the input ref. It is used at the keyframes only."
    if not any(key.used for key in node.shot.keys):
        return "Go to a frame that ref has in colour, and press Add keyframe."
    return "" if node.job else "Press Colorize. The rest of the shot follows the keyframes."


def suggestions(frames: Mapping[str, Any] | None, keys: Sequence[Key]) -> tuple[int, ...]:
    """The frames that the core suggests and that are no keys yet, the most helpful first, at most three."""
    taken = {key.frame for key in keys}
    weakest = frames["weakest"] if frames else ()
    return tuple(frame for frame in weakest if frame not in taken)[:_SUGGESTIONS]


def memory(size: int) -> str:
    """Bytes as gigabytes."""
    return f"{size / 2**30:.1f} GB"

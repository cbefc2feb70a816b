"""What the panel shows: texts and rows, made of its state. Does not import Qt or nuke, and uses no network.

The core's answers are dictionaries; stcolor_core/service/messages.py describes them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import PurePath
from typing import Any

from ..jobs.progress import PAUSED, REASONS, describe_colorless, time_left
from ..plurals import count_of
from .state import CoreStatus, JobRow, Keyframe, NodeState, ShotState, Snapshot

__all__ = [
    "core_status",
    "gains",
    "hint_text",
    "is_working",
    "mark_keys",
    "note_text",
    "queue_rows",
    "suggestions",
]

_MAX_ENDED = 3
_MAX_SUGGESTIONS = 3
_LIVE = ("queued", "running")
_STATES = {"queued": "Waiting", "failed": "Failed", "cancelled": "Cancelled"}


def core_status(
    snapshot: Snapshot, *, is_wanted: bool = False, is_starting: bool = False, has_failed: bool = False
) -> CoreStatus:
    """Return the state of the core as text.

    Args:
        snapshot: The core's answers.
        is_wanted: Whether a job waits until a core runs, and a dialog asks the artist about it.
        is_starting: Whether it is being started.
        has_failed: Whether the last start has failed.
    """
    health = snapshot.health
    if health is None and is_starting:
        return CoreStatus(False, "The core is being started", "This takes some seconds.", starting=True)
    if health is None:
        hint = "The first Colorize starts it. You can also press Start."
        if has_failed:
            hint = "It did not start, for the reason given above. Troubleshoot on the node checks the rest."
        if is_wanted:
            hint = "The run waits for it. Press Start here, or Start core in the dialog, whose Cancel ends the run."
        return CoreStatus(False, "The core is not running", snapshot.problem or hint)
    device = health["device_name"] or {"cpu": "CPU"}.get(health["device"], health["device"])
    models = ", ".join(health["models"]) or "no model installed"
    detail = "  ·  ".join([device, f"{_format_memory(health['free_memory'])} free", models])
    jobs = sum(job["state"] in _LIVE for job in snapshot.jobs)
    return CoreStatus(True, f"The core is running at {snapshot.address}", detail, jobs)


def queue_rows(jobs: Sequence[Mapping[str, Any]], *, own: str, paused: bool = False) -> tuple[JobRow, ...]:
    """Return the rows of the queue: running jobs, queued ones in the order they will run, then the last ended ones.

    Args:
        jobs: The states of all jobs, the newest first.
        own: The id of the node's last job; "" for none.
        paused: Whether the queue is paused, so that no shot begins.
    """
    running = [job for job in jobs if job["state"] == "running"]
    queued = [job for job in reversed(jobs) if job["state"] == "queued"]
    queued.sort(key=lambda job: bool(job["kind"] != "preview"))
    ended = [job for job in jobs if job["state"] not in ("running", "queued")][:_MAX_ENDED]
    return tuple(_job_row(job, own=own, paused=paused) for job in (*running, *queued, *ended))


def _job_row(job: Mapping[str, Any], *, own: str, paused: bool) -> JobRow:
    title = job.get("name") or PurePath(job["output"]).name.split(".")[0]
    if job["kind"] == "preview":
        title = f"Preview {job['frame']}, {title}"
    progress = job["done"] / job["total"] if job["total"] else float(job["state"] == "done")
    tooltip = f"{job['error']}\n{job['output']}" if job["error"] else job["output"]
    state = _state_text(job)
    if paused and job["state"] == "queued" and job["kind"] != "preview":
        state, tooltip = "The queue is paused", f"{PAUSED[0].upper()}{PAUSED[1:]}.\n{tooltip}"
    live = job["state"] in _LIVE
    return JobRow(job["id"], title, state, progress, live=live, own=job["id"] == own, tooltip=tooltip)


def _state_text(job: Mapping[str, Any]) -> str:
    if job["state"] == "done":
        return f"Done, {count_of(job['total'], 'frame')}"
    if job["state"] != "running":
        return _STATES[job["state"]]
    if not job["total"]:
        return "Starting"
    left = job.get("seconds_left")
    if left is not None:
        return f"{job['done']} of {job['total']}, {time_left(left, frames=job['total'] - job['done'])}"
    if job["looking"] is not None and not job["done"]:
        return f"Tracking frame {job['looking']}"
    return f"{job['done']} of {job['total']}"


def note_text(status: str, error: str, snapshot: Snapshot, *, marks: Sequence[str] = ()) -> str:
    """Return what the status line does not say already, one a line; "" for nothing.

    Args:
        status: The node's status line, which the panel shows.
        error: Why the last action of the panel failed; "" for no error.
        snapshot: The core's answers, with the error and the warnings of the node's job.
        marks: `NodeState.preview` and `NodeState.stale`.
    """
    job = snapshot.own_job()
    failure = (job["error"] or "") if job and not _has_succeeded_since(job, snapshot.jobs) else ""
    lines = [error, *marks, failure, *snapshot.warnings]
    return "\n".join(line for line in dict.fromkeys(lines) if line and line.rstrip(".") not in status)


def _has_succeeded_since(failed: Mapping[str, Any], jobs: Sequence[Mapping[str, Any]]) -> bool:
    """Return whether a later job of the same node is done: a version or a preview, in a folder beside the failed one.

    Args:
        failed: The job.
        jobs: The states of all jobs, the newest first.
    """
    folder = PurePath(failed["output"]).parent.parent
    for job in jobs:
        if job["id"] == failed["id"]:
            return False
        if job["state"] == "done" and PurePath(job["output"]).parent.parent == folder:
            return True
    return False


def is_working(node: NodeState, snapshot: Snapshot) -> bool:
    """Return whether the node's last job is queued or running, as far as the core says.

    Args:
        node: The node's state.
        snapshot: The core's answers.
    """
    job = snapshot.own_job() if node.job and snapshot.job == node.job else None
    return job is not None and job["state"] in _LIVE


def mark_keys(shot: ShotState, frames: Mapping[str, Any] | None, flaws: Mapping[int, str] | None) -> ShotState:
    """Return a shot whose keyframes are marked: those that are patches, and those without colour.

    Args:
        shot: The shot.
        frames: The answer of /v1/jobs/{job}/frames for the node's last job; None if there is none.
        flaws: Keyframe -> why it has no colour, if that is known better than from the last job; else None.
    """
    known = frames or {}
    patches = set(known.get("patches", ()))
    flawed = {int(frame): flaw for frame, flaw in known.get("colorless", {}).items()} if flaws is None else flaws
    keys = (
        replace(key, is_patch=key.frame in patches, flaw=_flaw_text(flawed[key.frame]) if key.frame in flawed else "")
        for key in shot.keys
    )
    return replace(shot, keys=tuple(keys))


def _flaw_text(flaw: str) -> str:
    return REASONS.get(flaw, "gives no colour")


def hint_text(node: NodeState | None) -> str:
    """Return what the artist should do next; "" if nothing is missing.

    Args:
        node: The node's state; None if the script has no RefColorize node.
    """
    if node is None:
        return "This script has no RefColorize node yet. Create one, and connect the plate to it."
    if not node.plate:
        return "Connect the grey plate to the input plate."
    has_keys = any(key.used for key in node.shot.keys)
    if not node.reference and (has_keys or not node.shot.swatches):
        return "Connect the coloured picture to the input ref. Only its frames at the keyframes are used."
    if not has_keys and not node.shot.swatches:
        return "Go to a frame that has colour in ref, and press Add keyframe."
    flawed = [key.frame for key in node.shot.keys if key.used and key.flaw]
    if flawed:
        advice = describe_colorless(flawed)
        return "" if advice in node.status else f"{advice}."
    return (
        ""
        if node.job or node.working or node.status
        else "Press Colorize. It colours the rest of the shot from the keyframes."
    )


def suggestions(frames: Mapping[str, Any] | None, keys: Sequence[Keyframe]) -> tuple[int, ...]:
    """Return up to three frames to suggest as keyframes: those of lowest confidence that are not keyframes yet.

    Args:
        frames: `Snapshot.shown_frames`.
        keys: The node's keyframes.
    """
    existing = {key.frame for key in keys}
    weakest = frames["weakest"] if frames else ()
    return tuple(frame for frame in weakest if frame not in existing)[:_MAX_SUGGESTIONS]


def gains(frames: Mapping[str, Any] | None) -> dict[int, float]:
    """Return the gain to expect of each suggested keyframe: the share of the shot's pixels, 0..1.

    Args:
        frames: As for `suggestions`.
    """
    return {each["frame"]: each["gain"] for each in (frames or {}).get("suggestions", ())}


def _format_memory(size: int) -> str:
    """Return an amount of memory as text, in gigabytes (GiB).

    Args:
        size: In bytes.
    """
    return f"{size / 2**30:.1f} GB"

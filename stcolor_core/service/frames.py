"""The frames of a job, read from its events."""

from __future__ import annotations

from stcolor_core.service.messages import FrameStatus, JobFrames, JobStatus
from stcolor_core.service.store import Store
from stcolor_core.shots.suggestion import suggest_keyframes

__all__ = ["collect_frames"]


def collect_frames(store: Store, status: JobStatus) -> JobFrames:
    """Return all frames of a job that were ever finished, each as its last event describes it.

    Args:
        store: The store that holds the job.
        status: The state of the job.
    """
    keyframes: list[int] = []
    frames: dict[int, FrameStatus] = {}
    for event in store.all_events(status.id):
        body = event.body
        if body["kind"] == "plan":
            keyframes = body.get("keyframes", [])
        elif body["kind"] == "frame":
            frames[body["frame"]] = FrameStatus(
                frame=body["frame"],
                confidence=body.get("confidence"),
                fallback=body.get("fallback"),
                kept=body.get("kept", False),
            )
    confidence = {number: frame.confidence for number, frame in frames.items() if frame.confidence is not None}
    # until the job has ended the confidence may still fall, and the weakest frame may be yet to come
    ended = status.state not in ("queued", "running")
    weak = [suggestion.frame for suggestion in suggest_keyframes(confidence, keyframes)] if ended else []
    return JobFrames(
        job=status, keyframes=keyframes, frames=[frames[number] for number in sorted(frames)], weakest=weak
    )

"""What a job's events say about its frames."""

from __future__ import annotations

from stcolor_core.service.messages import FrameStatus, JobFrames, JobStatus
from stcolor_core.service.store import Store
from stcolor_core.shots.suggestion import suggest

__all__ = ["frames_of"]


def frames_of(store: Store, status: JobStatus) -> JobFrames:
    """The frames of a job that were ever finished, by the last that was said of each. Raises UnknownJob."""
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
    confidence = {frame: found.confidence for frame, found in frames.items() if found.confidence is not None}
    # before its end the curve may go on to fall, and the frame that helps most is still to come
    weak = [] if status.state in ("queued", "running") else [found.frame for found in suggest(confidence, keyframes)]
    return JobFrames(job=status, keyframes=keyframes, frames=[frames[frame] for frame in sorted(frames)], weakest=weak)

"""The lines at the end of a run in a terminal: where the frames are, how certain they are, and what to do next."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from stcolor_core.images.frame_ranges import describe_frames
from stcolor_core.pipeline.events import FrameResult
from stcolor_core.shots.shot import Shot
from stcolor_core.shots.suggestion import suggest_keyframes

__all__ = ["summarize"]

_WEAK = 0.95  # a mean confidence from which a frame needs no look of its own
_MOST_WEAK = 3


def summarize(
    shot: Shot,
    results: Sequence[FrameResult],
    keyframes: Sequence[int],
    *,
    scene_starts: Collection[int] = (),
    dissolves: Collection[tuple[int, int]] = (),
) -> list[str]:
    """Return a run's summary, one text a line.

    Args:
        shot: The shot.
        results: The finished frames.
        keyframes: The shot's keyframes.
        scene_starts: First frames of its scenes.
        dissolves: First and last frame of each dissolve.
    """
    if not results:
        return [f"There was no frame to write to {shot.output.path}."]
    kept = sum(result.kept for result in results)
    confidences = {result.frame: result.confidence for result in results if result.confidence is not None}
    written = f"{len(results) - kept} written, {kept} kept" if kept else f"{len(results)} written"
    mean = f", mean confidence {sum(confidences.values()) / len(confidences):.2f}" if confidences else ""
    lines = [f"{shot.output.path}: {describe_frames(result.frame for result in results)} ({written}){mean}."]
    weak = sorted((value, frame) for frame, value in confidences.items() if value < _WEAK)[:_MOST_WEAK]
    if weak:
        lines.append("Least certain: " + ", ".join(f"{frame} ({value:.2f})" for value, frame in weak) + ".")
    room = {result.frame: result.room for result in results if result.room is not None}
    suggestions = suggest_keyframes(
        confidences, keyframes, scene_starts=scene_starts, dissolves=dissolves, room=room, limit=1
    )
    if suggestions:
        (best,) = suggestions
        lines.append(
            f"Next: a keyframe at {best.frame} would correct about {100 * best.gain:.1f} % of the pixels. Paint it and "
            f"run this again with --reference {best.frame}=PATH; frames that it cannot reach are kept."
        )
    else:
        lines.append("No further keyframe would help much.")
    return lines

"""The lines at the end of a run in a terminal: where the frames are, how certain they are, and what to do next."""

from __future__ import annotations

from collections.abc import Sequence

from stcolor_core.images.frame_ranges import describe_frames
from stcolor_core.pipeline.events import FrameResult
from stcolor_core.shots.shot import Shot
from stcolor_core.shots.suggestion import Suggestion

__all__ = ["summarize"]

_WEAK = 0.95  # a mean confidence from which a frame needs no look of its own
_MOST_WEAK = 3


def summarize(shot: Shot, results: Sequence[FrameResult], suggestions: Sequence[Suggestion] | None) -> list[str]:
    """Return a run's summary, one text a line.

    Args:
        shot: The shot.
        results: The finished frames.
        suggestions: Frames for the next keyframes, the best first; None if they are not known.
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
    if suggestions:
        best = suggestions[0]
        lines.append(
            f"Next: a keyframe at {best.frame} would correct about {100 * best.gain:.1f} % of the pixels. Paint it and "
            f"run this again with --reference {best.frame}=PATH; frames that it cannot reach are kept."
        )
    elif suggestions is not None:
        lines.append("No further keyframe would help much.")
    return lines

"""Report whether a shot is complete: compare every frame on disk with what the shot would write now."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from stcolor_core.images.frame_ranges import name_frames
from stcolor_core.images.sequences import FramePattern
from stcolor_core.pipeline.existing import ExistingFrames, OutputState
from stcolor_core.pipeline.key_suggestions import report_next
from stcolor_core.pipeline.planning import RunPlan
from stcolor_core.plurals import form_of
from stcolor_core.shots.shot import Shot
from stcolor_core.shots.suggestion import Suggestion

__all__ = ["Report", "default_report_path", "make_report"]

_WEAKEST = 5


@dataclass(frozen=True, kw_only=True)
class Report:
    """The state of a shot's output.

    Attributes:
        output: The pattern of the output frames.
        frames: All frames that the shot should have.
        missing: Frames that are missing or incomplete.
        stale: Frames from another state of the shot.
        changed: Frames that somebody has changed or put there; they count as intended.
        confidence: Frame -> its mean confidence, 0..1.
        weakest: The frames of lowest confidence, the lowest first.
        suggestions: Suggested further keyframes.
    """

    output: str
    frames: tuple[int, ...]
    missing: tuple[int, ...]
    stale: tuple[int, ...]
    changed: tuple[int, ...]
    confidence: Mapping[int, float]
    weakest: tuple[int, ...]
    suggestions: tuple[Suggestion, ...]

    @property
    def problem(self) -> str:
        """Return what is wrong, in one line; "" if nothing is."""
        kinds = (("missing or incomplete", self.missing), ("of an earlier state of the shot", self.stale))
        parts = [
            f"{name_frames(frames)} {form_of(len(frames), 'is', 'are')} {state}" for state, frames in kinds if frames
        ]
        return f"In {self.output}, {', and '.join(parts)}. Run the colour step again." if parts else ""

    def to_json(self) -> str:
        """Return the report as indented JSON."""
        return json.dumps(asdict(self), indent=2)


def make_report(shot: Shot, plan: RunPlan) -> Report:
    """Inspect every frame that a shot should have.

    Args:
        shot: The shot.
        plan: Its plan.

    Returns:
        The report.
    """
    output, layers = FramePattern.parse(shot.output.path), shot.output.written_layers
    files = ExistingFrames(output, None, link=False, layers=layers).inspect(plan.digests)
    confidence = {
        frame: file.confidence
        for frame, file in files.items()
        if file.state in (OutputState.VALID, OutputState.CHANGED) and file.confidence is not None
    }

    def frames_in(*states: OutputState) -> tuple[int, ...]:
        return tuple(frame for frame, file in files.items() if file.state in states)

    return Report(
        output=shot.output.path,
        frames=tuple(plan.digests),
        missing=frames_in(OutputState.MISSING),
        stale=frames_in(OutputState.STALE),
        changed=frames_in(OutputState.CHANGED, OutputState.FOREIGN),
        confidence=confidence,
        weakest=tuple(sorted(confidence, key=lambda frame: (confidence[frame], frame))[:_WEAKEST]),
        suggestions=tuple(report_next(shot) or ()),
    )


def default_report_path(shot: Shot) -> Path:
    """Return the default path of the report, beside the frames: `out/sh010.####.exr` -> `out/sh010.report.json`.

    Args:
        shot: The shot.
    """
    pattern = FramePattern.parse(shot.output.path)
    return pattern.folder / f"{pattern.head.rstrip('._-') or 'shot'}.report.json"

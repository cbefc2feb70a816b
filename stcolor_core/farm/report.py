"""Whether a shot is all there: every frame on disk held against what the shot would write now."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from stcolor_core.images.sequences import FramePattern
from stcolor_core.pipeline.existing import Existing, FrameStanding
from stcolor_core.pipeline.run import RunPlan
from stcolor_core.shots.shot import Shot, name_frames
from stcolor_core.shots.suggestion import Suggestion, suggest

__all__ = ["Report", "beside", "look"]

_WEAKEST = 5


@dataclass(frozen=True, kw_only=True)
class Report:
    """How a shot stands.

    frames: all that it should have. missing: not there, or not whole. stale: there, and of another shot than this.
    changed: somebody has changed or put them there since; they count as meant.
    confidence: frame -> mean, 0..1. weakest: the least sure frames first. suggestions: the next keyframes.
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
    def lacking(self) -> str:
        """What is wrong in one line, "" where nothing is."""
        kinds = (("is missing or not whole", self.missing), ("is of an earlier state of the shot", self.stale))
        parts = [f"frame {name_frames(frames)} {what}" for what, frames in kinds if frames]
        return f"In {self.output}, {', and '.join(parts)}. Run the colour step again." if parts else ""

    def to_json(self) -> str:
        """The report as indented JSON."""
        return json.dumps(asdict(self), indent=2)


def look(shot: Shot, plan: RunPlan) -> Report:
    """Look at every frame that `plan` says is to be there."""
    found = Existing(FramePattern.parse(shot.output.path), None, link=False).look(plan.digests)
    confidence = {
        frame: each.confidence
        for frame, each in found.items()
        if each.standing in (FrameStanding.VALID, FrameStanding.CHANGED) and each.confidence is not None
    }

    def standing(*kinds: FrameStanding) -> tuple[int, ...]:
        return tuple(frame for frame, each in found.items() if each.standing in kinds)

    return Report(
        output=shot.output.path,
        frames=tuple(plan.digests),
        missing=standing(FrameStanding.MISSING),
        stale=standing(FrameStanding.STALE),
        changed=standing(FrameStanding.CHANGED, FrameStanding.FOREIGN),
        confidence=confidence,
        weakest=tuple(sorted(confidence, key=lambda frame: (confidence[frame], frame))[:_WEAKEST]),
        suggestions=tuple(suggest(confidence, plan.references)),
    )


def beside(shot: Shot) -> Path:
    """Where the report lies by default: beside the frames, `out/sh010.####.exr` -> `out/sh010.report.json`."""
    pattern = FramePattern.parse(shot.output.path)
    return pattern.folder / f"{pattern.head.rstrip('._-') or 'shot'}.report.json"

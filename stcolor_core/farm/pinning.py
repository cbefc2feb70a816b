"""A shot written down for other machines: all that a host would look up for itself is settled, so that all agree."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from stcolor_core.farm.job import Task, split
from stcolor_core.farm.paths import absolute
from stcolor_core.images.sequences import FramePattern
from stcolor_core.pipeline.planning import pieces_of, spans_of
from stcolor_core.pipeline.run import RunPlan, plan_run
from stcolor_core.shots.shot import Reference, Shot, format_frames, parse_frames, with_paths
from stcolor_core.shots.shot_files import find_frames, find_references

__all__ = ["inputs", "pinned", "tasks_of"]


def pinned(shot: Shot, plan: RunPlan) -> Shot:
    """The shot with absolute paths, and with what `plan` found: frames, keyframes, scene cuts, tracking; and $OCIO.

    The frames of the result carry the same digests. A plate frame that was missing and skipped stays so; one that
    goes missing later is an error.
    """
    plate = replace(
        shot.plate,
        frames=format_frames(plan.frames),
        missing="error" if shot.plate.missing == "skip" else shot.plate.missing,
    )
    settled = replace(
        shot,
        plate=plate,
        output=replace(shot.output, frames=format_frames(plan.digests)),
        references=tuple(
            Reference(frame=frame, path=str(path), colorspace=colorspace)
            for frame, (path, colorspace) in plan.references.items()
        ),
        method=replace(shot.method, tracking=plan.tracking, cuts=format_frames(plan.cuts) or "none"),
        ocio=shot.ocio or os.environ.get("OCIO") or None,
    )
    return with_paths(settled, absolute)


def tasks_of(shot: Shot) -> tuple[Task, ...]:
    """The tasks of a pinned shot, from the names of its files alone; of another one, after a look at its plate."""
    if shot.method.cuts == "auto":
        plan = plan_run(shot)
        return split(pieces_of(shot, plan.spans), plan.digests)
    frames = find_frames(shot.plate)
    spans = spans_of(shot, frames, find_references(shot, frames))
    return split(pieces_of(shot, spans), frames if shot.output.frames is None else parse_frames(shot.output.frames))


def inputs(shot: Shot, plan: RunPlan) -> tuple[Path, ...]:
    """Every file that a pinned shot reads, each once and in order."""
    return tuple(sorted({Path(os.path.abspath(path)) for path in _inputs(shot, plan)}))  # noqa: PTH100


def _inputs(shot: Shot, plan: RunPlan) -> Iterator[Path | str]:
    yield from plan.frames.values()
    yield from (path for path, _ in plan.references.values())
    yield from (still.path for still in shot.stills)
    for matte in shot.mattes:
        pattern = FramePattern.parse(matte.path)
        own = (matte.frame,) if matte.frame is not None else plan.frames
        yield from (path for frame in own if (path := pattern.path(frame)).is_file())
    if shot.output.reuse is not None:
        earlier = FramePattern.parse(shot.output.reuse)
        yield from (earlier.path(frame) for frame in earlier.frames() if frame in plan.digests)
    named = (shot.ocio, shot.method.detector_weights, shot.method.detector_config)
    yield from (path for path in named if path is not None and "://" not in path)

"""Pin a shot for other machines: settle everything that a host would look up for itself, so that all hosts agree."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from stcolor_core.farm.job import Task, split_tasks
from stcolor_core.farm.paths import make_absolute
from stcolor_core.files.given_paths import is_file
from stcolor_core.images.frame_ranges import format_frames, parse_frames
from stcolor_core.images.sequences import FramePattern
from stcolor_core.pipeline.planning import RunPlan, plan_spans, split_spans
from stcolor_core.pipeline.run import plan_run
from stcolor_core.shots.pictures import Reference, Still
from stcolor_core.shots.reference_files import ReferencePicture, find_references, split_references
from stcolor_core.shots.shot import Shot, map_paths
from stcolor_core.shots.shot_files import find_frames
from stcolor_core.shots.transitions import format_transitions

__all__ = ["list_inputs", "pin", "plan_tasks"]


def pin(shot: Shot, plan: RunPlan) -> Shot:
    """Return the shot with absolute paths, $OCIO, and the plan's frames, keyframes, scene cuts and tracking.

    The frames of the result carry the same digests. A plate frame that was missing and skipped stays skipped; one that
    goes missing later is an error.

    Args:
        shot: The shot.
        plan: Its plan on this machine.
    """
    plate = replace(
        shot.plate,
        frames=format_frames(plan.frames),
        missing="error" if shot.plate.missing == "skip" else shot.plate.missing,
    )
    pinned = replace(
        shot,
        plate=plate,
        output=replace(shot.output, frames=format_frames(plan.digests)),
        references=tuple(
            Reference(
                frame=frame,
                path=str(picture.path),
                colorspace=picture.colorspace,
                mask=None if picture.mask is None else str(picture.mask),
                alpha=picture.alpha,
                patch=patch,
                movie_frame=picture.movie_frame,
            )
            for frame, picture, patch in _pictures(plan)
        ),
        stills=(*shot.stills, *_stills(plan)),
        method=replace(shot.method, tracking=plan.tracking, cuts=format_transitions(plan.transitions)),
        ocio=shot.ocio or os.environ.get("OCIO") or None,
    )
    return map_paths(pinned, make_absolute)


def plan_tasks(shot: Shot) -> tuple[Task, ...]:
    """Return the tasks of a shot; for a pinned shot this needs only file names, for others the plate is read.

    Args:
        shot: The shot.
    """
    if shot.method.cuts == "auto" or any(reference.patch is None for reference in shot.references):
        plan = plan_run(shot)
        return split_tasks(split_spans(shot, plan.spans), plan.digests)
    frames = find_frames(shot.plate)
    keyframes, _ = split_references(find_references(shot, frames), lambda picture: bool(picture.patch))
    spans = plan_spans(shot, frames, keyframes)
    requested = frames if shot.output.frames is None else parse_frames(shot.output.frames)
    return split_tasks(split_spans(shot, spans), requested)


def list_inputs(shot: Shot, plan: RunPlan) -> tuple[Path, ...]:
    """Return every file that a pinned shot reads, each once and in ascending order.

    Args:
        shot: The pinned shot.
        plan: Its plan.
    """
    return tuple(sorted({Path(make_absolute(str(path))) for path in _inputs(shot, plan)}))


def _pictures(plan: RunPlan) -> Iterator[tuple[int, ReferencePicture, bool]]:
    """Yield the frame and the picture of every reference, and whether it is pinned as a patch.

    Whole keyframes that are used as stills or patches, by what they show, are that on every host.
    """
    whole = {frame: picture for frame, picture in plan.strangers.items() if frame not in plan.references}
    whole.update(plan.references)
    yield from ((frame, picture, False) for frame, picture in sorted(whole.items()))
    for frame, pictures in plan.patches.items():
        for index, picture in enumerate(pictures):
            yield frame, picture, not (index == 0 and frame in plan.parts)


def _stills(plan: RunPlan) -> Iterator[Still]:
    """Yield the keyframes that are used as stills and have lost their number to one that shows that frame."""
    for frame, picture in plan.strangers.items():
        if frame in plan.references:
            yield Still(path=str(picture.path), colorspace=picture.colorspace)


def _inputs(shot: Shot, plan: RunPlan) -> Iterator[Path | str]:
    yield from plan.frames.values()
    yield from (path for _, picture, _ in _pictures(plan) for path in picture.files)
    yield from (still.path for still in shot.stills)
    for matte in shot.mattes:
        pattern = FramePattern.parse(matte.path)
        frames = (matte.frame,) if matte.frame is not None else plan.frames
        yield from (path for frame in frames if is_file(path := pattern.path(frame)))
    if shot.output.reuse is not None:
        earlier = FramePattern.parse(shot.output.reuse)
        yield from (earlier.path(frame) for frame in earlier.frames() if frame in plan.digests)
    settings = (shot.ocio, shot.method.detector_weights, shot.method.detector_config)
    yield from (path for path in settings if path is not None and "://" not in path)

"""What a run tells the artist of the references: those without colour, and the frames that none of them reaches."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from stcolor_core.errors import PlateError
from stcolor_core.images.color_presence import ReferenceFlaw
from stcolor_core.images.frame_ranges import describe_frames, name_frames
from stcolor_core.pipeline.events import Event, Reporter
from stcolor_core.pipeline.reference_flaws import ReferenceFlaws, describe_flaw, describe_idle
from stcolor_core.plurals import count_of, form_of
from stcolor_core.remedies import advise
from stcolor_core.shots.reference_files import ReferencePicture
from stcolor_core.shots.spans import PatchWalk, Span, matched, spans_containing, unreferenced

__all__ = ["leave_out_idle", "report_flaws", "warn_of_no_color", "warn_of_unreferenced"]

_LOOKED_AT = 16  # frames of a scene without a reference that say whether it is black


def warn_of_unreferenced(
    reporter: Reporter,
    spans: Sequence[Span],
    requested: frozenset[int],
    *,
    walks: Iterable[PatchWalk],
    stills: bool,
    flaws: ReferenceFlaws,
) -> None:
    """Warn of the requested frames without a reference in their scene, and say what becomes of them.

    A black or white scene needs none, and is not mentioned.

    Args:
        reporter: Takes the lines.
        spans: The spans of the shot.
        requested: The requested frames.
        walks: How far patches reach.
        stills: Whether the shot has stills.
        flaws: Says whether a plate frame can hold colour.
    """
    spans = [span for span in spans if span.bounded or span.sides or _can_hold_color(_some_of(span.frames), flaws)]
    grey = requested.intersection(unreferenced(spans))
    patched = {frame for walk in walks for frame in (walk.patch, *walk.frames)}
    if (alone := grey.difference(patched)) and not stills:
        told = form_of(
            len(alone),
            "has no reference in its scene and stays grey",
            "have no reference in their scene and stay grey",
        )
        reporter.warn(f"{name_frames(alone, 'Frame')} {told}. {advise('or_still')}.")
    if (partly := grey.intersection(patched)) and not stills:
        have = form_of(len(partly), "has no reference in its scene", "have no reference in their scene")
        reporter.warn(
            f"{name_frames(partly, 'Frame')} {have} that covers the whole frame. What the patches do not reach stays "
            "grey."
        )
    references = matched(spans)
    guessed = requested.intersection(references)
    if guessed:
        used = name_frames((reference for frame in guessed for reference in references[frame]), "reference")
        have = form_of(
            len(guessed), "has no reference in its scene: it takes", "have no reference in their scene: they take"
        )
        reporter.warn(
            f"{name_frames(guessed, 'Frame')} {have} the colour of what looks alike on the {used}. Look at the "
            "confidence, or add a reference there."
        )
    reporter.report_warnings()


def leave_out_idle(reporter: Reporter, flaws: ReferenceFlaws, references: dict[int, ReferencePicture]) -> None:
    """Remove the keyframes that would only stand between others and the frames around them, and say so.

    Args:
        reporter: Takes the events.
        flaws: Finds these keyframes.
        references: Frame of a whole keyframe -> its picture; changed.
    """
    for frame in flaws.find_idle():
        path = references[frame].path
        _warn_of_flaw(reporter, frame, path, flaws.of(frame), describe_idle(frame, path))
        del references[frame]


def report_flaws(
    reporter: Reporter,
    flaws: ReferenceFlaws,
    references: Mapping[int, ReferencePicture],
    spans: Iterable[Span],
    requested: frozenset[int],
) -> None:
    """Warn of the references that give no colour, among those that the requested frames need.

    Args:
        reporter: Takes the events.
        flaws: Finds what is wrong with a reference.
        references: Frame of a whole keyframe -> its picture.
        spans: The spans of the shot.
        requested: The requested frames.
    """
    needed = {*requested.intersection(references)}
    needed.update(*(span.references for span in spans_containing(spans, requested)))
    for frame in sorted(needed):
        if flaw := flaws.of(frame):
            path = references[frame].path
            message = describe_flaw(frame, path, flaw, can_hold_color=_can_hold_color([frame], flaws))
            _warn_of_flaw(reporter, frame, path, flaw, message)


def warn_of_no_color(
    reporter: Reporter, flaws: ReferenceFlaws, references: Iterable[int], requested: frozenset[int]
) -> None:
    """Warn at the end of a run that nothing was coloured, since none of the references has colour.

    Black and white frames need none, and are not mentioned.

    Args:
        reporter: Takes the line.
        flaws: Finds what is wrong with a reference.
        references: The whole keyframes, if the shot has nothing else that gives colour.
        requested: The requested frames.
    """
    keyframes = sorted(references)
    if keyframes and all(map(flaws.of, keyframes)) and _can_hold_color(_some_of(sorted(requested)), flaws):
        reporter.warn(
            f"Nothing has got colour: {count_of(len(requested), 'frame')} stay as grey as the plate, at confidence 0, "
            f"because no reference of the shot has colour. Paint {describe_frames(keyframes)}, and run it again."
        )


def _warn_of_flaw(reporter: Reporter, frame: int, path: Path, flaw: ReferenceFlaw | None, message: str) -> None:
    subject = f"Reference {frame} ({path})"
    reporter.report(Event(kind="warning", frame=frame, subject=subject, flaw=flaw, message=message))


def _some_of(frames: Sequence[int]) -> Sequence[int]:
    """Return the frames of a scene that say whether it is black."""
    return frames[:: max(1, len(frames) // _LOOKED_AT)]


def _can_hold_color(frames: Iterable[int], flaws: ReferenceFlaws) -> bool:
    """Return whether any of these plate frames can hold colour; True if one cannot be read, which stops no warning."""
    try:
        return any(map(flaws.can_hold_color, frames))
    except PlateError:
        return True

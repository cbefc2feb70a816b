"""What a run tells the artist: its plan, the transitions that it found, and what these mean for the colour."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from stcolor_core.errors import OutputError, PlateError, StaleFrames
from stcolor_core.images.color_presence import ReferenceFlaw
from stcolor_core.images.frame_ranges import describe_frames
from stcolor_core.images.sequences import FramePattern
from stcolor_core.method.tracking.lost_mattes import LostMatte
from stcolor_core.pipeline.events import Event, Reporter
from stcolor_core.pipeline.existing import ExistingFrame
from stcolor_core.pipeline.input_record import InputChange, InputRecord, describe_changes
from stcolor_core.pipeline.input_spaces import InputColorspace
from stcolor_core.pipeline.reference_flaws import ReferenceFlaws, describe_flaw, describe_idle
from stcolor_core.plurals import count_of
from stcolor_core.remedies import advise
from stcolor_core.shots.shot_files import ReferencePicture
from stcolor_core.shots.spans import PatchWalk, Span, matched, spans_containing, unreferenced
from stcolor_core.shots.transitions import Transitions

__all__ = [
    "describe_stale",
    "leave_out_idle",
    "report_flaws",
    "report_plan",
    "report_transitions",
    "require_written",
    "stale_frames",
    "warn_of_changes",
    "warn_of_coloured_plate",
    "warn_of_lost_matte",
    "warn_of_no_color",
    "warn_of_open_dissolves",
    "warn_of_others_work",
    "warn_of_reuse",
    "warn_of_rewriting",
    "warn_of_unreferenced",
]

logger = logging.getLogger(__name__)

_WORTH_A_LOOK = 0.1  # certainty from which a boundary is mentioned though it is no cut
_LOOKED_AT = 16  # frames of a scene without a reference that say whether it is black


def report_plan(
    reporter: Reporter, references: Iterable[int], patches: Iterable[int], spaces: Iterable[InputColorspace]
) -> None:
    """Report what a run is about to do, and the colour space of each input.

    Args:
        reporter: Takes the events; it knows how many frames will be written.
        references: The whole keyframes.
        patches: The frames with patches.
        spaces: The colour spaces.
    """
    keyframes, patched = tuple(references), tuple(patches)
    message = f"{count_of(reporter.total, 'frame')}, {count_of(len(keyframes), 'reference')}"
    message += f", patches on {count_of(len(patched), 'frame')}" if patched else ""
    reporter.report(Event(kind="plan", total=reporter.total, keyframes=keyframes, patches=patched, message=message))
    for space in spaces:
        logger.info("%s", space)
        reporter.report(Event(kind="input", message=str(space)))


def warn_of_others_work(reporter: Reporter, output: FramePattern, files: Mapping[int, ExistingFrame]) -> None:
    """Warn of frames that stay as they are because they are somebody's own work.

    Args:
        reporter: Takes the line.
        output: The output's files.
        files: What is on disk, by frame.
    """
    kept: dict[str, list[int]] = {}
    for frame, file in files.items():
        if file.state.is_others_work:
            kept.setdefault(file.why_kept, []).append(frame)
    for why, frames in kept.items():
        reporter.warn(f"Frame {describe_frames(frames)} of {output} {why}. It is kept as it is. {advise('force')}.")


def describe_stale(frames: Iterable[int], changes: Sequence[InputChange]) -> str:
    """Return one line on frames that are there and would come out different.

    Args:
        frames: These frames.
        changes: What has changed since they were made; empty if that is not known.
    """
    why = f"{describe_changes(changes)} since" if changes else "they were made with other files, settings or software"
    return f"Frames {describe_frames(frames)} are out of date: {why}."


def stale_frames(frames: Iterable[int], changes: Sequence[InputChange]) -> StaleFrames:
    """Return the error for such frames if they may not be written again.

    Args:
        frames: These frames.
        changes: As in `describe_stale`.
    """
    return StaleFrames(
        f"{describe_stale(frames, changes)} They stay as they are, and nothing was written. {advise('write_again')}."
    )


def warn_of_rewriting(reporter: Reporter, output: FramePattern, frames: Sequence[int]) -> None:
    """Warn of frames that are about to be written again, before the first of them is.

    Args:
        reporter: Takes the line.
        output: The output's files.
        frames: The frames that are there, but would come out different.
    """
    if frames:
        reporter.warn(
            f"Frame {describe_frames(frames)} of {output} was made with other files, settings or software, and is "
            "written again."
        )
        reporter.report_warnings()


def require_written(output: FramePattern, frames: Iterable[int]) -> None:
    """Refuse to call a run done whose frames are not all there.

    Args:
        output: The output's files.
        frames: The frames that were finished.

    Raises:
        OutputError: If some are not there any more.
    """
    listed = set(output.frames()) if output.is_sequence else set()
    # a network disk may list a file late
    lost = [frame for frame in sorted(set(frames) - listed) if not output.path(frame).is_file()]
    if lost:
        raise OutputError(
            f"Frame {describe_frames(lost)} of {output} was finished and is not there any more: it was deleted, moved "
            f"or renamed during the run. {advise('resume')}: frames that are there are kept."
        )


def warn_of_changes(
    reporter: Reporter, record: InputRecord, changes: Sequence[InputChange], frames: Iterable[int]
) -> None:
    """Warn of files that have changed after frames of this run were made from them.

    Args:
        reporter: Takes the line.
        record: What the frames were made from.
        changes: What has changed since.
        frames: The frames that this run has made.
    """
    if changes:
        affected = describe_frames(record.affected(changes).intersection(frames))
        reporter.warn(
            f"{_capitalized(describe_changes(changes))} since this run read it: frames {affected} show what was there "
            f"before. {advise('run_again')}: they are then made anew."
        )


def warn_of_reuse(reporter: Reporter, reuse: str | None, *, nothing_there: bool, changed: Iterable[int]) -> None:
    """Warn of frames of an earlier version that are not reused.

    Args:
        reporter: Takes the lines.
        reuse: The pattern of the earlier version; None for none.
        nothing_there: Whether it has no frame although some are to be written.
        changed: Its frames that somebody has changed.
    """
    if nothing_there:
        reporter.warn(f"There is no frame of {reuse} to reuse. {advise('reuse')}.")
    if painted := sorted(changed):
        reporter.warn(
            f"Frame {describe_frames(painted)} of {reuse} was changed after it was written. "
            "It is not reused but coloured anew: copy it over if the change is to stay."
        )


def report_transitions(reporter: Reporter, found: Transitions) -> None:
    """Report the cuts and dissolves found, each with its certainty, and what they mean for the colour.

    Args:
        reporter: Takes the events and the lines.
        found: What was found.
    """
    for boundary in found.boundaries:
        reporter.report(Event(kind="cut", frame=boundary.frame, certainty=boundary.certainty))
    for dissolve in found.dissolves:
        last, certainty = dissolve.last, dissolve.certainty
        reporter.report(Event(kind="dissolve", frame=dissolve.first, last=last, certainty=certainty))
    cuts = [boundary for boundary in found.boundaries if boundary.is_cut]
    if cuts:
        least = min(cuts, key=lambda boundary: boundary.certainty)
        reporter.warn(
            f"Scene cuts before frame {describe_frames(found.cuts)}: colour is not carried across them "
            f"({_certainty(least.certainty)}{f' at {least.frame}, the least' if len(cuts) > 1 else ''})."
        )
    for boundary in found.doubtful:
        if boundary.certainty >= _WORTH_A_LOOK:
            reporter.warn(
                f"Frame {boundary.frame} looks like a cut, colour is carried ({_certainty(boundary.certainty)}). "
                f"If it is one, {advise('cuts')}."
            )
    for dissolve in found.dissolves:
        reporter.warn(
            f"Frames {dissolve.first}-{dissolve.last} dissolve from one scene to the next: their colours are mixed "
            f"({_certainty(dissolve.certainty)})."
        )
    for dissolve in found.disregarded:
        reporter.warn(
            f"Frames {dissolve.first}-{dissolve.last} look like a dissolve, but hold a reference: its colour is "
            f"carried through them. If they are one, {advise('dissolves')}."
        )


def warn_of_open_dissolves(reporter: Reporter, given: Transitions, frames: Sequence[int]) -> None:
    """Warn of dissolves given by hand that reach the first or last frame, so that one of their scenes is not there.

    One that lies in another part of the plate has nothing to do with these frames.

    Args:
        reporter: Takes the lines.
        given: Cuts and dissolves.
        frames: The plate's frames in ascending order.
    """
    for dissolve in given.dissolves:
        is_here = dissolve.first <= frames[-1] and dissolve.last >= frames[0]
        if is_here and not frames[0] < dissolve.first <= dissolve.last < frames[-1]:
            reporter.warn(
                f"The dissolve {dissolve.first}-{dissolve.last} of the cuts has no frame of a single scene on "
                f"either side: the plate has the frames {frames[0]}-{frames[-1]}. {advise('correct_cuts')}."
            )


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
    if grey.difference(patched) and not stills:
        reporter.warn(
            f"Frames {describe_frames(grey.difference(patched))} have no reference in their scene and stay grey. "
            f"{advise('or_still')}."
        )
    if grey.intersection(patched) and not stills:
        reporter.warn(
            f"Frames {describe_frames(grey.intersection(patched))} have no reference in their scene that covers "
            "the whole frame. What the patches do not reach stays grey."
        )
    references = matched(spans)
    guessed = requested.intersection(references)
    if guessed:
        used = describe_frames(reference for frame in guessed for reference in references[frame])
        reporter.warn(
            f"Frames {describe_frames(guessed)} have no reference in their scene: they take the colour of what "
            f"looks alike on the references {used}. Look at the confidence, or add a reference there."
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


def warn_of_coloured_plate(reporter: Reporter, plate: str, in_colour: Mapping[int, bool]) -> None:
    """Warn of the plate frames that are in colour if others are grey; known once they have been read.

    Args:
        reporter: Takes the line.
        plate: The plate's path.
        in_colour: Plate frame -> whether it is in colour, for the frames that were read.
    """
    coloured = [frame for frame, in_colour in in_colour.items() if in_colour]
    if 0 < len(coloured) < len(in_colour):
        reporter.warn(
            f"Frame {describe_frames(coloured)} of the plate {plate} is in colour, the others that "
            "were read are grey. Check that this is the right plate."
        )


def warn_of_lost_matte(warn: Callable[[str], None], lost: LostMatte) -> None:
    """Warn of frames in which a carried matte has lost an object.

    Args:
        warn: Called with the line.
        lost: The object and the frames.
    """
    where, remedy = describe_frames(lost.frames), advise("frame_matte", lost.frames[len(lost.frames) // 2])
    if lost.kind == "missing":
        warn(f"The object {lost.name} of the mattes is not found in {where}. If it is to be seen there, {remedy}.")
    else:
        first, last = lost.ends
        warn(
            f"The object {lost.name} of the mattes may be taken for another in {where}: the mattes of {first} and "
            f"{last} disagree about it there. {remedy}."
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


def _certainty(value: float) -> str:
    return f"certainty {value:.2f}"


def _capitalized(text: str) -> str:
    return text[:1].upper() + text[1:]

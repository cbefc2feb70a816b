"""What a run tells the artist: its plan, the transitions that it found, and the frames that are there already."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

from stcolor_core.errors import OutputError, StaleFrames
from stcolor_core.files.given_paths import is_file
from stcolor_core.images.frame_ranges import name_frames, name_runs
from stcolor_core.images.sequences import FramePattern
from stcolor_core.method.tracking.lost_mattes import LostMatte
from stcolor_core.pipeline.events import Event, Reporter
from stcolor_core.pipeline.existing import ExistingFrame, describe_copies
from stcolor_core.pipeline.input_record import InputChange, InputRecord, describe_changes
from stcolor_core.pipeline.input_spaces import InputColorspace
from stcolor_core.plurals import count_of, form_of
from stcolor_core.remedies import advise
from stcolor_core.shots.transitions import Transitions

__all__ = [
    "describe_stale",
    "report_plan",
    "report_transitions",
    "require_written",
    "stale_frames",
    "warn_of_changes",
    "warn_of_coloured_plate",
    "warn_of_lost_matte",
    "warn_of_open_dissolves",
    "warn_of_others_work",
    "warn_of_reuse",
    "warn_of_rewriting",
]

logger = logging.getLogger(__name__)

_WORTH_A_LOOK = 0.1  # certainty from which a boundary is mentioned though it is no cut


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
    for line in describe_copies(output, files):
        reporter.warn(line)
    kept: dict[tuple[str, str], list[int]] = {}
    for frame, file in files.items():
        if file.state.is_others_work and file.copy_of is None:
            kept.setdefault(file.why_kept, []).append(frame)
    for why, frames in kept.items():
        fault = form_of(len(frames), f"{why[0]}. It is kept as it is.", f"{why[1]}. They are kept as they are.")
        reporter.warn(f"{name_frames(frames, 'Frame')} of {output} {fault} {advise('force')}.")


def describe_stale(frames: Collection[int], changes: Sequence[InputChange]) -> str:
    """Return one line on frames that are there and would come out different.

    Args:
        frames: These frames.
        changes: What has changed since they were made; empty if that is not known.
    """
    are, they_were = form_of(len(frames), "is", "are"), form_of(len(frames), "it was", "they were")
    why = (
        f"{describe_changes(changes)} since" if changes else f"{they_were} made with other files, settings or software"
    )
    return f"{name_frames(frames, 'Frame')} {are} out of date: {why}."


def stale_frames(frames: Collection[int], changes: Sequence[InputChange]) -> StaleFrames:
    """Return the error for such frames if they may not be written again.

    Args:
        frames: These frames.
        changes: As in `describe_stale`.
    """
    kept = form_of(len(frames), "It stays as it is", "They stay as they are")
    return StaleFrames(f"{describe_stale(frames, changes)} {kept}, and nothing was written. {advise('write_again')}.")


def warn_of_rewriting(reporter: Reporter, output: FramePattern, frames: Sequence[int]) -> None:
    """Warn of frames that are about to be written again, before the first of them is.

    Args:
        reporter: Takes the line.
        output: The output's files.
        frames: The frames that are there, but would come out different.
    """
    if frames:
        were, are = form_of(len(frames), "was", "were"), form_of(len(frames), "is", "are")
        reporter.warn(
            # also read after the end of the run, or after it was cancelled
            f"{name_frames(frames, 'Frame')} of {output} {were} out of date when the run began: made with other files, "
            f"settings or software, and {are} to be written again."
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
    lost = [frame for frame in sorted(set(frames) - listed) if not is_file(output.path(frame))]
    if lost:
        fault = form_of(
            len(lost),
            "was finished and is not there any more: it was deleted, moved or renamed",
            "were finished and are not there any more: they were deleted, moved or renamed",
        )
        raise OutputError(
            f"{name_frames(lost, 'Frame')} of {output} {fault} during the run. {advise('resume')}: frames that are "
            "there are kept."
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
        affected = record.affected(changes).intersection(frames)
        show, anew = form_of(len(affected), "shows", "show"), form_of(len(affected), "it is", "they are")
        reporter.warn(
            f"{_capitalized(describe_changes(changes))} since this run read it: {name_frames(affected)} {show} what "
            f"was there before. {advise('run_again')}: {anew} then made anew."
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
        told = form_of(
            len(painted),
            "was changed after it was written. It is not reused but coloured anew: copy it over if the change is to "
            "stay.",
            "were changed after they were written. They are not reused but coloured anew: copy them over if the "
            "changes are to stay.",
        )
        reporter.warn(f"{name_frames(painted, 'Frame')} of {reuse} {told}")


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
            f"{form_of(len(cuts), 'Scene cut', 'Scene cuts')} before {name_frames(found.cuts)}: colour is not carried "
            f"across {form_of(len(cuts), 'it', 'them')} "
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
                f"either side: the plate has the {name_runs([range(frames[0], frames[-1] + 1)])}. "
                f"{advise('correct_cuts')}."
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
            f"{name_frames(coloured, 'Frame')} of the plate {plate} {form_of(len(coloured), 'is', 'are')} in colour, "
            "the others that were read are grey. Check that this is the right plate."
        )


def warn_of_lost_matte(warn: Callable[[str], None], lost: LostMatte) -> None:
    """Warn of frames in which a carried matte has lost an object.

    Args:
        warn: Called with the line.
        lost: The object and the frames.
    """
    where, remedy = name_frames(lost.frames), advise("frame_matte", lost.frames[len(lost.frames) // 2])
    if lost.kind == "missing":
        warn(f"The object {lost.name} of the mattes is not found in {where}. If it is to be seen there, {remedy}.")
    else:
        first, last = lost.ends
        warn(
            f"The object {lost.name} of the mattes may be taken for another in {where}: the mattes of {first} and "
            f"{last} disagree about it there. {remedy}."
        )


def _certainty(value: float) -> str:
    return f"certainty {value:.2f}"


def _capitalized(text: str) -> str:
    return text[:1].upper() + text[1:]

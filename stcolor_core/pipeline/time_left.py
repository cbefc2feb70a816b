"""An estimate of the time until a running shot is done, from the events of its run and a monotonic clock.

Finished frames alone would mislead: between two keyframes the run first tracks back through all frames and finishes
none, then walks forward and finishes each. So the estimate counts visits of frames, which the run reports as events of
the kind "look". A frame between two keyframes is visited twice, any other once; frames on the way to those that are
written are visited too. The time of a visit that only tracks and of one that colours is measured, and multiplied by
the number of visits to come. Until the first frames are finished, a visit that colours is taken to cost so many times
as much as one that only tracks. Before a frame is coloured the patches that may reach it are carried, one by one and
all their way; such a visit costs about as much as one that colours. A patch that is out of sight for long ends early:
the walks to come are taken to be as long as those that have ended were, or as their way allows.

Frames are visited ahead of being finished, many of them on a computer with many cores. Those under way count as well,
and the time of a frame is then that between two finished ones. A recurrent model refines the frames between two
keyframes on the way back, which finishes them without a visit.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Collection, Iterable
from itertools import accumulate
from statistics import median
from typing import Literal

from stcolor_core.images.frame_ranges import parse_frames
from stcolor_core.models import registry
from stcolor_core.pipeline.events import Event
from stcolor_core.pipeline.planning import plan_spans
from stcolor_core.shots.shot import Shot
from stcolor_core.shots.shot_files import find_frames
from stcolor_core.shots.spans import PatchWalk, Span, plan_patch_walks
from stcolor_core.shots.transitions import Transitions, parse_transitions

__all__ = ["TimeLeft", "time_left_of"]

_MEASURED = 25  # latest visits of a kind; their median ignores a preview or a hiccup in between
_FEWEST = 3  # visits of a kind before their median counts
# Time of a visit that only tracks over one that finishes a frame: 0.14 to 0.22 on a CPU, and more for a recurrent
# model, which tracks by its features. Used until it is measured.
_TRACKING, _TRACKING_RECURRENT = 0.2, 0.6
_REFINING = 0.9  # time to refine a frame on the way back over a visit that matches it and refines it forward
_OUTLIVED = 1.25  # frames that a walk which has passed more than all before it is taken to visit, over those visited
_AHEAD = 2  # frames under way, visited and not finished, if each visit is as long as a frame takes
_BURST = 0.2  # of the longest visit: shorter ones only filled the pipeline
_INTERRUPTED = 5  # visits from which the longest is left out there, since something may have come in between

_Visit = Literal["back", "last", "patch", "other"]


class TimeLeft:
    """The estimate for one run of a shot. The run's thread calls `record`; any thread calls `seconds`."""

    def __init__(
        self,
        spans: Iterable[Span],
        *,
        output_frames: Iterable[int],
        detects_cuts: bool,
        patch_walks: Iterable[PatchWalk] = (),
        recurrent: bool = False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Start the clock.

        Args:
            spans: The spans of the run, as far as they are known.
            output_frames: The frames that the run writes.
            detects_cuts: Whether the run begins by detecting cuts.
            patch_walks: The walks of the shot's patches.
            recurrent: Whether the model's refinement is recurrent.
            clock: Seconds, monotonic.
        """
        self._clock, self._detects_cuts, self._recurrent = clock, detects_cuts, recurrent
        self._visits: dict[int, int] = {}  # frame -> visits to come
        self._span_of: dict[int, Span] = {}
        written = frozenset(output_frames)
        due = [span for span in spans if not written.isdisjoint(span.frames)]
        for span in due:
            self._span_of.update(dict.fromkeys(span.frames, span))
        self._unfinished = set(written.intersection(self._span_of))
        for span in due:
            self._plan_visits(span)
        # frames on the way of each patch that is still to be carried, as far as the last one that is written
        self._ways = {walk: _length(walk, written) for walk in patch_walks}
        self._carried: PatchWalk | None = None  # the patch's walk under way, and how many frames it has visited
        self._visited = 0
        self._ended: list[tuple[int, int]] = []  # frames that a walk visited, and those on its way
        self._kept_in: Span | None = None  # a span in which frames were kept, whose visits must be counted anew
        self._durations: dict[_Visit, deque[float]] = {
            kind: deque(maxlen=_MEASURED) for kind in ("back", "last", "patch", "other")
        }
        self._finishes: deque[float] = deque(maxlen=_MEASURED)  # times between two finished frames
        self._finished_at: float | None = None
        self._visit: _Visit = "other"
        self._since = clock()
        self._last_frame: int | None = None
        # seconds that the current visit takes, when it began, seconds that the rest takes
        self._ahead: tuple[float, float, float] | None = None

    def record(self, event: Event) -> None:
        """Count a visit or a finished frame; other events do not matter.

        Args:
            event: An event of the run.
        """
        if event.frame is None or event.kind not in ("look", "frame"):
            return
        now = self._clock()
        if event.kind == "look":
            self._durations[self._visit].append(now - self._since)
            self._since = now
            if event.patch is None:
                self._end_walk()
                self._visit = self._count_visit(event.frame)
            else:
                self._count_patch_visit(event.patch, event.frame)
                self._visit = "patch"
            if self._visit != "last":  # the next frame is not finished right after the last one
                self._finished_at = None
        else:
            self._detects_cuts = False
            self._measure_finish(event, now)
            self._count_finished(event.frame, kept=event.kept)
        self._ahead = self._seconds_ahead()

    def seconds(self) -> float | None:
        """Return the seconds until the run is done, more than 0; None while too little is known.

        None also if the estimate has run out: the last frames are then being written, which takes its own time.
        """
        if (ahead := self._ahead) is None:
            return None
        current, since, rest = ahead
        return (rest + max(0.0, current - (self._clock() - since))) or None

    def _measure_finish(self, event: Event, now: float) -> None:
        if event.kept or event.frame not in self._span_of:
            self._finished_at = None
            return
        if self._finished_at is not None:
            self._finishes.append(now - self._finished_at)
        self._finished_at = now

    def _count_visit(self, frame: int) -> _Visit:
        """Count a visit and return its kind."""
        if self._detects_cuts:  # which goes forward only, through all frames
            if self._last_frame is None or frame > self._last_frame:
                self._last_frame = frame
                return "other"
            self._detects_cuts = False
        if not self._visits.get(frame):
            return "other"
        if self._kept_in is self._span_of[frame]:
            self._plan_visits(self._kept_in)
            self._kept_in = None
        self._visits[frame] -= 1
        return "back" if self._visits[frame] or frame not in self._unfinished else "last"

    def _count_patch_visit(self, patch: int, frame: int) -> None:
        """Count a visit of a patch's walk. Walks run one after the other, so the one before has ended."""
        self._detects_cuts = False
        walk = next((walk for walk in self._ways if walk.patch == patch and frame in walk.frames), None)
        if walk is not self._carried:
            self._end_walk()
            self._carried = walk
        if walk is not None:
            self._visited = walk.frames.index(frame) + 1

    def _end_walk(self) -> None:
        """Take note of how far the patch was carried whose walk was under way."""
        if self._carried is not None:
            self._ended.append((self._visited, self._ways.pop(self._carried)))
        self._carried, self._visited = None, 0

    def _patch_visits(self) -> float:
        """Return how many visits of patches are to come."""
        early = [visited for visited, way in self._ended if visited < way]
        # a short way that was gone to its end says nothing of a longer one
        whole = sum(visited == way > max(early, default=0) for visited, way in self._ended)

        def rest(way: int, visited: int) -> float:
            """Return the visits to come of a walk by those that have ended, of which some went all their way."""
            far: list[float] = [min(way, each) for each in early if each >= visited]
            far += [way] * whole
            if not far:  # none has ended, or all of them before
                far = [min(way, _OUTLIVED * visited) if early else way]
            return max(0.0, sum(far) / len(far) - visited)

        return sum(rest(way, self._visited if walk is self._carried else 0) for walk, way in self._ways.items())

    def _end_patches(self, frames: Collection[int]) -> None:
        """Count no more patches that may reach any of some frames: they are finished."""
        for walk in [walk for walk in self._ways if walk is not self._carried]:
            if not frozenset(frames).isdisjoint(walk.frames):
                del self._ways[walk]

    def _plan_visits(self, span: Span) -> None:
        """Count the visits to come for the unfinished frames of a span."""
        walks = span.walks(self._unfinished.intersection(span.frames))
        self._visits.update({frame: sum(frame in walk for walk in map(frozenset, walks)) for frame in span.frames})

    def _count_finished(self, frame: int, *, kept: bool) -> None:
        if (span := self._span_of.get(frame)) is None:
            return
        self._unfinished.discard(frame)
        if kept:
            self._kept_in = span
            self._ways = {walk: _length(walk, self._unfinished) for walk in self._ways}
        else:
            self._end_patches((frame,))
        if not kept and self._visits[frame]:  # a cut was detected: the span is walked one way from either end
            for other in span.frames:
                self._visits[other] = max(0, self._visits[other] - 1)
            self._visit = "last"
        if self._unfinished.isdisjoint(span.frames):
            self._end_patches(span.frames)
            self._visits.update(dict.fromkeys(span.frames, 0))

    def _seconds_ahead(self) -> tuple[float, float, float] | None:
        pending = [frame for frame in self._unfinished if not self._visits[frame]]
        costs = self._costs(len(pending))
        if costs is None:
            return None
        back, last, finish = costs
        patch = _typical_visit(self._durations["patch"]) or last
        current = {"back": back, "last": last, "patch": patch, "other": 0.0}[self._visit]
        visits = sum(self._visits.values())
        to_color = sum(self._visits[frame] > 0 for frame in self._unfinished)
        rest = to_color * last + (visits - to_color) * back + self._patch_visits() * patch
        if self._recurrent:  # the frames between two keyframes are finished on the way back
            at_the_end = [frame for frame in self._unfinished if self._span_of[frame].between]
            rest += len(at_the_end) * finish
            pending = [frame for frame in pending if not self._span_of[frame].between]
            if not to_color and at_the_end and not pending:
                current = 0.0
        # one frame is being visited and another one written; more than these are work of their own
        return current, self._since, rest + max(0, len(pending) - _AHEAD) * finish

    def _costs(self, pending: int) -> tuple[float, float, float] | None:
        """Return the seconds of a visit that tracks, of one that colours and of finishing a frame; None if unknown."""
        back = _typical_visit(self._durations["back"])
        last = _typical_visit(self._durations["last"])
        finish = _typical_interval(self._finishes)
        tracking = _TRACKING_RECURRENT if self._recurrent else _TRACKING
        if self._recurrent:
            last = back / tracking if last is None and back is not None else last
            finish = _REFINING * last if finish is None and last is not None else finish
        else:
            if finish is None and pending <= _AHEAD:
                finish = last
            if finish is None and back is not None:
                finish = back / tracking
            last = finish if finish is not None else _typical_visit(self._durations["patch"])
            finish = last
        if last is None or finish is None:
            return None
        return tracking * last if back is None else back, last, finish


def _typical_visit(durations: Collection[float]) -> float | None:
    """Return the typical time of a visit; None if too few are known. Visits that only filled the pipeline are not."""
    longest = sorted(durations)[-1 if len(durations) < _INTERRUPTED else -2 :][:1]
    known = [seconds for seconds in durations if seconds >= _BURST * longest[0]] if longest else []
    return median(known) if len(known) >= _FEWEST else None


def _typical_interval(intervals: Collection[float]) -> float | None:
    """Return the typical time between finished frames, which may come in bursts; None if too few are known."""
    if len(intervals) < _FEWEST:
        return None
    width = max(2, len(intervals) // 4)
    times = list(accumulate(intervals, initial=0.0))
    return median((after - before) / width for before, after in zip(times, times[width:], strict=False))


def _length(walk: PatchWalk, written: Collection[int]) -> int:
    """Return how many frames a walk passes up to the last one that is written."""
    return 1 + max((index for index, frame in enumerate(walk.frames) if frame in written), default=-1)


def time_left_of(shot: Shot, plan: Event) -> TimeLeft:
    """Return an estimate for a run that has just planned. Cuts that it detects itself are not known yet.

    Args:
        shot: The shot.
        plan: The run's event "plan".
    """
    method = shot.method
    transitions = Transitions() if method.cuts == "auto" else parse_transitions(method.cuts)
    frames = list(find_frames(shot.plate))
    return TimeLeft(
        plan_spans(shot, frames, plan.keyframes, transitions),
        output_frames=frames if shot.output.frames is None else parse_frames(shot.output.frames),
        detects_cuts=method.cuts == "auto",
        patch_walks=plan_patch_walks(frames, plan.patches, plan.keyframes, transitions.scene_starts),
        recurrent=registry.is_recurrent(method.model),
    )

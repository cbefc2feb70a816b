"""An estimate of the time until a running shot is done, from the events of its run and a monotonic clock.

Finished frames alone would mislead: between two keyframes the run first tracks back through all frames and finishes
none, then walks forward and finishes each. So the estimate counts visits of frames, which the run reports as events of
the kind "look". A frame between two keyframes is visited twice, any other once; frames on the way to those that are
written are visited too. The time of a visit that only tracks and of one that colours is measured, and multiplied by
the number of visits to come. Before a span is coloured its patches are carried through it; such a visit costs about as
much as one that colours. A patch that is out of sight for long ends early.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Collection, Iterable
from statistics import median
from typing import Literal

from stcolor_core.pipeline.run import Event
from stcolor_core.shots.spans import PatchWalk, Span

__all__ = ["TimeLeft"]

_MEASURED = 25  # latest visits of a kind; their median ignores a preview or a hiccup in between
_FEWEST = 3  # visits of a kind before their median counts
# Time of a visit that only tracks over one that finishes a frame: 0.14 to 0.22 on a CPU. Used until it is measured.
_TRACKING = 0.2
_PENDING = 5  # frames visited for the last time but not finished; a model that refines at the end has more

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
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Start the clock.

        Args:
            spans: The spans of the run, as far as they are known.
            output_frames: The frames that the run writes.
            detects_cuts: Whether the run begins by detecting cuts.
            patch_walks: The walks of the shot's patches.
            clock: Seconds, monotonic.
        """
        self._clock, self._detects_cuts = clock, detects_cuts
        self._visits: dict[int, int] = {}  # frame -> visits to come
        self._span_of: dict[int, Span] = {}
        written = frozenset(output_frames)
        due = [span for span in spans if not written.isdisjoint(span.frames)]
        for span in due:
            self._span_of.update(dict.fromkeys(span.frames, span))
        self._unfinished = set(written.intersection(self._span_of))
        for span in due:
            self._plan_visits(span)
        # visits to come of each patch's walk, which goes as far as its last frame that is written
        self._patch_visits = {walk: _length(walk, written) for walk in patch_walks}
        self._kept_in: Span | None = None  # a span in which frames were kept, whose visits must be counted anew
        self._durations: dict[_Visit, deque[float]] = {
            kind: deque(maxlen=_MEASURED) for kind in ("back", "last", "patch", "other")
        }
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
                self._visit = self._count_visit(event.frame)
            else:
                self._count_patch_visit(event.patch, event.frame)
                self._visit = "patch"
        else:
            self._detects_cuts = False
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

    def _count_visit(self, frame: int) -> _Visit:
        """Count a visit and return its kind."""
        if self._detects_cuts:  # which goes forward only, through all frames
            if self._last_frame is None or frame > self._last_frame:
                self._last_frame = frame
                return "other"
            self._detects_cuts = False
        self._end_patches(self._span_of.get(frame))
        if not self._visits.get(frame):
            return "other"
        if self._kept_in is self._span_of[frame]:
            self._plan_visits(self._kept_in)
            self._kept_in = None
        self._visits[frame] -= 1
        return "back" if self._visits[frame] or frame not in self._unfinished else "last"

    def _count_patch_visit(self, patch: int, frame: int) -> None:
        """Count a visit of a patch's walk. Walks run one after the other, so those before it in the span have ended."""
        self._detects_cuts = False
        for walk in self._patch_visits:
            if walk.patch == patch and frame in walk.frames:
                left = _length(walk, self._unfinished) - walk.frames.index(frame) - 1
                self._patch_visits[walk] = max(0, left)
                return
            if frame != patch and self._span_of.get(walk.frames[0]) is self._span_of.get(frame):
                self._patch_visits[walk] = 0

    def _end_patches(self, span: Span | None) -> None:
        """Count no more visits of patches in a span: it is being coloured, or it is done."""
        if span is not None:
            self._patch_visits.update(
                {walk: 0 for walk in self._patch_visits if self._span_of.get(walk.frames[0]) is span}
            )

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
        elif self._visits[frame]:  # a cut was detected: the span is walked one way from either end
            for other in span.frames:
                self._visits[other] = max(0, self._visits[other] - 1)
            self._visit = "last"
        if self._unfinished.isdisjoint(span.frames):
            self._end_patches(span)
            self._visits.update(dict.fromkeys(span.frames, 0))

    def _seconds_ahead(self) -> tuple[float, float, float] | None:
        pending = sum(not self._visits[frame] for frame in self._unfinished)
        back, last = (
            median(durations) if len(durations := self._durations[kind]) >= _FEWEST else None
            for kind in ("back", "last")
        )
        if last is None or pending > _PENDING:
            return None
        back = _TRACKING * last if back is None else back
        measured = self._durations["patch"]
        patch = median(measured) if len(measured) >= _FEWEST else last
        current = {"back": back, "last": last, "patch": patch, "other": 0.0}[self._visit]
        visits = sum(self._visits.values())
        to_color = sum(self._visits[frame] > 0 for frame in self._unfinished)
        patches = sum(self._patch_visits.values())
        return current, self._since, to_color * last + (visits - to_color) * back + patches * patch


def _length(walk: PatchWalk, written: Collection[int]) -> int:
    """Return how many frames a walk passes up to the last one that is written."""
    return 1 + max((index for index, frame in enumerate(walk.frames) if frame in written), default=-1)

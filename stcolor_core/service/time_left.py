"""How long a running shot will still take, from what its run says and a monotonic clock.

Finished frames alone would mislead: between two keyframes the run first tracks back through all frames and finishes
none, then comes forward and finishes each. So what is counted is looks. A frame between two keyframes is looked at
twice, any other once, and what lies on the way to frames to write is looked at too; how long a look that only tracks
and one that colours take is measured, and what is ahead follows.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable
from statistics import median
from typing import Literal

from stcolor_core.pipeline.run import Event
from stcolor_core.shots.spans import Span

__all__ = ["TimeLeft"]

_MEASURED = 25  # the last looks of a kind; their median forgives a preview or a hiccup in between
_FEWEST = 3  # looks of a kind before it is believed
# Of a look that ends in a frame, what one that only tracks takes: 0.14 to 0.22 on a CPU. Used until it is known.
_TRACKING = 0.2
_WRITTEN_BESIDE = 5  # frames looked at for the last time and not finished; more are of a model that refines at the end

_Look = Literal["back", "last", "other"]


class TimeLeft:
    """Listens to one run of a shot.

    spans: as the run will have them, as far as is known before. wanted: the frames that it writes.
    finds_cuts: whether the run begins by looking for cuts. clock: in seconds, monotonic.
    `hear` belongs to the run's thread, `seconds` to any.
    """

    def __init__(
        self,
        spans: Iterable[Span],
        *,
        wanted: Iterable[int],
        finds_cuts: bool,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._clock, self._finds_cuts = clock, finds_cuts
        self._looks: dict[int, int] = {}
        self._span_of: dict[int, Span] = {}
        written = frozenset(wanted)
        due = [span for span in spans if not written.isdisjoint(span.frames)]
        for span in due:
            self._span_of.update(dict.fromkeys(span.frames, span))
        self._unfinished = set(written.intersection(self._span_of))
        for span in due:
            self._plan(span)
        self._kept_in: Span | None = None  # whose kept frames are not known yet to be passed only
        self._took: dict[_Look, deque[float]] = {kind: deque(maxlen=_MEASURED) for kind in ("back", "last", "other")}
        self._now: _Look = "other"
        self._since = clock()
        self._last_frame: int | None = None
        self._ahead: tuple[float, float, float] | None = None  # for the look begun, since when, for the rest

    def hear(self, event: Event) -> None:
        """Take in a look or a finished frame; anything else says nothing about time."""
        if event.frame is None or event.kind not in ("look", "frame"):
            return
        now = self._clock()
        if event.kind == "look":
            self._took[self._now].append(now - self._since)
            self._since, self._now = now, self._look(event.frame)
        else:
            self._finds_cuts = False
            self._finished(event.frame, kept=event.kept)
        self._ahead = self._seconds_ahead()

    def seconds(self) -> float | None:
        """Until the run is done, 0 or more; None while too little is known."""
        if (ahead := self._ahead) is None:
            return None
        begun, since, rest = ahead
        return rest + max(0.0, begun - (self._clock() - since))

    def _look(self, frame: int) -> _Look:
        """Count a look; what kind it is."""
        if self._finds_cuts:  # these go forward only, through all frames
            if self._last_frame is None or frame > self._last_frame:
                self._last_frame = frame
                return "other"
            self._finds_cuts = False
        if not self._looks.get(frame):
            return "other"
        if self._kept_in is self._span_of[frame]:
            self._plan(self._kept_in)
            self._kept_in = None
        self._looks[frame] -= 1
        return "back" if self._looks[frame] or frame not in self._unfinished else "last"

    def _plan(self, span: Span) -> None:
        """Count the looks that what is not finished of a span will take."""
        walks = span.walks(self._unfinished.intersection(span.frames))
        self._looks.update({frame: sum(frame in walk for walk in map(frozenset, walks)) for frame in span.frames})

    def _finished(self, frame: int, *, kept: bool) -> None:
        if (span := self._span_of.get(frame)) is None:
            return
        self._unfinished.discard(frame)
        if kept:
            self._kept_in = span
        elif self._looks[frame]:  # a cut was found: the span is walked one way from either end
            for each in span.frames:
                self._looks[each] = max(0, self._looks[each] - 1)
            self._now = "last"
        if self._unfinished.isdisjoint(span.frames):
            self._looks.update(dict.fromkeys(span.frames, 0))

    def _seconds_ahead(self) -> tuple[float, float, float] | None:
        looked_at = sum(not self._looks[frame] for frame in self._unfinished)
        back, last = (median(took) if len(took := self._took[kind]) >= _FEWEST else None for kind in ("back", "last"))
        if last is None or looked_at > _WRITTEN_BESIDE:
            return None
        back = _TRACKING * last if back is None else back
        begun = {"back": back, "last": last, "other": 0.0}[self._now]
        looks = sum(self._looks.values())
        to_color = sum(self._looks[frame] > 0 for frame in self._unfinished)
        return begun, self._since, to_color * last + (looks - to_color) * back

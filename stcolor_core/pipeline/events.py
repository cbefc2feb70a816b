"""The events and results of a run, and their delivery to the caller."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Literal

from stcolor_core.errors import Cancelled
from stcolor_core.images.color_presence import ReferenceFlaw
from stcolor_core.remedies import word
from stcolor_core.shots.suggestion import Suggestion

__all__ = ["Event", "FrameResult", "Reporter"]

logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Event:
    """One event of a run, for progress bars, logs and clients.

    Attributes:
        kind: "plan" (the number of frames is known), "input" (a file that is read and its colour space), "look" (a
            plate frame is being read, for cuts or for tracking), "cut" (a new scene begins at a frame, or seems to),
            "dissolve" (one scene changes into the next), "warning", "frame" (a frame is finished), "suggestions" (where
            another keyframe would help most is known) or "done".
        message: One line for the artist, with remedies by name (see `stcolor_core.remedies`); "" if the event needs
            none.
        frame: The frame that the event is about; None if it is about the whole run.
        last: The last frame of a dissolve, whose first is `frame`; None in other events.
        certainty: Of a cut or a dissolve, 0..1. A cut below 0.5 is not treated as one. None in other events.
        path: The file of a finished frame; None in other events.
        done: The number of finished frames.
        total: The number of frames to write.
        keyframes: The frames of the shot's whole keyframes, in the event "plan" only.
        patches: The frames of the shot that have patches, in the event "plan" only.
        stage: In the event "look" only, what the frame is read for: "cuts", "tracking", or "patch", which carries a
            patch to it; "" in other events.
        patch: The frame of that patch; None in other events.
        kept: Whether a finished frame was on disk already.
        subject: Of a "warning" about the reference or matte at `frame`: how the message names it at its beginning, as
            `name_picture` does; "" in any other.
        registered: Of a "warning", whether it says how the reference at `frame` was fitted to the plate.
        flaw: Of a "warning", why the reference at `frame` gives no colour; None in any other.
        confidence: As in `FrameResult`.
        fallback: As in `FrameResult`.
        room: As in `FrameResult`.
        suggestions: Frames for the next keyframes, the best first, in the event "suggestions" only.
    """

    kind: Literal["plan", "input", "look", "cut", "dissolve", "warning", "frame", "done", "suggestions"]
    message: str = ""
    frame: int | None = None
    last: int | None = None
    certainty: float | None = None
    path: str | None = None
    done: int = 0
    total: int = 0
    keyframes: tuple[int, ...] = ()
    patches: tuple[int, ...] = ()
    stage: Literal["", "cuts", "tracking", "patch"] = ""
    patch: int | None = None
    kept: bool = False
    subject: str = ""
    registered: bool = False
    flaw: ReferenceFlaw | None = None
    confidence: float | None = None
    fallback: float | None = None
    room: float | None = None
    suggestions: tuple[Suggestion, ...] = ()


@dataclass(frozen=True)
class FrameResult:
    """A finished frame.

    Attributes:
        frame: The frame's number.
        path: The frame's file.
        kept: Whether the frame was on disk and stays, because it is valid or somebody's own work. Its confidence is
            then the one in the file.
        confidence: Mean over the frame, 0..1; None if a kept file does not hold one.
        fallback: Share of grid positions, 0..1, whose track was lost and had to be guessed; None for a kept frame.
        room: How much colour the plate's frame can hold, as `color_room` has it; None if a kept file does not say.
    """

    frame: int
    path: Path
    kept: bool
    confidence: float | None
    fallback: float | None
    room: float | None = None


class Reporter:
    """Counts a run's frames, delivers its events in the caller's thread, and stops the run when it is cancelled.

    Args:
        report: Called with every event.
        cancelled: Asked before every frame; True cancels the run.

    Attributes:
        finished: The finished frames.
        total: The number of frames to write.
    """

    def __init__(self, report: Callable[[Event], None], cancelled: Callable[[], bool]) -> None:
        self._report, self._cancelled = report, cancelled
        self._warnings: SimpleQueue[Event] = SimpleQueue()
        self.finished: set[int] = set()
        self.total = 0

    @property
    def done(self) -> int:
        """Return the number of finished frames."""
        return len(self.finished)

    def warn(self, message: str) -> None:
        """Queue a warning, from any thread; it is reported before the next event, in the caller's thread.

        Args:
            message: One line for the artist.
        """
        self.queue(Event(kind="warning", message=message))

    def queue(self, warning: Event) -> None:
        """Queue a warning that says more than its message, as `warn` does.

        Args:
            warning: The event.
        """
        logger.info(word(warning.message))
        self._warnings.put(warning)

    def report(self, event: Event) -> None:
        """Report an event, after the warnings that are queued.

        Args:
            event: The event.
        """
        self.report_warnings()
        self._report(event)

    def report_warnings(self) -> None:
        """Report the warnings that are queued."""
        with suppress(Empty):
            while True:
                self._report(self._warnings.get_nowait())

    def report_look(self, frame: int, *, patch: int | None = None) -> None:
        """Report that a plate frame is being read.

        Args:
            frame: The frame's number.
            patch: The frame of the patch that is carried to it; None if there is none.

        Raises:
            Cancelled: If the run is cancelled.
        """
        self._look(frame, "tracking" if patch is None else "patch", patch)

    def looks(self, frames: Iterable[int]) -> Iterator[int]:
        """Yield frames, and report each before it is read for the search of scene cuts.

        Args:
            frames: Frames of the plate.
        """
        for frame in frames:
            self._look(frame, "cuts", None)
            yield frame

    def _look(self, frame: int, stage: Literal["cuts", "tracking", "patch"], patch: int | None) -> None:
        self.raise_if_cancelled()
        self.report(Event(kind="look", frame=frame, stage=stage, patch=patch, done=self.done, total=self.total))

    def report_frame(self, result: FrameResult) -> FrameResult:
        """Count a finished frame and report it.

        Args:
            result: The finished frame.

        Returns:
            The same frame.
        """
        self.finished.add(result.frame)
        self.report(
            Event(
                kind="frame",
                frame=result.frame,
                path=str(result.path),
                done=self.done,
                total=self.total,
                kept=result.kept,
                confidence=result.confidence,
                fallback=result.fallback,
                room=result.room,
            )
        )
        return result

    def raise_if_cancelled(self) -> None:
        """Stop the run if the caller has cancelled it.

        Raises:
            Cancelled: If it is cancelled.
        """
        if self._cancelled():
            raise self.cancelled()

    def cancelled(self) -> Cancelled:
        """Return the error of a run that is cancelled, which counts the frames that are finished by now."""
        return Cancelled(
            f"Cancelled after {self.done} of {self.total} frames. Finished frames are kept; run again to continue."
        )

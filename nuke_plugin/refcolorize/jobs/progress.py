"""The progress of a job, from the core's answers to a line for the artist. Without Nuke and without a network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..plurals import count_of, noun_of

__all__ = [
    "ASKS_ABOUT_KEYS",
    "PAUSED",
    "REASONS",
    "Progress",
    "confidence_curve",
    "describe_colorless",
    "duration",
    "time_left",
    "waits_in_queue",
]

ASKS_ABOUT_KEYS = "waiting for an answer about keyframes without colour"
"""What happens while the artist is asked whether to go on although keyframes have no colour."""

REASONS = {"no_color": "has no colour", "plate": "is the plate itself"}
"""Why the reference of a keyframe gives no colour, by the core's words, to follow "ref"."""

PAUSED = "the queue is paused. Press Continue queue on the core's page"
"""Why a queued shot does not begin, and what to do."""

_FEW_SECONDS = 2.0  # below this, the estimate is no longer a number


@dataclass
class Progress:
    """The last known state of a job.

    Attributes:
        name: What the job makes, for example "v001".
        state: "starting", or the core's "queued", "running", "done", "failed" or "cancelled".
        done: Number of finished frames.
        total: Number of frames; 0 until the core says.
        earlier: Number of frames on disk that are from an earlier run, as the job was cancelled before it came to them.
        seconds_left: The core's estimate; None if there is none yet.
        looking: The frame that the core tracks before it colours; None if it tracks none.
        is_paused: Whether the job is queued and the queue is paused.
        is_stopping: Whether the artist has cancelled it, and it ends after the frame that it is at.
        waits_for_core: Whether it cannot go on without a core, and the artist is asked whether to start one.
        preparing: What happens before the core is asked, if it is more than looking for the core; "" for nothing.
        error: Why the job failed, or why it does not go on for now; "" for no error.
        goes_on: Whether the core was stopped, and will go on with the job when it runs again.
        notes: Remarks on the core and the script, added to the line.
        notice: A remark on the inputs, made before the core was asked.
        after: Number of the last event received.
        warnings: Warnings of the job's last run.
    """

    name: str
    state: str = "starting"
    done: int = 0
    total: int = 0
    earlier: int = 0
    seconds_left: float | None = None
    looking: int | None = None
    is_paused: bool = False
    is_stopping: bool = False
    waits_for_core: bool = False
    preparing: str = ""
    error: str = ""
    goes_on: bool = False
    notes: list[str] = field(default_factory=list)
    notice: str = ""
    after: int = 0
    warnings: list[str] = field(default_factory=list)

    @property
    def ended(self) -> bool:
        """Return whether the job has ended."""
        return self.state in ("done", "failed", "cancelled")

    @property
    def percent(self) -> int:
        """Return the finished share of the frames, 0..100."""
        return 100 * self.done // self.total if self.total else 0

    def update(self, job: Mapping[str, Any], events: list[Mapping[str, Any]]) -> list[int]:
        """Take over the core's answer.

        Args:
            job: The job, as the service's JSON.
            events: The events since the last one received, as the service's JSON.

        Returns:
            The frames that finished since the last call.
        """
        self.state, self.done, self.total = job["state"], job["done"], job["total"]
        self.seconds_left, self.looking, self.error = job["seconds_left"], job["looking"], job["error"] or ""
        frames: list[int] = []
        for event in events:
            self.after = event["number"]
            if event["kind"] == "queued" and not event["message"]:  # a new run begins here
                self.warnings.clear()
                frames.clear()
            elif event["kind"] == "warning":
                self.warnings.append(event["message"])
            elif event["kind"] == "frame":
                frames.append(event["frame"])
        return frames

    def add_note(self, text: str) -> None:
        """Add a remark to the line, once.

        Args:
            text: A sentence; "" adds nothing.
        """
        if text and text not in self.notes:
            self.notes.append(text)

    def describe(self) -> str:
        """Return one line for the artist. Warnings are counted while the job runs, and listed when it has ended."""
        warnings = list(dict.fromkeys(self.warnings))
        count = len(warnings)
        counted = f" ({count_of(count, 'warning')})" if warnings and not self.ended else ""
        remarks = [text.rstrip(".") for text in (*(warnings if self.ended else ()), *self.notes, self.notice) if text]
        state = self._describe_state()  # the core's error ends in a full stop
        return ". ".join([f"{state.rstrip('.') if remarks else state}{counted}", *remarks])

    def _describe_state(self) -> str:
        if self.is_stopping and not self.ended:
            at = (
                f" after this frame, {self.done} of {self.total} are done"
                if self.state == "running" and self.total
                else ""
            )
            return f"{self.name}: stopping{at}"
        if self.waits_for_core and not self.ended:
            return f"{self.name}: waiting for the core, which does not run. Press Start core in the dialog, or Cancel"
        if self.state == "starting":
            return f"{self.name}: {self.preparing or 'looking for the core'}"
        if self.error and not self.ended:  # the core pauses the job and says why
            return f"{self.name}: {self.error.rstrip('.')}"
        if self.state == "queued":
            return f"{self.name}: {PAUSED if self.is_paused else 'waiting in the queue'}"
        if self.state == "done":
            return f"{self.name} is done: {count_of(self.total, 'frame')}"
        if self.state == "cancelled" and not self.total and self.error:
            return self.error
        if self.state == "cancelled":
            return f"{self.name} was cancelled{self._describe_kept()}"
        if self.state == "failed":
            return f"{self.name}{'' if self.goes_on else ' failed'}: {self.error}"
        if not self.done:
            return f"{self.name}: looking at the plate{'' if self.looking is None else f', frame {self.looking}'}"
        left = "" if self.seconds_left is None else f", {time_left(self.seconds_left, frames=self.total - self.done)}"
        return f"{self.name}: frame {self.done} of {self.total}{left}"

    def _describe_kept(self) -> str:
        """Return what is on disk after a cancel, to follow "was cancelled"."""
        if not self.earlier:
            return f": {self.done} of {self.total} frames are kept" if self.total else " before its first frame"
        is_are = "is" if self.earlier == 1 else "are"
        if not self.done:
            return f" before its first frame: {count_of(self.earlier, 'frame')} {is_are} there from before"
        return f": {self.done} of {self.total} frames are done, {self.earlier} more {is_are} there from before"


def describe_colorless(frames: Sequence[int]) -> str:
    """Return what the artist reads of keyframes without colour, and the remedy, without the last full stop.

    Args:
        frames: The keyframes, at least one, in ascending order.
    """
    numbers = ", ".join(map(str, frames))
    noun, verb = noun_of(len(frames), "keyframe"), "has" if len(frames) == 1 else "have"
    return f"{noun.capitalize()} {numbers} {verb} no colour. Paint ref there, or switch the {noun} off"


def waits_in_queue(job: Mapping[str, Any]) -> bool:
    """Return whether a job is a queued shot, which a paused queue holds up; previews go on.

    Args:
        job: The job, as the service's JSON.
    """
    return bool(job["state"] == "queued" and job["kind"] != "preview")


def time_left(seconds: float, *, frames: int) -> str:
    """Return the rest of a job's time in words: 40 s left, 3 min left. After the last frame it is "finishing".

    Args:
        seconds: The core's estimate, 0 or more. It stays at 0 while the last frames are written.
        frames: How many frames are not written yet.
    """
    if not frames:
        return "finishing"
    return f"{duration(seconds)} left" if seconds >= _FEW_SECONDS else "a few seconds left"


def duration(seconds: float) -> str:
    """Return a rounded time: 40 s, 3 min, 1 h 20 min.

    Args:
        seconds: 0 or more.
    """
    if seconds < 59.5:
        return f"{max(1, round(seconds))} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def confidence_curve(frames: Mapping[str, Any] | None) -> tuple[tuple[int, float], ...]:
    """Return (frame, confidence 0..1) for each frame that has a confidence, in frame order.

    Args:
        frames: The service's answer for a job's frames; None for no answer.
    """
    rows = frames["frames"] if frames else ()
    return tuple((frame["frame"], frame["confidence"]) for frame in rows if frame["confidence"] is not None)

"""How a job stands, from what the core says of it, and in words. No Nuke, no network."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

__all__ = ["Progress", "confidence_curve", "duration"]


@dataclass
class Progress:
    """A job as far as it is known.

    name: what is made, as "v001". state: starting, or the core's queued, running, done, failed, cancelled. after: the
    number of the last event that was heard. warnings: of the job's last run. note: what the artist should know besides.
    notice: what was noticed before the core was asked.
    """

    name: str
    state: str = "starting"
    done: int = 0
    total: int = 0
    seconds_left: float | None = None
    looking: int | None = None
    error: str = ""
    note: str = ""
    notice: str = ""
    after: int = 0
    warnings: list[str] = field(default_factory=list)

    @property
    def ended(self) -> bool:
        """Whether nothing more will happen."""
        return self.state in ("done", "failed", "cancelled")

    @property
    def percent(self) -> int:
        """How much is done, 0..100."""
        return 100 * self.done // self.total if self.total else 0

    def take(self, job: Mapping[str, Any], events: list[Mapping[str, Any]]) -> list[int]:
        """Hear the core's answer; the frames that are finished since."""
        self.state, self.done, self.total = job["state"], job["done"], job["total"]
        self.seconds_left, self.looking, self.error = job["seconds_left"], job["looking"], job["error"] or ""
        frames: list[int] = []
        for event in events:
            self.after = event["number"]
            if event["kind"] == "queued" and not event["message"]:  # here a run of its own begins
                self.warnings.clear()
                frames.clear()
            elif event["kind"] == "warning":
                self.warnings.append(event["message"])
            elif event["kind"] == "frame":
                frames.append(event["frame"])
        return frames

    def words(self) -> str:
        """One line for the artist; of warnings only the number until the end, then each."""
        warnings = list(dict.fromkeys(self.warnings))
        count = len(warnings)
        warned = f" ({count} warning{'s' * (count != 1)})" if warnings and not self.ended else ""
        more = [text.rstrip(".") for text in (*(warnings if self.ended else ()), self.note, self.notice) if text]
        return ". ".join([f"{self._standing()}{warned}", *more])

    def _standing(self) -> str:
        if self.state == "starting":
            return f"{self.name}: looking for the core"
        if self.error and not self.ended:  # nothing goes on for now, and the core says why
            return f"{self.name}: {self.error.rstrip('.')}"
        if self.state == "queued":
            return f"{self.name}: waiting in the queue"
        if self.state == "done":
            return f"{self.name} is done: {self.total} frame{'s' * (self.total != 1)}"
        if self.state == "cancelled":
            return f"{self.name} was cancelled: {self.done} of {self.total} frames are kept"
        if self.state == "failed":
            return f"{self.name} failed: {self.error}"
        if not self.done:
            return f"{self.name}: looking at the plate{'' if self.looking is None else f', frame {self.looking}'}"
        left = "" if self.seconds_left is None else f", {duration(self.seconds_left)} left"
        return f"{self.name}: frame {self.done} of {self.total}{left}"


def duration(seconds: float) -> str:
    """A time a person can plan with: 40 s, 3 min, 1 h 20 min."""
    if seconds < 59.5:
        return f"{max(1, round(seconds))} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def confidence_curve(frames: Mapping[str, Any] | None) -> tuple[tuple[int, float], ...]:
    """(frame, confidence 0..1) of the frames that have one, in frame order."""
    found = frames["frames"] if frames else ()
    return tuple((frame["frame"], frame["confidence"]) for frame in found if frame["confidence"] is not None)

"""The farm engines that the core's program makes jobs for."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["DEADLINE_ONLY", "ENGINES", "Engine"]

DEADLINE_ONLY = ("comment", "timeout", "views", "proxy", "continue_on_error")


@dataclass(frozen=True)
class Engine:
    """Whose job is made. title: for people. command: of `stcolor farm`. submits: it can be handed over from here.

    has: the names in Wanted, among those that not every engine knows, that this one does.
    """

    title: str
    command: str
    submits: bool
    has: tuple[str, ...]


ENGINES = {
    "openjd": Engine("OpenJD bundle", "openjd", False, ("gpus", "priority", "nuke")),
    "deadline-cloud": Engine("Deadline Cloud", "openjd", True, ("gpus", "priority", "nuke")),
    "deadline": Engine(
        "Deadline 10", "deadline", True, ("handles", "priority", "pool", "secondary_pool", "group", *DEADLINE_ONLY)
    ),
    "opencue": Engine("OpenCue", "opencue", True, ("gpus", "priority", "show", "nuke")),
}

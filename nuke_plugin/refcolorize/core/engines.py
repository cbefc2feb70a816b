"""The farm engines that the core's program makes jobs for."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["DEADLINE_ONLY", "ENGINES", "Engine"]

DEADLINE_ONLY = ("comment", "timeout", "views", "proxy", "continue_on_error")


@dataclass(frozen=True)
class Engine:
    """Whose job is made. title: for people. command: of `stcolor farm`. submits: it can be handed over from here.

    has: the names in Wanted, among those that not every engine knows, that this one does.
    hint: what will happen, for the dialog.
    """

    title: str
    command: str
    submits: bool
    has: tuple[str, ...]
    hint: str


ENGINES = {
    "openjd": Engine(
        "OpenJD bundle",
        "openjd",
        False,
        ("gpus", "priority", "nuke"),
        "Writes a bundle that any Open Job Description scheduler runs. Nothing is submitted.",
    ),
    "deadline-cloud": Engine(
        "Deadline Cloud",
        "openjd",
        True,
        ("gpus", "priority", "nuke"),
        "Writes the bundle and submits it by `deadline bundle submit`, with your login.",
    ),
    "deadline": Engine(
        "Deadline 10",
        "deadline",
        True,
        ("handles", "priority", "pool", "secondary_pool", "group", *DEADLINE_ONLY),
        "Writes the job files and submits them by `deadlinecommand`.",
    ),
    "opencue": Engine(
        "OpenCue",
        "opencue",
        True,
        ("gpus", "priority", "show", "nuke"),
        "Writes the outline and launches it by opencue-pyoutline.",
    ),
}
"""The engines that the farm dialog offers. A new engine is a new row (docs/develop/recipes.md)."""

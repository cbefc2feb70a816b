"""The render farm engines that `stcolor farm` writes jobs for."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["ENGINES", "JOB_OPTIONS", "Engine"]

JOB_OPTIONS = ("comment", "timeout", "views", "proxy", "continue_on_error")
"""The options that every job of `stcolor farm` has."""


@dataclass(frozen=True)
class Engine:
    """A farm engine.

    Attributes:
        title: The name that the artist sees.
        command: The subcommand of `stcolor farm`.
        submits: Whether the plug-in can submit the job; otherwise it only writes a bundle.
        has: The fields of `SubmitOptions` that this engine supports, of those that not every engine supports.
        hint: What submitting does, for the dialog.
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
        ("gpus", "priority", "nuke", *JOB_OPTIONS),
        "Writes a bundle that any Open Job Description scheduler can run. Nothing is submitted.",
    ),
    "deadline-cloud": Engine(
        "Deadline Cloud",
        "openjd",
        True,
        ("gpus", "priority", "nuke", *JOB_OPTIONS),
        "Writes the bundle and submits it with `deadline bundle submit`, under your login.",
    ),
    "deadline": Engine(
        "Deadline 10",
        "deadline",
        True,
        ("handles", "priority", "pool", "secondary_pool", "group", *JOB_OPTIONS),
        "Writes the job files and submits them with `deadlinecommand`.",
    ),
    "opencue": Engine(
        "OpenCue",
        "opencue",
        True,
        ("gpus", "priority", "show", "facility", "nuke", *JOB_OPTIONS),
        "Writes the outline and launches it with opencue-pyoutline.",
    ),
}
"""The engines that the farm dialog offers. A new engine is a new row (docs/develop/recipes.md)."""

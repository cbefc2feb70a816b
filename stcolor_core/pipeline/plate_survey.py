"""A look through the plate of a shot, to find out where keyframes would help. Colours nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import cached_property, partial

from stcolor_core.errors import Cancelled
from stcolor_core.files.stat_cache import StatCache
from stcolor_core.pipeline.events import Event, Reporter
from stcolor_core.pipeline.footage import ShotFootage
from stcolor_core.pipeline.inputs import ShotInputs
from stcolor_core.pipeline.keyframes_at_cuts import put_quietly
from stcolor_core.pipeline.plate_scenes import PlateScene, split_scenes
from stcolor_core.pipeline.reference_flaws import ReferenceFlaws
from stcolor_core.pipeline.reference_reports import leave_out_idle
from stcolor_core.pipeline.transition_search import find_cuts_between, find_transitions
from stcolor_core.shots.shot import Shot
from stcolor_core.shots.transitions import Transitions

__all__ = ["PlateSurvey"]


class PlateSurvey:
    """A shot whose plate is being looked at.

    Args:
        shot: The shot; it needs no reference.
        report: Called with every event.
        cancelled: Asked before every frame that is read.

    Attributes:
        shot: The shot.
        inputs: The shot's files.
        cache: The cache of what was found in earlier looks.
        footage: The shot's pictures.
        flaws: Finds the references that give no colour.
        reporter: Passes events on.
        cancelled: As given.

    Raises:
        StcolorError: If a file is missing or damaged, or its colour space is unknown.
    """

    def __init__(self, shot: Shot, report: Callable[[Event], None], cancelled: Callable[[], bool]) -> None:
        self.shot, self.cache, self.cancelled = shot, StatCache(), cancelled
        self.reporter = Reporter(report, lambda: False)
        self.inputs = ShotInputs(shot, warn=self.reporter.warn, cache=self.cache)
        self.flaws = ReferenceFlaws(shot, self.inputs, self.cache)
        leave_out_idle(self.reporter, self.flaws, self.inputs.references)
        self.footage = ShotFootage(
            shot, self.inputs, use_instances=False, detector=None, warn=self.reporter.warn, flaws=self.flaws
        )
        if shot.method.register != "off":
            search = partial(find_cuts_between, looks=self._looks, cache=self.cache, check=self._raise_if_cancelled)
            put_quietly(shot, self.inputs, self.flaws, self.cache, search)

    def look(self, frame: int) -> None:
        """Report that a frame is about to be read.

        Args:
            frame: The frame's number.

        Raises:
            Cancelled: If `cancelled` returns True.
        """
        self._raise_if_cancelled()
        self.reporter.report_look(frame)

    @cached_property
    def transitions(self) -> Transitions:
        """Return the cuts and dissolves of the plate."""
        return find_transitions(
            self.shot,
            self.inputs,
            self.footage,
            frozenset(self.footage.frames),
            looks=self._looks,
            check=self._raise_if_cancelled,
            cache=self.cache,
        )

    def scenes(self) -> list[PlateScene]:
        """Return the shot's scenes."""
        return split_scenes(list(self.footage.frames), self.transitions)

    def _looks(self, frames: Iterable[int]) -> Iterator[int]:
        for frame in self.reporter.looks(frames):
            self._raise_if_cancelled()
            yield frame

    def _raise_if_cancelled(self) -> None:
        if self.cancelled():
            raise Cancelled("Cancelled. Nothing was planned.")

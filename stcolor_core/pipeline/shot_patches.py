"""The patches of a shot: how far each is carried, and the colours that it brings to the frames of a span."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import closing
from functools import partial

import numpy as np

from stcolor_core.files.scratch import Scratch
from stcolor_core.method.patches import PatchColor, cut_to_reach
from stcolor_core.method.propagation import Propagator
from stcolor_core.pipeline.events import Reporter
from stcolor_core.pipeline.footage import ShotFootage
from stcolor_core.shots.spans import PatchWalk, Span, plan_patch_walks

__all__ = ["ShotPatches"]


class ShotPatches:
    """The patches of one run.

    Attributes:
        walks: How each patch is carried through the shot; empty until `plan` is called.
    """

    def __init__(self, footage: ShotFootage, reporter: Reporter) -> None:
        """Take what the patches are coloured with.

        Args:
            footage: The shot's footage.
            reporter: The run's reporter.
        """
        self._footage, self._reporter = footage, reporter
        self.walks: list[PatchWalk] = []

    def plan(self, cuts: Iterable[int]) -> None:
        """Plan how far each patch is carried.

        Args:
            cuts: First frames of the shot's scenes.
        """
        footage = self._footage
        self.walks = plan_patch_walks(list(footage.frames), footage.patches, footage.references, cuts)

    def walks_to(self, span: Span) -> list[PatchWalk]:
        """Return the walks of patches that pass a span.

        Args:
            span: The span.
        """
        frames = frozenset(span.frames)
        return [walk for walk in self.walks if not frames.isdisjoint(walk.frames)]

    def color(
        self, span: Span, propagator: Propagator, scratch: Scratch, *, wanted: Collection[int]
    ) -> Callable[[int], list[str]]:
        """Return a function that colours what patches reach of a frame of a span.

        A patch is carried once the first frame that it may reach is asked for: asked in time order, the frames before a
        patch wait only for the patches that are carried back to them.

        Args:
            span: The span.
            propagator: Carries colour.
            scratch: Where the colours are saved, those of later frames too.
            wanted: The frames that are coloured.

        Returns:
            Given a frame's number, it returns the names under which the colours of that frame are saved.
        """
        saved: dict[int, list[str]] = {}
        waiting = dict(enumerate(self.walks_to(span)))

        def color_frame(frame: int) -> list[str]:
            for number, walk in list(waiting.items()):
                if frame in walk.frames:
                    name = f"patch{number}"
                    for reached in self._carry(walk, name, propagator, scratch, wanted=wanted):
                        saved.setdefault(reached, []).append(name)
                    del waiting[number]
            return saved.pop(frame, [])

        return color_frame

    def _carry(
        self, walk: PatchWalk, name: str, propagator: Propagator, scratch: Scratch, *, wanted: Collection[int]
    ) -> Iterator[int]:
        """Carry a patch and save its colours; yield the frames that it reaches."""
        colors = propagator.patches.color(
            walk,
            self._footage,
            scratch,
            wanted=wanted,
            overruling=set(self._footage.patches).intersection(walk.frames),
            on_read=partial(self._reporter.report_look, patch=walk.patch),
        )
        with closing(colors):
            for color in colors:
                scratch.save(name, color.frame, color)
                yield color.frame

    def own(self, frame: int) -> Iterator[PatchColor]:
        """Yield the patch of a frame that has one, on that frame.

        Args:
            frame: The frame.
        """
        if frame in self._footage.patches:
            patch = self._footage.patch_keyframe(frame)
            assert patch.weight is not None
            certainty = np.ones_like(patch.weight) if patch.certainty is None else patch.certainty
            yield cut_to_reach(frame, frame, patch.ab, certainty, patch.weight, patch.weight)

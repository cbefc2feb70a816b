"""The patches of a shot: how far each is carried, and the colours that it brings to the frames of a span."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
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
    ) -> dict[int, list[str]]:
        """Colour what patches reach of a span and save it.

        Args:
            span: The span.
            propagator: Carries colour.
            scratch: Where it is saved.
            wanted: The frames that are coloured.

        Returns:
            The names under which it is saved, by frame.
        """
        saved: dict[int, list[str]] = {}
        for number, walk in enumerate(self.walks_to(span)):
            name = f"patch{number}"
            overruling = set(self._footage.patches).intersection(walk.frames)
            colors = propagator.patches.color(
                walk,
                self._footage,
                scratch,
                wanted=wanted,
                overruling=overruling,
                on_read=partial(self._reporter.report_look, patch=walk.patch),
            )
            with closing(colors):
                for color in colors:
                    scratch.save(name, color.frame, color)
                    saved.setdefault(color.frame, []).append(name)
        return saved

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

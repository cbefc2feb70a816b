"""The frames at which references were given: references made ready for a walk, their own frames coloured.

See docs/method.md, "Spans, stills and cuts".
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch

from stcolor_core.method.assembling import make_colored
from stcolor_core.method.colored_frame import ColoredFrame
from stcolor_core.method.footage import Footage
from stcolor_core.method.matching import Matching
from stcolor_core.method.references import Keyframe, PreparedReference
from stcolor_core.method.refinement import Evidence, Refined, Refinement, WalkState
from stcolor_core.method.tracking.tracks import Tracks
from stcolor_core.method.tracking.walk import View

__all__ = ["ReferenceFrames"]


class ReferenceFrames:
    """Prepares references and colours the frames that they were given for. Holds no state between calls."""

    def __init__(self, matching: Matching, refinement: Refinement) -> None:
        """Combine what finds the evidence for a colour with what decides on one.

        Args:
            matching: The matching of frames with references.
            refinement: The refinement.
        """
        self._matching, self._refinement = matching, refinement

    @torch.no_grad()
    def color(self, frame: int, footage: Footage) -> ColoredFrame:
        """Return a reference's frame, its unknown part coloured from its known part by features.

        Known pixels keep their colour, with confidence 1 or the keyframe's certainty. A keyframe that shows another
        frame, or none, colours this one like any other.

        Args:
            frame: Frame number of the reference.
            footage: The shot's pictures.
        """
        keyframe = footage.keyframe(frame)
        if keyframe.approach or keyframe.is_still:
            return self._arrive(frame, keyframe, footage)[1]
        reference = self._matching.prepare_reference(frame, keyframe)
        evidence, refined = self._refine_from_itself(reference)
        known = np.ones(refined.confidence.shape, bool) if reference.known is None else reference.known
        certainty = 1.0 if reference.certainty is None else reference.certainty
        colored = make_colored(frame, evidence, refined, [reference], ())
        return replace(
            colored,
            ab=np.where(known[..., None], reference.ab, refined.ab),
            confidence=np.where(known, np.float32(certainty), refined.confidence),
            tracked=known.astype(np.float32),
            mattes=reference.view.instances,
        )

    @torch.no_grad()
    def prepare(self, frame: int, footage: Footage) -> PreparedReference:
        """Return a reference that is ready for a walk, its unknown pixels coloured by features from its known ones.

        Those pixels contribute little: flow that leads to them counts as occluded.

        Args:
            frame: Frame number of the reference.
            footage: The shot's pictures.
        """
        keyframe = footage.keyframe(frame)
        if keyframe.is_still:
            colored = self._arrive(frame, keyframe, footage)[1]
            own = Keyframe(colored.lightness, colored.ab, footage.instances(frame), certainty=colored.confidence)
            return self._matching.prepare_reference(frame, own)
        if keyframe.approach:
            reference, _, departure = self._arrive(frame, keyframe, footage)
            return replace(reference, departure=departure)
        return self._complete(self._matching.prepare_reference(frame, keyframe))

    def _complete(self, reference: PreparedReference) -> PreparedReference:
        """Colour a reference's unknown pixels by features from its known ones."""
        if reference.known is None or reference.known.all():
            return reference
        _, refined = self._refine_from_itself(reference)
        certainty = 1.0 if reference.certainty is None else reference.certainty
        return replace(
            reference,
            ab=np.where(reference.known[..., None], reference.ab, refined.ab),
            certainty=np.where(reference.known, np.float32(certainty), refined.confidence),
        )

    def _arrive(
        self, frame: int, keyframe: Keyframe, footage: Footage
    ) -> tuple[PreparedReference, ColoredFrame, tuple[View, WalkState]]:
        """Colour the frame at which a keyframe was given from the frame that it shows, or from a still.

        Returns the reference, which keeps the number of its own frame, the coloured frame, and its view with the state
        of a walk that goes on from it.
        """
        reference = self._complete(self._matching.prepare_reference(None if keyframe.is_still else frame, keyframe))
        view = self._matching.make_view(footage.lightness(frame), footage.instances(frame))
        tracks: list[Tracks] = []
        if keyframe.approach:
            walk = self._matching.start_walk(reference)
            for between in keyframe.approach[:-1]:
                walk.advance(self._matching.make_view(footage.lightness(between), footage.instances(between)))
            tracks = [walk.advance(view)]
        evidence = self._matching.collect_evidence(frame, view, [reference], tracks)
        refined = self._refinement.refine(evidence, None)
        colored = make_colored(frame, evidence, refined, [reference], tracks)
        return reference, replace(colored, mattes=view.instances), (view, refined.state)

    def _refine_from_itself(self, reference: PreparedReference) -> tuple[Evidence, Refined]:
        """Colour a reference's own frame from its known pixels, by features alone."""
        assert reference.frame is not None
        evidence = self._matching.collect_evidence(reference.frame, reference.view, [reference], [])
        return evidence, self._refinement.refine(evidence, None)

"""Carry a patch away from its frame: track its surface, colour what it reaches, give it up once it is out of sight."""

from __future__ import annotations

from collections.abc import Callable, Collection, Generator, Iterator
from dataclasses import replace
from itertools import pairwise
from typing import NamedTuple, Protocol

import numpy as np
import torch

from stcolor_core.arrays import Mask, Plane
from stcolor_core.files.scratch import Scratch
from stcolor_core.images.surfaces import is_in_gamut
from stcolor_core.method.assembling import make_unfused
from stcolor_core.method.footage import Footage
from stcolor_core.method.fusion import Unfused, find_neighbours, fuse, gather_neighbours
from stcolor_core.method.matching import Matching
from stcolor_core.method.patches import PatchColor, cut_to_reach, find_gaps, find_reach, remove_overruled, yield_to
from stcolor_core.method.references import Keyframe
from stcolor_core.method.refinement import Refinement
from stcolor_core.method.span_walk import SpanTask, SpanWalk
from stcolor_core.method.tracking.flow import sample
from stcolor_core.shots.spans import PatchWalk, Span

__all__ = ["PatchCarrier", "PatchedFootage"]

_BEYOND = 0.5  # share of what a flow vector leads to: from there on it is colour that Rec.709 cannot show
_IN_SIGHT = 0.05  # a patch that reaches no pixel by more than this is out of sight
_LONG_OUT_OF_SIGHT = 48  # frames after which a patch is given up


class PatchedFootage(Footage, Protocol):
    """The pictures of a shot that may have patches."""

    def patch_keyframe(self, frame: int) -> Keyframe:
        """Return the patches at a frame as one keyframe with a weight.

        Args:
            frame: Frame number of the patches.
        """

    def patch_cover(self, frame: int) -> Mask:
        """Return where the patches at a frame cover the plate at working size, shape (H, W), bool.

        Every walk that passes the frame asks, so that it must cost little.

        Args:
            frame: Frame number of the patches.
        """


class _CarriedPatch(NamedTuple):
    """A frame coloured from a patch; the rest as in `PatchColor`."""

    unfused: Unfused
    reach: Plane
    claim: Plane
    gaps: Mask
    in_gamut: Mask


class PatchCarrier:
    """Carries patches with one model, frame by frame along their walks.

    Args:
        matching: Finds the evidence for each colour of a frame.
        refinement: Mixes the colours.
        span_walk: Tracks from frame to frame.
    """

    def __init__(self, matching: Matching, refinement: Refinement, span_walk: SpanWalk) -> None:
        self._matching, self._refinement, self._walk = matching, refinement, span_walk

    @torch.no_grad()
    def color(
        self,
        walk: PatchWalk,
        footage: PatchedFootage,
        scratch: Scratch,
        *,
        wanted: Collection[int],
        overruling: Collection[int] = (),
        on_read: Callable[[int], None] = lambda _: None,
    ) -> Generator[PatchColor, None, None]:
        """Carry a patch away from its frame and colour what it reaches.

        The choice of wanted frames changes no pixel.

        Args:
            walk: The patch and its way.
            footage: The shot's pictures.
            scratch: Temporary storage.
            wanted: Frame numbers; those that are not on the way count for nothing.
            overruling: Frames with other patches: beyond them this patch ends where they cover the same surface.
            on_read: Called with each frame number before the frame is read, in the consumer's thread. An exception it
                raises ends the work.

        Yields:
            The patch's colour on one wanted frame after the other; none once it has been out of sight for long.
        """
        reach = self._refinement.reach
        wanted = frozenset(wanted).intersection(walk.frames)
        asked = find_neighbours(walk.frames, wanted, reach)
        carried = self._carry(walk, footage, scratch, asked=asked, overruling=overruling, on_read=on_read)
        for own, before, after in gather_neighbours(carried, walk.frames, wanted, reach):
            beside = ([other.unfused for other in others] for others in (before, after))
            colored = fuse(own.unfused, *beside) if reach else own.unfused.colored
            frame, key = colored.frame, walk.keyframe
            yielding = yield_to(walk.patch, frame, key)
            share = 0.0 if key is None else abs(frame - walk.patch) / abs(key - walk.patch)
            yield cut_to_reach(
                walk.patch,
                frame,
                colored.ab,
                colored.confidence,
                own.reach,
                own.claim,
                gaps=own.gaps,
                in_gamut=own.in_gamut,
                yielding=yielding,
                share=share,
            )

    def _carry(
        self,
        walk: PatchWalk,
        footage: PatchedFootage,
        scratch: Scratch,
        *,
        asked: Collection[int],
        overruling: Collection[int],
        on_read: Callable[[int], None],
    ) -> Iterator[tuple[int, _CarriedPatch]]:
        """Colour frames from a patch, each by itself, until the patch has been out of sight for long."""
        on_read(walk.patch)
        keyframe = footage.patch_keyframe(walk.patch)
        assert keyframe.weight is not None
        reference, weight = self._matching.prepare_reference(walk.patch, keyframe), keyframe.weight
        beyond = np.asarray(~is_in_gamut(keyframe.lightness, keyframe.ab) & (weight > 0), np.float32)
        way = walk.frames[: 1 + max((index for index, f in enumerate(walk.frames) if f in asked), default=-1)]
        needed = set(way) if self._refinement.recurrent else {*asked, *(a for a, b in pairwise(way) if b in asked)}
        task = SpanTask(Span(way, walk.patch, None), [reference], footage, scratch, on_read)
        previous, previous_view, out_of_sight = reference.state, reference.view, 0
        for frame, view, (track,) in self._walk.walk_frames(task, reference, way, with_features=needed):
            trust = self._matching.track_trust(view, reference, track)
            if frame in overruling:
                weight = remove_overruled(weight, footage.patch_cover(frame), track.displacement, trust)
            seen, _ = find_reach(weight, [(trust, track.displacement)])
            out_of_sight = 0 if (seen > _IN_SIGHT).any() else out_of_sight + 1
            if out_of_sight > _LONG_OUT_OF_SIGHT or not weight.any():
                return
            if frame in needed:
                evidence = replace(self._matching.collect_evidence(frame, view, [reference], [track]), partial=True)
                if not self._refinement.recurrent:
                    link = self._matching.neighbour_flow(view, previous_view, track.neighbour_flow)
                    evidence = replace(evidence, neighbour_flow=link)
                refined = self._refinement.refine(evidence, previous)
                previous = refined.state
                if frame in asked:
                    flows = [(trust, track.displacement)]
                    flows += [(flow.trust, flow.displacement) for flow in evidence.flows if flow.reacquired]
                    unfused = make_unfused(frame, evidence, refined, [reference], [track])
                    in_gamut = np.asarray(sample(beyond, track.displacement) < _BEYOND)
                    reach, claim = find_reach(weight, flows)
                    gaps = find_gaps(weight, [displacement for _, displacement in flows], np.maximum(reach, claim))
                    yield frame, _CarriedPatch(unfused, reach, claim, gaps, in_gamut)
            previous_view = view

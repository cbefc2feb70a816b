"""Coloured frames put together from the evidence for their colour and what a refinement made of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import cv2
import numpy as np

from stcolor_core.arrays import Plane
from stcolor_core.method.colored_frame import ColoredFrame
from stcolor_core.method.fusion import Unfused
from stcolor_core.method.references import PreparedReference, temporal_weights
from stcolor_core.method.refinement import Evidence, Refined
from stcolor_core.method.tracking.flow import FlowLink
from stcolor_core.method.tracking.objects import find_objects
from stcolor_core.method.tracking.tracks import Tracks

__all__ = ["make_colored", "make_grey", "make_unfused"]


def make_colored(
    frame: int,
    evidence: Evidence,
    refined: Refined,
    references: Sequence[PreparedReference],
    tracks: Sequence[Tracks],
) -> ColoredFrame:
    """Return a coloured frame with what it came from: the reference, the displacement to it, the mattes.

    Args:
        frame: Frame number.
        evidence: The evidence for its colour.
        refined: Its colour.
        references: All references of the span; those that `tracks` lead to come first.
        tracks: The tracks of the frame.
    """
    frames = np.array([-1 if reference.frame is None else reference.frame for reference in references], np.float32)
    grid = frames[evidence.warp.source.cpu().numpy()].reshape(evidence.grid_lightness.shape)
    size = evidence.lightness.shape[::-1]
    attention_source = cv2.resize(grid, size, interpolation=cv2.INTER_NEAREST)
    flow_source = frames[[*(flow.reference for flow in evidence.flows), -1]][refined.flow_source]
    source = np.where(refined.flow_source < 0, attention_source, flow_source)
    nearest = int(np.argmax(temporal_weights(frame, references[: len(tracks)]))) if tracks else None
    lost = evidence.warp.fallback.float().mean().item()
    return ColoredFrame(
        frame=frame,
        lightness=evidence.lightness,
        ab=refined.ab,
        confidence=refined.confidence,
        tracked=refined.tracked,
        source=source.astype(np.float32),
        displacement=None if nearest is None else tracks[nearest].displacement,
        mattes=None if nearest is None else tracks[nearest].mattes,
        fallback=max([lost, *(track.fallback for track in tracks)]),
    )


def make_unfused(
    frame: int,
    evidence: Evidence,
    refined: Refined,
    references: Sequence[PreparedReference],
    tracks: Sequence[Tracks],
) -> Unfused:
    """Return a coloured frame with the flow between it and the frame before, if it is tracked.

    Args:
        frame: Frame number.
        evidence: The evidence for its colour.
        refined: Its colour.
        references: All references of the span; those that `tracks` lead to come first.
        tracks: The tracks of the frame.
    """
    colored = make_colored(frame, evidence, refined, references, tracks)
    if not tracks:
        return Unfused(colored)
    objects = find_objects(tracks[0].mattes) if evidence.layers else None
    unfused = Unfused(colored, onward=tracks[0].onward, objects=objects)
    if (flow := evidence.neighbour_flow) is None:
        return unfused
    return replace(unfused, before=FlowLink(flow.displacement, flow.visibility), change=flow.change)


def make_grey(frame: int, lightness: Plane) -> ColoredFrame:
    """Return a frame without colour, at confidence 0.

    Args:
        frame: Frame number.
        lightness: L* at working size, shape (H, W), 0..100.
    """
    zero = np.zeros_like(lightness)
    return ColoredFrame(
        frame, lightness, np.zeros((*lightness.shape, 2), np.float32), zero, zero, zero - 1, None, None, 0.0
    )

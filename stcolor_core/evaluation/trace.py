"""Show where dense tracking leads for one pixel, frame by frame (Akimoto et al. 2020, Fig. 10).

The pixel is followed along the optical flow from its frame back towards the reference. For each frame on the way there
is the region of the reference that dense tracking restricts its colour to, with the affinity over that region.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from stcolor_core.arrays import ByteImage, Plane
from stcolor_core.errors import BadRequest
from stcolor_core.evaluation.clip import Clip
from stcolor_core.evaluation.measurements import write_text
from stcolor_core.evaluation.metrics import eight_bit
from stcolor_core.evaluation.strips import write_picture
from stcolor_core.evaluation.variants import parse_model
from stcolor_core.method.matching import Matching
from stcolor_core.method.tracking.flow import sample
from stcolor_core.method.tracking.tracks import Tracks
from stcolor_core.method.tracking.walk import View
from stcolor_core.models import registry
from stcolor_core.plurals import count_of

__all__ = ["TracePoint", "TracedFrame", "parse_trace", "require_traceable", "trace_pixel", "write_trace"]

_GAP = 4  # px between the frame and its reference
_LEAST_SHOWN = 0.25  # of the heat: so that a region of even affinity can be seen


@dataclass(frozen=True)
class TracePoint:
    """A pixel to follow.

    Attributes:
        frame: Frame index, from 0.
        x: Column, from 0 at the left.
        y: Row, from 0 at the top.
    """

    frame: int
    x: int
    y: int


@dataclass(frozen=True, eq=False)
class TracedFrame:
    """Where the pixel is on one frame, and what its colour may come from.

    Attributes:
        frame: Frame index, from 0.
        x: Column of the pixel on this frame.
        y: Row of the pixel on this frame.
        reference: Frame index of the reference.
        cells: Centres of the tracked cells on the reference, (K, 2), px (x, y); empty if nothing is restricted.
        affinity: Affinity over these cells, (K,); sums to 1.
        heat: The affinity as a picture on the reference, (H, W), 0..1 of its largest value.
    """

    frame: int
    x: float
    y: float
    reference: int
    cells: NDArray[np.float32]
    affinity: NDArray[np.float32]
    heat: Plane


def parse_trace(text: str) -> TracePoint:
    """Return the pixel that "FRAME:X,Y" names.

    Args:
        text: Such as "12:200,96".

    Raises:
        BadRequest: If it is not of that form.
    """
    match = re.fullmatch(r"(\d{1,9}):(\d{1,9}),(\d{1,9})", text.strip())
    if match is None:
        raise BadRequest(
            f"--trace must be FRAME:X,Y such as 12:200,96, counted from 0 at the top left, not {text[:40]!r}."
        )
    return TracePoint(*map(int, match.groups()))


def require_traceable(point: TracePoint, *, count: int, size: tuple[int, int], references: Sequence[int]) -> None:
    """Check that a pixel of a clip can be traced.

    Args:
        point: The pixel.
        count: Number of frames of the clip.
        size: (width, height) of the clip.
        references: Frame indices of the references.

    Raises:
        BadRequest: If the pixel is outside of the clip or on a reference.
    """
    if not (point.frame < count and point.x < size[0] and point.y < size[1]):
        raise BadRequest(
            f"--trace {point.frame}:{point.x},{point.y} is outside of the clip, which has {count_of(count, 'frame')} "
            f"of {size[0]} x {size[1]} px. They count from 0."
        )
    if point.frame in references:
        raise BadRequest(f"--trace: frame {point.frame} is a reference, so nothing is tracked. Name another frame.")


@torch.no_grad()
def trace_pixel(
    clip: Clip, references: Sequence[int], point: TracePoint, variant: str, *, device: torch.device
) -> list[TracedFrame]:
    """Return where dense tracking leads on the nearest reference, from the pixel's frame back to the reference.

    Args:
        clip: The clip.
        references: Frame indices of the references.
        point: The pixel to follow.
        variant: A model with dense tracking, see `variants`.
        device: Device that the model runs on.

    Raises:
        BadRequest: If the pixel is outside of the clip or on a reference, or the variant has no dense tracking.
        ModelError: If the model's weights are missing.
    """
    height, width = clip.lightnesses[0].shape
    require_traceable(point, count=len(clip.rgb), size=(width, height), references=references)
    name, method, _ = parse_model(variant)
    if not method.uses_dense:
        raise BadRequest(f"--trace: {variant} has no dense tracking. Use a variant that has, such as standard.")
    model = registry.build(name, device=device, optical_flow=method.optical_flow)
    matching = Matching(model, method, device=device)
    nearest = min(references, key=lambda index: (abs(index - point.frame), index))
    reference = matching.prepare_reference(nearest, clip.keyframe(nearest))
    walk, forward = matching.start_walk(reference), 1 if point.frame > nearest else -1
    walked: list[tuple[int, View, Tracks]] = []
    for frame in range(nearest + forward, point.frame + forward, forward):
        view = matching.make_view(clip.lightness(frame), clip.instances(frame))
        view.features  # noqa: B018  (computed on first use)
        walked.append((frame, view, walk.advance(view)))
    position = np.array([point.x, point.y], np.float32)
    traced = []
    for frame, view, tracks in reversed(walked):
        cells, affinity = _tracked_cells(
            view, tracks, reference.features, position, method.temperature or model.temperature
        )
        heat = _heat(cells, affinity, view)
        x, y = map(float, position)
        traced.append(TracedFrame(frame, x, y, nearest, _centres(cells, view), affinity, heat))
        onward = sample(tracks.neighbour_flow.displacement, position[None, None])[0, 0]
        position = np.clip(position + onward, 0, [width - 1, height - 1]).astype(np.float32)
    return traced


def write_trace(folder: Path, clip: Clip, traced: Sequence[TracedFrame]) -> None:
    """Write each frame with its pixel beside the reference with the tracked region, and trace.json.

    Args:
        folder: Where to.
        clip: The clip.
        traced: What `trace_pixel` returned.

    Raises:
        OutputError: If a file cannot be written.
    """
    for step in traced:
        frame, reference = (
            eight_bit(clip.rgb[index]).astype(np.uint8).copy() for index in (step.frame, step.reference)
        )
        mark = (round(step.x), round(step.y))
        for radius, color in ((7, (0, 0, 0)), (6, (255, 255, 0))):
            cv2.circle(frame, mark, radius, color, 1, cv2.LINE_AA)
        pair = [frame, np.zeros((len(frame), _GAP, 3), np.uint8), _overlay(reference, step.heat)]
        write_picture(folder / f"{step.frame:05d}.png", np.hstack(pair))
    plain = [
        {
            "frame": step.frame,
            "pixel": [round(step.x, 2), round(step.y, 2)],
            "reference": step.reference,
            "cells": step.cells.astype(np.float64).round(2).tolist(),
            "affinity": step.affinity.astype(np.float64).round(5).tolist(),
        }
        for step in traced
    ]
    write_text(folder / "trace.json", json.dumps(plain, indent=1) + "\n")


def _tracked_cells(
    view: View, tracks: Tracks, features: torch.Tensor, position: NDArray[np.float32], temperature: float
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Return the tracked positions of the pixel's cell on the reference's grid, and the affinity over them."""
    assert tracks.candidates is not None
    height, width = view.lightness.shape
    scale = np.array([view.matching_size[1] / width, view.matching_size[0] / height]) / view.stride
    column, row = ((position + 0.5) * scale).astype(int)
    cell = min(row, view.grid[0] - 1) * view.grid[1] + min(column, view.grid[1] - 1)
    cells = tracks.candidates[cell].long()
    cells = cells[cells >= 0]
    affinity = torch.softmax(view.target[:, cell] @ features[:, cells] / temperature, dim=0)
    return cells.cpu().numpy(), affinity.cpu().numpy()


def _centres(cells: NDArray[np.int64], view: View) -> NDArray[np.float32]:
    height, width = view.lightness.shape
    scale = view.stride * np.array([width / view.matching_size[1], height / view.matching_size[0]])
    places = np.stack([cells % view.grid[1], cells // view.grid[1]], axis=-1) + 0.5
    return np.asarray(places * scale - 0.5, np.float32).reshape(-1, 2)


def _heat(cells: NDArray[np.int64], affinity: NDArray[np.float32], view: View) -> Plane:
    grid = np.zeros(view.grid, np.float32)
    if len(cells):
        grid.ravel()[cells] = _LEAST_SHOWN + (1 - _LEAST_SHOWN) * affinity / affinity.max()
    size = (view.grid[1] * view.stride, view.grid[0] * view.stride)  # the last cells may end beyond the picture
    whole = cv2.resize(grid, size, interpolation=cv2.INTER_NEAREST)[: view.matching_size[0], : view.matching_size[1]]
    height, width = view.lightness.shape
    return np.asarray(cv2.resize(whole, (width, height), interpolation=cv2.INTER_NEAREST))


def _overlay(picture: ByteImage, heat: Plane) -> ByteImage:
    """Return a dimmed picture with the region in colour over it."""
    colored = cv2.applyColorMap(np.rint(255 * heat).astype(np.uint8), cv2.COLORMAP_INFERNO)[..., ::-1]
    dimmed = picture.mean(axis=2, keepdims=True) * np.ones(3) * 0.6
    weight = np.where(heat > 0, 0.85, 0)[..., None]
    return np.asarray(np.rint((1 - weight) * dimmed + weight * colored), np.uint8)

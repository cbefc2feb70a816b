"""Estimate how much of each frame a keyframe would colour, from the grey plate alone.

Optical flow (tracking/flow.py) is followed from every frame to every candidate for a keyframe, on small pictures. Where
it arrives, and the two places look alike, the candidate shows the surface; where it leaves the picture, breaks or meets
something else, the surface is hidden there. Pictures are compared in the same light, as colour follows it. A logistic
regression turns this into the share of the pixels that the keyframe would colour right. It was fitted to shots of known
colour (benchmarks/key_coverage.py).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from stcolor_core.arrays import FlowField, Plane
from stcolor_core.errors import Cancelled
from stcolor_core.images.color_room import can_hold_color, color_room
from stcolor_core.method.light import (
    MOST_CONTRAST,
    SAME_LIGHT,
    LightChange,
    overall_change,
    relight_lightness,
    to_same_light,
)
from stcolor_core.method.tracking.flow import align, sample

__all__ = ["GRID", "MEASURES", "KeyCoverage", "estimate_coverage", "measure_views", "shrink"]

GRID = (18, 32)  # rows and columns of the cells that coverage is estimated for
_SIZE = (54, 96)  # rows and columns of the pictures that flow is computed on; twice as many predict no better
_MOST_FRAMES, _MOST_CANDIDATES = 64, 20  # that are looked at in a scene
MEASURES = ("visibility", "residual", "distance", "magnification")
_COEFFICIENTS = np.array([1.121, -1.379, -0.321, 0.219])
_INTERCEPT = 6.529
# A veil or a fade thins wrong colours out too, until they are right. Of a wrong one exp(-this * (1 / contrast - 1)) is
# left (benchmarks/measured/method.md, "Plans under a veil").
_THINNED = 0.4
_CLEAR = 0.8  # of the clearest picture's deviation of L*, from which a picture is in full light


@dataclass(frozen=True)
class KeyCoverage:
    """What keyframes at some frames of a scene would colour.

    Attributes:
        frames: The frames that were looked at, in ascending order, F of them.
        candidates: Indices into `frames` of the frames that may become keyframes, in ascending order, K of them. None
            is a frame that can hold no colour, but for required ones, and a black scene has none at all.
        share: Share of the pixels of each cell that a keyframe at a candidate would colour right, 0..1, shape
            (K, F, *GRID).
    """

    frames: tuple[int, ...]
    candidates: tuple[int, ...]
    share: NDArray[np.float32]


def estimate_coverage(
    frames: Sequence[int],
    lightness: Callable[[int], Plane],
    *,
    required: Sequence[int] = (),
    most_candidates: int = _MOST_CANDIDATES,
    on_read: Callable[[int], None] = lambda _: None,
    cancelled: Callable[[], bool] = lambda: False,
) -> KeyCoverage:
    """Return what keyframes would colour of one scene. A long scene is looked at in steps of several frames.

    Args:
        frames: The frames of the scene, in ascending order; at least one.
        lightness: Returns L* of a frame, (H, W) of any size, 0..100.
        required: Frames of the scene that must be candidates, such as the keyframes that are there.
        most_candidates: Number of candidates at most, beside the required ones.
        on_read: Called with every frame before it is read.
        cancelled: Asked before every frame and every candidate.

    Raises:
        Cancelled: Once `cancelled` returns True.
    """
    looked_at = sorted({*_spread(frames, _MOST_FRAMES), *required})
    pictures = []
    for frame in looked_at:
        _check(cancelled)
        on_read(frame)
        pictures.append(shrink(lightness(frame)))
    fit = _find_fit(pictures)
    kept = {looked_at.index(frame) for frame in required} if fit else set()
    candidates = sorted({*_spread(fit, most_candidates), *kept})
    share = np.zeros((len(candidates), len(looked_at), *GRID), np.float32)
    steps = np.diff(looked_at, prepend=looked_at[0])
    for index, measures, gains in measure_views(pictures, candidates, np.cumsum(steps), cancelled=cancelled):
        wrong = 1 / (1 + np.exp(measures @ _COEFFICIENTS + _INTERCEPT))
        thinned = np.exp(-_THINNED * np.maximum(1 / gains - 1, 0))
        share[index] = 1 - thinned[:, None, None] * wrong
        share[index, candidates[index]] = 1
    return KeyCoverage(tuple(looked_at), tuple(candidates), share)


def measure_views(
    pictures: Sequence[Plane],
    candidates: Sequence[int],
    times: NDArray[np.int_],
    *,
    cancelled: Callable[[], bool] = lambda: False,
) -> Iterator[tuple[int, NDArray[np.float32], NDArray[np.float32]]]:
    """Yield, for each candidate, how well it shows what each picture shows.

    Args:
        pictures: L*, all of one size, in the order of time.
        candidates: Indices of pictures.
        times: Frame number of each picture.
        cancelled: Asked before every candidate.

    Yields:
        The number of the candidate; `MEASURES` of each picture and cell, shape (F, *GRID, 4); and the factor from the
        candidate's contrast to that of each picture, which its colours share, shape (F,).

    Raises:
        Cancelled: Once `cancelled` returns True.
    """
    pictures, contrasts = _to_clearest_light(pictures)
    links = []
    for before, after in zip(pictures, pictures[1:], strict=False):
        _check(cancelled)
        links.append(_link(before, after))
    for number, candidate in enumerate(candidates):
        _check(cancelled)
        measures = np.zeros((len(pictures), *GRID, len(MEASURES)), np.float32)
        reference = pictures[candidate]
        for order in (range(candidate + 1, len(pictures)), range(candidate - 1, -1, -1)):
            displacement = np.zeros((*reference.shape, 2), np.float32)
            visibility = np.ones_like(reference)
            for index in order:
                flow, consistency = links[index - 1][1] if index > candidate else links[index][0]
                chain = flow + sample(displacement, flow)
                visibility = consistency * sample(visibility, flow) * _inside(chain)
                displacement, residual = _realign(pictures[index], reference, chain, visibility)
                distance = abs(float(times[index] - times[candidate]))
                measures[index] = _describe(visibility, residual, displacement, distance)
        yield number, measures, contrasts / contrasts[candidate]


def shrink(lightness: Plane) -> Plane:
    """Return a picture at the size at which views are measured; NaN counts as black.

    Args:
        lightness: L*, (H, W) of any size, 0..100.
    """
    finite = np.nan_to_num(np.clip(lightness, 0, 100), copy=False).astype(np.float32, copy=False)
    return np.asarray(cv2.resize(finite, _SIZE[::-1], interpolation=cv2.INTER_AREA))


def _find_fit(pictures: Sequence[Plane]) -> list[int]:
    """Return the indices of the pictures that can hold the colour of a keyframe."""
    rooms = [color_room(picture) for picture in pictures]
    return [index for index, room in enumerate(rooms) if can_hold_color(room, max(rooms))]


def _describe(visibility: Plane, residual: Plane, displacement: FlowField, distance: float) -> NDArray[np.float32]:
    """Return the measures of one picture, (*GRID, 4)."""
    stretch = 1 + np.gradient(displacement[..., 0], axis=1) + np.gradient(displacement[..., 1], axis=0)
    planes = (
        _to_grid(visibility),
        np.log1p(_to_grid(residual)),
        np.full(GRID, np.log1p(distance)),
        np.minimum(0, np.log(np.clip(_to_grid(stretch.astype(np.float32)), 0.2, 5))),
    )
    return np.stack(planes, -1).astype(np.float32)


def _to_clearest_light(pictures: Sequence[Plane]) -> tuple[list[Plane], NDArray[np.float32]]:
    """Return the pictures as they would be without a veil or a fade, and the contrast that each has left, (F,), 0..1.

    The change of light is followed from the clearest picture outward, from each to the next one, which show nearly the
    same; it is known again wherever a picture has its full contrast.
    """
    lit, contrasts = list(pictures), np.ones(len(pictures), np.float32)
    clearest = int(np.argmax([color_room(picture) for picture in pictures]))
    full = float(pictures[clearest].std())
    for order in (range(clearest + 1, len(pictures)), range(clearest - 1, -1, -1)):
        change, before = SAME_LIGHT, pictures[clearest]
        for index in order:
            picture = pictures[index]
            if picture.std() >= _CLEAR * full:
                change = SAME_LIGHT
            else:
                change = change.then(_change_between(picture, before))
                change = replace(change, gain=max(change.gain, 1 / MOST_CONTRAST))
                lit[index] = relight_lightness(picture, change.inverse)
                contrasts[index] = min(change.gain, 1)
            before = picture
    return lit, contrasts


def _change_between(picture: Plane, before: Plane) -> LightChange:
    """Return the change of code values that brings a neighbour to a picture's light, along the flow between the two."""
    even = [(each - each.mean()) * (18 / max(float(each.std()), 0.5)) + 50 for each in (picture, before)]
    zero = np.zeros((*picture.shape, 2), np.float32)
    target, other = (np.clip(each, 0, 100).astype(np.float32) for each in even)
    along = sample(before, align(target, other, zero))
    return overall_change(picture, along, np.ones_like(picture)).in_codes


def _realign(target: Plane, reference: Plane, chain: FlowField, visibility: Plane) -> tuple[FlowField, Plane]:
    """Return the displacement aligned again against the reference if that fits better, and what it leaves of L*."""
    change = overall_change(target, sample(reference, chain), visibility)
    direct = align(*to_same_light(target, reference, change), chain)
    residuals = [_residual(target, reference, flow, change) for flow in (direct, chain)]
    closer = residuals[0] < residuals[1]
    return np.where(closer[..., None], direct, chain), np.minimum(*residuals)


def _link(before: Plane, after: Plane) -> tuple[tuple[FlowField, Plane], tuple[FlowField, Plane]]:
    """Return the flow between two neighbours and its forward-backward consistency, forward and backward."""
    zero = np.zeros((*before.shape, 2), np.float32)
    before, after = to_same_light(before, after, overall_change(before, after, np.ones_like(before)))
    ahead, back = align(before, after, zero), align(after, before, zero)
    return (ahead, _consistency(ahead, back)), (back, _consistency(back, ahead))


def _consistency(flow: FlowField, opposite: FlowField) -> Plane:
    error = np.linalg.norm(flow + sample(opposite, flow), axis=-1)
    return np.asarray(np.exp(-(error**2)), np.float32)


def _inside(displacement: FlowField) -> Plane:
    """Return 1 if x + displacement(x) is within the picture, else 0, (H, W)."""
    height, width = displacement.shape[:2]
    x = np.arange(width, dtype=np.float32) + displacement[..., 0]
    y = np.arange(height, dtype=np.float32)[:, None] + displacement[..., 1]
    return np.asarray((x > -1) & (x < width) & (y > -1) & (y < height), np.float32)


def _residual(target: Plane, reference: Plane, displacement: FlowField, change: LightChange) -> Plane:
    there = relight_lightness(sample(reference, displacement), change)
    return np.asarray(cv2.GaussianBlur(np.abs(target - there), (0, 0), 1.5))


def _to_grid(plane: Plane) -> Plane:
    return np.asarray(cv2.resize(plane, GRID[::-1], interpolation=cv2.INTER_AREA))


def _spread(items: Sequence[int], most: int) -> list[int]:
    """Return at most so many of the items, evenly spread, the first and the last among them."""
    if len(items) <= most:
        return list(items)
    return [items[round(place)] for place in np.linspace(0, len(items) - 1, most)]


def _check(cancelled: Callable[[], bool]) -> None:
    if cancelled():
        raise Cancelled("Cancelled. Nothing was planned.")

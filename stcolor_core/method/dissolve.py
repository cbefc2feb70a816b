"""Colour within a dissolve: the colours of two scenes, mixed in the share in which their luminance is mixed.

The last frame before the dissolve and the first one after it show one scene each. Both are carried through the mixed
frames along optical flow, and the share of the second scene is estimated from luminance, frame by frame:
L = (1 - share) A + share B, in linear light or in L*, whichever fits better.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from stcolor_core.arrays import Chroma, FlowField, Plane
from stcolor_core.images.color import lab_to_linear, lightness, linear_to_lab, luminance_of
from stcolor_core.method.light import relight_lightness
from stcolor_core.method.tracking.flow import FlowTracker, align, sample

__all__ = ["Mixed", "SceneEnd", "carry_scene", "estimate_shares", "find_turn", "mix"]

_COARSE = 36  # lines at which a share is estimated before anything is carried
_VISIBLE = 0.5  # share of the picture that a scene must have for the flow between mixed frames to follow it
_DARKEST = 0.01  # share of its light that it must have for that
_ALONE = 0.1  # of the scene's own share: with no more than this of the other one it is a scene in changed light
_FADED = 0.35  # sum of the shares of a fade's blankest frame, at most; in the dissolves tried it is 0.55 or more
_OVERLAP = 0.3  # of the share of one scene, the most that the other has in a fade: they move, so it is not quite 0
_MISFIT = 50.0  # L*, difference between a frame and the mixture at which the confidence is down to 1/e
_SIGMA = 3.0  # px at 216 lines, of the blur of that difference


@dataclass(frozen=True)
class SceneEnd:
    """The coloured frame of one scene next to a dissolve, or what it looks like in one of the mixed frames.

    Attributes:
        lightness: L*, shape (H, W), 0..100.
        ab: a* and b*, shape (H, W, 2).
        confidence: Confidence in the colour, shape (H, W), 0..1.
        source: Frame number of the reference that contributed most, shape (H, W), float32; -1 for a still or none.
    """

    lightness: Plane
    ab: Chroma
    confidence: Plane
    source: Plane


@dataclass(frozen=True)
class Mixed:
    """The colour of a frame within a dissolve.

    Attributes:
        share: Share of the second scene in the frame, 0..1.
        ab: a* and b*, shape (H, W, 2).
        confidence: Confidence in the colour, shape (H, W), 0..1.
        source: Frame number of the reference that contributed most, shape (H, W), float32.
    """

    share: float
    ab: Chroma
    confidence: Plane
    source: Plane


def estimate_shares(before: Plane, after: Plane, frames: Iterable[Plane]) -> list[tuple[float, float]]:
    """Return how much of the scenes before and after is in each frame of a dissolve, by small blurred pictures.

    Args:
        before: L* of the frame before the dissolve, shape (H, W).
        after: L* of the frame after it.
        frames: L* of the frames in the order of time.

    Returns:
        Two factors for each frame, 0 or more. They sum to 1 in a dissolve. In a fade through black or white they sum
        to less, and one of them is 0 in each frame. The first never rises and the second never falls.
    """
    a, b = (_shrink(luminance_of(picture)).ravel() for picture in (before, after))
    pictures = [_shrink(luminance_of(picture)).ravel() for picture in frames]
    blank = _blank_level(pictures, a, b)
    a, b, pictures = a - blank, b - blank, [picture - blank for picture in pictures]
    shares = _in_order([_solve(a, b, picture) for picture in pictures])
    if not _is_fade(shares):
        return shares
    turn = _find_change(pictures, a, b)
    alone = [(_project(picture, a), 0.0) for picture in pictures[:turn]]
    return _in_order(alone + [(0.0, _project(picture, b)) for picture in pictures[turn:]])


def find_turn(shares: Sequence[tuple[float, float]]) -> int | None:
    """Return the index of the first frame of a fade that shows the second scene; None if a frame shows both scenes.

    Args:
        shares: Of all frames of the transition, from `estimate_shares`.
    """
    if any(min(pair) > 0 for pair in shares):
        return None
    return next((index for index, (first, second) in enumerate(shares) if second > first), len(shares))


def carry_scene(end: SceneEnd, frames: Iterable[tuple[Plane, float, float]]) -> Iterator[SceneEnd]:
    """Yield what a scene looks like in each frame of a dissolve, from its end on.

    As long as the scene is alone, as in a fade, it is tracked as within a scene, on pictures in the light of its end.
    As long as it makes up half of the mixture, flow between neighbouring frames follows it. Then its motion as a whole
    goes on as it was.

    Args:
        end: The scene's frame next to the dissolve.
        frames: L* of each frame outward from there, shape (H, W), with the factors of the scene and of the other one,
            as `estimate_shares` returns them.
    """
    height, width = end.lightness.shape
    chain = np.zeros((height, width, 2), np.float32)
    going_on, previous = np.zeros_like(chain), end.lightness
    tracker: FlowTracker | None = FlowTracker(end.lightness)
    for picture, own, other in frames:
        is_alone = own >= _DARKEST and other <= _ALONE * own
        if tracker is not None and is_alone:
            chain = tracker.advance(relight_lightness(picture, 1 / own)).displacement
            going_on = _global_motion(tracker.neighbour_link.displacement)
        else:
            tracker, step = None, going_on
            if own >= max(_DARKEST, _VISIBLE * (own + other)):
                step = align(picture, previous, np.zeros_like(chain))
                going_on = _global_motion(step)
            chain = step + sample(chain, step)
        previous = picture
        yield SceneEnd(
            sample(end.lightness, chain),
            sample(end.ab, chain),
            sample(end.confidence, chain),
            _nearest(end.source, chain),
        )


def mix(frame: Plane, before: SceneEnd, after: SceneEnd) -> Mixed:
    """Return the colour of a frame within a dissolve.

    Args:
        frame: L* of the frame, shape (H, W).
        before: What the scene before the dissolve looks like in this frame.
        after: What the scene after it looks like.
    """
    candidates = []
    for encode, decode in ((luminance_of, lightness), (np.asarray, np.asarray)):
        a, b, picture = (_shrink(np.asarray(encode(plane))) for plane in (before.lightness, after.lightness, frame))
        factors = _solve(a.ravel(), b.ravel(), picture.ravel())
        a, b = encode(before.lightness), encode(after.lightness)
        residual = np.abs(frame - decode(np.maximum(factors[0] * a + factors[1] * b, 0)))
        candidates.append((float(residual.mean()), encode is luminance_of, factors, np.asarray(residual, np.float32)))
    _, linear, (first, second), residual = min(candidates, key=lambda candidate: candidate[0])
    share = second / max(first + second, 1e-6)
    if linear:
        rgb_a, rgb_b = (lab_to_linear(np.dstack([end.lightness, end.ab])) for end in (before, after))
        mixture = linear_to_lab(np.asarray(first * rgb_a + second * rgb_b, np.float32))
        ab = _to_lightness(mixture, frame)
    else:
        ab = first * before.ab + second * after.ab
    sigma = _SIGMA * max(1.0, frame.shape[0] / 216)
    misfit = cv2.GaussianBlur(residual, (0, 0), sigma)
    confidence = ((1 - share) * before.confidence + share * after.confidence) * np.exp(-misfit / _MISFIT)
    source = np.where((1 - share) * before.confidence >= share * after.confidence, before.source, after.source)
    return Mixed(share, np.asarray(ab, np.float32), np.asarray(confidence, np.float32), np.asarray(source, np.float32))


def _to_lightness(mixture: Plane, frame: Plane) -> Chroma:
    """Return the ab of a mixture at the frame's own lightness: the same light, brighter or darker, keeps its hue."""
    ratio = np.clip((frame + 16) / np.maximum(mixture[..., 0] + 16, 1), 0.5, 2)
    return np.asarray(mixture[..., 1:] * ratio[..., None], np.float32)


def _in_order(shares: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """Return the shares with the first never rising and the second never falling."""
    factors = np.array(shares).reshape(-1, 2)
    first, second = np.minimum.accumulate(factors[:, 0]), np.maximum.accumulate(factors[:, 1])
    return list(zip(first.tolist(), second.tolist(), strict=True))


def _blank_level(pictures: Sequence[Plane], a: Plane, b: Plane) -> float:
    """Return the luminance of the blank picture through which two scenes fade, or 0.

    As a scene fades, its mean comes nearer to that luminance as its standard deviation comes nearer to 0.
    """
    flattest = min(pictures, key=np.std, default=a)
    if flattest.std() > _FADED * min(a.std(), b.std()):
        return 0.0
    scene = max(a, b, key=lambda scene: _correlation(flattest, scene))
    share = float(flattest.std() / max(scene.std(), 1e-6))
    return max(0.0, float(flattest.mean() - share * scene.mean()) / (1 - share))


def _is_fade(shares: Sequence[tuple[float, float]]) -> bool:
    """Return whether the picture grows blank between the scenes, and only frames that nearly are may show both."""
    totals = [sum(pair) for pair in shares]
    mixed = (min(pair) > _OVERLAP * max(pair) for pair, total in zip(shares, totals, strict=True) if total > _FADED)
    return min(totals, default=1.0) <= _FADED and not any(mixed)


def _find_change(pictures: Sequence[Plane], a: Plane, b: Plane) -> int:
    """Return the index of the first frame that is more like the second of two scenes, in whatever light."""
    like_a, like_b = (np.array([_correlation(picture, scene) for picture in pictures]) for scene in (a, b))
    before = np.concatenate([[0], np.cumsum(like_a)])
    after = np.concatenate([np.cumsum(like_b[::-1])[::-1], [0]])
    return int(np.argmax(before + after))


def _correlation(a: Plane, b: Plane) -> float:
    """Return the correlation of two pictures, -1..1; 0 if one of them is blank."""
    x, y = a - a.mean(), b - b.mean()
    return float(x @ y / max(np.sqrt((x @ x) * (y @ y)), 1e-6))


def _solve(a: Plane, b: Plane, picture: Plane) -> tuple[float, float]:
    """Return the factors, 0..1 each and no more than 1 in sum, with which two pictures make up a third one best."""
    gram = np.array([[a @ a, a @ b], [a @ b, b @ b]], float) + 1e-6 * np.eye(2)
    first, second = np.linalg.solve(gram, [float(a @ picture), float(b @ picture)]).tolist()
    if first >= 0 and second >= 0 and first + second <= 1:
        return first, second
    share = _project(picture - a, b - a)  # else the best ones lie on the border of what is allowed
    border = [(_project(picture, a), 0.0), (0.0, _project(picture, b)), (1 - share, share)]
    return min(border, key=lambda factors: float(np.square(picture - factors[0] * a - factors[1] * b).sum()))


def _project(picture: Plane, direction: Plane) -> float:
    """Return the factor, 0..1, of the direction that comes nearest to the picture."""
    return float(np.clip(picture @ direction / np.maximum(direction @ direction, 1e-6), 0, 1))


def _shrink(picture: Plane) -> Plane:
    height, width = picture.shape
    lines = min(height, _COARSE)
    size = (max(1, round(width * lines / height)), lines)
    return np.asarray(cv2.GaussianBlur(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), (0, 0), 1.0))


def _global_motion(flow: FlowField) -> FlowField:
    """Return the affine motion that fits most of a flow best, as a flow."""
    height, width = flow.shape[:2]
    rows, columns = np.mgrid[0:height, 0:width].astype(np.float32)
    places = np.stack([columns, rows, np.ones_like(rows)], axis=-1)
    vectors, some = flow[::8, ::8].reshape(-1, 2), places[::8, ::8].reshape(-1, 3)
    off = np.linalg.norm(vectors - np.median(vectors, axis=0), axis=1)
    kept = off <= 2 * np.median(off) + 0.5
    motion, *_ = np.linalg.lstsq(some[kept], vectors[kept], rcond=None)
    return np.asarray(places @ motion, np.float32)


def _nearest(picture: Plane, displacement: FlowField) -> Plane:
    """Return a picture sampled at the nearest pixel, for numbers that have no mean."""
    height, width = displacement.shape[:2]
    x, y = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
    places = (x + displacement[..., 0], y + displacement[..., 1])
    return np.asarray(cv2.remap(picture, *places, cv2.INTER_NEAREST, borderMode=cv2.BORDER_REPLICATE), np.float32)

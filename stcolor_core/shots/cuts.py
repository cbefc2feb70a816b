"""Find scene cuts from luminance alone, so that no colour is carried from one shot into another.

Two frames belong to one scene if their thumbnails look alike after compensation by optical flow. A new scene may begin
if no frame before the boundary looks like any frame after it within a distance of three frames. A flash or one or two
bad frames therefore do not count as a cut, while a shot of a single frame between two others is found.

Fast motion and motion blur defeat optical flow too. So such a boundary is judged again, by matching features, which
find what two blurred pictures have in common wherever it has moved to, and by the histogram of L*. A logistic
regression turns these into a certainty; below one half the boundary is no cut, but is reported. Features take ten times
as long as everything else, so they are computed only as far as they can change the verdict.

A cut-away of one or two frames looks like a flash and is not found. benchmarks/measured/shots.md compares this detector
with others.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from stcolor_core.arrays import Plane
from stcolor_core.shots.thumbnails import (
    SAME_SCENE,
    Describe,
    Thumbnail,
    flow_difference,
    overlap_difference,
    shrink,
    similarity_cap,
    still_difference,
    uncapped_similarity,
)
from stcolor_core.shots.transitions import Boundary

__all__ = ["CutDetector"]

_REACH = 3  # largest distance in frames between two frames that are compared
_MOST_ALIKE = (
    0.7  # the greatest that two scenes may have by chance; in 216 cuts of benchmarks/cuts.py it is 0.503 at most
)
_MORE_ALIKE = 0.1  # by how much a further pair of frames may exceed the neighbours; by 0.051 at most in the same cuts
_SETTLED = 0.01  # distance of a certainty from 0 or 1 at which it is not refined any further
_BINS = 32  # of the histogram of L*
_BRIGHT = 60.0  # L* that the brightest parts of two pictures have at least when their histograms are compared
# of the regression, on the measures of `_measure`, fitted to the material of benchmarks/cuts.py made from footage
# on which the project may train
_COEFFICIENTS = np.array([19.6, -71.0, 3.2, -2.5, 70.0])
_INTERCEPT = 31.1
_SUDDEN = 0.35  # difference above which a change is sudden if nothing moves before and after it
_UNREST = 0.05  # difference between neighbours of one scene at which it is no longer calm
_RESTLESS = 0.5  # upper bound of the difference within a scene, which also stands for scenes of one frame


class CutDetector:
    """Finds the cuts of a shot that arrives one frame at a time. It holds at most six thumbnails.

    Args:
        describe: Returns the features of a thumbnail. It is called only where optical flow finds nothing in common.
        threshold: Largest difference between two frames of one scene, 0 (equal) to 1, that needs no second look.
    """

    def __init__(self, describe: Describe, *, threshold: float = SAME_SCENE) -> None:
        self._describe, self._threshold = describe, threshold
        self._recent: list[Thumbnail] = []
        self._before = 1  # how many of the recent frames lie before the next boundary to test

    def add(self, frame: int, lightness: Plane) -> list[Boundary]:
        """Take the next frame, and return the boundary before the frame two frames earlier, if there may be a cut.

        Args:
            frame: Number of the frame.
            lightness: L*, shape (H, W) of any size. Values outside 0..100 are clipped; NaN counts as black.

        Returns:
            A list with that boundary, or an empty list.

        Raises:
            ValueError: If the picture is empty or does not have the shape (H, W).
        """
        if lightness.ndim != 2 or lightness.size == 0:
            raise ValueError(f"Lightness must be (H, W), not {lightness.shape}.")
        self._recent.append(Thumbnail(frame, shrink(lightness), self._describe))
        return self._test_boundary() if len(self._recent) - self._before == _REACH else []

    def finish(self) -> list[Boundary]:
        """Return the boundaries among the last two frames, which were waiting for frames after them."""
        boundaries: list[Boundary] = []
        while self._before < len(self._recent):
            boundaries += self._test_boundary()
        return boundaries

    def _test_boundary(self) -> list[Boundary]:
        """Return the next boundary to test if nothing bridges it, and move on by one frame."""
        before, after = self._recent[: self._before], self._recent[self._before :]
        pairs = [(a, b) for i, a in enumerate(before[::-1]) for b in after[: _REACH - i]]
        bridged = any(self._bridges(a, b) for a, b in pairs)
        boundary = [] if bridged else [Boundary(after[0].frame, _judge(before, after))]
        if self._before < _REACH:
            self._before += 1
        else:
            del self._recent[0]
        return boundary

    def _bridges(self, a: Thumbnail, b: Thumbnail) -> bool:
        return (
            still_difference(a, b) <= self._threshold
            or flow_difference(a, b, enough=self._threshold) <= self._threshold
            or overlap_difference(a, b) <= self._threshold
        )


def _judge(before: list[Thumbnail], after: list[Thumbnail]) -> float:
    """Return the certainty of a cut between up to three frames on either side.

    No features are computed for a cut that is certain even if its scenes look alike by chance, and those of no further
    frames once they could not change the verdict: they are at most a little more alike than the neighbours.
    """
    motion = _measure_motion(before, after)
    certainty = _certainty(motion, min(_MOST_ALIKE, similarity_cap(before[-1], after[0])))
    if certainty > 1 - _SETTLED:
        return certainty
    for similarity in _growing_similarity(before, after):
        certainty = _certainty(motion, similarity)
        if certainty < _SETTLED or _certainty(motion, similarity + _MORE_ALIKE) > 1 - _SETTLED:
            break
    return certainty


def _certainty(motion: NDArray[np.float64], similarity: float) -> float:
    """Return the probability of a cut by logistic regression.

    Args:
        motion: From `_measure_motion`.
        similarity: The greatest similarity of the features of the frames before and after.
    """
    measures = np.insert(motion, 1, similarity)
    return float(1 / (1 + np.exp(-(measures @ _COEFFICIENTS + _INTERCEPT))))


def _measure_motion(before: list[Thumbnail], after: list[Thumbnail]) -> NDArray[np.float64]:
    """Return what tells a cut from motion, beside features.

    The least difference between the frames before and after, the logarithm of the distance of their histograms, how
    fast things move on the restless side, and how much of the first is sudden, since nothing moves.
    """
    a, b = before[-1], after[0]
    pairs = [(x, y) for i, x in enumerate(before[::-1]) for y in after[: _REACH - i]]
    difference = min(flow_difference(x, y) for x, y in pairs)
    distance = _histogram_distance(a.small, b.small)
    sides = [
        _unrest(scene) for scene in (before, after) if len(scene) > 1
    ]  # one frame at an end of the shot says nothing
    unrest = max(sides, default=_RESTLESS)
    sudden = max(0.0, difference - _SUDDEN) * np.exp(-unrest / _UNREST)
    return np.array([difference, np.log(distance + 0.01), unrest, sudden])


def _growing_similarity(before: list[Thumbnail], after: list[Thumbnail]) -> Iterator[float]:
    """Yield the greatest similarity of features across a boundary after each further pair, the neighbours first."""
    a, b = before[-1], after[0]
    greatest = -1.0
    for x, y in [(a, b), *((x, b) for x in before[-2:-1]), *((a, y) for y in after[1:2])]:
        greatest = max(greatest, uncapped_similarity(x, y))
        yield min(greatest, similarity_cap(a, b))


def _histogram_distance(a: Plane, b: Plane) -> float:
    """Return the mean distance of the cumulative histograms of L*, 0..1. Dark pictures are made brighter together."""
    gain = max(1.0, _BRIGHT / max(1.0, float(np.percentile(a, 95)), float(np.percentile(b, 95))))
    x, y = (np.cumsum(np.histogram(part * gain, _BINS, (0, 100))[0]) / part.size for part in (a, b))
    return float(np.abs(x - y).mean())


def _unrest(scene: list[Thumbnail]) -> float:
    """Return the least difference between neighbours among a few frames in order: how fast things move."""
    neighbours = zip(scene, scene[1:], strict=False)
    return min([_RESTLESS, *(flow_difference(a, b) for a, b in neighbours)])

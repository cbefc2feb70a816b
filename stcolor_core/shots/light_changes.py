"""Tell a change of light over one scene from a change of scene: fog, a veil, a fade, a flash, a blink to black.

Light changes the level and the contrast of a picture, but not what it shows. So two frames on either side of such a
change are compared in even light: each place of a thumbnail at the same mean and contrast. They show one scene if they
look alike after optical flow, in steps small enough for it, or if they share their features. Where the picture is lost
in between, the step is from the last frame that is still readable to the first one that is again, so that things have
moved as little as possible.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from stcolor_core.arrays import Plane
from stcolor_core.shots.thumbnails import SAME_SCENE, Describe, Thumbnail, feature_similarity, flow_difference

__all__ = ["SceneComparison", "in_even_light"]

_CACHED = 32  # thumbnails in even light that are kept with their features; 0.3 MB each
_MEAN, _CONTRAST = 50.0, 18.0  # L* in even light
_SIGMA = 8.0  # pixels of a thumbnail, of the places that get the same mean and contrast
_NOISE = 0.6  # L*, standard deviation that counts as noise
_LEAST_SIDE = 18  # rows and columns of a thumbnail that are compared at least
_BLACK, _WHITE = 3.0, 96.0  # L* between which a picture shows something
_READABLE = 0.25  # share of a scene's contrast from which it can be compared
_LOST = 0.35  # share of the contrast on both sides, below which the picture is lost for a while
_AROUND = 14  # frames in which the picture is there again
_BESIDE = 5  # frames on either side that show how fast things move; further ones may show another scene
_STILL = 0.01  # difference within a scene in which nothing moves
_MOST_UNREST = 0.25  # difference within a scene above which it says no more: faster things may be anything
# of the regression on the similarity of both ends, the least one of a step, and the unrest; fitted to the material of
# benchmarks/light_material.py and to dissolves, from half of the footage
_COEFFICIENTS = np.array([21.7, 16.3, 15.3])
_INTERCEPT = -22.3


class SceneComparison:
    """Compares the scenes of frames, whatever their light.

    Args:
        thumbnails: L* of the frames in the order of time, as `cuts.shrink` returns it.
        describe: Returns the features of a thumbnail; see `cuts.CutDetector`.
    """

    def __init__(self, thumbnails: Sequence[Plane], describe: Describe) -> None:
        self._contrast = np.array([_readable_contrast(thumbnail) for thumbnail in thumbnails])
        self._thumbnails = thumbnails

        @lru_cache(_CACHED)
        def even(index: int, top: int, bottom: int, left: int, right: int) -> Thumbnail:
            return Thumbnail(index, in_even_light(thumbnails[index][top:bottom, left:right]), describe)

        self._even = even

    def one_scene_certainty(self, before: int, after: int) -> float:
        """Return the probability that one scene goes on between two frames in which only light may have changed.

        Args:
            before: Index of the last frame before the change.
            after: That of the first one after it.
        """
        steps = [self._in_even_light(a, b) for a, b in self._steps(before, after)]
        if all(flow_difference(a, b) <= SAME_SCENE for a, b in steps):
            return 1.0
        unrest = self._unrest(before, after)
        if unrest < _STILL:  # nothing moves, so what differs is another scene, however alike its features
            return 0.0
        ends = feature_similarity(*self._in_even_light(before, after))
        least = min(feature_similarity(a, b) for a, b in steps)
        measures = np.array([ends, least, min(unrest, _MOST_UNREST)])
        return float(1 / (1 + np.exp(-(measures @ _COEFFICIENTS + _INTERCEPT))))

    def _in_even_light(self, a: int, b: int) -> tuple[Thumbnail, Thumbnail]:
        """Return two frames in even light, without edges that are flat in both, such as bars."""
        pictures = [self._thumbnails[index] for index in (a, b)]
        bounds: list[int] = []
        for axis in (1, 0):
            lit = np.flatnonzero(np.any([picture.std(axis=axis) > _NOISE for picture in pictures], axis=0))
            found = len(lit) >= _LEAST_SIDE
            bounds += [int(lit[0]), int(lit[-1]) + 1] if found else [0, pictures[0].shape[1 - axis]]
        return self._even(a, *bounds), self._even(b, *bounds)

    def _unrest(self, before: int, after: int) -> float:
        """Return how much the calmer of two scenes differs from itself over a few frames, no more than lie between."""
        lapse = min(after - before, _BESIDE)
        earlier, later = max(0, before - lapse), min(len(self._contrast) - 1, after + lapse)
        pairs = [(a, b) for a, b in ((earlier, before), (after, later)) if a < b]
        return min((flow_difference(*self._in_even_light(a, b)) for a, b in pairs), default=_STILL)

    def lapses(self) -> Iterator[tuple[int, int]]:
        """Yield the first and the last frame of stretches in which the picture is lost for a few frames."""
        contrast, count = self._contrast, len(self._contrast)
        before = [contrast[max(0, index - _AROUND) : index].max(initial=0) for index in range(count)]
        after = [contrast[index + 1 : index + 1 + _AROUND].max(initial=0) for index in range(count)]
        lost = contrast < _LOST * np.minimum(before, after)
        edges = np.flatnonzero(np.diff(np.concatenate([[False], lost, [False]]).astype(int)))
        for start, stop in edges.reshape(-1, 2).tolist():
            yield self._climb(start, -1), self._climb(stop - 1, 1)

    def _climb(self, frame: int, step: int) -> int:
        """Return the last frame, from a lost one on, before the contrast rises no further."""
        while 0 <= frame + 2 * step < len(self._contrast) and self._rises(frame + step, step):
            frame += step
        return frame

    def _rises(self, frame: int, step: int) -> bool:
        return bool(self._contrast[frame + step] > 1.03 * self._contrast[frame])

    def _steps(self, before: int, after: int) -> list[tuple[int, int]]:
        """Return pairs of frames to compare on the way from one to another: by the frame halfway, or across a lapse.

        Halfway through a dissolve half of the picture is another scene's, so it differs from both.
        """
        contrast = self._contrast[before : after + 1]
        least = int(contrast.argmin())
        if contrast[least] >= _READABLE * min(contrast[0], contrast[-1]):
            middle = (before + after) // 2
            return [(a, b) for a, b in ((before, middle), (middle, after)) if a < b]
        left = np.flatnonzero(contrast[:least] >= _READABLE * contrast[0])
        right = np.flatnonzero(contrast[least:] >= _READABLE * contrast[-1])
        return [(before + int(left[-1]), before + least + int(right[0]))]


def _readable_contrast(thumbnail: Plane) -> float:
    """Return the standard deviation of L*, less where a part of the picture is black or white, as in a flash."""
    readable = (thumbnail > _BLACK) & (thumbnail < _WHITE)
    return float(thumbnail.std() * readable.mean())


def in_even_light(thumbnail: Plane) -> NDArray[np.float32]:
    """Return L* with the same mean and contrast at all places of all pictures, so that neither level nor fog counts.

    Args:
        thumbnail: L*, as `cuts.shrink` returns it.
    """
    structure = thumbnail - cv2.GaussianBlur(thumbnail, (0, 0), _SIGMA)
    variance = cv2.GaussianBlur(structure * structure, (0, 0), _SIGMA)
    even = _MEAN + structure * (_CONTRAST / np.sqrt(variance + _NOISE**2))
    return np.asarray(np.clip(even, 0, 100), np.float32)

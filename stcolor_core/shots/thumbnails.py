"""Thumbnails of frames by luminance, and how much two of them differ: in place, after optical flow, by features."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from stcolor_core.arrays import ByteImage, FlowField, Plane

__all__ = [
    "SAME_SCENE",
    "Describe",
    "Thumbnail",
    "feature_similarity",
    "flow_difference",
    "overlap_difference",
    "shrink",
    "similarity_cap",
    "still_difference",
    "uncapped_similarity",
]

Describe = Callable[[Plane], NDArray[np.float32]]
"""Returns features of one or several pictures: L*, 0..100, shape (H, W) or (N, H, W), to unit vectors for the positions
of each, shape (C, P) or (N, C, P)."""

SAME_SCENE = 0.26  # difference after optical flow up to which two frames show one scene
_WIDTH, _HEIGHT = 64, 36  # pixels of a thumbnail, for plates of any aspect
_ENLARGED = 2  # features are matched on thumbnails of twice the size
_WINDOW = 9  # side in thumbnail pixels of the windows that are correlated
_NOISE = 1.0  # variance of L* that counts as noise rather than structure
_TEXTURE = 16.0  # variance of L* at which a window has half its full weight
_OVERLAP = 0.5  # share of the picture that two frames of a whip pan have in common at least
_BLACK = 3.0  # upper bound of L* in the bars of a letterbox
_DARK = 20.0  # L* below which a picture is too dark for its features
_UNLIKE = 0.38  # similarity of the features of two scenes that have nothing in common


@dataclass(frozen=True, eq=False)
class Thumbnail:
    """A frame with what is compared of it, computed on first use.

    Attributes:
        frame: Its number.
        picture: L*, as `shrink` returns it.
        describe: Returns the features of a picture.
    """

    frame: int
    picture: Plane
    describe: Describe

    @cached_property
    def differences(self) -> dict[int, float]:
        """Return the differences to other frames of the shot that were computed so far, by frame."""
        return {}

    @cached_property
    def overlap_differences(self) -> dict[int, float]:
        """Return the same of `overlap_difference`."""
        return {}

    @cached_property
    def small(self) -> Plane:
        """Return the picture at half its size, shape (36, 64)."""
        return np.asarray(cv2.resize(self.picture, (_WIDTH, _HEIGHT), interpolation=cv2.INTER_AREA))

    @cached_property
    def features(self) -> NDArray[np.float32]:
        """Return the features of the picture without black bars at its edges, unit vectors of shape (C, P)."""
        return self.describe(_without_bars(self.picture))


def shrink(lightness: Plane) -> Plane:
    """Return the thumbnail that scenes are compared by, shape (72, 128).

    Args:
        lightness: L*, shape (H, W). Values outside 0..100 are clipped; NaN counts as black.
    """
    finite = np.nan_to_num(np.clip(lightness, 0, 100), copy=False).astype(np.float32, copy=False)
    size = (_ENLARGED * _WIDTH, _ENLARGED * _HEIGHT)
    return np.asarray(cv2.resize(finite, size, interpolation=cv2.INTER_AREA))


def still_difference(a: Thumbnail, b: Thumbnail) -> float:
    """Return the difference of two frames in place, 0..1. Most neighbours need no flow, which takes five times as long.

    Args:
        a: One frame.
        b: The other one.
    """
    return _difference(a.small, b.small, np.zeros((_HEIGHT, _WIDTH, 2), np.float32))


def flow_difference(a: Thumbnail, b: Thumbnail, *, enough: float = 0.0) -> float:
    """Return the least difference of two frames after optical flow, 0..1.

    Args:
        a: One frame.
        b: The other one.
        enough: A difference at which no smaller one is looked for.
    """
    if b.frame not in a.differences:
        least = 1.0
        for difference in _differences(a.small, b.small):
            least = min(least, difference)
            if least <= enough:
                return least
        a.differences[b.frame] = least
    return a.differences[b.frame]


def overlap_difference(a: Thumbnail, b: Thumbnail) -> float:
    """Return the difference of two frames of a whip pan, 0..1, where they overlap, with optical flow or without.

    What leaves the picture misleads `flow_difference`. Frames that are no neighbours may overlap by chance.

    Args:
        a: One frame.
        b: The other one.
    """
    if b.frame not in a.overlap_differences:
        shift = np.full((*a.small.shape, 2), _overlapping_shift(a.small, b.small), np.float32)
        flow = _flow(a.small, b.small, shift.copy())  # which it writes to
        a.overlap_differences[b.frame] = min(_difference(a.small, b.small, each) for each in (shift, flow))
    return a.overlap_differences[b.frame]


def feature_similarity(a: Thumbnail, b: Thumbnail) -> float:
    """Return the mean cosine similarity of each position to the most similar one of the other frame, -1..1.

    For two dark frames it is at most that of scenes that have nothing in common: their features are those of grain.

    Args:
        a: One frame.
        b: The other one.
    """
    return min(uncapped_similarity(a, b), similarity_cap(a, b))


def uncapped_similarity(a: Thumbnail, b: Thumbnail) -> float:
    """Return the mean cosine similarity of each position to the most similar one of the other frame, -1..1.

    Args:
        a: One frame.
        b: The other one.
    """
    similarity = a.features.T @ b.features
    return float(similarity.max(axis=0).mean() + similarity.max(axis=1).mean()) / 2


def similarity_cap(a: Thumbnail, b: Thumbnail) -> float:
    """Return the greatest similarity of features that counts; in dark pictures they are those of grain.

    Args:
        a: One frame.
        b: The other one.
    """
    brightest = max(float(np.percentile(each.small, 95)) for each in (a, b))
    return _UNLIKE if brightest < _DARK else 1.0


def _without_bars(picture: Plane) -> Plane:
    """Return a picture without the black rows and columns at its edges, which look alike in all scenes."""
    lit = picture > _BLACK
    rows, columns = (np.flatnonzero(lit.any(axis=axis)) for axis in (1, 0))
    if min(len(rows), len(columns)) < _WINDOW:
        return picture
    return np.ascontiguousarray(picture[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1])


def _differences(a: Plane, b: Plane) -> Iterator[float]:
    """Yield the difference of two thumbnails after optical flow, 0..1; then again with flow that starts from a shift.

    The shift is that of the whole picture. It catches whip pans, which are too fast for flow alone.
    """
    yield _difference(a, b, _flow(a, b, None))
    hann = cv2.createHanningWindow((_WIDTH, _HEIGHT), cv2.CV_32F)
    x, y = (_to_bytes(picture).astype(np.float32) for picture in (a, b))
    shift, _ = cv2.phaseCorrelate(x, y, hann)
    yield _difference(a, b, _flow(a, b, np.full((*a.shape, 2), shift, np.float32)))


def _flow(a: Plane, b: Plane, start: FlowField | None) -> FlowField:
    dis: Any = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_FAST)
    return np.asarray(dis.calc(_to_bytes(a), _to_bytes(b), start))


def _to_bytes(picture: Plane) -> ByteImage:
    """Return a thumbnail at a mean of 128 and a spread of 50, so that exposure does not count."""
    return np.asarray(np.clip(128 + 50 * (picture - picture.mean()) / max(picture.std(), 1), 0, 255), np.uint8)


def _overlapping_shift(a: Plane, b: Plane) -> tuple[int, int]:
    """Return the shift (x, y) at which what a picture shares with another one correlates best, in pixels.

    The correlation is normalised over the overlap, which is half of the picture or more: Padfield, "Masked object
    registration in the Fourier domain", IEEE Transactions on Image Processing 21 (2012), eqs. 11 to 13.
    """
    height, width = a.shape
    size = (2 * height, 2 * width)
    ones = np.ones_like(a)
    seen_a, seen_b = (picture - picture.mean() for picture in (a, b))
    planes = np.fft.rfft2(np.stack([ones, seen_a, seen_a * seen_a, seen_b, seen_b * seen_b]), size)
    one, in_a, squares_a, in_b, squares_b = planes
    pairs = [(one, one), (in_a, one), (squares_a, one), (one, in_b), (one, squares_b), (in_a, in_b)]
    products = np.stack([first.conj() * second for first, second in pairs])
    count, sum_a, square_a, sum_b, square_b, product = np.fft.irfft2(products, size)
    count = np.maximum(np.rint(count), 1)
    variance_a, variance_b = (np.maximum(s - t * t / count, 0) for s, t in ((square_a, sum_a), (square_b, sum_b)))
    covariance = product - sum_a * sum_b / count
    noise = _NOISE * count
    correlation = covariance / np.sqrt((variance_a + noise) * (variance_b + noise))
    correlation[count < _OVERLAP * height * width] = -1
    row, column = np.unravel_index(int(correlation.argmax()), size)
    return int((column + width) % (2 * width) - width), int((row + height) % (2 * height) - height)


def _difference(a: Plane, b: Plane, flow: FlowField) -> float:
    """Return 1 minus the correlation of a with b warped along the flow, in small windows weighted by their texture.

    Correlation in windows is independent of exposure, even if a flash lights only one side.
    """
    columns, rows = np.meshgrid(np.arange(_WIDTH, dtype=np.float32), np.arange(_HEIGHT, dtype=np.float32))
    x, y = columns + flow[..., 0], rows + flow[..., 1]
    inside = (x > -1) & (x < _WIDTH) & (y > -1) & (y < _HEIGHT)
    if inside.mean() < 0.5:  # too little overlap for a comparison
        return 1.0
    warped = np.asarray(cv2.remap(b, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE), np.float32)
    mean_a, mean_b = _window_mean(a), _window_mean(warped)
    variance_a = np.maximum(_window_mean(a * a) - mean_a**2, 0)
    variance_b = np.maximum(_window_mean(warped * warped) - mean_b**2, 0)
    covariance = _window_mean(a * warped) - mean_a * mean_b
    correlation = (covariance + _NOISE) / np.sqrt((variance_a + _NOISE) * (variance_b + _NOISE))
    texture = np.maximum(variance_a, variance_b)
    weight = (texture / (texture + _TEXTURE) + 1e-3) * inside * _letterbox_weight(np.maximum(a, b)) + 1e-6
    return 1 - float(np.average(correlation, weights=weight))


def _letterbox_weight(brighter: Plane) -> ByteImage:
    """Return 1 for windows without a black row or column, else 0.

    The bars of a letterbox look alike in all scenes, so they must not count.
    """
    lit = brighter > _BLACK
    picture = np.asarray(lit.any(axis=1, keepdims=True) & lit.any(axis=0), np.uint8)
    window = np.ones((_WINDOW, _WINDOW), np.uint8)
    return np.asarray(cv2.erode(picture, window, borderType=cv2.BORDER_CONSTANT, borderValue=1))


def _window_mean(picture: Plane) -> Plane:
    return np.asarray(cv2.blur(picture, (_WINDOW, _WINDOW), borderType=cv2.BORDER_REPLICATE))

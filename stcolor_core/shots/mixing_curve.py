"""Fit the curve along which two scenes mix, so that the ends of a dissolve are found although things move.

In a dissolve with the share a(t) of the second scene, the luminance of every region is (1 - a) A + a B. The energy of
its gradients is (1 - a)^2 A + a^2 B, since the details of two scenes are unrelated. Both hold however fast things move,
as long as A and B themselves drift evenly. Given the ends of the ramp, A, B and their drifts are a linear least squares
problem for each region, and the ends with the least residual are the best. The second law is the one by which Meng,
Juan and Chang (Scene change detection in a MPEG compressed video sequence, 1995) find dissolves: the variance of a
picture that dissolves is a parabola.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from stcolor_core.arrays import Plane
from stcolor_core.images.color import luminance_of

__all__ = ["WINDOW", "MixingCurve", "PictureMeasures", "fit_fade_curve", "fit_mixing_curve", "measure_picture"]

_SEARCHED = 6  # frames by which an end is searched on either side of where it was assumed
_PURE = 10  # frames beyond these that show one scene alone
WINDOW = _SEARCHED + _PURE
"""Frames on either side of a stretch that are read to fit its curve."""
_ROUNDS = 2  # the second one searches around the ends that the first one found
_LEVELS = (8, 5)  # columns and rows of regions whose mean luminance is compared
_DETAILS = (4, 3)  # of regions whose gradients are compared
_SCALES = (1, 2, 4)  # at which there are gradients
_LEAST = 1e-3  # share of a region's variance that counts as noise


@dataclass(frozen=True)
class PictureMeasures:
    """What is compared of a frame, in L* and in linear light, which are the two ways to mix.

    Attributes:
        levels: Mean luminance of regions, shape (2, 40).
        details: Mean squared gradient of regions at three scales, shape (2, 36).
    """

    levels: NDArray[np.float64]
    details: NDArray[np.float64]


@dataclass(frozen=True)
class MixingCurve:
    """The best ramp.

    Attributes:
        first: The first mixed frame.
        last: The last one.
        misfit: Mean logarithm of the share of the regions' variances that it leaves unexplained, levels and details
            summed: 0 for frames that do not mix at all, about -7 for a dissolve.
    """

    first: int
    last: int
    misfit: float


def measure_picture(thumbnail: Plane) -> PictureMeasures:
    """Return what is compared of a frame.

    Args:
        thumbnail: L*, as `cuts.shrink` returns it.
    """
    levels, details = [], []
    for picture in (np.asarray(thumbnail, np.float32), luminance_of(thumbnail)):
        levels.append(cv2.resize(picture, _LEVELS, interpolation=cv2.INTER_AREA).ravel())
        details.append(np.concatenate([_energy(picture, scale) for scale in _SCALES]))
    return PictureMeasures(np.array(levels, np.float64), np.array(details, np.float64))


def fit_mixing_curve(
    measures: Callable[[int], PictureMeasures], scenes: range, first: int, last: int, *, longest: int
) -> MixingCurve | None:
    """Return the ramp, straight or eased, that explains the frames around a stretch best; None if there is no room.

    Args:
        measures: Returns the measures of a frame by its index.
        scenes: Indices of the frames of both scenes; others are not looked at.
        first: Index of the first frame that is assumed to be mixed.
        last: That of the last one.
        longest: Most frames of a dissolve.
    """
    found: MixingCurve | None = None
    for _ in range(_ROUNDS):
        start, stop = max(scenes.start, first - WINDOW), min(scenes.stop, last + WINDOW + 1)
        firsts = np.arange(max(start + 1, first - _SEARCHED), first + _SEARCHED + 1)
        lasts = np.arange(last - _SEARCHED, min(stop - 2, last + _SEARCHED) + 1)
        pairs = np.array([(a, b) for a in firsts for b in lasts if 1 <= b - a < longest])
        if not len(pairs):
            return found
        window = [measures(index) for index in range(start, stop)]
        shares = _ramps(np.arange(start, stop), pairs)
        misfits = _misfits(window, np.concatenate([shares, shares**2 * (3 - 2 * shares)])).reshape(2, -1).min(axis=0)
        best = int(misfits.argmin())
        found = MixingCurve(int(pairs[best, 0]), int(pairs[best, 1]), float(misfits[best]))
        if (found.first, found.last) == (first, last):
            break
        first, last = found.first, found.last
    return found


def fit_fade_curve(measures: Callable[[int], PictureMeasures], room: int, frames: int, *, longest: int) -> int:
    """Return how many frames the fade between a scene and a blank picture has that explains the pictures best.

    Only straight fades are tried: an eased one of more frames looks like these (benchmarks/measured/shots.md).

    Args:
        measures: Returns the measures of a frame by its distance from the blank picture, from 1.
        room: The number of frames on this side of the blank picture.
        frames: How many the fade is assumed to have.
        longest: Most frames of a fade.
    """
    counts = np.arange(max(1, frames - _SEARCHED), min(room - 1, longest, frames + _SEARCHED) + 1)
    if not len(counts):
        return frames
    away = np.arange(1, min(room, frames + WINDOW) + 1)
    shares = np.clip(away / (counts[:, None] + 1), 0, 1)
    window = [measures(int(distance)) for distance in away]
    return int(counts[int(_misfits(window, shares, blank=True).argmin())])


def _energy(picture: Plane, scale: int) -> NDArray[np.float32]:
    """Return the mean squared gradient in each region of a picture that is shrunk first."""
    rows, columns = picture.shape
    small = cv2.resize(picture, (columns // scale, rows // scale), interpolation=cv2.INTER_AREA)
    squared = np.diff(small, axis=1)[:-1] ** 2 + np.diff(small, axis=0)[:, :-1] ** 2
    return np.asarray(cv2.resize(squared, _DETAILS, interpolation=cv2.INTER_AREA), np.float32).ravel()


def _ramps(frames: NDArray[np.int_], pairs: NDArray[np.int_]) -> NDArray[np.float64]:
    """Return the shares of the second scene in each frame for each pair of ends, shape (N, T)."""
    firsts, lasts = pairs[:, :1], pairs[:, 1:]
    return np.asarray(np.clip((frames - firsts + 1) / (lasts - firsts + 2), 0, 1))


def _misfits(window: list[PictureMeasures], shares: NDArray[np.float64], *, blank: bool = False) -> NDArray[np.float64]:
    """Return the misfit of each ramp, shape (N,): in L* or linear light, whichever is less.

    Args:
        window: The measures of T frames.
        shares: The shares of the second scene in these for each ramp, shape (N, T).
        blank: Whether the first scene is a blank picture, which neither drifts nor has details.
    """
    time = np.linspace(-0.5, 0.5, len(window))
    other, drift, still = shares, shares * time, 1 - shares
    mixed = [other, drift, still] if blank else [other, drift, still, still * time]
    squared = [shares * part for part in (other, drift)]
    if not blank:
        squared += [still * part for part in (still, still * time)]
    bases = [np.linalg.qr(np.stack(parts, axis=-1))[0] for parts in (mixed, squared)]
    levels, details = np.stack([each.levels for each in window], 1), np.stack([each.details for each in window], 1)
    found = [
        _unexplained(level, bases[0]) + _unexplained(detail, bases[1])
        for level, detail in zip(levels, details, strict=True)
    ]
    return np.asarray(np.minimum(*found))


def _unexplained(values: NDArray[np.float64], bases: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the mean logarithm of the share of variance that each basis leaves of the values (T, C), shape (N,)."""
    explained = np.square(np.swapaxes(bases, 1, 2) @ values).sum(axis=1)
    variance = np.square(values - values.mean(axis=0)).sum(axis=0) + 1e-9
    left = np.maximum(np.square(values).sum(axis=0) - explained, 0)
    return np.asarray(np.log(left / variance + _LEAST).mean(axis=1))

"""Models of how a picture's light differs from the plate's: a tone curve, another light and sharpness.

A model is fitted to luminance alone, since that is what the plate has, and then applied to the colour. Which models
hold is not assumed: they are tried in turn, and the one that explains the luminance best is taken if it leaves at most
four fifths of the difference.

- Curve: each of R, G and B went through one curve, c -> lift + gain * c^gamma in encoded values. Undone on all three,
  which restores saturation too. Decoded twice is a curve of its own.
- Light: linear light was multiplied by a smooth field g(x). CIELAB then scales by g^(1/3) about (-16, 0, 0), hue kept.
- Sharpness: the picture was sharpened or softened. Undone by a sum of Gaussians, fitted by least squares.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from stcolor_core.arrays import Image, Mask, Plane, Vector
from stcolor_core.images.color import LUMINANCE, lab_to_linear, linear_to_lab, srgb_encode
from stcolor_core.images.resizing import resize

__all__ = ["GRAIN_SMOOTHED", "Sharpness", "Tone", "difference", "fit_curve", "fit_tone"]

_WORTHWHILE = 0.8  # a model is taken if it leaves at most this share of the difference
# L*: least improvement that a model must bring. Colour that a paint program put on the plate differs by up to 1.3 on
# average, since it keeps another luma, and a field of light explains up to 0.7 of that (benchmarks/keyframes.py, row
# "painted"). That is no other light, and the artist's colour must stay as it is.
_LEAST_GAIN = {"encoding": 0.8, "curve": 0.8, "light": 0.8, "sharpness": 0.1}
_MOST_DIFFERENCE = 8.0  # L*; larger differences are other content and count as this much
_MODELS = 3  # each kind at most once
_SAMPLES = 20000
_ENCODED = 2.4  # exponent of the curve's axis
# Lift, gain and gamma from which the curve is sought, since pictures that were converted twice or are logarithmic are
# so far off that the way from no change ends elsewhere; and their bounds.
_STARTS = ((0.0, 1.0, 1.0), (0.0, 1.0, 0.5), (0.0, 1.0, 2.0), (-0.4, 1.5, 1.0))
_BOUNDS = np.array([-1.0, 0.3, 0.25]), np.array([0.5, 4.0, 6.0])
_DARKEST = 0.003  # luminance below which differences of L* are not trusted
_LIGHT_SIGMA = 0.1  # of the height: a change of light is smoother than this, texture is not
_BLACK = np.array([16, 0, 0], np.float32)  # minus the point that CIELAB scales about
_SHARPNESS_SIGMAS = (0.7, 1.5, 3.0)  # px at 216 lines
_SHARPER = 1.05  # times the plate's detail: sharpened pictures have 1.2 to 1.7, grained ones 1.00
GRAIN_SMOOTHED = "its grain smoothed"  # as it is said to the artist


class Tone(Protocol):
    """A fitted model of how the light of a picture differs from the plate's."""

    @property
    def name(self) -> str:
        """Return what was done, as it is said to the artist."""

    def apply(self, lab: Image) -> Image:
        """Return a picture as it would be in the plate's light.

        Args:
            lab: CIELAB, shape (H, W, 3), at any size.
        """


@dataclass(frozen=True)
class _Curve:
    """lift + gain * c^gamma on encoded R, G and B."""

    lift: float
    gain: float
    gamma: float
    name: str = "its tone curve matched"

    def apply(self, lab: Image) -> Image:
        return np.asarray(linear_to_lab(self.on_linear(lab_to_linear(lab))), np.float32)

    def on_linear(self, rgb: NDArray[np.floating]) -> NDArray[np.floating]:
        """Return linear light after the curve; what is out of gamut on the dark side stays as far out."""
        encoded = np.abs(rgb) ** (1 / _ENCODED)
        curved = np.maximum(self.lift + self.gain * encoded**self.gamma, 0) ** _ENCODED
        return np.where(rgb < 0, rgb, curved)


@dataclass(frozen=True)
class _Encoding:
    """The encoding of sRGB, for a picture whose values were linear already and were decoded as sRGB once more."""

    name: str = "its tone curve matched"

    def apply(self, lab: Image) -> Image:
        rgb = lab_to_linear(lab)
        return np.asarray(linear_to_lab(np.where(rgb < 0, rgb, srgb_encode(np.maximum(rgb, 0)))), np.float32)


@dataclass(frozen=True)
class _Light:
    """The cube root of the ratio of linear light, shape (h, w)."""

    ratio: Plane
    name: str = "relit to the plate's light"

    def apply(self, lab: Image) -> Image:
        ratio = resize(self.ratio, lab.shape[:2])[..., None]
        return np.asarray((lab + _BLACK) * ratio - _BLACK, np.float32)


@dataclass(frozen=True)
class Sharpness:
    """A sum of Gaussians: weights of (blurred - picture) for each sigma, and the height at which the sigmas hold.

    Attributes:
        weights: One for each of the sigmas.
        lines: Height of the picture that they were fitted on.
        name: What was done, as it is said to the artist.
    """

    weights: Vector
    lines: int
    name: str

    def apply(self, lab: Image) -> Image:
        """Return a picture as sharp as the plate.

        Args:
            lab: CIELAB, shape (H, W, 3), at any size.
        """
        result = lab.copy()
        for weight, sigma in zip(self.weights, _sharpness_sigmas(self.lines), strict=True):
            result += weight * (cv2.GaussianBlur(lab, (0, 0), sigma * len(lab) / self.lines) - lab)
        return result


def fit_tone(lab: Image, lightness: Plane, known: Mask) -> tuple[Tone, ...]:
    """Return the models that explain how a picture's luminance differs from the plate's, in the order to apply them.

    Args:
        lab: The picture in CIELAB, aligned with the plate, shape (H, W, 3).
        lightness: The plate's L*, shape (H, W), 0..100.
        known: Pixels to compare, shape (H, W), bool.

    Returns:
        The models; empty if the luminance is the same, or differs in a way that none of them explains.
    """
    fits: dict[str, Callable[[Image, Plane, Mask], Tone]] = {
        "encoding": lambda *_: _Encoding(),
        "curve": _fit_curve,
        "light": _fit_light,
        "sharpness": _fit_sharpness,
    }
    tones: list[Tone] = []
    current, left = lab, difference(lab, lightness, known)
    for _ in range(_MODELS):
        tried = {kind: fit(current, lightness, known) for kind, fit in fits.items()}
        applied = {kind: tone.apply(current) for kind, tone in tried.items()}
        scores = {kind: difference(picture, lightness, known) for kind, picture in applied.items()}
        worthwhile = [
            kind for kind, score in scores.items() if score <= min(_WORTHWHILE * left, left - _LEAST_GAIN[kind])
        ]
        if not worthwhile:
            break
        best = min(worthwhile, key=lambda kind: scores[kind])
        tones.append(tried[best])
        current, left = applied[best], scores[best]
        del fits[best]
    return tuple(tones)


def difference(lab: Image, lightness: Plane, known: Mask) -> float:
    """Return the mean difference of L*, each pixel's at most 8.

    Args:
        lab: The picture in CIELAB, shape (H, W, 3).
        lightness: The plate's L*, shape (H, W), 0..100.
        known: Pixels to compare, shape (H, W), bool.
    """
    return float(np.minimum(np.abs(lab[..., 0] - lightness), _MOST_DIFFERENCE)[known].mean()) if known.any() else 0.0


def fit_curve(lab: Image, lightness: Plane, known: Mask) -> Tone:
    """Return the tone curve that explains best how a picture's luminance differs from the plate's, however badly.

    Args:
        lab: The picture in CIELAB, aligned with the plate, shape (H, W, 3).
        lightness: The plate's L*, shape (H, W), 0..100.
        known: Pixels to compare, shape (H, W), bool.
    """
    return _fit_curve(lab, lightness, known)


def _fit_curve(lab: Image, lightness: Plane, known: Mask) -> Tone:
    """Fit lift, gain and gamma by robust Gauss-Newton steps on L*."""
    places = np.flatnonzero(known & (lightness < 95))
    places = places[:: max(1, len(places) // _SAMPLES)]
    rgb = lab_to_linear(lab.reshape(-1, 3)[places].astype(np.float64))
    target = lightness.ravel()[places].astype(np.float64)
    if len(places) < 100:
        return _Curve(0.0, 1.0, 1.0)
    found = [_solve_curve(rgb, target, start) for start in _STARTS]
    best = min(
        found, key=lambda each: np.minimum(np.abs(_curve_lightness(each, rgb) - target), _MOST_DIFFERENCE).mean()
    )
    lift, gain, gamma = map(float, best)
    return _Curve(lift, gain, gamma)


def _solve_curve(
    rgb: NDArray[np.float64], target: NDArray[np.float64], start: tuple[float, float, float]
) -> NDArray[np.float64]:
    parameters, weight = np.array(start), np.ones(len(target))
    for _ in range(12):
        apart = _curve_lightness(parameters, rgb) - target
        weight = 1 / np.sqrt(np.maximum(1, np.abs(apart) / 2))
        steps = 1e-4 * np.eye(3)
        slopes = np.stack(
            [(_curve_lightness(parameters + step, rgb) - target - apart) / 1e-4 for step in steps], axis=1
        )
        move = np.linalg.lstsq(slopes * weight[:, None], -apart * weight, rcond=None)[0]
        parameters = np.clip(parameters + move, *_BOUNDS)
        if np.abs(move).max() < 1e-4:
            break
    return np.asarray(parameters, np.float64)


def _curve_lightness(parameters: NDArray[np.float64], rgb: NDArray[np.float64]) -> NDArray[np.float64]:
    lift, gain, gamma = map(float, parameters)
    luminance = _Curve(lift, gain, gamma).on_linear(rgb) @ np.array(LUMINANCE)
    return np.asarray(116 * np.cbrt(np.maximum(luminance, _DARKEST)) - 16)


def _fit_light(lab: Image, lightness: Plane, known: Mask) -> Tone:
    """Fit a smooth field of light, robustly, with little weight on what is dark."""
    sigma = _LIGHT_SIGMA * len(lab)
    apart = np.log(np.maximum(lightness, 0) + 16) - np.log(np.maximum(lab[..., 0], 0) + 16)
    trust = known * np.clip(np.minimum(lightness, lab[..., 0]) / 20, 0.02, 1)
    weight = trust.astype(np.float32)
    for _ in range(3):
        total = np.maximum(cv2.GaussianBlur(weight, (0, 0), sigma), 1e-6)
        field = cv2.GaussianBlur((apart * weight).astype(np.float32), (0, 0), sigma) / total
        weight = (trust / np.maximum(1, np.abs(apart - field) / 0.05)).astype(np.float32)
    return _Light(np.asarray(np.exp(np.clip(field, -0.7, 0.7)), np.float32))


def _fit_sharpness(lab: Image, lightness: Plane, known: Mask) -> Tone:
    """Fit the weights of the blurred pictures by robust least squares on L*."""
    lines, light = len(lab), np.ascontiguousarray(lab[..., 0])
    counted = known & (lightness < 97) & (light < 97)
    columns = [(cv2.GaussianBlur(light, (0, 0), sigma) - light)[counted] for sigma in _sharpness_sigmas(lines)]
    basis, target = np.stack(columns, axis=1).astype(np.float64), (lightness - light)[counted].astype(np.float64)
    weight, weights = np.ones(len(target)), np.zeros(len(columns))
    ridge = 0.01 * np.sqrt(max(1, len(target))) * np.eye(len(columns))
    for _ in range(3):
        rows = np.vstack([basis * weight[:, None], ridge])
        weights = np.linalg.lstsq(rows, np.concatenate([target * weight, np.zeros(len(columns))]), rcond=None)[0]
        weight = 1 / np.sqrt(np.maximum(1, np.abs(basis @ weights - target) / 2))
    softer = np.var(basis @ weights + light[counted]) < np.var(light[counted]) if counted.any() else True
    if softer and not _is_sharper(light, lightness, counted):
        name = GRAIN_SMOOTHED
    else:
        name = "its sharpening undone" if softer else "its softness undone"
    return Sharpness(weights.astype(np.float32), lines, name)


def _is_sharper(light: Plane, lightness: Plane, counted: Mask) -> bool:
    """Return whether the plate's own detail is stronger in a picture, which grain leaves as strong as it was."""
    for sigma in _sharpness_sigmas(len(light)):
        own, plate = (plane - cv2.GaussianBlur(plane, (0, 0), sigma) for plane in (light, lightness))
        shared = float((own * plate)[counted].sum(dtype=np.float64))
        if shared > _SHARPER * float(np.square(plate[counted]).sum(dtype=np.float64)):
            return True
    return False


def _sharpness_sigmas(lines: int) -> list[float]:
    return [sigma * max(1.0, lines / 216) for sigma in _SHARPNESS_SIGMAS]

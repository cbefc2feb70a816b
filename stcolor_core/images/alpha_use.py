"""Whether a picture's colour was multiplied by its alpha, and how: files do not say it, or say it wrongly.

Along a soft edge the colour of what was painted goes on as it is inside: that is how one tells. Either the colour
itself does, as of flat paint, or the plate's light does on which it was painted. Of the ways in which the colour may
have been stored, the right one leaves it most like that of the nearest solid pixel.
"""

from __future__ import annotations

from typing import Literal, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from stcolor_core.arrays import Image, Mask, Pixels, Plane, Vector
from stcolor_core.images.color import roll_off, srgb_decode, srgb_encode
from stcolor_core.images.color_curves import as_three_channels
from stcolor_core.images.color_pipe import ColorPipe
from stcolor_core.images.nearest import nearest_in
from stcolor_core.images.plates import ALPHA_STEP

__all__ = ["AlphaUse", "find_alpha_use", "unpremultiply"]

AlphaUse: TypeAlias = Literal["straight", "coded", "linear"]
"""How colour was stored: as it is, its code values times alpha (as paint programs do), or its light (as Nuke does).

The code values are the file's own, or those of sRGB in a file of linear light."""

_LEAST, _MOST = 0.1, 0.9  # of the largest alpha, between which a pixel is soft; above, it is solid
_ANY_SOFT = 0.99  # alpha below which a picture that is translucent all over is soft
_CLEARLY = 1.25  # ratio of two errors from which the smaller one decides
_PLAINLY = 3.0  # the same of code values in a file of linear light
_LEAST_ERROR = 0.5  # in CIELAB; what two ways leave below it differs by rounding alone
_COMPARED = 20_000  # soft pixels, drawn evenly
_FARTHEST = 60.0  # in CIELAB; a larger distance says no more
_ROUNDED = 1.5 / 255  # by which a channel of 8 bits that was multiplied by alpha may exceed it
_TOO_BRIGHT = 0.05  # share of the soft pixels that exceed it by more; others may be stray
_EVEN = 0.5  # L*, deviation of what has no texture
_ALIKE = 0.5  # correlation of a picture that shows what the plate does
_SOLID = 0.98  # quantile of the alpha that counts as the largest, so that stray pixels do not


class _Comparison(NamedTuple):
    """Soft pixels, and the nearest solid one of each.

    Attributes:
        soft: Their values and alpha, shapes (N, 1, C) and (N, 1).
        solid: The same of their solid neighbours.
        light: The plate's L* at both, shape (N, 1) each; NaN where it does not reach.
    """

    soft: tuple[Pixels, Plane]
    solid: tuple[Pixels, Plane]
    light: tuple[Plane, Plane]


def unpremultiply(pixels: Pixels, alpha: Plane, use: AlphaUse, pipe: ColorPipe) -> Pixels:
    """Return pixels as if they had not been multiplied by their alpha; as they are where it is 0.

    Args:
        pixels: Values of shape (H, W, C) in the file's coding.
        alpha: Alpha of shape (H, W), 0..1.
        use: How the colour was multiplied.
        pipe: The file's colour space.

    Returns:
        Values in the file's coding; of three channels if light has to be computed.
    """
    if use == "straight":
        return pixels
    divisor = np.where(alpha < ALPHA_STEP, 1, alpha)[..., None]
    if use == "coded" and pipe.space.is_linear:
        return np.asarray(srgb_decode(np.asarray(srgb_encode(pixels) / divisor, np.float32)), np.float32)
    if use == "coded" or pipe.space.is_linear:
        return np.asarray(pixels / divisor, np.float32)
    light = pipe.space.decode(as_three_channels(pixels)) / divisor
    return np.asarray(pipe.space.encode(np.asarray(light, np.float32)), np.float32)


def find_alpha_use(
    pixels: Pixels, alpha: Plane, pipe: ColorPipe, *, plate: Plane, integer: bool, usual: AlphaUse
) -> AlphaUse:
    """Return how a picture's colour was multiplied by its alpha.

    Args:
        pixels: Values of shape (H, W, C), C 1 or 3, in the file's coding.
        alpha: Alpha of shape (H, W), 0..1.
        pipe: The file's colour space.
        plate: L* of the plate where the picture lies, shape (H, W), 0..100; NaN beyond the plate.
        integer: Whether the file holds integers, so that no value is above 1.
        usual: How files of its format usually have it, taken if nothing tells.
    """
    largest = float(np.quantile(alpha[alpha > 0], _SOLID)) if (alpha > 0).any() else 0.0
    soft = (alpha > _LEAST * largest) & (alpha < _MOST * largest)
    has_edge = bool(soft.any())
    if not has_edge:
        soft = (alpha > _LEAST) & (alpha < _ANY_SOFT)
    if not soft.any():
        return usual
    compared = _compare(pixels, alpha, plate, soft, alpha >= _MOST * largest)
    uses: tuple[AlphaUse, ...] = ("straight", "coded", "linear")
    if pipe.space.is_linear and not has_edge:
        uses = ("straight", "linear")
    if integer:
        uses = tuple(use for use in uses if not _is_too_bright(*compared.soft, use, pipe))
    judge = _distance_to_solid if has_edge else _distance_to_plate
    errors = {use: judge(compared, use, pipe) for use in uses}
    if pipe.space.is_linear and "coded" in uses:  # few do that, so that it must be plain
        others = min(errors["straight"], errors["linear"])
        if _PLAINLY * max(errors["coded"], _LEAST_ERROR) > others:
            errors["coded"] = np.inf
    likely = [use for use in uses if np.isfinite(errors[use])]
    if not likely:
        return usual if usual in uses else uses[0]
    least = min(errors[use] for use in likely)
    close = [use for use in likely if errors[use] <= max(_CLEARLY * least, least + _LEAST_ERROR)]
    return usual if usual in close else min(close, key=errors.__getitem__)


def _compare(pixels: Pixels, alpha: Plane, plate: Plane, soft: Mask, solid: Mask) -> _Comparison:
    """Return soft pixels, drawn evenly, beside the nearest solid one of each."""
    rows, columns = np.nonzero(soft)
    step = -(-len(rows) // _COMPARED)
    rows, columns = rows[::step], columns[::step]
    near = np.stack(np.unravel_index(nearest_in(solid)[rows, columns], solid.shape), axis=-1)

    def at(rows: NDArray[np.int64], columns: NDArray[np.int64]) -> tuple[tuple[Pixels, Plane], Plane]:
        return (pixels[rows, columns][:, None], alpha[rows, columns][:, None]), plate[rows, columns][:, None]

    (own, light), (other, other_light) = at(rows, columns), at(near[:, 0], near[:, 1])
    return _Comparison(own, other, (light, other_light))


def _is_too_bright(pixels: Pixels, alpha: Plane, use: AlphaUse, pipe: ColorPipe) -> bool:
    """Return whether code values of 0..1 cannot have been multiplied by alpha in this way, as they are above it."""
    if use == "straight":
        return False
    limit = alpha
    if use == "linear" and not pipe.space.is_linear:
        white = pipe.space.decode(np.ones((1, 1, 3), np.float32))
        limit = pipe.space.encode(np.asarray(white * alpha[..., None], np.float32)).max(axis=-1)
    return float((pixels.max(axis=-1) > limit + _ROUNDED).mean()) > _TOO_BRIGHT


def _distance_to_solid(compared: _Comparison, use: AlphaUse, pipe: ColorPipe) -> float:
    """Return how far the colour of soft pixels is from that of solid ones, or its light from what the plate's does."""
    own, solid = (_lab(*pixels, use, pipe) for pixels in (compared.soft, compared.solid))
    by_color = np.minimum(np.linalg.norm(own - solid, axis=-1), _FARTHEST)
    means = [float(by_color.mean())]
    by_plate = np.abs((own[..., 0] - compared.light[0]) - (solid[..., 0] - compared.light[1]))
    on_plate = np.isfinite(by_plate)
    if _is_alike(solid[on_plate][:, 0], compared.light[1][on_plate]):
        means.append(float(np.minimum(by_plate[on_plate], _FARTHEST).mean()))
    return min(means)


def _is_alike(own: Vector, plate: Vector) -> bool:
    """Return whether L* of a picture follows that of the plate, each of shape (N)."""
    if len(own) < 2 or min(own.std(), plate.std()) < _EVEN:
        return False
    return float(np.corrcoef(own, plate)[0, 1]) >= _ALIKE


def _distance_to_plate(compared: _Comparison, use: AlphaUse, pipe: ColorPipe) -> float:
    """Return how far the light of soft pixels is from the plate's; infinite if none lies on it."""
    distance = np.abs(_lab(*compared.soft, use, pipe)[..., 0] - compared.light[0])
    on_plate = np.isfinite(distance)
    return float(np.minimum(distance[on_plate], _FARTHEST).mean()) if on_plate.any() else float("inf")


def _lab(pixels: Pixels, alpha: Plane, use: AlphaUse, pipe: ColorPipe) -> Image:
    """Return CIELAB with the plate's L*, 0..100."""
    lab = pipe.lab(unpremultiply(pixels, alpha, use, pipe))
    return np.asarray(np.concatenate([roll_off(lab[..., :1]), lab[..., 1:]], axis=-1), np.float32)

"""The colour of a movie by its tags: primaries, transfer, matrix and range, as ITU-T H.273 (2024) numbers them.

A tag's transfer function is taken as H.273 defines it: light from the scene for BT.709, BT.601 and BT.2020, as Nuke's
"rec709" does. Tags with no such definition for scene light (PQ, HLG, log) have no default.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stcolor_core.errors import UnknownSpace
from stcolor_core.images.color import srgb_decode, srgb_encode
from stcolor_core.images.ocio import Space
from stcolor_core.remedies import advise

__all__ = ["ColorTags", "luma_weights", "tagged_space"]

Array = NDArray[Any]

_UNSPECIFIED, _RESERVED = 2, (0, 3)
_HD_LINES = 720  # untagged video of fewer lines is taken as BT.601, others as BT.709, as players do

# Chromaticities x, y of R, G and B; all of these have the white point D65 (H.273, table 2).
_PRIMARIES = {
    1: ("Rec. 709", ((0.640, 0.330), (0.300, 0.600), (0.150, 0.060))),
    5: ("BT.601 625", ((0.640, 0.330), (0.290, 0.600), (0.150, 0.060))),
    6: ("BT.601 525", ((0.630, 0.340), (0.310, 0.595), (0.155, 0.070))),
    7: ("SMPTE 240M", ((0.630, 0.340), (0.310, 0.595), (0.155, 0.070))),
    9: ("Rec. 2020", ((0.708, 0.292), (0.170, 0.797), (0.131, 0.046))),
    12: ("P3-D65", ((0.680, 0.320), (0.265, 0.690), (0.150, 0.060))),
}
_D65 = (0.3127, 0.3290)
# Weights of R and B in luma (H.273, table 4).
_LUMA = {1: (0.2126, 0.0722), 4: (0.30, 0.11), 5: (0.299, 0.114), 6: (0.299, 0.114), 7: (0.212, 0.087)}
_LUMA[9] = (0.2627, 0.0593)

_ALPHA, _BETA = 1.09929682680944, 0.018053968510807  # of BT.709 and BT.2020, with the digits of H.273


def _rec709_encode(linear: Array) -> Array:
    magnitude = np.abs(linear)
    curve = np.where(magnitude < _BETA, 4.5 * magnitude, _ALPHA * np.maximum(magnitude, _BETA) ** 0.45 - (_ALPHA - 1))
    return np.copysign(curve, linear)


def _rec709_decode(encoded: Array) -> Array:
    magnitude = np.abs(encoded)
    high = ((np.maximum(magnitude, 4.5 * _BETA) + (_ALPHA - 1)) / _ALPHA) ** (1 / 0.45)
    return np.copysign(np.where(magnitude < 4.5 * _BETA, magnitude / 4.5, high), encoded)


def _power(gamma: float) -> tuple[Callable[[Array], Array], Callable[[Array], Array]]:
    def decode(encoded: Array) -> Array:
        return np.copysign(np.abs(encoded) ** gamma, encoded)

    def encode(linear: Array) -> Array:
        return np.copysign(np.abs(linear) ** (1 / gamma), linear)

    return decode, encode


_REC709 = ("BT.709 curve", _rec709_decode, _rec709_encode)
_TRANSFERS: dict[int, tuple[str, Callable[[Array], Array], Callable[[Array], Array]]] = {
    1: _REC709,
    4: ("gamma 2.2", *_power(2.2)),
    5: ("gamma 2.8", *_power(2.8)),
    6: _REC709,
    8: ("linear", np.asarray, np.asarray),
    13: ("sRGB curve", srgb_decode, srgb_encode),
    14: _REC709,
    15: _REC709,
}
_NAMED = {9: "log", 10: "log", 16: "PQ", 18: "HLG"}


@dataclass(frozen=True)
class ColorTags:
    """What a movie says of its colour, with assumptions for what it leaves open.

    Attributes:
        primaries: ColourPrimaries of H.273.
        transfer: TransferCharacteristics of H.273.
        matrix: MatrixCoefficients of H.273; 0 for R, G and B.
        full_range: Whether black and white are the least and largest codes, rather than 16 and 235 of 255.
        assumed: Whether primaries or transfer are not tagged and thus assumed.
    """

    primaries: int
    transfer: int
    matrix: int
    full_range: bool
    assumed: bool = False

    @classmethod
    def complete(
        cls, *, primaries: int, transfer: int, matrix: int, full_range: bool | None, is_rgb: bool, lines: int
    ) -> ColorTags:
        """Return tags in which everything is decided.

        Untagged video is BT.709 from 720 lines and BT.601 below, of limited range; untagged R, G and B are sRGB, of
        full range.

        Args:
            primaries: The movie's tag; 2 for "unspecified".
            transfer: The movie's tag; 2 for "unspecified".
            matrix: The movie's tag; 2 for "unspecified".
            full_range: The movie's tag; None for "unspecified".
            is_rgb: Whether the movie stores R, G and B.
            lines: The movie's height.
        """
        untagged = (_UNSPECIFIED, *_RESERVED)
        assumed = primaries in untagged or transfer in untagged
        if primaries in untagged:
            primaries = 1
        if transfer in untagged:
            transfer = 13 if is_rgb else 1
        if is_rgb:
            matrix = 0
        elif matrix in untagged:
            matrix = 1 if lines >= _HD_LINES else 6
        return cls(primaries, transfer, matrix, is_rgb if full_range is None else full_range, assumed)

    def to_text(self) -> str:
        """Return primaries and transfer as the text that `tagged_space` takes."""
        return f"{self.primaries}/{self.transfer}{'/assumed' if self.assumed else ''}"


def luma_weights(matrix: int) -> tuple[float, float] | None:
    """Return the weights of R and B in luma; None if the matrix is not such a one (YCgCo, ICtCp, constant luminance).

    Args:
        matrix: MatrixCoefficients of H.273.
    """
    return _LUMA.get(matrix)


@lru_cache(maxsize=16)
def tagged_space(text: str, label: str) -> Space:
    """Return the colour space that a movie's tags name.

    Args:
        text: As `ColorTags.to_text` returns it.
        label: Names the movie in messages.

    Raises:
        UnknownSpace: If the tags name a curve or primaries that have no defined scene light here.
    """
    primaries, transfer = (int(number) for number in text.split("/")[:2])
    if transfer not in _TRANSFERS or primaries not in _PRIMARIES:
        what = _NAMED.get(transfer, f"primaries {primaries} and transfer {transfer} of H.273")
        raise UnknownSpace(
            f"{label} is tagged as {what}, which has no default colour space. {advise('movie_colorspace')}."
        )
    gamut, chromaticities = _PRIMARIES[primaries]
    curve, decode, encode = _TRANSFERS[transfer]
    to_709 = _matrix_to_709(chromaticities)
    from_709 = np.linalg.inv(to_709)

    if primaries == 1:
        return Space(f"{gamut}, {curve}", f"H.273 1/{transfer}", decode, encode, is_linear=transfer == 8)

    def to_light(encoded: NDArray[np.float32]) -> NDArray[np.float32]:
        return np.asarray(decode(encoded) @ to_709.T.astype(encoded.dtype), encoded.dtype)

    def from_light(linear: NDArray[np.float32]) -> NDArray[np.float32]:
        return np.asarray(encode(linear @ from_709.T.astype(linear.dtype)), linear.dtype)

    return Space(f"{gamut}, {curve}", f"H.273 {primaries}/{transfer}", to_light, from_light, is_linear=transfer == 8)


def _matrix_to_709(chromaticities: tuple[tuple[float, float], ...]) -> NDArray[np.float64]:
    """Return the matrix from linear R, G and B of some primaries with white D65 to linear Rec.709 (SMPTE RP 177)."""
    return np.asarray(np.linalg.inv(_to_xyz(_PRIMARIES[1][1])) @ _to_xyz(chromaticities))


def _to_xyz(chromaticities: tuple[tuple[float, float], ...]) -> NDArray[np.float64]:
    columns = np.array([[x / y, 1, (1 - x - y) / y] for x, y in chromaticities]).T
    x, y = _D65
    white = np.array([x / y, 1, (1 - x - y) / y])
    return np.asarray(columns * np.linalg.solve(columns, white))

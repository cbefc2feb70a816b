"""Damage a keyframe by a known amount, as other programs do: moved, scaled, relit, compressed, of another frame."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import cv2
import numpy as np
from numpy.typing import NDArray

from stcolor_core.arrays import Image
from stcolor_core.images.color import lab_to_srgb, linear_to_lab, srgb_decode, srgb_encode

KEY = 5  # index of the keyframe in a clip
WEIGHTS = np.array([0.2126, 0.7152, 0.0722], np.float32)  # of the luminance of Rec.709
Damage = Callable[[Sequence[Image]], Image]
Matrix = NDArray[np.float64]


def warped(picture: Image, matrix: Sequence[Sequence[float]]) -> Image:
    """Return the picture moved by a 2 x 3 matrix about its centre; what is outside repeats the border.

    Args:
        picture: Display RGB, (H, W, 3), 0..1.
        matrix: Maps a position (x, y) in the result, px from the centre, to its position in `picture`.
    """
    return np.clip(_resampled(picture, about_centre(matrix, picture.shape[:2])), 0, 1)


def about_centre(matrix: Sequence[Sequence[float]], size: tuple[int, int]) -> Matrix:
    """Return a 2 x 3 matrix of positions from the picture's centre as one of positions from its first pixel.

    Args:
        matrix: Maps a position (x, y), px from the centre, to another.
        size: Height and width of the picture, px.
    """
    centre = np.array([(size[1] - 1) / 2, (size[0] - 1) / 2])
    full = np.array(matrix, np.float64)
    full[:, 2] += centre - full[:, :2] @ centre
    return full


def _resampled(picture: Image, matrix: Matrix) -> Image:
    how = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
    return np.asarray(cv2.warpAffine(picture, matrix, picture.shape[1::-1], flags=how, borderMode=cv2.BORDER_REPLICATE))


def shift(picture: Image, x: float, y: float) -> Image:
    """Return the picture moved to the left and up.

    Args:
        picture: Display RGB, (H, W, 3), 0..1.
        x: px to the left; negative to the right.
        y: px up; negative down.
    """
    return warped(picture, [[1, 0, x], [0, 1, y]])


def scale(picture: Image, factor: float) -> Image:
    """Return the picture enlarged about its centre, at the same size in px.

    Args:
        picture: Display RGB, (H, W, 3), 0..1.
        factor: Above 1 enlarges, below 1 reduces.
    """
    return warped(picture, [[1 / factor, 0, 0], [0, 1 / factor, 0]])


def rotate(picture: Image, degrees: float) -> Image:
    """Return the picture rotated about its centre.

    Args:
        picture: Display RGB, (H, W, 3), 0..1.
        degrees: Angle, counter-clockwise.
    """
    return warped(picture, _turn(degrees))


def _turn(degrees: float) -> Sequence[Sequence[float]]:
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    return [[c, -s, 0], [s, c, 0]]


def lens(picture: Image, k: float) -> Image:
    """Return the picture with a barrel distortion that moves its corners by `k` of their distance to the centre.

    Args:
        picture: Display RGB, (H, W, 3), 0..1.
        k: Share of the distance; what is outside of the picture repeats its border.
    """
    height, width = picture.shape[:2]
    y, x = np.mgrid[:height, :width].astype(np.float32)
    x, y = x - (width - 1) / 2, y - (height - 1) / 2
    factor = 1 + k * (x * x + y * y) / ((width / 2) ** 2 + (height / 2) ** 2)
    across, down = x * factor + (width - 1) / 2, y * factor + (height - 1) / 2
    return np.clip(cv2.remap(picture, across, down, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE), 0, 1)


def sharpen(picture: Image, amount: float) -> Image:
    """Return the picture after an unsharp mask with a Gaussian of 1.5 px.

    Args:
        picture: Display RGB, (H, W, 3), 0..1.
        amount: Factor on the difference to the blurred picture, 0 for no change.
    """
    return np.clip(picture + amount * (picture - cv2.GaussianBlur(picture, (0, 0), 1.5)), 0, 1)


def relight(picture: Image, strength: float) -> Image:
    """Return the picture under another light, brighter on the left by `strength` stops and darker on the right.

    Args:
        picture: Display RGB, (H, W, 3), 0..1.
        strength: Limit of the change in stops, in linear light.
    """
    height, width = picture.shape[:2]
    y, x = np.mgrid[:height, :width].astype(np.float32) / width - 0.5
    light = 2.0 ** (-strength * np.tanh(2 * (x + 0.4 * y)))
    return np.clip(srgb_encode(srgb_decode(picture) * light[..., None]), 0, 1).astype(np.float32)


def jpeg(picture: Image, quality: int) -> Image:
    """Return the picture as JPEG gives it back.

    Args:
        picture: Display RGB, (H, W, 3), 0..1.
        quality: OpenCV's quality of JPEG, 0..100.
    """
    coded = cv2.imencode(
        ".jpg", np.rint(picture[..., ::-1] * 255).astype(np.uint8), [cv2.IMWRITE_JPEG_QUALITY, quality]
    )[1]
    return np.asarray(cv2.imdecode(coded, cv2.IMREAD_COLOR)[..., ::-1], np.float32) / 255


def half_size(picture: Image) -> Image:
    """Return the picture at half its width and height, by averaging over the pixel areas.

    Args:
        picture: Display RGB, (H, W, 3), 0..1.
    """
    return np.asarray(cv2.resize(picture, (picture.shape[1] // 2, picture.shape[0] // 2), interpolation=cv2.INTER_AREA))


def grain(picture: Image, sigma: float) -> Image:
    """Return the picture with Gaussian noise, the same at every call.

    Args:
        picture: Display RGB, (H, W, 3), 0..1.
        sigma: Standard deviation in levels of 255, for each channel by itself.
    """
    noise = np.random.default_rng(0).normal(0, sigma / 255, picture.shape).astype(np.float32)
    return np.clip(picture + noise, 0, 1)


def painted(picture: Image) -> Image:
    """Return the colour as a paint program's colour mode puts it on the grey plate: Rec.601 luma is kept.

    Args:
        picture: Display RGB, (H, W, 3), 0..1.
    """
    grey = srgb_encode(srgb_decode(picture) @ WEIGHTS)
    luma = picture @ np.array([0.299, 0.587, 0.114], np.float32)
    return np.clip(picture + (grey - luma)[..., None], 0, 1).astype(np.float32)


def painted_over(picture: Image, kept: str) -> Image:
    """Return hue and saturation of the colour over the grey plate's lightness of HSL, or its value of HSV.

    Args:
        picture: Display RGB, (H, W, 3), 0..1.
        kept: "HSL" or "HSV": the model whose lightness or value is the grey plate's.
    """
    grey = srgb_encode(srgb_decode(picture) @ WEIGHTS)[..., None]
    most, least = (end(axis=-1, keepdims=True) for end in (picture.max, picture.min))
    if kept == "HSV":
        return np.clip(picture * grey / np.maximum(most, 1e-4), 0, 1).astype(np.float32)
    light = (most + least) / 2
    color = (picture - light) / np.maximum(np.minimum(light, 1 - light), 1e-4)
    return np.clip(grey + color * np.minimum(grey, 1 - grey), 0, 1).astype(np.float32)


def everything(picture: Image) -> Image:
    """Return the picture as a generative editor gives it back: moved, enlarged, relit, sharpened and compressed.

    Args:
        picture: Display RGB, (H, W, 3), 0..1.
    """
    moved = shift(scale(picture, 1.02), 3.3, -2.4)
    return jpeg(sharpen(relight(moved, 0.35), 0.6), 75)


def posterise(picture: Image, levels: int) -> Image:
    """Return the picture with few levels in each channel.

    Args:
        picture: Display RGB, (H, W, 3), 0..1.
        levels: How many.
    """
    return np.asarray(np.rint(picture * (levels - 1)) / np.float32(levels - 1))


def slip_red(picture: Image, x: float, y: float) -> Image:
    """Return the picture with its red channel beside the others.

    Args:
        picture: Display RGB, (H, W, 3), 0..1.
        x: px to the left; negative to the right.
        y: px up; negative down.
    """
    return np.asarray(np.dstack([shift(picture, x, y)[..., :1], picture[..., 1:]]))


def on_key(change: Callable[[Image], Image]) -> Damage:
    """Return the damage that changes the keyframe's own picture.

    Args:
        change: Takes the exact picture, and returns the damaged one.
    """
    return lambda frames: change(frames[KEY])


DAMAGES: dict[str, Damage] = {
    "exact": on_key(lambda picture: picture),
    "painted": on_key(painted),
    "painted HSL": on_key(partial(painted_over, kept="HSL")),
    "painted HSV": on_key(partial(painted_over, kept="HSV")),
    "shift 4": on_key(lambda picture: shift(picture, 3.6, 1.7)),
    "shift 8": on_key(lambda picture: shift(picture, -7.3, 3.3)),
    "scale 3 %": on_key(lambda picture: scale(picture, 1.03)),
    "rotate 1": on_key(lambda picture: rotate(picture, 1)),
    "lens": on_key(lambda picture: lens(picture, 0.03)),
    "crop 8 %": on_key(lambda picture: shift(scale(picture, 1.08), 4.0, 2.0)),
    "next frame": lambda frames: frames[KEY + 1],
    "3 frames": lambda frames: frames[KEY + 3],
    "gamma 1.8": on_key(lambda picture: picture ** np.float32(1.8)),
    "sharpened": on_key(partial(sharpen, amount=1.0)),
    "relit": on_key(partial(relight, strength=0.5)),
    "grain": on_key(partial(grain, sigma=6)),
    "jpeg 60": on_key(partial(jpeg, quality=60)),
    "half size": on_key(half_size),
    "all": on_key(everything),
    "posterised": on_key(partial(posterise, levels=5)),
    "red slipped": on_key(partial(slip_red, x=3.0, y=-1.0)),
    "BGR": on_key(lambda picture: picture[..., ::-1]),
    "decoded twice": on_key(lambda picture: srgb_decode(picture).astype(np.float32)),
}


def slipped(lab: Image, matrix: Sequence[Sequence[float]]) -> Image:
    """Return a picture whose a*, b* lie beside its L*, which stays: a layer of colour that slipped.

    Args:
        lab: CIELAB, (H, W, 3).
        matrix: Maps a position (x, y) in the result, px from the centre, to its position in `lab`.
    """
    return np.dstack([lab[..., :1], _resampled(lab[..., 1:], about_centre(matrix, lab.shape[:2]))])


def _coarse(ab: Image, factor: int, how: int) -> Image:
    height, width = ab.shape[:2]
    small = cv2.resize(ab, (width // factor, height // factor), interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.resize(small, (width, height), interpolation=how))


def _of_jpeg(lab: Image, quality: int) -> Image:
    """Return a*, b* as JPEG with chroma at half size gives them back."""
    return np.asarray(linear_to_lab(srgb_decode(jpeg(np.clip(lab_to_srgb(lab), 0, 1), quality)))[..., 1:])


def _in_few_colors(ab: Image, colors: int, sigma: float, softness: float) -> Image:
    """Return a*, b* as painted by hand in a few flat colours, with borders that follow the surfaces roughly."""
    rough = np.asarray(cv2.GaussianBlur(ab, (0, 0), sigma)).reshape(-1, 2)
    cv2.setRNGSeed(1)
    _, label, centre = cv2.kmeans(rough, colors, None, (3, 20, 0.5), 2, cv2.KMEANS_PP_CENTERS)  # type: ignore[call-overload]
    return np.asarray(cv2.GaussianBlur(centre[label[:, 0]].reshape(ab.shape), (0, 0), softness))


def _sepia(lab: Image) -> Image:
    return np.dstack([0.06 * lab[..., 0] + 1, 0.2 * lab[..., 0] + 2])


def _noise(lab: Image) -> Image:
    """Return a*, b* of a grey picture that hold nothing but noise."""
    return np.random.default_rng(0).normal(0, 3, (*lab.shape[:2], 2)).astype(np.float32)


# Where colours lie beside their luminance, px at the height at which they are measured, and true colours in ways to
# give them that are not exact.
SLIPS: dict[str, Sequence[Sequence[float]]] = {
    **{
        f"slipped by {length} px at {degrees}": [
            [1, 0, length * np.cos(np.radians(degrees))],
            [0, 1, length * np.sin(np.radians(degrees))],
        ]
        for length in (2, 3, 5, 8, 15)
        for degrees in (0, 100, 215)
    },
    "scaled by 1 %": [[1 / 1.01, 0, 0], [0, 1 / 1.01, 0]],
    "turned by 0.5 degrees": _turn(0.5),
}
TRUE_COLORS: dict[str, Callable[[Image], Image]] = {
    "exact": lambda lab: lab[..., 1:],
    "JPEG 85": lambda lab: _of_jpeg(lab, 85),
    "JPEG 60": lambda lab: _of_jpeg(lab, 60),
    **{
        f"blurred, sigma {sigma}": lambda lab, sigma=sigma: cv2.GaussianBlur(lab[..., 1:], (0, 0), sigma)
        for sigma in (1, 2, 4)
    },
    "half size": lambda lab: _coarse(lab[..., 1:], 2, cv2.INTER_LINEAR),
    "quarter size": lambda lab: _coarse(lab[..., 1:], 4, cv2.INTER_LINEAR),
    "quarter size, blocks": lambda lab: _coarse(lab[..., 1:], 4, cv2.INTER_NEAREST),
    "an eighth of the size": lambda lab: _coarse(lab[..., 1:], 8, cv2.INTER_LINEAR),
    "saturation 0.4": lambda lab: 0.4 * lab[..., 1:],
    "saturation 1.6": lambda lab: 1.6 * lab[..., 1:],
    "sepia": _sepia,
    "3 flat colours": lambda lab: _in_few_colors(lab[..., 1:], 3, 3, 0.7),
    "5 flat colours": lambda lab: _in_few_colors(lab[..., 1:], 5, 2, 0.7),
    "8 flat colours": lambda lab: _in_few_colors(lab[..., 1:], 8, 1, 0.7),
    "4 flat colours, soft": lambda lab: _in_few_colors(lab[..., 1:], 4, 3, 2),
    "noise": _noise,
}

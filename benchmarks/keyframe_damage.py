"""Damage a keyframe by a known amount, as other programs do: moved, scaled, relit, compressed, of another frame."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import cv2
import numpy as np
from numpy.typing import NDArray

from stcolor_core.arrays import Image, Plane
from stcolor_core.images.color import srgb_decode, srgb_encode

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
    return np.clip(resampled(picture, about_centre(matrix, picture.shape[:2])), 0, 1)


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


def resampled(picture: Image, matrix: Matrix) -> Image:
    """Return the picture moved by a matrix; what is outside repeats the border.

    Args:
        picture: Any planes, (H, W, C).
        matrix: 2 x 3, maps a position (x, y) in the result to its position in `picture`.
    """
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
    return warped(picture, turn(degrees))


def turn(degrees: float) -> Sequence[Sequence[float]]:
    """Return the 2 x 3 matrix of a turn.

    Args:
        degrees: Angle, counter-clockwise.
    """
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


def painted_over(picture: Image, kept: str, plate: Plane | None = None) -> Image:
    """Return hue and saturation of the colour over the grey plate's lightness of HSL, or its value of HSV.

    Args:
        picture: Display RGB, (H, W, 3), 0..1.
        kept: "HSL" or "HSV": the model whose lightness or value is the grey plate's.
        plate: Code values of the grey plate, (H, W), 0..1; None for the picture's own.
    """
    grey = (srgb_encode(srgb_decode(picture) @ WEIGHTS) if plate is None else plate)[..., None]
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

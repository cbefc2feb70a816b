"""Keyframes as other programs give them back: compressed, grained, resized, sharpened or softened, at random strength.

All random numbers come from a generator, so that the same seed gives the same pictures.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from stcolor_core.arrays import ByteImage, Image, Plane
from stcolor_core.images.color import LUMINANCE, srgb_decode, srgb_encode

__all__ = ["GRID", "compress_jpeg", "compress_webp", "damage", "keep_luma"]

GRID = 16  # px, the largest block of a JPEG with chroma at half size

_UNDAMAGED, _PAINTED = 0.1, 0.06  # shares of the keyframes that need nothing
_COMPRESSED, _GRAINED, _RESIZED, _FILTERED, _SHIFTED = 0.75, 0.25, 0.2, 0.2, 0.15  # of the others; they may meet
_TWICE, _WEBP = 0.1, 0.12  # shares of the compressed ones
_QUALITIES = (30, 97)  # of JPEG and WebP
_SAMPLINGS = {  # of chroma, and how often each is drawn
    cv2.IMWRITE_JPEG_SAMPLING_FACTOR_420: 0.6,
    cv2.IMWRITE_JPEG_SAMPLING_FACTOR_422: 0.15,
    cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444: 0.25,
}
_LARGEST_GRAIN = 10.0  # of 255 levels, standard deviation
_LARGEST_SHIFT = 0.4  # px: what registration leaves
_REPAINTED = 0.1  # share of the damaged keyframes of which a part was painted again on the plate
_LUMA = np.array([0.299, 0.587, 0.114], np.float32)  # of encoded values (ITU-R BT.601)


def damage(picture: Image, generator: np.random.Generator) -> Image:
    """Return a keyframe as it may come back from another program; a fifth of them come back as they were.

    Args:
        picture: sRGB code values, shape (H, W, 3), 0..1, 32 px or more on each side.
        generator: The random numbers; the same state gives the same keyframe.

    Returns:
        The same shape and range.
    """
    kind = generator.random()
    if kind < _UNDAMAGED:
        return picture if generator.random() < 0.5 else _from_bytes(_to_bytes(picture))
    if kind < _UNDAMAGED + _PAINTED:
        return keep_luma(picture)
    damaged = picture
    if generator.random() < _SHIFTED:
        damaged = _shift(damaged, generator)
    if generator.random() < _FILTERED:
        damaged = _filter(damaged, generator)
    if generator.random() < _GRAINED:
        damaged = _add_grain(damaged, generator)
    size = damaged.shape[1::-1]
    if generator.random() < _RESIZED:
        factor = float(np.exp(generator.uniform(np.log(0.5), np.log(2))))
        filter_ = cv2.INTER_AREA if factor < 1 else cv2.INTER_CUBIC
        damaged = _as_picture(
            cv2.resize(damaged, [max(32, round(side * factor)) for side in size], interpolation=filter_)
        )
    if generator.random() < _COMPRESSED:
        for _ in range(2 if generator.random() < _TWICE else 1):
            damaged = _compress(_as_picture(damaged), generator)
    if damaged.shape[1::-1] != size:
        filter_ = cv2.INTER_AREA if damaged.shape[1] > size[0] else cv2.INTER_CUBIC
        damaged = _as_picture(cv2.resize(damaged, size, interpolation=filter_))
    if generator.random() < _REPAINTED:
        share = _smooth_field(size, generator)[..., None] > 0
        damaged = np.where(share, picture, damaged)
    return _as_picture(damaged)


def compress_jpeg(picture: Image, quality: int, sampling: int = cv2.IMWRITE_JPEG_SAMPLING_FACTOR_420) -> Image:
    """Return a picture after JPEG.

    Args:
        picture: sRGB code values, shape (H, W, 3), 0..1.
        quality: 1..100.
        sampling: Of chroma, as OpenCV names it.
    """
    return _code(picture, ".jpg", [cv2.IMWRITE_JPEG_QUALITY, quality, cv2.IMWRITE_JPEG_SAMPLING_FACTOR, sampling])


def compress_webp(picture: Image, quality: int) -> Image:
    """Return a picture after WebP with loss.

    Args:
        picture: sRGB code values, shape (H, W, 3), 0..1.
        quality: 1..100.
    """
    return _code(picture, ".webp", [cv2.IMWRITE_WEBP_QUALITY, quality])


def keep_luma(picture: Image) -> Image:
    """Return the colour as a paint program's colour mode puts it on the grey plate, whose Rec.601 luma it keeps.

    Args:
        picture: sRGB code values, shape (H, W, 3), 0..1.
    """
    grey = srgb_encode(srgb_decode(picture) @ np.array(LUMINANCE, np.float32))
    return np.asarray(np.clip(picture + (grey - picture @ _LUMA)[..., None], 0, 1), np.float32)


def _compress(picture: Image, generator: np.random.Generator) -> Image:
    """Return a picture after JPEG or WebP, whose blocks begin anywhere."""
    height, width = picture.shape[:2]
    top, left = (int(generator.integers(GRID)) for _ in range(2))
    padded = np.asarray(cv2.copyMakeBorder(picture, top, 0, left, 0, cv2.BORDER_REFLECT_101), np.float32)
    quality = int(generator.integers(*_QUALITIES))
    if generator.random() < _WEBP:
        coded = compress_webp(padded, quality)
    else:
        shares = list(_SAMPLINGS.values())
        coded = compress_jpeg(padded, quality, int(generator.choice(list(_SAMPLINGS), p=shares)))
    return coded[top : top + height, left : left + width]


def _add_grain(picture: Image, generator: np.random.Generator) -> Image:
    """Return a picture with noise in each channel, or the same in all, fine or coarse."""
    channels = 3 if generator.random() < 0.7 else 1
    noise = generator.normal(0, 1, (*picture.shape[:2], channels)).astype(np.float32)
    if generator.random() < 0.4:
        sigma = float(generator.uniform(0.4, 1.0))
        noise = np.asarray(cv2.GaussianBlur(noise, (0, 0), sigma), np.float32).reshape(noise.shape)
        noise /= max(float(noise.std()), 1e-6)
    return _as_picture(picture + generator.uniform(1, _LARGEST_GRAIN) / 255 * noise)


def _filter(picture: Image, generator: np.random.Generator) -> Image:
    """Return a picture that is a little sharper or softer."""
    amount = float(generator.uniform(-0.7, 0.8))
    soft = cv2.GaussianBlur(picture, (0, 0), float(generator.uniform(0.6, 1.6)))
    return _as_picture(picture + amount * (picture - soft))


def _shift(picture: Image, generator: np.random.Generator) -> Image:
    x, y = generator.uniform(-_LARGEST_SHIFT, _LARGEST_SHIFT, 2)
    matrix = np.array([[1, 0, x], [0, 1, y]], np.float32)
    size = picture.shape[1::-1]
    moved = cv2.warpAffine(picture, matrix, size, flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    return _as_picture(moved)


def _smooth_field(size: tuple[int, int], generator: np.random.Generator) -> Plane:
    """Return smooth random values of standard deviation about 1."""
    coarse = generator.normal(0, 1, (3, 4)).astype(np.float32)
    return np.asarray(cv2.resize(coarse, size, interpolation=cv2.INTER_CUBIC))


def _code(picture: Image, ending: str, options: list[int]) -> Image:
    done, coded = cv2.imencode(ending, _to_bytes(picture)[..., ::-1], options)
    assert done
    decoded = cv2.imdecode(coded, cv2.IMREAD_COLOR)
    assert decoded is not None
    return _from_bytes(np.asarray(decoded[..., ::-1], np.uint8))


def _as_picture(values: NDArray[Any]) -> Image:
    return np.asarray(np.clip(values, 0, 1), np.float32)


def _to_bytes(picture: Image) -> ByteImage:
    return np.rint(255 * np.clip(picture, 0, 1)).astype(np.uint8)


def _from_bytes(codes: ByteImage) -> Image:
    return np.asarray(codes.astype(np.float32) / np.float32(255), np.float32)

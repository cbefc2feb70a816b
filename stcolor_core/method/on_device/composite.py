"""A grey plate's lightness, and the composite of chroma onto it, on tensors: as `images.color_pipe.ColorPipe` does.

Both follow that module formula by formula; tests hold the two together. Only colour spaces without OpenColorIO can be
computed here.
"""

from __future__ import annotations

import torch
from torch import Tensor

from stcolor_core.images.color import RGB_FROM_NORMAL
from stcolor_core.images.color_pipe import Encoding
from stcolor_core.images.pictures import LARGEST_HALF
from stcolor_core.method import tensor_color
from stcolor_core.method.on_device.light import roll_off

__all__ = ["composite", "plate_lightness", "to_half"]

_DELTA = 6 / 29  # CIE 15:2018, eqs. 8.6-8.9, as in `images.color`


def plate_lightness(picture: Tensor, encoding: Encoding, *, gain: float) -> Tensor:
    """Return L* as the models receive it, shape (H, W), 0..100, as `roll_off` of `ColorPipe.lightness`.

    Args:
        picture: The one channel of a grey picture, shape (H, W), in its own encoding.
        encoding: That encoding.
        gain: Factor on linear light before L* is taken.
    """
    return roll_off(tensor_color.lightness(_decode(picture, encoding) * gain))


def composite(picture: Tensor, ab: Tensor, encoding: Encoding, *, gain: float) -> Tensor:
    """Return a grey picture with chroma added, in its own encoding, as `ColorPipe.composite`.

    Args:
        picture: Its one channel, shape (H, W).
        ab: a* and b* to add, shape (2, H, W).
        encoding: The encoding of the picture.
        gain: Factor on linear light before L* is taken.

    Returns:
        R, G and B, shape (3, H, W). A pixel with a* = b* = 0 keeps its value bit for bit.
    """
    y = _decode(picture, encoding)
    f = _compress(y * gain)
    own = _expand(f)
    x, z = (_expand(f + ab[0] / 500) - own) / gain, (_expand(f - ab[1] / 200) - own) / gain
    planes = []
    for from_x, _, from_z in RGB_FROM_NORMAL.tolist():
        shift = from_x * x + from_z * z
        if encoding == "srgb":
            shift = _encode(y + shift) - _encode(y)
        planes.append(torch.where(shift == 0, -0.0, shift) + picture)  # adding +0.0 would change -0.0
    return torch.stack(planes)


def to_half(values: Tensor) -> Tensor:
    """Return values as half floats within their range, as a frame's file stores them.

    Args:
        values: Of any shape.
    """
    return values.clamp(-LARGEST_HALF, LARGEST_HALF).half()


def _decode(picture: Tensor, encoding: Encoding) -> Tensor:
    if encoding == "linear":
        return picture
    magnitude = picture.abs()
    return torch.where(magnitude <= 0.04045, magnitude / 12.92, ((magnitude + 0.055) / 1.055) ** 2.4).copysign(picture)


def _encode(linear: Tensor) -> Tensor:
    magnitude = linear.abs()
    return torch.where(magnitude <= 0.0031308, 12.92 * magnitude, 1.055 * magnitude ** (1 / 2.4) - 0.055).copysign(
        linear
    )


def _compress(t: Tensor) -> Tensor:
    return torch.where(t > _DELTA**3, t.clamp_min(_DELTA**3) ** (1 / 3), t / (3 * _DELTA**2) + 4 / 29)


def _expand(f: Tensor) -> Tensor:
    curved = f.clamp_min(_DELTA)  # far below 0 the cube would overflow, though its value is not used
    return torch.where(f > _DELTA, curved * curved * curved, 3 * _DELTA**2 * (f - 4 / 29))

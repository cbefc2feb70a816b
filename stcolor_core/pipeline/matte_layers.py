"""Tracking results as layers for compositing: a Cryptomatte of the instances and an STMap of the displacement.

Sources: the Cryptomatte specification 1.2 (Psyop), and MurmurHash3 (Austin Appleby, public domain).
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from stcolor_core.arrays import FlowField, Masks, Plane, Vector
from stcolor_core.method.tracking.instance import resample

__all__ = ["cryptomatte_id", "cryptomatte_layers", "murmurhash3_32", "stmap"]

_UINT32 = 0xFFFFFFFF
_STEPS_OF_A_PIXEL = 32  # of the STMap: off by 1/64 pixel at most


def cryptomatte_layers(
    masks: Masks,
    names: Sequence[str],
    *,
    size: tuple[int, int] | None = None,
    layer: str = "rc_id",
    ranks: int = 6,
) -> tuple[dict[str, Plane], dict[str, str]]:
    """Encode masks as one Cryptomatte (specification 1.2).

    If the masks of a pixel sum to more than 1, they are scaled to 1.

    Args:
        masks: (K, h, w), 0..1; K may be 0.
        names: K different names.
        size: (H, W) of the channels, to which masks are scaled one at a time; None keeps the masks' own size.
        layer: Name of the Cryptomatte layer.
        ranks: The largest number of masks that a pixel can hold; an odd number counts as the next even one. Use the
            same number for a whole sequence, so that all frames have the same channels.

    Returns:
        Channel name -> (H, W) values, to be written as float and never as half: `rc_id00.R` is the id and `.G` the
        coverage of the first rank, `.B` and `.A` those of the second, `rc_id01.R` the id of the third, and so on. Then
        the metadata, which holds the manifest.

    Raises:
        ValueError: If there are not K different names.
    """
    count, *own_size = masks.shape
    ids = {name: cryptomatte_id(name) for name in names}
    if len(names) != count or len(set(ids.values())) != count:
        raise ValueError(f"{count} masks need as many different names")
    levels = (max(1, ranks) + 1) // 2
    planes = np.zeros((levels, 4, *(size or own_size)), np.float32)
    _rank(masks, np.array(list(ids.values()), np.uint32).view(np.float32), planes)
    channels = {
        f"{layer}{level:02d}.{name}": planes[level, index]
        for level in range(levels)
        for index, name in enumerate("RGBA")
    }
    prefix = f"cryptomatte/{cryptomatte_id(layer):08x}"[:-1]
    manifest = {name: f"{bits:08x}" for name, bits in ids.items()}
    return channels, {
        f"{prefix}/name": layer,
        f"{prefix}/hash": "MurmurHash3_32",
        f"{prefix}/conversion": "uint32_to_float32",
        f"{prefix}/manifest": json.dumps(manifest, separators=(",", ":")),
    }


def _rank(masks: Masks, ids: Vector, planes: NDArray[np.float32]) -> None:
    """Fill (levels, 4, H, W) planes of zeros with each pixel's masks, the largest first, equal ones in their order.

    Each mask is inserted at the pixels that it covers and moves smaller ones down a rank. The cost grows with the
    covered area, and no second stack of masks is held.
    """
    if not len(masks):
        return
    size = (planes.shape[2], planes.shape[3])
    # scaling is linear, so the sum of the scaled masks needs only their mean to be scaled
    total = len(masks) * resample(masks.mean(axis=0, dtype=np.float64).astype(np.float32), size).ravel()
    # slightly below 1, so that rounding does not lift the sum above 1
    scale = np.where(total > 1, (1 - 2e-6) / np.maximum(total, 1), 1).astype(np.float32)
    ranks = planes.reshape(-1, 2, total.size)
    for mask, identity in zip(masks, ids, strict=True):
        flat = resample(mask, size).ravel()
        place = np.flatnonzero(flat > 0)  # several times faster on booleans than on floats
        coverage = flat[place] * scale[place]
        owner = np.full(len(place), identity)
        for rank_ids, rank_coverage in ranks:
            if not len(place):
                break
            owner_before, coverage_before = rank_ids[place], rank_coverage[place]
            wins = coverage > coverage_before
            rank_ids[place[wins]], rank_coverage[place[wins]] = owner[wins], coverage[wins]
            owner, coverage = np.where(wins, owner_before, owner), np.where(wins, coverage_before, coverage)
            left = coverage > 0
            place, owner, coverage = place[left], owner[left], coverage[left]


def cryptomatte_id(name: str) -> int:
    """Return the bits of the float32 that identifies a name: its hash, changed if it is subnormal, infinite or NaN.

    Args:
        name: The name of an object or layer.
    """
    bits = murmurhash3_32(name.encode("utf-8"))
    return bits ^ (1 << 23) if (bits >> 23) & 0xFF in (0, 0xFF) else bits


def murmurhash3_32(data: bytes, *, seed: int = 0) -> int:
    """Return the unsigned MurmurHash3_x86_32 (Austin Appleby, public domain); a few short names need no library.

    Args:
        data: The bytes to hash.
        seed: Start value, 32 bits.
    """
    state, tail = seed, len(data) % 4
    for start in range(0, len(data) - tail, 4):
        state ^= _scramble(int.from_bytes(data[start : start + 4], "little"))
        state = (_rotate(state, 13) * 5 + 0xE6546B64) & _UINT32
    if tail:
        state ^= _scramble(int.from_bytes(data[-tail:], "little"))
    state ^= len(data)
    for shift, factor in ((16, 0x85EBCA6B), (13, 0xC2B2AE35)):
        state = ((state ^ (state >> shift)) * factor) & _UINT32
    return state ^ (state >> 16)


def _scramble(block: int) -> int:
    return (_rotate((block * 0xCC9E2D51) & _UINT32, 15) * 0x1B873593) & _UINT32


def _rotate(value: int, bits: int) -> int:
    return ((value << bits) | (value >> (32 - bits))) & _UINT32


def stmap(
    displacement: FlowField,
    *,
    plate: tuple[int, int],
    display: tuple[int, int, int, int] | None = None,
) -> tuple[Plane, Plane]:
    """Return the position on the reference of each plate pixel, as Nuke's STMap node takes it.

    Args:
        displacement: (H, W, 2), pixels (x, y) at working size, y downwards, from the target to the reference.
        plate: (width, height) of the result, the plate's data window.
        display: (x, y, width, height) of the display window, counted from the upper left corner of the data window;
            None if the two are the same.

    Returns:
        (u, v), each (height, width): the pixel centres (x + 0.5) / width and 1 - (y + 0.5) / height of the display
        window, 0..1 with the origin at the bottom left; outside of 0..1 where the surface is outside of the picture.
        Rounded to 1/32 of a pixel or finer, always to a negative power of two: the flow is no more exact than that,
        and the last bits of a float, which are noise, would be half of the frame's file.
    """
    width, height = plate
    left, top, display_width, display_height = display or (0, 0, width, height)
    scale = width / displacement.shape[1], height / displacement.shape[0]
    x, y = (
        np.asarray(cv2.resize(displacement[..., axis], plate, interpolation=cv2.INTER_LINEAR), np.float32)
        for axis in (0, 1)
    )
    x_centre = (np.arange(width) + 0.5 - left) / display_width
    y_centre = 1 - (np.arange(height) + 0.5 - top) / display_height
    return (
        _place(x, scale[0] / display_width, x_centre, display_width),
        _place(y, -scale[1] / display_height, y_centre[:, None], display_height),
    )


def _place(displacement: Plane, scale: float, centre: NDArray[np.float64], pixels: int) -> Plane:
    """Return `centre` + `scale` * `displacement`, in place of the latter, in steps of 1 / `pixels` / 32 or less."""
    steps = 2.0 ** math.ceil(math.log2(_STEPS_OF_A_PIXEL * pixels))
    displacement *= np.float32(scale * steps)
    displacement += (centre * steps).astype(np.float32)
    np.rint(displacement, out=displacement)
    displacement *= np.float32(1 / steps)
    return displacement

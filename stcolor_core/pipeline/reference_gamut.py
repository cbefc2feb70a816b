"""The colour of a reference on the plate's own lightness: flat paint, and the chroma that the plate can show."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from stcolor_core.arrays import Image, Mask, Plane
from stcolor_core.images.flat_paint import PaintOnPlate, put_flat_paint_on, reduce_chroma
from stcolor_core.images.known_color import KnownColor
from stcolor_core.images.surfaces import within_gamut

__all__ = ["colors_of", "hold_in_gamut", "paint_on_plate", "within_plate_gamut"]


def paint_on_plate(color: KnownColor, light: Plane, lightness: Plane) -> PaintOnPlate | None:
    """Return a reference with its flat paint on the plate's own lightness; None if it has none.

    Args:
        color: The reference's colour on the canvas.
        light: Its own L* on the canvas, shape (H, W).
        lightness: L* of the plate frame, shape (H, W), 0..100.
    """
    known = None if color.known is None else color.known.astype(np.float32)
    weight = known if color.weight is None else color.weight
    return put_flat_paint_on(np.dstack([light, color.ab]), weight, lightness)


def hold_in_gamut(color: KnownColor, held: Mask, lightness: Plane) -> KnownColor:
    """Return a reference's colour with no more chroma than Rec.709 can show on a plate frame, in places.

    Args:
        color: The reference's colour on the canvas.
        held: The places, shape (H, W), bool.
        lightness: L* of the plate frame, shape (H, W), 0..100.
    """
    places = np.flatnonzero(held)
    ab = np.array(color.ab)
    own, there = ab.reshape(-1, 2)[places][None], lightness.ravel()[places][None]
    ab.reshape(-1, 2)[places] = within_gamut(there, own)[0]
    return replace(color, ab=ab)


def within_plate_gamut(color: KnownColor, light: Plane, lightness: Plane) -> KnownColor | None:
    """Return a reference's colour as far as the plate's lightness can show it; None if it can show all.

    Args:
        color: The reference's colour on the canvas.
        light: Its own L* on the canvas, shape (H, W).
        lightness: L* of the plate frame, shape (H, W), 0..100.
    """
    lab = reduce_chroma(np.dstack([light, color.ab]), color.known, lightness)
    return None if lab is None else replace(color, ab=np.ascontiguousarray(lab[..., 1:]))


def colors_of(lab: Image, like: KnownColor) -> tuple[KnownColor, Plane]:
    """Return the colour of a picture in CIELAB, known where another one is, and its L*.

    Args:
        lab: The picture, shape (H, W, 3).
        like: Says where the colour is known, and its weight.
    """
    return replace(like, ab=np.ascontiguousarray(lab[..., 1:])), np.ascontiguousarray(lab[..., 0])

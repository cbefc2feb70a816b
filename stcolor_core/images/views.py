"""Show scene-linear pictures as a viewer does: through a view of an OpenColorIO config, or as plain sRGB."""

from __future__ import annotations

import os
from functools import cache, lru_cache
from typing import Any

import numpy as np
import PyOpenColorIO as ocio
from numpy.typing import NDArray

from stcolor_core.arrays import Image
from stcolor_core.errors import ColorError, UnknownSpace
from stcolor_core.images.color import srgb_encode
from stcolor_core.images.ocio import OCIO_ERRORS, open_config

__all__ = ["PLAIN_VIEW", "default_view", "list_views", "show", "show_values"]

PLAIN_VIEW = "sRGB"
"""The view without a config: linear Rec.709, clipped and encoded as sRGB."""

_LINEAR = "lin_rec709_srgb"
_SEPARATOR = " / "
_SRGB_STEPS = 2**16 - 1
_TABLE = 65
_DARKEST, _BRIGHTEST = -12.0, 8.0  # stops from 1.0
_OFFSET = 2.0**-12  # added before the logarithm, so that black has one


def list_views(config: str | None) -> tuple[str, ...]:
    """Return the names of all views, the default first: the plain one, and "DISPLAY / VIEW" for those of the config.

    Args:
        config: A config file or the name of a builtin config; None for $OCIO, else the builtin.

    Raises:
        ColorError: If the config is missing or damaged.
    """
    opened, _ = open_config(config)
    names = [
        f"{display}{_SEPARATOR}{view}" for display in opened.getActiveDisplays() for view in opened.getViews(display)
    ]
    default = default_view(config)
    return tuple(dict.fromkeys((default, PLAIN_VIEW, *names)))


def default_view(config: str | None) -> str:
    """Return the name of the view that Nuke's viewer begins with: the config's default, or plain sRGB without a config.

    Args:
        config: As for `list_views`.

    Raises:
        ColorError: If the config is missing or damaged.
    """
    if config is None and not os.environ.get("OCIO"):
        return PLAIN_VIEW
    opened, _ = open_config(config)
    display = opened.getDefaultDisplay()
    view = opened.getDefaultView(display) if display else ""
    return f"{display}{_SEPARATOR}{view}" if view else PLAIN_VIEW


def show(linear: Image, view: str, *, config: str | None) -> NDArray[np.uint8]:
    """Return a picture as a view shows it.

    Args:
        linear: Scene-linear Rec.709, shape (H, W, 3).
        view: One of the names of `list_views`.
        config: As for `list_views`.

    Returns:
        Code values for the display, shape (H, W, 3), 0..255.

    Raises:
        ColorError: If the config has no such view, or cannot convert to it.
    """
    if view == PLAIN_VIEW:
        return np.asarray(_srgb_codes()[np.rint(np.clip(linear, 0, 1) * np.float32(_SRGB_STEPS)).astype(np.uint16)])
    return np.asarray(np.rint(show_values(linear, view, config=config) * 255), np.uint8)


def show_values(linear: Image, view: str, *, config: str | None) -> Image:
    """Return a picture as a view shows it, without rounding to codes.

    Args:
        linear: As for `show`.
        view: As for `show`.
        config: As for `show`.

    Returns:
        Values for the display, shape (H, W, 3), 0..1.

    Raises:
        ColorError: As `show` does.
    """
    if view == PLAIN_VIEW:
        return np.asarray(srgb_encode(np.clip(linear, 0, 1)), np.float32)
    _, name = open_config(config)
    rgba = np.ones((*linear.shape[:-1], 4), np.float32)
    rgba[..., :3] = linear
    _table(config, view, name).applyRGBA(rgba)
    return np.clip(rgba[..., :3], 0, 1)


@cache
def _srgb_codes() -> NDArray[np.uint8]:
    """Return the code of each of 65,536 steps of light: as exact as the formula to 8 bits, and ten times as fast."""
    return np.asarray(np.rint(srgb_encode(np.linspace(0, 1, _SRGB_STEPS + 1)) * 255), np.uint8)


@lru_cache(maxsize=8)
def _table(config: str | None, view: str, name: str) -> Any:
    """Return a view as a table of 65 x 65 x 65 colours, as a GPU would: an ACES view takes ten times as long without.

    Light is put on a logarithmic scale first, so that all stops from -12 to +8 have their share of the table.
    """
    side = np.linspace(0, 1, _TABLE, dtype=np.float32)
    grid = np.stack(np.meshgrid(side, side, side, indexing="ij"), axis=-1).reshape(-1, 3)
    rgba = np.ones((1, len(grid), 4), np.float32)
    rgba[0, :, :3] = grid
    shaper = ocio.AllocationTransform(ocio.ALLOCATION_LG2, [_DARKEST, _BRIGHTEST, _OFFSET])
    raw = ocio.Config.CreateRaw()
    raw.getProcessor(shaper, ocio.TRANSFORM_DIR_INVERSE).getDefaultCPUProcessor().applyRGBA(rgba)
    for step in _processors(config, view, name):
        step.applyRGBA(rgba)
    table = ocio.Lut3DTransform(_TABLE)
    table.setInterpolation(ocio.INTERP_TETRAHEDRAL)
    table.setData(np.ascontiguousarray(np.clip(np.nan_to_num(rgba[0, :, :3]), 0, 1)).reshape(-1))
    return raw.getProcessor(ocio.GroupTransform([shaper, table])).getDefaultCPUProcessor()


def _processors(config: str | None, view: str, name: str) -> tuple[Any, ...]:
    """Return the steps from linear Rec.709 to a view. `name` tells one $OCIO from another."""
    opened, _ = open_config(config)
    display, _, view_name = view.partition(_SEPARATOR)
    if view_name not in opened.getViews(display):
        known = ", ".join(map(repr, list_views(config)))
        raise UnknownSpace(f"The view {view!r} is unknown in the config {name}. Choose one of {known}.")
    try:
        if not opened.hasRole(ocio.ROLE_SCENE_LINEAR):
            raise ColorError(f"The config {name} has no role scene_linear, which its views need. Choose {PLAIN_VIEW}.")
        shown = ocio.DisplayViewTransform(src=ocio.ROLE_SCENE_LINEAR, display=display, view=view_name)
        to_view = opened.getProcessor(shown).getDefaultCPUProcessor()
        try:
            to_scene = ocio.Config.GetProcessorFromBuiltinColorSpace(_LINEAR, opened, ocio.ROLE_SCENE_LINEAR)
        except OCIO_ERRORS:  # a config older than the interchange roles, where scene_linear is Rec.709 (`images.ocio`)
            return (to_view,)
        return to_scene.getDefaultCPUProcessor(), to_view
    except OCIO_ERRORS as error:
        line = " ".join(str(error).split()).rstrip(".")
        raise ColorError(f"The view {view!r} of the config {name} cannot be used ({line}). Choose another.") from None

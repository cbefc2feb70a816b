"""Colour spaces of an OpenColorIO config, each as a pair of functions to and from linear Rec.709.

The config is, in this order: the one asked for, $OCIO, and a builtin one pinned by name. The builtin is ACES "studio"
and not "cg": only that has the camera and film logs (LogC3, LogC4, S-Log3, Log3G10, V-Log, ADX) that plates come in.
"""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import PyOpenColorIO as ocio
from numpy.typing import NDArray

from stcolor_core.errors import ColorError

__all__ = ["BUILTIN_CONFIG", "Space", "forget_files", "open_config", "open_space"]

BUILTIN_CONFIG = "ocio://studio-config-v2.1.0_aces-v1.3_ocio-v2.3"
_BRIGHTEST = 1e9
_ERRORS = (ocio.Exception, ocio.ExceptionMissingFile)  # the second, of a config or a LUT, is not one of the first

Transform = Callable[[NDArray[np.float32]], NDArray[np.float32]]


@dataclass(frozen=True)
class Space:
    """A colour space of three channels.

    name: as its config spells it. identity: changes with anything that changes the pixels, so it can go into a digest.
    decode, encode: (..., 3) float32 to and from scene-linear Rec.709 with a D65 white; the argument is left as it is.
    is_linear: both are one 3x3 matrix.
    """

    name: str
    identity: str
    decode: Transform
    encode: Transform
    is_linear: bool


def forget_files() -> None:
    """Have the files of configs read anew: OpenColorIO holds a LUT for the life of the process, changed or not."""
    ocio.ClearAllCaches()


def open_config(source: str | None) -> tuple[Any, str]:
    """The config and its name for messages.

    source: a file or builtin name (ocio://...); None takes $OCIO, then the builtin.
    Raises ColorError where it is missing or broken.
    """
    chosen = source or os.environ.get("OCIO") or BUILTIN_CONFIG
    origin = "" if source or chosen == BUILTIN_CONFIG else " (from $OCIO)"
    try:
        return ocio.Config.CreateFromFile(chosen), chosen + origin
    except _ERRORS as error:
        raise ColorError(
            f"The OpenColorIO config {chosen}{origin} cannot be used ({_line(error)}). Correct --ocio or $OCIO."
        ) from None


def open_space(name: str, *, config: str | None) -> Space:
    """The colour space, alias or role `name` of a config.

    Raises ColorError with near names where the config has no such space, and where it cannot be related to Rec.709.
    """
    open_picture, config_name = open_config(config)
    found = open_picture.getColorSpace(name)
    if found is None:
        near = _near(name, open_picture)
        hint = f"Near it are {', '.join(map(repr, near))}" if near else "Look its names up in the config"
        raise ColorError(f"Colour space {name!r} is unknown in the config {config_name}. {hint}.")
    try:
        to_linear, from_linear = _processors(open_picture, found.getName())
    except _ERRORS as error:
        raise ColorError(
            f"Colour space {name!r} of the config {config_name} cannot be related to linear Rec.709 ({_line(error)}). "
            f"Give the config the role aces_interchange or scene_linear, or choose another space."
        ) from None
    identity = f"{to_linear.getCacheID()}/{from_linear.getCacheID()}"
    decode, encode = _function(to_linear), _function(from_linear)
    matrix = _matrix(decode)
    if matrix is None:
        return Space(found.getName(), identity, decode, encode, is_linear=False)
    # A product in numpy is several times faster than the same matrix in OpenColorIO.
    return Space(found.getName(), identity, _product(matrix), _product(np.linalg.inv(matrix)), is_linear=True)


def _processors(config: Any, name: str) -> tuple[Any, Any]:
    linear = "lin_rec709_srgb"
    try:
        return (
            ocio.Config.GetProcessorToBuiltinColorSpace(config, name, linear),
            ocio.Config.GetProcessorFromBuiltinColorSpace(linear, config, name),
        )
    except _ERRORS:
        if not config.hasRole(ocio.ROLE_SCENE_LINEAR):
            raise
        # Configs older than the interchange roles, Nuke's "nuke-default" among them, mean Rec.709 by scene_linear.
        role = ocio.ROLE_SCENE_LINEAR
        return config.getProcessor(name, role), config.getProcessor(role, name)


def _function(processor: Any) -> Transform:
    cpu = processor.getDefaultCPUProcessor()

    def apply(rgb: NDArray[np.float32]) -> NDArray[np.float32]:
        # Four channels: OpenColorIO takes three times as long over packed RGB.
        rgba = np.zeros((*rgb.shape[:-1], 4), np.float32)
        rgba[..., :3] = rgb
        cpu.applyRGBA(rgba)
        # A code far beyond the end of a log curve is more light than float32 holds, of which a matrix makes NaN;
        # fmin makes the bound of both.
        np.fmin(rgba, _BRIGHTEST, out=rgba)
        np.fmax(rgba, -_BRIGHTEST, out=rgba)
        return rgba[..., :3]

    return apply


def _matrix(decode: Transform) -> NDArray[np.float64] | None:
    """The 3x3 matrix that `decode` is, or None where probes from far below 0 to far above 1 show that it is not one."""
    matrix = decode(np.eye(3, dtype=np.float32)).T.astype(np.float64)
    scales = np.array([-100, -1, -0.01, 0, 0.001, 0.18, 4, 1000], np.float32)
    probes = (scales[:, None, None] * np.array([[1, 0, 0], [0, 1, 0], [0, 0, 1], [1, 1, 1]], np.float32)).reshape(-1, 3)
    error = np.abs(decode(probes) - probes @ matrix.T).max(axis=-1)
    return matrix if bool((error <= 1e-5 * np.abs(probes).max(axis=-1)).all()) else None


def _product(matrix: NDArray[Any]) -> Transform:
    transposed = matrix.T.astype(np.float32)
    return lambda rgb: rgb @ transposed


def _near(name: str, config: Any) -> list[str]:
    """Up to three names of the config that look or sound like `name`."""
    names: dict[str, str] = {}
    for found in config.getColorSpaceNames(ocio.SEARCH_REFERENCE_SPACE_ALL, ocio.COLORSPACE_ALL):
        for spelling in (found, *config.getColorSpace(found).getAliases()):
            names[re.sub(r"[^a-z0-9]", "", spelling.lower())] = found
    asked = re.sub(r"[^a-z0-9]", "", name.lower())
    within = [key for key in names if asked and asked in key]
    near = [names[key] for key in (*within, *difflib.get_close_matches(asked, names, n=3, cutoff=0.5))]
    return list(dict.fromkeys(near))[:3]


def _line(error: Exception) -> str:
    return " ".join(str(error).split()).rstrip(".")

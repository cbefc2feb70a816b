"""Convert between the colour spaces of an OpenColorIO config and linear Rec.709.

The config is the requested one, else $OCIO, else a builtin config with a fixed version. The builtin is ACES "studio"
rather than "cg": only "studio" has the camera and film logs of plates (LogC3, LogC4, S-Log3, Log3G10, V-Log, ADX).
"""

from __future__ import annotations

import difflib
import logging
import os
import re
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import PyOpenColorIO as ocio
from numpy.typing import NDArray

from stcolor_core.errors import ColorError, UnknownSpace
from stcolor_core.images.color import XYZ_FROM_RGB
from stcolor_core.remedies import advise

__all__ = [
    "BUILTIN_CONFIG",
    "OCIO_ERRORS",
    "Space",
    "clear_caches",
    "open_config",
    "open_matrix",
    "open_profile",
    "open_space",
]

BUILTIN_CONFIG = "ocio://studio-config-v2.1.0_aces-v1.3_ocio-v2.3"
logger = logging.getLogger(__name__)

# Adaptation from one white to another: Lam, 1985, as in ICC.1:2022, annex E.
_BRADFORD = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])
_BRIGHTEST = 1e9  # bound of linear light, in both directions
# The second, for a missing config or LUT, is not derived from the first. The third is the system's, of a folder without
# permission or of a name that is too long.
OCIO_ERRORS = (ocio.Exception, ocio.ExceptionMissingFile, RuntimeError)
_SYSTEM_ERROR = re.compile(r"^filesystem error: [a-z_ ]+: ([^\[]+?) \[.*$")

Transform = Callable[[NDArray[np.float32]], NDArray[np.float32]]


@dataclass(frozen=True)
class Space:
    """A colour space of three channels.

    Attributes:
        name: Its name as the config spells it.
        identity: Text that changes with anything that changes the pixels, for use in digests.
        decode: Function from the space to scene-linear Rec.709 with a D65 white, float32 of shape (..., 3). It does not
            change its argument.
        encode: The inverse function.
        is_linear: Whether both functions are a 3x3 matrix.
    """

    name: str
    identity: str
    decode: Transform
    encode: Transform
    is_linear: bool


def clear_caches() -> None:
    """Clear OpenColorIO's caches, so that config and LUT files are read again.

    OpenColorIO keeps a LUT for the life of the process, even if its file changes.
    """
    ocio.ClearAllCaches()


def open_config(source: str | None) -> tuple[Any, str]:
    """Open an OpenColorIO config.

    Args:
        source: A config file or the name of a builtin config (ocio://...); None for $OCIO, else the builtin.

    Returns:
        The config, and its name for messages.

    Raises:
        ColorError: If the config is missing or damaged.
    """
    chosen = source or os.environ.get("OCIO") or BUILTIN_CONFIG
    origin = "" if source or chosen == BUILTIN_CONFIG else " (from $OCIO)"
    try:
        return ocio.Config.CreateFromFile(chosen), chosen + origin
    except OCIO_ERRORS as error:
        raise ColorError(
            f"The OpenColorIO config {chosen}{origin} cannot be used ({_one_line(error)}). {advise('ocio')}."
        ) from None


def open_space(name: str, *, config: str | None) -> Space:
    """Return a colour space of a config.

    Args:
        name: Name, alias or role of the colour space.
        config: A config file or the name of a builtin config; None for $OCIO, else the builtin.

    Raises:
        UnknownSpace: If the config has no such space, with similar names.
        ColorError: If the space cannot be converted to Rec.709.
    """
    opened, config_name = open_config(config)
    space = opened.getColorSpace(name)
    if space is None:
        similar = _similar_names(name, opened)
        hint = f"Similar names are {', '.join(map(repr, similar))}" if similar else "Look its names up in the config"
        raise UnknownSpace(f"Colour space {name!r} is unknown in the config {config_name}. {hint}.")
    try:
        to_linear, from_linear = _processors(opened, space.getName())
    except ocio.ExceptionMissingFile as error:
        raise ColorError(
            f"Colour space {name!r} of the config {config_name} needs a file that is missing ({_one_line(error)}). "
            "Put it where the config's search_path leads, or choose another space."
        ) from None
    except (ocio.Exception, RuntimeError) as error:
        raise ColorError(
            f"Colour space {name!r} of the config {config_name} cannot be converted to linear Rec.709 "
            f"({_one_line(error)}). Give the config the role aces_interchange or scene_linear, or choose another space."
        ) from None
    identity = f"{to_linear.getCacheID()}/{from_linear.getCacheID()}"
    decode, encode = _processor_transform(to_linear), _processor_transform(from_linear)
    matrix = _fit_matrix(decode)
    if matrix is None:
        return Space(space.getName(), identity, decode, encode, is_linear=False)
    # numpy multiplies by the matrix several times faster than OpenColorIO does.
    return Space(
        space.getName(), identity, _matrix_transform(matrix), _matrix_transform(np.linalg.inv(matrix)), is_linear=True
    )


def open_profile(profile: bytes, *, name: str, identity: str) -> Space:
    """Return the colour space of an ICC profile: RGB, by three curves and a matrix.

    Args:
        profile: The profile's bytes.
        name: Its name.
        identity: As in `Space`.

    Raises:
        ColorError: If it is damaged or of another kind. The message is a part of a sentence.
    """
    refused = f"its ICC profile {name} is not one of RGB by curves and a matrix"
    if profile[16:20] != b"RGB ":  # ICC.1:2022, 7.2: the colour space of its pixels
        raise ColorError(refused)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"{identity}.icc"
        path.write_bytes(profile)
        try:
            decode, encode = (_profile_processor(path, inverse=inverse) for inverse in (True, False))
        except OCIO_ERRORS as error:
            logger.info("The ICC profile %s cannot be used: %s", name, _one_line(error))
            raise ColorError(refused) from None
    return Space(name, identity, _processor_transform(decode), _processor_transform(encode), is_linear=False)


def _profile_processor(path: Path, *, inverse: bool) -> Any:
    """Return OpenColorIO's conversion from an ICC profile to linear Rec.709 (inverse), or back.

    OpenColorIO takes a profile as a display's: forwards, it leads from XYZ under D65 to the display's values.
    """
    rec709 = np.eye(4)
    rec709[:3, :3] = np.linalg.inv(XYZ_FROM_RGB)
    direction = ocio.TRANSFORM_DIR_INVERSE if inverse else ocio.TRANSFORM_DIR_FORWARD
    steps = [
        ocio.FileTransform(str(path), direction=direction),
        ocio.MatrixTransform(
            rec709.ravel().tolist(),
            direction=ocio.TRANSFORM_DIR_FORWARD if inverse else ocio.TRANSFORM_DIR_INVERSE,
        ),
    ]
    return ocio.Config.CreateRaw().getProcessor(ocio.GroupTransform(steps if inverse else steps[::-1]))


def open_matrix(to_xyz: NDArray[np.float64], *, white: NDArray[np.float64], name: str, identity: str) -> Space:
    """Return a linear colour space by its matrix.

    Args:
        to_xyz: From its R, G, B to CIE XYZ, (3, 3).
        white: The XYZ of its white, (3,), which becomes that of D65 (Bradford adaptation).
        name: Its name.
        identity: As in `Space`.
    """
    own, target = _BRADFORD @ white, _BRADFORD @ XYZ_FROM_RGB.sum(axis=1)
    adapted = np.linalg.inv(_BRADFORD) @ np.diag(target / own) @ _BRADFORD
    matrix = np.linalg.inv(XYZ_FROM_RGB) @ adapted @ to_xyz
    return Space(name, identity, _matrix_transform(matrix), _matrix_transform(np.linalg.inv(matrix)), is_linear=True)


def _processors(config: Any, name: str) -> tuple[Any, Any]:
    linear = "lin_rec709_srgb"
    try:
        return (
            ocio.Config.GetProcessorToBuiltinColorSpace(config, name, linear),
            ocio.Config.GetProcessorFromBuiltinColorSpace(linear, config, name),
        )
    except OCIO_ERRORS:
        if not config.hasRole(ocio.ROLE_SCENE_LINEAR):
            raise
        # In configs older than the interchange roles, such as "nuke-default", scene_linear is Rec.709.
        role = ocio.ROLE_SCENE_LINEAR
        return config.getProcessor(name, role), config.getProcessor(role, name)


def _processor_transform(processor: Any) -> Transform:
    cpu = processor.getDefaultCPUProcessor()

    def apply(rgb: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return pixels after the processor, shape (..., 3), bounded and without NaN."""
        # Four channels: OpenColorIO takes three times as long for packed RGB.
        rgba = np.zeros((*rgb.shape[:-1], 4), np.float32)
        rgba[..., :3] = rgb
        cpu.applyRGBA(rgba)
        # A code value far beyond the end of a log curve decodes to more light than float32 can hold, which a matrix
        # turns into NaN. fmin replaces both infinity and NaN by the bound.
        np.fmin(rgba, _BRIGHTEST, out=rgba)
        np.fmax(rgba, -_BRIGHTEST, out=rgba)
        return rgba[..., :3]

    return apply


def _fit_matrix(decode: Transform) -> NDArray[np.float64] | None:
    """Return the 3x3 matrix that `decode` applies, or None if it is not linear.

    It is tested with probes from far below 0 to far above 1.
    """
    matrix = decode(np.eye(3, dtype=np.float32)).T.astype(np.float64)
    scales = np.array([-100, -1, -0.01, 0, 0.001, 0.18, 4, 1000], np.float32)
    probes = (scales[:, None, None] * np.array([[1, 0, 0], [0, 1, 0], [0, 0, 1], [1, 1, 1]], np.float32)).reshape(-1, 3)
    error = np.abs(decode(probes) - probes @ matrix.T).max(axis=-1)
    return matrix if bool((error <= 1e-5 * np.abs(probes).max(axis=-1)).all()) else None


def _matrix_transform(matrix: NDArray[Any]) -> Transform:
    transposed = matrix.T.astype(np.float32)
    return lambda rgb: rgb @ transposed


def _similar_names(name: str, config: Any) -> list[str]:
    """Return up to three names of the config that look like `name`, the most alike first.

    Those that begin with it come before those that hold it, shorter ones first, since they add least to it; of two as
    long, that of a display comes last, since plates hardly ever have one.
    """
    names: dict[str, str] = {}
    for space in config.getColorSpaceNames(ocio.SEARCH_REFERENCE_SPACE_ALL, ocio.COLORSPACE_ALL):
        for spelling in (space, *config.getColorSpace(space).getAliases()):
            names[re.sub(r"[^a-z0-9]", "", spelling.lower())] = space
    key = re.sub(r"[^a-z0-9]", "", name.lower())
    displays = set(config.getColorSpaceNames(ocio.SEARCH_REFERENCE_SPACE_DISPLAY, ocio.COLORSPACE_ALL))
    containing = sorted(
        (spelling for spelling in names if key and key in spelling),
        key=lambda spelling: (not spelling.startswith(key), len(spelling), names[spelling] in displays),
    )
    similar = [names[spelling] for spelling in (*containing, *difflib.get_close_matches(key, names, n=3, cutoff=0.5))]
    return list(dict.fromkeys(similar))[:3]


def _one_line(error: Exception) -> str:
    return _SYSTEM_ERROR.sub(r"\1", " ".join(str(error).split()).rstrip("."))

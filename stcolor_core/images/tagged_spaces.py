"""The colour space that a picture file names itself: by an ICC profile, or in the header of an EXR.

ICC.1:2022, for RGB profiles of three curves and a matrix, as those of displays and working spaces are, read by
OpenColorIO; "An ID for Color Interop" (ASWF Color Interop Forum, 2026); OpenEXR's `chromaticities` (SMPTE RP 177).
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import numpy as np
import OpenImageIO as oiio

from stcolor_core.errors import ColorError
from stcolor_core.images.color_pipe import LINEAR_REC709, SRGB
from stcolor_core.images.color_tags import read_profile
from stcolor_core.images.ocio import Space, open_config, open_matrix, open_profile, open_space

__all__ = ["KNOWN_CONFIG", "find_tagged_space"]

# Since OpenColorIO 2.5, its builtin configs have the IDs of the Forum's spaces, and IDs of cameras under "ocio:".
KNOWN_CONFIG = "ocio://studio-config-latest"
"""A config that has the spaces of color interop IDs."""
_OWN_IDS = {
    "lin_rec709_scene": LINEAR_REC709,
    "srgb_rec709_scene": SRGB,
    "srgb_rec709_display": SRGB,
}
_profiles: dict[str, Space] = {}  # by hash and name: the keyframes of a shot have one
_NO_LIGHT = 1e-6  # of y
_SAME_LIGHT = 2e-3  # of 1: what the rounded curves and primaries of profiles for sRGB differ from it


def find_tagged_space(tag: str, picture: Path) -> tuple[Space | None, str]:
    """Return the colour space that a picture's file names.

    Args:
        tag: What it says (`color_tags.read_tag`).
        picture: The file.

    Returns:
        The space and where the file says so, such as "its ICC profile"; or None and why what it says cannot be used,
        which is "" if it says nothing.
    """
    kind, _, value = tag.partition(" ")
    try:
        if kind == "icc":
            return _find_profile(value, picture), "its ICC profile"
        if kind == "id":
            return _find_id(value), f"its header, colorInteropID {value}"
        if kind == "chromaticities":
            return _find_primaries(value), "its header, chromaticities"
    except ColorError as error:
        return None, str(error)
    return None, ""


def _find_profile(value: str, picture: Path) -> Space:
    if value not in _profiles:
        digest, _, name = value.partition(" ")
        _profiles[value] = _open_profile(digest, name, picture)
    return _profiles[value]


def _open_profile(digest: str, name: str, picture: Path) -> Space:
    file = oiio.ImageInput.open(str(picture))
    profile = None if file is None else read_profile(file.spec())
    if profile is None:
        raise ColorError("its ICC profile cannot be read")
    space = open_profile(profile, name=name, identity=f"icc-{digest}")
    levels = np.linspace(0, 1, 9, dtype=np.float32)
    probes = np.stack(np.meshgrid(levels, levels, levels), axis=-1).reshape(-1, 3)
    return SRGB if np.allclose(space.decode(probes), SRGB.decode(probes), atol=_SAME_LIGHT) else space


@lru_cache(maxsize=64)
def _find_id(identity: str) -> Space:
    if identity in _OWN_IDS:
        return _OWN_IDS[identity]
    config, _ = open_config(KNOWN_CONFIG)
    for space in config.getColorSpaces():
        get = getattr(space, "getInteropID", None)  # OpenColorIO 2.5
        if get is not None and get() == identity:
            return open_space(space.getName(), config=KNOWN_CONFIG)
    raise ColorError(f"its colorInteropID {identity} is not known")


@lru_cache(maxsize=64)
def _find_primaries(value: str) -> Space:
    if value == "Rec.709":
        return LINEAR_REC709
    xy = np.array(value.split(), np.float64).reshape(4, 2)
    if (np.abs(xy[:, 1]) < _NO_LIGHT).any() or xy[3, 1] < 0:  # the blue of ACES2065-1 lies below 0
        raise ColorError("its chromaticities are no colours")
    xyz = np.column_stack([xy[:, 0], xy[:, 1], 1 - xy.sum(axis=1)]) / xy[:, 1:]
    primaries, white = xyz[:3].T, xyz[3]
    if np.linalg.cond(primaries) > 1e4:
        raise ColorError("its chromaticities are no colours")
    to_xyz = primaries * np.linalg.solve(primaries, white)
    return open_matrix(
        to_xyz, white=white, name="linear, in the primaries of its header", identity=f"primaries-{value}"
    )

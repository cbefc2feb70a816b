"""Color interop IDs: what a file says of its colour space, so that other programs need not guess.

ASWF Color Interop Forum, "An ID for Color Interop" (2026) and "Identifying the Color Space of OpenEXR Files" (draft,
2026); the EXR attribute is OpenEXR's `colorInteropID`. A space without an ID gets none, and nothing is guessed.
"""

from __future__ import annotations

import re
from typing import Any

import numpy as np

from stcolor_core.errors import ColorError
from stcolor_core.images.ocio import open_config, open_space
from stcolor_core.images.plates import Header

__all__ = ["interop_id"]

# Since OpenColorIO 2.5 its builtin configs name the Forum's spaces, and those of cameras under "ocio:".
_KNOWN = "ocio://studio-config-latest"
_ID = re.compile(r"([0-9a-z.\-_~/*#%^+()\[\]|]+:)?[0-9a-z.\-_~/*#%^+()\[\]|]+")
_NO_COLOR = ("data", "unknown")
_LINEAR_TYPES = ("half", "float", "double")


def interop_id(colorspace: str | None, *, plate: Header, ocio: str | None = None) -> str | None:
    """The color interop ID of what is written in a plate's own colour space, or None where it has none.

    It opens configs, so ask once for a shot.

    Args:
        colorspace: A name, alias or role of the config; None for what the plate says of itself, else for the space
            that `ColorPipe.open` takes its type for.
        plate: The plate's header.
        ocio: A config file or builtin name; None takes $OCIO, then the builtin.

    Raises:
        ColorError: If the space or the config is unknown.
    """
    if colorspace is not None:
        return _of_space(colorspace, ocio)
    said = plate.metadata.get("colorInteropID")
    if isinstance(said, str) and _valid(said):
        return said
    if plate.file_format == "openexr" or (plate.file_format == "tiff" and plate.pixel_type in _LINEAR_TYPES):
        return "lin_rec709_scene"
    return "srgb_rec709_scene" if plate.file_format in ("tiff", "png", "jpeg", "jpeg2000") else None


def _of_space(name: str, config: str | None) -> str | None:
    """What the config itself says; else what OpenColorIO's own says of a space of that name that is the same."""
    open_picture, _ = open_config(config)
    space = open_picture.getColorSpace(name)
    if space is None:
        open_space(name, config=config)  # raises, with names near it
        return None
    if own := _id_of(space):
        return own
    known, _ = open_config(_KNOWN)
    for spelling in (space.getName(), *space.getAliases()):
        found = known.getColorSpace(spelling)
        if found is not None and (known_id := _id_of(found)):
            return known_id if _same(space.getName(), config, found.getName()) else None
    return None


def _id_of(space: Any) -> str | None:
    get = getattr(space, "getInteropID", None)  # OpenColorIO 2.5
    said = get() if get else ""
    return said if _valid(said) else None


def _valid(said: str) -> bool:
    return said not in _NO_COLOR and bool(_ID.fullmatch(said))


def _same(name: str, config: str | None, known: str) -> bool:
    """Whether both spaces mean the same light by the same numbers; a facility may give its own a known name."""
    steps = np.linspace(0, 1, 9, dtype=np.float32)
    probes = np.stack(np.meshgrid(steps, steps, steps), axis=-1).reshape(-1, 3)
    try:
        light = open_space(name, config=config).decode(probes)
        other = open_space(known, config=_KNOWN).decode(probes)
    except ColorError:
        return False
    return bool(np.allclose(light, other, rtol=0.01, atol=1e-3))

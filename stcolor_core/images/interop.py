"""Find color interop IDs, which tell other programs the colour space of a file.

ASWF Color Interop Forum, "An ID for Color Interop" (2026) and "Identifying the Color Space of OpenEXR Files" (draft,
2026); the EXR attribute is OpenEXR's `colorInteropID`. A colour space without an ID gets none; nothing is guessed.
"""

from __future__ import annotations

import re
from typing import Any

import numpy as np

from stcolor_core.errors import ColorError
from stcolor_core.images.color_pipe import LINEAR_REC709, SRGB
from stcolor_core.images.ocio import Space, open_config, open_space
from stcolor_core.images.pictures import Header
from stcolor_core.images.tagged_spaces import KNOWN_CONFIG, find_tagged_space

__all__ = ["interop_id"]

_ID = re.compile(r"([0-9a-z.\-_~/*#%^+()\[\]|]+:)?[0-9a-z.\-_~/*#%^+()\[\]|]+")
_NO_COLOR = ("data", "unknown")
_LINEAR_TYPES = ("half", "float", "double")


def interop_id(colorspace: str | None, *, plate: Header, ocio: str | None = None) -> str | None:
    """Return the color interop ID of pixels that are written in a plate's own colour space.

    This opens configs, so call it once for a shot.

    Args:
        colorspace: A name, alias or role of the config; None for the ID in the plate's header, else that of the space
            that its file names (`tagged_spaces`), else that of the default of its file type (`ColorPipe.open`).
        plate: The plate's header.
        ocio: A config file or builtin name; None for $OCIO, else the builtin.

    Returns:
        The ID, or None if the colour space has none.

    Raises:
        ColorError: If the colour space or the config is unknown.
    """
    if colorspace is not None:
        return _space_id(colorspace, ocio)
    recorded = plate.metadata.get("colorInteropID")
    if isinstance(recorded, str) and _is_valid(recorded):
        return recorded
    if plate.color_tag.startswith("cicp"):
        return "srgb_rec709_scene" if plate.color_tag == "cicp 1 13" else None
    tagged, _ = find_tagged_space(plate.color_tag, plate.path)
    if tagged is not None and tagged not in (SRGB, LINEAR_REC709):
        return _equal_id(tagged)
    if plate.file_format == "openexr" or (plate.file_format == "tiff" and plate.pixel_type in _LINEAR_TYPES):
        return "lin_rec709_scene"
    return "srgb_rec709_scene" if plate.file_format in ("tiff", "png", "jpeg", "jpeg2000") else None


def _space_id(name: str, config: str | None) -> str | None:
    """Return the ID in the config itself, else the ID of an equal space of that name in OpenColorIO's own config."""
    opened, _ = open_config(config)
    space = opened.getColorSpace(name)
    if space is None:
        open_space(name, config=config)  # raises, with similar names
        return None
    if recorded_id := _recorded_id(space):
        return recorded_id
    known, _ = open_config(KNOWN_CONFIG)
    for spelling in (space.getName(), *space.getAliases()):
        candidate = known.getColorSpace(spelling)
        if candidate is not None and (known_id := _recorded_id(candidate)):
            try:
                own = open_space(space.getName(), config=config)
            except ColorError:
                return None
            return known_id if _is_equal(own, candidate.getName()) else None
    return None


def _equal_id(space: Space) -> str | None:
    """Return the ID of the scene's space that is equal to one that has no name of a config, such as a profile's."""
    known, _ = open_config(KNOWN_CONFIG)
    for candidate in known.getColorSpaces():
        known_id = _recorded_id(candidate)
        if known_id is not None and known_id.endswith("_scene") and _is_equal(space, candidate.getName()):
            return known_id
    return None


def _recorded_id(space: Any) -> str | None:
    get = getattr(space, "getInteropID", None)  # OpenColorIO 2.5
    text = get() if get else ""
    return text if _is_valid(text) else None


def _is_valid(text: str) -> bool:
    return text not in _NO_COLOR and bool(_ID.fullmatch(text))


def _is_equal(space: Space, known: str) -> bool:
    """Return whether a space decodes the same values to the same light as one of OpenColorIO's own config.

    A facility may have given a known name to a space of its own.
    """
    levels = np.linspace(0, 1, 9, dtype=np.float32)
    probes = np.stack(np.meshgrid(levels, levels, levels), axis=-1).reshape(-1, 3)
    try:
        known_light = open_space(known, config=KNOWN_CONFIG).decode(probes)
    except ColorError:
        return False
    return bool(np.allclose(space.decode(probes), known_light, rtol=0.01, atol=1e-3))
